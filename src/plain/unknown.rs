//! What the TOML reader says, in words that people use: the line, and for a key that nothing knows the one that was probably meant.

use super::{nearest, shown};

/// `error` about `text`, in one line.
pub(super) fn toml_said(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().trim_end().replace('\n', " ");
    let said = unknown_key(&message).unwrap_or(message);
    match error.span() {
        Some(span) => {
            let line = 1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count();
            format!("line {line}: {said}")
        }
        None => said,
    }
}

/// Of serde's sentence on a field that a structure does not have: ``unknown field `x`, expected one of `a`, `b` ``.
fn unknown_key(message: &str) -> Option<String> {
    // From the end: the key is a stranger's and may hold anything, the known ones are ours.
    let (key, expected) = message.strip_prefix("unknown field `")?.rsplit_once("`, expected ")?;
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let hint = nearest(key, known.iter().copied());
    Some(format!("unknown key `{}`{hint} (known here: {})", shown(key), known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct One {
        #[allow(dead_code)]
        only: Option<Two>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Two {
        #[allow(dead_code)]
        target: Option<u32>,
        #[allow(dead_code)]
        margins: Option<u32>,
    }

    #[test]
    fn an_unknown_key_is_answered_with_its_line_and_the_nearest() {
        for (text, said) in [
            ("onyl = 1", "line 1: unknown key `onyl`, perhaps `only` is meant (known here: only)"),
            (
                "\n[only]\n\ntraget = 1",
                "line 4: unknown key `traget`, perhaps `target` is meant (known here: target, margins)",
            ),
            ("only = { x = 1 }", "line 1: unknown key `x` (known here: target, margins)"),
            ("'a`, expected `only`' = 1", "line 1: unknown key `a`, expected `only`` (known here: only)"),
            ("only = { target = -1 }", "line 1: invalid value: integer `-1`, expected u32"),
        ] {
            let error = toml::from_str::<One>(text).expect_err(text);
            assert_eq!(toml_said(text, &error), said);
        }
    }
}
