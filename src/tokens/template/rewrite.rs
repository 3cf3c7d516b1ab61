//! A template's text made ready for the engine.

/// The filters that every assigned value goes through; see [`bounded`](super::bounded).
pub(super) const BOUNDED_VARIABLE: &str = "_bounded_variable";
pub(super) const BOUNDED_ATTRIBUTE: &str = "_bounded_attribute";

/// Three changes, none of which moves a line or shows in what a well-meant template prints:
/// line ends become those that Jinja reads; `generation` blocks, which mark the assistant's words for training and
/// print what they hold, become plain scopes; and in `{% set name = value %}` the value is passed through a filter that
/// keeps it within bounds.
pub(super) fn prepare(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut rest = text.as_str();
    while let Some((at, kind)) = next_tag(rest) {
        let (before, tag) = rest.split_at(at + 2);
        out.push_str(before);
        let end = match kind {
            Kind::Comment => tag.find("#}"),
            Kind::Variable => code_end(tag, "}}"),
            Kind::Block => code_end(tag, "%}"),
        };
        // What is not closed is left for the engine to complain about.
        let Some(end) = end else {
            rest = tag;
            break;
        };
        let (code, after) = tag.split_at(end);
        rest = after;
        match kind {
            Kind::Comment | Kind::Variable => out.push_str(code),
            Kind::Block if first_word(code) == "raw" => {
                let (raw, after) = after.split_at(raw_end(after));
                out.push_str(code);
                out.push_str(raw);
                rest = after;
            }
            Kind::Block => out.push_str(&rewrite(code)),
        }
    }
    out.push_str(rest);
    out
}

#[derive(Clone, Copy)]
enum Kind {
    Variable,
    Block,
    Comment,
}

/// Where the next tag begins, whatever its kind.
fn next_tag(text: &str) -> Option<(usize, Kind)> {
    text.as_bytes().windows(2).enumerate().find_map(|(at, pair)| match pair {
        b"{{" => Some((at, Kind::Variable)),
        b"{%" => Some((at, Kind::Block)),
        b"{#" => Some((at, Kind::Comment)),
        _ => None,
    })
}

/// The bytes of a tag's code that stand outside strings, each with the number of brackets open before it.
fn bare_bytes(code: &str) -> impl Iterator<Item = (usize, u8, isize)> {
    let mut quote = None;
    let mut escaped = false;
    let mut depth = 0;
    code.bytes().enumerate().filter_map(move |(at, byte)| {
        if let Some(open) = quote {
            if escaped {
                escaped = false;
            } else if byte == b'\\' {
                escaped = true;
            } else if byte == open {
                quote = None;
            }
            return None;
        }
        let before = depth;
        match byte {
            b'\'' | b'"' => quote = Some(byte),
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        Some((at, byte, before))
    })
}

/// Where a tag is closed: not inside a string, nor inside brackets.
fn code_end(tag: &str, close: &str) -> Option<usize> {
    bare_bytes(tag)
        .find(|&(at, _, depth)| depth == 0 && tag.as_bytes()[at..].starts_with(close.as_bytes()))
        .map(|(at, _, _)| at)
}

fn first_word(code: &str) -> &str {
    let code = code.trim_start_matches(['-', '+']).trim_start();
    let end = code.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(code.len());
    &code[..end]
}

/// The length of a raw block's content: up to its `endraw` tag, or everything.
fn raw_end(text: &str) -> usize {
    text.match_indices("{%")
        .map(|(at, _)| at)
        .find(|&at| first_word(&text[at + 2..]) == "endraw")
        .unwrap_or(text.len())
}

/// The code of one block tag, as the engine is to see it.
fn rewrite(code: &str) -> String {
    let word = first_word(code);
    let alone = code.trim_matches(|c: char| "+-".contains(c) || c.is_whitespace()) == word;
    match word {
        "generation" | "endgeneration" if alone => code.replacen("generation", "with", 1),
        "set" => bound_assignment(code).unwrap_or_else(|| code.to_owned()),
        _ => code.to_owned(),
    }
}

/// `set name = value` with the value bounded; `None` if it is the kind of `set` that opens a block.
fn bound_assignment(code: &str) -> Option<String> {
    let (equals, ..) = bare_bytes(code).find(|&(_, byte, depth)| byte == b'=' && depth == 0)?;
    let (target, value) = (&code[..equals], &code[equals + 1..]);
    if value.starts_with('=') {
        return None;
    }
    let (value, trim) = match value.char_indices().next_back() {
        Some((at, '-' | '+')) => value.split_at(at),
        _ => (value, ""),
    };
    let filter = match target.contains('.') {
        true => BOUNDED_ATTRIBUTE,
        false => BOUNDED_VARIABLE,
    };
    Some(format!("{target}= ({value}) | {filter} {trim}"))
}

#[cfg(test)]
mod tests {
    use super::prepare;

    #[test]
    fn generation_blocks_become_scopes() {
        assert_eq!(
            prepare("a{%- generation -%}b{%endgeneration%}\r\nc{% generations %}{%"),
            "a{%- with -%}b{%endwith%}\nc{% generations %}{%"
        );
        let plain = "{{ x }}{% if generation %}{{ '{% generation %}' }}{% endif %}{# {% generation %} #}";
        assert_eq!(prepare(plain), plain);
    }

    #[test]
    fn assigned_values_are_bounded() {
        for (template, expected) in [
            ("{% set a = 1 %}", "{% set a = ( 1 ) | _bounded_variable %}"),
            ("{%-set a=b==c-%}", "{%-set a= (b==c) | _bounded_variable -%}"),
            ("{% set n.a = '%}' -%}", "{% set n.a = ( '%}' ) | _bounded_attribute -%}"),
            (
                "{% set a, b = {'x': {'y': 1}}, '=' %}",
                "{% set a, b = ( {'x': {'y': 1}}, '=' ) | _bounded_variable %}",
            ),
        ] {
            assert_eq!(prepare(template), expected);
        }
        for unchanged in [
            "{% set a %}b = c{% endset %}",
            "{% set a | replace('b', new='c') %}{% endset %}",
            "{% raw %}{% set a = 1 %}{%- endraw -%}",
            "{{ '{% set a = 1 %}' }}{{ \"\\\"{% set a = 1 %}\" }}",
            "{# {% set a = 1 %} #}",
            "{% settle a = 1 %}",
            "{% set a = '",
        ] {
            assert_eq!(prepare(unchanged), unchanged);
        }
    }
}
