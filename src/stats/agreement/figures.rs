//! Whether two runs come to the same conclusions, and how far their figures lie apart, paired item by item.

use std::collections::HashMap;

use serde::Serialize;

use super::super::builder::TableBuilder;
use super::super::compliance::Tier;
use super::super::confirmatory::{Confirmatory, Grid, Lens, Size, Verdict};
use super::super::error::StatsError;
use super::super::explain::{Headline, headline_of, runs_of};
use super::super::figure::{Analysis, Estimate, Figure};
use super::super::groups::Prepared;
use super::super::items::{ItemNames, ItemRef};
use super::super::key::Parts;
use super::super::settings::{AnalysisSettings, Settings};
use super::super::table::{Run, Table};

/// One of the two: its items, and what was made of them.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    pub table: &'a Table,
    pub settings: &'a Settings,
    pub analysis: &'a Analysis,
}

/// What may be concluded from a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// Compliance is below 0.1.
    Unreadable,
    NoInterval,
    /// Its adjusted p is below 0.05, and it is not held within the smallest effect of interest.
    Differs,
    /// The equivalence test holds it within the smallest effect of interest.
    Equivalent,
    Undecided,
    /// Of the three scales together.
    Firm,
    NotFirm,
    NoneFound,
}

impl Conclusion {
    /// `None` for groups that state none.
    pub fn of(figure: &Figure) -> Option<Conclusion> {
        match &figure.estimate {
            Estimate::Firm(firm) => Some(match firm.verdict {
                Verdict::Firm => Conclusion::Firm,
                Verdict::NotFirm => Conclusion::NotFirm,
                Verdict::NoneFound => Conclusion::NoneFound,
                Verdict::NoInterval => Conclusion::NoInterval,
                Verdict::Unreadable => Conclusion::Unreadable,
            }),
            Estimate::Confirmatory(c) => {
                Some(match (figure.tier(), c.crossed.and_then(|block| block.interval()), c.size) {
                    (Some(Tier::Low), ..) => Conclusion::Unreadable,
                    (_, None, _) => Conclusion::NoInterval,
                    (.., Some(Size::Smaller)) => Conclusion::Equivalent,
                    _ if figure.differs() => Conclusion::Differs,
                    _ => Conclusion::Undecided,
                })
            }
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Conclusion::Unreadable => "unreadable",
            Conclusion::NoInterval => "no interval",
            Conclusion::Differs => "differs",
            Conclusion::Equivalent => "equivalent",
            Conclusion::Undecided => "undecided",
            Conclusion::Firm => "firm",
            Conclusion::NotFirm => "not firm",
            Conclusion::NoneFound => "none found",
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Conclusions {
    /// Figures that state one in both.
    pub compared: usize,
    /// Ids that one alone has.
    pub only_first: usize,
    pub only_second: usize,
    pub changed: Vec<Changed>,
}

/// A figure from which something else is concluded.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Changed {
    pub id: String,
    #[serde(flatten)]
    pub parts: Parts,
    pub first: Conclusion,
    pub second: Conclusion,
    pub headline_first: Option<Headline>,
    pub headline_second: Option<Headline>,
}

pub fn conclusions(first: &Analysis, second: &Analysis) -> Conclusions {
    let of = |analysis: &Analysis| analysis.figures().iter().filter(|f| Conclusion::of(f).is_some()).count();
    let mut found = Conclusions::default();
    for (one, other) in both(first, second) {
        let Some((was, is)) = Conclusion::of(one).zip(Conclusion::of(other)) else { continue };
        found.compared += 1;
        if was != is {
            found.changed.push(Changed {
                id: one.id.clone(),
                parts: one.parts.clone(),
                first: was,
                second: is,
                headline_first: headline_of(&one.estimate),
                headline_second: headline_of(&other.estimate),
            });
        }
    }
    found.only_first = of(first) - found.compared;
    found.only_second = of(second) - found.compared;
    found
}

/// Figures about the same, whatever their ids are.
fn both<'a>(first: &'a Analysis, second: &'a Analysis) -> impl Iterator<Item = (&'a Figure, &'a Figure)> {
    let about: HashMap<&Parts, &Figure> = second.figures().iter().map(|f| (&f.parts, f)).collect();
    first.figures().iter().filter_map(move |figure| Some((figure, *about.get(&figure.parts)?)))
}

/// A figure in both, and the difference with its intervals: cell by cell first, then the same estimator.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Paired {
    pub id: String,
    #[serde(flatten)]
    pub parts: Parts,
    pub first: f64,
    pub second: f64,
    /// Second less first, on the cells that both have, which may be fewer than either's own.
    pub difference: Confirmatory,
}

/// Leans and shifts; items for which `keep` is not true are left out on both sides.
///
/// # Errors
/// Where the two tables do not go together: a scenario with two types.
pub fn paired(
    first: Side<'_>,
    second: Side<'_>,
    keep: impl Fn(&ItemNames<'_>) -> bool,
) -> Result<Vec<Paired>, StatsError> {
    let sides = [first, second];
    let mut builder = TableBuilder::new("the two together", "row");
    for (number, side) in sides.iter().enumerate() {
        for (place, (item, singly)) in
            side.table.items().enumerate().filter(|(_, (item, _))| keep(&item.names))
        {
            let model = on_side(number, item.names.model);
            let names = ItemNames { model: &model, ..item.names };
            builder.push_with(ItemRef { names, ..item }, singly, place as u64 + 1)?;
        }
    }
    let merged = match builder.finish() {
        Err(StatsError::Empty { .. }) => return Ok(Vec::new()),
        table => table?,
    };
    let prepared = sides
        .map(|side| Prepared::new(side.table, side.settings))
        .into_iter()
        .collect::<Result<Vec<_>, StatsError>>()?;
    let [own, other] = prepared.as_slice() else { return Ok(Vec::new()) };
    let settings = Settings {
        analysis: Some(AnalysisSettings {
            questions: own.plan.analysis.questions.clone().filter(|questions| {
                let both = [&questions.positive, &questions.negative];
                both.into_iter().flatten().all(|name| merged.questions.id(name).is_some())
            }),
            smallest_effect: own.plan.analysis.smallest_effect,
            margins: own.plan.analysis.margins.clone(),
            power: own.plan.analysis.power.clone(),
            ..AnalysisSettings::default()
        }),
        ..Settings::default()
    };
    let together = Prepared::new(&merged, &settings)?;
    let view = together.view(&merged);
    let Some(lens) = Lens::new(&view) else { return Ok(Vec::new()) };
    let views = [own.view(first.table), other.view(second.table)];
    let in_merged = |number: usize, run: &Run| {
        let table = sides[number].table;
        let model = merged.models.id(&on_side(number, table.models.name(run.model)))?;
        let language = merged.languages.id(table.languages.name(run.language))?;
        merged.run(model, language, merged.conditions.id(table.conditions.name(run.condition))?)
    };
    let mut found = Vec::new();
    for (one, other) in both(first.analysis, second.analysis) {
        let leads = ["confirmatory", "confirmatory_shift"].contains(&one.parts.group)
            && one.parts.subset.as_deref() == Some("all")
            && one.parts.question.as_deref() == Some(view.question(lens.question));
        let (Estimate::Confirmatory(was), Estimate::Confirmatory(is), true) =
            (&one.estimate, &other.estimate, leads)
        else {
            continue;
        };
        let mut parts: Vec<(f64, &Run)> = Vec::new();
        for (number, sign) in [(1, 1.0), (0, -1.0)] {
            let figure = [one, other][number];
            let runs = runs_of(&views[number], figure);
            parts.extend(
                runs.iter().filter_map(|(factor, run)| Some((sign * factor, in_merged(number, run)?))),
            );
        }
        let country = one.parts.country.as_deref().and_then(|name| merged.countries.id(name));
        let difference = country.and_then(|country| {
            let contrast = lens.contrast(&parts, lens.all)?;
            Some(lens.estimate(&Grid::new(&contrast, contrast.place(country)?)?))
        });
        let Some(difference) = difference else { continue };
        found.push(Paired {
            id: one.id.clone(),
            parts: one.parts.clone(),
            first: was.estimate,
            second: is.estimate,
            difference,
        });
    }
    Ok(found)
}

/// A checkpoint's name among both sides'.
fn on_side(number: usize, model: &str) -> String {
    format!("{number}{model}")
}
