//! The promise: a tidy table has a row for every estimate, under its term, scope and unit, with each number in its column.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tiltmeter::stats::{TIDY_COLUMNS, TIDY_TEXTS, TidyRow};

use crate::figures::{analyzed, figures_of};

/// Term, scope, unit, and where the reference's estimate has what stands in a column. A term `@field` stands for a row for each
/// name in that field, `*` behind the unit for the row that has the adjusted p.
type Row = (&'static str, &'static str, &'static str, &'static str);

const CLUSTERED: Row = (
    "",
    "new_types",
    "log-odds*",
    "estimate=mean_cluster se=se df=df half_width=ci_t t=t p=p types=clusters",
);
const MEAN: Row = (
    "mean",
    "",
    "log-odds",
    "estimate=mean_cluster/mean df=mean_cluster/df t=mean_cluster/t p=mean_cluster/p",
);
const CHOICE: Row = ("", "new_types", "probability*", "estimate=mean se=se df=df half_width=ci t=t p=p");
const ROLES: Row = ("", "new_types", "role effects*", "estimate=estimate se=se df=df half_width=ci p=p");

const ITEMS: [(&str, &[Row]); 19] = [
    ("favourability/en/alpha-base/Norland/justified/all", &[CLUSTERED]),
    ("role_bias/en/alpha-base/justified/all", &[CLUSTERED]),
    ("compliance/en/alpha-base/both/all", &[("mean", "", "probability", "estimate=mean")]),
    ("spread/en/alpha-base/justified/all", &[("sd", "", "percentage points", "estimate=mean_cluster/sd")]),
    ("opponents/en/alpha-base/Norland/justified/all", &[("@", "", "log-odds", "estimate=mean_cluster")]),
    ("topics/en/alpha-base/Norland/justified/all", &[("@", "", "log-odds", "estimate=")]),
    ("two_way/en/alpha-base/Norland/justified/all", &[("", "", "log-odds", "estimate=mean_row se=se")]),
    (
        "planned_contrast/en/alpha/Norland",
        &[("", "", "log-odds", "estimate=mean se=se df=df half_width=ci_t t=t p=p scenarios=scenarios")],
    ),
    ("power/en/Norland", &[("sd", "", "log-odds", "estimate=sd/quantile")]),
    (
        "comparison/en/alpha-chat/crossed/Norland/justified/all",
        &[
            ("baseline", "", "log-odds", "estimate=mean_cluster/baseline"),
            ("condition", "", "log-odds", "estimate=mean_cluster/condition"),
            ("difference", "", "log-odds", "estimate=mean_cluster/difference"),
        ],
    ),
    ("comparison_correlation/en/alpha-chat/crossed/justified/all", &[("r", "", "correlation", "estimate=r")]),
    (
        "type_contrast/en/alpha-base/hard/Norland/justified/all",
        &[
            ("inside", "", "log-odds", "estimate=inside"),
            ("outside", "", "log-odds", "estimate=outside"),
            ("difference", "", "log-odds", "estimate=difference"),
        ],
    ),
    ("maker/en/Norland/justified/all", &[MEAN, ("@mean_cluster/signed", "", "log-odds", "estimate=")]),
    ("language_population/fr-en/Norland/justified/all", &[MEAN]),
    ("coherence_sweep/en/alpha-base/Norland/justified", &[("@", "", "log-odds", "estimate=mean_cluster")]),
    (
        "pairs/en/alpha-base/all",
        &[
            ("@justified", "justified", "log-odds", "estimate=mean_cluster p=p"),
            ("@unjustified", "unjustified", "log-odds", "estimate=mean_cluster p=p"),
        ],
    ),
    // Lists are no estimates.
    ("rank/en/alpha-base/justified/all", &[]),
    ("bank/scenario_types", &[]),
    ("coherence/coherent50", &[]),
];

const CONFIRMATORY: [(&str, &[Row]); 11] = [
    (
        "confirmatory/en/alpha-base/Norland/preference/all",
        &[
            (
                "",
                "same_types",
                "log-odds",
                "estimate=estimate se=same_types/se df=same_types/df half_width=same_types/ci \
                 t=same_types/t p=same_types/p types=types scenarios=scenarios",
            ),
            (
                "",
                "new_types",
                "log-odds",
                "estimate=estimate se=new_types/se df=new_types/df half_width=new_types/ci t=new_types/t \
                 p=new_types/p types=types scenarios=scenarios",
            ),
            (
                "",
                "crossed",
                "log-odds*",
                "estimate=estimate se=crossed/se df=crossed/df half_width=crossed/ci t=crossed/t \
                 p=crossed/p types=types scenarios=scenarios",
            ),
            (
                "",
                "new_opponents",
                "log-odds",
                "estimate=estimate se=new_opponents/se df=new_opponents/df half_width=new_opponents/ci \
                 t=new_opponents/t p=new_opponents/p types=types scenarios=scenarios",
            ),
        ],
    ),
    (
        "choice/en/alpha-base/Norland/preference/all",
        &[
            CHOICE,
            ("in_both_roles", "", "probability", "estimate=in_both_roles"),
            ("in_neither", "", "probability", "estimate=in_neither"),
            ("role_decides", "", "probability", "estimate=role_decides"),
        ],
    ),
    ("choice_shift/en/alpha/Norland/preference/all", &[CHOICE]),
    (
        "role_scaled/en/alpha-base/Norland/preference/all",
        &[ROLES, ("role_effect", "", "log-odds", "estimate=role_effect")],
    ),
    ("role_scaled_shift/en/alpha/Norland/preference/all", &[ROLES]),
    ("sign_flip_types/en/alpha-base/Norland/preference/all", &[("", "new_types", "", "p=p types=types")]),
    (
        "cr2/en/alpha-base/Norland/preference/all",
        &[("", "new_types", "log-odds", "estimate=mean_row se=se df=df p=p")],
    ),
    ("firm/en/alpha/Norland/preference/all", &[("", "", "", "verdict=verdict")]),
    (
        "family_by_stage/en/Norland/preference/all",
        // 0.530049463797 times 2.
        &[("", "", "F", "estimate=F df=#1.060098927594 p=p_greenhouse_geisser")],
    ),
    (
        "maker_home/en/preference/all",
        &[
            ("mean", "", "log-odds", "estimate=mean p=p_permutation"),
            (
                "standardised",
                "",
                "root mean squares",
                "estimate=standardised/mean p=standardised/p_permutation",
            ),
            ("@advantage", "", "log-odds", "estimate="),
        ],
    ),
    (
        "maker_groups/en/Norland/preference/all",
        &[("", "", "log-odds", "estimate=difference se=se df=df p=p")],
    ),
];

const REVIEW: [(&str, &[Row]); 9] = [
    ("language_invariance/alpha-chat/fairer/all", &[("shared", "", "share", "estimate=shared")]),
    (
        "scenario_dif/fr-en/alpha-chat/Norland/fairer/all",
        &[("@differing", "", "log-odds", "estimate=difference")],
    ),
    (
        "reliability/en/alpha-base/fairer/all",
        &[
            ("g", "", "share", "estimate=g"),
            ("split_half", "", "correlation", "estimate=split_half"),
            ("spearman_brown", "", "correlation", "estimate=spearman_brown"),
        ],
    ),
    ("item_quality/en/alpha-base/fairer/all", &[("@scenarios", "", "correlation", "estimate=")]),
    (
        "leave_one_out/en/alpha-base/Norland/fairer/all",
        &[("@opponents", "", "log-odds", "estimate="), ("@types", "", "log-odds", "estimate=")],
    ),
    (
        "leave_one_out_shift/en/alpha/Norland/fairer/all",
        &[("@opponents", "", "log-odds", "estimate="), ("@types", "", "log-odds", "estimate=")],
    ),
    (
        "empirical_null/en/alpha-chat/invented/Norland/fairer/all",
        &[("", "crossed", "log-odds", "estimate=estimate se=se df=df half_width=ci p=p_calibrated")],
    ),
    (
        "specification_curve/en/alpha-base/Norland/fairer/all",
        &[("@specifications", "crossed", "log-odds", "estimate=estimate half_width=ci")],
    ),
    (
        "role_effect/en/alpha-base/fairer/all",
        &[("rms", "", "log-odds", "estimate=rms"), ("mean", "", "log-odds", "estimate=mean")],
    ),
];

/// A row's term, scope and unit, and what else stands in it but what every row of the figure has.
type Said = (String, BTreeMap<String, Value>);

fn at(column: &str) -> usize {
    TIDY_COLUMNS.iter().position(|name| *name == column).unwrap_or_else(|| panic!("no column {column}"))
}

fn said(row: &TidyRow<'_>) -> Said {
    let text = |column| row.texts[at(column)];
    let number = |column| row.numbers[at(column) - TIDY_TEXTS];
    let [term, scope, unit] = ["term", "scope", "unit"].map(|column| text(column).unwrap_or_default());
    let star = if text("p_adjusted_by").is_some() { "*" } else { "" };
    assert_eq!(number("p_adjusted_tests").is_some(), !star.is_empty());
    let ends = ["low", "high"].map(number);
    let (estimate, half) = (number("estimate"), number("half_width"));
    assert_eq!(ends, [-1.0, 1.0].map(|sign| Some(estimate? + sign * half?)));
    let mut found: BTreeMap<String, Value> =
        text("verdict").map(|verdict| ("verdict".to_owned(), verdict.into())).into_iter().collect();
    for column in ["estimate", "se", "df", "half_width", "t", "p", "types", "scenarios"] {
        found.extend(number(column).map(|number| (column.to_owned(), number.into())));
    }
    (format!("{term}; {scope}; {unit}{star}"), found)
}

/// What must stand there, by the reference.
fn expected((term, scope, unit, numbers): &Row, estimate: &Value) -> Vec<Said> {
    let inside = |value: &Value, place: &str| match place {
        "" => value.clone(),
        place => value.pointer(&format!("/{place}")).unwrap_or_else(|| panic!("no {place}")).clone(),
    };
    let of = |term: &str, value: &Value| {
        let cell = |pair: &str| {
            let (column, place) = pair.split_once('=').expect("a pair");
            let literal = place.strip_prefix('#').map(|number| number.parse::<f64>().expect("a number"));
            (column.to_owned(), literal.map_or_else(|| inside(value, place), Value::from))
        };
        let cells = numbers.split_whitespace().map(cell).filter(|(_, value)| !value.is_null());
        (format!("{term}; {scope}; {unit}"), cells.collect())
    };
    match term.strip_prefix('@') {
        None => vec![of(term, estimate)],
        Some(place) => {
            let list = inside(estimate, place);
            list.as_object().expect("names").iter().map(|(name, value)| of(name, value)).collect()
        }
    }
}

fn same(ours: &Value, right: &Value) -> bool {
    match (ours.as_f64(), right.as_f64()) {
        (Some(ours), Some(right)) => (ours - right).abs() <= 1e-6 * right.abs() + 1e-12,
        _ => ours == right,
    }
}

/// The references are exact arithmetic and numpy, by the scripts beside the tables.
#[apply(test!)]
fn every_estimate_stands_in_the_tidy_table_as_the_references_have_it() {
    for (fixture, figures) in
        [("items", &ITEMS[..]), ("confirmatory", &CONFIRMATORY[..]), ("review", &REVIEW[..])]
    {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(fixture);
        let analysis = analyzed(&folder.join("items.csv"), Some(&folder.join("settings.toml")));
        let mut written: BTreeMap<String, Vec<Said>> = BTreeMap::new();
        let take = |row: &TidyRow<'_>| {
            let id = row.texts[0].expect("an id").to_owned();
            written.entry(id).or_default().push(said(row));
            Ok::<(), ()>(())
        };
        analysis.tidy(take).expect("rows");
        let references = figures_of(&folder.join("expected.json"));
        for (id, rows) in figures {
            let reference = references.iter().find(|figure| figure["id"] == *id);
            let estimate = &reference.unwrap_or_else(|| panic!("no reference of {id}"))["estimate"];
            let mut right: Vec<Said> = rows.iter().flat_map(|row| expected(row, estimate)).collect();
            let mut ours = written.remove(*id).unwrap_or_default();
            right.sort_by(|a, b| a.0.cmp(&b.0));
            ours.sort_by(|a, b| a.0.cmp(&b.0));
            let names = |rows: &[Said]| -> Vec<String> {
                rows.iter().map(|(name, cells)| format!("{name}: {:?}", cells.keys())).collect()
            };
            assert_eq!(names(&ours), names(&right), "{id}");
            for ((name, ours), (_, right)) in ours.iter().zip(&right) {
                for (column, right) in right {
                    assert!(
                        same(&ours[column], right),
                        "{id} {name}, {column}: {} for {right}",
                        ours[column]
                    );
                }
            }
        }
    }
}

/// Words stand to the left in it, numbers to the right.
#[apply(test!)]
fn the_tidy_table_in_markdown_is_ruled_by_column() {
    let items = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/items/items.csv");
    let analysis = analyzed(&items, None);
    let mut markdown = Vec::new();
    analysis.write_markdown(&mut markdown).expect("written");
    let markdown = String::from_utf8(markdown).expect("text");
    let mut lines =
        markdown.lines().map(|line| line.trim_matches(['|', ' ']).split(" | ").collect::<Vec<_>>());
    let (names, rules) = (lines.next().expect("names"), lines.next().expect("rules"));
    assert_eq!(names.len(), rules.len());
    for (name, rule) in names.into_iter().zip(rules) {
        assert_eq!(rule, if at(name) < at("estimate") { "---" } else { "--:" }, "{name}");
    }
}
