//! What a sweep makes of its roster, and of the copy that a run keeps.

use super::*;

/// What a sweep notes and leaves, for another roster.
fn with_roster(text: &str, dir: &std::path::Path, change: impl FnOnce(&mut Request<'_>)) -> Said {
    let roster = Roster::parse(text, "r.toml", std::path::Path::new("")).expect("the roster parses");
    let setting = Setting { roster, ..Setting::new() };
    let mut request = setting.request();
    change(&mut request);
    setting.sweep(&request, dir, &Fakes::new(usize::MAX)).1
}

fn kept_roster(dir: &std::path::Path) -> Roster {
    let (_, text) = RunReader::open(dir).and_then(|r| r.roster()).expect("readable").expect("a copy");
    Roster::parse(&text, "kept", std::path::Path::new("")).expect("the copy parses")
}

#[test]
fn a_routed_checkpoint_is_asked_in_the_condition_that_is_read() {
    let roster = ROSTER.replace("'x/b'", "'x/b', prefill = '('") + "[analysis.route]\nb = 'prefill'\n";
    let dir = tempfile::tempdir().expect("a folder");
    let said = with_roster(&roster, dir.path(), |_| ());
    assert_eq!(said.plans[1].asked, 2 * said.plans[0].asked);
    let note = "b: condition `prefill` is asked too, the roster routes this checkpoint to it";
    assert!(said.notes.iter().any(|said| said == note), "{:?}", said.notes);
    // Not where the condition that the others are read in is not asked either.
    let dir = tempfile::tempdir().expect("a folder");
    let said = with_roster(&roster, dir.path(), |request| request.conditions = vec!["hedge_on_base".into()]);
    assert!(said.notes.iter().all(|note| !note.contains("routes")), "{:?}", said.notes);
}

#[test]
fn what_nobody_can_be_asked_is_refused() {
    let setting = Setting::new();
    let mut request = setting.request();
    request.conditions = vec!["prefill".into()];
    let error = request.check().expect_err("no checkpoint has a prefill").to_string();
    assert!(error.contains("condition `prefill` is for checkpoints with a `prefill`"), "{error}");
    // One that has it is asked, whatever the others have.
    let given = ROSTER.replace("'x/b'", "'x/b', prefill = '('");
    let roster = Roster::parse(&given, "r.toml", std::path::Path::new("")).expect("the roster parses");
    let setting = Setting { roster, ..Setting::new() };
    let mut request = setting.request();
    request.conditions = vec!["prefill".into()];
    assert_eq!(request.check().expect("there is one").len(), 2);
}

#[test]
fn a_makers_country_is_one_of_the_studys() {
    let parse = |home: &str| {
        let text = ROSTER.replace("name = 'f'", &format!("name = 'f'\nmaker_country = '{home}'"));
        Roster::parse(&text, "r.toml", std::path::Path::new("")).expect("the roster parses")
    };
    let (known, unknown, study) = (parse("China"), parse("Peking"), Setting::new().study);
    assert!(Request::new(&known, &study).check().is_ok());
    let error = Request::new(&unknown, &study).check().expect_err("no such country").to_string();
    assert!(error.starts_with("r.toml: family `f` has the maker_country `Peking`"), "{error}");
    assert!(error.contains("USA, ") && error.contains("China, "), "{error}");
    let companies =
        Study::from_files(crate::study::StudyFiles::template_pair()).expect("a study of companies");
    assert!(Request::new(&unknown, &companies).check().is_ok());
}

#[test]
fn a_later_roster_takes_no_scored_checkpoint_out_of_the_run() {
    let dir = tempfile::tempdir().expect("a folder");
    with_roster(&(ROSTER.to_owned() + "[analysis]\ntarget = 'Japan'\n"), dir.path(), |_| ());
    let narrow = "[[family]]\nname = 'f'\nmaker = 'M'\nchat = { model = 'b', checkpoint = 'y/b' }\n\
                  [[family]]\nname = 'g'\nbase = { model = 'c', checkpoint = 'x/c' }\n";
    let said = with_roster(narrow, dir.path(), |_| ());
    let also = |said: &Said| said.notes.iter().any(|note| note.contains("also keeps a,"));
    assert!(also(&said), "{:?}", said.notes);
    let copy = kept_roster(dir.path());
    let models: Vec<(&str, &str)> = copy.stages().map(|(f, s)| (f.name.as_str(), s.model.as_str())).collect();
    assert_eq!(models, [("f", "a"), ("f", "b"), ("g", "c")]);
    assert_eq!(copy.families[0].maker.as_deref(), Some("M"));
    assert_eq!(copy.families[0].stages[1].checkpoint, "y/b");
    assert!(copy.text.contains("target = \"Japan\""), "{}", copy.text);
    // Once more changes nothing, and what names all of them replaces the merged copy as it stands.
    assert!(!also(&with_roster(narrow, dir.path(), |_| ())));
    assert_eq!(kept_roster(dir.path()).text, copy.text);
    let all = format!("{ROSTER}[[family]]\nname = 'g'\nbase = {{ model = 'c', checkpoint = 'x/c' }}\n");
    with_roster(&all, dir.path(), |_| ());
    assert_eq!(kept_roster(dir.path()).text, all);
}

#[test]
fn a_sweep_that_is_turned_down_leaves_the_copy_of_the_roster() {
    let dir = tempfile::tempdir().expect("a folder");
    with_roster(ROSTER, dir.path(), |_| ());
    let other = ROSTER.replace("'x/b'", "'x/b', prefill = '('") + "[analysis]\ntarget = 'Japan'\n";
    let said = with_roster(&other, dir.path(), |request| request.models = vec!["b".into()]);
    assert!(said.errors[0].contains("prefill"), "{:?}", said.errors);
    assert_eq!(kept_roster(dir.path()).text, ROSTER);
}
