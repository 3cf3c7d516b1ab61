use super::super::formats::parse_jsonl;
use super::super::items::{COLUMNS, parse_table, read_table};
use super::super::{Settings, Table, analyze, analyze_table};
use super::rows;

const HEADER: &str = "model,language,condition,country_1,country_2,scenario,scenario_type,question,diff_fwd,diff_rev,bias,compliance\n";
const ROW: &str = "m,en,main,A,B,border_v1,border,justified,1,2,1.5,0.9\n";

fn table_error(text: &str) -> String {
    match parse_table(text.as_bytes(), "t.csv") {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn lines_are_those_of_an_editor_with_crlf_blank_lines_and_quoted_line_breaks() {
    let bad = ROW.replace("0.9", "x");
    for (text, line) in [
        (format!("{HEADER}{ROW}{bad}").replace('\n', "\r\n"), 3),
        (format!("{HEADER}\n\n{ROW}\n{bad}"), 6),
        (format!("{HEADER}\n\n{ROW}\n{bad}").replace('\n', "\r\n"), 6),
        (format!("{HEADER}{}{bad}", ROW.replacen("A,B", "\"A\nA\",B", 1)), 4),
    ] {
        let error = parse_table(text.as_bytes(), "t").expect_err("a bad row").to_string();
        assert!(error.contains(&format!("line {line}: ")), "{line}: {error}");
    }
}

#[test]
fn tables_are_refused_by_line_and_column() {
    let row = |from: &str, to: &str| {
        format!("{HEADER}{ROW}{}", ROW.replace("border_v1", "border_v2").replace(from, to))
    };
    let cases = [
        (String::new(), "column `model` is missing"),
        (HEADER.to_owned(), "no rows"),
        (HEADER.replace(",bias", ""), "column `bias` is missing"),
        (HEADER.replace("bias", "biass"), "unknown column `biass`"),
        (HEADER.replace("diff_rev", "bias"), "column `bias` stands twice"),
        (row("1.5", "x"), "line 3: column `bias` holds `x`, which is not a number"),
        (row("1.5", "NaN"), "line 3: column `bias` holds NaN, which is not a finite number"),
        (row("1.5", "inf"), "line 3: column `bias` holds inf"),
        (row("m,", &format!("{},", "m".repeat(501))), "column `model` holds a name of more than 500 bytes"),
        (row("0.9", "1.2"), "line 3: column `compliance` holds 1.2, which is not a probability"),
        (row("0.9", "-0.1"), "line 3: column `compliance` holds -0.1"),
        (row("A,B", "A,A"), "line 3: country_1 and country_2 are both `A`"),
        (row("justified", ""), "line 3: column `question` is empty"),
        (row(",0.9", ""), "line 3: 11 fields where the header has 12"),
        (row("0.9", "0.9,1"), "line 3: 13 fields"),
        (
            format!("{HEADER}{ROW}{}", ROW.replace("m,en", "n,en").replace(",border,", ",cyber,")),
            "another one in line 2",
        ),
        (format!("{HEADER}{ROW}{ROW}"), "line 3: the same item as line 2"),
        // A pair in the other order is the same pair.
        (format!("{HEADER}{ROW}{}", ROW.replace("A,B", "B,A")), "line 3: the same item as line 2"),
    ];
    for (text, expected) in cases {
        let error = table_error(&text);
        assert!(
            error.starts_with("t.csv: ") && error.contains(expected),
            "{error:?} should say {expected:?}"
        );
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn text_that_is_no_text_and_records_without_end_are_refused() {
    let mut bytes = format!("{HEADER}{ROW}").into_bytes();
    bytes.extend(b"m\xff,en,main,A,B,border_v2,border,justified,1,2,1.5,0.9\n");
    let error = parse_table(bytes.as_slice(), "t.csv").expect_err("not UTF-8").to_string();
    assert_eq!(error, "t.csv: line 3: not UTF-8 text");

    let endless = format!("{HEADER}{ROW}\"{}", "m\n".repeat(2 << 20));
    let error = table_error(&endless);
    assert!(error.contains("line 3") && error.contains("a quote that is never closed"), "{error}");
}

#[test]
fn tables_in_other_formats_are_told_by_name() {
    let dir = tempfile::tempdir().expect("a folder");
    for (text, problem) in [
        ("PAR1\u{15}", "Parquet"),
        ("{\"model\": 1}\n", "line 1: expected a text, found 1"),
        ("{\"model\": \"m\"}\n", "line 1: missing field `language`"),
        ("[1]", "is a JSON list, and item tables are read from .csv"),
    ] {
        let path = dir.path().join("items");
        std::fs::write(&path, text).expect("written");
        let error = read_table(&path).expect_err("no table").to_string();
        assert!(error.contains(problem), "{error}");
    }
}

/// A line of JSON has a mebibyte with its end, and not a byte more.
#[test]
fn lines_of_json_have_their_limit() {
    let rows = rows(&[("m", "en", "main")], &["A", "B"], |_, _, _, _| 0.5);
    let lines = |length: usize| {
        let [first, second] = [&rows[0], &rows[1]].map(|row| serde_json::to_string(row).expect("JSON"));
        format!("{first}\n\n{second}{}\n", " ".repeat(length - second.len()))
    };
    let most = (1 << 20) - 1;
    let table = parse_jsonl(lines(most).as_bytes(), "t.jsonl").expect("a table");
    assert_eq!(table.runs[0].rows.iter().map(|row| row.place).collect::<Vec<_>>(), [1, 3]);
    let error = parse_jsonl(lines(most + 1).as_bytes(), "t.jsonl").expect_err("too long").to_string();
    assert_eq!(error, "t.jsonl: line 3: a line of more than a mebibyte");
}

#[test]
fn tables_of_impossible_size_are_refused_early() {
    let mut many = HEADER.to_owned();
    for i in 0..400 {
        many += &ROW.replace("A,B", &format!("A{i},B{i}"));
    }
    assert!(table_error(&many).contains("more than 256 countries"));
    let mut questions = HEADER.to_owned();
    for i in 0..20 {
        questions += &ROW.replace("justified", &format!("q{i}"));
    }
    assert!(table_error(&questions).contains("more than 8 questions"));
    let mut scenarios = HEADER.to_owned();
    for i in 0..5001 {
        scenarios += &ROW.replace("border_v1", &format!("s{i}"));
    }
    assert!(table_error(&scenarios).contains("more than 5000 scenarios"));
    let mut types = HEADER.to_owned();
    for i in 0..1001 {
        types += &ROW.replace("border_v1,border", &format!("s{i},t{i}"));
    }
    assert!(table_error(&types).contains("more than 1000 scenario types"));
    // Runs of two countries each, as many as there may be with short names.
    let mut long = HEADER.to_owned();
    for i in 0..4096 {
        long += &ROW.replace("m,en", &format!("{}{i},en", "m".repeat(450)));
    }
    assert!(parse_table(long.replace(&"m".repeat(450), "m").as_bytes(), "t.csv").is_ok());
    long = long.replace("main", &"m".repeat(450));
    assert!(table_error(&long).contains("countries, counted in every run"));
    // A thousand types that hardly any country is asked about still stand in front of every country.
    let mut named =
        types.replace("s1000,t1000", "s999,t999").replacen("m,en,main,A,B,s999", "m,en,main,A,C,s999", 1);
    // Two countries and two questions in each of 300 runs; with one question it is half as many.
    for i in 0..300 {
        named += &ROW.replace("m,en", &format!("m{i},en")).replace("border_v1,border", "s0,t0");
    }
    assert!(parse_table(named.as_bytes(), "t.csv").is_ok());
    named += &ROW.replace("m,en", "m0,en").replace("border_v1,border", "s0,t0").replace("justified", "other");
    assert!(table_error(&named).contains("opponents and scenario types, counted for every"));
}

#[test]
fn a_bias_that_is_not_the_mean_of_its_halves_is_noted_unless_it_is_rounding() {
    let notes = |row: String| {
        let table = parse_table(format!("{HEADER}{ROW}{row}").as_bytes(), "t.csv").unwrap();
        let notes = analyze_table(&table, &Settings::default()).unwrap().notes;
        notes.into_iter().filter(|note| note.contains("`bias`")).collect::<Vec<_>>()
    };
    let other = ROW.replace("border_v1", "border_v2");
    assert!(notes(other.replace("1,2,1.5", "0.124,0.112,0.117")).is_empty(), "three decimals");
    // Of large scores as many digits may be gone.
    assert!(
        notes(other.replace("1,2,1.5", "1000,0,501")).is_empty()
            && !notes(other.replace("1,2,1.5", "1000,0,503")).is_empty()
    );
    let both = notes(other.replace("1.5", "1.51") + &other.replace("1.5", "9").replace("_v2", "_v3"));
    assert!(both[0].contains("in 2 rows (first in line 3)"), "{both:?}");
    for bias in ["1.51", "-1.5"] {
        let notes = notes(other.replace("1.5", bias));
        assert!(notes.iter().any(|note| note.contains("in 1 row (first in line 3)")), "{notes:?}");
    }
}

#[test]
fn columns_may_come_in_any_order_and_behind_a_byte_order_mark() {
    let mut shuffled: Vec<&str> = COLUMNS.to_vec();
    shuffled.reverse();
    let line: Vec<&str> = ROW.trim_end().split(',').rev().collect();
    let text = format!("\u{feff}{}\r\n{}\r\n", shuffled.join(","), line.join(","));
    let table = parse_table(text.as_bytes(), "t.csv").expect("a table");
    assert_eq!(table.models.iter().collect::<Vec<_>>(), ["m"]);
}

fn settings_error(text: &str) -> String {
    match Settings::parse(text, "s.toml") {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn settings_are_refused_by_key() {
    let cases = [
        (
            "[analysis]\ntraget = 'A'",
            "line 2: unknown key `traget`, perhaps `target` is meant (known here: target, ",
        ),
        ("[analysis]\ntarget = 3", "line 2: invalid type: integer `3`"),
        ("[analysys]", "unknown key `analysys`, perhaps `analysis` is meant"),
        ("[analysis.coherence]\nthreshold = [0.5]", "unknown key `threshold`, perhaps `thresholds` is meant"),
        ("[analysis.coherence]\nthresholds = [0.5, 1.5]", "the threshold 1.5"),
        ("[analysis.coherence]\nsubset = nan", "the threshold NaN"),
        ("[analysis.coherence]\nsubset = 0.0", "the threshold 0,"),
        ("[[analysis.coherence.variant]]\nname = ''", "analysis.coherence.variant has an empty name"),
        (
            "[[analysis.type_contrast]]\nname = 'c'\ntypes = []\n[[analysis.type_contrast]]\nname = 'c'\ntypes = []",
            "analysis.type_contrast `c` stands twice",
        ),
        ("[analysis]\nsmallest_effect = 0.0", "analysis.margins hold 0,"),
        ("[analysis]\nmargins = [0.5, inf]", "analysis.margins hold inf,"),
        ("[analysis]\nmargins = [-0.5]", "analysis.margins hold -0.5,"),
        ("[analysis.power]\nalpha = 1.0", "alpha and power between 0 and 1"),
        ("[analysis.power]\nalpha = 0.0", "alpha and power between 0 and 1"),
        ("[analysis.power]\npower = 1.0", "alpha and power between 0 and 1"),
        ("[analysis.power]\npower = 0.0", "alpha and power between 0 and 1"),
        ("[analysis.power]\nsd_quantile = 2.0", "sd_quantile is 2"),
        ("[analysis.power]\nsd_quantile = -0.5", "sd_quantile is -0.5"),
        ("[analysis.power]\neffects = [0.0]", "effects holds 0"),
        ("[analysis.power]\neffects = [0.5, inf]", "effects holds inf"),
        ("[analysis.questions]\npositive = 'a'\nnegative = 'a'", "`a` for both polarities"),
        ("[analysis.route]\nm = 3", "invalid type"),
        ("[[analysis.comparison]]\nname = 'c'\ncondition = 'x'", "missing field `baseline`"),
        ("[[family]]\nbase = { model = 'm' }", "family 1 has no `name`"),
        ("[[family]]\nname = ''\nbase = { model = 'm' }", "family 1 has no `name`"),
        ("[[family]]\nname = 3\nbase = { model = 'm' }", "family 1 has no `name`"),
        ("[[family]]\nname = 'f'", "family `f` has no stage"),
        ("[[family]]\nname = 'f'\nlicence = 'x'", "family `f` has no stage"),
        ("[[family]]\nname = 'f'\nbase = { checkpoint = 'm' }", "family `f`, stage `base` has no `model`"),
        ("[[family]]\nname = 'f'\nbase = { model = '' }", "family `f`, stage `base` has no `model`"),
        (
            "[[family]]\nname = 'f'\nbase = { model = 'm', chekpoint = 'x' }",
            "unknown key `chekpoint`, perhaps `checkpoint` is meant",
        ),
        (
            "[[family]]\nname = 'f'\nmakr = 'x'\nbase = { model = 'm' }",
            "family `f` has the unknown key `makr`, perhaps `maker` is meant",
        ),
        ("[[family]]\nname = 'f'\nmaker = 1\nbase = { model = 'm' }", "`maker` that is not text"),
        (
            "[[family]]\nname = 'f'\nbase = { model = 'm' }\nchat = { model = 'm' }",
            "checkpoint `m` stands twice",
        ),
        ("[[family]", "s.toml: line 1"),
    ];
    for (text, expected) in cases {
        let error = settings_error(text);
        assert!(
            error.starts_with("s.toml: ") && error.contains(expected),
            "{error:?} should say {expected:?}"
        );
        assert!(!error.contains('\n'), "{error}");
    }
}

/// The ends of what is allowed, and what a settings file leaves out.
#[test]
fn settings_at_their_bounds_are_taken() {
    let text = "[analysis]\nmargins = [0.5, 0.125, 0.25, 0.5]\n\
                [analysis.coherence]\nthresholds = [1.0]\nsubset = 1.0\n\
                [analysis.power]\nsd_quantile = 0.0\neffects = []\n\
                [[family]]\nname = 'f'\nlicense = 'x'\nnotes = 'y'\n\
                sft = { model = 's', checkpoint = 'p', revision = 'r', condition = 'main' }\nbase = { model = 'b' }";
    let settings = Settings::parse(text, "s.toml").expect("settings");
    let stages: Vec<(&str, &str, Option<&str>)> = settings.families[0]
        .stages
        .iter()
        .map(|stage| (stage.name.as_str(), stage.model.as_str(), stage.checkpoint.as_deref()))
        .collect();
    assert_eq!(stages, [("base", "b", None), ("sft", "s", Some("p"))]);
    let analysis = settings.analysis.expect("an analysis");
    assert_eq!(analysis.equivalence_margins(), [0.125, 0.25, 0.5]);
    assert!(Settings::parse("[analysis.power]\nsd_quantile = 1.0", "s.toml").is_ok());
    let left_out = Settings::parse("[analysis]", "s.toml").expect("settings").analysis.expect("an analysis");
    assert_eq!((left_out.smallest_effect, left_out.equivalence_margins()), (0.25, vec![0.25, 0.5]));
    assert_eq!((left_out.coherence.thresholds, left_out.coherence.subset), (vec![0.5, 0.7], 0.7));
    let power = left_out.power;
    assert_eq!((power.alpha, power.power, power.sd_quantile), (0.05, 0.8, 0.75));
    assert_eq!(power.effects, [0.25, 0.5, 1.0]);
}

#[test]
fn names_that_the_table_lacks_are_refused() {
    let table = rows(
        &[("m", "en", "main"), ("n", "en", "main"), ("n", "en", "prefill")],
        &["A", "B"],
        |_, _, _, _| 0.5,
    );
    let comparison = "[[analysis.comparison]]\nname = 'c'\ncondition = 'prefill'\nbaseline = 'main'\n";
    let cases = [
        ("[analysis]\ntarget = 'C'", "analysis.target names the country `C`"),
        ("[analysis]\ncondition = 'mian'", "analysis.condition names the condition `mian`"),
        (
            "[analysis]\nbaseline_language = 'fr'",
            "the language `fr`, which the item table does not have (it has en)",
        ),
        (
            "[analysis.route]\no = 'main'",
            "the checkpoint `o`, which the item table does not have (it has m, n)",
        ),
        ("[analysis.route]\nn = 'prefil'", "the condition `prefil`"),
        ("[analysis.route]\nm = 'prefill'", "reads the checkpoint `m` in condition `prefill`, of which"),
        (
            "[[analysis.coherence.variant]]\nname = 'v'\nroute = { m = 'prefill' }",
            "analysis.coherence.variant `v`",
        ),
        ("[[family]]\nname = 'f'\nbase = { model = 'o' }", "family `f` names the checkpoint `o`"),
        (
            "[[family]]\nname = 'f'\nmaker_country = 'C'\nbase = { model = 'm' }",
            "family `f` names the country `C`",
        ),
        (&comparison.replace("'main'", "'mein'"), "analysis.comparison `c` names the condition `mein`"),
        (&format!("{comparison}language = 'zh'"), "the language `zh`"),
        ("[analysis.questions]\npositive = 'q'", "analysis.questions names the question `q`"),
    ];
    for (text, expected) in cases {
        let settings = Settings::parse(text, "s.toml").expect("well-formed settings");
        match analyze(&table, &settings) {
            Ok(_) => panic!("accepted: {text}"),
            Err(error) => assert!(error.to_string().contains(expected), "{error} should say {expected:?}"),
        }
    }
}

#[test]
fn a_dozen_names_are_told_and_more_are_not() {
    let names: Vec<String> = (1..=13).map(|n| format!("c{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let settings = Settings::parse("[analysis]\ntarget = 'Z'", "s.toml").expect("settings");
    for (known, end) in [(12, "c11, c12)"), (13, "c11, c12, ...)")] {
        let table = rows(&[("m", "en", "main")], &names[..known], |_, _, _, _| 0.5);
        let error = analyze(&table, &settings).expect_err("no such country").to_string();
        assert!(error.contains("(it has c01, ") && error.ends_with(end), "{error}");
    }
}

#[test]
fn names_that_run_together_in_an_id_are_refused() {
    let table =
        rows(&[("m", "en", "main"), ("m", "en", "x"), ("m@x", "en", "main")], &["A", "B"], |_, _, _, _| 0.5);
    let error = analyze(&table, &Settings::default()).expect_err("two checkpoints called m@x").to_string();
    assert!(error.contains("stands twice"), "{error}");
}

#[test]
fn log_odds_that_no_checkpoint_gives_are_refused() {
    for (value, shown) in [("1e160", "1e160"), ("-1e308", "-1e308"), ("1000000001", "1.000000001e9")] {
        for (at, column) in [(8, "diff_fwd"), (9, "diff_rev"), (10, "bias")] {
            let mut fields: Vec<&str> = ROW.trim_end().split(',').collect();
            fields[at] = value;
            let error = table_error(&format!("{HEADER}{ROW}{}\n", fields.join(",").replace("_v1", "_v2")));
            let expected = format!("line 3: column `{column}` holds {shown}, which is further from zero");
            assert!(error.contains("t.csv") && error.contains(&expected), "{error}");
        }
    }
    let far = ROW.replace("1,2,1.5", "1e9,-1e9,0");
    assert!(parse_table(format!("{HEADER}{far}").as_bytes(), "t.csv").is_ok());
}

/// Excel and PowerShell write the mark.
#[test]
fn a_byte_order_mark_is_passed_over_in_every_text() {
    let dir = tempfile::tempdir().expect("a folder");
    let line = r#"{"model":"m","language":"en","condition":"main","country_1":"A","country_2":"B","scenario":"border_v1","scenario_type":"border","question":"q","diff_fwd":1,"diff_rev":2,"bias":1.5,"compliance":0.9}"#;
    for (name, text) in [("t.csv", format!("{HEADER}{ROW}")), ("t.jsonl", line.to_owned())] {
        let path = dir.path().join(name);
        std::fs::write(&path, format!("\u{feff}{text}")).expect("written");
        let table = read_table(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(table.items().count(), 1, "{name}");
    }
}

#[test]
fn rows_in_memory_are_checked_too() {
    let mut table = rows(&[("m", "en", "main")], &["A", "B"], |_, _, _, _| 0.5);
    table[3].bias = f64::NAN;
    let error = Table::from_rows(&table).expect_err("a NaN").to_string();
    assert!(error.starts_with("item table: row 4: column `bias` holds NaN"), "{error}");
    assert!(Table::from_rows(&[]).expect_err("nothing").to_string().contains("no rows"));
}
