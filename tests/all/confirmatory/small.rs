//! Small tables, made so that what must come out is known.

use super::*;

/// A small table: `value` gives the bias of (model, condition, pair, scenario) on the justified question; the other
/// question turns it.
fn table(
    runs: &[(&str, &str)],
    pairs: &[(&str, &str)],
    scenarios: &[(&str, &str)],
    value: impl Fn(&str, &str, (&str, &str), usize) -> f64,
) -> Vec<stats::ItemRow> {
    let mut rows = Vec::new();
    for (model, condition) in runs {
        for pair in pairs {
            for (at, (scenario, kind)) in scenarios.iter().enumerate() {
                for (question, sign) in [("justified", 1.0), ("unjustified", -1.0)] {
                    let bias = sign * value(model, condition, *pair, at);
                    rows.push(stats::ItemRow {
                        model: (*model).to_owned(),
                        language: "en".to_owned(),
                        condition: (*condition).to_owned(),
                        country_1: pair.0.to_owned(),
                        country_2: pair.1.to_owned(),
                        scenario: (*scenario).to_owned(),
                        scenario_type: (*kind).to_owned(),
                        question: question.to_owned(),
                        diff_fwd: bias,
                        diff_rev: bias,
                        bias,
                        compliance: 0.99,
                    });
                }
            }
        }
    }
    rows
}

const SCENARIOS: [(&str, &str); 6] = [
    ("border_v1", "border"),
    ("border_v2", "border"),
    ("cyber_v1", "cyber"),
    ("cyber_v2", "cyber"),
    ("trade_v1", "trade"),
    ("trade_v2", "trade"),
];
const ALL_PAIRS: [(&str, &str); 6] = [("A", "B"), ("A", "C"), ("A", "D"), ("B", "C"), ("B", "D"), ("C", "D")];
const ROSTER: &str = "[analysis]\ntarget = 'A'\n\
    [[family]]\nname = 'f'\nmaker_country = 'A'\nbase = { model = 'f-base' }\nchat = { model = 'f-chat' }\n\
    [[family]]\nname = 'g'\nmaker_country = 'B'\nbase = { model = 'g-base' }\nchat = { model = 'g-chat' }\n";

fn of_rows(rows: &[stats::ItemRow], settings: &str) -> Analysis {
    stats::analyze(rows, &Settings::parse(settings, "s.toml").expect("settings")).expect("an analysis")
}

fn confirmatory<'a>(analysis: &'a Analysis, id: &str) -> &'a Confirmatory {
    match analysis.estimate(id) {
        Some(Estimate::Confirmatory(c)) => c,
        other => panic!("{id}: {other:?}"),
    }
}

/// Something that looks like noise and is the same everywhere.
fn wobble(at: usize) -> f64 {
    [0.31, -0.17, 0.05, 0.42, -0.29, 0.11][at % 6]
}

#[apply(test!)]
fn a_lean_without_any_spread_is_stated_and_not_tested() {
    for lean in [2.0, 0.1, 0.7] {
        let rows = table(&[("m", "main")], &[("A", "B")], &SCENARIOS, |_, _, _, _| lean);
        let analysis = of_rows(&rows, "");
        let c = confirmatory(&analysis, "confirmatory/en/m/A/preference/all");
        assert!((c.estimate - lean).abs() < 1e-12);
        let new_types = c.new_types.expect("types there are");
        assert_eq!((new_types.se, new_types.ci, new_types.p), (None, None, None), "{lean}");
        assert!(c.tost.iter().all(|(_, p)| p.is_none()) && c.size.is_none());
        let published = analysis.clustered("favourability/en/m/A/preference/all").expect("a figure");
        assert_eq!((published.t, published.p, published.se), (None, None, Some(0.0)), "{lean}");
    }
}

#[apply(test!)]
fn a_country_of_one_type_has_no_interval_and_takes_none_from_the_others() {
    let pairs = [("A", "B"), ("A", "C"), ("B", "C"), ("A", "Z")];
    let mut rows = table(&[("m", "main")], &pairs, &SCENARIOS, |_, _, pair, at| {
        if pair.1 == "Z" { -9.0 - wobble(at) } else { 0.5 + wobble(at) }
    });
    rows.retain(|row| row.country_2 != "Z" || row.scenario_type == "border");
    let analysis = of_rows(&rows, "");
    let z = confirmatory(&analysis, "confirmatory/en/m/Z/preference/all");
    assert!((z.estimate - 9.07).abs() < 1e-9 && z.new_types.is_none() && z.crossed.is_none());
    let a = confirmatory(&analysis, "confirmatory/en/m/A/preference/all");
    assert_eq!((a.types, a.opponents, a.dropped_opponents.as_slice()), (3, 2, ["Z".to_owned()].as_slice()));
    assert!(a.new_types.is_some_and(|block| block.p.is_some()));
}

#[apply(test!)]
fn shifts_of_zero_drop_out_of_sign_tests() {
    let runs = [("f-base", "main"), ("f-chat", "main"), ("g-base", "main"), ("g-chat", "main")];
    let rows = table(&runs, &ALL_PAIRS, &SCENARIOS, |_, _, _, at| wobble(at));
    let analysis = of_rows(&rows, ROSTER);
    let Some(Estimate::Maker(maker)) = analysis.estimate("maker/en/A/preference/all") else {
        panic!("no test")
    };
    let maker = &maker.mean_cluster;
    assert_eq!((maker.aligned, maker.p_binomial, maker.p_sign_flip), (0, None, None));
    let Some(Estimate::MakerHome(home)) = analysis.estimate("maker_home/en/preference/all") else {
        panic!("no test")
    };
    assert_eq!((home.mean, home.p_permutation), (0.0, None));
}

#[apply(test!)]
fn conditions_are_compared_on_what_both_have() {
    let runs = [("f-base", "main"), ("f-chat", "main"), ("f-base", "off"), ("f-chat", "off")];
    let mut rows = table(&runs, &ALL_PAIRS, &SCENARIOS, |_, _, _, at| 3.0 * wobble(at));
    rows.retain(|row| row.condition != "off" || row.scenario_type == "border");
    rows.retain(|row| !row.model.starts_with('g'));
    let settings = "[analysis]\ntarget = 'A'\n[[analysis.comparison]]\nname = 'c'\ncondition = 'off'\nbaseline = 'main'\n\
        [[family]]\nname = 'f'\nbase = { model = 'f-base' }\nchat = { model = 'f-chat' }\n";
    let analysis = of_rows(&rows, settings);
    let Some(Estimate::Comparison(sides)) = analysis.estimate("comparison/en/f-chat/c/A/preference/all")
    else {
        panic!("no comparison")
    };
    assert_eq!((sides.mean_row.difference, sides.mean_cluster.difference), (0.0, 0.0));
    assert_eq!(sides.mean_cluster.condition_shift, Some(0.0));
    let said = analysis.notes.iter().any(|note| note.contains("off lacks 48 rows that the other side has"));
    assert!(said, "{:?}", analysis.notes);
}

/// The middle stage alone answers badly: the shift between the ends is none the worse for it.
#[apply(test!)]
fn a_shift_is_read_by_its_own_two_stages() {
    let runs = [("b", "main"), ("s", "main"), ("c", "main")];
    let mut rows = table(&runs, &ALL_PAIRS, &SCENARIOS, |model, _, pair, at| {
        let lean = if model == "c" && pair.0 == "A" { 1.0 } else { 0.0 };
        lean + wobble(at + model.len()) / 5.0
    });
    rows.iter_mut().filter(|row| row.model == "s").for_each(|row| row.compliance = 0.02);
    let settings =
        "[[family]]\nname = 'o'\nbase = { model = 'b' }\nsft-v2 = { model = 's' }\nchat = { model = 'c' }\n";
    let analysis = of_rows(&rows, settings);
    let tier = |id: &str| analysis.figure(id).and_then(|figure| figure.tier());
    assert_eq!(tier("confirmatory_shift/en/o/A/preference/all"), Some(stats::Tier::Full));
    assert_eq!(tier("confirmatory_shift/en/o:chat-sft-v2/A/preference/all"), Some(stats::Tier::Low));
    let step = analysis.figure("shift/en/o:sft-v2-base/A/preference/all").expect("a step");
    assert_eq!(
        (step.parts.stage.as_deref(), step.parts.baseline_stage.as_deref()),
        (Some("sft-v2"), Some("base"))
    );
}

#[apply(test!)]
fn names_may_hold_what_ids_are_made_of() {
    let runs = [("org/olmo", "main"), ("org/olmo@step-1", "main"), ("a|b", "main")];
    let rows = table(&runs, &ALL_PAIRS, &SCENARIOS, |_, _, _, at| wobble(at));
    let analysis = of_rows(&rows, "");
    let named: Vec<&str> =
        analysis.of("confirmatory").filter_map(|figure| figure.parts.checkpoint.as_deref()).collect();
    for (name, _) in runs {
        assert!(named.contains(&name), "{named:?}");
    }
    assert!(analysis.of("confirmatory").all(|figure| figure.parts.routed == Some(true)));
}

/// Every interval keeps its promise for its own question: over 2,000 tables from the variances measured, its coverage
/// lies within Monte Carlo error of 95 %. And the test can tell: for a wider question a narrower interval fails it.
#[apply(test!)]
fn intervals_cover_what_they_are_for() {
    use tiltmeter::stats::simulate::{Design, Scope, coverage};
    const TABLES: usize = 2000;
    // Three standard errors of a share of 0.95, and half a point for what Satterthwaite's degrees of freedom leave.
    let margin = 3.0 * (0.95 * 0.05 / TABLES as f64).sqrt() + 0.005;
    let design = Design::published();
    let holds =
        |scope, interval| (coverage(&design, scope, interval, TABLES, 20_260_523) - 0.95).abs() < margin;
    for scope in [Scope::SameTypes, Scope::NewTypes, Scope::Crossed, Scope::NewOpponents] {
        assert!(holds(scope, scope), "{scope:?}");
    }
    for (scope, interval) in [
        (Scope::NewTypes, Scope::SameTypes),
        (Scope::Crossed, Scope::NewTypes),
        (Scope::NewOpponents, Scope::Crossed),
    ] {
        assert!(!holds(scope, interval), "{interval:?} for {scope:?}");
    }
}

/// A country's lean over its opponents is their leans' opposite, and names, signs and the order of rows change nothing.
#[apply(test!)]
fn figures_follow_signs_and_names_and_no_order() {
    let text = std::fs::read_to_string(fixture("items.csv")).expect("the table");
    let settings = std::fs::read_to_string(fixture("settings.toml")).expect("settings");
    let of = |text: &str, settings: &str| {
        let table = stats::items::parse_table(text.as_bytes(), "t").expect("a table");
        let settings = Settings::parse(settings, "s.toml").expect("settings");
        stats::analyze_table(&table, &settings).expect("an analysis")
    };
    let whole = of(&text, &settings);
    let shift = |analysis: &Analysis, country: &str| {
        confirmatory(analysis, &format!("confirmatory_shift/en/alpha/{country}/preference/all")).clone()
    };
    let near = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1e-3),
        (a, b) => a == b,
    };
    let same = |a: &Confirmatory, b: &Confirmatory, sign: f64| {
        near(Some(a.estimate), Some(sign * b.estimate))
            && near(a.crossed.and_then(|c| c.se), b.crossed.and_then(|c| c.se))
            && near(a.new_opponents.and_then(|c| c.p), b.new_opponents.and_then(|c| c.p))
            && near(a.p_holm, b.p_holm)
    };
    // Rows in another order.
    let mut lines: Vec<&str> = text.lines().collect();
    lines[1..].reverse();
    assert!(same(&shift(&whole, "Norland"), &shift(&of(&lines.join("\n"), &settings), "Norland"), 1.0));
    // Another name for a country, which then stands elsewhere in every order.
    let (renamed, renamed_settings) =
        (text.replace("Norland", "Zorland"), settings.replace("Norland", "Zorland"));
    assert!(same(&shift(&whole, "Norland"), &shift(&of(&renamed, &renamed_settings), "Zorland"), 1.0));
    // The questions' polarity the other way round: every lean turns.
    let turned =
        format!("{settings}\n[analysis.questions]\npositive = 'unjustified'\nnegative = 'justified'\n");
    assert!(same(&shift(&whole, "Norland"), &shift(&of(&text, &turned), "Norland"), -1.0));
    // What one country gains the others lose.
    let leans: f64 = whole
        .of("confirmatory")
        .filter(|f| {
            let p = &f.parts;
            p.subset.as_deref() == Some("all")
                && (p.language.as_deref(), p.checkpoint.as_deref()) == (Some("en"), Some("alpha-chat"))
        })
        .map(|f| match &f.estimate {
            Estimate::Confirmatory(c) => c.estimate,
            _ => 0.0,
        })
        .sum();
    assert!(leans.abs() < 1e-9, "{leans}");
}
