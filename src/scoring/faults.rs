//! Faults of input lines: the same fault is said once, with the lines that have it.

use std::collections::HashMap;

use crate::tokens::TokensError;

/// Different faults that are quoted; the rest is counted.
const QUOTED: usize = 20;
/// Runs of lines named for one fault.
const RUNS: usize = 5;

/// What is wrong with one line.
pub(super) enum Fault {
    Line(String),
    /// It is not the line's fault, and no other line would fare better: the checkpoint's file cannot be opened ...
    Closed(TokensError),
    /// ... or fails at its work.
    Broken(TokensError),
}

impl From<String> for Fault {
    fn from(fault: String) -> Self {
        Fault::Line(fault)
    }
}

impl From<&str> for Fault {
    fn from(fault: &str) -> Self {
        Fault::Line(fault.to_owned())
    }
}

impl From<TokensError> for Fault {
    fn from(error: TokensError) -> Self {
        match error {
            TokensError::TemplateEndless { .. } | TokensError::Encode { .. } => Fault::Broken(error),
            other => Fault::Line(other.to_string()),
        }
    }
}

/// Faults, or things worth noting, with the lines that have them.
#[derive(Debug, Default)]
pub(super) struct Faults {
    groups: Vec<(String, Vec<Run>)>,
    by_text: HashMap<String, usize>,
    unquoted: usize,
    pub count: usize,
}

/// Lines one behind the other, first and last.
#[derive(Debug, Clone, Copy)]
struct Run(usize, usize);

impl Faults {
    pub fn add(&mut self, line: usize, fault: String) {
        self.count += 1;
        let group = match self.by_text.get(&fault) {
            Some(&group) => group,
            None if self.groups.len() == QUOTED => {
                self.unquoted += 1;
                return;
            }
            None => {
                self.by_text.insert(fault.clone(), self.groups.len());
                self.groups.push((fault, Vec::new()));
                self.groups.len() - 1
            }
        };
        let runs = &mut self.groups[group].1;
        match runs.last_mut() {
            Some(Run(_, last)) if *last + 1 == line => *last = line,
            _ => runs.push(Run(line, line)),
        }
    }

    /// A text for each fault.
    pub fn texts(&self) -> Vec<String> {
        let quoted = self.groups.iter().map(|(fault, runs)| format!("{}: {fault}", lines(runs)));
        let more = (self.unquoted > 0).then(|| format!("and {} more", self.unquoted));
        quoted.chain(more).collect()
    }

    /// One line of text for each fault.
    pub fn list(&self) -> String {
        let lines: Vec<String> = self.texts().iter().map(|text| format!("  {text}")).collect();
        lines.join("\n")
    }
}

/// `line 3`, `lines 1 to 25`, `lines 1, 4 and 7 to 9`.
fn lines(runs: &[Run]) -> String {
    let mut named: Vec<String> = runs
        .iter()
        .take(RUNS)
        .map(|&Run(first, last)| match last - first {
            0 => first.to_string(),
            _ => format!("{first} to {last}"),
        })
        .collect();
    if runs.len() > RUNS {
        let more: usize = runs[RUNS..].iter().map(|Run(first, last)| last - first + 1).sum();
        named.push(format!("{more} more"));
    }
    let word = match runs {
        [Run(first, last)] if first == last => "line",
        _ => "lines",
    };
    match named.pop() {
        Some(last) if named.is_empty() => format!("{word} {last}"),
        Some(last) => format!("{word} {} and {last}", named.join(", ")),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_faults_stand_together() {
        let mut faults = Faults::default();
        for line in [1, 2, 3, 5, 9, 10] {
            faults.add(line, "a".into());
        }
        faults.add(4, "b".into());
        assert_eq!(faults.list(), "  lines 1 to 3, 5 and 9 to 10: a\n  line 4: b");
        for line in 20..60 {
            faults.add(2 * line, "a".into());
            faults.add(2 * line + 1, format!("{line}"));
        }
        let list = faults.list();
        assert!(list.starts_with("  lines 1 to 3, 5, 9 to 10, 40, 42 and 38 more: a\n"), "{list}");
        assert!(list.ends_with("\n  and 22 more"), "{list}");
        assert_eq!(faults.count, 87);
    }
}
