//! Checkpoints that hold a text decoder among other things.

use super::Family;
use crate::checkpoint::error::Result;
use crate::checkpoint::fields::Fields;

/// The object that describes the decoder, which must be of the family `text`; what both objects say agrees.
pub(super) fn text_config<'a>(fields: &mut Fields<'a>, text: &Family) -> Result<Fields<'a>> {
    const KEY: &str = "text_config";
    let Some(mut inner) = fields.object_or_none(KEY)? else {
        return Err(fields.error(KEY, "is missing; it describes the decoder"));
    };
    inner.must_be("model_type", text.model_type)?;
    inner.may_only_be("architectures", vec![text.architecture])?;
    for key in ["dtype", "torch_dtype"] {
        if let (Some(outer), Some(inside)) = (fields.word_or_none(key)?, inner.word_or_none(key)?)
            && outer != inside
        {
            return Err(inner.error(key, format!("is {inside}, but outside it is {outer}")));
        }
    }
    Ok(inner)
}
