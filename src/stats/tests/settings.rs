use super::super::{Recipes, Settings, Table, analyze, analyze_with};
use super::rows;

/// Of what the settings read: a control with invented countries names nobody.
#[test]
fn the_target_that_stands_in_is_a_country_of_what_is_read() {
    let mut table = rows(&[("m", "en", "main")], &["B", "C"], |_, _, _, _| 1.0);
    table.extend(rows(&[("m", "en", "invented")], &["A", "D"], |_, _, _, _| 1.0));
    let analysis = analyze(&table, &Settings::default()).expect("an analysis");
    assert_eq!(analysis.settings["analysis"]["target"], "B");
    let note = "the settings name no target: B stands in (the first country of the table)";
    assert!(analysis.notes.iter().any(|said| said.starts_with(note)), "{:?}", analysis.notes);
    let named = Settings::parse("[analysis]\ntarget = 'B'", "s.toml").expect("settings");
    let notes = analyze(&table, &named).expect("an analysis").notes;
    assert!(!notes.iter().any(|said| said.contains("target")), "{notes:?}");
}

#[test]
fn recipes_make_their_own_groups_and_no_others() {
    let table = rows(&[("m", "en", "main")], &["A", "B", "C"], |_, _, _, _| 1.0);
    let table = Table::from_rows(&table).expect("a table");
    let has = |recipes| {
        let analysis = analyze_with(&table, &Settings::default(), recipes).expect("an analysis");
        ["compliance", "role_bias", "favourability", "confirmatory", "reliability"]
            .map(|group| analysis.of(group).next().is_some())
    };
    assert_eq!(has(Recipes::Published), [true, true, true, false, false]);
    assert_eq!(has(Recipes::Confirmatory), [true, true, false, true, true]);
    assert_eq!(has(Recipes::Both), [true; 5]);
}

#[test]
fn what_has_no_rows_is_dropped_and_the_rest_stays() {
    let runs = [("b", "en", "main"), ("c", "en", "main"), ("c", "en", "prefill"), ("x", "en", "other")];
    let table = Table::from_rows(&rows(&runs, &["A", "B"], |_, _, _, _| 1.0)).expect("a table");
    let text = "[analysis]\ntarget = 'A'\ncondition = 'main'\nbaseline_language = 'en'\n\
        [analysis.route]\nb = 'prefill'\nc = 'prefill'\ne = 'prefill'\nnobody = 'main'\nx = 'prefill'\n\
        [[analysis.coherence.variant]]\nname = 'u'\nroute = { nobdy = 'main' }\n\
        [[analysis.coherence.variant]]\nname = 'v'\nroute = { b = 'prefill', c = 'main' }\n\
        [[analysis.coherence.variant]]\nname = 'w'\nroute = { e = 'main' }\n\
        [[analysis.comparison]]\nname = 'k'\ncondition = 'prefill'\nbaseline = 'main'\n\
        [[analysis.comparison]]\nname = 'l'\ncondition = 'prefil'\nbaseline = 'main'\nlanguage = 'zh'\n\
        [[family]]\nname = 'f'\nbase = { model = 'b' }\nchat = { model = 'c' }\n\
        [[family]]\nname = 'g'\nbase = { model = 'd' }\nchat = { model = 'e' }\n\
        [[family]]\nname = 'h'\nchat = { model = 'x' }\n";
    let mut settings = Settings::parse(text, "s.toml").expect("settings");
    assert_eq!(
        settings.restrict_to(&table),
        [
            "analysis.route names the checkpoint `nobody`, which no family has",
            "analysis.coherence.variant `u` names the checkpoint `nobdy`, which no family has",
            "no rows of `b` in condition `prefill`, to which it is routed: `main` is shown in its place",
            "no rows of `x` in condition `prefill`, to which it is routed: nothing is shown in its place",
            "comparison `l`: no rows of condition `prefil`, perhaps `prefill` is meant and language `zh`",
            "family `g`: no rows of `d` (stage `base`)",
            "family `g`: no rows of `e` (stage `chat`)",
            "family `h`: no rows of `x` (stage `chat`)",
        ]
    );
    let analysis = settings.analysis.expect("an analysis");
    let route = |route: &std::collections::BTreeMap<String, String>| {
        route.iter().map(|(model, to)| format!("{model} {to}")).collect::<Vec<_>>()
    };
    assert_eq!(route(&analysis.route), ["c prefill"]);
    let variants = &analysis.coherence.variant;
    assert_eq!(
        variants.iter().map(|v| (v.name.as_str(), route(&v.route))).collect::<Vec<_>>(),
        [("v", vec!["c main".to_owned()])]
    );
    assert_eq!(analysis.comparison.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["k"]);
    assert_eq!(settings.families.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["f"]);
    assert!(settings.partial);
}

/// The study's first question of either sign that the table asks, where the settings name none.
#[test]
fn the_polarity_is_the_studys_where_the_settings_name_none() {
    let table =
        Table::from_rows(&rows(&[("m", "en", "main")], &["A", "B"], |_, _, _, _| 1.0)).expect("a table");
    let study =
        |list: &[(&str, i8)]| list.iter().map(|(name, sign)| ((*name).to_owned(), *sign)).collect::<Vec<_>>();
    let adopted = |text: &str, list: &[(&str, i8)]| {
        let mut settings = Settings::parse(text, "s.toml").expect("settings");
        settings.adopt_polarity(&study(list), &table);
        settings.analysis.and_then(|a| a.questions).map(|q| (q.positive, q.negative))
    };
    let (justified, unjustified) = (Some("justified".to_owned()), Some("unjustified".to_owned()));
    let whole = [("other", 1), ("missing", -1), ("unjustified", -1), ("justified", 1)];
    assert_eq!(adopted("", &whole), Some((justified.clone(), unjustified.clone())));
    assert_eq!(adopted("", &[("unjustified", 1)]), Some((unjustified.clone(), None)));
    assert_eq!(adopted("", &[("justified", 0), ("unjustified", -1)]), Some((None, unjustified.clone())));
    assert_eq!(adopted("", &[("justified", 0), ("missing", -1)]), None);
    let turned = "[analysis.questions]\npositive = 'unjustified'\nnegative = 'justified'";
    assert_eq!(adopted(turned, &whole), Some((unjustified, justified)));
}

/// What the settings read comes first: by language, the families' checkpoints in their order, then the others by name.
#[test]
fn figures_come_in_the_order_of_the_settings() {
    let runs = [
        ("a", "en", "main"),
        ("b", "de", "main"),
        ("b", "en", "main"),
        ("c", "en", "main"),
        ("c", "en", "x"),
        ("d", "en", "main"),
    ];
    let table = rows(&runs, &["A", "B"], |_, _, _, _| 1.0);
    let text = "[analysis.route]\nc = 'x'\n\
        [[family]]\nname = 'f'\nbase = { model = 'c' }\nchat = { model = 'b' }\n";
    let settings = Settings::parse(text, "s.toml").expect("settings");
    let analysis = analyze(&table, &settings).expect("an analysis");
    let ids: Vec<&str> = analysis.of("compliance").map(|figure| figure.id.as_str()).collect();
    let of = |id: &&&str| id.ends_with("/both/all");
    assert_eq!(
        ids.iter()
            .filter(of)
            .map(|id| &id["compliance/".len()..id.len() - "/both/all".len()])
            .collect::<Vec<_>>(),
        ["en/c", "en/b", "en/a", "en/d", "de/b", "en/c@main"]
    );
}

#[test]
fn names_of_the_table_that_read_alike_are_noted() {
    let table = rows(&[("m", "en", "main"), ("m ", "en", "main")], &["A", "B"], |_, _, _, _| 1.0);
    let notes = analyze(&table, &Settings::default()).expect("an analysis").notes;
    let said =
        "the checkpoints \"m\" and \"m \" differ only in a blank at an end or in how letters are composed";
    assert_eq!(notes.iter().filter(|note| note.contains("differ only")).collect::<Vec<_>>(), [said]);
}
