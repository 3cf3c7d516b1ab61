//! Recipes on small tables whose figures are worked by hand.

use super::super::groups::Prepared;
use super::super::{Estimate, ItemRow, Recipes, Settings, Singly, TableBuilder, analyze, analyze_with};
use super::rows;

fn settings(text: &str) -> Settings {
    Settings::parse(text, "s.toml").expect("settings")
}

fn near(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-12, "{a} is not {b}");
}

/// Single prompts, two families, two languages, a second condition, contrasts: every group has something to say.
#[test]
fn a_group_made_alone_gives_what_the_whole_analysis_gives() {
    let mut runs: Vec<(&str, &str, &str)> = Vec::new();
    for model in ["b", "c", "d", "e"] {
        runs.extend(["en", "fr"].map(|language| (model, language, "main")));
    }
    runs.extend([("b", "en", "prefill"), ("c", "en", "prefill"), ("c", "en", "invented")]);
    let lean = |model: &str, language: &str, first: &str, second: &str| {
        let of_run = if model == "c" { 1.0 } else { 0.125 } + if language == "fr" { 0.5 } else { 0.0 };
        if first == "A" {
            of_run
        } else if second == "C" {
            -0.25
        } else {
            0.75
        }
    };
    let mut builder = TableBuilder::new("a run", "row");
    for (at, row) in rows(&runs, &["A", "B", "C"], lean).iter().enumerate() {
        let letter = if row.scenario == "trade_v1" { 0.5 } else { -0.25 };
        builder.push_with(row.as_ref(), Singly { chosen: [0.75, 0.5], letter }, at as u64).expect("a row");
    }
    let table = builder.finish().expect("a table");
    let family = |name: &str, home: &str, base: &str, chat: &str| {
        format!(
            "[[family]]\nname = '{name}'\nmaker_country = '{home}'\n\
             base = {{ model = '{base}' }}\nchat = {{ model = '{chat}' }}\n"
        )
    };
    let text = "[[analysis.type_contrast]]\nname = 'hard'\ntypes = ['border']\n\
                [[analysis.comparison]]\nname = 'k'\ncondition = 'prefill'\nbaseline = 'main'\n"
        .to_owned()
        + &family("f", "A", "b", "c")
        + &family("g", "B", "d", "e");
    let settings = settings(&text);
    let analysis = analyze_with(&table, &settings, Recipes::Both).expect("an analysis");
    let prepared = Prepared::new(&table, &settings).expect("names that the table has");
    let mut groups: Vec<&str> = analysis.figures().iter().map(|figure| figure.parts.group).collect();
    groups.sort_unstable();
    groups.dedup();
    for group in [
        "bank",
        "coherence",
        "coherence_sweep",
        "comparison",
        "comparison_correlation",
        "compliance",
        "confirmatory",
        "confirmatory_shift",
        "favourability",
        "language_invariance",
        "language_population",
        "language_shift",
        "letter_bias",
        "letter_effect",
        "maker",
        "opponents",
        "pairs",
        "planned_contrast",
        "power",
        "question_correlation",
        "rank",
        "role_bias",
        "shift",
        "spread",
        "topics",
        "two_way",
        "type_contrast",
    ] {
        assert!(groups.contains(&group), "{group}: {groups:?}");
    }
    for group in groups {
        let alone = prepared.group(&table, group, None);
        for figure in analysis.of(group) {
            let again = alone.iter().find(|again| again.id == figure.id);
            assert_eq!(again.map(|again| &again.estimate), Some(&figure.estimate), "{}", figure.id);
        }
    }
}

/// Every way in which two polarities can stand: opposite signs alone are coherent, whichever is the positive one.
#[test]
fn a_scenario_is_coherent_where_the_polarities_have_opposite_signs() {
    let runs = ["m", "n", "o"].map(|model| (model, "en", "main"));
    let mut rows = rows(&runs, &["A", "B"], |_, _, _, _| 0.0);
    let scenarios = ["border_v1", "border_v2", "cyber_v1", "trade_v1", "trade_v2"];
    let signs = [
        ("m", [(0.5, -0.25), (-0.5, 0.25), (0.5, 0.25), (-0.5, -0.25), (0.0, -0.25)]),
        ("n", [(0.0, 0.25), (0.5, 0.0), (-0.5, 0.0), (0.5, -0.25), (-0.5, 0.25)]),
        ("o", [(0.5, -0.25), (0.5, 0.25), (0.5, 0.25), (0.5, 0.25), (0.5, 0.25)]),
    ];
    for row in &mut rows {
        let (_, of_model) = signs.iter().find(|(model, _)| *model == row.model).expect("a model");
        let at = scenarios.iter().position(|scenario| *scenario == row.scenario).expect("a scenario");
        row.bias = if row.question == "justified" { of_model[at].0 } else { of_model[at].1 };
    }
    let two_thirds = "[analysis.coherence]\nthresholds = [0.6666666666666666]\nsubset = 0.3";
    let analysis = analyze_with(&table(&rows), &settings(two_thirds), Recipes::Both).expect("an analysis");
    let Some(Estimate::CoherenceCounts(counts)) = analysis.estimate("coherence/counts") else {
        panic!("no counts")
    };
    let of_each: Vec<(&str, usize)> = counts.by_scenario.iter().map(|(name, n)| (name, *n)).collect();
    let at_least: Vec<(&str, usize)> = counts.scenarios_at_least.iter().map(|(name, n)| (name, *n)).collect();
    assert_eq!(of_each, scenarios.into_iter().zip([2, 1, 0, 1, 1]).collect::<Vec<_>>());
    assert_eq!((counts.runs, counts.max, at_least), (3, 2, vec![("1", 4), ("2", 1), ("3", 0)]));
    let kept = |id: &str| match analysis.estimate(id) {
        Some(Estimate::CoherentSet(set)) => (set.n, set.scenarios.join(" "), set.types.join(" ")),
        other => panic!("{id}: {other:?}"),
    };
    assert_eq!(kept("coherence/coherent66.666667"), (1, "border_v1".to_owned(), "border".to_owned()));
    let four = "border_v1 border_v2 trade_v1 trade_v2".to_owned();
    assert_eq!(kept("coherence/coherent30"), (4, four, "border trade".to_owned()));
    // The preference of the only scenario that two runs are coherent in; none is in three.
    let Some(Estimate::CoherenceSweep(points)) = analysis.estimate("coherence_sweep/en/m/A/preference")
    else {
        panic!("no sweep")
    };
    let points: Vec<_> = points.iter().map(|(least, p)| (least, p.scenarios, p.mean_row, p.ci_z)).collect();
    assert_eq!(points, [("2", 1, 0.375, None)]);

    // No run has both polarities: there is nothing to filter by.
    rows.retain(|row| (row.model == "m") == (row.question == "justified"));
    let analysis = analyze_with(&table(&rows), &Settings::default(), Recipes::Both).expect("an analysis");
    assert!(
        analysis.estimate("coherence/counts").is_none() && analysis.estimate("bank/scenario_types").is_some()
    );
    assert_eq!(analysis.of("coherence_sweep").count(), 0);
}

fn table(rows: &[ItemRow]) -> super::super::Table {
    super::super::Table::from_rows(rows).expect("a table")
}

/// The routed shift, the same under each condition of which both stages have rows, and the one that only a base is asked in.
#[test]
fn a_family_of_two_stages_shifts_once_and_once_under_every_other_condition() {
    let asked = [
        ("b", "main", 0.0),
        ("b", "prefill", 0.25),
        ("b", "hedge_on_base", 0.5),
        ("b", "alone", 9.0),
        ("c", "main", 2.0),
        ("c", "prefill", 4.0),
    ];
    let mut rows =
        rows(&asked.map(|(model, condition, _)| (model, "en", condition)), &["A", "B"], |_, _, _, _| 0.0);
    for row in &mut rows {
        let of_run =
            |(model, condition, _): &&(&str, &str, f64)| *model == row.model && *condition == row.condition;
        let (_, _, lean) = asked.iter().find(of_run).expect("a run");
        row.bias += if row.question == "justified" { *lean } else { -lean };
    }
    let text = "[analysis.route]\nc = 'prefill'\n\
                [[family]]\nname = 'f'\nbase = { model = 'b' }\nchat = { model = 'c' }";
    let analysis = analyze(&rows, &settings(text)).expect("an analysis");
    let shifts = analysis.of("shift").filter(|figure| figure.parts.country.as_deref() == Some("A"));
    let mut found: Vec<(String, f64)> = shifts
        .filter(|figure| figure.id.ends_with("/A/preference/all"))
        .map(|figure| (figure.id.clone(), analysis.clustered(&figure.id).expect("a shift").mean_cluster))
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let right = [("f", 4.0), ("f@hedge_on_base", 3.5), ("f@main", 2.0), ("f@prefill", 3.75)];
    assert_eq!(found.len(), right.len(), "{found:?}");
    for ((id, shift), (label, right)) in found.into_iter().zip(right) {
        assert_eq!(id, format!("shift/en/{label}/A/preference/all"));
        near(shift, right);
    }
}

/// A step between two stages is marked, so that it is corrected apart from the ends.
#[test]
fn a_step_between_two_of_three_stages_is_told_from_the_ends() {
    let runs = ["b", "s", "d"].map(|model| (model, "en", "main"));
    let rows = rows(&runs, &["A", "B"], |model, _, _, _| if model == "b" { 0.0 } else { 1.0 });
    let text = "[[family]]\nname = 'f'\nbase = { model = 'b' }\nsft = { model = 's' }\ndpo = { model = 'd' }";
    let analysis = analyze(&rows, &settings(text)).expect("an analysis");
    for (label, between) in [("f", false), ("f:sft-base", true), ("f:dpo-sft", true)] {
        let figure = analysis.figure(&format!("shift/en/{label}/A/preference/all")).expect("a shift");
        assert_eq!(figure.step_between, between, "{label}");
    }
}

/// Cells that are all the same vary by nothing, which is known.
#[test]
fn the_average_of_equal_cells_has_a_standard_error_of_zero() {
    let mut rows = rows(&[("m", "en", "main")], &["A", "B", "C"], |_, _, _, _| 0.0);
    rows.iter_mut().for_each(|row| row.bias = 1.0);
    let analysis = analyze(&rows, &Settings::default()).expect("an analysis");
    let Some(Estimate::TwoWay(two_way)) = analysis.estimate("two_way/en/m/A/justified/all") else {
        panic!("no average")
    };
    assert_eq!((two_way.mean_row, two_way.se), (1.0, Some(0.0)));
}

/// Conditions in which there is nothing to find are no specifications, of a lean or of a shift.
#[test]
fn specifications_are_the_conditions_that_are_not_null_ones() {
    let mut runs = Vec::new();
    for model in ["b", "c"] {
        runs.extend(["main", "prefill", "control_neutral"].map(|condition| (model, "en", condition)));
    }
    let rows = rows(&runs, &["A", "B", "C"], |model, _, _, _| if model == "c" { 1.0 } else { 0.0 });
    let text = "[[family]]\nname = 'f'\nbase = { model = 'b' }\nchat = { model = 'c' }";
    let analysis = analyze(&rows, &settings(text)).expect("an analysis");
    for (id, right) in [
        ("specification_curve/en/c/A/preference/all", ["main", "prefill"]),
        ("specification_curve_shift/en/f/A/preference/all", ["routed", "prefill"]),
    ] {
        let Some(Estimate::SpecificationCurve(curve)) = analysis.estimate(id) else { panic!("no {id}") };
        assert_eq!(curve.specifications.iter().map(|(name, _)| name).collect::<Vec<_>>(), right, "{id}");
        assert_eq!((curve.positive, curve.negative, curve.same_sign), (2, 0, 1.0), "{id}");
    }
    assert!(analysis.estimate("empirical_null/en/c/control_neutral/A/preference/all").is_some());
}

/// Every pair says of a scenario what its wobble is: 0.1, -0.1, 0.25, -0.5 and 0, whose others sum to -0.35, -0.15, -0.5,
/// 0.25 and -0.25. A scenario that is zero everywhere goes with nothing.
#[test]
fn a_scenario_without_any_lean_has_no_quality_and_an_estimate_of_zero_no_sign() {
    let every = rows(&[("m", "en", "main")], &["A", "B", "C"], |_, _, _, _| 0.0);
    let analysis = analyze(&every, &Settings::default()).expect("an analysis");
    let Some(Estimate::ItemQuality(quality)) = analysis.estimate("item_quality/en/m/preference/all") else {
        panic!("no quality")
    };
    let right = [Some(-1.0), Some(1.0), Some(-1.0), Some(-1.0), None];
    for ((name, found), right) in quality.scenarios.iter().zip(right) {
        assert_eq!(found.is_some(), right.is_some(), "{name}: {found:?}");
        near(found.unwrap_or(0.0), right.unwrap_or(0.0));
    }
    near(quality.median.expect("a median"), -1.0);
    assert_eq!(quality.below_zero, 3);
    // Types of 0, 0.25 and -0.25: whatever is left out, there is no sign to hold.
    let Some(Estimate::LeaveOneOut(left)) = analysis.estimate("leave_one_out/en/m/A/preference/all") else {
        panic!("nothing left out")
    };
    assert_eq!((left.sign_holds, left.type_range), (false, Some([-0.125, 0.125])));

    // Two scenarios are each other's rest: 1 ± 0.1, 2 ± 0.1 and -1 ± 0.1 (numpy: the uncentred correlation).
    let lean = |_: &str, _: &str, first: &str, second: &str| match (first, second) {
        ("A", "B") => 1.0,
        ("A", _) => 2.0,
        _ => -1.0,
    };
    let mut two = rows(&[("m", "en", "main")], &["A", "B", "C"], lean);
    two.retain(|row| row.scenario_type == "border");
    let analysis = analyze(&two, &Settings::default()).expect("an analysis");
    let Some(Estimate::ItemQuality(quality)) = analysis.estimate("item_quality/en/m/preference/all") else {
        panic!("no quality")
    };
    assert_eq!(quality.scenarios.len(), 2);
    quality.scenarios.iter().for_each(|(_, r)| near(r.expect("a correlation"), 0.992_235_239_917_639));
}
