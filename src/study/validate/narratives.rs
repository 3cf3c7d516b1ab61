//! Who is named in a narrative, how often, and in which order.

use std::collections::BTreeMap;

use super::super::error::Finding;
use super::super::expand::written;
use super::super::kind::Kind;
use super::super::model::{Scenario, Study};
use super::super::template::{Piece, Spelling, Who};

/// How often each role is named, and the one named first. Agreements name nobody.
struct Named {
    a: usize,
    b: usize,
    first: Option<Who>,
}

fn named(scenario: &Scenario) -> Named {
    let mut named = Named { a: 0, b: 0, first: None };
    for (who, spelling) in scenario.text.mentions() {
        if matches!(spelling, Spelling::Agree(_)) {
            continue;
        }
        match who {
            Who::A => named.a += 1,
            Who::B => named.b += 1,
            Who::First | Who::Second => continue,
        }
        named.first.get_or_insert(who);
    }
    named
}

pub fn check(study: &Study, findings: &mut Vec<Finding>) {
    let reference = study.reference();
    let theirs: BTreeMap<&str, Named> =
        study.scenarios_in(reference).iter().map(|s| (s.id.as_str(), named(s))).collect();
    for language in &study.languages {
        for scenario in study.scenarios_in(language) {
            let own = named(scenario);
            if !scenario.free {
                counts(scenario, &own, findings);
            }
            slots(scenario, findings);
            agreements(scenario, findings);
            if language == reference {
                if own.first == Some(Who::B) && !scenario.free {
                    let message =
                        "`{B}` is named before `{A}`; the first role is the one that is named first";
                    findings.push(Finding::wording(&scenario.text.origin, Kind::NameOrder, message));
                }
            } else if let Some(theirs) = theirs.get(scenario.id.as_str()) {
                order(scenario, &own, theirs, reference, findings);
            }
        }
    }
}

fn counts(scenario: &Scenario, own: &Named, findings: &mut Vec<Finding>) {
    for (name, count) in [("A", own.a), ("B", own.b)] {
        let message = match count {
            0 => format!("`{{{name}}}` is never used"),
            1 => format!("`{{{name}}}` is used only once; name each of the two at least twice"),
            _ => continue,
        };
        findings.push(Finding::wording(&scenario.text.origin, Kind::NameCount, message));
    }
}

fn slots(scenario: &Scenario, findings: &mut Vec<Finding>) {
    for (who, _) in scenario.text.mentions() {
        if matches!(who, Who::First | Who::Second) {
            let message = format!(
                "`{{{}}}` stands for an option slot and has no place in a narrative (use `{{A}}` and `{{B}}`)",
                who.name()
            );
            findings.push(Finding::error(&scenario.text.origin, message));
            return;
        }
    }
}

/// `{B} {A|s:has|p:have}`: the name of one and directly after it the agreement with the other.
fn agreements(scenario: &Scenario, findings: &mut Vec<Finding>) {
    for window in scenario.text.pieces.windows(3) {
        if let [
            Piece::Entity { who: name, spelling: Spelling::Form(_) },
            Piece::Literal(gap),
            Piece::Entity { who: agreed, spelling: agreement @ Spelling::Agree(_) },
        ] = window
            && gap == " "
            && name != agreed
        {
            let message = format!(
                "`{{{}}}` agrees with `{{{}}}`, but follows the name of `{{{}}}`",
                written(*agreed, agreement),
                agreed.name(),
                name.name()
            );
            findings.push(Finding::warning(&scenario.text.origin, Kind::Agreement, message));
        }
    }
}

fn order(scenario: &Scenario, own: &Named, theirs: &Named, reference: &str, findings: &mut Vec<Finding>) {
    if let (Some(own_first), Some(their_first)) = (own.first, theirs.first)
        && own_first != their_first
    {
        let message = format!(
            "`{{{}}}` is named first, but `{{{}}}` in `{reference}`: the roles are swapped",
            own_first.name(),
            their_first.name()
        );
        findings.push(Finding::wording(&scenario.text.origin, Kind::NameOrder, message));
        return;
    }
    if own.a != own.b && (own.a, own.b) == (theirs.b, theirs.a) {
        let message = format!(
            "`{{A}}` is named {} times and `{{B}}` {}, in `{reference}` the other way round: perhaps roles are swapped in a part of the text",
            own.a, own.b
        );
        findings.push(Finding::warning(&scenario.text.origin, Kind::NameOrder, message));
    }
}
