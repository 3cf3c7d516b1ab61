//! The next checkpoint is loaded while this one computes; what became of it is told at its turn.

use super::*;

#[test]
fn what_fails_while_it_is_read_ahead_is_told_at_its_turn_and_harms_no_other() {
    let setting = Setting::new();
    let request = Request { limit: Some(40), ..setting.request() };
    let swept = |broken| {
        let dir = tempfile::tempdir().expect("a folder");
        let loader = Fakes { broken, ..Fakes::new(usize::MAX) };
        let (outcome, said) = setting.sweep(&request, dir.path(), &loader);
        let loaded = loader.loaded.lock().expect("no panic").clone();
        (outcome.done, outcome.failed, outcome.totals.prompts, said.errors, loaded)
    };
    let both = || ["a", "b"].map(String::from).to_vec();
    let told = vec!["checkpoint `b`: its weights are cut short".to_owned()];
    assert_eq!(swept(Some("b")), (1, 1, 40, told, both()));
    assert_eq!(swept(None), (2, 0, 80, Vec::new(), both()));
    let told = vec!["checkpoint `a`: its weights are cut short".to_owned()];
    assert_eq!(swept(Some("a")), (1, 1, 40, told, both()), "each is loaded once");
}

#[test]
fn it_is_loaded_before_this_one_is_done() {
    let setting = Setting::new();
    let request = Request { limit: Some(40), ..setting.request() };
    let dir = tempfile::tempdir().expect("a folder");
    let loader = Fakes::new(usize::MAX);
    let said = Said { stop_after: Some(2), ..Said::default() };
    let (outcome, _) = setting.watched(&request, dir.path(), &loader, said);
    assert!(outcome.stopped && outcome.done == 0);
    assert_eq!(*loader.loaded.lock().expect("no panic"), ["a", "b"]);
}
