use super::super::tests::rows;
use super::super::{ItemRow, Recipes, Settings, Table, analyze_with};
use super::*;

#[test]
fn words_stand_to_the_left_and_numbers_to_the_right() {
    let section = || Section {
        title: "Title".to_owned(),
        header: vec!["name", "mean"],
        rows: [["a", "1"], ["longer", "23456"]].map(|row| row.map(str::to_owned).to_vec()).to_vec(),
        below: "Below.\n".to_owned(),
    };
    let mut text = String::new();
    section().write(&mut text);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines[0], lines.len(), lines[7]), ("Title", 8, "Below."), "{text}");
    assert!(lines[2].starts_with(" name  ") && lines[2].ends_with("   mean"), "{text}");
    assert!(lines[4].starts_with(" a  ") && lines[4].ends_with("      1"), "{text}");
    assert!(lines[5].starts_with(" longer ") && lines[5].ends_with(" 23456"), "{text}");
    // A blank line between two, nothing of one without rows.
    section().write(&mut text);
    Section { rows: Vec::new(), ..section() }.write(&mut text);
    assert_eq!(text.lines().count(), 17, "{text}");
    assert!(text.contains("Below.\n\nTitle\n"), "{text}");
}

#[test]
fn lines_are_broken_at_eighty_columns_and_not_before() {
    let words = |sizes: &[usize]| -> String {
        let words: Vec<String> = sizes.iter().map(|size| "é".repeat(*size)).collect();
        words.join(" ")
    };
    let lengths = |sizes: &[usize]| -> Vec<usize> {
        wrapped(&words(sizes)).lines().map(|line| line.chars().count()).collect()
    };
    assert_eq!(lengths(&[40, 39]), [80]);
    assert_eq!(lengths(&[40, 40]), [40, 40]);
    assert_eq!(lengths(&[30, 30, 18]), [80]);
    assert_eq!(lengths(&[30, 30, 19]), [61, 19]);
    assert_eq!(lengths(&[60, 40, 39, 5]), [60, 80, 5]);
    // What has no blank is left whole.
    assert_eq!(lengths(&[100, 3]), [100, 3]);
    assert_eq!(wrapped("a b\n\nc"), "a b\n\nc\n");
}

fn told(rows: &[ItemRow], recipes: Recipes, options: SummaryOptions) -> Result<String, String> {
    let table = Table::from_rows(rows).expect("a table");
    let analysis = analyze_with(&table, &Settings::default(), recipes).expect("an analysis");
    let text = render(&analysis, &options)?;
    Ok(text.split_whitespace().filter(|word| !word.starts_with('─')).collect::<Vec<_>>().join(" "))
}

/// Types' means of 1, 1.25 and 0.75: their mean is 1, its standard error 0.25 over the root of 3, t(0.975, 2) = 4.302653, and
/// p = 1 - t / sqrt(t² + 2) of t = 6.9282; of every country the same t, so that no p is larger for there being four.
#[test]
fn a_row_has_its_estimate_its_interval_and_its_p() {
    let rows = rows(&[("m", "en", "main")], &["A", "B", "C", "D"], |_, _, _, _| 1.0);
    let all = SummaryOptions { tables: Tables::All, ..SummaryOptions::default() };
    let published = told(&rows, Recipes::Published, SummaryOptions::default()).expect("tables");
    for part in [
        "Favourability (A, preference, all scenarios) checkpoint lang log-odds 95 % interval adj. p m† en +1.000 \
         +0.379 to +1.621 0.020 Means over",
        "Compliance (probability on the choices) checkpoint lang mean median least tier m† en 0.500 0.500 0.500 0.4-0.6",
        "5 3 Runs: 1; the most coherent scenario is so in 1 of them.",
    ] {
        assert!(published.contains(part), "{part}: {published}");
    }
    let every = told(&rows, Recipes::Published, all).expect("tables");
    // A taste for the first role that is everywhere the same has no interval.
    let role = "(taste for the first role, the first letter) checkpoint lang of log-odds 95 % interval adj. p \
                m† en first role, justified +0.250 none -";
    assert!(every.contains(role), "{every}");
    let part = "Favourability (preference, all scenarios) checkpoint lang country log-odds 95 % interval adj. p \
                m† en A +1.000 +0.379 to +1.621 0.020 m† en B +0.333 +0.126 to +0.540 0.020 m† en C -0.333";
    assert!(every.contains(part), "{every}");
}

/// By all rows, whatever was asked in them.
#[test]
fn a_checkpoint_is_marked_by_both_questions_together() {
    let mut rows = rows(&[("m", "en", "main")], &["A", "B"], |_, _, _, _| 1.0);
    for row in &mut rows {
        row.compliance = if row.question == "justified" { 0.25 } else { 1.0 };
    }
    let text = told(&rows, Recipes::Published, SummaryOptions::default()).expect("tables");
    assert!(text.contains("† in en, compliance is below 0.97, to be read with care: m 0.625 "), "{text}");
}

#[test]
fn what_has_no_interval_is_said_to_have_none() {
    let whole = rows(&[("m", "en", "main")], &["A", "B", "C", "D"], |_, _, _, _| 1.0);
    let confirmatory = |rows: &[ItemRow]| told(rows, Recipes::Confirmatory, SummaryOptions::default());
    let note =
        "Without an interval (one type, no spread, or too few independent groups) nothing can be inferred.";
    let text = confirmatory(&whole).expect("tables");
    assert!(text.contains("adj. p size m† en +1.000") && !text.contains("Without an interval"), "{text}");
    let one_type: Vec<ItemRow> = whole.into_iter().filter(|row| row.scenario_type == "border").collect();
    let text = confirmatory(&one_type).expect("tables");
    assert!(text.contains("m† en +1.000 none - -") && text.contains(note), "{text}");
}

#[test]
fn what_the_analysis_does_not_have_is_refused_with_what_it_has() {
    let rows = rows(&[("m", "en", "main"), ("m", "fr", "x")], &["A", "B"], |_, _, _, _| 1.0);
    let refused = |options| told(&rows, Recipes::Both, options).expect_err("no such name");
    let z = || Some("Z".to_owned());
    let none = SummaryOptions::default;
    for (options, said) in [
        (
            SummaryOptions { question: z(), ..none() },
            "question `Z`; it has justified, unjustified, preference, residual",
        ),
        (SummaryOptions { country: z(), ..none() }, "country `Z`; it has A, B"),
        (SummaryOptions { language: z(), ..none() }, "language `Z`; it has en, fr"),
        (SummaryOptions { condition: z(), ..none() }, "condition `Z`; it has main, x"),
    ] {
        assert_eq!(refused(options), format!("the analysis has no {said}"));
    }
    let subset = refused(SummaryOptions { subset: z(), ..none() });
    assert!(subset.starts_with("the analysis has no subset `Z`; it has all"), "{subset}");
}

/// By the shift between a family's ends, in what the settings read, in that language.
#[test]
fn a_family_is_read_by_its_ends_in_the_language() {
    let models = ["f-base", "f-sft", "f-chat", "g-base", "g-chat"];
    let mut runs: Vec<(&str, &str, &str)> = Vec::new();
    for language in ["en", "fr"] {
        runs.extend(models.map(|model| (model, language, "main")));
        runs.push(("f-chat", language, "x"));
    }
    let mut rows = rows(&runs, &["A", "B"], |_, _, _, _| 1.0);
    for row in &mut rows {
        let named = (row.model.as_str(), row.language.as_str());
        let low = named.0 == "f-sft"
            || row.condition == "x"
            || [("f-base", "en"), ("g-base", "fr")].contains(&named);
        row.compliance = if low { 0.05 } else { 0.5 };
    }
    let text = "[[family]]\nname = 'f'\nbase = { model = 'f-base' }\nsft = { model = 'f-sft' }\nchat = { model = 'f-chat' }\n\
        [[family]]\nname = 'g'\nbase = { model = 'g-base' }\nchat = { model = 'g-chat' }\n";
    let settings = Settings::parse(text, "s.toml").expect("settings");
    let table = Table::from_rows(&rows).expect("a table");
    for (recipes, stated) in [(Recipes::Published, false), (Recipes::Confirmatory, true)] {
        let analysis = analyze_with(&table, &settings, recipes).expect("an analysis");
        let text = render(&analysis, &SummaryOptions::default()).expect("tables");
        for part in ["Adjusted over families. Firm: log-odds, choice", " verdict"] {
            assert_eq!(text.contains(part), stated, "{part}: {text}");
        }
        let marks = Marks::new(&analysis);
        let read = [("en", "f"), ("en", "g"), ("fr", "f"), ("fr", "g"), ("de", "g")];
        assert_eq!(
            read.map(|(language, family)| marks.reads(language, family)),
            [false, true, true, false, true]
        );
    }
}
