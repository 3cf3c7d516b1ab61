//! A comparison for a terminal of 80 columns.

use super::super::summary::{Section, wrapped};
use super::{Agreement, Changed, Differing, Paired, Spread};
use crate::plain::grouped;

/// Rows of a table that stand in the terminal; the document has all.
const SHOWN: usize = 20;

pub fn agreement_text(agreement: &Agreement) -> String {
    let a = agreement;
    let mut out = wrapped(&format!("First: {}\nSecond: {}", a.first, a.second));
    out.push('\n');
    out += &wrapped(&opening(a).join(" "));
    differs(&a.differs).write(&mut out);
    spreads(a).write(&mut out);
    if let Some(all) = &a.log_odds
        && all.largest > 0.0
    {
        out += &wrapped(&format!(
            "Largest: {} ({}), {} against {}.",
            all.largest_at.id(),
            all.largest_at.checkpoint,
            size(all.largest_at.log_odds[0]),
            size(all.largest_at.log_odds[1])
        ));
    }
    conclusions(a).write(&mut out);
    paired(a).write(&mut out);
    out
}

/// What it comes to, in sentences.
fn opening(a: &Agreement) -> Vec<String> {
    let j = &a.joined;
    if a.identical {
        let what = format!("{} {}", grouped(j.both), j.unit);
        return vec![format!("The same scores, bit for bit: {what}.")];
    }
    let mut said = vec![format!(
        "{} {} are in both, {} in the first only, {} in the second only, {} with other tokens (not compared).",
        grouped(j.both),
        j.unit,
        grouped(j.only_first),
        grouped(j.only_second),
        grouped(j.other_tokens)
    )];
    if let Some(all) = &a.log_odds {
        said.push(format!(
            "Of the {} compared, {} are the same bit for bit; the largest difference is {} log-odds, the typical one (median) \
             {}, 99 of 100 are below {}.",
            grouped(all.compared),
            grouped(all.identical),
            size(all.largest),
            size(all.median),
            size(all.p99)
        ));
        said.push(format!(
            "{} of {} choices change ({:.3} %); {} lie so near to even that they could.",
            grouped(all.changed_choices),
            grouped(all.compared),
            100.0 * all.changed_share,
            grouped(all.near)
        ));
    }
    let c = &a.conclusions;
    said.push(match c.changed.len() {
        0 => format!("None of {} conclusions changes.", grouped(c.compared)),
        n => format!("{} of {} conclusions change.", grouped(n), grouped(c.compared)),
    });
    if c.only_first + c.only_second > 0 {
        said.push(format!(
            "{} figures stand in the first only, {} in the second only.",
            grouped(c.only_first),
            grouped(c.only_second)
        ));
    }
    said
}

fn size(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        s if s < 1e-3 => format!("{value:.1e}"),
        _ => format!("{value:.4}"),
    }
}

fn differs(list: &[Differing]) -> Section {
    let short = |text: &str| {
        // A hash is told by its beginning.
        let hash = text.len() >= 32 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'"');
        if hash { text.trim_matches('"').chars().take(12).collect() } else { text.to_owned() }
    };
    let row = |d: &Differing| {
        vec![d.what.clone(), d.checkpoint.clone().unwrap_or_default(), short(&d.first), short(&d.second)]
    };
    Section {
        title: "What differs".to_owned(),
        header: vec!["name", "checkpoint", "first", "second"],
        rows: list.iter().map(row).collect(),
        below: String::new(),
    }
}

fn spreads(a: &Agreement) -> Section {
    let row = |s: &Spread| {
        let name = |part: &Option<String>| part.clone().unwrap_or_default();
        let mut row = vec![name(&s.checkpoint), name(&s.language), name(&s.condition), grouped(s.compared)];
        row.extend([s.median, s.p99, s.largest].map(size));
        row.push(grouped(s.changed_choices));
        row
    };
    let mut list: Vec<&Spread> = a.log_odds_by.iter().collect();
    list.sort_by(|x, y| y.largest.total_cmp(&x.largest));
    let rows = if a.identical { Vec::new() } else { list.iter().take(SHOWN).map(|s| row(s)).collect() };
    Section {
        title: "Differences of log-odds, largest first (without their sign)".to_owned(),
        header: vec!["checkpoint", "lang", "condition", "n", "median", "99 %", "largest", "changed"],
        rows,
        below: more(list.len()),
    }
}

fn more(all: usize) -> String {
    match all.checked_sub(SHOWN) {
        None | Some(0) => String::new(),
        Some(n) => format!("{} more: --json has all.\n", grouped(n)),
    }
}

fn conclusions(a: &Agreement) -> Section {
    let row = |c: &Changed| {
        let value = |h: Option<super::super::explain::Headline>| {
            h.map_or_else(String::new, |h| format!("{:+.3} ", h.value))
        };
        vec![
            c.id.clone(),
            format!("{}{}", value(c.headline_first), c.first.name()),
            format!("{}{}", value(c.headline_second), c.second.name()),
        ]
    };
    let list = &a.conclusions.changed;
    Section {
        title: "Conclusions that change".to_owned(),
        header: vec!["figure", "first", "second"],
        rows: list.iter().take(SHOWN).map(row).collect(),
        below: more(list.len()),
    }
}

/// The target's, as the study reads each checkpoint.
fn paired(a: &Agreement) -> Section {
    let of_target =
        |p: &&Paired| p.parts.country.as_deref() == Some(&a.target) && p.parts.routed == Some(true);
    let list: Vec<&Paired> = a.paired.iter().filter(of_target).collect();
    let row = |p: &&Paired| {
        let block = p.difference.crossed;
        let (ci, d) = (block.and_then(|b| b.interval()), p.difference.estimate);
        let interval = ci.map_or_else(|| "none".to_owned(), |ci| format!("{:+.3} to {:+.3}", d - ci, d + ci));
        vec![p.id.clone(), format!("{:+.3}", p.first), format!("{:+.3}", p.second), signed(d), interval]
    };
    Section {
        title: format!("Leans and shifts for {}, paired item by item (second less first)", a.target),
        header: vec!["figure", "first", "second", "difference", "95 % interval"],
        rows: if a.identical { Vec::new() } else { list.iter().take(SHOWN).map(row).collect() },
        below: more(list.len()),
    }
}

fn signed(value: f64) -> String {
    if value.abs() < 1e-3 && value != 0.0 { format!("{value:+.1e}") } else { format!("{value:+.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_keep_a_digit_and_zero_is_zero() {
        assert_eq!([0.0, 0.0004, 0.001, -0.25].map(signed), ["+0.000", "+4.0e-4", "+0.001", "-0.250"]);
        assert_eq!([0.0, 0.0004, 0.001, 0.25].map(size), ["0", "4.0e-4", "0.0010", "0.2500"]);
    }

    #[test]
    fn lists_say_what_they_leave_out() {
        assert_eq!([0, 20, 21].map(more), ["", "", "1 more: --json has all.\n"]);
    }
}
