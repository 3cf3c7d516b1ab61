//! Promise: a figure is the same wherever it is printed, and a table is one in whatever format it is kept.

use std::collections::HashMap;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::common::run::{export, sweep, tiltmeter, write_all};

fn fixture(folder: &str, name: &str) -> String {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fixtures.join(folder).join(name).display().to_string()
}

fn run(arguments: &[&str]) -> Output {
    let done = tiltmeter().args(arguments).output().expect("the program starts");
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    done
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_slice(&run(arguments).stdout).expect("JSON")
}

fn text(arguments: &[&str]) -> String {
    String::from_utf8(run(arguments).stdout).expect("text")
}

/// Id -> adjusted p, of every data row of a report's figures.
fn of_page(blocks: &Value, found: &mut Vec<(String, Option<f64>)>) {
    for block in blocks.as_array().into_iter().flatten() {
        of_page(&block["blocks"], found);
        for row in block["data"].as_array().into_iter().flatten().filter(|row| row["id"].is_string()) {
            found.push((row["id"].as_str().expect("an id").to_owned(), row["p_adjusted"].as_f64()));
        }
    }
}

#[apply(test!)]
fn one_adjusted_p_a_figure() {
    let (items, settings) = (fixture("confirmatory", "items.csv"), fixture("confirmatory", "settings.toml"));
    let input = ["--items", &items, "--settings", &settings];
    let of = |command: &'static str, extra: &[&'static str]| [&[command][..], &input[..], extra].concat();
    let document = json(&of("analyze", &["--format", "json"]));
    let figures = document["figures"].as_array().expect("figures");
    let adjusted: HashMap<&str, Option<f64>> = figures
        .iter()
        .filter(|figure| figure["adjusted"].is_object())
        .map(|figure| (figure["id"].as_str().expect("an id"), figure["adjusted"]["p"].as_f64()))
        .collect();

    // The tidy table: on one row of each figure at most.
    let csv = run(&of("analyze", &["--format", "csv"])).stdout;
    let mut reader = csv::Reader::from_reader(csv.as_slice());
    let header = reader.headers().expect("a header").clone();
    let at = |name: &str| header.iter().position(|column| column == name).expect("a column");
    let mut met: HashMap<String, f64> = HashMap::new();
    for record in reader.records() {
        let record = record.expect("a row");
        let Ok(p) = record[at("p_adjusted")].parse::<f64>() else { continue };
        assert_eq!(adjusted.get(&record[at("id")]), Some(&Some(p)), "{record:?}");
        assert!(met.insert(record[at("id")].to_owned(), p).is_none(), "twice: {record:?}");
    }
    assert!(met.len() > 100, "{}", met.len());

    // The page, all of whose figures' numbers say whose they are.
    let page = json(&of("report", &["--format", "json", "--output", "-"]));
    let mut shown = Vec::new();
    for section in page["sections"].as_array().expect("sections") {
        of_page(&section["blocks"], &mut shown);
    }
    of_page(&page["headline"], &mut shown);
    for (id, p) in &shown {
        assert_eq!(adjusted.get(id.as_str()), Some(p), "{id}");
    }
    assert!(shown.len() > 50, "{}", shown.len());

    // The terminal's tables, to the digits that they print.
    let tables = text(&of("analyze", &[]));
    let (_, leans) = tables.split_once("\nLean (").expect("leans");
    let rows = leans.lines().take_while(|line| !line.is_empty()).filter(|line| line.contains(" to "));
    let mut seen = 0;
    for row in rows {
        let cells: Vec<&str> = row.split("   ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        let checkpoint = cells[0].trim_end_matches(['†', '‡']);
        let matches = figures.iter().filter(|f| {
            let target = document["settings"]["analysis"]["target"].as_str();
            f["group"] == "confirmatory"
                && f["subset"] == "all"
                && f["country"].as_str() == target
                && f["language"] == cells[1]
                && f["checkpoint"] == checkpoint
                && f["routed"] == true
        });
        for figure in matches {
            let p = figure["adjusted"]["p"].as_f64().expect("a p");
            let printed = if p < 0.001 { format!("{p:.1e}") } else { format!("{p:.3}") };
            assert!(cells.contains(&printed.as_str()), "{row}: {printed}");
            seen += 1;
        }
    }
    assert!(seen > 3, "{seen}: {leans}");
}

#[apply(test!)]
fn a_table_is_one_in_every_format_and_says_which_target_stands_in() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let done = sweep(dir, "run").args(["--backend", "cpu"]).output().expect("the program starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let settings = dir.join("roster.toml").display().to_string();
    let mut documents = Vec::new();
    for ending in [".csv", ".csv.gz", ".jsonl", ".parquet"] {
        export(dir, "run", ending);
        let items = dir.join(format!("run.items{ending}")).display().to_string();
        let input = ["--items", &items, "--settings", &settings];
        documents.push(json(&[&["analyze"], &input[..], &["--format", "json"]].concat()));
        // Without settings nobody says what the question is about.
        let done = run(&["analyze", "--items", &items]);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(
            said.contains("the settings name no target: China stands in (the first country of the table)"),
            "{said}"
        );
    }
    assert!(documents[0]["figures"].as_array().is_some_and(|figures| figures.len() > 100));
    for document in &documents[1..] {
        assert!(document["figures"] == documents[0]["figures"]);
        assert_ne!(document["origin"]["hashes"]["items"], documents[0]["origin"]["hashes"]["items"]);
    }
}

#[apply(test!)]
fn what_the_settings_name_stands_in_tables_and_page_and_the_page_can_lead_with_what_was_published() {
    let (items, settings) = (fixture("items", "items.csv"), fixture("items", "settings.toml"));
    let input = ["--items", &items, "--settings", &settings];
    let of = |command: &'static str, extra: &[&'static str]| [&[command][..], &input[..], extra].concat();
    let tables = text(&of("analyze", &[]));
    for part in ["Contrasts of types", "Comparisons of conditions", "hard", "hedge", "crossed"] {
        assert!(tables.contains(part), "{part}: {tables}");
    }
    let page = |extra: &[&'static str]| {
        json(&of("report", &[&["--format", "json", "--output", "-"], extra].concat()))
    };
    let whole = page(&[]);
    let section = |page: &Value, id: &str| -> Value {
        let sections = page["sections"].as_array().expect("sections").clone();
        sections.into_iter().find(|section| section["id"] == id).unwrap_or_else(|| panic!("{id}"))
    };
    let named = section(&whole, "named").to_string();
    for name in ["hard", "prefill", "hedge", "crossed", "beta-chat"] {
        assert!(named.contains(name), "{name}: {named}");
    }
    let markdown = text(&of("report", &["--format", "markdown", "--output", "-"]));
    assert!(
        markdown.starts_with("# ") && markdown.contains("Contrasts and comparisons that the settings name")
    );
    let html = text(&of("report", &["--format", "html", "--output", "-"]));
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains("href=\"#explained-1\""));

    // Led by the published estimates, every row is one of theirs; by default none is.
    let published = page(&["--analysis", "published"]);
    for (page, groups) in [
        (&whole, ["confirmatory", "confirmatory_shift", "confirmatory_language_shift"]),
        (&published, ["favourability", "shift", "language_shift"]),
    ] {
        let mut shown = Vec::new();
        for (part, group) in ["favourability", "shift", "language"].into_iter().zip(groups) {
            shown.clear();
            of_page(&section(page, part)["blocks"], &mut shown);
            let own = shown.iter().filter(|(id, _)| id.split('/').next() == Some(group)).count();
            assert!(own > 0 && own == shown.len(), "{part}: {own} of {}", shown.len());
        }
    }
    assert!(section(&published, "methods").to_string().contains("as published"));
}

/// `main` in three scenarios of as many types, another condition in nine; two stages that are no base and chat.
#[apply(test!)]
fn what_is_counted_is_what_is_read_and_stages_have_their_names() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut table = "model,language,condition,country_1,country_2,scenario,scenario_type,question,diff_fwd,diff_rev,bias,\
                     compliance\n"
        .to_owned();
    for model in ["m-sft", "m-dpo"] {
        for (condition, scenarios) in [("main", 1), ("hedge_off", 3)] {
            for kind in 0..3 {
                for scenario in 0..scenarios {
                    let bias = 0.25 * f64::from(kind) + 0.5 * f64::from(scenario);
                    table += &format!(
                        "{model},en,{condition},A,B,t{kind}_v{scenario},t{kind},who,{bias},{bias},{bias},0.9\n"
                    );
                }
            }
        }
    }
    let (items, settings) = (dir.path().join("items.csv"), dir.path().join("settings.toml"));
    std::fs::write(&items, table).expect("written");
    let family = "[[family]]\nname = 'f'\nsft = { model = 'm-sft' }\ndpo = { model = 'm-dpo' }\n";
    std::fs::write(&settings, family).expect("written");
    let paths = [items, settings].map(|path| path.display().to_string());
    let input = ["--items", &paths[0], "--settings", &paths[1]];
    let page = text(&[&["report"], &input[..], &["--format", "markdown", "--output", "-"]].concat());
    assert!(page.contains("in 3 scenarios of 3 types"), "{page}");
    assert!(page.contains("3 scenarios give 3 type means") && !page.contains("9 scenarios"), "{page}");
    let tables = text(&[&["analyze"], &input[..]].concat());
    for said in [page, tables] {
        assert!(!said.to_lowercase().contains("post-training"), "{said}");
    }
}
