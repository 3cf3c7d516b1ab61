//! What is said around the answer: compliance first, the stages before, the makers, the two forms of asking.

use crate::plain::noun;
use crate::stats::{Estimate, MakerHome};

use super::caution::Caution;
use super::checkpoints::Family;
use super::format::{capital, count_word, language, list, p_phrase, probability};
use super::reading::Reading;
use super::scope::Scope;
use super::stages::ways;
use super::words::{Named, allowed, bank, estimate, interval, not_found, span, way as towards};

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
        let mut unread = labels.iter().filter(|label| scope.compliance_mean(code, label).is_some());
        let none = match (asked, unread.next()) {
            (1, Some(label)) => format!("{label} cannot"),
            _ => "none of the checkpoints can".to_owned(),
        };
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
    let one = scope.wording.one;
    // A single one by its name: the page may have others.
    let many = match read.as_slice() {
        [label] => (*label).to_owned(),
        some => format!("the {} checkpoints", count_word(some.len())),
    };
    let unread = if read.len() > 1 && read.len() < asked { " that can be read" } else { "" };
    Some(match largest {
        None if silent == read.len() => {
            format!("in {spoken} nothing can be inferred for {many}{unread}: there is no interval")
        }
        None => {
            let allowed = allowed(scope, &open).map_or_else(String::new, |allowed| format!(" ({allowed})"));
            let (that, _) = not_found(&open);
            format!("in {spoken} no lean{that} was found in {many}{unread}{allowed}")
        }
        Some((label, entity, reading)) => format!(
            "in {spoken} {}{many}{unread} {} for or against some {one}, most of all {}{} {entity}, by {}",
            if read.len() == 1 { String::new() } else { format!("{} of ", count_word(leaning)) },
            if leaning == 1 { "leans" } else { "lean" },
            if read.len() == 1 { String::new() } else { format!("{label} ") },
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
    // What a condition's name stands for is known of the program's own study alone.
    let under = |condition: &str, meaning: &str| {
        let said = shift_under(scope, &families, condition)?;
        let asked = match scope.built_in {
            true => format!("{meaning} ({condition})"),
            false => format!("Asked in {condition}"),
        };
        Some(format!("{asked}, the shift on {} is {said}.", scope.target))
    };
    let measured = [
        under(PROMPT_MATCHED, "Asked the same text"),
        under(HEDGE_ON_BASE, "With the chat’s hedge sentence in the base prompt too"),
    ];
    let measured: Vec<String> = measured.into_iter().flatten().collect();
    let labels = families.iter().flat_map(|family| family.ends().into_iter().flatten());
    let mut conditions: Vec<&str> = labels.filter_map(|(_, label)| scope.condition_of(label)).collect();
    conditions.sort_unstable();
    conditions.dedup();
    let (asked, unmeasured) = match (scope.built_in, conditions.as_slice()) {
        (true, [MAIN]) => (
            "Base checkpoints are asked in plain text with worked examples, chat checkpoints through their maker’s template \
             with a hedge sentence: a shift between them holds the change of form too."
                .to_owned(),
            format!(
                "How much of the shift is the form’s was not measured: neither {PROMPT_MATCHED} nor {HEDGE_ON_BASE} was run."
            ),
        ),
        (true, [PROMPT_MATCHED]) => (
            format!(
                "Base and chat checkpoints are asked the same text ({PROMPT_MATCHED}): of the change of form, a shift between \
                 them holds the template’s markup alone."
            ),
            String::new(),
        ),
        _ => (
            "Base and chat checkpoints may have been asked in different forms: a shift between them would hold the change of \
             form too."
                .to_owned(),
            String::new(),
        ),
    };
    let said = if measured.is_empty() { unmeasured } else { measured.join(" ") };
    Some(format!("{asked} {said}").trim_end().to_owned())
}

/// The condition that is read where no other is chosen.
const MAIN: &str = "main";

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

/// A word of caution where the target's figures have so few scenario types that their intervals say little.
pub fn few_types(scope: &Scope<'_>) -> Option<String> {
    few(scope, &bank(scope).types)
}

/// The same of some figures: whose each is, and its number of types.
pub fn few(scope: &Scope<'_>, figures: &[(String, usize)]) -> Option<String> {
    let few: Vec<&(String, usize)> = figures.iter().filter(|(_, types)| (2..=4).contains(types)).collect();
    let (least, most) = span(few.iter().map(|(_, types)| *types))?;
    let number = |from: usize, to: usize| match from == to {
        true => count_word(to),
        false => format!("{} to {}", count_word(from), count_word(to)),
    };
    let all_asked = few.len() == figures.len() && least == most && bank(scope).left_out.is_empty();
    let mut names: Vec<&str> = few.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    if names.len() > NAMED {
        names.truncate(NAMED);
        names.push("others");
    }
    let lead = match all_asked {
        true => format!("Only {} scenario types were asked", count_word(most)),
        false => {
            format!("Only {} scenario types are behind the figures of {}", number(least, most), list(&names))
        }
    };
    Some(format!(
        "{lead}: intervals over so few ({} {} of freedom) are very wide, and even a large lean may go unfound. A firm answer \
         needs more types.",
        number(least - 1, most - 1),
        noun(most - 1, "degree")
    ))
}

/// So many of those with few types are named.
const NAMED: usize = 4;

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
