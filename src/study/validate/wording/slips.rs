//! What the rules find: a kind of slip is told once for each text, with the first place where it shows.

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::error::{Finding, Origin, Severity};
use super::super::super::kind::Kind;

/// Of one text.
#[derive(Default)]
pub struct Slips(BTreeMap<(Severity, Kind, String), Examples>);

/// Where one kind of slip shows; empty if its kind says all.
#[derive(Default)]
struct Examples {
    first: String,
    all: BTreeSet<String>,
}

impl Slips {
    pub fn add(
        &mut self,
        kind: Kind,
        severity: Severity,
        what: impl Into<String>,
        example: impl Into<String>,
    ) {
        let (examples, example) = (self.0.entry((severity, kind, what.into())).or_default(), example.into());
        if examples.all.is_empty() {
            examples.first.clone_from(&example);
        }
        examples.all.insert(example);
    }

    /// Joins what was found elsewhere, as far as `keep` wants the slip with its example.
    pub fn join(&mut self, other: Slips, mut keep: impl FnMut(String) -> bool) {
        for ((severity, kind, what), examples) in other.0 {
            let first = std::iter::once(examples.first.clone());
            for example in first.chain(examples.all) {
                if keep(format!("{what}: {example}")) {
                    self.add(kind, severity, what.clone(), example);
                }
            }
        }
    }
}

/// The slips of every text.
#[derive(Default)]
pub struct ByText(BTreeMap<Origin, Slips>);

impl ByText {
    pub fn of(&mut self, origin: &Origin) -> &mut Slips {
        self.0.entry(origin.clone()).or_default()
    }

    pub fn findings(self) -> impl Iterator<Item = Finding> {
        self.0.into_iter().flat_map(|(origin, slips)| {
            slips.0.into_iter().map(move |((severity, kind, what), examples)| {
                let mut message = what;
                if !examples.first.is_empty() {
                    message = format!("{message}: {}", examples.first);
                }
                if examples.all.len() > 1 {
                    message.push_str(&format!(" (and {} more)", examples.all.len() - 1));
                }
                Finding::at(severity, Some(kind), &origin, message)
            })
        })
    }
}
