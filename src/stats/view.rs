//! What every group of figures looks through: the table, the plan, and the subsets.

use super::cells::{Cell, Question, Subset, cells, difference};
use super::cluster::Clustered;
use super::key::Key;
use super::plan::{Plan, PlanFamily, Subject};
use super::table::{Id, Run, Table};

pub struct View<'a> {
    pub table: &'a Table,
    pub plan: &'a Plan,
    /// All scenarios, and the coherent ones where there are any.
    pub subsets: &'a [Subset],
    /// The one country whose confirmatory figures are asked for; `None` for all.
    pub only: Option<Id>,
}

impl<'a> View<'a> {
    /// Every run with its subject.
    pub fn runs(&self) -> impl Iterator<Item = (&'a Subject, &'a Run)> {
        let table = self.table;
        self.plan.subjects.iter().filter_map(|s| Some((s, table.run(s.model, s.language, s.condition)?)))
    }

    pub fn language(&self, language: Id) -> &'a str {
        self.table.languages.name(language)
    }

    pub fn country(&self, country: Id) -> &'a str {
        self.table.countries.name(country)
    }

    /// Whether a country's confirmatory figures are asked for.
    pub fn wants(&self, country: Id) -> bool {
        self.only.is_none_or(|only| only == country)
    }

    pub fn question(&self, question: Question) -> &'a str {
        question.name(self.table)
    }

    pub fn cells(&self, run: &Run, country: Id, question: Question, subset: &Subset) -> Vec<Cell> {
        cells(run, country, question, subset)
    }

    /// `minuend`'s favourability less `subtrahend`'s, on the cells that both have.
    pub fn shift(
        &self,
        minuend: &Run,
        subtrahend: &Run,
        country: Id,
        question: Question,
        subset: &Subset,
    ) -> Option<Clustered> {
        let minuend = self.cells(minuend, country, question, subset);
        let subtrahend = self.cells(subtrahend, country, question, subset);
        Clustered::new(self.table, &difference(&minuend, &subtrahend))
    }

    /// A family's first and last stage in a language, both routed.
    pub fn ends(&self, family: &PlanFamily, language: Id) -> Option<(&'a Run, &'a Run)> {
        let (first, last) = family.ends()?;
        let first = self.plan.run(self.table, first.model, language)?;
        let last = self.plan.run(self.table, last.model, language)?;
        Some((first, last))
    }

    /// The head of most names: `favourability/en/qwen2.5-7b`.
    pub fn of_run(&self, group: &'static str, subject: &Subject, run: &Run) -> Key {
        Key::new(group).language(self.language(subject.language)).subject(self, subject).made_of([run])
    }

    /// Every (country of the run, question, subset).
    pub fn selections(&self, run: &'a Run) -> impl Iterator<Item = (Id, Question, &'a Subset)> {
        let (questions, subsets) = (&self.plan.questions, self.subsets);
        run.countries.iter().flat_map(move |c| {
            questions.iter().flat_map(move |q| subsets.iter().map(move |s| (c.country, *q, s)))
        })
    }
}
