//! Tables of what the settings name: contrasts of types, comparisons of conditions.

use super::super::figure::Estimate;
use super::format::Digits;
use super::sections::marked;
use super::{Section, Summary};

impl Summary<'_> {
    /// Contrasts of types that the settings name.
    pub(super) fn contrasts(&self) -> Section {
        let mut rows = Vec::new();
        for figure in self.of("type_contrast") {
            let (Estimate::Contrast(c), p) = (&figure.estimate, &figure.parts) else { continue };
            let digits = Digits::of(Vec::new());
            let show = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| digits.signed(v));
            let mut row =
                vec![p.name.clone().unwrap_or_default(), marked(&p.label().unwrap_or_default(), figure)];
            row.extend([p.language.clone().unwrap_or_default(), p.country.clone().unwrap_or_default()]);
            row.extend([c.inside, c.outside, c.difference].map(show));
            rows.push(row);
        }
        Section {
            title: format!("Contrasts of types ({})", self.chosen()),
            header: vec!["name", "checkpoint", "lang", "country", "inside", "outside", "difference"],
            rows,
            below: String::new(),
        }
    }

    /// Comparisons of conditions that the settings name.
    pub(super) fn comparisons(&self) -> Section {
        let mut rows = Vec::new();
        for figure in self.of("comparison") {
            let (Estimate::Comparison(c), p) = (&figure.estimate, &figure.parts) else { continue };
            let (digits, sides) = (Digits::of(Vec::new()), &c.mean_cluster);
            let checkpoint = p.checkpoint.clone().unwrap_or_default();
            let mut row = vec![p.name.clone().unwrap_or_default(), marked(&checkpoint, figure)];
            row.extend([p.spoken().unwrap_or_default(), p.country.clone().unwrap_or_default()]);
            row.extend([sides.baseline, sides.condition, sides.difference].map(|v| digits.signed(v)));
            rows.push(row);
        }
        Section {
            title: format!("Comparisons of conditions, on what both have ({})", self.chosen()),
            header: vec!["name", "checkpoint", "lang", "country", "baseline", "condition", "difference"],
            rows,
            below: String::new(),
        }
    }
}
