//! What the page's answer claims of several families, read back out of its sentences and held against the figures, on tables
//! made at random: who moved, who did not, how far the data still allow, what is firm, what cannot be read.

use tiltmeter::report::Document;
use tiltmeter::stats::{Analysis, Estimate, Figure, ItemRow, Size, Verdict};

use super::{FOUR, Study, analyzed, input};

const FAMILIES: [&str; 4] = ["alpha", "beta", "gamma", "delta"];

/// A family's figure as the sentences must have it.
struct Truth {
    name: String,
    value: f64,
    half: Option<f64>,
    finding: bool,
}

/// Of the target, in a group whose figures `name` calls.
fn truths(analysis: &Analysis, group: &str, name: impl Fn(&Figure) -> Option<String>) -> Vec<Truth> {
    let of_target = |f: &&Figure| {
        (f.parts.country.as_deref(), f.parts.subset.as_deref()) == (Some("China"), Some("all"))
            && !f.step_between
    };
    let truth = |f: &Figure| {
        let Estimate::Confirmatory(c) = &f.estimate else { panic!("{}", f.id) };
        Some(Truth {
            name: name(f)?,
            value: c.estimate,
            half: c.crossed.and_then(|block| block.ci),
            finding: f.differs() && c.size != Some(Size::Smaller),
        })
    };
    analysis.of(group).filter(of_target).filter_map(truth).collect()
}

fn count(word: &str) -> usize {
    const WORDS: [&str; 9] = ["none", "one", "two", "three", "four", "five", "six", "seven", "eight"];
    WORDS.iter().position(|known| *known == word).unwrap_or_else(|| panic!("a number: {word}"))
}

/// `a, b and c`, without their marks.
fn names(text: &str) -> Vec<String> {
    let mut names: Vec<String> = text
        .replace(" and ", ", ")
        .split(", ")
        .map(|name| name.trim_end_matches(['†', '‡']).to_owned())
        .collect();
    names.sort();
    names
}

fn sorted(truths: &[&Truth]) -> Vec<String> {
    let mut names: Vec<String> = truths.iter().map(|t| t.name.clone()).collect();
    names.sort();
    names
}

/// The word before `text`, and what stands in the brackets right behind it.
fn around<'t>(said: &'t str, text: &str) -> Option<(&'t str, Option<&'t str>)> {
    let (before, after) = said.split_once(text)?;
    let brackets = after.strip_prefix(" (").and_then(|rest| rest.split(')').next());
    Some((before.trim_end().rsplit(' ').next()?, brackets))
}

/// Checks the answer's sentence on shifts; returns how many moved, stood still, and were without an interval.
fn hold(rows: &[ItemRow]) -> [usize; 3] {
    let mut settings = "[analysis]\ntarget = 'China'\n".to_owned();
    for name in FAMILIES {
        settings.push_str(&format!(
            "[[family]]\nname = '{name}'\nbase = {{ model = '{name}-b' }}\nchat = {{ model = '{name}-c' }}\n"
        ));
    }
    let (analysis, settings) = analyzed(rows, &settings);
    let document = Document::new(&input(&analysis, &settings)).expect("a document").json();
    let answers: Vec<&str> = document["headline"]
        .as_array()
        .expect("blocks")
        .iter()
        .filter(|block| block["kind"] == "answer")
        .filter_map(|block| block["text"].as_str())
        .collect();
    let low = |name: &str| {
        let of = |f: &&Figure| f.parts.checkpoint.as_deref().is_some_and(|c| c.starts_with(name));
        analysis.of("confirmatory").filter(of).any(|f| f.compliance.is_some_and(|c| c < 0.1))
    };
    let shifts = truths(&analysis, "confirmatory_shift", |f| f.parts.family.clone());
    let (unread, read): (Vec<&Truth>, Vec<&Truth>) = shifts.iter().partition(|t| low(&t.name));
    let moved: Vec<&Truth> = read.iter().copied().filter(|t| t.finding).collect();
    let still: Vec<&Truth> = read.iter().copied().filter(|t| !t.finding && t.half.is_some()).collect();
    let silent: Vec<&Truth> = read.iter().copied().filter(|t| t.half.is_none()).collect();
    let said = answers.last().expect("a sentence on shifts");

    let (up, down): (Vec<&Truth>, Vec<&Truth>) = moved.iter().copied().partition(|t| t.value > 0.0);
    assert_eq!(said.contains("moved "), !moved.is_empty(), "{said}");
    if !moved.is_empty() {
        let n = said.split_once("moved ").expect("a count").1.split(' ').next().expect("a word");
        let (_, towards) = around(said, "towards China").expect("a side");
        let (away, from) = around(said, "away from it").expect("the other");
        assert_eq!((count(n), count(away)), (up.len(), down.len()), "{said}");
        assert_eq!(towards.map(names).unwrap_or_default(), sorted(&up), "{said}");
        assert_eq!(from.map(names).unwrap_or_default(), sorted(&down), "{said}");
        let firm = |t: &&&Truth| {
            let of = |f: &&Figure| {
                f.parts.family.as_deref() == Some(&t.name) && f.parts.country.as_deref() == Some("China")
            };
            let figure = analysis.of("firm").find(of).expect("a verdict");
            matches!(&figure.estimate, Estimate::Firm(found) if found.verdict == Verdict::Firm)
        };
        let firm: Vec<&Truth> = moved.iter().filter(firm).copied().collect();
        let claimed =
            said.split_once("firm on all three scales: ").map(|(_, rest)| names(rest.trim_end_matches('.')));
        assert_eq!(claimed.unwrap_or_default(), sorted(&firm), "{said}");
    }
    assert_eq!(said.contains("was found"), !still.is_empty(), "{said}");
    if !still.is_empty() {
        let bound = said.split_once("one of up to ±").expect("a bound").1;
        let bound: f64 = bound.split([')', ';']).next().and_then(|n| n.parse().ok()).expect("a number");
        let most = still.iter().map(|t| t.value.abs() + t.half.unwrap_or(0.0)).fold(0.0, f64::max);
        assert!((bound - most).abs() < 0.0051, "{said}: {most}");
    }
    assert_eq!(said.contains("nothing can be inferred for"), !silent.is_empty(), "{said}");
    assert_eq!(said.contains("cannot be read"), !unread.is_empty(), "{said}");
    for truth in &unread {
        assert!(said.contains(&format!("{}‡", truth.name)), "{said}");
    }

    // The first sentence counts checkpoints by the same rule.
    let leans =
        truths(&analysis, "confirmatory", |f| f.parts.checkpoint.clone().filter(|c| c.ends_with("-c")));
    let leaning: Vec<&Truth> = leans.iter().filter(|t| t.finding && !low(&t.name)).collect();
    let first = answers.first().expect("a sentence on leans");
    let (up, down): (Vec<&Truth>, Vec<&Truth>) = leaning.iter().copied().partition(|t| t.value > 0.0);
    assert_eq!(first.contains("away from it"), !leaning.is_empty(), "{first}");
    if !leaning.is_empty() {
        let away = around(first, " away from it").expect("a count").0;
        let towards = first.split_once("in English ").expect("a count").1.split(' ').next().expect("a word");
        assert_eq!((count(towards), count(away)), (up.len(), down.len()), "{first}");
        let largest = leaning.iter().max_by(|a, b| a.value.abs().total_cmp(&b.value.abs())).expect("one");
        assert!(first.contains(&format!("The largest lean is {}’s in English", largest.name)), "{first}");
    }
    [moved.len(), still.len(), silent.len()]
}

#[apply(test!)]
fn answers_say_of_families_what_the_figures_say() {
    let mut state = 20_260_102u64;
    let mut draw = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f64 / (1u64 << 24) as f64
    };
    let mut seen = [0; 3];
    for round in 0..24 {
        let size = [0.0, 0.6, 1.5, 3.0][round % 4];
        let noise = [0.3, 1.5, 0.0][round % 3];
        let labels: Vec<String> =
            FAMILIES.iter().flat_map(|f| ["b", "c"].map(|stage| format!("{f}-{stage}"))).collect();
        let opinions: Vec<[f64; 4]> = labels.iter().map(|_| [size * (draw() - 0.5), 0.0, 0.0, 0.1]).collect();
        // In some rounds one family cannot be read.
        let compliance = |at: usize| if round % 5 == 3 && at == 3 { 0.04 } else { 0.99 };
        let checkpoints: Vec<(&str, &[f64], f64)> = labels
            .iter()
            .zip(&opinions)
            .enumerate()
            .map(|(at, (l, o))| (l.as_str(), &o[..], compliance(at)))
            .collect();
        let types = 1 + (draw() * 7.0) as usize;
        let study = Study { checkpoints: &checkpoints, entities: &FOUR, languages: &["en"], types, noise };
        for (sum, n) in seen.iter_mut().zip(hold(&study.rows())) {
            *sum += n;
        }
    }
    assert!(seen.iter().all(|n| *n > 8), "too few claims to call it a test: {seen:?}");
}
