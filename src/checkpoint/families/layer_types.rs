//! `layer_types`: the word that transformers 5 writes for every layer.

use crate::checkpoint::error::{Result, shown_value};
use crate::checkpoint::fields::Fields;

const KEY: &str = "layer_types";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LayerType {
    Full,
    Sliding,
}

/// One type per layer, if the field is there.
pub(super) fn read(fields: &mut Fields, layers: usize) -> Result<Option<Vec<LayerType>>> {
    let Some(words) = fields.list_or_none(KEY)? else {
        return Ok(None);
    };
    if words.len() != layers {
        return Err(fields.error(KEY, format!("has {} entries for {layers} layers", words.len())));
    }
    let types = words.iter().enumerate().map(|(i, word)| match word.as_str() {
        Some("full_attention") => Ok(LayerType::Full),
        Some("sliding_attention") => Ok(LayerType::Sliding),
        _ => Err(fields.error(
            KEY,
            format!(
                "says {} for layer {i}, expected \"full_attention\" or \"sliding_attention\"",
                shown_value(word)
            ),
        )),
    });
    types.collect::<Result<_>>().map(Some)
}

/// For families without a window: the field may be there, but every layer must be `full_attention`.
pub(super) fn all_full(fields: &mut Fields, layers: usize) -> Result<()> {
    let types = read(fields, layers)?.unwrap_or_default();
    match types.iter().position(|t| *t != LayerType::Full) {
        None => Ok(()),
        Some(i) => Err(fields.error(
            KEY,
            format!(
                "says \"sliding_attention\" for layer {i}, but only \"full_attention\" is supported here"
            ),
        )),
    }
}
