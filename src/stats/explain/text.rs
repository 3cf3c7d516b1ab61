//! An explanation for a terminal of 80 columns.

use super::super::compliance::Tier;
use super::super::figure::Estimate;
use super::super::summary::{Section, wrapped};
use super::{CellOf, Explanation, Headline, LeftOut, PromptRead, ReadingOf};
use crate::plain::{counted, grouped};

/// Of the figures and clusters, so many are named; the document has all.
const SHOWN: usize = 12;

/// The whole explanation; `command` makes it in JSON.
pub fn explanation_text(explanation: &Explanation) -> String {
    let e = explanation;
    let mut out = format!("{}\n\n{}", e.id, wrapped(e.definition));
    out += &wrapped(&format!("Formula: {} ({}).", e.formula, e.documented));
    out.push('\n');
    out += &wrapped(&value(e));
    let c = &e.made_of;
    if c.items > 0 {
        out += &wrapped(&format!(
            "Made of {} in {}: {} of {} in {} of {}; {}.",
            counted(c.items, "item"),
            counted(e.runs.len(), "run"),
            counted(c.cells, "cell"),
            counted(c.pairs, "pair"),
            counted(c.scenarios, "scenario"),
            counted(c.types, "type"),
            counted(c.prompts, "prompt"),
        ));
    }
    if let Some(dropped) = dropped(e) {
        out += &wrapped(&dropped);
    }
    runs(e).write(&mut out);
    made_from(e).write(&mut out);
    let influence = &e.influence;
    for (of, list) in
        [("family", &influence.families), ("scenario type", &influence.types), ("pair", &influence.pairs)]
    {
        clusters(of, list).write(&mut out);
    }
    if let Some(why) = influence.untold {
        out += &wrapped(&format!("\nNo items are listed: {why}."));
    }
    cells(e).write(&mut out);
    for cell in &influence.cells {
        of_cell(&mut out, cell);
    }
    out
}

/// What the estimate leaves out, and so the counts.
fn dropped(e: &Explanation) -> Option<String> {
    let Estimate::Confirmatory(of) = &e.estimate else { return None };
    let named = |what: &str, names: &[String]| match names {
        [] => None,
        [one] => Some(format!("the {what} {one}")),
        names => Some(format!("the {what}s {}", names.join(", "))),
    };
    let parts = [named("type", &of.dropped_types), named("opponent", &of.dropped_opponents)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("Not counted, as cells are missing: {}.", parts.join("; ")))
}

fn value(e: &Explanation) -> String {
    let Some(headline) = &e.headline else {
        return "It has no one number.".to_owned();
    };
    let mut text = format!("{} = {}", headline.field, with_unit(headline));
    if let Some(adjusted) = &e.adjusted {
        let p = adjusted.p.map_or_else(|| "none".to_owned(), |p| format!("{p:.3e}"));
        let method = adjusted.method.replace('_', "-");
        text += &format!("; adjusted p {p} ({method} over {}, {} tests)", adjusted.over, adjusted.tests);
    }
    if let Some(compliance) = e.compliance {
        text += &format!("; least compliance of its runs {}", probability(compliance));
        if Tier::of(compliance) == Tier::Low {
            text += &format!(", below {}: it cannot be read (‡)", Tier::BOUNDS[0]);
        }
    }
    text + "."
}

fn with_unit(headline: &Headline) -> String {
    format!("{} ({})", signed(headline.value), headline.unit)
}

/// Enough digits to tell small changes apart.
fn signed(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 1e-3 => format!("{value:+.2e}"),
        _ => format!("{value:+.4}"),
    }
}

/// A small one keeps a digit that is not nought.
fn probability(value: f64) -> String {
    if value > 0.0 && value < 5e-4 { format!("{value:.1e}") } else { format!("{value:.3}") }
}

fn runs(e: &Explanation) -> Section {
    let row = |run: &super::Part| {
        let factor = match run.factor {
            0.0 => String::new(),
            factor => format!("{factor:+}"),
        };
        let mark = if Tier::of(run.compliance) == Tier::Low { "‡" } else { "" };
        let compliance = format!("{}{mark}", probability(run.compliance));
        let numbers = [factor, grouped(run.items), compliance];
        [run.checkpoint.clone(), run.language.clone(), run.condition.clone()]
            .into_iter()
            .chain(numbers)
            .collect()
    };
    Section {
        title: "Its runs".to_owned(),
        header: vec!["checkpoint", "lang", "condition", "factor", "items", "compliance"],
        rows: e.runs.iter().map(row).collect(),
        below: String::new(),
    }
}

fn made_from(e: &Explanation) -> Section {
    let row = |of: &super::MadeOf| {
        let value = of.headline.map_or_else(|| "-".to_owned(), |headline| signed(headline.value));
        vec![of.id.clone(), value]
    };
    Section {
        title: "The figures that it is made from".to_owned(),
        header: vec!["figure", "value"],
        rows: e.made_from.iter().take(SHOWN).map(row).collect(),
        below: more(e.made_from.len()),
    }
}

fn more(all: usize) -> String {
    match all.checked_sub(SHOWN) {
        None | Some(0) => String::new(),
        Some(n) => format!("{} more: --json has all.\n", grouped(n)),
    }
}

fn changes(without: Option<f64>, change: Option<f64>) -> [String; 2] {
    [without, change].map(|v| v.map_or_else(|| "none".to_owned(), signed))
}

fn clusters(of: &'static str, list: &[LeftOut]) -> Section {
    let row = |left: &LeftOut| {
        let [without, change] = changes(left.without, left.change);
        vec![left.name.clone(), without, change]
    };
    Section {
        title: format!("Without one {of}"),
        header: vec!["name", "without", "change"],
        rows: list.iter().take(SHOWN).map(row).collect(),
        below: more(list.len()),
    }
}

fn cells(e: &Explanation) -> Section {
    let row = |cell: &CellOf| {
        let [without, change] = changes(cell.without, cell.change);
        vec![cell.scenario.clone(), format!("{}, {}", cell.country_1, cell.country_2), without, change]
    };
    let shown = &e.influence.cells;
    Section {
        title: format!("The cells that move it most, of {}", grouped(e.made_of.cells)),
        header: vec!["name", "of", "without", "change"],
        rows: shown.iter().map(row).collect(),
        below: String::new(),
    }
}

fn of_cell(out: &mut String, cell: &CellOf) {
    *out += &format!(
        "\n{}",
        wrapped(&format!(
            "{} ({}), {} and {}",
            cell.scenario, cell.scenario_type, cell.country_1, cell.country_2
        ))
    );
    for item in &cell.items {
        of_item(out, item);
    }
}

fn of_item(out: &mut String, item: &ReadingOf) {
    *out += &wrapped(&format!(
        "\n{}, {}, {}: {}. {} over {}: {} as first role, {} as second, mean {}; compliance {}.",
        item.checkpoint,
        item.language,
        item.condition,
        item.question,
        item.country_1,
        item.country_2,
        signed(item.diff_fwd),
        signed(item.diff_rev),
        signed(item.bias),
        probability(item.compliance)
    ));
    for prompt in &item.prompts {
        *out += &format!("\n  {}", score(prompt));
        if let Some(text) = &prompt.text {
            for line in wrapped_to(text, 76) {
                *out += &format!("  | {line}\n");
            }
        }
    }
}

fn score(prompt: &PromptRead) -> String {
    format!(
        "roles {}, order {}: log-odds of A ({}) over B {}, compliance {}\n",
        prompt.roles,
        prompt.order,
        prompt.first_option,
        signed(prompt.log_odds),
        probability(prompt.compliance)
    )
}

/// Lines of a prompt, broken at spaces, and within what has none.
fn wrapped_to(text: &str, width: usize) -> Vec<String> {
    // Scripts that are written without spaces take two columns a letter.
    let wide = |c: char| if c >= '\u{1100}' { 2 } else { 1 };
    let columns = |word: &str| word.chars().map(wide).sum::<usize>();
    let mut lines = Vec::new();
    for line in text.lines() {
        let (mut current, mut used) = (String::new(), 0);
        for word in line.split(' ') {
            let size = columns(word);
            if used > 0 && used + 1 + size > width && size <= width {
                lines.push(std::mem::take(&mut current));
                used = 0;
            } else if used > 0 {
                current.push(' ');
                used += 1;
            }
            for c in word.chars() {
                if used + wide(c) > width {
                    lines.push(std::mem::take(&mut current));
                    used = 0;
                }
                current.push(c);
                used += wide(c);
            }
        }
        lines.push(current);
    }
    lines
}

#[cfg(test)]
mod tests;
