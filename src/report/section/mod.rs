//! The page's parts, one file each, in order.

mod compliance;
mod conditions;
mod decomposition;
mod explained;
mod favourability;
mod language;
mod maker;
mod methods;
mod named;
mod nuisance;
mod robustness;
mod sensitivity;
pub mod shift;
mod specification;

pub use explained::to_explain;

use std::cell;

use super::block::{Block, Section};
use super::caution::Caution;
use super::checkpoints::{Checkpoint, Family};
use super::figure::{Figure, Group, Panel};
use super::format;
use super::frame::Layout;
use super::input::ReportInput;
use super::reading::Reading;
use super::scope::Scope;
use super::table::Cell;
use super::words;

/// Up to so many families stand open; of more each has a fold.
const OPEN: usize = 2;

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
    pub fn picture_id(&self) -> String {
        self.figures.set(self.figures.get() + 1);
        format!("f{}", self.figures.get())
    }

    /// `cell`, leading to where the figure of that id is explained, if it is.
    fn linked(&self, cell: Cell, id: &str) -> Cell {
        let at = self.input.explanations.iter().position(|explanation| explanation.id == id);
        Cell { link: at.map_or_else(String::new, explained::anchor), ..cell }
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

    /// Panels by family (its index), in stage order; checkpoints of no family last.
    fn by_family(&self, panel: impl Fn(&Checkpoint<'a>) -> Option<Panel>) -> Vec<(Option<usize>, Group)> {
        let scope = &self.scope;
        let of = |family: Option<usize>| -> Vec<Panel> {
            scope.checkpoints.iter().filter(|c| c.family == family).filter_map(&panel).collect()
        };
        let mut groups: Vec<(Option<usize>, Group)> = (0..scope.families.len())
            .map(|i| (Some(i), Group { title: self.family_title(i), panels: of(Some(i)) }))
            .collect();
        let title = if scope.families.is_empty() { "" } else { "Other checkpoints" };
        groups.push((None, Group { title: title.to_owned(), panels: of(None) }));
        groups.retain(|(_, group)| !group.panels.is_empty());
        groups
    }

    /// A drawing in parts where there are many families: one fold a family (checkpoints of none last), else all in one. `of` says
    /// whose an item is; `draw` makes a figure of some, with what its anchor and title are called after.
    fn folded<T>(
        &self,
        items: Vec<T>,
        of: impl Fn(&T) -> Option<usize>,
        draw: impl Fn(&[T], Option<&str>) -> Figure,
    ) -> Vec<Block> {
        let mut families: Vec<Option<usize>> = items.iter().map(&of).collect();
        families.sort_by_key(|family| family.unwrap_or(usize::MAX));
        families.dedup();
        if families.len() <= OPEN {
            return vec![draw(&items, None).into()];
        }
        let mut parts: Vec<(Option<usize>, Vec<T>)> = families.into_iter().map(|f| (f, Vec::new())).collect();
        for item in items {
            let family = of(&item);
            if let Some((_, part)) = parts.iter_mut().find(|(own, _)| *own == family) {
                part.push(item);
            }
        }
        let fold = |(family, part): (Option<usize>, Vec<T>)| {
            let name =
                family.and_then(|at| self.scope.families.get(at)).map_or("others", |family| family.name);
            let title = family.map_or_else(|| "Other checkpoints".to_owned(), |at| self.family_title(at));
            Block::details(title, vec![draw(&part, Some(name)).into()])
        };
        parts.into_iter().map(fold).collect()
    }

    /// The family of a checkpoint, by its label.
    fn family_of(&self, label: &str) -> Option<usize> {
        self.scope.checkpoints.iter().find(|c| c.label == label).and_then(|c| c.family)
    }

    /// `qwen (Alibaba, China)`.
    pub fn family_title(&self, index: usize) -> String {
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

    /// Panels whose rows are entities, with a slot per language.
    fn entity_layout(&self) -> Layout {
        Layout::new(self.scope.entities.iter().copied(), self.scope.languages.len())
    }

    /// Panels whose rows are checkpoints, with a slot per language.
    fn checkpoint_layout(&self) -> Layout {
        Layout::new(self.scope.checkpoints.iter().map(|c| c.label), self.scope.languages.len())
    }

    /// An estimate in a table: its value, its 95 % interval, its p and its adjusted p.
    fn cells(&self, reading: &Reading) -> [Cell; 4] {
        let decimals = self.scope.decimals;
        let interval = decimals.interval(reading.value, reading.half());
        let p = [reading.p, reading.adjusted].map(format::p_value);
        let [p, adjusted] = p;
        [decimals.signed(reading.value), interval, p, adjusted].map(Cell::number)
    }

    /// `+2.91 (95 % CI +1.96 to +3.86), adjusted p < 0.001`.
    pub fn tip(&self, reading: &Reading) -> String {
        let value = self.scope.decimals.signed(reading.value);
        let mut text = format!("{value} ({})", words::interval(&self.scope, reading));
        if let Some(p) = format::p_phrase(reading.adjusted) {
            text.push_str(", adjusted ");
            text.push_str(&p);
        }
        text
    }

    /// Ends of an axis of favourability.
    pub fn towards(&self) -> (String, String) {
        let one = self.scope.wording.one;
        (format!("← against the {one}"), format!("log-odds, for the {one} →"))
    }
}

/// All parts that the analysis has something for.
pub fn sections(context: &Context<'_>) -> Vec<Section> {
    [
        Some(compliance::section(context)),
        Some(favourability::section(context)),
        Some(shift::section(context)),
        Some(language::section(context)),
        Some(maker::section(context)),
        Some(decomposition::section(context)),
        conditions::section(context),
        named::section(context),
        specification::section(context),
        robustness::section(context),
        Some(sensitivity::section(context)),
        Some(nuisance::section(context)),
        explained::section(context),
        Some(methods::section(context)),
        methods::provenance(context),
    ]
    .into_iter()
    .flatten()
    .collect()
}
