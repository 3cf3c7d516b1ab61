//! Promise: what chat templates are written in gives what Python's Jinja gives, set up as transformers sets it up
//! (`tests/fixtures/templates/make.py` stored it), or is refused; what is not is listed here.

use serde::Deserialize;
use serde_json::Value;
use tiltmeter::tokens::{ChatTemplate, Message};

#[derive(Deserialize)]
struct Cases {
    messages: Vec<Message>,
    config: Value,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    template: String,
    /// `None`: Python raises an error.
    text: Option<String>,
}

/// Printed otherwise than in Python: things that no template prints on purpose.
const OTHERWISE: [&str; 12] = [
    "{{ range(3) }}",
    "{{ loop }}",
    "m.arguments",
    "{{ namespace(a=1) }}",
    "{{ [x] }}{{ x | length }}",
    // unprintable characters inside a printed list
    "splitlines(true)",
    "'\\xa0'] }}",
    "rejectattr('role', 'in'",
    // names that Python defines
    "lipsum is defined",
    "self is defined",
    "attr('upper')",
    // errors that are none here
    "sum(attribute='n') }}",
];

/// Python's, and refused by name here.
const REFUSED: [&str; 14] = [
    "casefold",
    "istitle",
    "translate",
    "encode(",
    "wordwrap",
    "indent('> ')",
    "striptags",
    "{!r}",
    "urlize",
    "urlencode",
    "filesizeformat",
    "xmlattr",
    "forceescape",
    "fromkeys",
];

fn render(template: &str, cases: &Cases) -> Result<String, String> {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("written");
    write("tokenizer_config.json", &cases.config.to_string());
    write("chat_template.jinja", template);
    let template = ChatTemplate::open(dir.path()).map_err(|error| error.to_string())?;
    let rendered = template.render(&cases.messages, None).map_err(|error| error.to_string())?;
    Ok(rendered.as_text().expect("one text").to_owned())
}

#[apply(test!)]
fn template_code_gives_what_python_gives() {
    let cases: Cases = serde_json::from_str(include_str!("../fixtures/templates/cases.json")).expect("cases");
    assert!(cases.cases.len() > 200);
    let listed = |list: &[&str], template: &str| list.iter().any(|known| template.contains(known));
    for case in &cases.cases {
        let (template, python) = (&case.template, &case.text);
        match render(template, &cases) {
            Ok(text) => assert!(
                Some(&text) == python.as_ref()
                    || listed(&OTHERWISE, template)
                    || template.contains("include"),
                "{template}\n{text:?}, but in Python\n{python:?}"
            ),
            Err(why) => assert!(
                python.is_none() || listed(&REFUSED, template) || template.contains("random"),
                "{template}\n{why}, but in Python\n{python:?}"
            ),
        }
    }
}

#[apply(test!)]
fn a_loop_over_none_is_an_error() {
    let cases: Cases = serde_json::from_str(include_str!("../fixtures/templates/cases.json")).expect("cases");
    let begun = "{{ messages[0].content }}";
    let error =
        render(&format!("{begun}{{% for tool in tools %}}{{% endfor %}}"), &cases).expect_err("it fails");
    assert!(error.contains("a loop goes over none"), "{error}");
}
