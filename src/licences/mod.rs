//! What of other people's work this program carries, and on what terms: written by `collect.py` from the lock file.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The texts of all licences, each under the crates that ship it.
pub const TEXTS: &str = include_str!("texts.txt");

const CRATES: &str = include_str!("crates.json");

/// A crate that is linked into the program on one system at least.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Carried {
    pub name: String,
    pub version: String,
    /// Its own words, an SPDX expression.
    pub licence: String,
    /// The part of them that is taken where they leave a choice.
    pub taken: String,
    /// Libraries in other languages inside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contains: Vec<Contained>,
    /// Where its sources are kept.
    pub source: String,
    /// Of the crate's file, as the lock file has it.
    pub sha256: String,
}

/// A library inside a crate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Contained {
    pub name: String,
    pub licence: String,
}

/// All of them by name and version.
///
/// # Errors
/// If the list that was built in is damaged.
pub fn carried() -> Result<Vec<Carried>, serde_json::Error> {
    serde_json::from_str(CRATES)
}

/// The same as a bill of materials: CycloneDX 1.5 (ECMA-424), crates by package URL.
///
/// # Errors
/// If the list that was built in is damaged.
pub fn bill_of_materials() -> Result<Value, serde_json::Error> {
    let crates = carried()?;
    let own = format!("pkg:cargo/tiltmeter@{}", env!("CARGO_PKG_VERSION"));
    let purl = |carried: &Carried| format!("pkg:cargo/{}@{}", carried.name, carried.version);
    let mut components = Vec::new();
    for carried in &crates {
        let mut component = json!({
            "type": "library",
            "bom-ref": purl(carried),
            "name": carried.name,
            "version": carried.version,
            "hashes": [{"alg": "SHA-256", "content": carried.sha256}],
            "licenses": [{"expression": spdx(&carried.licence)}],
            "purl": purl(carried),
        });
        if !carried.source.is_empty() {
            component["externalReferences"] = json!([{"type": "vcs", "url": carried.source}]);
        }
        if !carried.contains.is_empty() {
            let inside = carried.contains.iter();
            component["components"] = inside
                .map(|c| json!({"type": "library", "name": c.name, "licenses": [{"expression": c.licence}]}))
                .collect();
        }
        components.push(component);
    }
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": "tiltmeter",
                "version": env!("CARGO_PKG_VERSION"),
                "licenses": [{"expression": env!("CARGO_PKG_LICENSE")}],
                "purl": own,
            }
        },
        "dependencies": [{"ref": own, "dependsOn": crates.iter().map(purl).collect::<Vec<_>>()}],
        "components": components,
    }))
}

/// Some older crates write `MIT/Apache-2.0` for a choice.
fn spdx(licence: &str) -> String {
    licence.split('/').map(str::trim).collect::<Vec<_>>().join(" OR ")
}

#[cfg(test)]
mod tests {
    use super::{TEXTS, bill_of_materials, carried};

    #[test]
    fn what_is_carried_is_listed_once_with_a_licence_and_most_of_it_with_a_text() {
        let crates = carried().expect("a list");
        let lock = include_str!("../../Cargo.lock");
        let mut before = None;
        let mut with_text = 0;
        for one in &crates {
            let known = format!("name = \"{}\"\nversion = \"{}\"", one.name, one.version);
            assert!(lock.contains(&known), "{} {} is not in the lock file", one.name, one.version);
            assert!(lock.contains(&one.sha256), "{}: another sum than the lock file's", one.name);
            assert!(
                !one.taken.is_empty() && one.licence.contains(one.taken.split(" AND ").next().unwrap_or("?"))
            );
            let key = Some((one.name.clone(), one.version.clone()));
            assert!(before < key, "{} is out of order", one.name);
            before = key;
            with_text += usize::from(TEXTS.contains(&format!("{} {}", one.name, one.version)));
        }
        assert!(with_text * 10 > crates.len() * 9, "{with_text} of {} have a text", crates.len());
        for needed in ["cudarc", "wgpu", "half", "safetensors", "tokenizers", "bytemuck", "clap", "statrs"] {
            assert!(crates.iter().any(|one| one.name == needed), "{needed}");
        }
    }

    #[test]
    fn the_bill_of_materials_has_every_crate_and_only_proper_expressions() {
        let bill = bill_of_materials().expect("a bill");
        let components = bill["components"].as_array().expect("components");
        assert_eq!(components.len(), carried().expect("a list").len());
        for component in components {
            let expression = component["licenses"][0]["expression"].as_str().expect("an expression");
            assert!(!expression.contains('/'), "{expression}");
        }
    }
}
