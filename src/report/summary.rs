//! The page's summary: compliance first, then stages, the target's shift and the makers, a sentence each.

use crate::stats::{Clustered, Estimate};

use super::format::{capital, count_word, language, list, p_phrase, probability};
use super::scope::{ALPHA, Caution, Family, Scope};
use super::words::estimate;

/// Paragraphs that sum up: stages, the target's shift, the makers.
pub fn paragraphs(scope: &Scope<'_>) -> Vec<String> {
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

/// How many of some checkpoints lean, how far, and the largest lean, in the baseline language.
fn stage_sentence(scope: &Scope<'_>, when: &str, labels: &[&str]) -> Option<String> {
    let code = scope.baseline();
    let can_be_read = |label: &&&str| {
        scope.compliance_mean(code, label).is_some() && scope.caution(code, label) != Caution::Low
    };
    let read: Vec<&str> = labels.iter().filter(can_be_read).copied().collect();
    let mut sizes = Vec::new();
    let mut leaning = 0;
    let mut largest: Option<(&str, &str, &Clustered)> = None;
    for label in &read {
        let mut leans = false;
        for entity in &scope.entities {
            let Some(c) = scope.favourability(code, label, entity) else { continue };
            sizes.push(c.mean_cluster.abs());
            if scope.adjusted(code, label, entity).is_some_and(|p| p < ALPHA) {
                leans = true;
                if largest.is_none_or(|(_, _, l)| c.mean_cluster.abs() > l.mean_cluster.abs()) {
                    largest = Some((label, entity, c));
                }
            }
        }
        leaning += usize::from(leans);
    }
    sizes.sort_by(f64::total_cmp);
    let half = scope.decimals.width(*sizes.get(sizes.len() / 2)?);
    let (spoken, one) = (language(code), scope.wording.one);
    Some(match largest {
        None => format!(
            "{when}, in {spoken}, no lean was found in {} that can be read; half of their figures lie within ±{half} log-odds.",
            checkpoints(read.len())
        ),
        Some((label, entity, c)) => format!(
            "{when}, in {spoken}, {} of {} that can be read lean for or against some {one}. Half of their figures lie within \
             ±{half} log-odds; the largest lean is {label}’s {} {entity}, {}.",
            count_word(leaning),
            checkpoints(read.len()),
            if c.mean_cluster > 0.0 { "towards" } else { "away from" },
            estimate(scope, c)
        ),
    })
}

/// `the six checkpoints`, `the one checkpoint`.
fn checkpoints(n: usize) -> String {
    format!("the {} {}", count_word(n), if n == 1 { "checkpoint" } else { "checkpoints" })
}

/// A family's shift of an entity at the page's question and subset.
pub fn shift<'a>(scope: &Scope<'a>, language: &str, family: &str, entity: &str) -> Option<&'a Clustered> {
    let (question, subset) = (scope.question, scope.subset);
    scope.analysis.clustered(&format!("shift/{language}/{family}/{entity}/{question}/{subset}"))
}

/// What post-training did to the target.
fn shift_sentence(scope: &Scope<'_>) -> Option<String> {
    let code = scope.baseline();
    let shifts: Vec<(&Family<'_>, &Clustered)> =
        scope.families.iter().filter_map(|f| Some((f, shift(scope, code, f.name, scope.target)?))).collect();
    match shifts.as_slice() {
        [] => None,
        [(family, _)] => Some(one_familys_shift(scope, family.name)),
        _ => Some(families_shifts(scope, &shifts)),
    }
}

/// The only family, language by language.
fn one_familys_shift(scope: &Scope<'_>, family: &str) -> String {
    let clause = |code: &&str| {
        let c = shift(scope, code, family, scope.target)?;
        let p = p_phrase(c.p).map_or_else(String::new, |p| format!(", {p}"));
        let interval = format!("95 % CI {}{p}", scope.decimals.interval(c.mean_cluster, c.ci_t));
        let spoken = language(code);
        let is_firm = c.ci_t.is_some_and(|half| c.mean_cluster.abs() > half);
        Some(match is_firm {
            true => format!("{} log-odds in {spoken} ({interval})", scope.decimals.signed(c.mean_cluster)),
            false => format!("no shift found in {spoken} ({interval})"),
        })
    };
    let clauses: Vec<String> = scope.languages.iter().filter_map(clause).collect();
    format!("What post-training changed for {} in {family}: {}.", scope.target, list(&clauses))
}

/// How many families went which way in the baseline language.
fn families_shifts(scope: &Scope<'_>, shifts: &[(&Family<'_>, &Clustered)]) -> String {
    let code = scope.baseline();
    let firm = |sign: f64| {
        let moved = shifts.iter().filter(|(_, c)| c.ci_t.is_some_and(|half| c.mean_cluster * sign > half));
        moved
            .map(|(family, _)| format!("{}{}", family.name, family_caution(scope, family, code).dagger()))
            .collect()
    };
    let (up, down): (Vec<String>, Vec<String>) = (firm(1.0), firm(-1.0));
    let named = |families: &[String]| match families {
        [] => String::new(),
        some => format!(" ({})", list(some)),
    };
    let open = match shifts.len() - up.len() - down.len() {
        0 => String::new(),
        n => format!("; for {} the interval covers zero", count_word(n)),
    };
    let count = |families: &[String]| {
        if families.is_empty() { "none".to_owned() } else { count_word(families.len()) }
    };
    format!(
        "Of {} families, post-training moved {} towards {}{} and {} away from it{} in {}{open}.",
        count_word(shifts.len()),
        count(&up),
        scope.target,
        named(&up),
        count(&down),
        named(&down),
        language(code)
    )
}

/// The worst of a family's stages in a language.
pub fn family_caution(scope: &Scope<'_>, family: &Family<'_>, code: &str) -> Caution {
    family.stages.iter().map(|(_, label)| scope.caution(code, label)).max().unwrap_or(Caution::None)
}

/// Whether shifts go the makers' way.
fn maker_sentence(scope: &Scope<'_>) -> Option<String> {
    let code = scope.baseline();
    let id = format!("maker/{code}/{}/{}/{}", scope.target, scope.question, scope.subset);
    let Some(Estimate::Maker(test)) = scope.analysis.estimate(&id) else { return None };
    let test = &test.mean_cluster;
    let n = test.signed.iter().count();
    if n < 2 {
        return None;
    }
    let p = [("exact binomial", test.p_binomial), ("exact sign flips", test.p_sign_flip)];
    let p: Vec<String> = p.iter().filter_map(|(name, p)| Some(format!("{name} {}", p_phrase(*p)?))).collect();
    Some(format!(
        "{} of {} shifts go the maker’s way in {}: towards {target} where the maker is at home there, away from it \
         elsewhere; the mean signed shift is {} ({}).",
        capital(&count_word(test.aligned)),
        count_word(n),
        language(code),
        scope.decimals.signed(test.mean),
        p.join(", "),
        target = scope.target,
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
