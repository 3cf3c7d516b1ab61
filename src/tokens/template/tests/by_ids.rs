//! Templates of a vendor whose turns are opened by ids.

use super::*;

/// A folder whose turns are ids 5 and 6.
fn by_ids(config: &str) -> Result<ChatTemplate> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("generation_config.json"), config).unwrap();
    ChatTemplate::open(dir.path())
}

#[test]
fn turns_may_be_opened_by_ids() {
    let template = by_ids(r#"{"user_token_id": 5, "assistant_token_id": 6}"#).unwrap();
    let words = |text: &str| Segment::Text(text.to_owned());
    let system = Message::new("system", " Be brief. ");
    let question = Message::new("user", "A or B?\n");
    let rendered = template.render(&[system.clone(), question.clone()], None).unwrap();
    let expected = [words(" Be brief. "), Segment::Id(5), words("A or B?\n"), Segment::Id(6)];
    assert_eq!(rendered.segments(), expected);
    let ask = |prefill: &str| template.render(std::slice::from_ref(&question), Some(prefill)).unwrap();
    let prefilled = ask("(");
    assert_eq!(ask("").segments(), &expected[1..]);
    assert!(template.file().ends_with("generation_config.json"));
    assert_eq!(template.render(&[], None).unwrap().segments(), [Segment::Id(6)]);
    assert_eq!(prefilled.segments(), [&expected[1..], &[words("(")]].concat());
    assert_eq!(prefilled.followed_by("A").segments().last(), Some(&words("(A")));
    let begun = [question.clone(), Message::new("assistant", "It is")];
    let begun = template.render(&begun, Some(" A")).unwrap();
    assert_eq!(begun.segments()[2..], [Segment::Id(6), words("It is A")]);
    for (wrong, says) in [
        ([question.clone(), system], "a system message stands behind another message"),
        ([question, Message::new("tool", "x")], "the role \"tool\" is none of"),
    ] {
        let error = template.render(&wrong, None).unwrap_err();
        assert!(
            matches!(&error, TokensError::TemplateRaised { message, .. } if message.contains(says)),
            "{error}"
        );
    }
    assert_eq!(template.sha256().len(), 64);
    let other = by_ids(r#"{"user_token_id": 7, "assistant_token_id": 6}"#).unwrap();
    assert_ne!(other.sha256(), template.sha256());
}

#[test]
fn turn_ids_that_are_not_both_there_are_named() {
    let message = |config: &str| by_ids(config).err().unwrap().to_string();
    assert!(message(r#"{"user_token_id": 5}"#).contains("no `assistant_token_id`"));
    assert!(message(r#"{"assistant_token_id": 5}"#).contains("no `user_token_id`"));
    assert!(message(r#"{"user_token_id": -1, "assistant_token_id": 6}"#).contains("`user_token_id` is -1"));
    assert!(message(r#"{"bos_token_id": 5}"#).contains("no chat template"));
}
