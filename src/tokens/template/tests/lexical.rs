//! Marks, `raw`, scopes, namespaces in macros, escapes and `indent`, by tables from Python's Jinja 3.1.6.

use super::*;

#[test]
fn a_trimming_mark_is_no_sign() {
    assert_renders(&[
        ("a {{- 7 % 3 -}} b", "a1b"),
        ("a {{-5 % 3}}", "a2"),
        ("a {{- '%s' % 'x' -}} b", "axb"),
        ("a {{+ 5 % 3 }}", "a 2"),
        ("a {{- -5 % 3 }}", "a1"),
        ("{{ 7 % 3-}} b", "1b"),
        ("a{%- if 7 % 3 == 1 -%} b {%- endif %}", "ab"),
        ("a {%-set x = 7 % 3-%} b{{ x }}", "ab1"),
        ("{% for x in [7 % 3] -%} {{ x }}{% endfor %}", "1"),
    ]);
}

#[test]
fn raw_keeps_what_stands_behind_its_tag() {
    assert_renders(&[
        ("A\n{% raw %}\n{{ x }}\n{% endraw %}\nB", "A\n\n{{ x }}\nB"),
        ("A\n{% raw -%}\n{{ x }}\n{%- endraw %}\nB", "A\n{{ x }}B"),
        ("A\n{% raw %}{{ x }}{% endraw %}\nB", "A\n{{ x }}B"),
        ("A\n{% raw %} \n {{ x }} {% endraw -%}\n B", "A\n \n {{ x }} B"),
        ("A\n{% raw %}\n\n{{ x }}\n  {% endraw %}\nB", "A\n\n\n{{ x }}\nB"),
        ("A\n{% raw %}\n{{ x }}\n  {%+ endraw %}\nB", "A\n\n{{ x }}\n  B"),
        ("A\n{%- raw %}\n{{ x }}\n{% endraw +%}\nB", "A\n{{ x }}\n\nB"),
        ("A\n  {% raw %}\n{{ x }}{% endraw %}\nB", "A\n\n{{ x }}B"),
        ("A\n  {%- raw -%}\n{{ x }}{%- endraw -%}\nB", "A{{ x }}B"),
        ("{% raw %}\n{% endraw %}\nB", "\nB"),
        ("{% raw %}{% endraw %}\nB", "B"),
        ("A{% raw %}  {% endraw %}B", "A  B"),
        ("A\n{% raw %} {%- endraw %}\nB", "A\nB"),
    ]);
}

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

#[test]
fn what_a_scope_sets_stays_in_it() {
    assert_renders(&[
        ("{% set x = 1 %}{% set b %}{% set x = 5 %}{{ x }}{% endset %}{{ b }}{{ x }}", "51"),
        ("{% set x = 1 %}{% filter upper %}{% set x = 5 %}{{ x }}{% endfilter %}{{ x }}", "51"),
        ("{% set x = 1 %}{% autoescape false %}{% set x = 5 %}{{ x }}{% endautoescape %}{{ x }}", "51"),
        (
            "{% for t in tools or [] %}{{ t }}{% else %}{% set no_tools = true %}{% endfor %}{% if no_tools %}none{% endif %}|",
            "|",
        ),
        ("{% for t in [] %}{% else %}{% set a = 1 %}{{ a }}{% endfor %}{{ a }}|", "1|"),
        (
            "{% for t in [] %}{% if t %}{% else %}a{% endif %}{% else %}{% for u in [] %}{% else %}{% set b = 2 %}{{ b }}{% endfor %}{{ b }}{% endfor %}{{ b }}|",
            "2|",
        ),
        (
            "{% for t in [1] %}{% if t %}{% set c = 3 %}{% else %}a{% endif %}{{ c }}{% else %}x{% endfor %}|",
            "3|",
        ),
        ("{% if false %}{% else %}{% set d = 3 %}{% endif %}{{ d }}", "3"),
        ("{% set n = namespace(a=0) %}{% set b %}{% set n.a = 2 %}{% endset %}{{ n.a }}", "2"),
        ("{% set b | upper %}a{% set x = 'b' %}{{ x }}{% endset %}{{ b }}{{ x }}|", "AB|"),
        ("{% set n = namespace(a=0) %}{% set n.a %}v{% endset %}{{ n.a }}", "v"),
        ("{% set x = 1 %}{% set x %}{{ x }}{% set x = 7 %}{{ x }}{% endset %}{{ x }}", "17"),
        ("  {%- set b -%} \n x {%- endset -%} |{{ b }}|", "|x|"),
        ("a\n  {% set b %}\nx\n  {% endset %}\n{{ b }}|", "a\nx\n|"),
        ("a\n  {% filter upper %}\nx\n  {% endfilter %}\n|", "a\nX\n|"),
        ("{% for x in [] %}a\n  {%- else -%}\n b {%- endfor -%} c", "bc"),
        ("{% for x in [] %}a\n  {% else %}\n b\n  {% endfor %}\nc", " b\nc"),
        ("{% for x in [1] %}a{% break %}{% else %}b{% endfor %}c", "abc"),
        ("{% for x in [1,2] %}{% for y in [] %}{% else %}{% break %}{% endfor %}{{ x }}{% endfor %}c", "c"),
        (
            "{% set b %}{% for x in [1] %}{% else %}{% endfor %}{% macro m() %}z{% endmacro %}{{ m() }}{% endset %}{{ b }}{{ m is defined }}",
            "zFalse",
        ),
        ("{% filter upper %}{% set b %}x{% endset %}{{ b }}{% endfilter %}{{ b }}|", "X|"),
        ("{% set b %}{% raw %}{% endset %}{% endraw %}{% endset %}{{ b }}", "{% endset %}"),
    ]);
}

#[test]
fn a_macro_sets_attributes_of_an_outer_namespace() {
    assert_renders(&[
        (
            "{% set ns = namespace(a=0) %}{% macro f() %}{% set ns.a = 1 %}{% endmacro %}{{ f() }}{{ ns.a }}",
            "1",
        ),
        (
            "{% set ns = namespace(a=0) %}{% macro f(x, y=x) %}{% if x %}{% set ns.a = x + y %}{% endif %}{% endmacro %}{{ f(2) }}{{ ns.a }}",
            "4",
        ),
        (
            "{% set ns = namespace(a=0) %}{% macro f() %}{% set ns.a %}t{% endset %}{% endmacro %}{{ f() }}{{ ns.a }}",
            "t",
        ),
        (
            "{% set ns = namespace(a=0) %}{% macro f() %}{% set ns.a = 1 %}{{ caller() }}{% endmacro %}{% call f() %}{% set ns.a = ns.a + 3 %}{% endcall %}{{ ns.a }}",
            "4",
        ),
        (
            "{% set ns = namespace(a=0) %}{% macro f() %}{{ caller() }}{% endmacro %}{% call f() %}{% set ns.a = 3 %}{% endcall %}{{ ns.a }}",
            "3",
        ),
        (
            "{% macro f(ns) %}{% set ns.a = 1 %}{% endmacro %}{% set q = namespace(a=0) %}{{ f(q) }}{{ q.a }}",
            "1",
        ),
        (
            "{% macro f() %}{% set ns = namespace(a=1) %}{% set ns.a = 2 %}{{ ns.a }}{% endmacro %}{{ f() }}",
            "2",
        ),
        (
            "{% set ns = namespace(a=0) %}{% macro f() %}{% for i in [1, 2] %}{% set ns.a = i %}{% endfor %}{% endmacro %}{{ f() }}{{ ns.a }}",
            "2",
        ),
        (
            "{% macro f() %}a\n  {% set ns.a = 1 %}\n  b{% endmacro %}{% set ns = namespace() %}{{ f() }}{{ ns.a }}",
            "a\n  b1",
        ),
        (
            "{% set ns = namespace(a=0) %}{% macro f() %}a {%- set ns.a = 1 -%} b{% endmacro %}{{ f() }}{{ ns.a }}",
            "ab1",
        ),
        (
            "{% set ns = namespace(a=0) %}{% macro f() %}{% macro g() %}{% set ns.a = 1 %}{% endmacro %}{{ g() }}{% endmacro %}{{ f() }}{{ ns.a }}",
            "1",
        ),
        (
            "{% set ns = namespace(a=0) %}{% macro f() %}{% for ns in [1] %}{% endfor %}{% set ns.a = 1 %}{% endmacro %}{{ f() }}{{ ns.a }}",
            "1",
        ),
    ]);
}

#[test]
fn escapes_are_those_of_python() {
    assert_renders(&[
        ("{{ 'a\\\nb' }}", "ab"),
        ("{{ 'a\nb' }}", "a\nb"),
        ("{{ \"it\\'s \\\"q\\\" \\\\ \\\\n\" }}", "it's \"q\" \\ \\n"),
        ("{{ '\\/' ~ \"\\/\" }}{% set x = '\\/' %}{{ x }}{% if x == '\\\\/' %}y{% endif %}", "\\/\\/\\/y"),
        ("{% macro m(a='\\/') %}{{ a }}{% endmacro %}{{ m() }}", "\\/"),
        ("{{ '\\d+\\s*\\w' }}", "\\d+\\s*\\w"),
        ("{{ '\\777' }}{{ '\\400' }}", "ǿĀ"),
        ("{{ '\\é\\國' }}", "\\xe9\\u570b"),
        ("{{ 'é\\n\\\\é' }}", "é\n\\é"),
        ("{{ '\\8\\18' }}", "\\8\u{1}8"),
        ("{{ '%s\\/' % '\\/' }}", "\\/\\/"),
        ("{{ {'\\/': 1}['\\/'] }}", "1"),
        ("{{ '\\b\\f\\t\\r\\n' }}", "\u{8}\u{c}	\r\n"),
        ("{{ \"\\U0001F600\\u00e9\\xe9\\101\\7\" }}", "😀ééA\u{7}"),
        ("{{ \"\\a\\v\\0\\e\\.\" }}", "\u{7}\u{b}\0\\e\\."),
    ]);
}
