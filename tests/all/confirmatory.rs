//! The promise: the confirmatory analysis gives what independent implementations give, and holds its tongue where nothing
//! can be inferred.

use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;
use tiltmeter::stats::{self, Analysis, Confirmatory, Estimate, Settings};

use crate::common::skip;
use crate::figures::{check, figures_of, paper};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/confirmatory").join(name)
}

fn analyze(items: &Path, settings: Option<&Path>) -> Analysis {
    let settings = settings.map(|path| Settings::read(path).expect("settings")).unwrap_or_default();
    let table = stats::read_table(items).expect("the item table");
    stats::analyze_table(&table, &settings).expect("an analysis")
}

/// numpy and scipy, by `confirm.py` beside the table.
#[apply(test!)]
fn every_recipe_agrees_with_numpy_on_a_made_up_table() {
    let analysis = analyze(&fixture("items.csv"), Some(&fixture("settings.toml")));
    let expected = figures_of(&fixture("expected.json"));
    assert_eq!(expected.len(), 422);
    check(&analysis, &expected);
}

/// numpy and scipy, by `make.py` beside the table, whose cells are not all there.
#[apply(test!)]
fn what_reviewers_ask_next_agrees_with_numpy_on_a_made_up_table() {
    let fixture = |name: &str| fixture("../review").join(name);
    let analysis = analyze(&fixture("items.csv"), Some(&fixture("settings.toml")));
    let expected = figures_of(&fixture("expected.json"));
    check(&analysis, &expected);
    // And nothing else is there of these groups, nor in their figures.
    for figure in expected.iter() {
        let id = figure["id"].as_str().expect("an id");
        if !id.starts_with("confirmatory/") {
            let ours = serde_json::to_value(analysis.estimate(id)).expect("estimates are JSON");
            assert_eq!(names_in(&ours), names_in(&figure["estimate"]), "{id}");
        }
    }
    let groups = [
        "language_invariance",
        "scenario_dif",
        "reliability",
        "item_quality",
        "leave_one_out",
        "leave_one_out_shift",
        "empirical_null",
        "specification_curve",
        "specification_curve_shift",
        "role_effect",
    ];
    for group in groups {
        let mut ids: Vec<&str> = analysis.of(group).map(|figure| figure.id.as_str()).collect();
        let of_group = |id: &&str| id.split('/').next() == Some(group);
        let mut right: Vec<&str> =
            expected.iter().filter_map(|f| f["id"].as_str()).filter(of_group).collect();
        ids.sort_unstable();
        right.sort_unstable();
        assert_eq!(ids, right);
    }
}

/// The names in an estimate, each below the ones that it stands in.
fn names_in(value: &Value) -> Vec<String> {
    let below = |(name, value): (&String, &Value)| {
        let inside = names_in(value).into_iter().map(move |inside| format!("{name}/{inside}"));
        inside.chain([name.clone()]).collect::<Vec<_>>()
    };
    let mut names: Vec<String> = value.as_object().into_iter().flatten().flat_map(below).collect();
    names.sort_unstable();
    names
}

/// R (lme4, clubSandwich) on the published table. Its mixed models are the closed forms again where the bank is balanced.
#[apply(test!)]
fn every_confirmatory_figure_of_the_published_table_is_reproduced() {
    let paper = paper();
    let golden = paper.join("../stats/golden_open.json");
    if !golden.is_file() {
        skip("../shared/stats/golden_open.json is not here");
    }
    let analysis = analyze(&paper.join("items_real.csv.gz"), Some(&paper.join("published.toml")));
    let (mixed, closed): (Vec<Value>, Vec<Value>) = figures_of(&golden)
        .into_iter()
        .partition(|figure| figure["id"].as_str().is_some_and(|id| id.starts_with("reml")));
    assert!(closed.len() >= 34, "{}", closed.len());
    check(&analysis, &closed);

    let balanced = mixed.iter().filter(|f| {
        f["id"].as_str().is_some_and(|id| id.starts_with("reml/") && id.ends_with("/types_of_seven"))
    });
    let mut seen = 0;
    for figure in balanced {
        let id = figure["id"].as_str().expect("an id").replacen("reml", "confirmatory", 1);
        let Some(Estimate::Confirmatory(c)) = analysis.estimate(&id) else { panic!("no {id}") };
        let block = c.new_opponents.expect("an interval");
        let parts = c.components.expect("components");
        let golden = &figure["estimate"];
        let pairs = [
            (&golden["estimate"], Some(c.estimate)),
            (&golden["se"], block.se),
            (&golden["df_satterthwaite"], block.df),
            (&golden["components"]["type"], Some(parts.kind)),
            (&golden["components"]["scenario"], Some(parts.scenario)),
            (&golden["components"]["opponent"], Some(parts.opponent)),
            (&golden["components"]["opponent_type"], Some(parts.opponent_type)),
            (&golden["components"]["cell"], Some(parts.cell)),
        ];
        for (golden, ours) in pairs {
            let (golden, ours) = (golden.as_f64().expect("a number"), ours.expect("a value"));
            assert!((golden - ours).abs() < 1e-5 * golden.abs(), "{id}: {ours} where R has {golden}");
        }
        seen += 1;
    }
    assert!(seen > 0);
}

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

/// The tidy table, the document and Parquet hold the same figures, and an item table is one in every format.
#[apply(test!)]
fn formats_hold_the_same() {
    let analysis = analyze(&fixture("items.csv"), Some(&fixture("settings.toml")));
    let mut csv = Vec::new();
    analysis.write_csv(&mut csv).expect("written");
    let mut reader = csv::Reader::from_reader(csv.as_slice());
    let at = |name: &str| stats::TIDY_COLUMNS.iter().position(|column| *column == name).expect("a column");
    let (mut rows, mut seen) = (0, 0);
    let mut in_csv: Vec<Vec<Option<String>>> = Vec::new();
    for record in reader.records() {
        let record = record.expect("a row");
        rows += 1;
        in_csv.push(record.iter().map(|cell| (!cell.is_empty()).then(|| cell.to_owned())).collect());
        let Some(Estimate::Confirmatory(c)) = analysis.estimate(&record[at("id")]) else { continue };
        if &record[at("scope")] == "crossed" {
            let number = |column: &str| record[at(column)].parse::<f64>().ok();
            let ci = c.crossed.and_then(|b| b.ci);
            assert_eq!((number("estimate"), number("half_width")), (Some(c.estimate), ci));
            assert_eq!(number("low"), ci.map(|ci| c.estimate - ci));
            assert_eq!(number("high"), ci.map(|ci| c.estimate + ci));
            seen += 1;
        }
    }
    assert!(rows > 1000 && seen > 50, "{rows} {seen}");
    let mut parquet = Vec::new();
    analysis.write_parquet(&mut parquet).expect("written");
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("figures.parquet");
    std::fs::write(&path, &parquet).expect("written");
    let reader = SerializedFileReader::try_from(path.as_path()).expect("Parquet");
    assert_eq!(reader.metadata().num_row_groups(), 1);
    let text = |field: &Field| match field {
        Field::Null => None,
        Field::Str(text) => Some(text.clone()),
        Field::Double(number) => Some(number.to_string()),
        other => panic!("{other:?}"),
    };
    let in_parquet: Vec<Vec<Option<String>>> = reader
        .get_row_iter(None)
        .expect("rows")
        .map(|row| row.expect("a row").get_column_iter().map(|(_, field)| text(field)).collect())
        .collect();
    assert!(in_parquet == in_csv);
    let mut markdown = Vec::new();
    analysis.write_markdown(&mut markdown).expect("written");
    let markdown = String::from_utf8(markdown).expect("text");
    assert_eq!(markdown.lines().count(), rows + 2);
    // The columns that hold something in some row.
    let used = (0..stats::TIDY_COLUMNS.len()).filter(|at| in_csv.iter().any(|row| row[*at].is_some()));
    let used: Vec<&str> = used.map(|at| stats::TIDY_COLUMNS[at]).collect();
    assert_eq!(markdown.lines().next(), Some(format!("| {} |", used.join(" | ")).as_str()));

    let lines: Vec<String> = csv::Reader::from_path(fixture("items.csv"))
        .expect("the table")
        .deserialize::<stats::ItemRow>()
        .map(|row| serde_json::to_string(&row.expect("a row")).expect("JSON"))
        .collect();
    let path = dir.path().join("items.jsonl");
    std::fs::write(&path, lines.join("\n")).expect("written");
    let again = analyze(&path, Some(&fixture("settings.toml")));
    assert_eq!(again.figures(), analysis.figures());
}

#[apply(test!)]
fn the_command_says_where_figures_come_from_and_what_was_planned() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = |args: &[&str]| {
        let mut command = assert_cmd::Command::cargo_bin("tiltmeter").expect("the program");
        command.args(args).output().expect("runs")
    };
    let path = |name: &str| fixture(name).display().to_string();
    let plan = dir.path().join("plan.toml").display().to_string();
    let (items, settings) = (path("items.csv"), path("settings.toml"));
    let written = run(&["plan", "--roster", &settings, "--out", &plan]);
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let again = run(&["plan", "--roster", &settings, "--out", &plan]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("is there already"));

    let common = ["analyze", "--items", &items, "--settings", &settings, "--plan", &plan];
    let over = run(&[&common[..], &["--output", &plan]].concat());
    assert!(String::from_utf8_lossy(&over.stderr).contains("is read, so nothing is written there"));
    let json = run(&[&common[..], &["--format", "json"]].concat());
    assert!(json.status.success(), "{}", String::from_utf8_lossy(&json.stderr));
    let document: Value = serde_json::from_slice(&json.stdout).expect("one JSON object");
    assert_eq!(document["origin"]["program"]["name"], "tiltmeter");
    assert_eq!(document["origin"]["hashes"]["items"].as_str().map(str::len), Some(64));
    assert_eq!(document["plan"]["departures"], serde_json::json!([]));
    let figures = document["figures"].as_array().expect("figures");
    assert!(figures.iter().all(|figure| figure["group"].is_string()));
    assert!(run(&[&common[..], &["--format", "json"]].concat()).stdout == json.stdout);

    for (extra, width) in [(&[][..], 80), (&["--tables", "all"][..], 80)] {
        let table = run(&[&common[..], extra].concat());
        let text = String::from_utf8(table.stdout).expect("text");
        assert!(text.starts_with("Planned on 2"), "{text}");
        let tables = text.lines().filter(|line| line.starts_with('─') || line.starts_with(' '));
        let longest = tables.map(|line| line.chars().count()).max();
        assert!(longest.is_some_and(|longest| longest <= width), "{longest:?}: {text}");
    }
    let refused = run(&["analyze", "--items", &items, "--format", "parquet"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("name a file with --output"));
}
