//! The promise: a chat template, whatever it holds, ends in a text or in a clear error, soon and without filling the memory.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tiltmeter::tokens::{ChatTemplate, Message, TokensError};

#[cfg(unix)]
use crate::common::named_pipe;

/// A checkpoint folder with nothing but this template.
fn folder(template: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("chat_template.jinja"), template).unwrap();
    dir
}

fn render(template: &str) -> Result<String, TokensError> {
    let dir = folder(template);
    let rendered = ChatTemplate::open(dir.path())?.render(&[Message::new("user", "hi")], None)?;
    Ok(rendered.as_text().expect("Jinja gives one text").to_owned())
}

/// The error, which must name the template's file and fit on a line. What a template does is counted: the clock ends nothing.
fn refused(template: &str) -> String {
    let message = refused_somehow(template);
    assert!(!message.contains(PATIENCE), "{message}");
    message
}

/// What the clock says, where nothing else could.
const PATIENCE: &str = "not done after";

fn refused_somehow(template: &str) -> String {
    let shown: String = template.chars().take(120).collect();
    let message = match render(template) {
        Ok(text) => panic!("{shown} gives {} bytes", text.len()),
        Err(error) => error.to_string(),
    };
    assert!(message.contains("chat_template.jinja"), "{message}");
    assert!(!message.contains('\n') && message.len() < 600, "{message}");
    message
}

/// The most memory that this process has ever held, in MiB; 0 where the system does not say.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// `statement` in a loop over `times` rounds, with a namespace `n` that holds a text `s` and a list `l`.
fn grown(times: usize, statement: &str, then: &str) -> String {
    format!(
        "{{% set n = namespace(s='x', l=['x']) %}}{{% for i in range({times}) %}}{{% set {statement} %}}{{% endfor %}}{then}"
    )
}

#[apply(test!)]
fn a_template_that_raises_is_quoted() {
    let dir = folder("{{ raise_exception('roles must\nalternate') }}");
    let template = ChatTemplate::open(dir.path()).unwrap();
    let error = template.render(&[Message::new("user", "hi")], None).unwrap_err();
    match &error {
        TokensError::TemplateRaised { file, message } => {
            assert_eq!(*file, dir.path().join("chat_template.jinja"));
            assert_eq!(message, "roles must alternate");
        }
        other => panic!("{other}"),
    }
    assert!(error.to_string().contains("roles must alternate"));
    // Also from inside a macro, and with something that is no text.
    let message = refused("{% macro m() %}{{ raise_exception([1, none]) }}{% endmacro %}{{ m() }}");
    assert!(message.contains("refuses these messages: [1, None]"), "{message}");
}

#[apply(test!)]
fn endless_work_ends() {
    for template in [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% set s = 'a' * 10000000 %}{% for i in range(99999) %}{% set x = s.find('b') %}{% endfor %}",
        "{% set s = 'a' * 10000000 %}{% for i in range(99999) %}{% set x = s.split('b') %}{% endfor %}",
    ] {
        assert!(refused(template).contains("does not come to an end"), "{template}");
    }
    for template in [
        "{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}",
        "{% macro a(x) %}{{ b([x]) }}{% endmacro %}{% macro b(x) %}{{ a(x) }}{% endmacro %}{{ a(1) }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    ] {
        assert!(refused(template).contains("recursion limit"), "{template}");
    }
    refused("{% include 'chat template' %}");
    refused("{% extends 'chat template' %}");
}

#[apply(test!)]
fn what_cannot_be_counted_is_not_waited_for() {
    // A list in a list in a list, each time twice over, without one assignment: 2^120 letters to print.
    let deep = 120;
    let mut template = String::from("{% with v0 = ['x'] %}");
    for i in 0..deep {
        template += &format!("{{% with v{} = [v{i}, v{i}] %}}", i + 1);
    }
    template += &format!("{{{{ v{deep} }}}}");
    template += &"{% endwith %}".repeat(deep + 1);
    assert!(refused_somehow(&template).contains(PATIENCE), "{template}");
}

#[apply(test!)]
fn memory_bombs_do_not_go_off() {
    for template in [
        "{{ 'x' * 1000000000 }}".to_owned(),
        "{{ [1] * 1000000000 }}".to_owned(),
        "{{ range(1000000000000) }}".to_owned(),
        "{{ '%1000000000d' | format(1) }}".to_owned(),
        "{{ '%.1000000000f' | format(1) }}".to_owned(),
        "{{ '{:>1000000000}'.format(1) }}".to_owned(),
        "{{ 'x\ny' | indent(1000000000) }}".to_owned(),
        "{{ [1] | batch(1000000000, 'x') }}".to_owned(),
        "{{ [1] | slice(1000000000, 'x') | list }}".to_owned(),
        "{{ 10 ** 1000000 }}".to_owned(),
        "{{ [1] | tojson(indent=1000000000) }}".to_owned(),
        "{% set s = 'a' * 100000 %}{{ s.replace('a', s) }}".to_owned(),
        "{% set s = 'a' * 100000 %}{{ s | replace('a', s) }}".to_owned(),
        "{% set s = 'a' * 100000 %}{{ s.replace('', s) }}".to_owned(),
        "{% set s = 'a' * 100000 %}{{ s.join(range(99999) | map('string')) }}".to_owned(),
        "{% set s = 'a' * 50000000 %}{{ s | list | length }}".to_owned(),
        "{% for i in range(99999) %}{{ 'x' * 100 }}{% endfor %}".to_owned(),
        grown(64, "n.s = n.s ~ n.s", "{{ n.s | length }}"),
        grown(64, "n.s = n.s + n.s", "{{ n.s | length }}"),
        grown(64, "n.l = n.l + n.l", "{{ n.l | length }}"),
        grown(64, "n.l = n.l * 2", "{{ n.l | length }}"),
        grown(64, "n.s = [n.s, n.s] | join", ""),
        grown(64, "n.l = [n.l, n.l]", "{{ n.l }}"),
        grown(64, "n.l = [n.l, n.l]", "{{ n.l == [n.l] }}"),
        grown(64, "n.l = {'a': n.l, 'b': n.l}", "{{ n.l | tojson }}"),
        grown(64, "n.l = dict(a=n.l, b=n.l)", "{{ n.l }}"),
        grown(64, "n.l = n.l | chain(n.l)", "{{ n.l | list }}"),
        grown(90000, "n.l = n.l | map('upper')", "{{ n.l | list }}"),
    ] {
        refused(&template);
    }
    let peak = peak_memory();
    assert!(peak < 1024, "{peak} MiB");
}

#[apply(test!)]
fn nothing_holds_itself_and_nothing_is_bottomless() {
    for template in [
        grown(1, "n.l = n", "{{ n }}"),
        grown(1, "n.l = [n]", "{{ n ~ '' }}"),
        grown(1, "n.l = {'a': {'b': [n]}}", "{{ n | string }}"),
        grown(1, "n.l = namespace(n=n)", "{{ n }}"),
        grown(1, "n.l, n.s = n, n", "{{ n }}"),
        grown(99999, "n.l = [n.l]", "{{ n.l }}"),
        grown(99999, "n.l = {'a': n.l}", "done"),
        grown(99999, "n.l = (n.l,)", "{{ n.l == n.l }}"),
    ] {
        let message = refused(&template);
        assert!(message.contains("a variable is set to"), "{message}");
    }
}

#[apply(test!)]
fn deep_and_long_texts_compile_or_are_refused() {
    let n = 20_000;
    for template in [
        format!("{{{{ {} }}}}", "(".repeat(n)),
        format!("{{{{ {} }}}}", "[".repeat(n)),
        format!("{{{{ {} }}}}", "{1:".repeat(n)),
        "{% if 1 %}".repeat(n / 2),
        "{% for a in [1] %}".repeat(n / 4),
        "{% set a %}".repeat(n / 2),
        "{#".repeat(n),
        "{% raw %}".to_owned(),
        "{% set a = '".to_owned(),
        "{{ 'a".to_owned(),
        "{% if %}".to_owned(),
        "{{ x | nofilter }}".to_owned(),
        "{{ x is notest }}".to_owned(),
        "{% endfor %}".to_owned(),
        "{% generation %}".to_owned(),
        "{{ '\\ud800' }}".to_owned(),
        "\u{0}{% \u{0} %}".to_owned(),
    ] {
        refused(&template);
    }
    for template in [
        format!("{{{{ 1{} }}}}", "+1".repeat(n)),
        format!("{{{{ 'a'{} }}}}", "|trim".repeat(n / 2)),
        format!("{{{{ 1{} }}}}", " if 1 else 1".repeat(n / 4)),
        format!("{{{{ {}1 }}}}", "not ".repeat(n)),
        format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(n / 4)),
        "{{ 1 }}".repeat(n / 2),
    ] {
        render(&format!("{template}{{{{ messages[0].content }}}}")).unwrap();
    }
    let message = refused(&" ".repeat(200_000));
    assert!(message.contains("larger than"), "{message}");
}

#[apply(test!)]
fn unknown_calls_and_wrong_values_are_named() {
    for (template, named) in [
        ("{{ 'x'.nosuch() }}", "nosuch"),
        ("{{ messages.nosuch() }}", "nosuch"),
        ("{{ nosuch() }}", "nosuch"),
        ("{{ nosuch.attribute }}", "nosuch"),
        ("{{ messages[0].role + 1 }}", "+"),
        ("{% include '/etc/passwd' %}", "/etc/passwd"),
        ("{{ strftime_now('%Q') }}", "%Q"),
        ("{{ strftime_now('%') }}", "%"),
        ("{{ debug() }}", "debug"),
        ("\n\n{{ nosuch() }}", "line 3"),
    ] {
        let message = refused(template);
        assert!(message.contains(named), "{message}");
    }
}

#[apply(test!)]
fn a_template_that_ignores_the_messages_is_refused() {
    for template in
        ["", "hello", "{% for c in messages[0].content %}{{ c.text }}{% endfor %}", "{{ messages[0].role }}"]
    {
        assert!(refused(template).contains("ignores what the messages say"), "{template}");
    }
}

#[apply(test!)]
fn a_long_complaint_is_cut() {
    let message = refused("{{ raise_exception('x' * 100000) }}");
    assert!(message.ends_with("xxx...") && message.len() < 500, "{message}");
}

/// Opening a named pipe would wait for ever, and a link to nowhere is not the same as no file.
#[cfg(unix)]
#[apply(test!)]
fn pipes_and_dangling_links_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("chat_template.jinja");
    std::os::unix::fs::symlink("/nowhere/blob", &file).unwrap();
    let error = ChatTemplate::open(dir.path()).err().unwrap().to_string();
    assert!(error.contains("chat_template.jinja: is a link that leads nowhere"), "{error}");
    std::fs::remove_file(&file).unwrap();
    named_pipe(&file);
    let error = ChatTemplate::open(dir.path()).err().unwrap().to_string();
    assert!(error.contains("chat_template.jinja: is not a regular file"), "{error}");
}

#[apply(test!)]
fn what_never_ends_is_tried_once() {
    let endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
    let error = ChatTemplate::open(folder(endless).path()).err().unwrap();
    assert!(matches!(error, TokensError::TemplateEndless { .. }), "{error}");
    // One that shows itself only to a longer conversation ends the batch.
    let dir = folder(&format!(
        "{{{{ messages[0].content }}}}{{% if messages | length > 1 %}}{endless}{{% endif %}}"
    ));
    let template = ChatTemplate::open(dir.path()).unwrap();
    let messages = [Message::new("user", "a"), Message::new("user", "b")];
    let took = |chats: usize| {
        let chats = vec![tiltmeter::tokens::Chat { messages: &messages, prefill: None }; chats];
        let begun = Instant::now();
        let error = template.render_batch(&chats).unwrap_err();
        assert!(matches!(error, TokensError::TemplateEndless { .. }), "{error}");
        begun.elapsed()
    };
    // Five hundred tries would take five hundred times as long, on a busy machine too.
    let one = took(1).max(took(1));
    assert!(took(500) < 100 * one.max(Duration::from_millis(1)), "{one:?} for one");
}

#[apply(test!)]
fn a_thinking_block_left_open_is_refused() {
    let open = "{{ messages[0].content }}<|assistant|>{% if add_generation_prompt %}<think>\n{% endif %}";
    let message = refused(open);
    assert!(message.contains("<think>"), "{message}");
    let closed = "{{ messages[0].content }}<|assistant|>{% if not enable_thinking %}<think>\n\n</think>\n\n{% endif %}";
    assert!(render(closed).unwrap().ends_with("</think>\n\n"));

    let dir = folder(open);
    let template = ChatTemplate::open(dir.path()).unwrap();
    // The prompt may close the block itself; and what a message says of thinking is no block.
    let messages = [Message::new("user", "hi")];
    assert!(template.render(&messages, Some("\n</think>\n(")).is_ok());
    let dir = folder("{{ messages[0].content }} [end]");
    let template = ChatTemplate::open(dir.path()).unwrap();
    let messages = [Message::new("user", " what does <think> do? ")];
    assert!(template.render(&messages, None).is_ok());
    let messages = [Message::new("user", "<think>"), Message::new("user", "x")];
    assert!(template.render(&messages, None).is_ok());
}

#[apply(test!)]
fn a_missing_or_misshapen_template_is_named() {
    let open = |config: &str| {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("tokenizer_config.json"), config).unwrap();
        ChatTemplate::open(dir.path()).map(|template| (template, dir))
    };
    let message = |config: &str| match open(config) {
        Ok(_) => panic!("{config}"),
        Err(error) => error.to_string(),
    };
    assert!(message("{}").contains("no chat template"));
    assert!(message(r#"{"chat_template": null}"#).contains("no chat template"));
    assert!(message(r#"{"chat_template": 5}"#).contains("tokenizer_config.json"));
    assert!(message(r#"{"chat_template": [1]}"#).contains("`name` or `template`"));
    assert!(message(r#"{"chat_template": "#).contains("tokenizer_config.json"));
    assert!(message(r#"{"bos_token": 5, "chat_template": "x"}"#).contains("bos_token"));
    let tools =
        r#"{"chat_template": [{"name": "tool_use", "template": "x"}, {"name": "rag", "template": "y"}]}"#;
    assert!(message(tools).contains("tool_use, rag"));
    let named = r#"{"chat_template": [{"name": "tool_use", "template": "x"}, {"name": "default", "template": "{{ messages }}"}]}"#;
    let (template, dir) = open(named).unwrap();
    assert_eq!(template.render(&[], None).unwrap().as_text(), Some("[]"));
    assert_eq!(template.file(), dir.path().join("tokenizer_config.json"));

    let dir = folder("");
    std::fs::write(dir.path().join("chat_template.jinja"), b"\xff\xfe").unwrap();
    let error = ChatTemplate::open(dir.path()).err().unwrap().to_string();
    assert!(error.contains("not UTF-8"), "{error}");
    let error = ChatTemplate::open(PathBuf::from("/nowhere")).err().unwrap();
    assert!(matches!(error, TokensError::NoTemplate { .. }), "{error}");
}
