//! The page's question answered in two sentences: where the target stands, and whether post-training put it there; and the
//! same in every other language that was asked.

use crate::plain::noun;
use crate::stats::Verdict;

use super::caution::Caution;
use super::checkpoints::Family;
use super::format::{capital, count_word, language, list, p_phrase};
use super::reading::Without;
use super::scope::Scope;
use super::stages::{Way, ways};
use super::words::{Named, allowed, chosen, estimate, firmness, interval, not_found, points, way as towards};

/// The answer, and what it is in the other languages.
#[derive(Debug, Default)]
pub struct Answer {
    pub sentences: Vec<String>,
    pub further: Vec<String>,
}

impl Answer {
    /// Clauses by language: the first makes a sentence of the answer, the others follow elsewhere.
    fn add(&mut self, lead: &str, clauses: Vec<String>, end: &str) {
        let mut clauses = clauses.into_iter();
        if let Some(first) = clauses.next() {
            self.sentences.push(format!("{}.{end}", capital(&format!("{lead}{first}"))));
        }
        let rest: Vec<String> = clauses.collect();
        if !rest.is_empty() {
            self.further.push(format!("{}.", capital(&format!("{lead}{}", rest.join("; ")))));
        }
    }
}

pub fn answer(scope: &Scope<'_>) -> Answer {
    let mut answer = Answer::default();
    let ways = ways(scope);
    for (way, families) in &ways {
        let last: Vec<&str> =
            families.iter().filter_map(|f| f.stages.last()).map(|(_, label)| *label).collect();
        leans(scope, &mut answer, Some(*way), &last);
    }
    let single: Vec<&str> = scope
        .checkpoints
        .iter()
        .filter(|c| c.family.and_then(|f| scope.families.get(f)).is_none_or(|f| f.ends().is_none()))
        .map(|c| c.label)
        .collect();
    if !single.is_empty() {
        leans(scope, &mut answer, None, &single);
    }
    for (way, families) in &ways {
        match families.as_slice() {
            [family] => answer.sentences.extend(one_familys_shift(scope, *way, family)),
            _ => {
                let clauses =
                    scope.languages.iter().filter_map(|code| families_in(scope, code, *way, families));
                answer.add("", clauses.collect(), "");
            }
        }
    }
    if ways.is_empty() {
        answer.sentences.push(
            "What post-training changed cannot be told from this table: that takes a family asked before and after it."
                .to_owned(),
        );
    }
    answer
}

/// How some checkpoints stand to the target, language by language.
fn leans(scope: &Scope<'_>, answer: &mut Answer, way: Option<Way<'_>>, labels: &[&str]) {
    let when = way.map_or_else(String::new, |way| format!("{}, ", way.after()));
    match labels {
        [label] => {
            let clauses =
                scope.languages_of(label).into_iter().filter_map(|code| one_lean(scope, code, label));
            let clauses: Vec<String> = clauses.collect();
            if !clauses.is_empty() {
                answer.sentences.push(format!("{}.", capital(&format!("{when}{}", clauses.join("; ")))));
            }
        }
        _ => {
            let clauses = scope.languages.iter().filter_map(|code| many_leans(scope, code, labels)).collect();
            answer.add(&when, clauses, &largest(scope, labels));
        }
    }
}

/// `in English m leans towards China by +2.00 log-odds (...)`.
fn one_lean(scope: &Scope<'_>, code: &str, label: &str) -> Option<String> {
    let reading = scope.favourability(code, label, scope.target)?;
    let (spoken, target) = (language(code), scope.target);
    let of = [(target, reading)];
    let dagger = scope.caution(code, label).dagger();
    Some(match (scope.caution(code, label), reading.half) {
        (Caution::Low, _) => {
            format!("in {spoken} {label}{dagger} cannot be read: too little falls on the two answers")
        }
        (_, Err(without)) => format!(
            "in {spoken} {label}{dagger} stands at {} log-odds for {target}, from which nothing can be inferred beyond the scenarios \
             asked (no interval: {})",
            scope.decimals.signed(reading.value),
            without.why()
        ),
        _ if scope.leans(code, label, target) => format!(
            "in {spoken} {label}{dagger} leans {} {target} by {}{}",
            towards(reading.value),
            estimate(scope, &reading),
            chosen(scope, code, label, target)
        ),
        _ if reading.is_small() => format!(
            "in {spoken} {label}{dagger} shows no lean on {target}: the equivalence test (TOST) holds it within ±{} ({})",
            scope.smallest_effect,
            interval(scope, &reading)
        ),
        _ => {
            let (that, before) = not_found(&of);
            let p = p_phrase(reading.adjusted).filter(|_| !before.is_empty());
            let p = p.map_or_else(String::new, |p| format!(", adjusted {p}"));
            format!(
                "in {spoken} no lean on {target}{that} was found in {label}{dagger} ({}{p}; {})",
                interval(scope, &reading),
                allowed(scope, &of).unwrap_or_default()
            )
        }
    })
}

/// `in English, four of seven checkpoints lean towards China and one away from it; for two none was found (...)`.
fn many_leans(scope: &Scope<'_>, code: &str, labels: &[&str]) -> Option<String> {
    let asked: Vec<Named<'_>> =
        labels.iter().filter_map(|l| Some((*l, scope.favourability(code, l, scope.target)?))).collect();
    if asked.is_empty() {
        return None;
    }
    let spoken = language(code);
    let (unread, read): (Vec<Named<'_>>, Vec<Named<'_>>) =
        asked.into_iter().partition(|(label, _)| scope.caution(code, label) == Caution::Low);
    if read.is_empty() {
        return Some(match unread.as_slice() {
            [(label, _)] => format!("in {spoken} {label} cannot be read (‡)"),
            some => format!("in {spoken} none of {} can be read (‡)", of_checkpoints(some.len())),
        });
    }
    let (with, without): (Vec<Named<'_>>, Vec<Named<'_>>) =
        read.iter().copied().partition(|(_, reading)| reading.half.is_ok());
    let (firm, open): (Vec<Named<'_>>, Vec<Named<'_>>) =
        with.into_iter().partition(|(label, _)| scope.leans(code, label, scope.target));
    let up = firm.iter().filter(|(_, reading)| reading.value > 0.0).count();
    let mut parts = Vec::new();
    if !firm.is_empty() {
        parts.push(match read.as_slice() {
            [(label, reading)] => format!("{label} leans {} {}", towards(reading.value), scope.target),
            _ => format!(
                "{} of {} {} towards {} and {} away from it",
                number(up),
                of_checkpoints(read.len()),
                if up == 1 { "leans" } else { "lean" },
                scope.target,
                number(firm.len() - up)
            ),
        });
    }
    if !open.is_empty() {
        let (that, before) = not_found(&open);
        let said: Vec<String> =
            allowed(scope, &open).into_iter().chain((!before.is_empty()).then_some(before)).collect();
        let of = match (open.as_slice(), firm.is_empty()) {
            // By its name: it may be the only one that can be read, or that was asked.
            ([(label, _)], true) => (*label).to_owned(),
            (some, true) => of_checkpoints(some.len()),
            (some, false) => count_word(some.len()),
        };
        parts.push(format!("in {of} no lean{that} was found ({})", said.join("; ")));
    }
    parts.extend(without_interval(scope, &without));
    parts.extend(left_out(&unread));
    Some(format!("in {spoken} {}", list(&parts)))
}

/// The largest lean of some checkpoints on the target, in a sentence of its own.
fn largest(scope: &Scope<'_>, labels: &[&str]) -> String {
    let all = labels.iter().flat_map(|label| {
        let read =
            scope.languages_of(label).into_iter().filter(|code| scope.caution(code, label) != Caution::Low);
        read.filter(|code| scope.leans(code, label, scope.target))
            .filter_map(|code| Some((code, *label, scope.favourability(code, label, scope.target)?)))
    });
    match all.max_by(|a, b| a.2.value.abs().total_cmp(&b.2.value.abs())) {
        None => String::new(),
        Some((code, label, reading)) => format!(
            " The largest lean is {label}’s in {}, {} {} by {}{}.",
            language(code),
            towards(reading.value),
            scope.target,
            estimate(scope, &reading),
            chosen(scope, code, label, scope.target)
        ),
    }
}

/// The only family on its way, language by language.
fn one_familys_shift(scope: &Scope<'_>, way: Way<'_>, family: &Family<'_>) -> Option<String> {
    let clause = |code: &&str| {
        let reading = scope.shift(code, family.name, scope.target)?;
        let spoken = language(code);
        let caution = scope.ends_caution(family, code);
        let dagger = caution.dagger();
        if caution == Caution::Low {
            return Some(format!("cannot be read in {spoken}{dagger}"));
        }
        let value = scope.decimals.signed(reading.value);
        if reading.half.is_err() {
            return Some(format!(
                "is {value} in {spoken}{dagger}, from which nothing can be inferred ({})",
                interval(scope, &reading)
            ));
        }
        let p = p_phrase(reading.adjusted).map_or_else(String::new, |p| format!(", adjusted {p}"));
        let interval = interval(scope, &reading);
        let choices = scope.choice_shift(code, family.name, scope.target);
        let choices = choices.map_or_else(String::new, |shift| format!("; choices {} points", points(shift)));
        let firm = scope.firm(code, family.name, scope.target).map(firmness).filter(|text| !text.is_empty());
        let firm = firm.map_or_else(String::new, |text| format!(", {text}"));
        let reach = scope.decimals.width(reading.reach().unwrap_or_default());
        let may_be = format!("({interval}{p}; the data still allow one of up to ±{reach})");
        Some(match reading {
            r if r.is_finding() => {
                format!("is {value} log-odds in {spoken}{dagger} ({interval}{p}{choices}){firm}")
            }
            r if r.is_small() => format!(
                "is held within ±{} in {spoken}{dagger} by the equivalence test (TOST; {interval})",
                scope.smallest_effect
            ),
            r if r.excludes_zero() => format!("does not survive correction in {spoken}{dagger} {may_be}"),
            _ => format!("was not found in {spoken}{dagger} {may_be}"),
        })
    };
    let clauses: Vec<String> = scope.languages.iter().filter_map(clause).collect();
    if clauses.is_empty() {
        return None;
    }
    let what = match way.is_post_training() {
        true => "The shift that post-training brought".to_owned(),
        false => format!("The shift from {} to {}", way.first, way.last),
    };
    Some(format!("{what} to {} in {} {}.", scope.target, family.name, clauses.join("; it ")))
}

/// How many families went which way in a language; those that cannot be read are named and not counted.
fn families_in(scope: &Scope<'_>, code: &str, way: Way<'_>, families: &[&Family<'_>]) -> Option<String> {
    let spoken = language(code);
    let asked = families.iter().copied().filter_map(|f| Some((f, scope.shift(code, f.name, scope.target)?)));
    let (unread, read): (Vec<_>, Vec<_>) =
        asked.partition(|(f, _)| scope.ends_caution(f, code) == Caution::Low);
    let named = |(family, reading): &(&Family<'_>, super::reading::Reading)| {
        (format!("{}{}", family.name, scope.ends_caution(family, code).dagger()), *reading)
    };
    let unread: Vec<_> = unread.iter().map(named).collect();
    let unread: Vec<Named<'_>> = unread.iter().map(|(name, reading)| (name.as_str(), *reading)).collect();
    if read.is_empty() {
        return (!unread.is_empty()).then(|| {
            format!(
                "what {} changed for {} cannot be read in {spoken}, where in {} too little falls on the two answers",
                way.subject(),
                scope.target,
                match unread.len() {
                    1 => unread[0].0.to_owned(),
                    n => format!("each of {} families", count_word(n)),
                }
            )
        });
    }
    let firm = |sign: f64| -> Vec<String> {
        let moved = read.iter().filter(|(_, reading)| reading.value * sign > 0.0 && reading.is_finding());
        moved.map(|pair| named(pair).0).collect()
    };
    let (up, down) = (firm(1.0), firm(-1.0));
    let in_brackets = |families: &[String]| match families {
        [] => String::new(),
        some => format!(" ({})", list(some)),
    };
    let readings: Vec<(String, _)> = read.iter().map(named).collect();
    let of_read: Vec<Named<'_>> = readings.iter().map(|(name, reading)| (name.as_str(), *reading)).collect();
    let (with, without): (Vec<Named<'_>>, Vec<Named<'_>>) =
        of_read.into_iter().partition(|(_, reading)| reading.half.is_ok());
    let is_firm = |name: &str| up.iter().chain(&down).any(|firm| firm == name);
    let open: Vec<Named<'_>> = with.into_iter().filter(|(name, _)| !is_firm(name)).collect();
    let mut parts = Vec::new();
    if up.len() + down.len() > 0 {
        parts.push(match read.as_slice() {
            [only] => {
                let (family, reading) = named(only);
                format!("{} moved {family} {} {}", way.subject(), towards(reading.value), scope.target)
            }
            _ => format!(
                "{} moved {} of {} towards {}{} and {} away from it{}",
                way.subject(),
                number(up.len()),
                families_read(read.len(), !unread.is_empty()),
                scope.target,
                in_brackets(&up),
                number(down.len()),
                in_brackets(&down)
            ),
        });
    }
    if !open.is_empty() {
        let reach = open.iter().filter_map(|(_, reading)| reading.reach()).fold(0.0, f64::max);
        let of = match up.len() + down.len() {
            0 if open.len() == 1 => format!("of {} in {}", scope.target, open[0].0),
            0 => format!("of {} in {}", scope.target, families_read(open.len(), !unread.is_empty())),
            _ => format!("for {}", count_word(open.len())),
        };
        let (that, before) = not_found(&open);
        let before = if before.is_empty() { before } else { format!("; {before}") };
        let brought = if way.is_post_training() { "by post-training " } else { "" };
        let brought = if up.len() + down.len() == 0 { brought } else { "" };
        parts.push(format!(
            "no shift {brought}{of}{that} was found (the data still allow one of up to ±{}{before})",
            scope.decimals.width(reach)
        ));
    }
    parts.extend(without_interval(scope, &without));
    parts.extend(left_out(&unread));
    let firm: Vec<String> = read
        .iter()
        .filter(|(family, reading)| {
            let firm = scope.firm(code, family.name, scope.target);
            reading.is_finding() && firm.is_some_and(|firm| firm.verdict == Verdict::Firm)
        })
        .map(|pair| named(pair).0)
        .collect();
    let firm = match (up.len() + down.len(), firm.as_slice()) {
        (0, _) => String::new(),
        (_, []) => "; none is firm on all three scales".to_owned(),
        (_, some) => format!("; firm on all three scales: {}", list(some)),
    };
    Some(format!("in {spoken} {}{firm}", list(&parts)))
}

/// `nothing can be inferred for a (+9.00), without an interval (asked in one scenario type only)`.
fn without_interval(scope: &Scope<'_>, without: &[Named<'_>]) -> Option<String> {
    if without.is_empty() {
        return None;
    }
    let value = |(name, reading): &Named<'_>| format!("{name} ({})", scope.decimals.signed(reading.value));
    let names: Vec<String> = without.iter().map(value).collect();
    let mut reasons: Vec<Without> = without.iter().filter_map(|(_, reading)| reading.half.err()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let why: Vec<&str> = reasons.into_iter().map(Without::why).collect();
    Some(format!("nothing can be inferred for {}, without an interval ({})", list(&names), why.join("; ")))
}

/// `b‡ cannot be read`.
fn left_out(unread: &[Named<'_>]) -> Option<String> {
    if unread.is_empty() {
        return None;
    }
    let name = |(name, _): &Named<'_>| {
        let dagger = if name.ends_with(Caution::Low.dagger()) { "" } else { Caution::Low.dagger() };
        format!("{name}{dagger}")
    };
    Some(format!("{} cannot be read", list(&unread.iter().map(name).collect::<Vec<_>>())))
}

fn number(n: usize) -> String {
    if n == 0 { "none".to_owned() } else { count_word(n) }
}

/// `six checkpoints`, `the one checkpoint`.
fn of_checkpoints(n: usize) -> String {
    let the = if n == 1 { "the " } else { "" };
    format!("{the}{} {}", count_word(n), noun(n, "checkpoint"))
}

fn families_read(n: usize, some_unread: bool) -> String {
    let families = format!("{} {}", count_word(n), noun(n, "family"));
    if some_unread { format!("the {families} that can be read") } else { families }
}
