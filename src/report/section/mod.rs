//! The page's parts, one file each, in order.

mod compliance;
mod conditions;
mod decomposition;
mod favourability;
mod language;
mod maker;
mod methods;
mod nuisance;
mod preference;
mod sensitivity;
mod shift;

use std::cell;

use super::input::ReportInput;
use super::scope::{Caution, Checkpoint, Family, Scope};
use super::table::{Cell, Group, Panel, Section};
use super::{format, frame};
use crate::stats::Clustered;

/// What every part is made from.
pub struct Context<'a> {
    pub input: &'a ReportInput<'a>,
    pub scope: Scope<'a>,
    figures: cell::Cell<usize>,
}

impl<'a> Context<'a> {
    pub fn new(input: &'a ReportInput<'a>) -> Context<'a> {
        Context { input, scope: Scope::new(input), figures: cell::Cell::new(0) }
    }

    /// An id for the next picture of the page.
    fn figure_id(&self) -> String {
        self.figures.set(self.figures.get() + 1);
        format!("f{}", self.figures.get())
    }

    /// `† compliance 0.52 in French`, for a checkpoint whose compliance is wanting in some languages.
    fn caution_note(&self, label: &str) -> String {
        let notes: Vec<String> = self
            .scope
            .languages_of(label)
            .into_iter()
            .filter(|language| self.scope.caution(language, label) > Caution::None)
            .filter_map(|language| {
                let mean = format::probability(self.scope.compliance_mean(language, label)?);
                let dagger = self.scope.caution(language, label).dagger();
                Some(format!("{dagger} compliance {mean} in {}", format::language(language)))
            })
            .collect();
        notes.join(", ")
    }

    /// The caution notes of a family's checkpoints.
    fn family_note(&self, family: &Family<'_>) -> String {
        let notes = family.stages.iter().filter_map(|(_, label)| {
            let note = self.caution_note(label);
            (!note.is_empty()).then(|| format!("{label}: {note}"))
        });
        notes.collect::<Vec<_>>().join("; ")
    }

    /// What a caption says of its panels' axes.
    fn axes(&self) -> &'static str {
        let first = self.scope.checkpoints.first().and_then(|c| c.stage);
        if self.scope.checkpoints.iter().all(|c| c.stage == first) {
            "One axis for all checkpoints."
        } else {
            "One axis per stage: sizes compare by eye within a stage, between stages by the ticks."
        }
    }

    /// Panels by family, in stage order; checkpoints of no family last.
    fn by_family(&self, panel: impl Fn(&Checkpoint<'a>) -> Option<Panel>) -> Vec<Group> {
        let scope = &self.scope;
        let mut groups = Vec::new();
        for (i, family) in scope.families.iter().enumerate() {
            let panels =
                scope.checkpoints.iter().filter(|c| c.family == Some(i)).filter_map(&panel).collect();
            groups.push(Group { title: self.family_title(i), panels });
            if family.stages.is_empty() {
                groups.pop();
            }
        }
        let title = if scope.families.is_empty() { "" } else { "Other checkpoints" };
        let panels = scope.checkpoints.iter().filter(|c| c.family.is_none()).filter_map(&panel).collect();
        groups.push(Group { title: title.to_owned(), panels });
        groups.retain(|group| !group.panels.is_empty());
        groups
    }

    /// `qwen (Alibaba, China)`.
    fn family_title(&self, index: usize) -> String {
        let Some(family) = self.scope.families.get(index) else { return String::new() };
        let maker: Vec<&str> = [family.maker, family.home].into_iter().flatten().collect();
        if maker.is_empty() {
            family.name.to_owned()
        } else {
            format!("{} ({})", family.name, maker.join(", "))
        }
    }

    /// `qwen2.5-7b-inst, chat`.
    fn checkpoint_title(&self, checkpoint: &Checkpoint<'_>) -> String {
        match checkpoint.stage {
            Some(stage) => format!("{} · {}", stage, checkpoint.label),
            None => checkpoint.label.to_owned(),
        }
    }

    fn entity_label_width(&self) -> f64 {
        frame::label_width(self.scope.entities.iter().copied())
    }

    fn checkpoint_label_width(&self) -> f64 {
        frame::label_width(self.scope.checkpoints.iter().map(|c| c.label))
    }

    /// An estimate in a table: its value, its 95 % interval and its p.
    fn cells(&self, c: &Clustered) -> [Cell; 3] {
        let decimals = self.scope.decimals;
        let interval = decimals.interval(c.mean_cluster, c.ci_t);
        [decimals.signed(c.mean_cluster), interval, format::p_value(c.p)].map(Cell::number)
    }

    /// Ends of an axis of favourability.
    fn towards(&self) -> (String, String) {
        let one = self.scope.wording.one;
        (format!("← against the {one}"), format!("log-odds, for the {one} →"))
    }
}

/// All parts that the analysis has something for.
pub fn sections(context: &Context<'_>) -> Vec<Section> {
    [
        Some(compliance::section(context)),
        Some(favourability::section(context)),
        Some(preference::section(context)),
        Some(shift::section(context)),
        Some(language::section(context)),
        Some(maker::section(context)),
        Some(decomposition::section(context)),
        conditions::section(context),
        Some(sensitivity::section(context)),
        Some(nuisance::section(context)),
        Some(methods::section(context)),
        methods::provenance(context),
    ]
    .into_iter()
    .flatten()
    .collect()
}
