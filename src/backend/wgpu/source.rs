//! WGSL text of a kernel variant: `#include "file"` lines and `{{NAME}}` places, nothing more.
//!
//! Places are filled first, so an include may name one: `#include "weights_{{STORED}}.wgsl"`. A file is included once.

use super::error::WgpuError;

/// A file's name and a value for each place in it.
pub type Values<'a> = [(&'a str, String)];

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        /// Every file in `shaders/`.
        pub const FILES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../shaders/", $name)))),*];
    };
}

files![
    "add.wgsl",
    "attention.wgsl",
    "bench_copy.wgsl",
    "bench_fma.wgsl",
    "embed.wgsl",
    "gather.wgsl",
    "log_sum_exp.wgsl",
    "logits.wgsl",
    "math.wgsl",
    "norm.wgsl",
    "part.wgsl",
    "product.wgsl",
    "product_matrix.wgsl",
    "product_params.wgsl",
    "reduce_memory.wgsl",
    "reduce_subgroup.wgsl",
    "rope.wgsl",
    "row_power.wgsl",
    "scale.wgsl",
    "top.wgsl",
    "watch.wgsl",
    "weights_bf16.wgsl",
    "weights_f16.wgsl",
    "weights_f32.wgsl",
    "quads_bf16.wgsl",
    "quads_f16.wgsl",
    "quads_f32.wgsl",
    "quads_ragged.wgsl",
    "quads_whole.wgsl",
];

/// The complete text of `file` with `values` put in.
pub fn expand(file: &str, values: &Values<'_>) -> Result<String, WgpuError> {
    let mut out = String::new();
    include(file, values, &mut Vec::new(), &mut out)?;
    Ok(out)
}

fn include(
    file: &str,
    values: &Values<'_>,
    seen: &mut Vec<String>,
    out: &mut String,
) -> Result<(), WgpuError> {
    let broken = |reason: String| WgpuError::Shader { file: file.to_owned(), reason };
    let Some((_, text)) = FILES.iter().find(|(name, _)| *name == file) else {
        return Err(broken("there is no such file".into()));
    };
    seen.push(file.to_owned());
    for line in text.lines() {
        let line = fill(line, values).map_err(broken)?;
        match line.strip_prefix("#include ").map(|name| name.trim().trim_matches('"')) {
            Some(name) if seen.iter().any(|s| s == name) => {}
            Some(name) => include(name, values, seen, out)?,
            None => {
                out.push_str(&line);
                out.push('\n');
            }
        }
    }
    Ok(())
}

fn fill(line: &str, values: &Values<'_>) -> Result<String, String> {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or_else(|| format!("unclosed {{{{ in `{line}`"))?;
        let (_, value) =
            values.iter().find(|(n, _)| *n == name).ok_or_else(|| format!("no value for {name}"))?;
        out.push_str(before);
        out.push_str(value);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_and_missing_ones_named() {
        let values = [("A", "7".to_owned()), ("B", "x".to_owned())];
        assert_eq!(fill("let {{B}} = {{A}}u; // {{A}}", &values).as_deref(), Ok("let x = 7u; // 7"));
        assert!(fill("{{C}}", &values).is_err_and(|e| e.contains('C')));
        assert!(fill("{{A", &values).is_err());
    }

    #[test]
    fn an_unknown_file_is_named() {
        assert!(expand("nothing.wgsl", &[]).is_err_and(|e| e.to_string().contains("nothing.wgsl")));
    }
}
