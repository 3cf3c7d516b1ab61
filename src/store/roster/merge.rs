//! Two rosters of one run made into one: a later sweep may name fewer checkpoints than have scores.

use toml::{Table, Value};

/// The copy that a run keeps.
#[derive(Debug, PartialEq)]
pub struct Merged {
    pub text: String,
    /// Checkpoints that only the earlier roster names.
    pub also: Vec<String>,
}

/// Put in front of a roster that no person has written.
const HEAD: &str =
    "# The rosters of several sweeps into this run, merged: a checkpoint that has scores stays.\n\n";

/// One `[[family]]`.
#[derive(Debug, Clone, PartialEq)]
struct Family {
    name: String,
    /// Its keys but the name and the stages.
    facts: Table,
    /// In order, each with its name.
    stages: Vec<(String, Table)>,
}

/// The roster `given`, beside what `before` says of the checkpoints that `keep` names. `None` where `given` says all
/// of that itself, or where one of them is no roster.
pub fn merge(before: &str, given: &str, keep: impl Fn(&str) -> bool) -> Option<Merged> {
    let (before, given): (Table, Table) = (toml::from_str(before).ok()?, toml::from_str(given).ok()?);
    let (old, new) = (families(&before)?, families(&given)?);
    let kept = |(_, stage): &&(String, Table)| keep(model(stage));
    let as_given = |family: &Family, stage: &(String, Table)| {
        new.iter().any(|f| f.name == family.name && f.facts == family.facts && f.stages.contains(stage))
    };
    if old.iter().all(|family| family.stages.iter().filter(kept).all(|stage| as_given(family, stage))) {
        return None;
    }
    let named = |wanted: &str| new.iter().flat_map(|f| &f.stages).any(|(_, stage)| model(stage) == wanted);
    let also = old.iter().flat_map(|f| &f.stages).filter(kept).map(|(_, stage)| model(stage).to_owned());
    let also = also.filter(|model| !named(model)).collect();

    let mut all: Vec<Family> = old.clone();
    for family in &mut all {
        family.stages.retain(|stage| kept(&stage));
    }
    all.retain(|family| !family.stages.is_empty());
    for family in &new {
        let mut family = family.clone();
        family.stages.retain(|stage| !kept(&stage));
        if !family.stages.is_empty() {
            join(&mut all, family, &old, &new);
        }
    }
    all.sort_by_key(|family| old.iter().position(|f| f.name == family.name).unwrap_or(usize::MAX));

    let mut root = Table::new();
    if let Some(analysis) = analysis(&before, &given, keep) {
        root.insert("analysis".into(), Value::Table(analysis));
    }
    root.insert("family".into(), Value::Array(all.into_iter().map(Family::into_value).collect()));
    let text = toml::to_string(&root).ok()?;
    Some(Merged { text: format!("{HEAD}{text}"), also })
}

/// Adds `family` to `all`: to the family of its name, unless another checkpoint has its stage there.
fn join(all: &mut Vec<Family>, mut family: Family, old: &[Family], new: &[Family]) {
    let Some(at) = all.iter().position(|f| f.name == family.name) else {
        all.push(family);
        return;
    };
    let taken = |name: &String| all[at].stages.iter().any(|(known, _)| known == name);
    if family.stages.iter().any(|(name, _)| taken(name)) {
        let free = |name: &String| !all.iter().any(|f| f.name == *name);
        let numbered = (2..).map(|n| format!("{} ({n})", family.name)).find(free);
        family.name = numbered.unwrap_or_default();
        all.push(family);
        return;
    }
    let place = &mut all[at];
    place.facts = family.facts;
    place.stages.append(&mut family.stages);
    // A family's stages have an order: the given one's where it has them all.
    let order = |families: &[Family]| -> Vec<String> {
        let own = families.iter().filter(|f| f.name == place.name).flat_map(|f| &f.stages);
        own.map(|(name, _)| name.clone()).collect()
    };
    let (mut first, mut second) = (order(new), order(old));
    if !place.stages.iter().all(|(name, _)| first.contains(name)) {
        std::mem::swap(&mut first, &mut second);
    }
    first.append(&mut second);
    place.stages.sort_by_key(|(name, _)| first.iter().position(|known| known == name));
}

/// The settings given, with what they leave unsaid as it was; a checkpoint's route comes from the roster that names it.
fn analysis(before: &Table, given: &Table, keep: impl Fn(&str) -> bool) -> Option<Table> {
    let part = |root: &Table| root.get("analysis").and_then(Value::as_table).cloned();
    let (Some(mut merged), Some(given)) = (part(before), part(given)) else {
        return part(given).or_else(|| part(before));
    };
    let route =
        |analysis: &Table| analysis.get("route").and_then(Value::as_table).cloned().unwrap_or_default();
    let mut routes: Table = route(&merged).into_iter().filter(|(model, _)| keep(model)).collect();
    routes.extend(route(&given).into_iter().filter(|(model, _)| !keep(model)));
    merged.extend(given);
    merged.remove("route");
    if !routes.is_empty() {
        merged.insert("route".into(), Value::Table(routes));
    }
    Some(merged)
}

fn model(stage: &Table) -> &str {
    stage.get("model").and_then(Value::as_str).unwrap_or_default()
}

fn families(root: &Table) -> Option<Vec<Family>> {
    root.get("family")?.as_array()?.iter().map(Family::of).collect()
}

impl Family {
    fn of(value: &Value) -> Option<Family> {
        let mut family = Family { name: String::new(), facts: Table::new(), stages: Vec::new() };
        for (key, value) in value.as_table()? {
            match value {
                Value::String(name) if key == "name" => family.name.clone_from(name),
                Value::Table(stage) => family.stages.push((key.clone(), stage.clone())),
                fact => drop(family.facts.insert(key.clone(), fact.clone())),
            }
        }
        Some(family)
    }

    fn into_value(self) -> Value {
        let mut table = Table::new();
        table.insert("name".into(), Value::String(self.name));
        table.extend(self.facts);
        table.extend(self.stages.into_iter().map(|(name, stage)| (name, Value::Table(stage))));
        Value::Table(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "[analysis]\ntarget = 'X'\ncondition = 'main'\n[analysis.route]\na = 'p'\nb = 'p'\n\
        [[family]]\nname = 'f'\nmaker_country = 'X'\nbase = { model = 'a' }\nchat = { model = 'b' }\n";

    fn of(text: &str) -> (Table, Vec<Family>) {
        let root: Table = toml::from_str(text).expect("TOML");
        let families = families(&root).expect("families");
        (root, families)
    }

    #[test]
    fn another_checkpoint_in_a_stage_that_is_taken_gets_a_family_of_its_own() {
        let new = "[[family]]\nname = 'f'\nbase = { model = 'c' }\nchat = { model = 'd' }\n";
        let merged = merge(OLD, new, |model| model == "a").expect("merged");
        let (_, families) = of(&merged.text);
        let names: Vec<&str> = families.iter().map(|f| f.name.as_str()).collect();
        assert_eq!((names, merged.also), (vec!["f", "f (2)"], vec!["a".to_owned()]));
        assert_eq!(families[1].stages.len(), 2);
        // Merging again finds the same.
        let again = merge(&merged.text, new, |model| model == "a").expect("merged");
        assert_eq!(again.text, merged.text);
    }

    #[test]
    fn routes_come_from_the_roster_that_names_the_checkpoint() {
        let new = "[analysis]\ntarget = 'Y'\n[[family]]\nname = 'f'\nchat = { model = 'b' }\n";
        let merged = merge(OLD, new, |model| model == "a").expect("merged");
        let (root, families) = of(&merged.text);
        let analysis = root["analysis"].as_table().expect("a table");
        assert_eq!(analysis["target"].as_str(), Some("Y"));
        assert_eq!(analysis["condition"].as_str(), Some("main"));
        let route: Vec<&String> = analysis["route"].as_table().expect("a table").keys().collect();
        assert_eq!(route, ["a"]);
        let stages: Vec<&str> = families[0].stages.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(stages, ["base", "chat"]);
    }

    #[test]
    fn a_route_that_is_told_anew_holds_for_checkpoints_without_scores() {
        let new = "[analysis.route]\na = 'q'\nb = 'q'\n[[family]]\nname = 'f'\nchat = { model = 'b' }\n";
        let merged = merge(OLD, new, |model| model == "a").expect("merged");
        let (root, _) = of(&merged.text);
        assert_eq!(root["analysis"]["route"], toml::from_str::<Value>("a = 'p'\nb = 'q'").expect("TOML"));
    }

    #[test]
    fn a_roster_that_says_it_all_stands_as_it_is() {
        let new = format!("# mine\n{OLD}[[family]]\nname = 'g'\nbase = {{ model = 'c' }}\n");
        assert_eq!(merge(OLD, &new, |_| true), None);
        assert_eq!(merge("no roster", OLD, |_| true), None);
        // Each thing that a roster says otherwise is kept as it was of a checkpoint that has scores.
        for (from, to) in [
            ("name = 'f'", "name = 'g'"),
            ("maker_country = 'X'", "maker_country = 'Y'"),
            ("base = { model = 'a' }", "base = { model = 'a', prefill = '(' }"),
        ] {
            assert!(OLD.contains(from));
            let merged = merge(OLD, &OLD.replace(from, to), |_| true).expect(to);
            assert_eq!((of(&merged.text).1, merged.also), (of(OLD).1, Vec::new()), "{to}");
        }
    }
}
