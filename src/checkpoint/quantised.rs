//! Weights in fewer bits than this program reads, in words that people know them by.

use serde_json::Value;

use super::error::{Result, shown};
use super::fields::Fields;

/// What to do about it.
const INSTEAD: &str = "quantised weights are not read: take the checkpoint that they were made from";

/// Fields under which tools note what they did to the weights.
const FIELDS: [&str; 3] = ["quantization_config", "compression_config", "quantization"];

/// How tools name the tensors of a quantised matrix; in this order, as some names are parts of others'.
const NAMES: [(&str, &str); 7] = [
    (".qweight", "GPTQ and AWQ write it"),
    (".weight_packed", "compressed-tensors writes it"),
    (".weight.absmax", "bitsandbytes writes it"),
    (".SCB", "bitsandbytes writes it"),
    (".weight_scale_inv", "8-bit floats (fp8) have it"),
    (".weight_scale", "8-bit floats (fp8) have it"),
    (".scales", "MLX writes it"),
];

/// Refuses a config that says its weights are quantised, with the method and the bits as far as it tells.
pub(super) fn refuse_config(fields: &mut Fields) -> Result<()> {
    for key in FIELDS {
        match fields.raw(key) {
            None | Some(Value::Null) => {}
            Some(value) => {
                let how = described(value);
                return Err(fields.error(key, format!("is set: the weights are quantised{how}; {INSTEAD}")));
            }
        }
    }
    Ok(())
}

/// ` (gptq, 4 bits)`
fn described(config: &Value) -> String {
    let word = |key: &str| config.get(key).and_then(Value::as_str).map(shown);
    let set = |key: &str| config.get(key).and_then(Value::as_bool) == Some(true);
    let method = ["quant_method", "format", "mode"].iter().find_map(|key| word(key));
    let bits = ["bits", "w_bit"].iter().find_map(|key| config.get(key).and_then(Value::as_u64));
    let bits = bits.or(set("load_in_4bit").then_some(4)).or(set("load_in_8bit").then_some(8));
    let parts: Vec<String> = method.into_iter().chain(bits.map(|bits| format!("{bits} bits"))).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

/// What a tensor among these names gives away of the others.
pub(super) fn told_by<'a>(names: impl Iterator<Item = &'a String> + Clone) -> Option<String> {
    let found = |(end, who): &(&str, &str)| {
        let name = names.clone().find(|name| name.ends_with(end))?;
        Some(format!("the files hold {}, as {who}; {INSTEAD}", shown(name)))
    };
    NAMES.iter().find_map(found)
}

/// What a tensor's type gives away.
pub(super) fn told_by_type(dtype: ::safetensors::Dtype) -> Option<String> {
    let name = format!("{dtype:?}");
    let kind = match &name[..] {
        "F64" | "BOOL" | "C64" => return None,
        name if name.starts_with("F8") => "8-bit floats (fp8)",
        name if name.starts_with('F') => "floats of fewer bits",
        _ => "whole numbers",
    };
    Some(format!("{kind}; {INSTEAD}"))
}

/// How torch stores types that it has no storage class for, and what that type is if the pickle names it.
pub(super) fn told_by_global(module: &str, name: &str, pickle: &[u8]) -> Option<String> {
    const TYPE: &[u8] = b"ctorch\nfloat8_";
    match (module, name) {
        ("torch._utils", "_rebuild_tensor_v3") => {
            let at = pickle.windows(TYPE.len()).position(|bytes| bytes == TYPE)?;
            let rest = &pickle[at + b"ctorch\n".len()..];
            let word: String =
                rest.iter().take(40).take_while(|b| b.is_ascii_graphic()).map(|b| char::from(*b)).collect();
            Some(format!("it builds tensors in 8-bit floats ({word}); {INSTEAD}"))
        }
        ("torch._utils", "_rebuild_qtensor") => Some(format!("it builds quantised tensors; {INSTEAD}")),
        _ => None,
    }
}
