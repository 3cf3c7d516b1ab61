use super::super::tests::{fixture, rows};
use super::super::{Recipes, Table, analyze, analyze_with};
use super::*;

/// A figure made again from what it is said to be made of must be the figure: else its runs, its pairs or its recipe
/// are named wrongly.
#[test]
fn what_is_named_makes_the_figure_again() {
    for (name, groups) in [("items", 36), ("confirmatory", 36), ("review", 20)] {
        let (table, settings) = fixture(name);
        let analysis = analyze_with(&table, &settings, Recipes::Both).expect("an analysis");
        let explainer = Explainer::new(&table, &settings).expect("an explainer");
        let view = explainer.prepared.view(&table);
        let mut seen: Vec<(&str, usize)> = Vec::new();
        for figure in analysis.figures() {
            let group = figure.parts.group;
            let at = seen.iter().position(|(name, _)| *name == group).unwrap_or_else(|| {
                seen.push((group, 0));
                seen.len() - 1
            });
            seen[at].1 += 1;
            // The first ones of a group, and some of the rest.
            if seen[at].1 > 3 && !seen[at].1.is_multiple_of(37) {
                continue;
            }
            let entry = entry_of(group).unwrap_or_else(|| panic!("{group} is explained nowhere"));
            assert!(entry.definition.ends_with('.') && !entry.formula.is_empty());
            let source = Source::new(&view, figure);
            if let Some(least) = figure.compliance {
                let own = source.runs.iter().map(|(_, run)| run.compliance).min_by(f64::total_cmp);
                assert_eq!(own, Some(least), "{}: its runs", figure.id);
            }
            let Some(whole) = headline(&figure.estimate) else { continue };
            let again = Again::new(&explainer, figure, &source).without(None);
            let near = again.is_some_and(|v| (v - whole.value).abs() <= 1e-12 * whole.value.abs().max(1.0));
            assert!(near, "{}: {again:?} for {}", figure.id, whole.value);
        }
        assert!(seen.len() >= groups, "{name}: {} groups", seen.len());
    }
}

/// The item table that all groups have something to say of, with its settings.
fn items() -> (Table, Settings, Analysis) {
    let (table, settings) = fixture("items");
    let analysis = analyze_with(&table, &settings, Recipes::Both).expect("an analysis");
    (table, settings, analysis)
}

/// The ids of what a figure is made from, in the order of ids.
fn parts(explainer: &Explainer<'_>, analysis: &Analysis, id: &str) -> Vec<String> {
    let figure = analysis.figure(id).unwrap_or_else(|| panic!("no {id}"));
    let entry = entry_of(figure.parts.group).expect("an entry");
    let view = explainer.prepared.view(explainer.table);
    let runs = source::runs_of(&view, figure).into_iter().map(|(factor, run)| Part {
        factor,
        checkpoint: explainer.table.models.name(run.model).to_owned(),
        language: view.language(run.language).to_owned(),
        condition: explainer.table.conditions.name(run.condition).to_owned(),
        items: 0,
        compliance: 0.0,
    });
    let mut ids: Vec<String> = made_from(analysis, figure, entry, &runs.collect::<Vec<_>>())
        .into_iter()
        .map(|part| part.id)
        .collect();
    ids.sort();
    ids
}

/// `group/*/tail` for each of some names.
fn each(group: &str, names: &[&str], tail: &str) -> Vec<String> {
    names.iter().map(|name| format!("{group}/{name}/{tail}")).collect()
}

/// Three families in two languages and three countries; gamma's chat checkpoint is read in `prefill`, and was asked in `main` too.
#[test]
fn a_figure_is_made_from_the_figures_of_its_own_runs_families_and_languages() {
    let (table, settings, analysis) = items();
    let explainer = Explainer::new(&table, &settings).expect("an explainer");
    let (all, justified) = ("Norland/preference/all", "Norland/justified/all");
    let families = ["en/alpha", "en/beta", "en/gamma"];
    let countries = ["Norland", "Sudria", "Vestia"];
    let every: Vec<String> =
        families.iter().flat_map(|family| countries.map(|c| format!("{family}/{c}"))).collect();
    let every: Vec<&str> = every.iter().map(String::as_str).collect();
    let both = [
        "fr-en/alpha-base",
        "fr-en/alpha-chat",
        "fr-en/beta-base",
        "fr-en/beta-chat",
        "fr-en/gamma-base",
        "fr-en/gamma-chat",
    ];
    let null = [
        "alpha-chat/Norland",
        "alpha-chat@invented/Ertland",
        "alpha-chat@invented/Quombo",
        "alpha-chat@invented/Zimur",
    ];
    for (id, right) in [
        ("confirmatory/en/alpha-base/Norland/preference/all", vec![]),
        (
            "confirmatory_shift/en/gamma/Norland/preference/all",
            each("confirmatory/en", &["gamma-base", "gamma-chat"], all),
        ),
        (
            "confirmatory_shift/en/gamma@main/Norland/preference/all",
            each("confirmatory/en", &["gamma-base", "gamma-chat@main"], all),
        ),
        (
            "choice_shift/fr/alpha/Norland/preference/all",
            each("choice/fr", &["alpha-base", "alpha-chat"], all),
        ),
        (
            "firm/en/gamma/Norland/preference/all",
            ["choice_shift", "confirmatory_shift", "role_scaled_shift"]
                .map(|group| format!("{group}/en/gamma/{all}"))
                .to_vec(),
        ),
        (
            "role_scaled/en/gamma-chat@main/Norland/preference/all",
            each("confirmatory/en", &["gamma-chat@main"], all),
        ),
        ("family_by_stage/en/Norland/preference/all", each("confirmatory_shift", &families, all)),
        ("maker_groups/en/Norland/preference/all", each("confirmatory_shift", &families, all)),
        ("maker_home/en/preference/all", each("confirmatory_shift", &every, "preference/all")),
        (
            "stage_by_language/fr-en/gamma/Norland/preference/all",
            each("confirmatory_shift", &["en/gamma", "fr/gamma"], all),
        ),
        (
            "confirmatory_language_shift/fr-en/gamma-chat/Norland/preference/all",
            each("confirmatory", &["en/gamma-chat", "fr/gamma-chat"], all),
        ),
        (
            "scenario_dif/fr-en/gamma-chat/Norland/preference/all",
            each("confirmatory_language_shift/fr-en", &["gamma-chat"], all),
        ),
        ("language_invariance/gamma-chat/preference/all", {
            let names =
                countries.map(|c| [format!("en/gamma-chat/{c}"), format!("fr/gamma-chat/{c}")]).concat();
            let mut ids =
                each("confirmatory", &names.iter().map(String::as_str).collect::<Vec<_>>(), "preference/all");
            ids.sort();
            ids
        }),
        (
            "leave_one_out_shift/en/gamma/Norland/preference/all",
            each("confirmatory_shift/en", &["gamma"], all),
        ),
        (
            "empirical_null/en/alpha-chat/invented/Norland/preference/all",
            each("confirmatory/en", &null, "preference/all"),
        ),
        (
            "specification_curve/en/alpha-chat/Norland/preference/all",
            each("confirmatory/en", &["alpha-chat", "alpha-chat@hedge_off", "alpha-chat@question_fr"], all),
        ),
        (
            "specification_curve_shift/en/gamma/Norland/preference/all",
            each("confirmatory_shift/en", &["gamma", "gamma@main"], all),
        ),
        (
            "shift/en/gamma/Norland/justified/coherent60",
            each("favourability/en", &["gamma-base", "gamma-chat"], "Norland/justified/coherent60"),
        ),
        ("maker/en/Norland/justified/all", each("shift", &families, justified)),
        ("language_population/fr-en/Norland/justified/all", each("language_shift", &both, justified)),
        (
            "language_shift/fr-en/alpha-base/Norland/justified/all",
            each("favourability", &["en/alpha-base", "fr/alpha-base"], justified),
        ),
        (
            "topics/en/gamma-chat@main/Norland/justified/all",
            each("favourability/en", &["gamma-chat@main"], justified),
        ),
        ("planned_contrast/en/gamma/Norland", each("favourability/en", &["gamma-base", "gamma-chat"], all)),
        ("power/en/Norland", each("planned_contrast", &families, "Norland")),
        (
            "comparison/en/gamma-chat/prefill/Norland/justified/all",
            each("favourability/en", &["gamma-chat", "gamma-chat@main"], justified),
        ),
        (
            "comparison/en/alpha-chat/crossed/Norland/justified/all",
            each("favourability", &["en/alpha-chat@question_fr", "fr/alpha-chat"], justified),
        ),
    ] {
        assert_eq!(parts(&explainer, &analysis, id), right, "{id}");
    }
    // What is over families is told without each of them, and nothing else is.
    for (id, right) in [
        ("maker/en/Norland/justified/all", &["alpha", "beta", "gamma"][..]),
        ("compliance/en/alpha-base/both/all", &[]),
    ] {
        let told = explainer.explain(&analysis, analysis.figure(id).expect("a figure"), 1);
        let mut names: Vec<&str> = told.influence.families.iter().map(|left| left.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, right, "{id}");
    }
}

/// A family is left out with all of its checkpoints: what remains is what an analysis of the others' runs gives.
#[test]
fn what_is_over_families_is_told_without_each_of_them() {
    let (table, settings, analysis) = items();
    let explainer = Explainer::new(&table, &settings).expect("an explainer");
    for id in ["maker/en/Norland/justified/all", "family_by_stage/en/Norland/preference/all"] {
        let figure = analysis.figure(id).expect("a figure");
        let whole = headline(&figure.estimate).expect("a value").value;
        let told = explainer.explain(&analysis, figure, 1).influence;
        assert_eq!(told.families.len(), 3, "{id}");
        assert!(
            told.cells.is_empty() && told.untold.is_some_and(|why| why.contains("compares families")),
            "{id}"
        );
        for left in &told.families {
            let others = table.cut(|run| !table.models.name(run.model).starts_with(&left.name), |_, _| true);
            let mut settings = settings.clone();
            settings.restrict_to(&others);
            let again = analyze_with(&others, &settings, Recipes::Both).expect("an analysis");
            let right =
                again.figure(id).and_then(|figure| headline(&figure.estimate)).expect("a value").value;
            let near = |value: Option<f64>, right: f64| value.is_some_and(|v| (v - right).abs() < 1e-12);
            assert!(near(left.without, right), "{id} without {}: {:?} for {right}", left.name, left.without);
            assert!(near(left.change, right - whole) && right != whole, "{id} without {}", left.name);
        }
    }
}

/// Of three stages: a step is made from its own two, and what is over families from the ends.
#[test]
fn steps_between_are_made_from_their_own_stages() {
    let runs = ["b", "s", "d"].map(|model| (model, "en", "main"));
    let rows = rows(&runs, &["A", "B"], |model, _, _, _| f64::from(u8::from(model == "d")));
    let text = "[[family]]\nname = 'f'\nmaker_country = 'A'\n\
        base = { model = 'b' }\nsft = { model = 's' }\ndpo = { model = 'd' }\n";
    let settings = Settings::parse(text, "s.toml").expect("settings");
    let analysis = analyze(&rows, &settings).expect("an analysis");
    let table = Table::from_rows(&rows).expect("a table");
    let explainer = Explainer::new(&table, &settings).expect("an explainer");
    let all = "A/preference/all";
    let groups = ["choice_shift", "confirmatory_shift", "role_scaled_shift"];
    for (id, right) in [
        ("confirmatory_shift/en/f/A/preference/all", each("confirmatory/en", &["b", "d"], all)),
        ("confirmatory_shift/en/f:dpo-sft/A/preference/all", each("confirmatory/en", &["d", "s"], all)),
        ("firm/en/f/A/preference/all", groups.map(|group| format!("{group}/en/f/{all}")).to_vec()),
        (
            "firm/en/f:sft-base/A/preference/all",
            groups.map(|group| format!("{group}/en/f:sft-base/{all}")).to_vec(),
        ),
        ("maker/en/A/preference/all", each("shift/en", &["f"], all)),
    ] {
        assert_eq!(parts(&explainer, &analysis, id), right, "{id}");
    }
}

/// A variant of the coherence filter counts the runs of its own routes.
#[test]
fn a_coherence_filter_is_made_of_the_runs_that_its_route_names() {
    let (table, settings, analysis) = items();
    let explainer = Explainer::new(&table, &settings).expect("an explainer");
    let view = explainer.prepared.view(&table);
    let models = ["alpha-base", "alpha-chat", "beta-base", "beta-chat", "gamma-base", "gamma-chat"];
    for (id, of_gamma) in [("coherence/coherent60", "prefill"), ("coherence@naive/coherent60", "main")] {
        let figure = analysis.figure(id).expect("the set");
        let runs: Vec<String> = source::runs_of(&view, figure)
            .iter()
            .map(|(factor, run)| {
                let (model, language) = (table.models.name(run.model), view.language(run.language));
                format!("{factor} {language} {model} {}", table.conditions.name(run.condition))
            })
            .collect();
        let condition = |model: &str| if model == "gamma-chat" { of_gamma } else { "main" };
        let right: Vec<String> = models
            .iter()
            .flat_map(|model| {
                ["en", "fr"].map(|language| format!("0 {language} {model} {}", condition(model)))
            })
            .collect();
        assert_eq!(runs, right, "{id}");
    }
    let bank = analysis.figure("bank/scenario_types").expect("the bank");
    assert!(source::runs_of(&view, bank).is_empty());
}
