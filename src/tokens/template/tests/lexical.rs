//! `indent` by tables from Python's Jinja 3.1.6.

use super::*;

#[test]
fn lines_are_indented() {
    assert_renders(&[
        ("{{ 'a\\n' | indent(2) }}|", "a\n|"),
        ("{{ 'a\\r\\nb' | indent(2) }}|", "a\n  b|"),
        ("{{ 'a\\n\\nb\\n  \\nc' | indent }}|", "a\n\n    b\n      \n    c|"),
        ("{{ 'a\\n\\nb\\n' | indent(2, true, true) }}|", "  a\n  \n  b\n  |"),
        ("{{ 'a\\nb' | indent('> ', first=true) }}|", "> a\n> b|"),
        ("{{ 'a\\nb' | indent(width='> ', blank=true) }}|", "a\n> b|"),
        ("{{ 'a\\n\\nb\\n' | indent(1, blank=true) }}|", "a\n \n b\n |"),
        ("{{ '' | indent(2) }}|{{ '' | indent(2, true) }}|", "|  |"),
        ("{{ '\\n' | indent(2) }}|{{ '\\n\\n' | indent(2, true) }}|", "\n|  \n\n|"),
        ("{{ '\\n' | indent(2, true, true) }}|", "  \n  |"),
        ("{{ 'a\\u2028b\\x0bc\\x85d' | indent(1) }}|", "a\n b\n c\n d|"),
        ("{{ 'a\\nb' | indent(0) }}{{ 'a\\nb' | indent(-1) }}|", "a\nba\nb|"),
        ("{{ 'a\\nb' | indent(true) }}", "a\n b"),
        (
            "{{ 'a\\nb' | indent(2, 1) }}|{{ 'a\\nb' | indent(2, '') }}|{{ 'a\\nb' | indent(2, none) }}",
            "  a\n  b|a\n  b|a\n  b",
        ),
        ("{{ ('a\\nb<' | e) | indent(2) }}", "a\n  b&lt;"),
    ]);
}
