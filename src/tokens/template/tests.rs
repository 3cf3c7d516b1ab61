mod by_ids;
mod lexical;
mod python;

use super::*;

/// The template of a folder that holds nothing else.
fn dated(text: &str, date: PinnedDate) -> ChatTemplate {
    let dir = tempfile::tempdir().unwrap();
    let config = r#"{"bos_token": "<s>", "eos_token": "</s>"}"#;
    std::fs::write(dir.path().join("tokenizer_config.json"), config).unwrap();
    std::fs::write(dir.path().join("chat_template.jinja"), text).unwrap();
    ChatTemplate::read(dir.path(), date).unwrap()
}

fn template(text: &str) -> ChatTemplate {
    dated(text, PinnedDate::default())
}

/// What a Jinja template gives.
fn text(rendered: &Rendered) -> &str {
    rendered.as_text().unwrap()
}

fn conversation() -> Vec<Message> {
    vec![Message::new("user", " Hello "), Message::new("assistant", "A"), Message::new("user", "<b> & \"q\"")]
}

fn assert_renders(cases: &[(&str, &str)]) {
    let rendered =
        |source: &str| template(source).render(&conversation(), None).map(|given| text(&given).to_owned());
    let wrong: Vec<String> = cases
        .iter()
        .map(|(source, expected)| (source, expected, rendered(source)))
        .filter(|(_, expected, given)| given.as_deref().ok() != Some(*expected))
        .map(|(source, expected, given)| format!("{source}\n  gives {given:?}\n  not   {expected:?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn knows_the_variables_and_functions_that_templates_use() {
    assert_renders(&[
        ("{{ bos_token }}{{ eos_token }}{{ pad_token }}{{ nothing }}|", "<s></s>|"),
        ("{{ tools is none and documents is none }}", "True"),
        ("{{ enable_thinking is defined and enable_thinking is false }}", "True"),
        ("{{ add_generation_prompt }} {{ date_string is defined }}", "True False"),
        ("{{ strftime_now('%d %b %Y') }}", "26 Jul 2024"),
        ("{{ messages[-1].content }}{{ messages[0]['content'] | trim }}", "<b> & \"q\"Hello"),
        ("{{ messages[2] | tojson }}", r#"{"role": "user", "content": "<b> & \"q\""}"#),
        ("{{ messages[0].tool_calls is defined }}{{ 'role' in messages[0] }}", "FalseTrue"),
    ]);
}

#[test]
fn strips_white_space_as_the_reference_does() {
    assert_renders(&[
        ("  {% if true %}\n  x\n  {% endif %}\n  y\n", "  x\n  y"),
        ("  {%+ if true %}\n  x\n  {%- endif %}\n  y\n\n", "    x  y\n"),
        ("a\n  {# c #}\nb\n  {{ 1 }}\nc\n", "a\nb\n  1\nc"),
        ("{{- ' a ' -}}\n\n  b", " a b"),
        ("a\r\nb\r\n{% if 1 %}\r\nc{% endif %}\r\n", "a\nb\nc"),
        ("{% set x = 1 -%}\n\n a{%- set y = 2 %}\nb{{ x }}{{ y }}", "ab12"),
        ("  {%- generation %}\n x {% set q = 1 %}\n {%- endgeneration %}{{ q }}|", " x |"),
        ("{% generation %}x\n{% endgeneration %}\ny", "x\ny"),
    ]);
}

#[test]
fn speaks_python_where_templates_do() {
    assert_renders(&[
        (
            "{{ none }} {{ true }} {{ [none, 'a', 1.5] }} {{ {'a': (1,)} }}",
            "None True [None, 'a', 1.5] {'a': (1,)}",
        ),
        (
            "{{ 'a b  c'.split() }}{{ 'a,b,c'.rsplit(',', 1) }}{{ ' a b c '.rsplit(none, 1) }}",
            "['a', 'b', 'c']['a,b', 'c'][' a b', 'c']",
        ),
        (
            "{{ 'a=b=c'.partition('=') }}{{ 'a=b=c'.rpartition('=') }}{{ 'a'.partition('=') }}",
            "('a', '=', 'b=c')('a=b', '=', 'c')('a', '', '')",
        ),
        (
            "{{ 'abc'.count('', 1) }} {{ 'babb'.count('b', 1) }} {{ 'abc'.find('x', 1) }} {{ 'abcb'.rfind('b', 2) }} \
             {{ ' a b  c '.split(maxsplit=-1) }}",
            "3 2 -1 3 ['a', 'b', 'c']",
        ),
        (
            "{{ true % 2 }} {{ (-7) % 3 }} {{ (-7.5) % 2 }} {{ 7.5 % -2 }} {{ true % 2.5 }}",
            "1 2 0.5 -0.5 1.0",
        ),
        ("{{ 7 % 4 if false else 'no' }} {{ 7 % 4 in [3] }}", "no True"),
        ("{{ strftime_now('%C') }}", "20"),
        ("{{ 'abc'.removeprefix('a') }}{{ 'abc'.removesuffix('c') }}{{ 'abc'.index('c') }}", "bcab2"),
        (
            "{{ '\x1c a\u{a0}'.strip() }}|{{ 'xax'.lstrip('x') }}|{{ 'xax'.rstrip('x') }}|{{ '\x1d b ' | trim }}",
            "a|ax|xa|b",
        ),
        ("{{ \"they're a-b\".title() }}{{ [1, 2].index(2) }}{{ {'a': 1}.copy() }}", "They'Re A-B1{'a': 1}"),
        (
            "{{ 'x' | int }} {{ '3' | int }} {{ 3.7 | int }} {{ 'x' | int(5) }} {{ 'x' | float(default=1) }} {{ ' 2.5 ' | float }}",
            "0 3 3 5 1 2.5",
        ),
        (
            "{{ none is iterable }} {{ 'a' is sequence }} {{ {} is sequence }} {{ nothing is iterable }}",
            "False True True True",
        ),
        (
            "{{ raise_exception is callable }} {{ messages is callable }} {{ messages[0] is mapping }}",
            "True False True",
        ),
        (
            "{{ '{} {}'.format(1, 'a') }} {{ '%s-%02d' | format('a', 3) }} {{ ', '.join(['a', 'b']) }}",
            "1 a a-03 a, b",
        ),
        (
            "{{ '%r %s' % ('q', 'q') }} {{ '%(a)r %(a)s' % {'a': 'it' } }} {{ '%-5r|' % 'b' }} {{ '%r' % [['x', 1.0, none]] }}",
            "'q' q 'it' it 'b'  | [['x', 1.0, None]]",
        ),
    ]);
    let few = template("{{ 'a b c'.split(maxsplit=1) }}").render(&conversation(), None);
    assert!(
        few.expect_err("it wants a separator").to_string().contains("a number of splits wants a separator")
    );
}

/// Work that an honest template may do, on a message as long as a chapter, is within what a rendering may take.
#[test]
fn honest_work_is_affordable() {
    let long = Message::new("user", "some words ".repeat(20_000));
    let template = template(
        "{% set s = messages[0].content %}{{ '%s' % s == s }}{{ s.split(sep='w') | length }}\
         {{ s.splitlines() | length }}{{ s | string | length }}{{ (s | tojson) | length }}{{ (s | e) | length }}{{ s | wordcount }}\
         {{ (range(8000) | tojson(indent=4)) | length }}\
         {% for i in range(50) %}{% set x = 'a'.center(4096) %}{% endfor %}{% set l = [s] * 9000 %}{{ l | length }}",
    );
    assert_eq!(text(&template.render(&[long], None).unwrap()), "True20001122000022000222000040000788929000");
}

#[test]
fn assignments_keep_what_they_are_given() {
    assert_renders(&[
        ("{% set messages = messages[1:] %}{{ messages | length }}{{ messages[0].role }}", "2assistant"),
        (
            "{% set n = namespace(a=[]) %}{% for m in messages %}{% set n.a = n.a + [m.role] %}{% endfor %}{{ n.a }}",
            "['user', 'assistant', 'user']",
        ),
        ("{% set a, b = 1, {'x': {'y': 2}} %}{{ a }}{{ b.x.y }}", "12"),
        (
            "{% set x = (1,) %}{{ x }}{% set y = nothing %}{{ y is defined }}{% set z = none %}{{ z }}",
            "(1,)FalseNone",
        ),
        ("{% set d = messages[0].items() %}{% for k, v in d %}{{ k }}{% endfor %}", "rolecontent"),
        (
            "{% for m in messages %}{% set l = loop %}{{ l.index }}{{ l.last }}{% endfor %}",
            "1False2False3True",
        ),
        (
            "{% macro f(x) %}<{{ x }}>{% endmacro %}{% set n = namespace(f=f) %}{% set n.g = f %}{{ n.f(1) }}{{ n.g(2) }}",
            "<1><2>",
        ),
        (
            "{% set x = '%}' %}{{ x }}{% set y %}b{{ x }}{% endset %}{{ y }}{% set z | upper %}z{% endset %}{{ z }}",
            "%}b%}Z",
        ),
        ("{% set x = 1 == 1 %}{{ x }}{% set y = 'a' if x else 'b' %}{{ y }}", "Truea"),
    ]);
}

#[test]
fn a_prefill_stands_behind_the_generation_prompt_as_it_is() {
    let template = template("{{ messages[0].content }}{% if add_generation_prompt %}<|a|>{% endif %}\n");
    let messages = [Message::new("user", "q")];
    assert_eq!(text(&template.render(&messages, None).unwrap()), "q<|a|>");
    assert_eq!(text(&template.render(&messages, Some("\n( ")).unwrap()), "q<|a|>\n( ");
}

#[test]
fn a_batch_is_its_parts_in_order() {
    let template = template("{{ bos_token }}{% for m in messages %}[{{ m.content }}]{% endfor %}");
    let conversations: Vec<Vec<Message>> =
        (0..97).map(|i| vec![Message::new("user", format!("number {i}"))]).collect();
    let chats: Vec<Chat> =
        conversations.iter().map(|messages| Chat { messages, prefill: Some("!") }).collect();
    let batch = template.render_batch(&chats).unwrap();
    for (i, rendered) in batch.iter().enumerate() {
        assert_eq!(text(rendered), format!("<s>[number {i}]!"));
    }
    assert_eq!(batch.len(), 97);
    assert!(template.render_batch(&[]).unwrap().is_empty());
}

#[test]
fn says_where_it_comes_from_and_what_day_it_was_told() {
    let plain = template("x");
    assert!(!plain.uses_date());
    assert!(plain.file().ends_with("chat_template.jinja"));
    assert_eq!(plain.sha256(), "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881");
    let dated = dated("{{ strftime_now('%Y-%m-%d') }}", "1 Feb 2023".parse().unwrap());
    assert!(dated.uses_date());
    assert_eq!(dated.date().to_string(), "01 Feb 2023");
    assert_eq!(text(&dated.render(&[], None).unwrap()), "2023-02-01");
}

/// As `AutoTokenizer` of transformers 5.24 tells a template: what the configuration does not name, the class does.
#[test]
fn a_template_is_told_what_the_class_calls_its_tokens() {
    const GEMMA: &str = r#"{"model_type": "gemma3_text"}"#;
    const QWEN: &str = r#"{"model_type": "qwen2"}"#;
    for (model, config, expected) in [
        (GEMMA, r#"{"tokenizer_class": "GemmaTokenizerFast"}"#, "<bos>|<eos>|hello"),
        (GEMMA, r#"{"bos_token": null, "eos_token": "<end_of_turn>"}"#, "|<end_of_turn>|hello"),
        (QWEN, r#"{"tokenizer_class": "Qwen2Tokenizer"}"#, "|<|endoftext|>|hello"),
        (QWEN, r#"{"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>"}"#, "|<|im_end|>|hello"),
        (r#"{"model_type": "mistral"}"#, r#"{"tokenizer_class": "LlamaTokenizer"}"#, "||hello"),
        (r#"{"model_type": "llama"}"#, r#"{"tokenizer_class": "LlamaTokenizer"}"#, "<s>|</s>|hello"),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("a file");
        write("config.json", model);
        write("tokenizer_config.json", config);
        write("tokenizer.json", r#"{"pre_tokenizer": {"type": "Metaspace"}}"#);
        write("chat_template.jinja", "{{ bos_token }}|{{ eos_token }}|{{ messages[0].content }}");
        let template = ChatTemplate::open(dir.path()).expect("a template");
        let rendered = template.render(&[Message::new("user", "hello")], None).expect("a prompt");
        assert_eq!(text(&rendered), expected, "{model} {config}");
    }
}
