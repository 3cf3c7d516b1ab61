//! A template's text made ready for the engine.

mod code;
mod literals;
mod macros;
mod percent;
mod scopes;

use scopes::Scopes;

/// The filters that every assigned value goes through; see [`bounded`](super::bounded).
pub(super) const BOUNDED_VARIABLE: &str = "_bounded_variable";
pub(super) const BOUNDED_ATTRIBUTE: &str = "_bounded_attribute";

/// What stands in for Python's ways that the engine has no other door for; see [`globals`](super::globals).
pub(super) const PERCENT: &str = "_percent";
pub(super) const ITEMS: &str = "_items";
pub(super) const VARIADIC: &str = "_variadic";
pub(super) const MISSING: &str = "_missing";
/// The test for [`MISSING`].
pub(super) const IS_MISSING: &str = "_missing";

/// Changes of which none moves a line or shows in what a well-meant template prints:
/// line ends become those that Jinja reads; `generation` blocks, which mark the assistant's words for training and
/// print what they hold, become plain scopes; in `{% set name = value %}` the value is passed through a filter that
/// keeps it within bounds; blocks that are a scope in Python become one; escapes are spelled as the engine reads them;
/// `a % b`, what a loop goes over, and macros whose arguments the engine would not take become calls of functions that do
/// what Python does.
pub(super) fn prepare(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    let bodies = Bodies::of(&text);
    // What the ends of the open macros need, innermost last.
    let mut open: Vec<Option<String>> = Vec::new();
    let mut scopes = Scopes::default();
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
        if let Kind::Comment = kind {
            out.push_str(code);
            continue;
        }
        let code = &*literals::spelled(code);
        if let Kind::Variable = kind {
            out.push_str(&called(code));
            continue;
        }
        match first_word(code) {
            "raw" => {
                let (raw, after) = after.split_at(block_end(after, "endraw"));
                out.push_str(&raw_block(code, raw));
                rest = after;
                if keeps_spaces(raw) && after.len() > 2 && !after[2..].starts_with(['-', '+']) {
                    out.push_str("{%+");
                    rest = &after[2..];
                }
            }
            "macro" => {
                let (code, naming) = macro_head(code, bodies.speak_of_any(text.len() - after.len()));
                out.push_str(&code);
                open.push(naming);
            }
            "endmacro" => match open.pop().flatten() {
                Some(naming) => {
                    let (first, code, last) = marks(code);
                    out.push_str(&format!("{first}{code} %}}{{% {naming} {last}"));
                }
                None => out.push_str(code),
            },
            word => {
                let is_block = word == "set" && bound_assignment(code).is_none();
                let code = rewrite(code);
                scopes.push(&mut out, word, &code, is_block);
            }
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

/// The length of a block's content: up to its end's tag, or everything.
fn block_end(text: &str, end: &str) -> usize {
    text.match_indices("{%")
        .map(|(at, _)| at)
        .find(|&at| first_word(&text[at + 2..]) == end)
        .unwrap_or(text.len())
}

/// A tag's code between the marks that trim white space.
fn marks(code: &str) -> (&str, &str, &str) {
    let first = code.len() - code.trim_start_matches(['-', '+']).len();
    let (first, code) = code.split_at(first.min(1));
    let last = if code.ends_with(['-', '+']) { code.len() - 1 } else { code.len() };
    let (code, last) = code.split_at(last);
    (first, code, last)
}

/// `a % b` as calls: a mark is no sign of its first operand.
fn called(code: &str) -> String {
    let (first, code, last) = marks(code);
    format!("{first}{}{last}", percent::calls(code))
}

/// A `raw` tag and what it holds, up to its end: no line end is lost behind such a tag, where it has no mark.
fn raw_block(code: &str, raw: &str) -> String {
    let close = raw.find("%}").filter(|close| raw[..*close].trim().is_empty());
    let mark = if close.is_some() && marks(code).2.is_empty() { "+" } else { "" };
    format!("{code}{mark}{raw}")
}

/// Whether all that stands between a `raw` tag and its end is white space on the same line, which is then not stripped.
fn keeps_spaces(raw: &str) -> bool {
    let inside = raw.split_once("%}").map_or("", |(_, inside)| inside);
    !inside.contains('\n') && inside.trim().is_empty()
}

/// What stands in macros, seen once for all of them.
struct Bodies {
    /// Where a macro ends.
    ends: Vec<usize>,
    /// Tags that speak of any arguments.
    any: Vec<usize>,
}

impl Bodies {
    fn of(text: &str) -> Bodies {
        let mut bodies = Bodies { ends: Vec::new(), any: Vec::new() };
        let mut rest = text;
        while let Some((at, kind)) = next_tag(rest) {
            let place = text.len() - rest.len() + at;
            let tag = &rest[at + 2..];
            let close = match kind {
                Kind::Comment => {
                    rest = tag.find("#}").map_or("", |end| &tag[end..]);
                    continue;
                }
                Kind::Variable => "}}",
                Kind::Block => "%}",
            };
            let Some(end) = code_end(tag, close) else { break };
            let (code, after) = tag.split_at(end);
            if first_word(code) == "endmacro" {
                bodies.ends.push(place);
            }
            if macros::speaks_of_any(code) {
                bodies.any.push(place);
            }
            rest = after;
        }
        bodies
    }

    /// Whether the macro whose body begins there takes any arguments.
    fn speak_of_any(&self, begin: usize) -> bool {
        let next = |places: &[usize]| places.get(places.partition_point(|place| *place < begin)).copied();
        next(&self.any).is_some_and(|any| next(&self.ends).is_none_or(|end| any < end))
    }
}

/// A macro's head, and the assignment that its end needs.
fn macro_head(code: &str, variadic: bool) -> (String, Option<String>) {
    let called = called(code);
    let (first, inner, last) = marks(&called);
    match macros::head(inner, variadic) {
        Some(head) => (format!("{first}{}{} {last}", head.code, head.defaults), head.naming),
        None => (called, None),
    }
}

/// `for name in value` with the value looked at: nothing (`none`) is an error in Python.
fn looked_at(code: &str) -> Option<String> {
    let (first, code, last) = marks(code);
    let tokens = code::tokens(code);
    let word = |from: usize, words: &[&str]| {
        let mut rest = tokens.iter().enumerate().skip(from).filter(|(_, token)| token.depth == 0);
        rest.find(|(_, token)| words.contains(&token.text)).map(|(at, _)| at)
    };
    let within = word(1, &["in"])?;
    let start = tokens[within].end();
    let end = word(within + 1, &["if", "recursive"]).map_or(code.len(), |at| tokens[at].start);
    Some(format!("{first}{} {ITEMS}({}) {}{last}", &code[..start], code[start..end].trim(), &code[end..]))
}

/// The code of one block tag, as the engine is to see it.
fn rewrite(code: &str) -> String {
    let code = &called(code);
    let word = first_word(code);
    let alone = code.trim_matches(|c: char| "+-".contains(c) || c.is_whitespace()) == word;
    match word {
        "generation" | "endgeneration" if alone => code.replacen("generation", "with", 1),
        "for" => looked_at(code).unwrap_or_else(|| code.to_owned()),
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
    // A namespace is named once more, since the engine hands to a macro only what it reads.
    let filter = match scopes::namespaces(target)[..] {
        [] => BOUNDED_VARIABLE.to_owned(),
        ref namespaces => format!("{BOUNDED_ATTRIBUTE}({})", namespaces.join(", ")),
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
    fn blocks_become_scopes() {
        for (template, expected) in [
            ("{%- set a %}b = c{%endset-%}", "{%- set a  %}{% with %}b = c{% endwith %}{% endset -%}"),
            ("{% set a.b %}", "{% set a.b  %}{% with _namespace_0 = a %}"),
            (
                "{% set a | replace('b', new='c') %}{% endset %}",
                "{% set a | replace('b', new='c')  %}{% with %}{% endwith %}{% endset %}",
            ),
            (
                "{% if a %}{% else %}{% endif %}{% endset %}{% else %}",
                "{% if a %}{% else %}{% endif %}{% endset %}{% else %}",
            ),
        ] {
            assert_eq!(prepare(template), expected);
        }
    }

    #[test]
    fn assigned_values_are_bounded() {
        for (template, expected) in [
            ("{% set a = 1 %}", "{% set a = ( 1 ) | _bounded_variable %}"),
            ("{%-set a=b==c-%}", "{%-set a= (b==c) | _bounded_variable -%}"),
            ("{% set n.a = '%}' -%}", "{% set n.a = ( '%}' ) | _bounded_attribute(n) -%}"),
            (
                "{% set a, b = {'x': {'y': 1}}, '=' %}",
                "{% set a, b = ( {'x': {'y': 1}}, '=' ) | _bounded_variable %}",
            ),
        ] {
            assert_eq!(prepare(template), expected);
        }
        assert_eq!(
            prepare("{% raw %}{% set a = 1 %}{%- endraw -%}{% set a = 1 %}"),
            "{% raw +%}{% set a = 1 %}{%- endraw -%}{% set a = ( 1 ) | _bounded_variable %}"
        );
        for unchanged in [
            "{% raw -%}{% set a = 1 %}{%- endraw -%}",
            "{{ '{% set a = 1 %}' }}{{ \"\\\"{% set a = 1 %}\" }}",
            "{# {% set a = 1 %} #}",
            "{% settle a = 1 %}",
            "{% set a = '",
        ] {
            assert_eq!(prepare(unchanged), unchanged);
        }
    }
}
