//! The promise: the confirmatory analysis takes a table of any shape. Few countries, one type, missing cells, pairs and types, no
//! spread, answers that cannot be read: what can be said is what numpy says, and nothing is said of the rest.

use std::path::Path;

use serde_json::Value;
use tiltmeter::stats::Analysis;

use crate::figures::{analyzed, check, figures_of};

/// What a figure holds only where there is something to tell.
const SELDOM: [&str; 8] = [
    "crossed_is_new_types",
    "dropped_opponents",
    "dropped_types",
    "p_holm",
    "p_holm_new_types",
    "readable",
    "role_effect",
    "seed",
];

/// In order: those of a run, then those of several.
const GROUPS: [&str; 14] = [
    "confirmatory",
    "choice",
    "role_scaled",
    "sign_flip_types",
    "cr2",
    "confirmatory_shift",
    "choice_shift",
    "role_scaled_shift",
    "firm",
    "family_by_stage",
    "maker_home",
    "maker_groups",
    "confirmatory_language_shift",
    "stage_by_language",
];

/// numpy and scipy, by `shapes.py` beside the table.
#[apply(test!)]
fn runs_of_any_shape_give_what_numpy_gives() {
    let fixture =
        |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/confirmatory").join(name);
    let analysis = analyzed(&fixture("shapes.csv"), Some(&fixture("shapes.toml")));
    let expected = figures_of(&fixture("shapes.json"));
    assert_eq!(expected.len(), 503);
    check(&analysis, &expected);

    let id = |figure: &Value| figure["id"].as_str().expect("an id").to_owned();
    for figure in &expected {
        let estimate = analysis.estimate(&id(figure)).expect("a figure");
        // In JSON it would be null, as is what there is none of.
        assert!(!format!("{estimate:?}").contains("NaN"), "{}: {estimate:?}", id(figure));
        let ours = serde_json::to_value(estimate).expect("estimates are JSON");
        let has = |estimate: &Value| SELDOM.map(|key| estimate.get(key).is_some());
        assert_eq!(has(&ours), has(&figure["estimate"]), "{}: of {SELDOM:?}", id(figure));
    }
    // Group by group, whatever they were made with.
    let mut groups: Vec<&str> = analysis.figures().iter().map(|figure| figure.parts.group).collect();
    groups.dedup();
    let first = groups.iter().position(|group| *group == "confirmatory").expect("the group");
    assert_eq!(groups[first..][..GROUPS.len()], GROUPS);
    // And nothing else is there of what is made of several runs, or of a run whose roles do nothing.
    let ids = |group: &str| -> Vec<String> {
        let mut ids: Vec<String> =
            expected.iter().map(id).filter(|id| id.split('/').next() == Some(group)).collect();
        ids.sort_unstable();
        ids
    };
    for group in &GROUPS[5..] {
        assert_eq!(made(&analysis, group), ids(group));
    }
    let of_still = |group: &str| made(&analysis, group).iter().filter(|id| id.contains("/still/")).count();
    assert_eq!((of_still("role_scaled"), of_still("sign_flip_types")), (0, 4));
}

fn made(analysis: &Analysis, group: &str) -> Vec<String> {
    let mut ids: Vec<String> = analysis.of(group).map(|figure| figure.id.clone()).collect();
    ids.sort_unstable();
    ids
}
