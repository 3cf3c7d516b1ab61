//! What checkpoints were shown: prompts' texts from the study, beside the scores that a run keeps of them.

use crate::stats::items::ItemNames;
use crate::stats::{Explanation, PromptRead, ReadingOf};
use crate::store::{CheckpointRecord, RunReader, StoreError};
use crate::study::{Message, OptionOrder, Prompt, PromptQuery, PromptText, Roles, Study};

/// An item, as a study is asked for it.
pub struct Asking<'a> {
    pub language: &'a str,
    pub condition: &'a str,
    pub pair: [&'a str; 2],
    pub scenario: &'a str,
    pub question: &'a str,
}

/// An item's prompts as a checkpoint is shown them, each by its arrangement: its id and its text, without the template's
/// markup. Empty where the study does not ask it.
pub fn texts(
    study: &Study,
    record: &CheckpointRecord,
    asking: &Asking<'_>,
) -> Vec<((Roles, OptionOrder), String, String)> {
    let query = PromptQuery {
        pairs: vec![asking.pair.join("-")],
        scenarios: vec![asking.scenario.to_owned()],
        prefill: record.prefill.clone(),
        ..PromptQuery::new(asking.language, asking.condition, record.form)
    };
    let Ok(prompts) = study.prompts(&query) else { return Vec::new() };
    let asked = prompts.into_iter().filter(|prompt| prompt.question == asking.question);
    asked.map(|prompt: Prompt| ((prompt.roles, prompt.order), prompt.id, laid_out(prompt.text))).collect()
}

fn laid_out(text: PromptText) -> String {
    match text {
        PromptText::Plain(text) => text,
        PromptText::Chat { messages, prefill } => {
            let one = messages.len() == 1;
            let turn = |m: Message| if one { m.content } else { format!("[{}]\n{}", m.role, m.content) };
            let turns: Vec<String> = messages.into_iter().map(turn).collect();
            let begun =
                if prefill.is_empty() { String::new() } else { format!("\n\n[the reply begins]\n{prefill}") };
            format!("{}{begun}", turns.join("\n\n"))
        }
    }
}

/// Gives the items of an explanation their four prompts: scores from the run, texts where `study` is the one that it was
/// asked. Says whether there are texts.
///
/// # Errors
/// As [`RunReader`]'s.
pub fn attach_prompts(
    explanation: &mut Explanation,
    run: &RunReader,
    study: &Study,
) -> Result<bool, StoreError> {
    let is_asked = run.identity()?.iter().any(|(key, value)| key == "study_sha256" && value == study.hash());
    let records = run.checkpoint_records()?;
    for cell in &mut explanation.influence.cells {
        for item in &mut cell.items {
            let Some(record) = records.iter().find(|record| record.model == item.checkpoint) else {
                continue;
            };
            attach(item, (&cell.scenario, &cell.scenario_type), run, record, is_asked.then_some(study))?;
        }
    }
    Ok(is_asked)
}

fn attach(
    item: &mut ReadingOf,
    (scenario, scenario_type): (&str, &str),
    run: &RunReader,
    record: &CheckpointRecord,
    study: Option<&Study>,
) -> Result<(), StoreError> {
    let scores = run.prompts_of(&ItemNames {
        model: &item.checkpoint,
        language: &item.language,
        condition: &item.condition,
        country_1: &item.country_1,
        country_2: &item.country_2,
        scenario,
        scenario_type,
        question: &item.question,
    })?;
    let asking = Asking {
        language: &item.language,
        condition: &item.condition,
        pair: [&item.country_1, &item.country_2],
        scenario,
        question: &item.question,
    };
    let texts = study.map_or_else(Vec::new, |study| texts(study, record, &asking));
    item.prompts = scores
        .into_iter()
        .map(|score| {
            let found = texts.iter().find(|(at, ..)| *at == (score.roles, score.order));
            let first = score.order == OptionOrder::First;
            PromptRead {
                roles: score.roles.name(),
                order: score.order.name(),
                log_odds: score.log_odds,
                first_option: if first { item.country_1.clone() } else { item.country_2.clone() },
                compliance: score.compliance,
                id: found.map(|(_, id, _)| id.clone()),
                text: found.map(|(_, _, text)| text.clone()),
            }
        })
        .collect();
    Ok(())
}
