use super::super::{
    Analysis, Estimate, Explainer, Explanation, InfluenceOf as LeftOut, ItemRow, Settings, Table, analyze,
    analyze_table, explanation_text,
};
use super::rows;

const RUNS: [(&str, &str, &str); 4] =
    [("b", "en", "main"), ("c", "en", "main"), ("b", "fr", "main"), ("c", "fr", "main")];

fn lean(model: &str, language: &str, first: &str, _: &str) -> f64 {
    let of_run = f64::from(u8::from(model == "c")) + 0.5 * f64::from(u8::from(language == "fr"));
    if first == "A" { of_run } else { 0.25 }
}

fn groups(analysis: &Analysis) -> Vec<&str> {
    let asked = ["language_invariance", "scenario_dif", "reliability", "item_quality"];
    asked.into_iter().filter(|group| analysis.of(group).next().is_some()).collect()
}

/// Languages need two of everything, reliability and the quality of items three countries.
#[test]
fn what_reviewers_ask_next_needs_several_of_each() {
    let all = ["language_invariance", "scenario_dif", "reliability", "item_quality"];
    let every: fn(&ItemRow) -> bool = |_| true;
    let two_types: fn(&ItemRow) -> bool = |row| row.scenario_type != "cyber";
    let one_type: fn(&ItemRow) -> bool = |row| row.scenario_type == "border";
    let single: fn(&ItemRow) -> bool = |row| row.scenario.ends_with("_v1");
    let one_scenario: fn(&ItemRow) -> bool = |row| row.scenario == "border_v1";
    for (runs, countries, keep, expected) in [
        (&RUNS[..], &["A", "B", "C"][..], every, &all[..]),
        (&RUNS[..2], &["A", "B", "C"], every, &all[2..]),
        (&RUNS[..], &["A", "B"], every, &all[..2]),
        (&RUNS[..], &["A", "B"], two_types, &all[..2]),
        (&RUNS[..], &["A", "B", "C"], one_type, &all[1..]),
        (&RUNS[..], &["A", "B", "C"], single, &[all[0], all[2], all[3]]),
        (&RUNS[..], &["A", "B", "C"], one_scenario, &[all[2]]),
    ] {
        let mut rows = rows(runs, countries, lean);
        rows.retain(keep);
        let analysis = analyze(&rows, &Settings::default()).expect("an analysis");
        assert_eq!(groups(&analysis), expected, "{} runs, {countries:?}, {} rows", runs.len(), rows.len());
    }
    // Types of a single scenario say nothing of how scenarios vary, and nothing to plan with.
    let mut singles = rows(&RUNS[..1], &["A", "B"], lean);
    singles.retain(single);
    let analysis = analyze(&singles, &Settings::default()).expect("an analysis");
    let Some(Estimate::Confirmatory(lean_of)) = analysis.estimate("confirmatory/en/b/A/preference/all")
    else {
        panic!("no lean")
    };
    assert!(lean_of.planning.is_none() && lean_of.components.is_none() && lean_of.new_types.is_some());
    // Nor does a single opponent of how opponents do.
    assert!(lean_of.new_opponents.is_none());
    // Where languages say the same, all of the variance is shared; countries that differ nowhere have none to share.
    for (lean, shared) in [(1.0, Some(1.0)), (0.0, None)] {
        let mut rows = rows(&RUNS, &["A", "B"], |_, _, _, _| lean);
        rows.iter_mut().filter(|_| shared.is_none()).for_each(|row| row.bias = 0.0);
        let analysis = analyze(&rows, &Settings::default()).expect("an analysis");
        let estimate = analysis.estimate("language_invariance/c/preference/all");
        let Some(Estimate::LanguageInvariance(found)) = estimate else { panic!("no comparison") };
        assert_eq!((found.shared, found.countries, found.types), (shared, 2, 3));
    }
}

/// A third question that no preference is made of, a cell that one language lacks and one that has half of its questions.
#[test]
fn an_explanation_counts_the_rows_that_its_figure_is_made_of() {
    let mut rows = rows(&RUNS, &["A", "B", "C"], lean);
    let third: Vec<ItemRow> = rows.iter().filter(|row| row.question == "justified").cloned().collect();
    rows.extend(third.into_iter().map(|row| ItemRow { question: "other".to_owned(), ..row }));
    let pair = |row: &ItemRow| row.country_1 == "A" && row.country_2 == "B";
    rows.retain(|row| !(row.language == "fr" && pair(row) && row.scenario == "cyber_v1"));
    let half = |row: &ItemRow| row.model == "c" && row.language == "en" && row.question == "unjustified";
    rows.retain(|row| !(half(row) && pair(row) && row.scenario == "trade_v1"));
    let text = "[[family]]\nname = 'f'\nbase = { model = 'b' }\nchat = { model = 'c' }";
    let settings = Settings::parse(text, "s.toml").expect("settings");
    let table = Table::from_rows(&rows).expect("a table");
    let analysis = analyze_table(&table, &settings).expect("an analysis");
    let explainer = Explainer::new(&table, &settings).expect("an explainer");
    let told = |id: &str| -> Explanation {
        explainer.explain(&analysis, analysis.figure(id).unwrap_or_else(|| panic!("no {id}")), 1)
    };
    // (cells, items, pairs), and the runs with their factors and items.
    let of = |told: &Explanation| {
        let runs = told.runs.iter().map(|r| (r.checkpoint.clone() + &r.language, r.factor, r.items));
        ((told.made_of.cells, told.made_of.items, told.made_of.pairs), runs.collect::<Vec<_>>())
    };
    let run = |name: &str, factor: f64, items: usize| (name.to_owned(), factor, items);
    // Ten cells of A: two questions in two runs, but for a row; one of the cells is not whole.
    let shift = [run("cen", 1.0, 19), run("ben", -1.0, 20)];
    for id in ["planned_contrast/en/f/A", "confirmatory_shift/en/f/A/preference/all"] {
        assert_eq!(of(&told(id)), ((9, 39, 2), shift.to_vec()), "{id}");
    }
    // Every question as asked.
    let compliance = told("compliance/en/c/both/all");
    assert_eq!(of(&compliance), ((15, 44, 3), vec![run("cen", 1.0, 44)]));
    // Runs that are not subtracted: the cells of any of them.
    let invariance = told("language_invariance/c/preference/all");
    assert_eq!(of(&invariance), ((15, 57, 3), vec![run("cen", 0.0, 29), run("cfr", 0.0, 28)]));
    // A difference between languages: the cells that both have whole, of types in which every opponent has some.
    let spoken = told("confirmatory_language_shift/fr-en/c/A/preference/all");
    assert_eq!(of(&spoken), ((7, 31, 2), vec![run("cfr", 1.0, 16), run("cen", -1.0, 15)]));
    let ids: Vec<&str> = spoken.made_from.iter().map(|part| part.id.as_str()).collect();
    assert_eq!(ids, ["confirmatory/en/c/A/preference/all", "confirmatory/fr/c/A/preference/all"]);
    // Of both stages in both languages, and made from the shift in either.
    let both = told("stage_by_language/fr-en/f/A/preference/all");
    let runs = [run("cfr", 1.0, 16), run("bfr", -1.0, 16), run("cen", -1.0, 15), run("ben", 1.0, 16)];
    assert_eq!(of(&both), ((7, 63, 2), runs.to_vec()));
    let ids: Vec<&str> = both.made_from.iter().map(|part| part.id.as_str()).collect();
    assert_eq!(ids, ["confirmatory_shift/en/f/A/preference/all", "confirmatory_shift/fr/f/A/preference/all"]);
}

/// A run of one polarity says nothing of whether both agree.
#[test]
fn the_coherence_filter_counts_the_runs_that_have_both_polarities() {
    let mut rows = rows(&RUNS, &["A", "B"], |_, _, _, _| 1.0);
    rows.retain(|row| {
        (row.model.as_str(), row.language.as_str()) != ("b", "fr") || row.question == "justified"
    });
    let analysis = analyze(&rows, &Settings::default()).expect("an analysis");
    let Some(Estimate::CoherenceCounts(counts)) = analysis.estimate("coherence/counts") else {
        panic!("no counts")
    };
    // Leans of 1.1, 0.9, 1.25, 0.5 and 1, turned by the other question.
    assert_eq!((counts.runs, counts.max, counts.by_scenario.len()), (3, 3, 5));
    assert!(counts.by_scenario.iter().all(|(_, count)| *count == 3));
}

/// Of four types the country meets B in all, C in three and D in one: D and the fourth type are no part of its mean.
#[test]
fn an_explanation_counts_no_cells_that_its_estimate_drops() {
    let mut rows = rows(&RUNS[..1], &["A", "B", "C", "D"], lean);
    let fourth: Vec<ItemRow> = rows.iter().filter(|row| row.scenario_type == "border").cloned().collect();
    rows.extend(fourth.into_iter().map(|row| ItemRow {
        scenario: row.scenario.replace("border", "vote"),
        scenario_type: "vote".to_owned(),
        ..row
    }));
    let with = |row: &ItemRow, other: &str| row.country_1 == "A" && row.country_2 == other;
    rows.retain(|row| !(with(row, "C") && row.scenario_type == "vote"));
    rows.retain(|row| !(with(row, "D") && row.scenario_type != "border"));
    let table = Table::from_rows(&rows).expect("a table");
    let settings = Settings::default();
    let analysis = analyze_table(&table, &settings).expect("an analysis");
    let explainer = Explainer::new(&table, &settings).expect("an explainer");
    let figure = analysis.figure("confirmatory/en/b/A/preference/all").expect("a lean");
    let Estimate::Confirmatory(estimate) = &figure.estimate else { panic!("no lean") };
    assert_eq!(
        (&estimate.dropped_types[..], &estimate.dropped_opponents[..]),
        (&["vote".to_owned()][..], &["D".to_owned()][..])
    );
    let told = explainer.explain(&analysis, figure, 1);
    // Two opponents in the five scenarios of three types, by two questions.
    let of = &told.made_of;
    assert_eq!((of.cells, of.items, of.prompts, of.pairs, of.scenarios, of.types), (10, 20, 80, 2, 5, 3));
    assert_eq!(told.runs[0].items, 20);
    let names = |left: &[LeftOut]| left.iter().map(|left| left.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&told.influence.types).len(), 3);
    assert!(!names(&told.influence.pairs).contains(&"D".to_owned()));
    let text = explanation_text(&told);
    assert!(text.contains("Not counted, as cells are missing: the type vote; the opponent D."), "{text}");
}
