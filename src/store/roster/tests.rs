use std::fs;

use super::*;

fn parse(text: &str) -> Result<Roster, RosterError> {
    Roster::parse(text, "r.toml", Path::new("/nowhere"))
}

fn refusal(text: &str) -> String {
    match parse(text) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_shipped_roster_has_the_seven_families() {
    let roster = Roster::open(SHIPPED).expect("the shipped roster parses");
    assert_eq!(roster.families.len(), 7);
    assert_eq!(roster.stages().count(), 14);
    for family in &roster.families {
        let stages: Vec<&str> = family.stages.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(stages, ["base", "chat"], "{}", family.name);
        assert!(family.maker.is_some() && family.maker_country.is_some() && family.licence.is_some());
        assert_eq!(family.gated, family.name == "llama");
    }
    for (_, stage) in roster.stages() {
        assert_eq!(stage.location, stage.checkpoint, "a hub id is looked up as it is");
        let is_commit = |text: &str| text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(stage.revision.as_deref().is_none_or(is_commit), "{}", stage.model);
    }
    let prefill = |model: &str| {
        let found = roster.stages().find(|(_, s)| s.model == model);
        found.and_then(|(_, s)| s.prefill.clone())
    };
    assert_eq!(prefill("glm4-9b-chat").as_deref(), Some("\n"));
    assert_eq!(prefill("yi1.5-9b-chat").as_deref(), Some("("));
    assert_eq!(prefill("qwen2.5-7b-inst"), None);
}

#[test]
fn stages_keep_the_files_order_and_have_forms() {
    let roster = parse(
        "[[family]]\nname = 'olmo'\nbase = { model = 'b', checkpoint = 'org/b' }\n\
         sft = { model = 's', checkpoint = 'org/s', form = 'chat' }\ndpo = { model = 'd', checkpoint = 'org/d' }\n\
         anneal = { model = 'a', checkpoint = './a', form = 'base', revision = 'abc' }\n[analysis]\ntarget = 'China'\n",
    )
    .expect("parses");
    let stages: Vec<(&str, StageForm)> = roster.stages().map(|(_, s)| (s.name.as_str(), s.form)).collect();
    assert_eq!(
        stages,
        [
            ("base", StageForm::Base),
            ("sft", StageForm::Chat),
            ("dpo", StageForm::Chat),
            ("anneal", StageForm::Base)
        ]
    );
    let (_, last) = roster.stages().last().expect("four stages");
    assert_eq!(Path::new(&last.location), Path::new("/nowhere/./a"));
    assert_eq!(roster.families[0].stages[0].location, "org/b");
}

#[test]
fn a_folder_beside_the_roster_is_found() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(dir.path().join("checkpoints/base")).expect("a folder");
    let path = dir.path().join("roster.toml");
    fs::write(&path, "[[family]]\nname = 'f'\nbase = { model = 'b', checkpoint = 'checkpoints/base' }\n")
        .expect("written");
    let roster = Roster::load(&path).expect("parses");
    assert_eq!(Path::new(&roster.families[0].stages[0].location), dir.path().join("checkpoints/base"));
}

#[test]
fn what_is_not_understood_is_refused_by_line_and_name() {
    let stage = "base = { model = 'b', checkpoint = 'org/b' }";
    for (text, expected) in [
        ("".to_owned(), "no [[family]]"),
        ("[[family]]\nname = 'f'\n".to_owned(), "line 1: family `f` has no stage"),
        (format!("[[family]]\nname = 'f'\ncolour = 'red'\n{stage}"), "line 3: unknown key `colour`"),
        (format!("[[family]]\n{stage}"), "a family has no `name`"),
        (format!("family = 1\n{stage}"), "line 1"),
        (format!("[[family]]\nname = 'f'\n{stage}\n[[family]]\nname = 'f'\n{stage}"), "`f` stands twice"),
        (
            format!("[[family]]\nname = 'f'\n{stage}\n[[family]]\nname = 'g'\n{stage}"),
            "model `b` stands twice",
        ),
        (
            "[[family]]\nname = 'f'\nbase = { model = 'b' }".to_owned(),
            "line 3: stage `base` has no `checkpoint`",
        ),
        ("[[family]]\nname = 'f'\nbase = { model = 'b', checkpoint = 3 }".to_owned(), "`checkpoint` is text"),
        ("[[family]]\nname = 'f'\nbase = { model = '', checkpoint = 'a/b' }".to_owned(), "`model` is empty"),
        (
            "[[family]]\nname = 'f'\ncaht = { model = 'b', checkpoint = 'a/b' }".to_owned(),
            "line 3: stage `caht` is none of",
        ),
        (
            "[[family]]\nname = 'f'\nbase = { model = 'b', checkpoint = 'a/b', perfill = 'x' }".to_owned(),
            "unknown key `perfill` in stage `base`",
        ),
        ("[[family]]\nname = 'f\n".to_owned(), "line 2"),
        ("[settings]\n".to_owned(), "unknown key `settings`"),
    ] {
        let message = refusal(&text);
        assert!(message.contains(expected), "{text:?} gave {message:?}");
        assert!(!message.contains('\n'), "{message:?} is more than one line");
    }
}

#[test]
fn the_further_roster_has_stages_in_order() {
    let roster = Roster::open("further").expect("it parses");
    let olmo = roster.families.iter().find(|family| family.name == "olmo2").expect("it is there");
    let stages: Vec<(&str, StageForm)> = olmo.stages.iter().map(|s| (s.name.as_str(), s.form)).collect();
    let chat = StageForm::Chat;
    assert_eq!(stages, [("base", StageForm::Base), ("sft", chat), ("dpo", chat), ("rl", chat)]);
    assert!(roster.families.iter().any(|family| family.name == "qwen3"));
    let gated = roster.families.iter().filter(|family| family.gated);
    assert!(gated.map(|family| &*family.name).eq(["gemma3-270m", "gemma3-1b", "gemma3-4b"]));
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_no_roster_and_not_waited_for() {
    let dir = tempfile::tempdir().expect("a folder");
    let pipe = dir.path().join("roster.toml");
    crate::plain::named_pipe(&pipe);
    let error = Roster::load(&pipe).expect_err("refused").to_string();
    assert!(
        error.contains("roster.toml: is a named pipe") && error.contains("give a regular file"),
        "{error}"
    );
    let error = Roster::load(Path::new("/dev/zero")).expect_err("refused").to_string();
    assert!(error.contains("too large for a roster"), "{error}");
}

/// As a run has it too, which is no file.
#[test]
fn what_would_fill_the_memory_is_not_parsed() {
    for (text, why) in [
        ("\n".repeat((1 << 20) + 1), "r.toml: is too large for a roster or settings (1 MiB)"),
        ("[".repeat(200_001), "r.toml: holds more than 200,000 values"),
    ] {
        let error = parse(&text).expect_err("it is refused").to_string();
        assert!(error.starts_with(why), "{error}");
        let error = crate::stats::Settings::parse(&text, "r.toml").expect_err("refused").to_string();
        assert!(error.contains(why), "{error}");
        let error = crate::stats::Preregistration::parse(&text, "r.toml").expect_err("refused").to_string();
        assert!(error.contains(why), "{error}");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.toml");
    std::fs::write(&path, "é".repeat(1 << 19) + "é").unwrap();
    let error = Roster::load(&path).expect_err("it is refused").to_string();
    assert!(error.contains("r.toml: is too large"), "{error}");
    std::fs::write(&path, b"a = '\xff'").unwrap();
    let error = Roster::load(&path).expect_err("it is refused").to_string();
    assert!(error.contains("r.toml: is not UTF-8 text"), "{error}");
}
