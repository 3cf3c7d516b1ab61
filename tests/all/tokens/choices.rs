//! Which tokens the choices are counted by.

use super::*;

#[apply(test!)]
fn an_answer_counts_with_its_last_token() {
    let dir = tiny::folder();
    let tokenizer = PromptTokenizer::open(dir.path()).unwrap();
    let answers = strings(&[&["A", " A", "(A", "\nA"], &["B", " B", "(B", "\nB"]]);
    let choices = ChoiceTokens::from_answers(&tokenizer, &answers).unwrap();
    assert_eq!(choices.ids(), [vec![tiny::A, tiny::SPACE_A], vec![tiny::B, tiny::SPACE_B, tiny::PAREN_B]]);
    assert_eq!(choices.choices()[0].spellings[2].ids, [tiny::PAREN, tiny::A]);
    let three = ChoiceTokens::from_answers(&tokenizer, &strings(&[&["A"], &["B"], &["C"]])).unwrap();
    assert_eq!(three.ids().len(), 3);
}

#[apply(test!)]
fn choices_that_cannot_be_told_apart_are_refused_by_name() {
    let dir = tiny::folder();
    let tokenizer = PromptTokenizer::open(dir.path()).unwrap();
    let message = |choices: &[&[&str]]| {
        ChoiceTokens::from_answers(&tokenizer, &strings(choices)).unwrap_err().to_string()
    };
    assert!(message(&[]).contains("at least two"));
    assert!(message(&[&["A"]]).contains("at least two"));
    assert!(message(&[&["A"], &[]]).contains("choice 2"));
    assert!(message(&[&["A", ""], &["B"]]).contains("choice 1"));
    let shared = message(&[&["A", "xA"], &["B", "the A", "yA"]]);
    assert!(shared.contains("32") && shared.contains("\"A\"") && shared.contains("\"yA\""), "{shared}");
}

#[apply(test!)]
fn a_letter_that_merges_with_the_cue_is_found() {
    let dir = tiny::folder();
    let tokenizer = PromptTokenizer::open(dir.path()).unwrap();
    let answers = strings(&[&["A", " A"], &["B", " B"]]);
    let choices = ChoiceTokens::from_answers(&tokenizer, &answers).unwrap();
    let rendered = Rendered::from("the answer: (");
    for prompt in [PromptInput::Plain("the answer: ("), PromptInput::Rendered(&rendered)] {
        let found = choices.in_context(&tokenizer, prompt).unwrap();
        assert!(found[0].is_clean(), "{}", found[0]);
        assert_eq!(found[0].answer, [tiny::A]);
        // "(B" is a token of its own: after this cue a B is never read as one.
        assert!(!found[1].is_clean());
        assert_eq!(found[1].merged, [tiny::PAREN]);
        assert_eq!(found[1].answer, [tiny::PAREN_B]);
        assert_eq!(
            (&found[1].merged_text[..], &found[1].answer_text[..]),
            (&["(".to_owned()][..], &["(B".to_owned()][..])
        );
        assert!(!found[1].listed);
        assert!(found[1].to_string().contains("merges with the end of the prompt"), "{}", found[1]);
    }
    // Without a merge, but spelled in a way that is not read off.
    let choices = ChoiceTokens::from_answers(&tokenizer, &strings(&[&["A A"], &["B"]])).unwrap();
    let found = choices.in_context(&tokenizer, PromptInput::Plain("the:")).unwrap();
    assert!(found[0].merged.is_empty() && !found[0].listed && !found[0].is_clean());
    assert!(found[0].to_string().contains("not among the tokens read off"), "{}", found[0]);
    // Of two tokens, the first of which is read off.
    let choices = ChoiceTokens::from_answers(&tokenizer, &strings(&[&["A A", "A"], &["B"]])).unwrap();
    let found = choices.in_context(&tokenizer, PromptInput::Plain("the:")).unwrap();
    assert!(found[0].merged.is_empty() && found[0].listed && !found[0].is_clean());
    assert!(found[0].to_string().contains("the first of which is read off"), "{}", found[0]);
}
