//! The answer in words. A sentence says what was found and how firmly; it never turns a large p into neutrality.

use crate::plain::{counted, noun};
use crate::stats::{Clustered, Estimate, percent};

use super::format;
use super::format::{capital, count_word, language, list, probability};
use super::input::Planted;
use super::scope::{Caution, Scope};
use super::table::Item;

/// What was asked of whom.
pub fn lead(scope: &Scope<'_>) -> String {
    let n = scope.checkpoints.len();
    let checkpoints = format!("{} {}", capital(&count_word(n)), noun(n, "checkpoint"));
    let families = match scope.families.len() {
        0 | 1 => String::new(),
        n => format!(" of {} families", count_word(n)),
    };
    let languages: Vec<&str> = scope.languages.iter().map(|l| language(l)).collect();
    let (scenarios, types) = bank(scope);
    let asked = asked(scope);
    let questions = match asked.as_slice() {
        [] => String::new(),
        [one] => format!(" (“{}”)", format::words(one)),
        many => format!(
            " ({})",
            list(&many.iter().map(|q| format!("“{}”", format::words(q))).collect::<Vec<_>>())
        ),
    };
    let closest = match scope.entities.len() {
        0..=2 => String::new(),
        _ => format!(" The page looks most closely at {}.", scope.target),
    };
    let were = if scope.checkpoints.len() == 1 { "was" } else { "were" };
    format!(
        "{checkpoints}{families} {were} asked in {} to choose between {} {}{}, in {} of {}{questions}. \
         Every pair is asked with both sides in either role and either option slot, so that a taste for a role or a \
         letter cancels.{closest}",
        list(&languages),
        count_word(scope.entities.len()),
        scope.wording.many,
        if scope.is_pair() { "" } else { ", two at a time" },
        counted(scenarios, "scenario"),
        counted(types, "type"),
    )
}

/// The questions that were asked, without what is made of them.
fn asked<'a>(scope: &Scope<'a>) -> Vec<&'a str> {
    let mut questions = Vec::new();
    for ([_, _, question, _], _) in scope.analysis.group("compliance") {
        if question != "both" && !questions.contains(&question) {
            questions.push(question);
        }
    }
    questions
}

/// Numbers of scenarios and of types behind the page's leading figures.
pub fn bank(scope: &Scope<'_>) -> (usize, usize) {
    let mut types: Vec<&str> = Vec::new();
    for checkpoint in &scope.checkpoints {
        for language in &scope.languages {
            let id = format!(
                "topics/{language}/{}/{}/{}/{}",
                checkpoint.label, scope.target, scope.question, scope.subset
            );
            if let Some(Estimate::Topics(topics)) = scope.analysis.estimate(&id) {
                types.extend(topics.iter().map(|(name, _)| name));
            }
        }
    }
    types.sort_unstable();
    types.dedup();
    let scenarios = match scope.analysis.estimate("bank/scenario_types") {
        Some(Estimate::Bank(bank)) => bank.iter().filter(|(_, kind)| types.contains(&kind.as_str())).count(),
        _ => 0,
    };
    (scenarios, types.len())
}

/// `+2.91 log-odds (95 % CI +1.96 to +3.86; preference 94.8 %)`.
pub fn estimate(scope: &Scope<'_>, c: &Clustered) -> String {
    let value = scope.decimals.signed(c.mean_cluster);
    let preference = format::percent(percent(c.mean_cluster));
    match c.ci_t {
        Some(half) => {
            let interval = scope.decimals.interval(c.mean_cluster, Some(half));
            format!("{value} log-odds (95 % CI {interval}; preference {preference} %)")
        }
        None => format!("{value} log-odds (one scenario type, so no interval; preference {preference} %)"),
    }
}

/// One checkpoint in one language.
pub fn verdict(scope: &Scope<'_>, language: &str, label: &str) -> Item {
    let lead = label.to_owned();
    let mean = scope.compliance_mean(language, label).unwrap_or(f64::NAN);
    let caution = scope.caution(language, label);
    if caution == Caution::Low {
        let text = format!(
            "not read: on average {} of its probability falls on the two answers, so its letters do not tell what it prefers.",
            probability(mean)
        );
        return Item { lead, text, tone: "caution" };
    }
    let found: Vec<(&str, &Clustered)> =
        scope.entities.iter().filter_map(|e| Some((*e, scope.favourability(language, label, e)?))).collect();
    let leaning = |name: &str| scope.leans(language, label, name);
    let (leans, rest): (Vec<_>, Vec<_>) = found.iter().copied().partition(|(name, _)| leaning(name));
    let (mut text, mut tone) = match leans.is_empty() {
        true => (no_lean(scope, &found), "none"),
        false => (leans_text(scope, &leans, &rest), "lean"),
    };
    if caution == Caution::Reduced {
        text.push_str(&format!(" Read with care: its compliance is {} (†).", probability(mean)));
        tone = "caution";
    }
    Item { lead, text, tone }
}

fn no_lean(scope: &Scope<'_>, found: &[(&str, &Clustered)]) -> String {
    let (n, many) = (found.len(), scope.wording.many);
    let reach =
        found.iter().filter_map(|(_, c)| Some(c.mean_cluster.abs() + c.ci_t?)).fold(f64::NAN, f64::max);
    if !reach.is_finite() {
        let largest = found.iter().map(|(_, c)| c.mean_cluster.abs()).fold(0.0, f64::max);
        return format!(
            "no interval can be given (one scenario type only); the estimates lie within ±{}.",
            scope.decimals.width(largest)
        );
    }
    let reach = scope.decimals.width(reach);
    let apart = apart(found);
    if apart.is_empty() {
        return format!(
            "no lean found: the 95 % intervals of all {} {many} cover zero; none reaches beyond ±{reach}.",
            count_word(n)
        );
    }
    format!(
        "no lean that survives correction for {}: of {} intervals {} on {} own ({}); none reaches beyond ±{reach}.",
        counted(scope.tests(), "test"),
        count_word(n),
        if apart.len() == 1 {
            "one excludes zero".to_owned()
        } else {
            format!("{} exclude zero", count_word(apart.len()))
        },
        if apart.len() == 1 { "its" } else { "their" },
        list(&apart),
    )
}

/// Those whose interval excludes zero.
fn apart<'n>(found: &[(&'n str, &Clustered)]) -> Vec<&'n str> {
    let excludes_zero = |c: &Clustered| c.ci_t.is_some_and(|half| c.mean_cluster.abs() > half);
    found.iter().filter(|(_, c)| excludes_zero(c)).map(|(name, _)| *name).collect()
}

/// What some leans come to; the `rest` do not differ from zero.
fn leans_text(scope: &Scope<'_>, leans: &[(&str, &Clustered)], rest: &[(&str, &Clustered)]) -> String {
    if scope.is_pair()
        && let Some((name, c)) = strongest(leans, 1.0)
    {
        let other = scope.entities.iter().find(|e| **e != name).copied().unwrap_or("");
        return format!("leans towards {name} over {other} by {}.", estimate(scope, c));
    }
    let ends: Vec<_> = [(1.0, "towards"), (-1.0, "away from")]
        .into_iter()
        .filter_map(|(sign, way)| Some((way, strongest(leans, sign)?)))
        .collect();
    let most = if leans.len() > ends.len() { "most " } else { "" };
    let parts: Vec<String> =
        ends.iter().map(|(way, (name, c))| format!("{most}{way} {name} by {}", estimate(scope, c))).collect();
    let mut text = format!("leans {}", parts.join(" and "));
    text.push_str(&format!(
        "; {} of {} {} {} from zero",
        count_word(leans.len()),
        count_word(leans.len() + rest.len()),
        scope.wording.many,
        if leans.len() == 1 { "differs" } else { "differ" },
    ));
    match apart(rest).as_slice() {
        [] => {}
        [one] => text.push_str(&format!(", and {one} only before correction")),
        some => text.push_str(&format!(", and {} only before correction", list(some))),
    }
    text.push('.');
    text
}

/// The largest of some leans on one side of zero.
pub fn strongest<'n, 'c>(leans: &[(&'n str, &'c Clustered)], sign: f64) -> Option<(&'n str, &'c Clustered)> {
    let on_side = leans.iter().filter(|(_, c)| c.mean_cluster * sign > 0.0);
    on_side.max_by(|a, b| a.1.mean_cluster.abs().total_cmp(&b.1.mean_cluster.abs())).copied()
}

/// How many planted values lie inside their measured intervals, and how many were measured.
pub fn planted_inside(scope: &Scope<'_>, planted: &[Planted]) -> (usize, usize) {
    let inside: Vec<bool> = planted.iter().filter_map(|p| is_inside(scope, p)).collect();
    (inside.iter().filter(|inside| **inside).count(), inside.len())
}

/// Whether a planted value lies inside its measured interval; `None` where there is none.
pub fn is_inside(scope: &Scope<'_>, p: &Planted) -> Option<bool> {
    let c = scope.favourability(&p.language, &p.checkpoint, &p.entity)?;
    Some((p.log_odds - c.mean_cluster).abs() <= c.ci_t?)
}
