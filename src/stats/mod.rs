//! What it means: figures from item tables. Knows no token and no prompt.

pub mod items;
