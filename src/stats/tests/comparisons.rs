use super::super::{Estimate, ItemRow, Settings, analyze};
use super::rows;

const RUNS: [(&str, &str, &str); 3] = [("m", "en", "main"), ("m", "en", "off"), ("m", "fr", "main")];

fn settings(lines: &[&str]) -> Settings {
    let text: String = lines.iter().map(|line| format!("[[analysis.comparison]]\n{line}\n")).collect();
    Settings::parse(&text, "s.toml").expect("settings")
}

/// Which side is which, and whether the first is what the settings read.
#[test]
fn a_comparison_names_both_of_its_sides() {
    let rows = rows(&RUNS, &["A", "B"], |_, language, _, _| if language == "fr" { 2.0 } else { 1.0 });
    let settings = settings(&[
        "name = 'k'\ncondition = 'off'\nbaseline = 'main'",
        "name = 'r'\ncondition = 'main'\nbaseline = 'off'\nlanguage = 'en'",
        "name = 'x'\ncondition = 'off'\nlanguage = 'en'\nbaseline = 'main'\nbaseline_language = 'fr'",
    ]);
    let analysis = analyze(&rows, &settings).expect("an analysis");
    for (name, condition, baseline, routed, language, difference) in [
        ("k", "off", "main", false, None, 0.0),
        ("r", "main", "off", true, None, 0.0),
        ("x", "off", "main", false, Some("fr"), -1.0),
    ] {
        let figure = analysis.figure(&format!("comparison/en/m/{name}/A/preference/all")).expect("a figure");
        let parts = &figure.parts;
        assert_eq!((parts.language.as_deref(), parts.baseline_language.as_deref()), (Some("en"), language));
        assert_eq!(
            (parts.condition.as_deref(), parts.baseline_condition.as_deref(), parts.routed),
            (Some(condition), Some(baseline), Some(routed)),
            "{name}"
        );
        let Estimate::Comparison(sides) = &figure.estimate else { panic!("{figure:?}") };
        assert!((sides.mean_cluster.difference - difference).abs() < 1e-12, "{name}");
    }
    // French has one side of each only.
    assert!(analysis.of("comparison").all(|figure| figure.parts.language.as_deref() == Some("en")));
}

/// Ten rows a run: one pair in five scenarios, asked two questions.
#[test]
fn what_one_side_lacks_is_noted_once() {
    let rows = rows(&RUNS, &["A", "B"], |_, _, _, _| 1.0);
    let settings = settings(&["name = 'k'\ncondition = 'off'\nbaseline = 'main'"]);
    let notes = |keep: fn(&ItemRow) -> bool| -> Vec<String> {
        let kept: Vec<ItemRow> = rows.iter().filter(|row| keep(row)).cloned().collect();
        let notes = analyze(&kept, &settings).expect("an analysis").notes;
        notes.into_iter().filter(|note| note.contains("comparison")).collect()
    };
    assert_eq!(notes(|_| true), Vec::<String>::new());
    let end = "; the two are compared on the rows that both have";
    assert_eq!(
        notes(|row| row.condition != "off" || row.scenario != "border_v1"),
        [format!("comparison `k`, m in en: off lacks 2 rows that the other side has (8 against 10){end}")]
    );
    assert_eq!(
        notes(|row| match row.condition.as_str() {
            "off" => row.scenario != "border_v1",
            _ => row.scenario != "cyber_v1" || row.question != "justified",
        }),
        [format!(
            "comparison `k`, m in en: off lacks 2 rows that the other side has (8 against 9), and main lacks 1 row \
             that the other side has (9 against 8){end}"
        )]
    );
}
