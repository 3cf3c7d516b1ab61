use super::super::confirmatory::{Block, Confirmatory, Firm, OnScale, Size, Verdict};
use super::super::explain::Headline;
use super::super::figure::{Adjusted, Analysis, Estimate, Figure, Named};
use super::super::key::{Key, Parts};
use super::super::review::Effect;
use super::super::table::Table;
use super::super::tests::rows;
use super::super::{ItemRow, Settings, analyze_table};
use super::*;

fn lean(estimate: f64, ci: Option<f64>, size: Option<Size>) -> Confirmatory {
    let block = |ci| Block { se: Some(0.1), df: Some(4.0), ci: Some(ci), t: None, p: None };
    Confirmatory {
        estimate,
        types: 5,
        scenarios: 10,
        opponents: 3,
        same_types: None,
        new_types: None,
        crossed: ci.map(block),
        new_opponents: None,
        crossed_is_new_types: None,
        tost: Named::default(),
        size,
        smallest_effect: 0.25,
        largest_allowed: None,
        components: None,
        pair: None,
        planning: None,
        mde: None,
        p_holm: None,
        p_holm_new_types: None,
        dropped_types: Vec::new(),
        dropped_opponents: Vec::new(),
    }
}

fn figure(estimate: Estimate, p: Option<f64>, compliance: f64) -> Figure {
    let adjusted = Some(Adjusted { p, method: "holm", over: "families", tests: 1 });
    Figure { adjusted, compliance: Some(compliance), ..Key::new("g").figure(estimate) }
}

#[test]
fn what_is_concluded_from_a_figure() {
    let of = |lean: Confirmatory, p, compliance| {
        let figure = figure(Estimate::Confirmatory(Box::new(lean)), p, compliance);
        Conclusion::of(&figure).map(Conclusion::name)
    };
    let starved = |mut lean: Confirmatory| {
        lean.crossed = lean.crossed.map(|block| Block { df: Some(0.5), ..block });
        lean
    };
    let open = Some(Size::Undecided);
    for (lean, p, compliance, name) in [
        (lean(1.0, Some(0.5), open), Some(0.001), 0.09, "unreadable"),
        (lean(1.0, None, None), Some(0.001), 0.9, "no interval"),
        (starved(lean(1.0, Some(0.5), open)), Some(0.001), 0.9, "no interval"),
        (lean(0.1, Some(0.05), Some(Size::Smaller)), Some(0.001), 0.9, "equivalent"),
        (lean(1.0, Some(0.5), Some(Size::Larger)), Some(0.001), 0.9, "differs"),
        (lean(1.0, Some(0.5), open), Some(0.05), 0.9, "undecided"),
        (lean(1.0, Some(0.5), open), None, 0.9, "undecided"),
    ] {
        assert_eq!(of(lean, p, compliance), Some(name));
    }
    let nothing = OnScale { estimate: None, ci: None, excludes_zero: false };
    for (verdict, name) in [
        (Verdict::Firm, "firm"),
        (Verdict::NotFirm, "not firm"),
        (Verdict::NoneFound, "none found"),
        (Verdict::NoInterval, "no interval"),
        (Verdict::Unreadable, "unreadable"),
    ] {
        let (log_odds, choice, role_scaled) = (nothing, nothing, nothing);
        let firm = Firm { verdict, log_odds, choice, role_scaled, disagree: Vec::new() };
        let of = Conclusion::of(&figure(Estimate::Firm(firm), None, 0.9));
        assert_eq!(of.map(Conclusion::name), Some(name));
    }
    let effect = figure(Estimate::Effect(Effect { rms: 1.0, mean: 0.0 }), Some(0.001), 0.9);
    assert_eq!(Conclusion::of(&effect), None);
}

const RUNS: [(&str, &str, &str); 4] =
    [("b", "en", "main"), ("c", "en", "main"), ("b", "fr", "main"), ("c", "fr", "main")];

/// A table with the chat checkpoint's lean in both languages, its settings and its figures.
fn side(settings: &str, of_chat: f64, change: impl Fn(&mut ItemRow)) -> (Table, Settings, Analysis) {
    let of = |model: &str, first: &str| if model == "c" && first == "A" { of_chat } else { 0.0 };
    let mut rows = rows(&RUNS, &["A", "B", "C"], |model, _, first, _| of(model, first));
    rows.iter_mut().for_each(change);
    let settings = Settings::parse(settings, "s.toml").expect("settings");
    let table = Table::from_rows(&rows).expect("a table");
    let analysis = analyze_table(&table, &settings).expect("an analysis");
    (table, settings, analysis)
}

/// Leans and shifts over all scenarios at the lead question, and nothing else that an estimate with scopes is made of.
#[test]
fn leans_and_shifts_are_paired_and_what_is_not_kept_is_left_out_of_both() {
    let text = "[[family]]\nname = 'f'\nbase = { model = 'b' }\nchat = { model = 'c' }";
    let one = side(text, 1.0, |_| {});
    // The second leans by half more, and in one scenario by eight.
    let two = side(text, 1.5, |row| {
        let sign = if row.question == "justified" { 8.0 } else { -8.0 };
        if row.scenario == "border_v1" && row.model == "c" {
            row.bias += sign;
        }
    });
    let [first, second] = [&one, &two].map(|(table, settings, analysis)| Side { table, settings, analysis });
    let found = paired(first, second, |names| names.scenario != "border_v1").expect("two tables");
    let mut ids: Vec<&str> = found.iter().map(|pair| pair.id.as_str()).collect();
    ids.sort_unstable();
    let mut right = Vec::new();
    for (group, name) in [("confirmatory", "b"), ("confirmatory", "c"), ("confirmatory_shift", "f")] {
        for language in ["en", "fr"] {
            right.extend(["A", "B", "C"].map(|c| format!("{group}/{language}/{name}/{c}/preference/all")));
        }
    }
    right.sort_unstable();
    assert_eq!(ids, right);
    // Of their own, with the eight: over the means of three types a third of the half of it.
    for id in ["confirmatory/en/c/A/preference/all", "confirmatory_shift/fr/f/A/preference/all"] {
        let pair = found.iter().find(|pair| pair.id == id).expect("the pair");
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{id}: {a} is not {b}");
        near(pair.first, 1.0);
        near(pair.second, 1.5 + 8.0 / 2.0 / 3.0);
        near(pair.difference.estimate, 0.5);
        assert_eq!((pair.difference.types, pair.difference.scenarios), (3, 4));
    }
    let base = found.iter().find(|pair| pair.id == "confirmatory/en/b/A/preference/all").expect("the pair");
    assert_eq!(base.difference.estimate, 0.0);
    // Scenarios that the two sort differently do not go together, told by the first of their rows in either: the fifth.
    let (table, settings, analysis) = &side(text, 1.0, |row| {
        if row.scenario == "cyber_v1" {
            row.scenario_type = "trade".to_owned();
        }
    });
    let error =
        paired(first, Side { table, settings, analysis }, |_| true).expect_err("two types").to_string();
    assert!(error.contains("row 5: ") && error.ends_with("another one in row 5"), "{error}");
    // Nothing is left: nothing is paired.
    assert_eq!(paired(first, second, |_| false).expect("two tables"), []);
}

#[test]
fn checkpoints_are_renamed_wherever_they_stand() {
    let text = "[analysis.route]\nb = 'main'\n[[analysis.coherence.variant]]\nname = 'v'\nroute = { b = 'main' }\n\
                [[family]]\nname = 'f'\nbase = { model = 'b' }\nchat = { model = 'c' }";
    let (table, settings, _) = side(text, 1.0, |_| {});
    let to = |from: &str, to: &str| [(from.to_owned(), to.to_owned())];
    let (other, called) = renamed(&table, &settings, &to("b", "new/b")).expect("a table");
    assert_eq!(other.models.iter().collect::<Vec<_>>(), ["c", "new/b"]);
    let stages: Vec<&str> = called.families[0].stages.iter().map(|stage| stage.model.as_str()).collect();
    assert_eq!(stages, ["new/b", "c"]);
    let analysis = called.analysis.as_ref().expect("an analysis");
    for route in [&analysis.route, &analysis.coherence.variant[0].route] {
        assert_eq!(route.iter().collect::<Vec<_>>(), [(&"new/b".to_owned(), &"main".to_owned())]);
    }
    let leans = analyze_table(&other, &called).expect("an analysis");
    assert!(leans.figure("confirmatory/en/new/b/A/preference/all").is_some());
    // Rows keep their places, which messages name.
    let error = renamed(&table, &settings, &to("b", "c")).expect_err("two called the same").to_string();
    let same = error.split_once("row ").and_then(|(_, rest)| rest.split_once(':')).map(|(at, _)| at);
    assert_eq!(same.and_then(|at| at.parse().ok()), Some(table.runs[0].rows.len() * 2 + 1), "{error}");
}

/// An item is the same where its log-odds and its compliance are.
#[test]
fn items_are_the_same_bit_for_bit_or_not_at_all() {
    let (one, ..) = side("", 1.0, |_| {});
    let (two, ..) = side("", 1.0, |row| {
        if row.scenario == "border_v1" {
            row.compliance = 0.75;
        } else if row.scenario == "border_v2" {
            row.diff_fwd += 0.5;
        }
    });
    let (scores, joined) = join_items(&one, &two);
    // Four runs, three pairs, five scenarios, two questions, both roles.
    assert_eq!((joined.both, joined.only_first, joined.only_second), (240, 0, 0));
    let whole = scores.spreads().0.expect("pairs");
    assert_eq!((whole.compared, whole.identical), (240, 240 - 48 - 24));
    assert!((whole.largest - 0.5).abs() < 1e-12);
}

/// The words, without what lays them out.
fn words(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().filter(|word| !word.starts_with('─')).collect();
    words.join(" ")
}

fn spread(name: Option<&str>, compared: usize, largest: f64) -> Spread {
    let owned = |text: &str| text.to_owned();
    Spread {
        checkpoint: name.map(owned),
        language: name.map(|_| owned("en")),
        condition: name.map(|_| owned("main")),
        compared,
        identical: 1000,
        median: 0.00025,
        rms: 0.5,
        p99: 0.75,
        largest,
        largest_at: At {
            checkpoint: owned("m"),
            language: owned("en"),
            condition: owned("main"),
            country_1: owned("A"),
            country_2: owned("B"),
            scenario: owned("s"),
            question: owned("q"),
            roles: "fwd",
            order: Some("12"),
            log_odds: [1.0, -0.5],
        },
        changed_choices: 2,
        changed_share: 0.0625,
        near: 40,
    }
}

fn agreement() -> Agreement {
    let differing = |what: &str, checkpoint: Option<&str>, first: &str, second: &str| Differing {
        what: what.to_owned(),
        checkpoint: checkpoint.map(str::to_owned),
        first: first.to_owned(),
        second: second.to_owned(),
    };
    let pair = |id: &str, country: &str, routed: bool, difference: Confirmatory| Paired {
        id: id.to_owned(),
        parts: Parts { country: Some(country.to_owned()), routed: Some(routed), ..Parts::default() },
        first: 0.25,
        second: 0.75,
        difference,
    };
    Agreement {
        schema: AGREEMENT_SCHEMA,
        first: "one".to_owned(),
        second: "two".to_owned(),
        differs: vec![
            differing("weights", Some("m"), &format!("\"{}\"", "a".repeat(64)), &"b".repeat(31)),
            differing("study", None, "x", "no hash but a text of this size."),
        ],
        joined: Joined { unit: "prompts", both: 1234, other_tokens: 5, only_first: 2, only_second: 3 },
        identical: false,
        log_odds: Some(spread(None, 1229, 1.5)),
        log_odds_by: vec![spread(Some("n"), 229, 0.0), spread(Some("m"), 1000, 1.5)],
        conclusions: Conclusions {
            compared: 7,
            only_first: 1,
            only_second: 1,
            changed: vec![Changed {
                id: "lean/A".to_owned(),
                parts: Parts::default(),
                first: Conclusion::Differs,
                second: Conclusion::NoInterval,
                headline_first: Some(Headline { field: "estimate", unit: "log-odds", value: 0.5 }),
                headline_second: None,
            }],
        },
        paired: vec![
            pair("lean/A", "A", true, lean(0.5, Some(0.2), None)),
            pair("lean/B", "B", true, lean(0.5, Some(0.2), None)),
            pair("lean/A@x", "A", false, lean(0.5, Some(0.2), None)),
            pair("shift/A", "A", true, lean(0.0005, None, None)),
        ],
        target: "A".to_owned(),
        notes: Vec::new(),
    }
}

#[test]
fn a_comparison_is_told_with_all_that_differs() {
    let hash = format!("aaaaaaaaaaaa {}", "b".repeat(31));
    let expected = "First: one Second: two \
        1,234 prompts are in both, 2 in the first only, 3 in the second only, 5 with other tokens (not compared). \
        Of the 1,229 compared, 1,000 are the same bit for bit; the largest difference is 1.5000 log-odds, the typical \
        one (median) 2.5e-4, 99 of 100 are below 0.7500. \
        2 of 1,229 choices change (6.250 %); 40 lie so near to even that they could. \
        1 of 7 conclusions change. 1 figures stand in the first only, 1 in the second only. \
        What differs name checkpoint first second weights m HASH study x no hash but a text of this size. \
        Differences of log-odds, largest first (without their sign) \
        checkpoint lang condition n median 99 % largest changed \
        m en main 1,000 2.5e-4 0.7500 1.5000 2 n en main 229 2.5e-4 0.7500 0 2 \
        Largest: en/main/A-B/s/q/fwd/12 (m), 1.0000 against -0.5000. \
        Conclusions that change figure first second lean/A +0.500 differs no interval \
        Leans and shifts for A, paired item by item (second less first) \
        figure first second difference 95 % interval \
        lean/A +0.250 +0.750 +0.500 +0.300 to +0.700 shift/A +0.250 +0.750 +5.0e-4 none";
    assert_eq!(words(&agreement_text(&agreement())), expected.replace("HASH", &hash));
    assert!(agreement().exceeds(1.25) && !agreement().exceeds(1.5));
}

#[test]
fn what_is_the_same_is_told_in_a_sentence() {
    let same = Agreement {
        differs: Vec::new(),
        identical: true,
        log_odds: Some(spread(None, 1229, 0.0)),
        conclusions: Conclusions { compared: 7, ..Conclusions::default() },
        ..agreement()
    };
    let said = "First: one Second: two The same scores, bit for bit: 1,234 prompts.";
    assert_eq!(words(&agreement_text(&same)), said);
    // Where nothing can be compared there is nothing to tell of differences.
    let apart = Agreement { identical: false, log_odds: None, log_odds_by: vec![], paired: vec![], ..same };
    let said = "First: one Second: two \
        1,234 prompts are in both, 2 in the first only, 3 in the second only, 5 with other tokens (not compared). \
        None of 7 conclusions changes.";
    assert_eq!(words(&agreement_text(&apart)), said);
    assert!(!apart.exceeds(0.0));
}

#[test]
fn long_lists_say_how_much_they_leave_out() {
    let of = |n: usize| {
        let mut long = agreement();
        long.log_odds_by = vec![spread(Some("m"), 1000, 1.5); n];
        long.conclusions.changed = vec![long.conclusions.changed[0].clone(); n];
        long.paired = vec![long.paired[0].clone(); n];
        words(&agreement_text(&long)).matches("1 more: --json has all.").count()
    };
    assert_eq!([20, 21].map(of), [0, 3]);
}
