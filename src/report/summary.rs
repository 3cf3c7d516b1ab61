//! What is said around the answer: compliance first, the stages before, the makers, the two forms of asking.

use crate::plain::noun;
use crate::stats::{Estimate, MakerHome};

use super::caution::Caution;
use super::checkpoints::Family;
use super::format::{capital, count_word, language, list, p_phrase, probability};
use super::reading::Reading;
use super::scope::Scope;
use super::stages::ways;
use super::words::{Named, allowed, bank, estimate, interval, way as towards};

/// What was there in the first stages, a sentence per way.
pub fn before(scope: &Scope<'_>) -> Vec<String> {
    let mut paragraphs = Vec::new();
    for (way, families) in ways(scope) {
        let first: Vec<&str> =
            families.iter().filter_map(|f| f.stages.first()).map(|(_, label)| *label).collect();
        paragraphs.extend(stage_sentence(scope, &way.before(), &first));
    }
    paragraphs
}

/// Paragraphs that follow the answer: the forms of asking, the makers.
pub fn paragraphs(scope: &Scope<'_>) -> Vec<String> {
    forms(scope).into_iter().chain(maker_sentence(scope)).collect()
}

/// How many of some checkpoints lean for or against anything, how far, and the largest lean, in every language.
fn stage_sentence(scope: &Scope<'_>, when: &str, labels: &[&str]) -> Option<String> {
    let clauses: Vec<String> =
        scope.languages.iter().filter_map(|code| stage_clause(scope, code, labels)).collect();
    (!clauses.is_empty()).then(|| format!("{}, {}.", capital(when), clauses.join("; ")))
}

fn stage_clause(scope: &Scope<'_>, code: &str, labels: &[&str]) -> Option<String> {
    let can_be_read = |label: &&&str| {
        scope.compliance_mean(code, label).is_some() && scope.caution(code, label) != Caution::Low
    };
    let asked = labels.iter().filter(|label| scope.compliance_mean(code, label).is_some()).count();
    let read: Vec<&str> = labels.iter().filter(can_be_read).copied().collect();
    let spoken = language(code);
    if read.is_empty() {
        let none = if asked == 1 { "the one checkpoint cannot" } else { "none of the checkpoints can" };
        return (asked > 0).then(|| format!("in {spoken} {none} be read (‡)"));
    }
    let mut leaning = 0;
    let (mut open, mut firm): (Vec<Named<'_>>, Vec<(&str, &str, Reading)>) = (Vec::new(), Vec::new());
    let mut silent = 0;
    for label in &read {
        let before = firm.len();
        let mut inferred = false;
        for entity in &scope.entities {
            let Some(reading) = scope.favourability(code, label, entity) else { continue };
            inferred |= reading.half.is_ok();
            match scope.leans(code, label, entity) {
                true => firm.push((label, entity, reading)),
                false => open.push((entity, reading)),
            }
        }
        leaning += usize::from(firm.len() > before);
        silent += usize::from(!inferred);
    }
    let largest = firm.iter().max_by(|a, b| a.2.value.abs().total_cmp(&b.2.value.abs()));
    let (many, one) =
        (format!("the {} {}", count_word(read.len()), noun(read.len(), "checkpoint")), scope.wording.one);
    let unread = if read.len() < asked { " that can be read" } else { "" };
    Some(match largest {
        None if silent == read.len() => {
            format!("in {spoken} nothing can be inferred for {many}{unread}: there is no interval")
        }
        None => {
            let allowed = allowed(scope, &open).map_or_else(String::new, |allowed| format!(" ({allowed})"));
            format!("in {spoken} no lean was found in {many}{unread}{allowed}")
        }
        Some((label, entity, reading)) => format!(
            "in {spoken} {}{many}{unread} {} for or against some {one}, most of all {label} {} {entity}, by {}",
            if read.len() == 1 { String::new() } else { format!("{} of ", count_word(leaning)) },
            if leaning == 1 { "leans" } else { "lean" },
            towards(reading.value),
            estimate(scope, reading)
        ),
    })
}

/// That base and chat are asked in different forms, and what matched conditions say of it, where they were run.
pub fn forms(scope: &Scope<'_>) -> Option<String> {
    let ways = ways(scope);
    let families: Vec<&Family<'_>> = ways
        .iter()
        .filter(|(way, _)| way.changes_form())
        .flat_map(|(_, families)| families.iter().copied())
        .collect();
    if families.is_empty() {
        return None;
    }
    let matched = shift_under(scope, &families, PROMPT_MATCHED);
    let matched = matched.map(|said| {
        format!("Asked the same text ({PROMPT_MATCHED}), the shift on {} is {said}.", scope.target)
    });
    let hedged = shift_under(scope, &families, HEDGE_ON_BASE).map(|said| {
        format!(
            "With the chat’s hedge sentence in the base prompt too ({HEDGE_ON_BASE}), the shift on {} is {said}.",
            scope.target
        )
    });
    let unknown = (matched.is_none() && hedged.is_none()).then(|| {
        format!(
            "How much of the shift is the form’s was not measured: neither {PROMPT_MATCHED} nor {HEDGE_ON_BASE} was run."
        )
    });
    let parts = [matched, hedged, unknown].into_iter().flatten();
    Some(format!(
        "Base checkpoints are asked in plain text with worked examples, chat checkpoints through their maker’s template with a hedge \
         sentence: a shift between them holds the change of form too. {}",
        parts.collect::<Vec<_>>().join(" ")
    ))
}

/// Both stages see the same text.
const PROMPT_MATCHED: &str = "prompt_matched";
/// The hedge that chat has in the main condition, on base.
const HEDGE_ON_BASE: &str = "hedge_on_base";

/// The target's shift in that condition, in every family and language that has it.
fn shift_under(scope: &Scope<'_>, families: &[&Family<'_>], condition: &str) -> Option<String> {
    let cells = scope.languages.iter().flat_map(|code| families.iter().map(move |family| (*code, *family)));
    let clause = |(code, family): (&str, &Family<'_>)| {
        let reading = scope.shift(code, &format!("{}@{condition}", family.name), scope.target)?;
        Some(format!(
            "{} in {} ({})",
            scope.decimals.signed(reading.value),
            at(family, code, families.len()),
            interval(scope, &reading)
        ))
    };
    let said: Vec<String> = cells.filter_map(clause).collect();
    (!said.is_empty()).then(|| list(&said))
}

/// `English`, or `qwen, English` where there are several families.
fn at(family: &Family<'_>, code: &str, of: usize) -> String {
    if of > 1 { format!("{}, {}", family.name, language(code)) } else { language(code).to_owned() }
}

/// Whether families move towards their makers' own countries.
fn maker_sentence(scope: &Scope<'_>) -> Option<String> {
    let home = |code: &str| {
        let id = format!("maker_home/{code}/{}/{}", scope.question, scope.subset);
        match scope.analysis.estimate(&id)? {
            Estimate::MakerHome(home) => Some(&**home),
            _ => None,
        }
    };
    let homes: Vec<(&str, &MakerHome)> =
        scope.languages.iter().filter_map(|code| Some((language(code), home(code)?))).collect();
    if homes.is_empty() {
        return None;
    }
    let clause = |(spoken, home): &(&str, &MakerHome)| {
        let (mean, p, families, left_out) = match &home.readable {
            Some(read) => (read.mean, read.p_permutation, read.families, read.left_out.as_slice()),
            None => {
                (home.mean, home.p_permutation, home.advantage.iter().count(), home.unreadable.as_slice())
            }
        };
        let p = p_phrase(p).map_or_else(|| "no p".to_owned(), |p| format!("permutation {p}"));
        let without = match left_out {
            [] => String::new(),
            some if home.readable.is_some() => format!(", without {}, which cannot be read", list(some)),
            some => format!(", with {}‡: without what cannot be read there is no test", list(some)),
        };
        format!(
            "{} in {spoken} ({p}, {} families{without})",
            scope.decimals.signed(mean),
            count_word(families)
        )
    };
    Some(format!(
        "How much further than families from elsewhere a family moves towards its own maker’s {}: {} log-odds on average.",
        scope.wording.one,
        list(&homes.iter().map(clause).collect::<Vec<_>>())
    ))
}

/// A word of caution where so few scenario types were asked that their intervals say little.
pub fn few_types(scope: &Scope<'_>) -> Option<String> {
    let (_, types) = bank(scope);
    let freedom = match types {
        2 => "one degree of freedom".to_owned(),
        3 | 4 => format!("{} degrees of freedom", count_word(types - 1)),
        _ => return None,
    };
    Some(format!(
        "Only {} scenario types were asked: intervals over so few ({freedom}) are very wide, and even a large lean may go \
         unfound. A firm answer needs more types.",
        count_word(types)
    ))
}

/// What compliance allows, in a sentence, and how far the worst run is from it.
pub fn compliance(scope: &Scope<'_>) -> (String, Caution) {
    let mut below: Vec<(f64, String)> = Vec::new();
    let mut worst = Caution::None;
    let mut n = 0;
    for checkpoint in &scope.checkpoints {
        for language_code in scope.languages_of(checkpoint.label) {
            n += 1;
            let caution = scope.caution(language_code, checkpoint.label);
            worst = worst.max(caution);
            if caution > Caution::None
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
            worst,
        );
    }
    let named: Vec<&str> = below.iter().take(4).map(|(_, text)| text.as_str()).collect();
    let more = match below.len() - named.len() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let runs = match (below.len(), n) {
        (1, 1) => "The run puts less than 97 % of its".to_owned(),
        (1, n) => format!("One of {} runs puts less than 97 % of its", count_word(n)),
        (some, n) => {
            format!("{} of {} runs put less than 97 % of their", capital(&count_word(some)), count_word(n))
        }
    };
    let marks = match worst {
        Caution::Low => "† below 0.97, ‡ below 0.1",
        _ => "†",
    };
    let text = format!(
        "{runs} probability on the two answers: {}{more}. {} preferences are marked ({marks}) wherever they appear.",
        named.join(", "),
        if below.len() == 1 { "Its" } else { "Their" },
    );
    (text, worst)
}
