//! What the rest of the room needs of a tokenizer, whichever file it comes from.

use super::error::Result;

/// Text to ids and back.
pub(crate) trait Encoder: Send + Sync {
    /// Ids of a text: nothing in front and nothing behind.
    fn encode(&self, text: &str) -> Result<Vec<u32>, String>;

    /// What surrounds a plain prompt.
    fn frame(&self) -> Result<Frame, String>;

    /// The id of a token by its spelling in the file.
    fn id(&self, token: &str) -> Option<u32>;

    /// A token as the file spells it.
    fn token(&self, id: u32) -> Option<String>;

    /// A token as a person reads it.
    fn readable(&self, id: u32) -> Option<String>;

    /// The number of entries, added tokens included.
    fn size(&self) -> usize;

    /// Model and file, in words.
    fn describe(&self) -> String;

    /// What of it is to be said, a sentence each.
    fn notes(&self) -> &[String];
}

/// Tokens in front of a plain prompt and behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    pub prefix: Vec<u32>,
    pub suffix: Vec<u32>,
}
