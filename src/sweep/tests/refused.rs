//! What a sweep does not compute with: another arithmetic, prompts and tokens beyond the model, what a stage cannot be asked.

use super::*;

#[test]
fn other_arithmetic_is_refused_and_so_is_one_that_nobody_recorded() {
    let setting = Setting::new();
    let request = Request { limit: Some(8), ..setting.request() };
    let dir = tempfile::tempdir().expect("a folder");
    setting.sweep(&request, dir.path(), &Fakes::new(1));
    let other = Fakes { arithmetic: Some("0123456789abcdef".into()), ..Fakes::new(usize::MAX) };
    let (outcome, said) = setting.sweep(&request, dir.path(), &other);
    assert_eq!((outcome.done, outcome.failed), (0, 2));
    assert!(said.errors[0].contains("with arithmetic f, not 0123456789ab:"), "{:?}", said.errors);
    let older = tempfile::tempdir().expect("a folder");
    setting.sweep(&request, older.path(), &Fakes { arithmetic: None, ..Fakes::new(1) });
    let (_, said) = setting.sweep(&request, older.path(), &Fakes::new(usize::MAX));
    assert!(said.errors[0].contains("an older program's, which did not record it"), "{:?}", said.errors);
}

#[test]
fn a_prompt_beyond_the_context_is_refused_by_name() {
    let setting = Setting::new();
    let dir = tempfile::tempdir().expect("a folder");
    let loader = Fakes { context: 100, ..Fakes::new(usize::MAX) };
    let (outcome, said) = setting.sweep(&setting.request(), dir.path(), &loader);
    assert_eq!(outcome.failed, 2);
    let error = &said.errors[0];
    assert!(
        error.starts_with("checkpoint `a`: prompt `fr/main/USA-") && error.contains("context of 100"),
        "{error}"
    );
}

#[test]
fn a_token_beyond_the_vocabulary_is_refused_by_name() {
    let setting = Setting::new();
    // The fake's vocabulary has 256 rows.
    for (end, letter, told) in [(256, 65, "prompt `fr/main/"), (10, 256, "256"), (255, 65, "")] {
        let dir = tempfile::tempdir().expect("a folder");
        let loader = Fakes { end, letter, ..Fakes::new(usize::MAX) };
        let (outcome, said) = setting.sweep(&setting.request(), dir.path(), &loader);
        assert_eq!(outcome.failed > 0, !told.is_empty(), "{:?}", said.errors);
        assert!(
            said.errors.iter().all(|error| error.contains(told) && error.contains("256")),
            "{:?}",
            said.errors
        );
    }
}

#[test]
fn what_a_stage_cannot_be_asked_is_noted_and_left_out() {
    let setting = Setting::new();
    let mut request = setting.request();
    request.conditions = ["main", "hedge_off", "prefill"].map(String::from).to_vec();
    let dir = tempfile::tempdir().expect("a folder");
    let (outcome, said) = setting.sweep(&request, dir.path(), &Fakes::new(usize::MAX));
    assert_eq!(outcome.failed, 0);
    let noted = |text: &str| said.notes.iter().any(|note| note.contains(text));
    assert!(noted("a: condition `hedge_off` skipped in fr"), "{:?}", said.notes);
    assert!(noted("b: condition `prefill` skipped, the roster gives this checkpoint no prefill"));
    assert!(noted("b: condition `main` in `fr`: \"A\" merges"));
    assert_eq!(said.plans[1].asked, 2 * said.plans[0].asked);
}
