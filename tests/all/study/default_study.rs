//! What the default study asks.

use std::collections::HashSet;

use tiltmeter::study::{Finding, PromptQuery, StageForm, Study, StudyError};

use super::texts;

const FORMS: [StageForm; 2] = [StageForm::Base, StageForm::Chat];

#[apply(test!)]
fn the_default_study_has_nothing_to_find() {
    let findings = Study::embedded().unwrap().validate();
    let findings: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[apply(test!)]
fn every_scenario_type_of_the_default_study_is_there() {
    let study = Study::embedded().unwrap();
    let main: Vec<_> = study.scenarios().iter().filter(|s| s.set == "main").collect();
    let kinds: HashSet<&str> = main.iter().map(|s| s.kind.as_str()).collect();
    assert_eq!((main.len(), kinds.len()), (79, 13));
    assert_eq!(study.languages(), ["en", "fr", "zh"]);
}

#[apply(test!)]
fn main_asks_17_696_different_questions_in_every_language_and_form() {
    let study = Study::embedded().unwrap();
    for language in study.languages() {
        for form in FORMS {
            let prompts = study.prompts(&PromptQuery::new(language, "main", form)).unwrap();
            assert_eq!(prompts.len(), 17_696);
            let mut ids = HashSet::new();
            let mut shown = HashSet::new();
            for prompt in prompts {
                shown.insert(texts(&prompt.text).join("\u{0}"));
                ids.insert(prompt.id);
            }
            assert_eq!((ids.len(), shown.len()), (17_696, 17_696), "{language} {form:?}");
        }
    }
}

/// Every scenario, question and arrangement of four pairs that hold every entity: what differs between pairs is names.
#[apply(test!)]
fn no_default_prompt_shows_a_brace_or_joins_badly() {
    let study = Study::embedded().unwrap();
    for condition in study.conditions() {
        let entities = &study.entity_set(&condition.entities).unwrap().entities;
        let pairs: Vec<String> =
            entities.chunks(2).map(|two| format!("{}-{}", two[0].id, two[1].id)).collect();
        for language in study.languages() {
            for form in FORMS.into_iter().filter(|f| condition.exists(language, *f)) {
                let mut query = PromptQuery::new(language, &condition.name, form);
                query.pairs = pairs.clone();
                query.prefill = Some("(".into());
                for prompt in study.prompts(&query).unwrap() {
                    for text in texts(&prompt.text) {
                        assert!(!text.contains(['{', '}']), "{}: {text}", prompt.id);
                        assert!(!text.contains("\n\n\n"), "{}: {text}", prompt.id);
                    }
                }
            }
        }
    }
}

#[apply(test!)]
fn every_entity_stands_in_every_role_and_slot_equally_often() {
    let study = Study::embedded().unwrap();
    let query = PromptQuery::new("en", "control_options", StageForm::Base);
    let prompts: Vec<_> = study.prompts(&query).unwrap().collect();
    for name in ["the USA", "France", "Indonesia"] {
        let count = |label: &str| {
            let option = format!("\n({label}) {name}\n");
            prompts.iter().filter(|p| texts(&p.text)[0].contains(&option)).count()
        };
        assert_eq!(count("A"), count("B"), "{name}");
        assert!(count("A") > 0, "{name}");
    }
}

#[apply(test!)]
fn filters_keep_what_they_name_and_refuse_what_nobody_knows() {
    let study = Study::embedded().unwrap();
    let mut query = PromptQuery::new("fr", "main", StageForm::Chat);
    query.entities = vec!["China".into(), "USA".into(), "Japan".into()];
    query.scenarios = vec!["cyber".into(), "trade_acts_1".into()];
    let cyber = study.scenarios().iter().filter(|s| s.kind == "cyber").count();
    assert_eq!(study.prompts(&query).unwrap().len(), 3 * (cyber + 1) * 2 * 4);
    query.pairs = vec!["Japan-USA".into()];
    let prompts: Vec<_> = study.prompts(&query).unwrap().collect();
    assert_eq!(prompts.len(), (cyber + 1) * 2 * 4);
    assert!(prompts.iter().all(|p| p.pair == ["USA", "Japan"]));
    for wrong in [
        PromptQuery { entities: vec!["Atlantis".into()], ..query.clone() },
        PromptQuery { pairs: vec!["USA-Atlantis".into()], ..query.clone() },
        PromptQuery { scenarios: vec!["chess".into()], ..query.clone() },
        PromptQuery { language: "de".into(), ..query.clone() },
        PromptQuery { condition: "mian".into(), ..query.clone() },
    ] {
        let error = study.prompts(&wrong).err().unwrap().to_string();
        let named = ["Atlantis", "chess", "`de`", "mian"].iter().any(|n| error.contains(n));
        assert!(named, "{error}");
    }
}

#[apply(test!)]
fn a_condition_that_takes_the_checkpoints_prefill_asks_for_it() {
    let study = Study::embedded().unwrap();
    let mut query = PromptQuery::new("en", "prefill", StageForm::Chat);
    assert!(study.condition("prefill").unwrap().needs_prefill(StageForm::Chat));
    assert!(matches!(study.prompts(&query), Err(StudyError::NeedsPrefill { .. })));
    query.prefill = Some("\n".into());
    let prompt = study.prompts(&query).unwrap().next().unwrap();
    assert_eq!(*texts(&prompt.text).last().unwrap(), "\n");
    query.form = StageForm::Base;
    assert!(matches!(study.prompts(&query), Err(StudyError::NotAsked { .. })));
}

#[apply(test!)]
fn questions_can_be_asked_in_another_language() {
    let study = Study::embedded().unwrap();
    let query = PromptQuery::new("zh", "question_en", StageForm::Chat);
    let prompt = study.prompts(&query).unwrap().next().unwrap();
    let text = texts(&prompt.text)[0];
    assert!(text.contains("美国") && text.contains("(A) the USA\n(B) France"), "{text}");
    let (en, zh) =
        (PromptQuery::new("en", "main", StageForm::Chat), PromptQuery::new("zh", "main", StageForm::Chat));
    let narrative = |query| {
        let prompt = study.prompts(query).unwrap().next().unwrap();
        texts(&prompt.text)[0].to_owned()
    };
    assert_ne!(narrative(&en), narrative(&zh));
}
