//! Expressions, statements and refusals, as Python's Jinja has them.

use super::*;

/// From Python's Jinja 3.1.6, set up as transformers sets it up.
#[test]
fn expressions_give_what_python_gives() {
    assert_renders(&[
        ("{{ '5'.zfill(0) ~ ''.zfill(2) ~ '-'.zfill(3) ~ '--5'.zfill(5) ~ 'é'.zfill(3) }}", "500-00-00-500é"),
        (
            "{{ 'abc'.center(6) ~ '|' ~ 'ab'.center(5) ~ '|' ~ 'é'.center(4, '国') ~ 'a'.rjust(3) ~ 'a'.ljust(3) ~ '|' }}",
            " abc  |  ab |国é国国  aa  |",
        ),
        (
            r"{{ 'a\r\n\nb\x85c\u2028d\u2029e\x1cf\x1dg\x1eh\x0bi\x0cj\rk'.splitlines() | join('|') }}",
            "a||b|c|d|e|f|g|h|i|j|k",
        ),
        (
            r"{{ '\na'.splitlines(true) | length ~ 'a\r\nb'.splitlines(true)[0] | length ~ 'é\n'.splitlines()[0] }}",
            "23é",
        ),
        ("{{ 'aßÉ'.swapcase() }}", "ASSé"),
        (
            "{{ 'éabéab'.find('b', 3) ~ ' ' ~ 'éabéab'.find('é', 1, 3) ~ ' ' ~ 'éabéab'.rfind('é', 0, 3) ~ ' ' ~ 'éabéab'.rfind('b', -3, -1) ~ ' ' ~ 'ab'.find('a', -9) ~ ' ' ~ 'ab'.find('a', 9) }}",
            "5 -1 0 -1 0 -1",
        ),
        (
            "{{ 'éabéab'.index('a', 2) ~ 'éabéab'.rindex('a', 0, 3) ~ 'éabéab'.count('a', 2) ~ 'éabéab'.count('a', 0, 3) ~ 'aab'.count('a', none, 1) }}",
            "41111",
        ),
        (
            "{{ 'abc'.startswith('b', 1) ~ 'abc'.startswith(('x', 'b'), 1) ~ 'abc'.endswith('b', 0, 2) ~ 'abc'.endswith(('x', 'b'), 0, 2) ~ 'abc'.endswith('c', 0, 2) ~ 'abc'.startswith('c', 1) }}",
            "TrueTrueTrueTrueFalseFalse",
        ),
        (
            "{{ 'a,b,c'.split(',', maxsplit=1) ~ 'a,b,c'.split(sep=',') ~ ' a b '.split(sep=none) ~ 'a,b'.split(',', maxsplit=0) }}",
            "['a', 'b,c']['a', 'b', 'c']['a', 'b']['a,b']",
        ),
        (r"{{ 'xxaxx' | trim('x') ~ 5 | trim ~ ('\x1fa\x1c' | trim) }}", "a5a"),
        (
            "{{ '-3.9' | int ~ true | int ~ none | int(4) ~ none | int(default=5) ~ 3.99 | int ~ (-3.99) | int ~ '12' | int(1) }}",
            "-31453-312",
        ),
        (
            "{{ 'x' | float(2) ~ true | float ~ false | float ~ none | float ~ none | float(default=3) ~ ' 1.5 ' | float ~ 2 | float }}",
            "21.00.00.031.52.0",
        ),
        (
            r"{{ 'xax'.strip('x') ~ '|' ~ '\x1f a '.lstrip() ~ '|' ~ ' a \x1c'.rstrip() ~ '|' ~ 'éa b1c'.title() }}",
            "a|a | a|Éa B1C",
        ),
        (
            "{{ 'abc'.removeprefix('b') ~ 'abc'.removesuffix('b') ~ 'a'.rpartition('=') ~ 'a=b'.rpartition('=') }}",
            "abcabc('', '', 'a')('a', '=', 'b')",
        ),
        (
            "{{ 'a,b,c'.rsplit(',') ~ 'a,b,c'.rsplit(',', 0) ~ ' a b '.rsplit(none, 0) ~ ' a  b '.rsplit() ~ '  '.rsplit() ~ 'a,b'.rsplit(',', -1) ~ 'a b c'.rsplit(none, 2) }}",
            "['a', 'b', 'c']['a,b,c'][' a b']['a', 'b'][]['a', 'b']['a', 'b', 'c']",
        ),
        ("{{ 'éb'.index('b') ~ 'bab'.rindex('b') ~ 'bab'.index('b') }}", "120"),
        (
            "{{ messages is iterable ~ {} is iterable ~ 1 is iterable ~ nothing is sequence ~ 1 is sequence ~ none is sequence }}",
            "TrueTrueFalseTrueFalseFalse",
        ),
        (
            "{{ (1e308 * 10) ~ '' ~ (1e308 * -10) | string ~ 1e16 | string ~ 2.0 | e ~ '%s' % 1.0 ~ 1e-4 ~ -0.0 ~ 1e15 }}",
            "inf-inf1e+162.01.00.0001-0.01000000000000000.0",
        ),
        (r#"{{ '&<>\'"' | e ~ ('<' | e) | e }}"#, "&amp;&lt;&gt;&#39;&#34;&lt;"),
        (
            "{{ 'abcdefghij' | truncate(5) ~ '|' ~ 'abcdefghijk' | truncate(5) ~ '|' ~ 'ab defghijk' | truncate(7, true) ~ '|' ~ 'ab defghijk' | truncate(7, leeway=0) ~ '|' ~ 'ab defghijk' | truncate(7, killwords=true, end='', leeway=3) }}",
            "abcdefghij|ab...|ab defghijk|ab...|ab defg",
        ),
        (
            "{{ ('ab ' * 90) | truncate | length ~ ('ab ' * 86) | truncate | length ~ 'abc' | truncate(3, false, '...', 0) ~ 'abcd' | truncate(3, true, '...', 0) }}",
            "254258abc...",
        ),
        ("{{ '½ x_y 国 a.b' | wordcount ~ ' ' | wordcount ~ '' | wordcount }}", "500"),
        ("{{ '[' ~ 'a' | center(4) ~ ']' ~ ('a' | center) | length }}", "[ a  ]80"),
        (
            "{{ none | default('x') ~ nothing | default('x') ~ '' | default('x', true) ~ 0 | default('x', boolean=true) ~ nothing | default(default_value='q') ~ '[' ~ nothing | default ~ ']' ~ 'a' | d('b', true) }}",
            "Nonexxxq[]a",
        ),
        (
            "{{ 7.0 % 2 ~ ' ' ~ (-7) % (-3) ~ ' ' ~ 7 % -3 ~ ' ' ~ 6 % -3 ~ ' ' ~ (-6.0) % 3 ~ ' ' ~ 6.0 % -3 ~ ' ' ~ 5.5 % -2 ~ ' ' ~ 7 % true ~ ' ' ~ 1 % 2.5 ~ ' ' ~ 2.5 % true ~ ' ' ~ 0.0 % 2 ~ ' ' ~ 4.0 % 2 }}",
            "1.0 -1 -2 0 0.0 -0.0 -0.5 0 1.0 0.5 0.0 0.0",
        ),
        (
            "{{ '%d' % -2 ~ '%d' % - 2 ~ '%s%%' % 1 ~ '%%' % () ~ 'abc' % {'a': 1} ~ '%s' % none ~ '%s' % [1.0] ~ '%d' % true ~ '%s' % true }}",
            "-2-21%%abcNone[1.0]1True",
        ),
        (
            "{{ '%(a)s %(b)s %%' % {'a': 1, 'b': [2]} ~ '%(b)r%(a)s' % {'a': 'x', 'b': 'y'} ~ '%s %r' % ('a', 'b') ~ '%r %s' % ('a', 'b') }}",
            "1 [2] %'y'xa 'b''a' b",
        ),
        (
            "{{ '%d %i %5d|%-4d|%04d %s' % (3.7, -3.7, 2.5, 9.99, 7.9, 3.7) ~ ' %u' % 3.2 ~ ' %d%%(a)' % 7 }}",
            "3 -3     2|9   |0007 3.7 3 7%(a)",
        ),
        ("{{ '%(a)d %(a)s' % {'a': 1000.5} ~ ' %d' % 1e20 }}", "1000 1000.5 100000000000000000000"),
        ("{{ '%s' % 'a' ~ 'b' ~ '%s' % 'a' + 'b' }}", "abab"),
        ("{{ '%s' % 'a' | upper ~ '%s' % 1 is string }}", "AFalse"),
        ("{{ 7 % 2 is not none }}", "0"),
        ("{{ 7 % 3 is odd }}", "0"),
        ("{{ 10 % 4 * 3 }}", "6"),
        ("{{ [10-7%4, 7%4-2, 7%4+2, 1.5-7%4] }}{{ 'a\n'.splitlines() | length }}", "[7, 1, 5, -1.5]1"),
        ("{{ 'a b  c'.split(none, 1) }}{{ '%(a)s' % {'a': 1, 'b': 2} }}{{ 'a' % {} }}", "['a', 'b  c']1a"),
        ("{{ 2 * 7 % 4 }}", "2"),
        ("{{ 2 ** 3 % 3 ~ 7 % 2 ** 2 }}", "23"),
        ("{{ [10 - 7 % 4, 10 % 7 % 2, 10 + 7 % 4, -7 % 4 - -7 % 4] }}", "[7, 1, 13, 0]"),
        ("{{ [7 % 4, 5 % 3] ~ {'a': 7 % 4} ~ (7 % 4) ~ range(7 % 4) | list }}", "[3, 2]{'a': 3}3[0, 1, 2]"),
        ("{{ 7 % 4 == 3 and 5 % 3 == 2 }}", "True"),
        ("{{ not 7 % 4 }}", "False"),
        ("{{ 7 % 4 not in [3] }}", "False"),
        ("{{ 7 % 4 in [3] or 5 % 3 }}", "True"),
        ("{{ 7 % 4 if true else 5 % 3 }}", "3"),
        ("{{ 5 if 7 % 4 == 2 else 5 % 3 }}", "2"),
        ("{{ '%s' % ('a', 'b')[0] ~ messages[0] % 4 if false else {'a': 7}['a'] % 4 }}", "3"),
        (
            "{{ {'a': {'b': 7}}.a.b % 4 ~ {'in': 7}.in % 4 ~ '%s' % {'not': 'x'}.not ~ 7 % {'is': 4}.is }}",
            "33x3",
        ),
        ("{{ messages | length % 3 ~ 7 % messages | length }}", "01"),
        ("{{ 1.5 % 1 ~ 1e1 % 3 ~ 1e+1 % 3 ~ 25e-1 % 2 ~ 10%3 ~ 1E1%4 }}", "0.51.01.00.512.0"),
        ("{{ - 7 % 4 ~ -7 % 4 }}", "11"),
        ("{{ 7 // 2 % 2 ~ 8 / 2 % 3 ~ 7 % 4 // 2 ~ 7 % 4 / 2 }}", "11.011.5"),
        ("{{ '%s-%s' % ('%s' % 'a', 7 % 4) }}", "a-3"),
        (r#"{{ 'it\'s %s' % 'a' ~ "it's \"%s\"" % "b" ~ '\\' ~ '%s' % '\\' }}"#, "it's ait's \"b\"\\\\"),
        (
            "{{ [7 % 4 > 2, 7 % 4 >= 3, 7 % 4 != 3, 7 % 4 <= 3, 3 == 7 % 4, 3 < 7 % 4, '%s' % 1 == '1'] }}",
            "[True, True, False, True, True, False, True]",
        ),
        ("{{ [1, 2][7 % 2] ~ 'ab'[7 % 2] ~ 'abc'[7 % 2:] ~ 'abc'[:7 % 5] }}", "2bbcab"),
        (
            "{{ 'éb'.find('b') ~ 'bab'.rfind('b') ~ 'bab'.count('b') ~ 'a'.find('b') ~ 'abc'.startswith('a') ~ 'abc'.endswith(('x', 'c')) ~ 'abc'.startswith(('a', 1)) }}",
            "122-1TrueTrueTrue",
        ),
        (
            "{{ 'abc'.startswith(()) ~ 'abc'.endswith(('a', 'c', 'x')) ~ 'abc'.startswith('', 3) ~ 'abc'.startswith('', 4) ~ 'abc'.endswith('', 2, 1) ~ 'abc'.find('', 2, 1) ~ 'abc'.find('', 3) ~ 'abc'.rfind('', 4) ~ 'abc'.count('', 4) ~ 'abc'.count('', 3) ~ 'abc'.count('', 2, 1) ~ 'abc'.find('c', 0, 9) }}",
            "FalseTrueTrueFalseFalse-13-10102",
        ),
        ("{{ [[[1]]] | tojson(indent=64) | length ~ ' ' ~ ('%4096s' % 'a') | length }}", "589 4096"),
    ]);
}

/// From Python's Jinja 3.1.6 as well.
#[test]
fn statements_give_what_python_gives() {
    assert_renders(&[
        (
            "{% set c = cycler('a', 'b') %}{{ c['current'] }}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c['current'] }}{{ c.nothing is defined }}",
            "aabbaFalse",
        ),
        ("{% set j = joiner(none) %}{{ j() }}|{% set k = joiner() %}{{ k() }}{{ k() }}", "|, "),
        (
            "{{ namespace(a=1, b=2).b }}{{ dict(a=1) }}{{ dict([('a', 1), ['b', 2]], c=3) }}{{ dict({'a': 1}, a=2) }}",
            "2{'a': 1}{'a': 1, 'b': 2, 'c': 3}{'a': 2}",
        ),
        (
            "{% macro m(a, b) %}{{ a }}{{ b }}{{ kwargs }}{{ varargs }}{% endmacro %}{{ m(1, b=2, c=3) }}{{ m(1, 2, 3, 4) }}{{ m(1) }}",
            "12{'c': 3}()12{}(3, 4)1{}()",
        ),
        (
            "{% macro m(a) %}{{ caller() }}{{ a }}{{ varargs }}{% endmacro %}{% call m(1, 2) %}x{% endcall %}",
            "x1(2,)",
        ),
        ("{% macro m(a, b=a) %}{{ b }}{{ varargs }}{% endmacro %}{{ m(1) }}{{ m(1, 2, 3) }}", "1()2(3,)"),
        (
            "{% macro m(a, b='a', c=(1, 2), d=[1, {'x': 2}]) %}{{ b }}{{ c }}{{ d }}{% endmacro %}{{ m(1) }}",
            "a(1, 2)[1, {'x': 2}]",
        ),
        (
            "{% set q = {'a': 5} %}{% macro m(a, b=q.a, c=a.x) %}{{ b }}{{ c }}{% endmacro %}{{ m({'x': 3}) }}",
            "53",
        ),
        (
            "{% macro m(a, b=[a, 'b'] | join('-'), c=b) %}{{ b }}{{ c }}{% endmacro %}{{ m('x') }}|{{ m('x', c='z') }}|{{ m('x', b='y') }}",
            "x-bx-b|x-bz|yy",
        ),
        (
            "{% macro m() %}{{ 'varargs' }}{% endmacro %}{% macro n() %}{{ varargs }}{% endmacro %}{{ m() }}{{ n(1) }}",
            "varargs(1,)",
        ),
        (
            "{% macro n() %}{{ varargs | length }}{% endmacro %}{% macro m(x) %}{{ x }}{% endmacro %}{{ m(1) }}{{ n(1, 2) }}",
            "12",
        ),
        ("{%- macro n() -%} {{ varargs | length }} {%- endmacro -%} {{ n(1, 2) }}", "2"),
        (
            "{% macro n() %}{# varargs #}a{% endmacro %}{{ n() }}{% set x = {'kwargs': 1} %}{% macro o() %}{{ x.kwargs }}{% endmacro %}{{ o() }}",
            "a1",
        ),
        ("{% macro n() %}{% if kwargs %}{{ kwargs.k }}{% endif %}{% endmacro %}{{ n(k=1) }}{{ n() }}", "1"),
        (
            "{% for x in [1, 2, 3] if x in [2, 3] %}{{ x }}{% endfor %}{% for x in 'a' if x %}{{ x }}{% endfor %}",
            "23a",
        ),
        ("{% for k, v in {'a': 7 % 4}.items() if v % 2 %}{{ k }}{{ v }}{% endfor %}", "a3"),
        ("{% for x in [[1], [2]] recursive %}{% for y in x %}{{ y }}{% endfor %}{% endfor %}", "12"),
        ("{%- for x in [1, 2] -%} {{ x }} {%- endfor -%}", "12"),
        ("{% set e = 10 %}{% set size = 9 %}{{ e-7%4 }}{{ size+7%4 }}", "712"),
        ("{% for recursive in [1, 2] %}{{ recursive }}{% endfor %}", "12"),
        ("{% macro n() %}some more text {{ varargs }}{% endmacro %}{{ n(1) }}", "some more text (1,)"),
        (
            "{%macro m(a, b=a)%}{{ b }}{%endmacro%}{%macro n()%}{{ varargs }}{%endmacro%}{{ m(1) }}{{ n(2) }}",
            "1(2,)",
        ),
        ("{%set x=1%}{%-set y=2-%}{%+ set z = 3 +%}{{ x }}{{ y }}{{ z }}", "123"),
        (
            "{% set x = 1 == 1 %}{% set y = 'a=b' %}{% set z = [1][0] %}{% set w = {'k': 1} %}{{ x }}{{ y }}{{ z }}{{ w }}",
            "Truea=b1{'k': 1}",
        ),
        ("{% raw -%} {{ x }} {%- endraw %}|{% raw %}{% endra %}{% endraw %}{{ 1 }}", "{{ x }}|{% endra %}1"),
        ("{# {{ a }} {% raw %} #}{{ 1 }}{# #}{{ '#}' }}{{ '{#' }}", "1#}{#"),
        (r#"{{ {'a': {'b': 1}}['a']['b'] }}{{ {'a': {}} }}{{ '}}' }}{{ "%}" }}"#, "1{'a': {}}}}%}"),
        ("{% if '%}' == '%' ~ '}' %}a{% endif %}{% if {'a': 1}['a'] %}b{% endif %}", "ab"),
        (
            "{% if 7 % 4 == 3 %}a{% elif 7 % 4 %}b{% endif %}{% set x = 7 % 4 %}{{ x }}{% for i in range(7 % 4) %}{{ i }}{% endfor %}",
            "a3012",
        ),
        (
            r"{{ [1] | tojson(indent=none) }}{{ [1, []] | tojson(indent=0) }}{{ [1] | tojson(indent='\t') }}{{ [1, 2] | tojson(separators=('; ', '=')) }}{{ {'a': 1, 'b': [2]} | tojson(indent=1, separators=(' ,', ':')) }}",
            "[1][\n1,\n[]\n][\n\t1\n][1; 2]{\n \"a\":1 ,\n \"b\":[\n  2\n ]\n}",
        ),
        (
            r"{{ {'b': {'d': 1, 'c': 2}, 'a': 3} | tojson(sort_keys=true) }}{{ {1.5: 1, false: 2} | tojson }}{{ '\x7f\u2028é' | tojson(ensure_ascii=true) }}{{ '\x7f\u2028é\x1f' | tojson }}",
            "{\"a\": 3, \"b\": {\"c\": 2, \"d\": 1}}{\"1.5\": 1, \"false\": 2}\"\\u007f\\u2028\\u00e9\"\"\u{7f}\u{2028}é\\u001f\"",
        ),
        (
            "{{ [1e-4, 1e-5, 1e15, 1e16, -0.0, 1e100, -2.5e-10, 0.1, 12345678901234567890] | tojson }}",
            "[0.0001, 1e-05, 1000000000000000.0, 1e+16, -0.0, 1e+100, -2.5e-10, 0.1, 12345678901234567890]",
        ),
        (
            "{{ [[], {}, [[]], {'a': {}}] | tojson(indent=1) }}",
            "[\n [],\n {},\n [\n  []\n ],\n {\n  \"a\": {}\n }\n]",
        ),
        ("{{ '%d' | format(3.7) ~ ' %(a)d %(b)r' | format(a=3.7, b='x') ~ '%%' | format }}", "3 3 'x'%"),
        ("{{ '%s' | format([1.0, 'a']) ~ 5 | format ~ '%s-%s' | format('x', none) }}", "[1.0, 'a']5x-None"),
        ("{{ '%s' | format((1, 2)) ~ '%s' | format(a=1) }}", "(1, 2){'a': 1}"),
        ("{{ '%s' | format(1.0) }}{{ '%5s|%-5s|' | format('a', 'b') }}", "1.0    a|b    |"),
        (
            "{% set t = (1, [2]) %}{% set n = namespace(x=t) %}{{ n.x }}{% set n.x = {'a': (1,), 'b': [none]} %}{{ n.x }}{{ n.x.a is sequence }}",
            "(1, [2]){'a': (1,), 'b': [None]}True",
        ),
        (
            "{% set d = {'a': [1, {'b': 2}]} %}{{ d.a[1].b }}{{ d }}{% set e = d.items() | list %}{{ e }}",
            "2{'a': [1, {'b': 2}]}[('a', [1, {'b': 2}])]",
        ),
    ]);
}

/// Python's Jinja raises an error for each.
#[test]
fn what_python_refuses_is_refused() {
    for wrong in [
        "{{ cycler() }}",
        "{% set c = cycler(1) %}{{ c.next(1) }}",
        "{% set c = cycler(1) %}{{ c.nosuch() }}",
        "{{ dict([(1, 2, 3)]) }}",
        "{{ 7 % 0 }}",
        "{{ 7.5 % 0 }}",
        "{{ '%s' % (1, 2) }}",
        "{{ 'x' % (1,) }}",
        "{{ '%s %s' % (1,) }}",
        "{{ '%(a)s' % 1 }}",
        "{{ '%(a)r' % {'b': 1} }}",
        "{{ [1] % 2 }}",
        "{{ none % 2 }}",
        "{{ [1].index(2) }}",
        "{{ 'a'.index('b') }}",
        "{{ 'a'.rindex('b', 0) }}",
        "{{ 'abc'.index('', 4) }}",
        "{{ 'abc'.startswith(['a']) }}",
        "{{ 'abc'.startswith(['a'], 0) }}",
        "{{ 'abc'.startswith(('b', 1)) }}",
        "{{ 'abc'.endswith({'c': 1}, 1) }}",
        "{{ 'abc'.startswith(1) }}",
        "{{ 'a'.partition('') }}",
        "{{ 'a'.split(sep='') }}",
        "{{ 'a'.rsplit('') }}",
        "{{ ','.join([1]) }}",
        "{{ 'a'.zfill() }}",
        "{{ 'a'.splitlines(true, true) }}",
        "{{ 'a' | truncate(2) }}",
        "{{ 'a'.center(3, 'xy') }}",
        "{{ 'a'.splitlines(nosuch=1) }}",
        "{{ 'a' | default(nosuch=1) }}",
        "{{ [1] | tojson(separators=('a',)) }}",
        "{{ [1] | tojson(indent=[1]) }}",
        "{{ {(1, 2): 1} | tojson }}",
        "{{ nothing | tojson }}",
        "{% for x in none if x %}{% endfor %}",
        "{% set j = joiner() %}{{ j(1) }}",
        "{{ 7 % }}",
        "{{ % 7 }}",
        "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}",
        "{% macro m(a b c) %}{{ varargs }}{% endmacro %}",
        "{% macro m(a, b=a c) %}{{ varargs }}{% endmacro %}",
        "{% macro m(a) b %}{{ varargs }}{% endmacro %}",
        "{% macro m[a] %}{{ varargs }}{% endmacro %}",
        "{% macro m(a] %}{{ varargs }}{% endmacro %}",
        "{% macro m(a=) %}{{ varargs }}{% endmacro %}",
        "{% set x = {'kwargs': 1} %}{% macro o() %}{{ x.kwargs }}{% endmacro %}{{ o(1) }}",
    ] {
        // Compiling fails, or rendering.
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("chat_template.jinja"), wrong).unwrap();
        let rendered = ChatTemplate::read(dir.path(), PinnedDate::default())
            .and_then(|template| template.render(&conversation(), None));
        assert!(rendered.is_err(), "{wrong} gives {rendered:?}");
    }
}
