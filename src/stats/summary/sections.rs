//! The tables, one function each.

use super::super::compliance::Tier;
use super::super::confirmatory::{Size, Verdict};
use super::super::figure::{Estimate, Figure};
use super::format::{Digits, p_value, probability};
use super::marks::Marks;
use super::scales::SCALES;
use super::{Section, Summary, Tables};

/// An estimate with the half-width of its interval.
type Shown = (f64, Option<f64>);

impl<'a> Summary<'a> {
    pub fn sections(&self) -> Vec<Section> {
        let mut sections = vec![self.compliance(), self.leans(), self.shifts(), self.language_shifts()];
        sections.extend([self.makers(), self.published_makers(), self.contrasts(), self.comparisons()]);
        sections.extend([self.coherence(), self.effects()]);
        if self.tables == Tables::All {
            sections.push(self.stages_by_language());
            sections.extend(SCALES.map(|(group, title)| self.scales(group, title)));
            sections.push(self.nuisance());
        }
        sections
    }

    fn compliance(&self) -> Section {
        let (mut rows, mut shown) = (Vec::new(), Vec::new());
        for figure in self.analysis.of("compliance") {
            let p = &figure.parts;
            let (Estimate::Compliance(c), Some("both")) = (&figure.estimate, p.question.as_deref()) else {
                continue;
            };
            let (Some(language), Some(label)) = (p.language.as_deref(), p.label()) else { continue };
            if !self.shows(figure) {
                continue;
            }
            let tier = Tier::of(c.mean).name().to_owned();
            let numbers = [c.mean, c.median, c.min].map(probability);
            let mut row = vec![marked(&label, figure), language.to_owned()];
            row.extend(numbers);
            row.push(tier);
            rows.push(row);
            shown.push((language, label));
        }
        Section {
            title: "Compliance (probability on the choices)".to_owned(),
            header: vec!["checkpoint", "lang", "mean", "median", "least", "tier"],
            rows,
            below: self.marks.warnings(&shown) + &self.marks.routes(),
        }
    }

    /// Rows of estimates with their intervals and adjusted p, and a last column of the caller's.
    fn estimates(
        &self,
        figures: &[&'a Figure],
        name: impl Fn(&Figure) -> Option<String>,
        last: impl Fn(&Figure) -> Option<String>,
    ) -> Vec<Vec<String>> {
        let shown: Vec<Option<Shown>> = figures.iter().map(|figure| main_estimate(figure)).collect();
        let digits = Digits::of(shown.iter().filter_map(|shown| (*shown)?.1).collect());
        let mut rows = Vec::new();
        for (figure, shown) in figures.iter().zip(shown) {
            let p = &figure.parts;
            let (Some((estimate, half)), Some(name)) = (shown, name(figure)) else { continue };
            let mut row = vec![marked(&name, figure), p.spoken().unwrap_or_default()];
            if self.country.is_none() {
                row.push(p.country.clone().unwrap_or_default());
            }
            let adjusted = figure.adjusted.as_ref().and_then(|adjusted| adjusted.p);
            row.extend([digits.signed(estimate), digits.interval(estimate, half), p_value(adjusted)]);
            row.extend(last(figure));
            rows.push(row);
        }
        rows
    }

    fn header(&self, first: &'static str, rest: &[&'static str]) -> Vec<&'static str> {
        let mut header = vec![first, "lang"];
        if self.country.is_none() {
            header.push("country");
        }
        header.extend(["log-odds", "95 % interval", "adj. p"]);
        header.extend(rest);
        header
    }

    /// The figures of the confirmatory group, or else of the published one.
    fn either(&self, confirmatory: &'a str, published: &'a str) -> (Vec<&'a Figure>, bool) {
        let first: Vec<&Figure> = self.of(confirmatory).collect();
        if first.is_empty() { (self.of(published).collect(), false) } else { (first, true) }
    }

    fn leans(&self) -> Section {
        let (figures, stated) = self.either("confirmatory", "favourability");
        let below = if stated { self.scope_note(&figures) } else { over_types() };
        let size = |figure: &Figure| stated.then(|| size_of(figure).to_owned());
        let rest: &[&str] = if stated { &["size"] } else { &[] };
        Section {
            title: format!("{} ({})", if stated { "Lean" } else { "Favourability" }, self.chosen()),
            header: self.header("checkpoint", rest),
            rows: self.estimates(&figures, |f| f.parts.label(), size),
            below,
        }
    }

    fn shifts(&self) -> Section {
        let (figures, stated) = self.either("confirmatory_shift", "shift");
        let verdict = |figure: &Figure| stated.then(|| self.verdict(figure));
        let rest: &[&str] = if stated { &["verdict"] } else { &[] };
        let below = if stated {
            "Adjusted over families. Firm: log-odds, choice and role scale agree in sign and exclude zero.\n"
                .to_owned()
        } else {
            String::new()
        };
        Section {
            title: format!("{}, last stage less first ({})", shift_of(&figures), self.chosen()),
            header: self.header("family", rest),
            rows: self.estimates(&figures, |f| f.parts.step_label(f.step_between), verdict),
            below,
        }
    }

    /// Of the `firm` figure that goes with a shift.
    fn verdict(&self, shift: &Figure) -> String {
        let same = |firm: &&Figure| {
            let (a, b) = (&firm.parts, &shift.parts);
            (&a.language, &a.family, &a.condition, &a.country)
                == (&b.language, &b.family, &b.condition, &b.country)
                && (&a.stage, &a.baseline_stage, firm.step_between)
                    == (&b.stage, &b.baseline_stage, shift.step_between)
        };
        let Some(Estimate::Firm(firm)) = self.analysis.of("firm").find(same).map(|f| &f.estimate) else {
            return String::new();
        };
        match firm.verdict {
            Verdict::Firm => "firm".to_owned(),
            Verdict::NotFirm => {
                let names = firm.disagree.iter().map(|scale| scale.replace('_', " "));
                format!("not firm: {}", names.collect::<Vec<_>>().join(", "))
            }
            Verdict::NoneFound => "none found".to_owned(),
            Verdict::NoInterval => "no interval".to_owned(),
            Verdict::Unreadable => "unreadable".to_owned(),
        }
    }

    fn language_shifts(&self) -> Section {
        let (figures, _) = self.either("confirmatory_language_shift", "language_shift");
        Section {
            title: format!("Language shift, less the baseline language ({})", self.chosen()),
            header: self.header("checkpoint", &[]),
            rows: self.estimates(&figures, |f| f.parts.label(), |_| None),
            below: String::new(),
        }
    }

    fn stages_by_language(&self) -> Section {
        let figures: Vec<&Figure> = self.of("stage_by_language").collect();
        Section {
            title: format!("What the language changes of the shift ({})", self.chosen()),
            header: self.header("family", &[]),
            rows: self.estimates(&figures, |f| f.parts.family.clone(), |_| None),
            below: String::new(),
        }
    }

    fn coherence(&self) -> Section {
        let (mut rows, mut below) = (Vec::new(), String::new());
        for figure in self.analysis.of("coherence").filter(|figure| figure.parts.name.is_none()) {
            match &figure.estimate {
                Estimate::CoherentSet(set) => {
                    let threshold = figure.parts.subset.clone().unwrap_or_default();
                    rows.push(vec![threshold, set.n.to_string(), set.types.len().to_string()]);
                }
                Estimate::CoherenceCounts(counts) => {
                    below = format!(
                        "Runs: {}; the most coherent scenario is so in {} of them.\n",
                        counts.runs, counts.max
                    );
                }
                _ => {}
            }
        }
        Section {
            title: "Coherence (the two polarities opposite in sign)".to_owned(),
            header: vec!["threshold", "scenarios", "types"],
            rows,
            below,
        }
    }

    /// What letters and roles do to single prompts and scenarios, beside which a lean is to be read.
    fn effects(&self) -> Section {
        let mut rows = Vec::new();
        for (group, name) in [("role_effect", "roles"), ("letter_effect", "letters")] {
            for figure in self.analysis.of(group).filter(|figure| self.shows(figure)) {
                let (Estimate::Effect(e), p) = (&figure.estimate, &figure.parts) else { continue };
                rows.push(vec![
                    marked(&p.label().unwrap_or_default(), figure),
                    p.language.clone().unwrap_or_default(),
                    format!("{name}, {}", p.question.clone().unwrap_or_default()),
                    format!("{:.3}", e.rms),
                    Digits::of(Vec::new()).signed(e.mean),
                ]);
            }
        }
        Section {
            title:
                "What swapping roles and letters does (root mean square, and what does not cancel; log-odds)"
                    .to_owned(),
            header: vec!["checkpoint", "lang", "of", "rms", "mean"],
            rows,
            below: String::new(),
        }
    }

    /// Signed biases that the design cancels, with their intervals.
    fn nuisance(&self) -> Section {
        let groups = ["role_bias", "letter_bias"];
        let figures =
            groups.iter().flat_map(|group| self.analysis.of(group)).filter(|figure| self.shows(figure));
        let figures: Vec<&Figure> = figures.collect();
        let shown: Vec<Option<Shown>> = figures.iter().map(|figure| main_estimate(figure)).collect();
        let digits = Digits::of(shown.iter().filter_map(|shown| (*shown)?.1).collect());
        let mut rows = Vec::new();
        for (figure, shown) in figures.iter().zip(shown) {
            let (Some((estimate, half)), p) = (shown, &figure.parts) else { continue };
            let name = if p.group == "role_bias" { "first role" } else { "first letter" };
            let mut row =
                vec![marked(&p.label().unwrap_or_default(), figure), p.language.clone().unwrap_or_default()];
            row.push(format!("{name}, {}", p.question.clone().unwrap_or_default()));
            let adjusted = figure.adjusted.as_ref().and_then(|adjusted| adjusted.p);
            row.extend([digits.signed(estimate), digits.interval(estimate, half), p_value(adjusted)]);
            rows.push(row);
        }
        Section {
            title: "What the design cancels (taste for the first role, the first letter)".to_owned(),
            header: vec!["checkpoint", "lang", "of", "log-odds", "95 % interval", "adj. p"],
            rows,
            below: String::new(),
        }
    }

    /// For which question the intervals are, and what they were not made on.
    fn scope_note(&self, figures: &[&'a Figure]) -> String {
        let mut text =
            "Intervals and p for other incidents and other pairings of these countries; p adjusted over checkpoints and \
             countries (Benjamini-Hochberg). Size, beside the smallest effect of interest: small, large, or open.\n"
                .to_owned();
        let mut dropped: Vec<&str> = Vec::new();
        let (mut without, mut fallback) = (0, None);
        for figure in figures {
            let Estimate::Confirmatory(c) = &figure.estimate else { continue };
            let names = c.dropped_types.iter().chain(&c.dropped_opponents).map(String::as_str);
            dropped.extend(names.collect::<Vec<_>>());
            without += usize::from(c.crossed.is_none_or(|block| block.interval().is_none()));
            fallback = fallback.or(c.crossed_is_new_types);
        }
        dropped.sort_unstable();
        dropped.dedup();
        if !dropped.is_empty() {
            text += &format!("Left out where cells are missing: {}.\n", dropped.join(", "));
        }
        if let Some(why) = fallback {
            text += &format!("Where {why}, the interval is that for other kinds of incident alone.\n");
        }
        if without > 0 {
            text += "Without an interval (one type, no spread, or too few independent groups) nothing can be inferred.\n";
        }
        text
    }
}

/// Only from base to chat is a shift called one of post-training.
fn shift_of(figures: &[&Figure]) -> &'static str {
    let is_post_training = |figure: &&Figure| {
        let p = &figure.parts;
        (p.baseline_stage.as_deref(), p.stage.as_deref()) == (Some("base"), Some("chat"))
    };
    let ends = || figures.iter().filter(|figure| !figure.step_between);
    if ends().all(is_post_training) { "Post-training shift" } else { "Shift" }
}

fn over_types() -> String {
    "Means over scenario types; intervals and p from Student's t over the types.\n".to_owned()
}

/// A name with the mark of what the figure is made of.
pub(super) fn marked(name: &str, figure: &Figure) -> String {
    format!("{name}{}", Marks::figure(figure))
}

/// The estimate that a table shows, with its half-width.
fn main_estimate(figure: &Figure) -> Option<Shown> {
    match &figure.estimate {
        Estimate::Clustered(c) => Some((c.mean_cluster, c.ci_t.filter(|ci| *ci > 0.0))),
        Estimate::Confirmatory(c) => Some((c.estimate, c.crossed.and_then(|block| block.interval()))),
        _ => None,
    }
}

fn size_of(figure: &Figure) -> &'static str {
    match &figure.estimate {
        Estimate::Confirmatory(c) => match c.size {
            Some(Size::Smaller) => "small",
            Some(Size::Larger) => "large",
            Some(Size::Undecided) => "open",
            None => "-",
        },
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::fixture;
    use super::super::super::{Recipes, analyze_with};
    use super::super::SummaryOptions;
    use super::*;

    /// As the fixture's `expected.json` has it.
    #[test]
    fn a_shifts_verdict_stands_beside_it() {
        let (table, settings) = fixture("confirmatory");
        let analysis = analyze_with(&table, &settings, Recipes::Confirmatory).expect("an analysis");
        let options = SummaryOptions::default();
        let summary = Summary::new(&analysis, &options).expect("a summary");
        for (family, verdict) in [
            ("en/alpha/Norland", "not firm: role scaled"),
            ("en/beta/Norland", "none found"),
            ("en/gamma/Sudria", "none found"),
            ("fr/alpha/Norland", "firm"),
        ] {
            let shift = analysis.figure(&format!("confirmatory_shift/{family}/preference/all"));
            assert_eq!(summary.verdict(shift.expect("a shift")), verdict, "{family}");
        }
        for (lean, size) in
            [("alpha-base/Norland", "open"), ("alpha-base/Ostia", "small"), ("alpha-chat/Norland", "large")]
        {
            let lean = analysis.figure(&format!("confirmatory/en/{lean}/preference/all")).expect("a lean");
            assert_eq!(size_of(lean), size, "{}", lean.id);
        }
    }
}
