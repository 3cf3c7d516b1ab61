//! The page's summary: compliance first, then stages, the target's shift and the makers, a sentence each.

use crate::plain::noun;
use crate::stats::{Clustered, Estimate, MakerTest};

use super::format::{capital, count_word, language, list, p_phrase, probability};
use super::scope::{Caution, Family, Scope};
use super::words::{bank, estimate};

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
            if scope.leans(code, label, entity) {
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
    format!("the {} {}", count_word(n), noun(n, "checkpoint"))
}

/// A family's shift of an entity at the page's question and subset.
pub fn shift<'a>(scope: &Scope<'a>, language: &str, family: &str, entity: &str) -> Option<&'a Clustered> {
    scope.analysis.clustered(&scope.shift_id(language, family, entity))
}

/// What post-training did to the target.
fn shift_sentence(scope: &Scope<'_>) -> Option<String> {
    let code = scope.baseline();
    let shifts = |f: &&Family<'_>| shift(scope, code, f.name, scope.target).is_some();
    let families: Vec<&Family<'_>> = scope.families.iter().filter(shifts).collect();
    match families.as_slice() {
        [] => None,
        [family] => Some(one_familys_shift(scope, family)),
        _ => Some(families_shifts(scope, &families)),
    }
}

/// The only family, language by language.
fn one_familys_shift(scope: &Scope<'_>, family: &Family<'_>) -> String {
    let clause = |code: &&str| {
        let c = shift(scope, code, family.name, scope.target)?;
        let spoken = language(code);
        if family_caution(scope, family, code) == Caution::Low {
            return Some(format!("not read in {spoken}‡"));
        }
        let id = scope.shift_id(code, family.name, scope.target);
        let p = p_phrase(scope.corrected.p(&id)).map_or_else(String::new, |p| format!(", adjusted {p}"));
        let interval = format!("95 % CI {}{p}", scope.decimals.interval(c.mean_cluster, c.ci_t));
        Some(match scope.corrected.differs(&id) {
            true => format!("{} log-odds in {spoken} ({interval})", scope.decimals.signed(c.mean_cluster)),
            false => format!("no shift found in {spoken} ({interval})"),
        })
    };
    let clauses: Vec<String> = scope.languages.iter().filter_map(clause).collect();
    format!("What post-training changed for {} in {}: {}.", scope.target, family.name, list(&clauses))
}

/// How many families went which way in the baseline language; those that cannot be read are named and not counted.
fn families_shifts(scope: &Scope<'_>, families: &[&Family<'_>]) -> String {
    let code = scope.baseline();
    let spoken = language(code);
    let (unread, read): (Vec<&Family<'_>>, Vec<&Family<'_>>) =
        families.iter().copied().partition(|family| family_caution(scope, family, code) == Caution::Low);
    if read.is_empty() {
        return format!(
            "What post-training changed for {} cannot be read in {spoken}: in each of {} families too little falls on the \
             two answers.",
            scope.target,
            count_word(unread.len())
        );
    }
    let firm = |sign: f64| -> Vec<String> {
        let moved = read.iter().filter(|family| {
            let to = shift(scope, code, family.name, scope.target).map_or(0.0, |c| c.mean_cluster);
            to * sign > 0.0 && scope.corrected.differs(&scope.shift_id(code, family.name, scope.target))
        });
        moved
            .map(|family| format!("{}{}", family.name, family_caution(scope, family, code).dagger()))
            .collect()
    };
    let (up, down) = (firm(1.0), firm(-1.0));
    let named = |families: &[String]| match families {
        [] => String::new(),
        some => format!(" ({})", list(some)),
    };
    let open = match read.len() - up.len() - down.len() {
        0 => String::new(),
        n => format!("; for {} no shift was found", count_word(n)),
    };
    let count = |families: &[String]| {
        if families.is_empty() { "none".to_owned() } else { count_word(families.len()) }
    };
    format!(
        "Of {}, post-training moved {} towards {}{} and {} away from it{} in {spoken}{open}.{}",
        of_families(read.len(), &unread),
        count(&up),
        scope.target,
        named(&up),
        count(&down),
        named(&down),
        not_counted(&unread)
    )
}

/// `three families`, `the six families that can be read`.
fn of_families(read: usize, unread: &[&Family<'_>]) -> String {
    let families = format!("{} {}", count_word(read), noun(read, "family"));
    if unread.is_empty() { families } else { format!("the {families} that can be read") }
}

/// ` Not counted: mistral‡.`
fn not_counted(unread: &[&Family<'_>]) -> String {
    match unread {
        [] => String::new(),
        some => {
            let names: Vec<String> =
                some.iter().map(|f| format!("{}{}", f.name, Caution::Low.dagger())).collect();
            format!(" Not counted: {}.", list(&names))
        }
    }
}

/// The worst of a family's stages in a language.
pub fn family_caution(scope: &Scope<'_>, family: &Family<'_>, code: &str) -> Caution {
    family.stages.iter().map(|(_, label)| scope.caution(code, label)).max().unwrap_or(Caution::None)
}

/// A maker test over those of its families that can be read in the language.
pub fn read_maker_test(scope: &Scope<'_>, code: &str, test: &MakerTest) -> Option<MakerTest> {
    let unread = unread_makers(scope, code, test);
    test.among(|name| unread.iter().all(|family| family.name != name))
}

/// The families of a maker test that cannot be read in the language.
pub fn unread_makers<'s, 'a>(scope: &'s Scope<'a>, code: &str, test: &MakerTest) -> Vec<&'s Family<'a>> {
    let is_unread =
        |f: &&Family<'_>| test.signed.get(f.name).is_some() && family_caution(scope, f, code) == Caution::Low;
    scope.families.iter().filter(is_unread).collect()
}

/// Whether shifts go the makers' way.
fn maker_sentence(scope: &Scope<'_>) -> Option<String> {
    let code = scope.baseline();
    let id = format!("maker/{code}/{}/{}/{}", scope.target, scope.question, scope.subset);
    let Some(Estimate::Maker(test)) = scope.analysis.estimate(&id) else { return None };
    let all = &test.mean_cluster;
    let unread = unread_makers(scope, code, all);
    let read = read_maker_test(scope, code, all)?;
    if read.families() < 2 {
        return None;
    }
    let p = [("exact binomial", read.p_binomial), ("exact sign flips", read.p_sign_flip)];
    let p: Vec<String> = p.iter().filter_map(|(name, p)| Some(format!("{name} {}", p_phrase(*p)?))).collect();
    let aligned = match read.aligned {
        0 => "None".to_owned(),
        n => capital(&count_word(n)),
    };
    let go = if read.aligned == 1 { "goes" } else { "go" };
    let families = count_word(read.families());
    let (of, over) = match unread.is_empty() {
        true => (format!("{families} shifts"), String::new()),
        false => (
            format!("the {families} shifts that can be read"),
            format!("over {families} of {} families: ", count_word(all.families())),
        ),
    };
    Some(format!(
        "{aligned} of {of} {go} the maker’s way in {}: towards {target} where the maker is at home there, away from it elsewhere; the \
         mean signed shift is {} ({over}{}).{}",
        language(code),
        scope.decimals.signed(read.mean),
        p.join(", "),
        not_counted(&unread),
        target = scope.target,
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
