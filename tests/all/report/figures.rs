//! What a page's figures and tables show, and that they agree with its words.

use tiltmeter::report::{CheckpointProvenance, Planted, Provenance, ReportInput, render};
use tiltmeter::stats::{Estimate, Size};

use super::markup::check;
use super::{CHINA, FOUR, NO_OPINION, PAIR, Study, analyzed, input, page, pair, section};

/// The texts of a table's cells, row by row, without its header.
fn cells(table: &str) -> Vec<Vec<String>> {
    let text = |cell: &str| cell.split_once('>').map_or("", |(_, text)| text).to_owned();
    let row = |row: &str| {
        let cells = row.split("</").filter_map(|piece| piece.rsplit_once("<t").map(|(_, cell)| text(cell)));
        cells.collect::<Vec<String>>()
    };
    let body = table.split("<tbody>").nth(1).expect("a body");
    body.split("<tr>").skip(1).map(row).collect()
}

/// The table whose caption begins so.
fn table<'p>(page: &'p str, caption: &str) -> &'p str {
    let (_, rest) = page.split_once(&format!("<caption><div>{caption}")).expect("the table");
    rest.split("</table>").next().unwrap_or(rest)
}

/// The pictures of a part of the page.
fn pictures(part: &str) -> Vec<&str> {
    part.split("<svg role").skip(1).filter_map(|piece| piece.split("</svg>").next()).collect()
}

#[apply(test!)]
fn marks_are_filled_by_the_rule_that_the_words_count_by() {
    let rows = Study {
        checkpoints: &[
            ("demo-base", &[0.1, 0.0, 0.0, 0.0], 0.99),
            ("demo-chat", &[0.6, 0.1, 0.0, -0.1], 0.99),
        ],
        entities: &FOUR,
        languages: &["en", "fr"],
        types: 6,
        noise: 0.3,
    }
    .rows();
    let (analysis, _) = analyzed(&rows, PAIR);
    let page = page(&rows, PAIR);
    let part = section(&page, "favourability");
    let (mut differ, mut found) = (0, 0);
    for figure in analysis.of("confirmatory").filter(|f| f.parts.subset.as_deref() == Some("all")) {
        let Estimate::Confirmatory(c) = &figure.estimate else { panic!("{}", figure.id) };
        differ += usize::from(figure.differs());
        found += usize::from(figure.differs() && c.size != Some(Size::Smaller));
    }
    assert!(differ > found && found > 0, "the figures tell the rules apart: {differ} and {found}");
    let forests: Vec<&str> =
        pictures(part).into_iter().filter(|svg| svg.contains(">Favourability, ")).collect();
    let filled: usize = forests.iter().map(|svg| svg.matches(r#" class="fill""#).count()).sum();
    assert_eq!(filled, found);
    assert!(
        part.contains("filled: differs from zero (adjusted p &lt; 0.05) and not shown to lie within ±0.25")
    );
    for table in ["shift", "language"].map(|id| section(&page, id)) {
        assert!(table.contains("adjusted p"));
    }
}

#[apply(test!)]
fn each_stage_has_an_axis_that_shows_its_intervals() {
    let page = page(&pair(), PAIR);
    let largest = |svg: &str| {
        let ticks = svg.split("<text class=\"tick\"").skip(1);
        let labels = ticks.filter_map(|t| t.split_once('>')?.1.split('<').next()?.parse::<f64>().ok());
        labels.fold(0.0, f64::max)
    };
    let part = section(&page, "favourability");
    let forests = pictures(part).into_iter().filter(|svg| svg.contains(">Favourability, "));
    let largest: Vec<f64> = forests.map(largest).collect();
    assert!(largest[0] < 0.3 && largest[1] >= 1.5, "{largest:?}");
    assert!(part.contains("One axis per stage"));
}

#[apply(test!)]
fn the_published_contrast_stands_apart() {
    let page = page(&pair(), PAIR);
    let part = section(&page, "shift");
    assert!(table(part, "Shift on China").contains("Holm over the families of a language"));
    let planned = table(part, "Published contrast on China");
    let [english, french]: [Vec<String>; 2] = cells(planned).try_into().expect("a row per language");
    // Scenarios as units: 12 of them.
    assert_eq!((english[0].as_str(), english[2].as_str(), french[1].as_str()), ("demo", "12", "12"));
    assert!(english[3].starts_with("+2.0") && planned.contains(">Holm p<"), "{english:?}");
}

#[apply(test!)]
fn families_that_cannot_be_read_are_marked_and_not_counted() {
    let names = ["a-base", "a-chat", "b-base", "b-chat", "c-base", "c-chat"];
    let checkpoints: Vec<(&str, &[f64], f64)> = names
        .iter()
        .map(|n| {
            let opinion = if n.ends_with("chat") { CHINA } else { NO_OPINION };
            (*n, opinion, if *n == "b-base" { 0.02 } else { 0.99 })
        })
        .collect();
    let rows =
        Study { checkpoints: &checkpoints, entities: &FOUR, languages: &["en"], types: 5, noise: 0.5 }.rows();
    let mut settings = String::from("[analysis]\ntarget = 'China'\n");
    for (name, home) in [("a", "China"), ("b", "China"), ("c", "USA")] {
        settings.push_str(&format!(
            "[[family]]\nname = '{name}'\nmaker_country = '{home}'\nbase = {{ model = '{name}-base' }}\nchat = {{ model = '{name}-chat' }}\n"
        ));
    }
    let page = page(&rows, &settings);
    for sentence in [
        "In English post-training moved two of the two families that can be read towards China (a and c) and none away from it \
         and b‡ cannot be read",
        "without b, which cannot be read",
    ] {
        assert!(page.contains(sentence), "the page lacks: {sentence}");
    }
    let part = section(&page, "maker");
    assert!(pictures(part)[0].contains(">b (China)‡</text>"));
    let bold = pictures(part)[0].matches("label strong").count();
    assert_eq!(bold, 2, "makers at home in the target");
    let read = cells(table(part, "Home advantage in log-odds"));
    assert_eq!(
        (read[0][1].as_str(), read[1][0].as_str(), read[1][6].as_str()),
        ("all 3", "2 that can be read", "b")
    );
}

#[apply(test!)]
fn too_few_scenario_types_are_said_to_be_too_few() {
    let study = |types: usize| {
        Study {
            checkpoints: &[("m", &[1.0, 0.0, 0.0, 0.0], 0.99)],
            entities: &FOUR,
            languages: &["en"],
            types,
            noise: 0.3,
        }
        .rows()
    };
    let sentence =
        "Only two scenario types were asked: intervals over so few (one degree of freedom) are very wide";
    let page_of_two = page(&study(2), "");
    assert!(section(&page_of_two, "headline").contains(sentence));
    assert!(section(&page_of_two, "nuisance").contains(sentence));
    assert!(!page(&study(5), "").contains("scenario types were asked"));
}

#[apply(test!)]
fn the_glance_is_narrow_and_captions_wrap_on_their_own() {
    let names = ["a-base", "a-chat", "b-base", "b-chat"];
    let checkpoints: Vec<(&str, &[f64], f64)> = names.iter().map(|n| (*n, CHINA, 0.99)).collect();
    let rows =
        Study { checkpoints: &checkpoints, entities: &FOUR, languages: &["en"], types: 5, noise: 0.5 }.rows();
    let page = page(&rows, "");
    let glance = table(&page, "Each checkpoint at a glance");
    assert!(cells(glance).iter().flatten().all(|cell| !cell.contains(" to ")), "an interval");
    assert_eq!(page.matches("<caption>").count(), page.matches("<caption><div>").count());
}

#[apply(test!)]
fn provenance_says_things_once() {
    let (analysis, settings) = analyzed(&pair(), PAIR);
    let checkpoint = |name: &str, device: &str| CheckpointProvenance {
        name: name.to_owned(),
        backend: "cpu f32".to_owned(),
        devices: vec![device.to_owned()],
        parameters: 286_144,
        ..CheckpointProvenance::default()
    };
    let checkpoints = vec![checkpoint("demo-base", "cpu, 2 threads, f32"), checkpoint("demo-chat", "a card")];
    let page = render(&ReportInput {
        provenance: Some(Provenance { checkpoints, ..Provenance::default() }),
        planted: vec![Planted {
            checkpoint: "demo-chat".to_owned(),
            language: "en".to_owned(),
            entity: "China".to_owned(),
            log_odds: 2.0,
        }],
        ..input(&analysis, &settings)
    })
    .expect("a page");
    check(&page);
    let part = section(&page, "provenance");
    assert!(part.contains(">Parameters<") && part.contains(">286,144<"));
    assert!(part.contains(">cpu, 2 threads, f32<") && part.contains(">cpu f32; a card<"));
    assert!(page.contains("<summary>Planted and measured, value by value</summary>"));
}
