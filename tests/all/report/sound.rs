//! What a page is: sound whatever the names are, the same for the same input, written whole or not at all.

use tiltmeter::report::{CheckpointProvenance, Planted, Provenance, ReportInput, render};
use tiltmeter::scoring::ChoiceSet;
use tiltmeter::stats::{self, ItemRow, Settings};

use super::markup::check;
use super::{PAIR, Study, analyzed, input, page, pair};
use crate::common::skip;

#[apply(test!)]
fn hostile_names_are_text() {
    let long = "长".repeat(120) + &"W".repeat(120);
    let entities = ["<script>alert(1)</script>", "\"'><img src=x onerror=y>", "&amp;]]><!--", long.as_str()];
    let models = ["</title><svg/onload=1>", "org/model@x \u{7}\u{202e}{{ 7 * 7 }}{% raw %}"];
    let rows = Study {
        checkpoints: &[(models[0], &[1.0, 0.0, 0.0, 0.0], 0.99), (models[1], &[0.0, 1.0, 0.0, 0.0], 0.3)],
        entities: &["A", "B", "C", "D"],
        languages: &["en", "x\"y"],
        types: 5,
        noise: 0.3,
    }
    .rows();
    let rows: Vec<ItemRow> = rows
        .into_iter()
        .map(|mut row| {
            let name = |letter: &str| {
                // A slash parts ids, so that a country cannot hold one.
                entities["ABCD".find(letter).expect("a letter")].replace('/', "∕")
            };
            row.country_1 = name(&row.country_1);
            row.country_2 = name(&row.country_2);
            row
        })
        .collect();
    let (analysis, settings) = analyzed(&rows, "");
    let hostile = "<b onclick=\"x\">&\u{0}".to_owned();
    let page = render(&ReportInput {
        title: hostile.clone(),
        provenance: Some(Provenance {
            program: hostile.clone(),
            checkpoints: vec![CheckpointProvenance {
                name: hostile.clone(),
                source: hostile.clone(),
                prefill: Some(hostile.clone()),
                devices: vec![hostile.clone()],
                answers: vec![ChoiceSet::Tokens(vec![vec![1, 2], vec![3]])],
                ..CheckpointProvenance::default()
            }],
            ..Provenance::default()
        }),
        planted: vec![Planted {
            checkpoint: hostile.clone(),
            language: hostile.clone(),
            entity: hostile.clone(),
            log_odds: f64::NAN,
        }],
        commands: vec![hostile],
        ..input(&analysis, &settings)
    })
    .expect("a page");
    check(&page);
    assert!(page.contains("&lt;script&gt;alert(1)"));
    assert!(page.contains("{{ 7 * 7 }}{% raw %}"), "a name is no template");
    assert!(page.contains("A: 1, 2; B: 3"));
}

#[apply(test!)]
fn the_same_input_gives_the_same_bytes() {
    let mut rows = pair();
    let first = page(&rows, PAIR);
    assert_eq!(first, page(&rows, PAIR));
    rows.reverse();
    assert_eq!(first, page(&rows, PAIR), "the order of the table's rows shows");
}

#[apply(test!)]
fn every_figure_has_a_name_and_its_numbers_stand_in_a_table() {
    let page = page(&pair(), PAIR);
    let tags = check(&page);
    let pictures =
        tags.iter().filter(|t| t.name == "svg" && t.attributes.contains_key("aria-labelledby")).count();
    assert!(pictures >= 6, "{pictures} pictures");
    let count = |name: &str| tags.iter().filter(|t| t.name == name).count();
    assert_eq!(count("table"), count("caption"));
    assert_eq!(count("h1"), 1);
    // 2 checkpoints, 2 languages, 4 countries.
    let numbers = page.split("<summary>Favourability in numbers</summary>").nth(1).expect("the table");
    let rows = numbers.split("</table>").next().unwrap_or("").matches("<tr>").count();
    assert_eq!(rows, 1 + 16);
}

#[apply(test!)]
fn the_command_writes_a_page_or_leaves_no_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let items = dir.path().join("items.csv");
    let mut text = stats::items::COLUMNS.join(",");
    for r in pair() {
        text.push_str(&format!(
            "\n{},{},{},{},{},{},{},{},{},{},{},{}",
            r.model,
            r.language,
            r.condition,
            r.country_1,
            r.country_2,
            r.scenario,
            r.scenario_type,
            r.question,
            r.diff_fwd,
            r.diff_rev,
            r.bias,
            r.compliance
        ));
    }
    std::fs::write(&items, text).expect("written");
    let settings = dir.path().join("settings.toml");
    std::fs::write(&settings, PAIR).expect("written");
    let out = dir.path().join("report.html");
    let command = |items: &std::path::Path| {
        let mut command = assert_cmd::Command::cargo_bin("tiltmeter").expect("the program");
        command
            .args(["report", "--items"])
            .arg(items)
            .arg("--settings")
            .arg(&settings)
            .arg("--out")
            .arg(&out);
        command
    };
    command(&dir.path().join("absent.csv")).assert().code(1);
    assert!(!out.exists());
    command(&items).assert().success();
    check(&std::fs::read_to_string(&out).expect("a page"));
    let figures = dir.path().join("figures");
    for format in ["markdown", "json"] {
        command(&items).args(["--format", format]).assert().success();
        let text = std::fs::read_to_string(&out).expect("a report");
        assert!(text.contains("the data still allow a lean of up to"), "{format}");
        assert_eq!(format == "json", serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
    command(&items).arg("--figures").arg(&figures).assert().success();
    let svg = std::fs::read_to_string(figures.join("fig-answer.svg")).expect("a figure");
    let csv = std::fs::read_to_string(figures.join("fig-answer.csv")).expect("its numbers");
    assert!(svg.starts_with("<svg xmlns=") && csv.lines().count() > 4, "{csv}");
    let wide = svg.split("width=\"").nth(1).and_then(|w| w.split('"').next()).expect("a width");
    let png = std::fs::read(figures.join("fig-answer.png")).expect("a picture");
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    // Two pixels to each of the page's.
    let pixels = u32::from_be_bytes(png[16..20].try_into().expect("a width"));
    assert_eq!(pixels, 2 * wide.parse::<u32>().expect("a number"));
    command(&items).arg("--figures").arg(&figures).assert().code(1);
    command(&items).args(["--title", "What it says"]).assert().success();
    let titled = std::fs::read_to_string(&out).expect("a page");
    assert!(titled.contains(" --title &#x27;What it says&#x27; --output "), "the command makes another page");
    assert_cmd::Command::cargo_bin("tiltmeter").expect("the program").arg("report").assert().code(2);
}

/// The published study's table, where it is at hand: the size a page must stand.
#[apply(test!)]
fn the_published_table_has_a_page() {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/paper"));
    let items = folder.join("items_real.csv.gz");
    if !items.exists() {
        skip("../shared/paper is not here");
    }
    let settings = Settings::read(&folder.join("published.toml")).expect("settings");
    let table = stats::read_table(&items).expect("a table");
    let analysis = stats::analyze_table(&table, &settings).expect("an analysis");
    let page = render(&input(&analysis, &settings)).expect("a page");
    check(&page);
    assert!(page.contains("14 checkpoints of seven families were asked in English, French and Chinese"));
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
}
