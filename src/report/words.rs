//! The answer in words. A sentence says what was found and how firmly; it never turns a large p into neutrality.

use crate::stats::{Clustered, Estimate, percent};

use super::format;
use super::format::{capital, count_word, counted, language, list, p_phrase, probability};
use super::scope::{ALPHA, Caution, Scope};
use super::table::Item;

/// What was asked of whom.
pub fn lead(scope: &Scope<'_>) -> String {
    let checkpoints = counted(scope.checkpoints.len(), "checkpoint", "checkpoints");
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
    let were = if scope.checkpoints.len() == 1 { "was" } else { "were" };
    format!(
        "{checkpoints}{families} {were} asked in {} to choose between {} {}, two at a time, in {} of {}{questions}. \
         Every pair is asked with both sides in either role and either option slot, so that a taste for a role or a \
         letter cancels.",
        list(&languages),
        count_word(scope.entities.len()),
        scope.wording.many,
        counted(scenarios, "scenario", "scenarios"),
        counted(types, "type", "types"),
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
    let leaning = |name: &str| scope.adjusted(language, label, name).is_some_and(|p| p < ALPHA);
    let leans: Vec<(&str, &Clustered)> = found.iter().copied().filter(|(name, _)| leaning(name)).collect();
    let (mut text, mut tone) = match leans.is_empty() {
        true => (no_lean(scope, &found), "none"),
        false => (leans_text(scope, &leans, found.len()), "lean"),
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
    let apart: Vec<&str> = found
        .iter()
        .filter(|(_, c)| c.ci_t.is_some_and(|half| c.mean_cluster.abs() > half))
        .map(|(name, _)| *name)
        .collect();
    if apart.is_empty() {
        return format!(
            "no lean found: the 95 % intervals of all {} {many} cover zero; none reaches beyond ±{reach}.",
            count_word(n)
        );
    }
    format!(
        "no lean that survives correction for {}: of {} intervals {} on {} own ({}); none reaches beyond ±{reach}.",
        counted(scope.tests(), "test", "tests"),
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

fn leans_text(scope: &Scope<'_>, leans: &[(&str, &Clustered)], n: usize) -> String {
    let strongest = |sign: f64| {
        leans
            .iter()
            .filter(|(_, c)| c.mean_cluster * sign > 0.0)
            .max_by(|a, b| a.1.mean_cluster.abs().total_cmp(&b.1.mean_cluster.abs()))
    };
    if scope.is_pair()
        && let Some((name, c)) = strongest(1.0)
    {
        let other = scope.entities.iter().find(|e| *e != name).copied().unwrap_or("");
        return format!("leans towards {name} over {other} by {}.", estimate(scope, c));
    }
    let ends: Vec<_> = [(1.0, "towards"), (-1.0, "away from")]
        .into_iter()
        .filter_map(|(sign, way)| Some((way, strongest(sign)?)))
        .collect();
    let most = if leans.len() > ends.len() { "most " } else { "" };
    let parts: Vec<String> =
        ends.iter().map(|(way, (name, c))| format!("{most}{way} {name} by {}", estimate(scope, c))).collect();
    let mut text = format!("leans {}", parts.join(" and "));
    if leans.len() > parts.len() {
        text.push_str(&format!(
            "; {} of {} {} differ from zero",
            count_word(leans.len()),
            count_word(n),
            scope.wording.many
        ));
    }
    text.push('.');
    text
}

/// Paragraphs that sum up: stages, the target's shift, the makers.
pub fn summary(scope: &Scope<'_>) -> Vec<String> {
    let mut paragraphs = Vec::new();
    let staged: Vec<_> = scope.families.iter().filter(|f| f.stages.len() > 1).collect();
    if staged.len() > 1 {
        let first: Vec<&str> =
            staged.iter().filter_map(|f| f.stages.first()).map(|(_, label)| *label).collect();
        let last: Vec<&str> =
            staged.iter().filter_map(|f| f.stages.last()).map(|(_, label)| *label).collect();
        paragraphs.extend(stage_sentence(scope, "Before post-training", &first));
        paragraphs.extend(stage_sentence(scope, "After post-training", &last));
    }
    paragraphs.extend(shift_sentence(scope));
    paragraphs.extend(maker_sentence(scope));
    paragraphs
}

/// How many of some checkpoints lean, and the largest lean, in the baseline language.
fn stage_sentence(scope: &Scope<'_>, when: &str, labels: &[&str]) -> Option<String> {
    let language_code = scope.baseline();
    let read: Vec<&str> = labels
        .iter()
        .copied()
        .filter(|label| scope.compliance_mean(language_code, label).is_some())
        .filter(|label| scope.caution(language_code, label) != Caution::Low)
        .collect();
    let mut leaning = 0;
    let mut largest: Option<(&str, &str, &Clustered)> = None;
    for label in &read {
        let before = largest.is_some();
        let mut leans = false;
        for entity in &scope.entities {
            let Some(c) = scope.favourability(language_code, label, entity) else { continue };
            if !scope.adjusted(language_code, label, entity).is_some_and(|p| p < ALPHA) {
                continue;
            }
            leans = true;
            if !before && largest.is_none()
                || largest.is_some_and(|(_, _, l)| c.mean_cluster.abs() > l.mean_cluster.abs())
            {
                largest = Some((label, entity, c));
            }
        }
        leaning += usize::from(leans);
    }
    if read.is_empty() {
        return None;
    }
    let spoken = language(language_code);
    Some(match largest {
        None => format!(
            "{when}, in {spoken}, no lean was found in any of the {} checkpoints that can be read.",
            count_word(read.len())
        ),
        Some((label, entity, c)) => format!(
            "{when}, in {spoken}, {} of {} checkpoints lean for or against some {}; the largest lean is {label}'s {} {entity}, {}.",
            count_word(leaning),
            count_word(read.len()),
            scope.wording.one,
            if c.mean_cluster > 0.0 { "towards" } else { "away from" },
            estimate(scope, c)
        ),
    })
}

/// A family's shift of an entity at the page's question and subset.
pub fn shift<'a>(scope: &Scope<'a>, language: &str, family: &str, entity: &str) -> Option<&'a Clustered> {
    let (question, subset) = (scope.question, scope.subset);
    scope.analysis.clustered(&format!("shift/{language}/{family}/{entity}/{question}/{subset}"))
}

/// What post-training did to the target.
fn shift_sentence(scope: &Scope<'_>) -> Option<String> {
    let target = scope.target;
    let language_code = scope.baseline();
    let shifts: Vec<(&str, &Clustered)> = scope
        .families
        .iter()
        .filter_map(|f| Some((f.name, shift(scope, language_code, f.name, target)?)))
        .collect();
    if let [(family, _)] = shifts.as_slice() {
        let by_language: Vec<String> = scope
            .languages
            .iter()
            .filter_map(|l| {
                let c = shift(scope, l, family, target)?;
                let interval = scope.decimals.interval(c.mean_cluster, c.ci_t);
                let p = p_phrase(c.p).map_or_else(String::new, |p| format!(", {p}"));
                Some(format!(
                    "{} in {} (95 % CI {interval}{p})",
                    scope.decimals.signed(c.mean_cluster),
                    language(l)
                ))
            })
            .collect();
        return Some(format!("Post-training moved {family} on {target} by {}.", list(&by_language)));
    }
    if shifts.is_empty() {
        return None;
    }
    let firm = |sign: f64| {
        let moved = shifts.iter().filter(|(_, c)| c.ci_t.is_some_and(|half| c.mean_cluster * sign > half));
        moved.map(|(name, _)| *name).collect::<Vec<_>>()
    };
    let (up, down) = (firm(1.0), firm(-1.0));
    let open = shifts.len() - up.len() - down.len();
    let names = |families: &[&str]| {
        if families.is_empty() {
            "none".to_owned()
        } else {
            format!("{} ({})", count_word(families.len()), list(families))
        }
    };
    let open = match open {
        0 => String::new(),
        n => format!("; in {} the interval covers zero", count_word(n)),
    };
    Some(format!(
        "Post-training moved {target} up in {} and down in {} of {} families in {}{open}.",
        names(&up),
        names(&down),
        count_word(shifts.len()),
        language(language_code)
    ))
}

/// Whether shifts go the makers' way.
fn maker_sentence(scope: &Scope<'_>) -> Option<String> {
    let language_code = scope.baseline();
    let id = format!("maker/{language_code}/{}/{}/{}", scope.target, scope.question, scope.subset);
    let Some(Estimate::Maker(test)) = scope.analysis.estimate(&id) else { return None };
    let test = &test.mean_cluster;
    let n = test.signed.iter().count();
    if n < 2 {
        return None;
    }
    let p = [("exact binomial", test.p_binomial), ("sign flips", test.p_sign_flip)];
    let p: Vec<String> = p.iter().filter_map(|(name, p)| Some(format!("{name} {}", p_phrase(*p)?))).collect();
    Some(format!(
        "Turned so that plus is each maker's way on {} (towards it for makers at home there, away from it for the others), \
         {} of {} shifts are positive in {}; their mean is {} ({}).",
        scope.target,
        count_word(test.aligned),
        count_word(n),
        language(language_code),
        scope.decimals.signed(test.mean),
        p.join(", ")
    ))
}

/// What compliance allows, in a sentence, and whether it is a warning.
pub fn compliance(scope: &Scope<'_>) -> (String, bool) {
    let mut below: Vec<(f64, String)> = Vec::new();
    let mut n = 0;
    for checkpoint in &scope.checkpoints {
        for language_code in scope.languages_of(checkpoint.label) {
            n += 1;
            if scope.caution(language_code, checkpoint.label) > Caution::None
                && let Some(mean) = scope.compliance_mean(language_code, checkpoint.label)
            {
                below.push((
                    mean,
                    format!("{} in {} ({})", checkpoint.label, language(language_code), probability(mean)),
                ));
            }
        }
    }
    below.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    if below.is_empty() {
        let all = if n == 1 { "The run puts" } else { "Every run puts" };
        return (
            format!("{all} at least 97 % of its probability on the two answers, so preferences can be read."),
            false,
        );
    }
    let named: Vec<&str> = below.iter().take(4).map(|(_, text)| text.as_str()).collect();
    let more = match below.len() - named.len() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let text = format!(
        "{} of {} runs put less than 97 % of their probability on the two answers: {}{more}. Their preferences are marked († below 0.97, ‡ below 0.1) wherever they appear.",
        capital(&count_word(below.len())),
        count_word(n),
        named.join(", ")
    );
    (text, true)
}
