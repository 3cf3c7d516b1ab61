//! Single estimates and checkpoints in words. A sentence says what was found and how firmly; it never turns a large p into
//! neutrality, nor a missing interval into a finding.

use crate::plain::{counted, grouped, noun};
use crate::stats::{Choice, ChoiceShift, Estimate, Figure, Firm, Verdict};

use super::block::Item;
use super::caution::Caution;
use super::checkpoints::part;
use super::format::{self, capital, count_word, language, list, probability};
use super::input::Planted;
use super::reading::{Reading, Without};
use super::scope::Scope;

/// What was asked of whom.
pub fn lead(scope: &Scope<'_>) -> String {
    let n = scope.checkpoints.len();
    let checkpoints = format!("{} {}", capital(&count_word(n)), noun(n, "checkpoint"));
    let families = match scope.families.len() {
        0 | 1 => String::new(),
        n => format!(" of {} families", count_word(n)),
    };
    let languages: Vec<&str> = scope.languages.iter().map(|l| language(l)).collect();
    let bank = bank(scope);
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
         letter cancels.{closest}{}",
        list(&languages),
        count_word(scope.entities.len()),
        scope.wording.many,
        if scope.is_pair() { "" } else { ", two at a time" },
        counted_span(bank.scenarios.iter().copied(), "scenario"),
        counted_span(bank.types.iter().map(|(_, types)| *types), "type"),
        match bank.left_out.as_slice() {
            [] => String::new(),
            some => format!(" Left out where cells are missing: {}.", some.join(", ")),
        }
    )
}

/// The questions that were asked, without what is made of them.
fn asked<'a>(scope: &Scope<'a>) -> Vec<&'a str> {
    let mut questions = Vec::new();
    for figure in scope.analysis.of("compliance") {
        let question = part(&figure.parts.question);
        if question != "both" && !questions.contains(&question) {
            questions.push(question);
        }
    }
    questions
}

/// What the page's leading figures are made of.
pub struct Bank {
    /// Of each of the target's figures.
    pub scenarios: Vec<usize>,
    /// Whose figure it is, `m-chat in English`, with its number of types.
    pub types: Vec<(String, usize)>,
    /// Types and opponents that any entity's figure had to do without.
    pub left_out: Vec<String>,
}

pub fn bank(scope: &Scope<'_>) -> Bank {
    // Other conditions may have been asked more: what counts is what the page reads.
    let read = scope.analysis.of("confirmatory").filter(|figure| {
        let p = &figure.parts;
        p.routed == Some(true) && (part(&p.question), part(&p.subset)) == (scope.question, scope.subset)
    });
    let mut bank = Bank { scenarios: Vec::new(), types: Vec::new(), left_out: Vec::new() };
    for figure in read {
        let Estimate::Confirmatory(c) = &figure.estimate else { continue };
        bank.left_out.extend(c.dropped_types.iter().chain(&c.dropped_opponents).cloned());
        if part(&figure.parts.country) == scope.target {
            let (label, code) = (part(&figure.parts.checkpoint), part(&figure.parts.language));
            bank.scenarios.push(c.scenarios);
            bank.types.push((format!("{label} in {}", language(code)), c.types));
        }
    }
    bank.left_out.sort_unstable();
    bank.left_out.dedup();
    if scope.groups.are_published() {
        every_cell(scope, &mut bank);
    }
    bank
}

/// The published figures read every cell that there is, and leave nothing out.
fn every_cell(scope: &Scope<'_>, bank: &mut Bank) {
    if bank.left_out.is_empty() {
        return;
    }
    bank.left_out.clear();
    bank.types.clear();
    for checkpoint in &scope.checkpoints {
        for code in scope.languages_of(checkpoint.label) {
            let id = scope.favourability_id(code, checkpoint.label, scope.target);
            if let Some(c) = scope.analysis.clustered(&id) {
                bank.types.push((format!("{} in {}", checkpoint.label, language(code)), c.clusters));
            }
        }
    }
    if let Some(Estimate::Bank(all)) = scope.analysis.estimate("bank/scenario_types") {
        bank.scenarios = vec![all.len()];
    }
}

/// The least and the greatest of some numbers.
pub fn span(numbers: impl Iterator<Item = usize>) -> Option<(usize, usize)> {
    let joined = |span: Option<(usize, usize)>, n: usize| match span {
        None => Some((n, n)),
        Some((least, most)) => Some((least.min(n), most.max(n))),
    };
    numbers.fold(None, joined)
}

/// `24 scenarios`, `12 to 24 scenarios`.
pub fn counted_span(numbers: impl Iterator<Item = usize>, one: &str) -> String {
    match span(numbers) {
        Some((least, most)) if least < most => format!("{} to {}", grouped(least), counted(most, one)),
        found => counted(found.map_or(0, |(_, most)| most), one),
    }
}

/// `+2.91 log-odds (95 % CI +1.96 to +3.86)`, `+2.00 log-odds (no interval: asked in one scenario type only)`.
pub fn estimate(scope: &Scope<'_>, reading: &Reading) -> String {
    format!("{} log-odds ({})", scope.decimals.signed(reading.value), interval(scope, reading))
}

/// `95 % CI +1.96 to +3.86`, or why there is none.
pub fn interval(scope: &Scope<'_>, reading: &Reading) -> String {
    match reading.half {
        Ok(half) => format!("95 % CI {}", scope.decimals.interval(reading.value, Some(half))),
        Err(without) => format!("no interval: {}", without.why()),
    }
}

/// `64.1 ± 4.4`, of a mean probability.
pub fn percent_chosen(choice: &Choice) -> String {
    let value = format::percent(100.0 * choice.probability);
    choice.block.ci.map_or(value.clone(), |ci| format!("{value} ± {:.1}", 100.0 * ci))
}

/// `+13.1 ± 5.4`, in percentage points.
pub fn points(shift: &ChoiceShift) -> String {
    let value = format::signed(100.0 * shift.mean, 1);
    shift.block.ci.map_or(value.clone(), |ci| format!("{value} ± {:.1}", 100.0 * ci))
}

/// `; chosen with a mean probability of 64.1 ± 4.4 %`, where that is known; of an item table, what its means come to.
pub fn chosen(scope: &Scope<'_>, code: &str, label: &str, entity: &str) -> String {
    scope.choice(code, label, entity).map_or_else(String::new, |choice| {
        let by = if scope.has_single_prompts() { "" } else { "by its item means " };
        format!("; {by}chosen with a mean probability of {} %", percent_chosen(choice))
    })
}

/// One word of a table.
pub fn firm(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Firm => "firm",
        Verdict::NotFirm => "not firm",
        Verdict::NoneFound => "none found",
        Verdict::NoInterval => "no interval",
        Verdict::Unreadable => "not read",
    }
}

/// What a shift that is seen on the log-odds comes to on the other scales; empty where there is nothing to add.
pub fn firmness(found: &Firm) -> String {
    match found.verdict {
        Verdict::Firm => "firm: choices and role scale agree".to_owned(),
        Verdict::NotFirm => {
            // Where swapping the roles changes nothing there is no role scale to be seen on.
            let missing = found.role_scaled.estimate.is_none();
            let seen = found.disagree.iter().filter(|scale| **scale == "choice" || !missing);
            let name = |scale: &&str| match *scale {
                "choice" => "the choices themselves",
                _ => "the role scale",
            };
            let scales: Vec<&str> = seen.map(name).collect();
            let mut said = match scales.as_slice() {
                [] => "not firm".to_owned(),
                some => format!(
                    "not firm: {} {} not show it, so the answers may be sharper rather than the preference changed",
                    list(some),
                    if *some == ["the role scale"] { "does" } else { "do" }
                ),
            };
            if missing {
                let joint = if scales.is_empty() { ": " } else { "; " };
                said.push_str(&format!(
                    "{joint}there is no role scale, since swapping the roles changes nothing"
                ));
            }
            said
        }
        _ => String::new(),
    }
}

/// The mark of how far what a figure is made of can be read.
pub fn mark_of(figure: &Figure) -> &'static str {
    figure.compliance.map_or(Caution::None, Caution::of).dagger()
}

/// `towards`, `away from`.
pub fn way(value: f64) -> &'static str {
    if value > 0.0 { "towards" } else { "away from" }
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
    let found: Vec<Named<'_>> =
        scope.entities.iter().filter_map(|e| Some((*e, scope.favourability(language, label, e)?))).collect();
    let (with, without): (Vec<Named<'_>>, Vec<Named<'_>>) =
        found.into_iter().partition(|(_, reading)| reading.half.is_ok());
    let (leans, rest): (Vec<Named<'_>>, Vec<Named<'_>>) =
        with.iter().copied().partition(|(name, _)| scope.leans(language, label, name));
    let (mut text, mut tone) = match (leans.is_empty(), rest.is_empty()) {
        (true, true) if without.is_empty() => (nothing_made(scope), "caution"),
        (true, true) => (String::new(), "caution"),
        (true, false) => (no_lean(scope, &rest), "none"),
        (false, _) => (leans_text(scope, (language, label), &leans, &rest), "lean"),
    };
    for sentence in nothing_inferred(scope, &without, with.is_empty()) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&if text.is_empty() { sentence } else { capital(&sentence) });
    }
    if caution == Caution::Reduced {
        text.push_str(&format!(" Read with care: its compliance is {} (†).", probability(mean)));
        tone = "caution";
    }
    Item { lead, text, tone }
}

/// Of a run from which no figure can be made yet: one of whose questions was asked too little, say.
pub fn nothing_made(scope: &Scope<'_>) -> String {
    format!("nothing can be said: what was asked so far makes no figure ({}).", scope.chosen())
}

/// An entity with its figure.
pub type Named<'n> = (&'n str, Reading);

/// What `no lean` is followed by: nothing, or ` that survives correction`, and then whose intervals exclude zero before it.
pub fn not_found(open: &[Named<'_>]) -> (&'static str, String) {
    let apart = apart(open);
    match apart.as_slice() {
        [] => ("", String::new()),
        some => (
            " that survives correction",
            format!(
                "before it the {} of {} {} zero",
                noun(some.len(), "interval"),
                list(some),
                if some.len() == 1 { "excludes" } else { "exclude" }
            ),
        ),
    }
}

/// Where there are intervals and none of them is a lean.
fn no_lean(scope: &Scope<'_>, found: &[Named<'_>]) -> String {
    let allowed = allowed(scope, found).map_or_else(String::new, |allowed| format!("; {allowed}"));
    // Of a pair, one side says it all.
    let shown = if scope.is_pair() && found.len() == 2 { &found[..1] } else { found };
    let apart = apart(shown);
    let small = small(scope, shown);
    let mut text = match (apart.as_slice(), shown) {
        ([], [(name, reading)]) => {
            format!("no lean found: {} of {name} covers zero", interval(scope, reading))
        }
        ([], some) => {
            format!(
                "no lean found: the 95 % intervals of {} {} cover zero",
                count_word(some.len()),
                scope.wording.many
            )
        }
        (apart, some) => format!(
            "no lean that survives correction: of {} {} {} zero before it ({})",
            count_word(some.len()),
            noun(some.len(), "interval"),
            if apart.len() == 1 {
                "one excludes".to_owned()
            } else {
                format!("{} exclude", count_word(apart.len()))
            },
            list(apart),
        ),
    };
    if !small.is_empty() {
        text = format!("no lean of interest: {small}");
    }
    format!("{text}{allowed}{}.", equivalent(scope, shown))
}

/// What the equivalence test allows to be said: nothing, unless it holds for all.
fn equivalent(scope: &Scope<'_>, found: &[Named<'_>]) -> String {
    if found.is_empty() || !found.iter().all(|(_, reading)| reading.is_small()) {
        return String::new();
    }
    let of = if found.len() == 1 { "it" } else { "all of them" };
    format!("; the equivalence test (TOST) holds {of} within ±{}", scope.smallest_effect)
}

/// `the data still allow a lean of up to ±0.53 (Japan)`: the furthest that any interval reaches.
pub fn allowed(scope: &Scope<'_>, found: &[Named<'_>]) -> Option<String> {
    let reach = found.iter().filter_map(|(name, reading)| Some((*name, reading.reach()?)));
    let (name, most) = reach.max_by(|a, b| a.1.total_cmp(&b.1))?;
    let of = if found.len() > 1 { format!(" ({name})") } else { String::new() };
    Some(format!("the data still allow a lean of up to ±{}{of}", scope.decimals.width(most)))
}

/// Sentences for what has no interval, one per reason; `all` where nothing has one.
fn nothing_inferred(scope: &Scope<'_>, without: &[Named<'_>], all: bool) -> Vec<String> {
    let mut reasons: Vec<Without> = without.iter().filter_map(|(_, reading)| reading.half.err()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let sentence = |reason: Without| {
        let of: Vec<&Named<'_>> = without.iter().filter(|(_, r)| r.half == Err(reason)).collect();
        // Of two, the second is the first with the other sign.
        let shown = if scope.is_pair() && of.len() == 2 { &of[..1] } else { &of[..] };
        let values: Vec<String> =
            shown.iter().map(|(name, r)| format!("{name} {}", scope.decimals.signed(r.value))).collect();
        let many = if all {
            String::new()
        } else {
            format!(" for {}", list(&of.iter().map(|(n, _)| *n).collect::<Vec<_>>()))
        };
        let why = match reason {
            Without::OneType if of.len() > 1 || all => "only one scenario type was asked".to_owned(),
            other => other.why().to_owned(),
        };
        format!(
            "no interval can be given{many} ({why}), so nothing can be inferred beyond the scenarios asked; measured: {}.",
            list(&values)
        )
    };
    reasons.into_iter().map(sentence).collect()
}

/// Those whose interval excludes zero.
fn apart<'n>(found: &[Named<'n>]) -> Vec<&'n str> {
    let apart = found.iter().filter(|(_, reading)| reading.excludes_zero() && !reading.differs());
    apart.map(|(name, _)| *name).collect()
}

/// What some leans come to; the `rest` do not differ from zero.
fn leans_text(
    scope: &Scope<'_>,
    (code, label): (&str, &str),
    leans: &[Named<'_>],
    rest: &[Named<'_>],
) -> String {
    if scope.is_pair()
        && let Some((name, reading)) = strongest(leans, 1.0)
    {
        let other = scope.entities.iter().find(|e| **e != name).copied().unwrap_or("");
        let chosen = chosen(scope, code, label, name);
        return format!("leans towards {name} over {other} by {}{chosen}.", estimate(scope, &reading));
    }
    let ends: Vec<_> = [1.0, -1.0].into_iter().filter_map(|sign| strongest(leans, sign)).collect();
    let most = if leans.len() > ends.len() { "most " } else { "" };
    let part = |(name, reading): &Named<'_>| {
        let chosen = chosen(scope, code, label, name);
        format!("{most}{} {name} by {}{chosen}", way(reading.value), estimate(scope, reading))
    };
    let parts: Vec<String> = ends.iter().map(part).collect();
    let mut text = format!(
        "leans {}. It leans on {} of {} {}",
        parts.join(" and "),
        count_word(leans.len()),
        count_word(leans.len() + rest.len()),
        scope.wording.many,
    );
    let small = small(scope, rest);
    if !small.is_empty() {
        text.push_str(&format!("; {small}"));
    }
    match apart(rest).as_slice() {
        [] => {}
        some => text.push_str(&format!("; before correction it would on {} too", list(some))),
    }
    text.push('.');
    text
}

/// What differs from zero and is yet too small to matter: `China and France differ from zero by less than 0.25, ...`.
fn small(scope: &Scope<'_>, found: &[Named<'_>]) -> String {
    let small: Vec<&str> =
        found.iter().filter(|(_, r)| r.differs() && r.is_small()).map(|(name, _)| *name).collect();
    match small.as_slice() {
        [] => String::new(),
        some => format!(
            "{} {} from zero by less than {}, the smallest effect of interest (TOST): no finding",
            list(some),
            if some.len() == 1 { "differs" } else { "differ" },
            scope.smallest_effect
        ),
    }
}

/// The largest of some leans on one side of zero.
pub fn strongest<'n>(leans: &[Named<'n>], sign: f64) -> Option<Named<'n>> {
    let on_side = leans.iter().filter(|(_, reading)| reading.value * sign > 0.0);
    on_side.max_by(|a, b| a.1.value.abs().total_cmp(&b.1.value.abs())).copied()
}

/// Beside every count of planted values that were found.
pub fn planted_noise(seed: Option<u64>) -> String {
    match seed {
        None => "The noise planted with them was chosen so that they fall well inside: this shows that the way through works, \
                 not how often 95 % intervals hold."
            .to_owned(),
        Some(seed) => format!(
            "The noise planted with them is that of seed {seed}, which nobody chose. Words carry it that scenarios of different \
             types share, so that these types are no independent kinds of incident, as the intervals take them to be: about one \
             interval in five misses its value, and those of one checkpoint and language miss together."
        ),
    }
}

/// How many planted values lie inside their measured intervals, and how many were measured.
pub fn planted_inside(scope: &Scope<'_>, planted: &[Planted]) -> (usize, usize) {
    let inside: Vec<bool> = planted.iter().filter_map(|p| is_inside(scope, p)).collect();
    (inside.iter().filter(|inside| **inside).count(), inside.len())
}

/// Whether a planted value lies inside its measured interval; `None` where there is none.
pub fn is_inside(scope: &Scope<'_>, p: &Planted) -> Option<bool> {
    let reading = scope.favourability(&p.language, &p.checkpoint, &p.entity)?;
    Some((p.log_odds - reading.value).abs() <= reading.half()?)
}
