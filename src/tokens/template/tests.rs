use super::*;

fn template(text: &str) -> ChatTemplate {
    let tokens = BTreeMap::from([
        ("bos_token".to_owned(), "<s>".to_owned()),
        ("eos_token".to_owned(), "</s>".to_owned()),
    ]);
    ChatTemplate::compile(text.to_owned(), PathBuf::from("test.jinja"), tokens, PinnedDate::default())
        .unwrap()
}

fn render(text: &str) -> Result<String> {
    template(text).render(&[Message::new("user", " Hello ")], None)
}

#[test]
fn variables_and_date() {
    assert_eq!(
        render(
            "{{ bos_token }}{{ messages[0].content | trim }}{{ eos_token }}{{ pad_token }}{{ strftime_now('%d %b %Y') }}\
             {{ tools is none and documents is none }} {{ enable_thinking }} {{ add_generation_prompt }}\n"
        )
        .unwrap(),
        "<s>Hello</s>26 Jul 2024True False True"
    );
}
