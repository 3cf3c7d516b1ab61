use super::super::super::figure::Adjusted;
use super::super::super::key::Parts;
use super::super::super::review::Effect;
use super::super::{Counts, EXPLANATION_SCHEMA, Influence, MadeOf, Part};
use super::*;

#[test]
fn prompts_keep_within_their_width_and_lose_nothing() {
    let told = |text: &str, width| wrapped_to(text, width).join("|");
    let text = "one two three exacting\n\nfour 一二三四五六 seveneight x";
    assert_eq!(told(text, 8), "one two|three|exacting||four 一|二三四五|六 seven|eight x");
    assert_eq!(told("ab cde f", 6), "ab cde|f");
    assert_eq!(told("exacting", 8), "exacting");
    // The first letter that takes two columns.
    assert_eq!(told("\u{10ff}\u{10ff}\u{1100}\u{1100}", 3), "\u{10ff}\u{10ff}|\u{1100}|\u{1100}");
}

#[test]
fn small_changes_keep_their_digits_and_lists_say_what_they_leave_out() {
    assert_eq!([0.0, 0.000_512_3, 0.001, -1.25].map(signed), ["0", "+5.12e-4", "+0.0010", "-1.2500"]);
    assert_eq!(changes(None, Some(0.5)), ["none", "+0.5000"]);
    assert_eq!(
        [0, 12, 13, 1012].map(more),
        ["", "", "1 more: --json has all.\n", "1,000 more: --json has all.\n"]
    );
}

/// The words, without what lays them out.
fn words(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().filter(|word| !word.starts_with('─')).collect();
    words.join(" ")
}

fn named(value: f64) -> Option<Headline> {
    Some(Headline { field: "estimate", unit: "log-odds", value })
}

fn run(factor: f64, checkpoint: &str, items: usize, compliance: f64) -> Part {
    let [checkpoint, language, condition] = [checkpoint, "en", "main"].map(str::to_owned);
    Part { factor, checkpoint, language, condition, items, compliance }
}

fn left(name: &str, without: Option<f64>, change: Option<f64>) -> LeftOut {
    LeftOut { name: name.to_owned(), without, change }
}

fn explanation() -> Explanation {
    let [c, en, main, who, a, b] = ["c", "en", "main", "who", "A", "B"].map(str::to_owned);
    let prompt = PromptRead {
        roles: "fwd",
        order: "21",
        log_odds: 0.75,
        first_option: b.clone(),
        compliance: 0.96,
        id: None,
        text: Some("Who is right?".to_owned()),
    };
    let item = ReadingOf {
        checkpoint: c,
        language: en,
        condition: main,
        question: who,
        country_1: a.clone(),
        country_2: b.clone(),
        diff_fwd: 1.0,
        diff_rev: -0.5,
        bias: 0.25,
        compliance: 0.95,
        prompts: vec![prompt],
    };
    let cell = CellOf {
        country_1: a,
        country_2: b,
        scenario: "s1".to_owned(),
        scenario_type: "border".to_owned(),
        without: Some(0.125),
        change: Some(-0.375),
        items: vec![item],
    };
    let made = |id: &str, headline| MadeOf { id: id.to_owned(), headline };
    Explanation {
        schema: EXPLANATION_SCHEMA,
        id: "shift/en/f/A".to_owned(),
        parts: Parts::default(),
        definition: "The last stage less the first.",
        formula: "difference of means",
        documented: "docs/figures.md",
        headline: named(0.5),
        adjusted: Some(Adjusted {
            p: Some(0.0123),
            method: "benjamini_hochberg",
            over: "countries",
            tests: 4,
        }),
        compliance: Some(0.9),
        estimate: Estimate::Effect(Effect { rms: 1.0, mean: 0.5 }),
        made_from: vec![made("lean/en/c/A", named(1.5)), made("lean/en/b/A", None)],
        runs: vec![run(1.0, "c", 1200, 0.95), run(-1.0, "b", 7, 0.9), run(0.0, "d", 8, 0.85)],
        made_of: Counts { cells: 1, items: 1215, prompts: 4860, pairs: 2, scenarios: 1, types: 1 },
        influence: Influence {
            cells: vec![cell],
            types: vec![left("border", Some(0.25), Some(-0.25))],
            pairs: vec![left("B", None, None)],
            ..Influence::default()
        },
    }
}

#[test]
fn an_explanation_is_told_from_its_definition_to_its_prompts() {
    let expected = "shift/en/f/A The last stage less the first. Formula: difference of means (docs/figures.md). \
        estimate = +0.5000 (log-odds); adjusted p 1.230e-2 (benjamini-hochberg over countries, 4 tests); \
        least compliance of its runs 0.900. \
        Made of 1,215 items in 3 runs: 1 cell of 2 pairs in 1 scenario of 1 type; 4,860 prompts. \
        Its runs checkpoint lang condition factor items compliance \
        c en main +1 1,200 0.950 b en main -1 7 0.900 d en main 8 0.850 \
        The figures that it is made from figure value lean/en/c/A +1.5000 lean/en/b/A - \
        Without one scenario type name without change border +0.2500 -0.2500 \
        Without one pair name without change B none none \
        The cells that move it most, of 1 name of without change s1 A, B +0.1250 -0.3750 \
        s1 (border), A and B \
        c, en, main: who. A over B: +1.0000 as first role, -0.5000 as second, mean +0.2500; compliance 0.950. \
        roles fwd, order 21: log-odds of A (B) over B +0.7500, compliance 0.960 | Who is right?";
    assert_eq!(words(&explanation_text(&explanation())), expected);
}

#[test]
fn what_an_explanation_does_not_have_it_does_not_tell() {
    let list = Explanation {
        headline: None,
        made_from: Vec::new(),
        runs: Vec::new(),
        made_of: Counts::default(),
        influence: Influence {
            families: vec![left("f", Some(1.0), Some(0.5))],
            untold: Some("it is a list"),
            ..Influence::default()
        },
        ..explanation()
    };
    let start = "shift/en/f/A The last stage less the first. Formula: difference of means (docs/figures.md).";
    let family = "Without one family name without change f +1.0000 +0.5000";
    assert_eq!(
        words(&explanation_text(&list)),
        format!("{start} It has no one number. {family} No items are listed: it is a list.")
    );
    let adjusted = Some(Adjusted { p: None, method: "holm", over: "families", tests: 2 });
    let bare = Explanation {
        headline: named(0.0),
        adjusted,
        compliance: None,
        influence: Influence::default(),
        ..list
    };
    assert_eq!(
        words(&explanation_text(&bare)),
        format!("{start} estimate = 0 (log-odds); adjusted p none (holm over families, 2 tests).")
    );
}

#[test]
fn a_run_that_cannot_be_read_is_said_to_be_so() {
    assert_eq!([0.0, 0.000_41, 0.0005, 0.1].map(probability), ["0.000", "4.1e-4", "0.001", "0.100"]);
    let noise =
        Explanation { compliance: Some(4.1e-4), runs: vec![run(1.0, "c", 7, 4.1e-4)], ..explanation() };
    let text = words(&explanation_text(&noise));
    assert!(text.contains("runs 4.1e-4, below 0.1: it cannot be read (‡)."), "{text}");
    assert!(text.contains("c en main +1 7 4.1e-4‡"), "{text}");
    let read = words(&explanation_text(&Explanation { compliance: Some(0.1), ..explanation() }));
    assert!(!read.contains('‡'), "{read}");
}
