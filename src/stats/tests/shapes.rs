use super::super::summary::{SummaryOptions, Tables, render};
use super::super::{
    Analysis, Estimate, ItemRow, Recipes, Settings, Singly, Table, TableBuilder, analyze, analyze_table,
    analyze_with,
};
use super::rows;

fn value(analysis: &Analysis, id: &str) -> f64 {
    analysis.clustered(id).unwrap_or_else(|| panic!("no figure {id}")).mean_cluster
}

fn near(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-12, "{a} is not {b}");
}

/// One chat checkpoint, one language, two countries, no settings: what exists is given, the rest is absent.
#[test]
fn a_single_checkpoint_is_enough() {
    let table = rows(&[("org/chat", "fr", "main")], &["A", "B"], |_, _, _, _| 1.0);
    let analysis = analyze(&table, &Settings::default()).expect("an analysis");
    // Types: border 1, cyber 1.25, trade 0.75.
    near(value(&analysis, "favourability/fr/org/chat/A/preference/all"), 1.0);
    near(value(&analysis, "favourability/fr/org/chat/B/preference/all"), -1.0);
    near(value(&analysis, "favourability/fr/org/chat/A/unjustified/all"), -1.0);
    near(value(&analysis, "favourability/fr/org/chat/A/residual/all"), 0.0);
    near(value(&analysis, "role_bias/fr/org/chat/justified/all"), 0.25);
    let Some(Estimate::Confirmatory(lean)) = analysis.estimate("confirmatory/fr/org/chat/A/preference/all")
    else {
        panic!("no lean")
    };
    let needed = lean.planning.as_ref().map_or(&[][..], |planning| &planning.needed);
    assert_eq!(needed.len(), 9);
    assert!(needed.iter().all(|n| n.scenarios == n.types.map(|k| k * n.per_type as u64)));
    // One opponent says nothing of how opponents vary.
    let Some(Estimate::TwoWay(two_way)) = analysis.estimate("two_way/fr/org/chat/A/preference/all") else {
        panic!("no average")
    };
    near(two_way.mean_row, 0.95);
    assert_eq!(two_way.se, None);
    for group in
        ["shift", "language_shift", "maker", "language_population", "planned_contrast", "power", "comparison"]
    {
        assert!(!analysis.figures().iter().any(|f| f.id.starts_with(&format!("{group}/"))), "{group}");
    }
    assert_eq!(analysis.settings["analysis"]["target"], "A");
    assert_eq!(analysis.settings["analysis"]["baseline_language"], "fr");
    let text = render(&analysis, &SummaryOptions::default()).expect("tables");
    assert!(text.contains("org/chat") && text.contains("0.4-0.6"), "{text}");
    let unknown = SummaryOptions { question: Some("fairer".to_owned()), ..SummaryOptions::default() };
    assert!(render(&analysis, &unknown).expect_err("no such question").contains("`fairer`"));
}

#[test]
fn a_bare_roster_takes_its_target_from_the_makers() {
    let runs = [("base", "en", "main"), ("chat", "en", "main"), ("chat", "de", "main")];
    let table = rows(&runs, &["A", "B", "C"], |model, language, first, second| {
        // The chat checkpoint leans towards B, by 2, and by another 0.5 in German.
        let lean = if model == "base" {
            0.0
        } else if language == "de" {
            2.5
        } else {
            2.0
        };
        if second == "B" {
            -lean
        } else if first == "B" {
            lean
        } else {
            0.0
        }
    });
    let roster = "[[family]]\nname = 'f'\nmaker_country = 'B'\nlicence = 'x'\n\
                  chat = { model = 'chat', checkpoint = 'c', prefill = '(', form = 'chat' }\n\
                  base = { model = 'base', checkpoint = 'b', revision = 'r' }";
    let settings = Settings::parse(roster, "r.toml").expect("a roster");
    let analysis = analyze(&table, &settings).expect("an analysis");
    assert_eq!(analysis.settings["analysis"]["target"], "B");
    // `base` is the first stage wherever the file has it.
    near(value(&analysis, "shift/en/f/B/preference/all"), 2.0);
    near(value(&analysis, "language_shift/de-en/chat/B/preference/all"), 0.5);
    let Some(Estimate::Maker(maker)) = analysis.estimate("maker/en/B/preference/all") else {
        panic!("no maker test")
    };
    near(maker.mean_cluster.mean, 2.0);
    assert_eq!((maker.mean_cluster.aligned, maker.mean_cluster.t), (1, None));
}

#[test]
fn more_stages_give_a_shift_per_step() {
    let runs = [("b", "en", "main"), ("s", "en", "main"), ("d", "en", "main")];
    let table = rows(&runs, &["A", "B"], |model, _, _, _| match model {
        "b" => 0.0,
        "s" => 1.0,
        _ => 4.0,
    });
    let text = "[[family]]\nname = 'f'\nsft = { model = 's' }\nbase = { model = 'b' }\ndpo = { model = 'd' }";
    let analysis = analyze(&table, &Settings::parse(text, "s.toml").expect("settings")).expect("an analysis");
    near(value(&analysis, "shift/en/f/A/preference/all"), 4.0);
    near(value(&analysis, "shift/en/f:sft-base/A/preference/all"), 1.0);
    near(value(&analysis, "shift/en/f:dpo-sft/A/preference/all"), 3.0);
}

#[test]
fn other_questions_need_their_polarity_named() {
    let mut table = rows(&[("m", "en", "main")], &["A", "B"], |_, _, _, _| 1.0);
    for row in &mut table {
        row.question = if row.question == "justified" { "safer" } else { "riskier" }.to_owned();
    }
    let analysis = analyze(&table, &Settings::default()).expect("an analysis");
    near(value(&analysis, "favourability/en/m/A/safer/all"), 1.0);
    assert!(analysis.estimate("favourability/en/m/A/preference/all").is_none());
    assert!(analysis.notes.iter().any(|note| note.contains("riskier, safer")), "{:?}", analysis.notes);
    // One question alone has no polarity to be named.
    let single: Vec<ItemRow> = table.iter().filter(|row| row.question == "safer").cloned().collect();
    let notes = analyze(&single, &Settings::default()).expect("an analysis").notes;
    assert!(!notes.iter().any(|note| note.contains("polarity")), "{notes:?}");

    let text = "[analysis.questions]\npositive = 'safer'\nnegative = 'riskier'";
    let analysis = analyze(&table, &Settings::parse(text, "s.toml").expect("settings")).expect("an analysis");
    near(value(&analysis, "favourability/en/m/A/preference/all"), 1.0);
    assert!(analysis.estimate("coherence/counts").is_some());
}

#[test]
fn pairs_that_one_side_lacks_are_left_out_of_a_shift() {
    let mut table =
        rows(&[("b", "en", "main"), ("c", "en", "main")], &["A", "B", "C"], |model, _, _, second| {
            if second == "C" {
                9.0
            } else if model == "b" {
                1.0
            } else {
                3.0
            }
        });
    table.retain(|row| !(row.model == "b" && row.country_2 == "C"));
    let text = "[[family]]\nname = 'f'\nbase = { model = 'b' }\nchat = { model = 'c' }";
    let analysis = analyze(&table, &Settings::parse(text, "s.toml").expect("settings")).expect("an analysis");
    near(value(&analysis, "shift/en/f/A/preference/all"), 2.0);
    assert!(analysis.estimate("shift/en/f/C/preference/all").is_none());
}

#[test]
fn settings_are_cut_down_to_a_run_in_progress() {
    let table = rows(&[("b", "en", "hedge_off"), ("c", "en", "hedge_off")], &["A", "B"], |_, _, _, _| 1.0);
    let text = "[analysis]\ntarget = 'Z'\nbaseline_language = 'zh'\ncondition = 'main'\n\
                [analysis.route]\nc = 'prefill'\ne = 'prefill'\n\
                [[analysis.coherence.variant]]\nname = 'v'\nroute = { c = 'main' }\n\
                [[analysis.comparison]]\nname = 'k'\ncondition = 'prefill'\nbaseline = 'main'\n\
                [[family]]\nname = 'f'\nmaker_country = 'Z'\nbase = { model = 'b' }\nchat = { model = 'c' }\n\
                [[family]]\nname = 'g'\nbase = { model = 'd' }\nchat = { model = 'e' }";
    let mut settings = Settings::parse(text, "s.toml").expect("settings");
    let table = Table::from_rows(&table).expect("a table");
    let notes = settings.restrict_to(&table);
    assert_eq!(notes.len(), 8, "{notes:#?}");
    let routed =
        "no rows of `c` in condition `prefill`, to which it is routed: `hedge_off` is shown in its place";
    assert!(notes.iter().any(|note| note == routed), "{notes:#?}");
    let analysis = analyze_table(&table, &settings).expect("an analysis");
    near(value(&analysis, "shift/en/f/A/preference/all"), 0.0);
    assert!(analysis.estimate("favourability/en/c/A/preference/all").is_some());
    // No maker is at home in the table: there is no direction.
    assert!(notes.iter().any(|note| note.starts_with("no maker is at home")), "{notes:#?}");
    assert!(analysis.figures().iter().all(|figure| figure.estimator != "maker"));
}

/// Where some maker is at home in the table, one at home outside is away from every country of it.
#[test]
fn a_maker_from_outside_the_table_is_elsewhere() {
    let runs = ["b", "c", "d", "e"].map(|model| (model, "en", "main"));
    let rows = rows(&runs, &["A", "B"], |model, _, _, _| if ["c", "e"].contains(&model) { 1.0 } else { 0.0 });
    let text = "[[family]]\nname = 'f'\nmaker_country = 'A'\nbase = { model = 'b' }\nchat = { model = 'c' }\n\
                [[family]]\nname = 'g'\nmaker_country = 'Z'\nbase = { model = 'd' }\nchat = { model = 'e' }";
    let mut settings = Settings::parse(text, "s.toml").expect("settings");
    let table = Table::from_rows(&rows).expect("a table");
    assert_eq!(settings.restrict_to(&table), Vec::<String>::new());
    let analysis = analyze_table(&table, &settings).expect("an analysis");
    let Some(Estimate::Maker(maker)) = analysis.estimate("maker/en/A/preference/all") else {
        panic!("no maker test")
    };
    assert_eq!(maker.mean_row.signed.0, [("f".to_owned(), 1.0), ("g".to_owned(), -1.0)]);
}

/// The document keeps the test over all families; the tables give the one over those that can be read.
#[test]
fn the_maker_test_is_shown_without_the_families_that_cannot_be_read() {
    let lean = |model: &str| match model {
        "f-chat" => 1.0,
        "g-chat" => -4.0,
        "h-chat" => 0.5,
        _ => 0.0,
    };
    let models = ["f-base", "f-chat", "g-base", "g-chat", "h-base", "h-chat"];
    let runs: Vec<_> =
        ["en", "fr"].iter().flat_map(|language| models.map(|model| (model, *language, "main"))).collect();
    let mut rows = rows(&runs, &["A", "B"], |model, _, _, _| lean(model));
    rows.iter_mut().filter(|row| row.model == "g-base").for_each(|row| row.compliance = 0.05);
    let family = |name| {
        format!(
            "[[family]]\nname = '{name}'\nmaker_country = 'A'\n\
             base = {{ model = '{name}-base' }}\nchat = {{ model = '{name}-chat' }}\n"
        )
    };
    let settings = Settings::parse(&["f", "g", "h"].map(family).concat(), "s.toml").expect("settings");
    let analysis = analyze(&rows, &settings).expect("an analysis");
    let Some(Estimate::Maker(maker)) = analysis.estimate("maker/en/A/preference/all") else {
        panic!("no maker test")
    };
    assert_eq!((maker.mean_cluster.families(), maker.mean_cluster.aligned), (3, 2));
    let text = render(&analysis, &SummaryOptions { tables: Tables::All, ..SummaryOptions::default() });
    let text = text.expect("tables");
    let (_, table) = text.split_once("Maker direction").expect("the table");
    let row = table.lines().find(|line| line.trim_start().starts_with("A ")).expect("its row");
    // Of 1 and 0.5: t = 0.75 / 0.25 with one degree of freedom.
    let columns: Vec<&str> = row.split("  ").map(str::trim).filter(|part| !part.is_empty()).collect();
    assert_eq!(columns[..7], ["A", "en", "2 of 3", "+0.750", "0.205", "2 of 2", "0.500"], "{text}");
    let note = "Without the families that are as good as noise in the language (‡).";
    assert!(table.contains(note), "{text}");
    rows.iter_mut().for_each(|row| row.compliance = 0.5);
    let analysis = analyze(&rows, &settings).expect("an analysis");
    let whole = render(&analysis, &SummaryOptions::default()).expect("tables");
    assert!(whole.contains("Maker direction") && !whole.contains(note), "{whole}");
    // One family has no direction in common with others.
    let alone = analyze(&rows, &Settings::parse(&family("f"), "s.toml").expect("settings"));
    let alone = render(&alone.expect("an analysis"), &SummaryOptions::default()).expect("tables");
    assert!(!alone.contains("Maker direction"), "{alone}");
}

/// A narrative that names nobody has no roles, so there is no taste for one.
#[test]
fn prompts_without_roles_have_no_role_bias() {
    let mut rows =
        rows(&[("m", "en", "main"), ("m", "en", "control_options")], &["A", "B"], |_, _, _, _| 1.0);
    for row in rows.iter_mut().filter(|row| row.condition == "control_options") {
        (row.diff_fwd, row.diff_rev) = (row.bias, row.bias);
    }
    let analysis = analyze(&rows, &Settings::default()).expect("an analysis");
    assert!(analysis.estimate("role_bias/en/m/justified/all").is_some());
    assert!(analysis.estimate("role_bias/en/m@control_options/justified/all").is_none());
    assert!(analysis.estimate("role_effect/en/m/justified/all").is_some());
    assert!(analysis.estimate("role_effect/en/m@control_options/justified/all").is_none());
}

#[test]
fn tables_are_cut_down_and_mark_what_is_hard_to_read() {
    let runs = [
        ("b", "en", "main"),
        ("b", "fr", "main"),
        ("c", "en", "main"),
        ("c", "en", "prefill"),
        ("c", "fr", "prefill"),
    ];
    let mut rows = rows(&runs, &["A", "B"], |model, _, _, _| if model == "c" { 1.0 } else { 0.0 });
    for row in &mut rows {
        row.compliance = match (row.model.as_str(), row.condition.as_str()) {
            ("b", _) => 0.99,
            (_, "main") => 1e-8,
            _ => 0.9696,
        };
    }
    let text = "[analysis.route]\nc = 'prefill'\n\
                [[family]]\nname = 'f'\nbase = { model = 'b' }\nchat = { model = 'c' }";
    let settings = Settings::parse(text, "s.toml").expect("settings");
    let analysis = analyze(&rows, &settings).expect("an analysis");
    let tables = |options: SummaryOptions| render(&analysis, &options).expect("tables");
    let whole = tables(SummaryOptions::default());
    for line in [
        "† in en, compliance is below 0.97, to be read with care: c 0.9696\n",
        "‡ in en, compliance is below 0.1, as good as noise: c@main 1.0e-8\n",
        "† in fr, compliance is below 0.97, to be read with care: c 0.9696\n",
        "Read in condition prefill, by their bare names: c\n",
        " f† ",
        " c@main‡ ",
    ] {
        assert!(whole.contains(line), "{line}: {whole}");
    }
    assert!(!whole.contains("-0.000") && !whole.contains("+0.000"), "{whole}");
    let french = tables(SummaryOptions { language: Some("fr".to_owned()), ..SummaryOptions::default() });
    assert!(french.contains(" fr ") && french.contains(" fr-en ") && !french.contains(" en "), "{french}");
    let main = tables(SummaryOptions { condition: Some("main".to_owned()), ..SummaryOptions::default() });
    assert!(main.contains(" c@main‡ ") && !main.contains(" c† "), "{main}");
    let routed =
        tables(SummaryOptions { condition: Some("prefill".to_owned()), ..SummaryOptions::default() });
    assert!(routed.contains(" c† ") && !routed.contains(" b "), "{routed}");
    for unknown in [
        SummaryOptions { language: Some("zh".to_owned()), ..SummaryOptions::default() },
        SummaryOptions { condition: Some("hedge_off".to_owned()), ..SummaryOptions::default() },
    ] {
        let error = render(&analysis, &unknown).expect_err("there is none");
        assert!(error.contains("it has en, fr") || error.contains("it has main, prefill"), "{error}");
    }
}

/// Checkpoints are corrected together in what the settings read for each; any other condition is a family of its own.
#[test]
fn conditions_that_are_not_read_are_corrected_apart() {
    let runs = [("m", "en", "main"), ("m", "en", "x"), ("m", "en", "y"), ("n", "en", "x")];
    let table = rows(&runs, &["A", "B"], |_, _, _, _| 1.0);
    let settings = Settings::parse("[analysis.route]\nn = 'x'", "s.toml").expect("settings");
    let analysis = analyze(&table, &settings).expect("an analysis");
    for (label, tests) in [("m", 4), ("n", 4), ("m@x", 2), ("m@y", 2)] {
        let figure = analysis.figure(&format!("confirmatory/en/{label}/A/preference/all")).expect("a lean");
        assert_eq!(figure.adjusted.as_ref().map(|adjusted| adjusted.tests), Some(tests), "{label}");
    }
}

/// What a table's intervals are over, and what was left out of them.
#[test]
fn tables_say_what_their_intervals_are_for() {
    let whole = rows(&[("m", "en", "main")], &["A", "B", "C", "D"], |_, _, _, _| 1.0);
    let text = |rows: &[ItemRow], recipes| {
        let table = Table::from_rows(rows).expect("a table");
        let analysis = analyze_with(&table, &Settings::default(), recipes).expect("an analysis");
        let text = render(&analysis, &SummaryOptions::default()).expect("tables");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let published = text(&whole, Recipes::Published);
    assert!(
        published.contains("Means over scenario types; intervals and p from Student's t over the types.")
    );
    let confirmatory = text(&whole, Recipes::Confirmatory);
    assert!(confirmatory.contains(" adj. p size ") && !published.contains(" adj. p size "), "{confirmatory}");
    assert!(confirmatory.contains("Intervals and p for other incidents"), "{confirmatory}");
    assert!(!confirmatory.contains("Left out where cells are missing"), "{confirmatory}");
    let mut holed = whole;
    holed.retain(|row| (row.country_2.as_str(), row.scenario_type.as_str()) != ("B", "cyber"));
    let confirmatory = text(&holed, Recipes::Confirmatory);
    assert!(confirmatory.contains("Left out where cells are missing: cyber."), "{confirmatory}");
}

/// Four prompts an item, with a preference, a role taste and a letter taste on top of each other.
#[test]
fn letter_bias_comes_apart_from_everything_else() {
    let rows = rows(&[("m", "en", "main"), ("m", "en", "other")], &["A", "B"], |_, _, _, _| 1.0);
    let mut builder = TableBuilder::new("a run", "row");
    for (at, row) in rows.iter().enumerate() {
        let letter = match (row.condition.as_str(), row.question.as_str()) {
            ("main", "justified") => -0.75,
            ("main", _) => -1.25,
            _ => 0.5,
        };
        // With the letter on top, country 1 is chosen so often in each of the two orders.
        let chosen = [row.diff_fwd, row.diff_rev].map(|towards| {
            let of = |log_odds: f64| 1.0 / (1.0 + (-log_odds).exp());
            (of(towards + letter) + of(towards - letter)) / 2.0
        });
        builder.push_with(row.as_ref(), Singly { chosen, letter }, at as u64).expect("a row");
    }
    let table = builder.finish().expect("a table");
    let settings = Settings::default();
    let analysis = analyze_with(&table, &settings, Recipes::Both).expect("an analysis");
    near(value(&analysis, "letter_bias/en/m/justified/all"), -0.75);
    near(value(&analysis, "letter_bias/en/m/unjustified/all"), -1.25);
    near(value(&analysis, "letter_bias/en/m/both/all"), -1.0);
    near(value(&analysis, "letter_bias/en/m@other/both/all"), 0.5);
    near(value(&analysis, "role_bias/en/m/unjustified/all"), 0.25);
    let both = analysis.clustered("letter_bias/en/m/both/all").expect("a figure");
    assert_eq!((both.clusters, both.df), (3, 2));
    let Some(Estimate::Effect(effect)) = analysis.estimate("letter_effect/en/m/both/all") else {
        panic!("no effect")
    };
    // Half of the items have either.
    near(effect.rms, ((0.75f64.powi(2) + 1.25f64.powi(2)) / 2.0).sqrt());
    near(effect.mean, -1.0);
    // The choices are those of single prompts: a letter that pulls harder than the lean leaves fewer of them to it.
    let chosen = |analysis: &Analysis| match analysis.estimate("choice/en/m/A/preference/all") {
        Some(Estimate::Choice(choice)) => choice.probability,
        other => panic!("{other:?}"),
    };
    let of_means = analyze(&rows, &settings).expect("an analysis");
    assert!(chosen(&analysis) < chosen(&of_means) - 0.01, "{} {}", chosen(&analysis), chosen(&of_means));
    assert!(of_means.estimate("letter_bias/en/m/both/all").is_none());
}

/// Of a cell whose other question is missing neither the mean nor the shares tell.
#[test]
fn half_a_cell_is_no_choice() {
    let all =
        rows(&[("m", "en", "main")], &["A", "B", "C"], |_, _, first, _| if first == "A" { 0.6 } else { 0.0 });
    let lone = |row: &ItemRow| {
        row.country_1 == "A"
            && row.country_2 == "B"
            && Some(&row.scenario) == all.first().map(|r| &r.scenario)
    };
    let choice = |dropped: &dyn Fn(&ItemRow) -> bool| {
        let kept: Vec<ItemRow> = all.iter().filter(|row| !dropped(row)).cloned().collect();
        assert!(kept.len() < all.len());
        let analysis = analyze(&kept, &Settings::default()).expect("an analysis");
        match analysis.estimate("choice/en/m/A/preference/all") {
            Some(Estimate::Choice(choice)) => choice.clone(),
            other => panic!("{other:?}"),
        }
    };
    let whole = choice(&lone);
    for question in ["justified", "unjustified"] {
        assert_eq!(choice(&|row| lone(row) && row.question == question), whole, "{question}");
    }
}

/// Asked only which country is less in the right, a model that names one speaks against it.
#[test]
fn a_negative_question_alone_is_turned() {
    let all =
        rows(&[("m", "en", "main")], &["A", "B", "C"], |_, _, first, _| if first == "A" { 0.6 } else { 0.0 });
    let negative: Vec<ItemRow> = all.iter().filter(|row| row.question == "unjustified").cloned().collect();
    let both = analyze(&all, &Settings::default()).expect("an analysis");
    let against = value(&both, "favourability/en/m/A/unjustified/all");
    assert!(against < -0.5, "{against}");
    let named = "[analysis.questions]\nnegative = 'unjustified'\n";
    for settings in [Settings::default(), Settings::parse(named, "s.toml").expect("settings")] {
        let analysis = analyze(&negative, &settings).expect("an analysis");
        near(value(&analysis, "favourability/en/m/A/preference/all"), -against);
        near(value(&analysis, "favourability/en/m/A/unjustified/all"), against);
        let Some(Estimate::Confirmatory(lean)) = analysis.estimate("confirmatory/en/m/A/preference/all")
        else {
            panic!("no lean")
        };
        assert!(lean.estimate > 0.5, "{}", lean.estimate);
        let Some(Estimate::Choice(choice)) = analysis.estimate("choice/en/m/A/preference/all") else {
            panic!("no choices")
        };
        assert!(choice.probability > 0.6, "{}", choice.probability);
        assert!(analysis.estimate("coherence/counts").is_none());
        assert!(analysis.notes.iter().any(|note| note.contains("`unjustified`") && note.contains("turned")));
        assert_eq!(analysis.settings["analysis"]["questions"]["positive"], serde_json::Value::Null);
    }
    let neither = Settings::parse("[analysis.questions]\n", "s.toml").map(|_| ()).expect_err("no polarity");
    assert!(neither.to_string().contains("neither `positive` nor `negative`"), "{neither}");
}
