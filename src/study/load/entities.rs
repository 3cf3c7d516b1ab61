//! `entities/<set>.toml`: the things compared, how each is spelled, and which pairs are asked about.

use std::collections::{BTreeMap, BTreeSet};

use super::super::model::{Entity, EntitySet, Spelled};
use super::super::template::{excerpt, is_word};
use super::document::{Document, Table, is_id};

/// All pairs of this many are 32,640.
const MAX_ENTITIES: usize = 256;

pub fn read(document: &Document<'_>, set: &str) -> Option<EntitySet> {
    let root = document.root();
    root.only(&["pairs", "entity"]);
    if !is_id(set) {
        root.problem("the file's name cannot be the name of a set");
        return None;
    }
    let mut entities: Vec<Entity> = Vec::new();
    let mut ids = BTreeSet::new();
    for table in root.tables("entity", MAX_ENTITIES) {
        let Some(entity) = entity(table.clone()) else {
            continue;
        };
        if !ids.insert(entity.id.clone()) {
            table.problem(format!("the entity id `{}` is used twice", entity.id));
            continue;
        }
        entities.push(entity);
    }
    if !(2..=MAX_ENTITIES).contains(&entities.len()) {
        root.problem(format!(
            "a set needs 2 to {MAX_ENTITIES} entities (`[[entity]]`), not {}",
            entities.len()
        ));
        return None;
    }
    let pairs = pairs(&root, &entities)?;
    refuse_same_names(&root, &entities, &pairs);
    Some(EntitySet { name: set.to_owned(), entities, pairs, origin: root.origin() })
}

fn entity(table: Table<'_>) -> Option<Entity> {
    let id = table.need_string("id")?;
    if !is_entity_id(&id.text) {
        table.note(
            id.line,
            format!(
                "the entity id `{}` must not be empty, longer than 100 bytes, or hold `/`, `,`, quotes or control characters, or begin or end with a space",
                excerpt(&id.text)
            ),
        );
        return None;
    }
    let table = table.at(format!("entity `{}`", id.text));
    let mut spelled = BTreeMap::new();
    for (language, line) in table.entries() {
        if language == "id" {
            continue;
        }
        if !table.is_table(&language) {
            table.note(
                line,
                format!(
                    "unknown key `{}` (known here: id and one table for each language)",
                    excerpt(&language)
                ),
            );
            continue;
        }
        let inner = table.table(&language)?;
        let inner = inner.at(format!("entity `{}`, {language}", id.text));
        inner.only(&["agree", "forms"]);
        inner.need("forms")?;
        let forms = inner.string_map("forms")?;
        if let Some(form) = forms.keys().find(|f| !is_word(f)) {
            inner.problem(format!("`{}` cannot be the name of a form (letters, digits, `_`)", excerpt(form)));
        }
        if let Some((form, _)) = forms.iter().find(|(_, text)| text.is_empty()) {
            inner.problem(format!("the form `{form}` is empty"));
        }
        let agree = inner.strings("agree").unwrap_or_default();
        spelled.insert(language, Spelled { agree, forms });
    }
    Some(Entity { id: id.text, spelled, origin: table.origin() })
}

fn is_entity_id(id: &str) -> bool {
    (1..=100).contains(&id.len())
        && id.trim() == id
        && !id.chars().any(|c| c.is_control() || matches!(c, '/' | ',' | '"'))
}

/// Pairs as indices: country_1 before country_2 as the file orders them, or as a listed pair is written.
fn pairs(root: &Table<'_>, entities: &[Entity]) -> Option<Vec<(usize, usize)>> {
    root.need("pairs")?;
    if root.is_string("pairs") {
        let word = root.string("pairs")?;
        if word.text != "all" {
            root.note(word.line, "`pairs` must be \"all\" or a list of pairs");
            return None;
        }
        let n = entities.len();
        return Some((0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))).collect());
    }
    let index = |id: &str| {
        let found = entities.iter().position(|e| e.id == id);
        if found.is_none() {
            root.problem(format!("`pairs` names `{}`, which is no entity of this file", excerpt(id)));
        }
        found
    };
    let mut seen = BTreeSet::new();
    let mut pairs = Vec::new();
    for pair in root.string_lists("pairs")? {
        let [one, two] = pair.as_slice() else {
            root.problem(format!("`pairs` has an entry of {} names; a pair has two", pair.len()));
            return None;
        };
        let (a, b) = (index(one)?, index(two)?);
        if a == b || !seen.insert((a.min(b), a.max(b))) {
            root.problem(format!("`pairs` has `{one}` with `{two}`, which is a repetition or no pair"));
            return None;
        }
        pairs.push((a, b));
    }
    if pairs.is_empty() {
        root.problem("`pairs` is empty");
        return None;
    }
    Some(pairs)
}

/// With hyphens in entity ids two pairs could read alike in prompt ids.
fn refuse_same_names(root: &Table<'_>, entities: &[Entity], pairs: &[(usize, usize)]) {
    if !entities.iter().any(|e| e.id.contains('-')) {
        return;
    }
    let mut names = BTreeSet::new();
    for &(a, b) in pairs {
        if let (Some(a), Some(b)) = (entities.get(a), entities.get(b)) {
            let name = format!("{}-{}", a.id, b.id);
            if names.contains(&name) {
                root.problem(format!("two pairs are both called `{name}`; use ids without hyphens"));
            }
            names.insert(name);
        }
    }
}
