//! A plan written before a run, and what a run kept of it.

use serde::{Deserialize, Serialize};

use super::error::StatsError;
use super::settings::Settings;
use crate::plain::{counted, from_toml, instant};

/// What a plan file calls its shape.
pub const PLAN_SCHEMA: &str = "tiltmeter-plan/1";

/// What intervals may answer for; the page's, and Holm's p, are of [`SCOPE`].
const SCOPES: [&str; 4] = ["same_types", "new_types", SCOPE, "new_opponents"];
const SCOPE: &str = "crossed";

/// What is decided before anything is scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Preregistration {
    pub schema: String,
    /// UTC, `2026-01-31T12:00:00Z`.
    pub written: String,
    /// Version of the program that wrote it.
    pub program: String,
    /// The country whose shift the question is about.
    pub target: String,
    /// Log-odds: what lies within it is no finding.
    pub smallest_effect: f64,
    /// What the intervals are for: `crossed`, other incidents and other pairings of these countries.
    pub scope: String,
    /// Families whose shifts are corrected together.
    pub holm_family: Vec<String>,
    pub hashes: PlannedHashes,
}

/// SHA-256, in hex.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedHashes {
    /// Over the study's files.
    pub study: String,
    /// Of the roster's text.
    pub roster: String,
    /// Of the settings' text; the roster's where it holds the settings.
    pub settings: String,
}

impl Preregistration {
    /// From settings and the hashes of what is to be used; `written` is now.
    ///
    /// # Errors
    /// Settings without a target, or without a family that has two stages.
    pub fn new(
        settings: &Settings,
        roster: &Settings,
        hashes: PlannedHashes,
        written: String,
    ) -> Result<Preregistration, StatsError> {
        let problem =
            |what: &str| StatsError::Settings { settings: settings.name.clone(), problem: what.to_owned() };
        let analysis = settings.analysis.clone().unwrap_or_default();
        let target = analysis.target.ok_or_else(|| {
            problem("a plan names its target: give analysis.target, the country whose shift the question is about")
        })?;
        let families = if settings.families.is_empty() { &roster.families } else { &settings.families };
        let holm_family: Vec<String> =
            families.iter().filter(|f| f.stages.len() > 1).map(|f| f.name.clone()).collect();
        if holm_family.is_empty() {
            return Err(problem("a plan needs a family with two stages, whose shift can be tested"));
        }
        Ok(Preregistration {
            schema: PLAN_SCHEMA.to_owned(),
            written,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            target,
            smallest_effect: analysis.smallest_effect,
            scope: SCOPE.to_owned(),
            holm_family,
            hashes,
        })
    }

    /// Reads a plan's text; `name` is what errors call it.
    pub fn parse(text: &str, name: &str) -> Result<Preregistration, StatsError> {
        let problem = |problem: String| StatsError::Settings { settings: name.to_owned(), problem };
        let plan: Preregistration = from_toml(text).map_err(problem)?;
        if plan.schema != PLAN_SCHEMA {
            return Err(problem(format!("its schema is `{}`, not `{PLAN_SCHEMA}`", plan.schema)));
        }
        if instant(&plan.written).is_none() {
            let written = &plan.written;
            return Err(problem(format!(
                "`written` is `{written}`, which is no time such as 2026-01-31T12:00:00Z"
            )));
        }
        if !SCOPES.contains(&plan.scope.as_str()) {
            let known = SCOPES.join(", ");
            return Err(problem(format!("its scope is `{}`, which is none of {known}", plan.scope)));
        }
        if !(plan.smallest_effect > 0.0 && plan.smallest_effect.is_finite()) {
            let effect = plan.smallest_effect;
            return Err(problem(format!("its smallest_effect is {effect}, which is not a positive number")));
        }
        Ok(plan)
    }

    /// The file's text, with what each part is for.
    pub fn text(&self) -> String {
        let body = toml::to_string(self).unwrap_or_default();
        format!(
            "# What is decided before the run: written by `tiltmeter plan`, checked by `report --plan` and `analyze --plan`.\n\
             # Keep it where its date can be proven (a commit, a registry); nobody can tell from the file alone.\n{body}"
        )
    }
}

/// What a run or a table says of itself; `None` where it does not say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    pub study: Option<String>,
    pub roster: Option<String>,
    pub settings: Option<String>,
    /// When its first sweep began, UTC.
    pub begun: Option<String>,
    /// What it lacks of the prompts that there are to score, a sentence each: none for a whole run.
    pub lacks: Option<Vec<String>>,
    pub target: String,
    pub smallest_effect: f64,
    /// Families with a shift.
    pub families: Vec<String>,
}

/// The plan held against the run.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct PlanCheck {
    pub plan: Preregistration,
    /// Whether everything that can be checked is as planned, and the plan is older than the run.
    pub holds: bool,
    /// What differs from the plan, a sentence each.
    pub departures: Vec<String>,
    /// What cannot be checked.
    pub unknown: Vec<String>,
}

impl PlanCheck {
    pub fn new(plan: Preregistration, facts: &Facts) -> PlanCheck {
        let (mut departures, mut unknown) = (Vec::new(), Vec::new());
        let times =
            facts.begun.as_ref().and_then(|begun| Some((begun, instant(begun)?, instant(&plan.written)?)));
        match times {
            Some((begun, at, written)) if at < written => departures.push(format!(
                "the plan was written at {}, after the run had begun at {begun}",
                plan.written
            )),
            Some(_) => {}
            None => unknown.push("whether the plan is older than the scores".to_owned()),
        }
        match &facts.lacks {
            Some(lacks) => departures.extend(lacks.iter().cloned()),
            None => unknown.push("whether all that was planned is scored".to_owned()),
        }
        let hashes = [
            ("study", "is", "the one", &plan.hashes.study, &facts.study),
            ("roster", "is", "the one", &plan.hashes.roster, &facts.roster),
            ("settings", "are", "those", &plan.hashes.settings, &facts.settings),
        ];
        for (what, is, the_one, planned, found) in hashes {
            match found {
                Some(found) if found != planned => departures.push(format!(
                    "the {what} {is} not {the_one} planned (SHA-256 {}, planned {})",
                    short(found),
                    short(planned)
                )),
                Some(_) => {}
                None => unknown.push(format!("whether the {what} {is} {the_one} planned")),
            }
        }
        if facts.target != plan.target {
            departures.push(format!("the target is {}, planned was {}", facts.target, plan.target));
        }
        if facts.smallest_effect != plan.smallest_effect {
            departures.push(format!(
                "the smallest effect of interest is {}, planned was {}",
                facts.smallest_effect, plan.smallest_effect
            ));
        }
        if plan.scope != SCOPE {
            departures.push(format!("the intervals are for the scope {SCOPE}, planned was {}", plan.scope));
        }
        let missing: Vec<&str> =
            plan.holm_family.iter().filter(|f| !facts.families.contains(f)).map(String::as_str).collect();
        if !missing.is_empty() {
            departures.push(format!("no shift is there of the planned {}", missing.join(", ")));
        }
        let added: Vec<&str> =
            facts.families.iter().filter(|f| !plan.holm_family.contains(f)).map(String::as_str).collect();
        if !added.is_empty() {
            departures.push(format!("{} not planned: {}", were(added.len()), added.join(", ")));
        }
        PlanCheck { holds: departures.is_empty() && unknown.is_empty(), plan, departures, unknown }
    }

    /// What was planned, whether it was kept, and what was not planned: for the first screen.
    pub fn sentences(&self) -> Vec<String> {
        let plan = &self.plan;
        let mut said = vec![format!(
            "Planned on {}: the post-training shift for {} of {} ({}), with {} intervals, corrected by Holm over them, and \
             a smallest effect of interest of {} log-odds.",
            plan.written,
            plan.target,
            counted(plan.holm_family.len(), "family"),
            plan.holm_family.join(", "),
            plan.scope,
            plan.smallest_effect
        )];
        said.push(match (self.departures.as_slice(), self.unknown.as_slice()) {
            ([], []) => {
                "The run keeps to the plan: study, roster and settings are those planned, it is whole, and it began later."
                    .to_owned()
            }
            ([], unknown) => {
                format!(
                    "Nothing departs from the plan as far as can be told; unknown is {}.",
                    unknown.join(", ")
                )
            }
            (departures, _) => format!("Departures from the plan: {}.", departures.join("; ")),
        });
        said.push(
            "Not planned, and so exploratory: every other country, condition and language shift, the role scale, and \
             what reviewers ask next."
                .to_owned(),
        );
        said
    }
}

fn were(n: usize) -> &'static str {
    if n == 1 { "a family was" } else { "families were" }
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROSTER: &str =
        "[analysis]\ntarget = 'A'\n[[family]]\nname = 'f'\nbase = { model = 'b' }\nchat = { model = 'c' }";

    fn plan() -> Preregistration {
        let settings = Settings::parse(ROSTER, "r.toml").expect("settings");
        let hashes = PlannedHashes { study: "s".into(), roster: "r".into(), settings: "r".into() };
        Preregistration::new(&settings, &settings, hashes, "2026-01-02T00:00:00Z".into()).expect("a plan")
    }

    fn facts() -> Facts {
        let some = |text: &str| Some(text.to_owned());
        Facts {
            study: some("s"),
            roster: some("r"),
            settings: some("r"),
            begun: some("2026-01-03T00:00:00Z"),
            lacks: Some(Vec::new()),
            target: "A".into(),
            smallest_effect: 0.25,
            families: vec!["f".into()],
        }
    }

    #[test]
    fn a_plan_reads_back_and_is_kept_or_not() {
        let plan = plan();
        assert_eq!(Preregistration::parse(&plan.text(), "p.toml").expect("the same"), plan);
        assert!(PlanCheck::new(plan.clone(), &facts()).holds);
        assert!(PlanCheck::new(plan.clone(), &Facts { begun: Some(plan.written.clone()), ..facts() }).holds);
        let departures = [
            Facts { begun: Some("2026-01-01T00:00:00Z".into()), ..facts() },
            Facts { lacks: Some(vec!["the run is not whole".into()]), ..facts() },
            Facts { study: Some("t".into()), ..facts() },
            Facts { settings: Some("t".into()), ..facts() },
            Facts { target: "B".into(), ..facts() },
            Facts { smallest_effect: 0.5, ..facts() },
            Facts { families: vec![], ..facts() },
            Facts { families: vec!["f".into(), "g".into()], ..facts() },
        ];
        for facts in departures {
            let check = PlanCheck::new(plan.clone(), &facts);
            assert_eq!((check.holds, check.departures.len()), (false, 1), "{facts:?}");
        }
        let added = |names: &[&str]| {
            let families = ["f"].iter().chain(names).map(|name| (*name).to_owned()).collect();
            PlanCheck::new(plan.clone(), &Facts { families, ..facts() }).departures
        };
        assert_eq!(added(&["g"]), ["a family was not planned: g"]);
        assert_eq!(added(&["g", "h"]), ["families were not planned: g, h"]);
        let check = PlanCheck::new(plan, &Facts { begun: None, ..facts() });
        assert_eq!((check.holds, check.departures.len(), check.unknown.len()), (false, 0, 1));
    }

    #[test]
    fn what_is_told_of_a_run_is_not_more_than_what_is_known() {
        let check = |plan: Preregistration, facts: Facts| PlanCheck::new(plan, &facts);
        let not_said = check(plan(), Facts { lacks: None, ..facts() });
        assert_eq!((not_said.holds, not_said.departures.len(), not_said.unknown.len()), (false, 0, 1));
        let other = check(Preregistration { scope: "new_types".into(), ..plan() }, facts());
        assert_eq!(other.departures, ["the intervals are for the scope crossed, planned was new_types"]);
        let settings = Facts { settings: Some("t".into()), ..facts() };
        let said = check(plan(), settings).departures;
        assert_eq!(said, ["the settings are not those planned (SHA-256 t, planned r)"]);
        // An hour before the run, and an hour after it, by the clock of another zone.
        for (written, holds) in [("2026-01-03T01:00:00+02:00", true), ("2026-01-02T23:00:00-02:00", false)] {
            let plan = Preregistration { written: written.into(), ..plan() };
            assert_eq!(check(plan, facts()).holds, holds, "{written}");
        }
        // A time that cannot be read is no proof of an order.
        let begun = Facts { begun: Some("foo".into()), ..facts() };
        assert_eq!(check(plan(), begun).unknown, ["whether the plan is older than the scores"]);
    }

    #[test]
    fn plans_with_impossible_values_are_refused() {
        let text = plan().text();
        for (from, to, problem) in [
            ("2026-01-02T00:00:00Z", "yesterday", "`written` is `yesterday`, which is no time such as"),
            ("2026-01-02T00", "2026-02-31T00", "`written` is `2026-02-31T00:00:00Z`"),
            (
                "crossed",
                "everything",
                "its scope is `everything`, which is none of same_types, new_types, crossed",
            ),
            ("effect = 0.25", "effect = -1.0", "its smallest_effect is -1, which is not a positive number"),
            ("effect = 0.25", "effect = 0", "its smallest_effect is 0,"),
            ("effect = 0.25", "effect = nan", "its smallest_effect is NaN,"),
        ] {
            let error = Preregistration::parse(&text.replace(from, to), "p.toml").expect_err(to).to_string();
            assert!(error.contains(problem), "{error} should say {problem}");
        }
    }

    #[test]
    fn a_plan_without_a_target_or_a_shift_is_refused() {
        for (text, problem) in
            [("[analysis]", "names its target"), ("[analysis]\ntarget = 'A'", "two stages")]
        {
            let settings = Settings::parse(text, "s.toml").expect("settings");
            let hashes = plan().hashes;
            let error =
                Preregistration::new(&settings, &settings, hashes, String::new()).expect_err("no plan");
            assert!(error.to_string().contains(problem), "{error}");
        }
        assert!(Preregistration::parse("schema = 'x'", "p.toml").is_err());
        let other = plan().text().replace(PLAN_SCHEMA, "tiltmeter-plan/2");
        let error = Preregistration::parse(&other, "p.toml").expect_err("another schema").to_string();
        assert!(error.contains("its schema is `tiltmeter-plan/2`, not `tiltmeter-plan/1`"), "{error}");
    }

    #[test]
    fn a_plan_is_about_the_families_of_its_settings_or_else_of_its_roster() {
        let family = |name: &str, stages: &str| format!("[[family]]\nname = '{name}'\n{stages}\n");
        let two = "base = { model = 'b' }\nchat = { model = 'c' }";
        let read = |text: &str| Settings::parse(text, "s.toml").expect("settings");
        let roster = read(&[family("f", two), family("g", "chat = { model = 'd' }")].concat());
        let target = "[analysis]\ntarget = 'A'\n".to_owned();
        let planned = |settings: &Settings| {
            let plan = Preregistration::new(settings, &roster, plan().hashes, String::new());
            plan.expect("a plan").holm_family
        };
        assert_eq!(planned(&read(&target)), ["f"]);
        assert_eq!(planned(&read(&(target + &family("h", two)))), ["h"]);
    }

    #[test]
    fn what_was_planned_and_what_became_of_it_is_told() {
        let said = |facts: Facts| PlanCheck::new(plan(), &facts).sentences();
        let kept = said(facts());
        assert_eq!(
            kept[..2],
            [
                "Planned on 2026-01-02T00:00:00Z: the post-training shift for A of 1 family (f), with crossed intervals, \
                 corrected by Holm over them, and a smallest effect of interest of 0.25 log-odds.",
                "The run keeps to the plan: study, roster and settings are those planned, it is whole, and it began later.",
            ]
        );
        assert!(kept[2].starts_with("Not planned, and so exploratory: every other country"), "{kept:?}");
        assert_eq!(
            said(Facts { roster: None, begun: None, ..facts() })[1],
            "Nothing departs from the plan as far as can be told; unknown is whether the plan is older than the scores, \
             whether the roster is the one planned."
        );
        let hash = "0123456789abcdef".to_owned();
        assert_eq!(
            said(Facts { study: Some(hash), target: "B".into(), families: vec![], ..facts() })[1],
            "Departures from the plan: the study is not the one planned (SHA-256 0123456789ab, planned s); the target \
             is B, planned was A; no shift is there of the planned f."
        );
    }
}
