//! A prompt that is scored already must be the one that is asked now: the same token ids, the same answer tokens. The files'
//! hashes say so as a rule; these are what holds where a tokenizer's code changed and its files did not.

use super::*;

/// Cuts a run short after three packs and resumes it; what was said, and how many prompts of that checkpoint are scored then.
fn refusal(change: impl FnOnce(&mut Fakes)) -> (Said, u64) {
    let setting = Setting::new();
    let request = setting.request();
    let dir = tempfile::tempdir().expect("a folder");
    setting.sweep(&request, dir.path(), &Fakes::new(3));
    let mut other = Fakes::new(usize::MAX);
    change(&mut other);
    let mut said = Said::default();
    let mut store =
        RunStore::open_or_create(dir.path(), &run_identity(&setting.study)).expect("the run opens");
    match sweep(&request, &mut store, &other, &mut said) {
        Ok(_) => {}
        Err(error) => said.errors.push(error.to_string()),
    }
    let reader = RunReader::open(dir.path()).expect("the run opens");
    let cells = reader.completeness().expect("readable").cells;
    (said, cells.iter().filter(|cell| cell.model == "a").map(|cell| cell.scored).sum())
}

#[test]
fn a_scored_prompt_with_other_token_ids_is_refused() {
    let (said, scored) = refusal(|other| other.end = 11);
    assert!(said.errors.first().is_some_and(|e| e.contains("token ids")), "{:?}", said.errors);
    assert_eq!(scored, 15, "nothing is added to scores of other prompts");
}

#[test]
fn a_scored_prompt_with_other_answer_tokens_is_refused() {
    let (said, scored) = refusal(|other| other.letter = 67);
    assert!(said.errors.first().is_some_and(|e| e.contains("answer tokens")), "{:?}", said.errors);
    assert_eq!(scored, 15, "nothing is added to scores of other answers");
}

#[test]
fn the_same_prompts_are_taken_as_they_are() {
    let (said, scored) = refusal(|_| ());
    assert!(said.errors.is_empty() && scored > 15, "{:?}, {scored}", said.errors);
}
