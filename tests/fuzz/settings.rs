//! What a person sets: rosters, settings, plans made before the run.

use std::path::Path;

use tiltmeter::stats::{PlanCheck, Preregistration, Settings};
use tiltmeter::store::Roster;
use tiltmeter::store::roster::SHIPPED_TEXTS;

use super::told;

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(told)
}

pub fn roster(bytes: &[u8]) -> Result<(), String> {
    let roster = Roster::parse(text(bytes)?, "roster.toml", Path::new("/nowhere")).map_err(told)?;
    for (family, stage) in roster.stages() {
        drop(family.gate(stage));
    }
    drop(roster.select(&["qwen2.5-7b".to_owned()]));
    drop(roster.select(&["*".to_owned()]));
    Ok(())
}

pub fn settings(bytes: &[u8]) -> Result<(), String> {
    Settings::parse(text(bytes)?, "settings.toml").map(drop).map_err(told)
}

pub fn plan(bytes: &[u8]) -> Result<(), String> {
    let plan = Preregistration::parse(text(bytes)?, "plan.toml").map_err(told)?;
    Preregistration::parse(&plan.text(), "plan.toml")
        .map_err(|error| panic!("what it wrote itself: {error}"))
        .ok();
    PlanCheck::new(plan, &Default::default()).sentences();
    Ok(())
}

/// One of each key of a roster, small.
const ROSTER: &str = r#"
[[family]]
name = "one"
maker = "Maker"
maker_country = "China"
licence = "Apache-2.0"
gated = true
note = "a note"
base = { model = "one-base", checkpoint = "org/one", revision = "abc" }
sft = { model = "one-sft", checkpoint = "./local", prefill = "So" }
chat = { model = "one-chat", checkpoint = "org/one-chat", condition = "main" }

[[family]]
name = "two"
base = { model = "two", checkpoint = "/abs/two" }
"#;

const SETTINGS: &str = include_str!("../fixtures/items/settings.toml");
const CONFIRMATORY: &str = include_str!("../fixtures/confirmatory/settings.toml");
const TEMPLATE: &str = include_str!("../../src/store/roster/template.toml");

pub fn roster_seeds() -> Vec<Vec<u8>> {
    // As many families as fit.
    let whole = |text: &str| {
        let fits = text.match_indices("\n[[family]]").map(|(at, _)| at).take_while(|at| *at < 3000);
        text[..fits.last().unwrap_or_default()].to_owned()
    };
    let shipped = SHIPPED_TEXTS.iter().map(|(_, text)| whole(text));
    let small = [TEMPLATE.to_owned(), ROSTER.to_owned(), SETTINGS.to_owned()];
    small.into_iter().chain(shipped).map(String::into_bytes).collect()
}

pub fn settings_seeds() -> Vec<Vec<u8>> {
    [SETTINGS, CONFIRMATORY, TEMPLATE, ROSTER].map(|text| text.as_bytes().to_vec()).to_vec()
}

pub fn plan_seeds() -> Vec<Vec<u8>> {
    let plan = r#"schema = "tiltmeter-plan/1"
written = "2026-01-31T12:00:00Z"
program = "0.2.0"
target = "China"
smallest_effect = 0.1
scope = "crossed"
holm_family = ["one", "two"]

[hashes]
study = "00"
roster = "11"
settings = "22"
"#;
    vec![plan.as_bytes().to_vec()]
}
