//! The promise: a report is one page that needs nothing else, is well formed whatever the names are, has the same bytes for
//! the same input, and says in words what its figures show.

use std::collections::{BTreeMap, HashSet};

use tiltmeter::report::{CheckpointProvenance, Planted, Provenance, ReportInput, render};
use tiltmeter::stats::{self, Analysis, ItemRow, Settings};

/// A made-up study: what each checkpoint thinks of each entity, and how well it complies.
struct Study<'a> {
    checkpoints: &'a [(&'a str, &'a [f64], f64)],
    entities: &'a [&'a str],
    languages: &'a [&'a str],
    types: usize,
    /// Half the width of the noise on a scenario's log-odds.
    noise: f64,
}

impl Study<'_> {
    fn rows(&self) -> Vec<ItemRow> {
        let mut state = 7u64;
        let mut noise = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((state >> 40) as f64 / (1u64 << 24) as f64 * 2.0 - 1.0) * self.noise
        };
        let mut rows = Vec::new();
        for (model, opinions, compliance) in self.checkpoints {
            for language in self.languages {
                for first in 0..self.entities.len() {
                    for second in first + 1..self.entities.len() {
                        for scenario in 0..2 * self.types {
                            for (question, sign) in [("justified", 1.0), ("unjustified", -1.0)] {
                                let bias = sign * (opinions[first] - opinions[second]) + noise();
                                rows.push(ItemRow {
                                    model: (*model).to_owned(),
                                    language: (*language).to_owned(),
                                    condition: "main".to_owned(),
                                    country_1: self.entities[first].to_owned(),
                                    country_2: self.entities[second].to_owned(),
                                    scenario: format!("type{}_v{scenario}", scenario / 2),
                                    scenario_type: format!("type{}", scenario / 2),
                                    question: question.to_owned(),
                                    diff_fwd: bias + 0.25,
                                    diff_rev: bias - 0.25,
                                    bias,
                                    compliance: *compliance,
                                });
                            }
                        }
                    }
                }
            }
        }
        rows
    }
}

const FOUR: [&str; 4] = ["China", "France", "Japan", "USA"];
const NO_OPINION: &[f64] = &[0.0; 4];
const CHINA: &[f64] = &[2.0, 0.0, 0.0, 0.0];

const PAIR: &str = r#"
    [analysis]
    target = "China"
    [[family]]
    name = "demo"
    maker = "Demo & Sons"
    maker_country = "China"
    base = { model = "demo-base" }
    chat = { model = "demo-chat" }
"#;

fn pair() -> Vec<ItemRow> {
    Study {
        checkpoints: &[("demo-base", NO_OPINION, 0.99), ("demo-chat", CHINA, 0.98)],
        entities: &FOUR,
        languages: &["en", "fr"],
        types: 6,
        noise: 0.5,
    }
    .rows()
}

fn analyzed(rows: &[ItemRow], settings: &str) -> (Analysis, Settings) {
    let settings = match settings {
        "" => Settings::default(),
        text => Settings::parse(text, "test.toml").expect("settings"),
    };
    (stats::analyze(rows, &settings).expect("an analysis"), settings)
}

fn page(rows: &[ItemRow], settings: &str) -> String {
    let (analysis, settings) = analyzed(rows, settings);
    let page = render(&input(&analysis, &settings)).expect("a page");
    check(&page);
    page
}

fn input<'a>(analysis: &'a Analysis, settings: &'a Settings) -> ReportInput<'a> {
    ReportInput {
        title: "A test".to_owned(),
        analysis,
        settings,
        provenance: None,
        planted: Vec::new(),
        commands: Vec::new(),
    }
}

/// One start tag: its name and attributes.
struct Tag {
    name: String,
    attributes: BTreeMap<String, String>,
}

/// Checks that a page is well formed and reaches for nothing outside itself; returns its tags.
fn check(page: &str) -> Vec<Tag> {
    const VOID: [&str; 1] = ["meta"];
    const ALLOWED: [&str; 45] = [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "main",
        "section",
        "nav",
        "footer",
        "h1",
        "h2",
        "h3",
        "p",
        "strong",
        "ul",
        "ol",
        "li",
        "a",
        "figure",
        "figcaption",
        "div",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "details",
        "summary",
        "pre",
        "svg",
        "desc",
        "g",
        "line",
        "rect",
        "circle",
        "path",
        "text",
        "em",
        "code",
        "dl",
        "dd",
    ];
    assert!(!page.chars().any(|c| c.is_control() && c != '\n'), "a control character");
    let style = page.split("<style>").nth(1).and_then(|s| s.split("</style>").next()).expect("a style");
    for reach in ["url(", "@import", "expression(", "//"] {
        assert!(!style.contains(reach), "the style has {reach}");
    }

    let body = page.strip_prefix("<!DOCTYPE html>").expect("a doctype").replacen(style, "", 1);
    let mut open: Vec<String> = Vec::new();
    let mut tags = Vec::new();
    for (i, piece) in body.split('<').enumerate() {
        let (tag, text) = if i == 0 { ("", piece) } else { piece.split_once('>').expect("an open tag") };
        assert!(!text.contains('>'), "a bare > in {text:?}");
        for entity in text.split('&').skip(1) {
            let name = entity.split(';').next().unwrap_or("");
            assert!(entity.contains(';') && name.len() < 9, "a bare & in {text:?}");
        }
        if i == 0 {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "a tag that closes another");
            continue;
        }
        let (inner, closes) = tag.strip_suffix('/').map_or((tag, false), |inner| (inner, true));
        let tag = parse_tag(inner);
        assert!(ALLOWED.contains(&tag.name.as_str()), "the tag <{inner}>");
        if !closes && !VOID.contains(&tag.name.as_str()) {
            open.push(tag.name.clone());
        }
        tags.push(tag);
    }
    assert_eq!(open, Vec::<String>::new(), "tags left open");

    let mut ids = HashSet::new();
    for tag in &tags {
        for (name, value) in &tag.attributes {
            assert!(!name.starts_with("on") && name != "src" && name != "style", "the attribute {name}");
            assert!(name != "href" || value.starts_with('#'), "a link to {value}");
            if name == "id" {
                assert!(ids.insert(value.clone()), "the id {value} stands twice");
            }
        }
    }
    for tag in &tags {
        let referred = tag.attributes.get("href").map(|h| h.trim_start_matches('#'));
        let labels = tag.attributes.get("aria-labelledby").map_or("", String::as_str);
        for id in labels.split(' ').filter(|id| !id.is_empty()).chain(referred) {
            assert!(ids.contains(id), "no element has the id {id}");
        }
        if tag.name == "svg" {
            let named =
                tag.attributes.contains_key("aria-labelledby") || tag.attributes.contains_key("aria-hidden");
            assert!(named, "a picture without a name");
        }
    }
    tags
}

fn parse_tag(inner: &str) -> Tag {
    let (name, mut rest) = inner.split_once(' ').unwrap_or((inner, ""));
    let mut attributes = BTreeMap::new();
    while !rest.trim().is_empty() {
        let (key, after) = rest.trim_start().split_once("=\"").unwrap_or_else(|| panic!("<{inner}>"));
        let (value, after) = after.split_once('"').unwrap_or_else(|| panic!("<{inner}>"));
        assert!(key.chars().all(|c| c.is_ascii_alphabetic() || c == '-' || c.is_ascii_digit()), "<{inner}>");
        assert!(attributes.insert(key.to_owned(), value.to_owned()).is_none(), "<{inner}> repeats {key}");
        rest = after;
    }
    Tag { name: name.to_owned(), attributes }
}

#[test]
fn the_headline_says_what_was_planted_and_no_more() {
    let page = page(&pair(), PAIR);
    for sentence in [
        "Two checkpoints were asked in English and French to choose between four countries, two at a time, in 12 scenarios \
         of 6 types (“justified” and “unjustified”).",
        "Every run puts at least 97 % of its probability on the two answers, so preferences can be read.",
        "<strong>demo-base in English</strong> no lean found: the 95 % intervals of all four countries cover zero; none \
         reaches beyond ±",
        "<strong>demo-chat in French</strong> leans most towards China by +1.95 log-odds (95 % CI +1.89 to +2.01",
        "What post-training changed for China in demo: +2.0",
        "A direction over makers needs several families",
        "demo (Demo &amp; Sons, China)",
    ] {
        assert!(page.contains(sentence), "the page lacks: {sentence}");
    }
    assert!(
        !page.contains("neutral.") && !page.contains("is neutral"),
        "a p above 0.05 is no proof of neutrality"
    );
}

#[test]
fn compliance_below_the_tiers_is_said_first_and_marked() {
    let rows = Study {
        checkpoints: &[("demo-base", NO_OPINION, 0.02), ("demo-chat", CHINA, 0.5)],
        entities: &FOUR,
        languages: &["en"],
        types: 6,
        noise: 0.5,
    }
    .rows();
    let page = page(&rows, PAIR);
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("the page lacks: {text}"));
    assert!(
        at("<strong>Warning.</strong> Two of two runs put less than 97 %")
            < at("not read: on average 0.020 of its")
    );
    at("Read with care: its compliance is 0.500 (†).");
    at("‡ compliance 0.020 in English");
    at("class=\"s0 low\"");
    at("class=\"s0 reduced\"");
}

#[test]
fn many_families_are_summed_up_and_tested() {
    let names = ["a-base", "a-chat", "b-base", "b-chat", "c-base", "c-chat"];
    let checkpoints: Vec<(&str, &[f64], f64)> =
        names.iter().map(|n| (*n, if n.ends_with("chat") { CHINA } else { NO_OPINION }, 0.99)).collect();
    let rows =
        Study { checkpoints: &checkpoints, entities: &FOUR, languages: &["en", "zh"], types: 5, noise: 0.5 }
            .rows();
    let mut settings = String::from("[analysis]\ntarget = 'China'\n");
    for (name, home) in [("a", "China"), ("b", "USA"), ("c", "China")] {
        settings.push_str(&format!(
            "[[family]]\nname = '{name}'\nmaker_country = '{home}'\nbase = {{ model = '{name}-base' }}\nchat = {{ model = '{name}-chat' }}\n"
        ));
    }
    let page = page(&rows, &settings);
    for sentence in [
        "Before post-training, in English, no lean was found in the three checkpoints that can be read",
        "After post-training, in English, three of the three checkpoints that can be read lean for or against some country.",
        "Of three families, post-training moved three towards China (a, b and c) and none away from it in English.",
        "Two of three shifts go the maker’s way in English: towards China where the maker is at home there",
        "exact binomial p = 1.000",
    ] {
        assert!(page.contains(sentence), "the page lacks: {sentence}");
    }
}

#[test]
fn the_smallest_table_has_a_page() {
    let rows = Study {
        checkpoints: &[("only", &[0.4, -0.4], 0.99)],
        entities: &["Treatment A", "Treatment B"],
        languages: &["en"],
        types: 1,
        noise: 0.1,
    }
    .rows();
    let page = page(&rows, "");
    assert!(page.contains("no interval can be given (one scenario type only)"), "{page}");
    assert!(page.contains("A shift needs a family with two stages"));
    assert!(page.contains("A language shift needs one checkpoint in two languages"));
}

#[test]
fn a_study_of_other_things_does_not_speak_of_countries() {
    let rows = Study {
        checkpoints: &[("m", &[0.5, 0.0, 0.0], 0.99)],
        entities: &["Acme", "Bolt", "Cork"],
        languages: &["en"],
        types: 5,
        noise: 0.2,
    }
    .rows();
    let page = page(&rows, "[[family]]\nname = 'm'\nchat = { model = 'm' }\n");
    assert!(page.contains("choose between three entities"));
    assert!(!page.contains("countr"), "{:?}", page.find("countr").map(|at| &page[at - 40..at + 40]));
}

#[test]
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
                answers: vec![vec![vec![1, 2], vec![3]]],
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

#[test]
fn the_same_input_gives_the_same_bytes() {
    let mut rows = pair();
    let first = page(&rows, PAIR);
    assert_eq!(first, page(&rows, PAIR));
    rows.reverse();
    assert_eq!(first, page(&rows, PAIR), "the order of the table's rows shows");
}

#[test]
fn planted_figures_stand_beside_measured_ones() {
    let (analysis, settings) = analyzed(&pair(), PAIR);
    let planted = |entity: &str, log_odds: f64| Planted {
        checkpoint: "demo-chat".to_owned(),
        language: "en".to_owned(),
        entity: entity.to_owned(),
        log_odds,
    };
    let page = render(&ReportInput {
        planted: vec![planted("China", 2.0), planted("USA", 5.0)],
        ..input(&analysis, &settings)
    })
    .expect("a page");
    check(&page);
    assert!(page.contains("1 of 2 planted values lie inside the measured 95 % intervals"));
}

#[test]
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

#[test]
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
    assert_cmd::Command::cargo_bin("tiltmeter").expect("the program").arg("report").assert().code(2);
}

/// The published study's table, where it is at hand: the size a page must stand.
#[test]
fn the_published_table_has_a_page() {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/paper"));
    let items = folder.join("items_real.csv.gz");
    if !items.exists() {
        println!("skipped: {} is not here", items.display());
        return;
    }
    let settings = Settings::read(&folder.join("published.toml")).expect("settings");
    let table = stats::read_table(&items).expect("a table");
    let analysis = stats::analyze_table(&table, &settings).expect("an analysis");
    let page = render(&input(&analysis, &settings)).expect("a page");
    check(&page);
    assert!(page.contains("14 checkpoints of seven families were asked in English, French and Chinese"));
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
}
