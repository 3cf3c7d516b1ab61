//! Cells, one per (opponent, scenario), and the averages over them.

use super::table::{Id, Row, Run, Table};

/// What is read off a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// A question as asked.
    Asked(Id),
    /// Half the difference of the two polarities: what the model prefers.
    Preference { positive: Id, negative: Id },
    /// A question that speaks against the country that is chosen, turned: the preference where its counterpart was not asked.
    Turned(Id),
    /// Half their sum: what neither polarity explains.
    Residual { positive: Id, negative: Id },
}

impl Question {
    pub fn name(self, table: &Table) -> &str {
        match self {
            Question::Asked(question) => table.questions.name(question),
            Question::Preference { .. } | Question::Turned(_) => "preference",
            Question::Residual { .. } => "residual",
        }
    }

    /// Whether it is positive where a country is preferred, by what is known of the polarities.
    pub fn is_preference(self) -> bool {
        matches!(self, Question::Preference { .. } | Question::Turned(_))
    }

    /// The questions that it is read from, each with the sign that a preference has in it.
    pub fn sides(self) -> Vec<(Id, f64)> {
        match self {
            Question::Asked(question) => vec![(question, 1.0)],
            Question::Turned(question) => vec![(question, -1.0)],
            Question::Preference { positive, negative } => vec![(positive, 1.0), (negative, -1.0)],
            Question::Residual { positive, negative } => vec![(positive, 1.0), (negative, 1.0)],
        }
    }

    /// The rows of a cell that it is read from, each with its sign; `None` where one is missing.
    pub fn rows(self, cell: &[Row]) -> Option<Vec<(&Row, f64)>> {
        let asked = |(question, turn)| Some((cell.iter().find(|row| row.question == question)?, turn));
        self.sides().into_iter().map(asked).collect()
    }

    /// The value of a cell, which is what `country`'s rows against one opponent in one scenario say.
    pub fn read(self, rows: &[Row], country: Id) -> Option<f64> {
        let asked =
            |question: Id| rows.iter().find(|row| row.question == question).map(|row| row.towards(country));
        match self {
            Question::Asked(question) => asked(question),
            Question::Turned(question) => asked(question).map(|towards| -towards),
            Question::Preference { positive, negative } => Some((asked(positive)? - asked(negative)?) / 2.0),
            Question::Residual { positive, negative } => Some((asked(positive)? + asked(negative)?) / 2.0),
        }
    }
}

/// Which scenarios an estimate is made on.
#[derive(Debug, Clone)]
pub struct Subset {
    /// `all`, `coherent70`.
    pub name: String,
    /// By scenario.
    pub keep: Vec<bool>,
}

impl Subset {
    pub fn all(table: &Table) -> Subset {
        Subset { name: "all".to_owned(), keep: vec![true; table.scenarios.len()] }
    }

    pub fn has(&self, scenario: Id) -> bool {
        self.keep.get(scenario as usize).copied().unwrap_or(false)
    }
}

/// A country against an opponent in a scenario; positive favours the country on the positive question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    pub opponent: Id,
    pub scenario: Id,
    pub value: f64,
}

/// A country's cells in a run, by opponent and scenario.
pub fn cells(run: &Run, country: Id, question: Question, subset: &Subset) -> Vec<Cell> {
    let Some(of_country) = run.country(country) else { return Vec::new() };
    let mut cells = Vec::new();
    for (opponent, places) in &of_country.opponents {
        let rows = run.rows.get(places.clone()).unwrap_or_default();
        for cell in rows.chunk_by(|a, b| a.scenario == b.scenario) {
            let Some(scenario) = cell.first().map(|row| row.scenario).filter(|s| subset.has(*s)) else {
                continue;
            };
            if let Some(value) = question.read(cell, country) {
                cells.push(Cell { opponent: *opponent, scenario, value });
            }
        }
    }
    cells
}

/// `minuend` less `subtrahend`, cell by cell, where both have the cell.
pub fn difference(minuend: &[Cell], subtrahend: &[Cell]) -> Vec<Cell> {
    let key = |cell: &Cell| (cell.opponent, cell.scenario);
    let mut others = subtrahend.iter().peekable();
    let mut paired = Vec::with_capacity(minuend.len().min(subtrahend.len()));
    for cell in minuend {
        while others.next_if(|other| key(other) < key(cell)).is_some() {}
        if let Some(other) = others.next_if(|other| key(other) == key(cell)) {
            paired.push(Cell { value: cell.value - other.value, ..*cell });
        }
    }
    paired
}

/// The cells of `cells` that `others` has too.
pub fn common(cells: &[Cell], others: &[Cell]) -> Vec<Cell> {
    let key = |cell: &Cell| (cell.opponent, cell.scenario);
    let mut others = others.iter().map(key).peekable();
    let has = |cell: &&Cell| {
        while others.next_if(|other| *other < key(cell)).is_some() {}
        others.next_if(|other| *other == key(cell)).is_some()
    };
    cells.iter().filter(has).copied().collect()
}

pub fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut n) = (0.0, 0usize);
    for value in values {
        sum += value;
        n += 1;
    }
    (n > 0).then(|| sum / n as f64)
}

/// Means within groups numbered below `groups`, in the order of the numbers; groups without members are left out.
pub fn group_means(members: impl Iterator<Item = (Id, f64)>, groups: usize) -> Vec<(Id, f64)> {
    let mut sums = vec![(0.0, 0usize); groups];
    for (group, value) in members {
        if let Some((sum, n)) = sums.get_mut(group as usize) {
            *sum += value;
            *n += 1;
        }
    }
    let means = sums.into_iter().enumerate().filter(|(_, (_, n))| *n > 0);
    means.map(|(group, (sum, n))| (group as Id, sum / n as f64)).collect()
}

/// Means over the cells of each scenario type.
pub fn type_means(table: &Table, cells: &[Cell]) -> Vec<(Id, f64)> {
    let kind = |scenario: Id| table.type_of.get(scenario as usize).copied().unwrap_or_default();
    group_means(cells.iter().map(|c| (kind(c.scenario), c.value)), table.types.len())
}

/// Means over the cells of each scenario.
pub fn scenario_means(table: &Table, cells: &[Cell]) -> Vec<(Id, f64)> {
    group_means(cells.iter().map(|c| (c.scenario, c.value)), table.scenarios.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_pair_the_cells_that_both_have() {
        let cell = |opponent, scenario, value| Cell { opponent, scenario, value };
        let chat = [cell(0, 1, 5.0), cell(0, 3, 2.0), cell(2, 0, 1.0)];
        let base = [cell(0, 0, 9.0), cell(0, 1, 3.0), cell(1, 0, 9.0), cell(2, 0, 4.0)];
        assert_eq!(difference(&chat, &base), [cell(0, 1, 2.0), cell(2, 0, -3.0)]);
        assert_eq!(difference(&chat, &[]), []);
    }

    #[test]
    fn the_cells_that_others_have_too_are_kept_with_their_values() {
        let cell = |opponent, scenario, value| Cell { opponent, scenario, value };
        let cells = [cell(0, 1, 5.0), cell(0, 3, 2.0), cell(1, 1, 7.0), cell(2, 0, 1.0)];
        let others = [cell(0, 0, 9.0), cell(0, 1, 3.0), cell(1, 0, 9.0), cell(1, 1, 0.0), cell(3, 0, 4.0)];
        assert_eq!(common(&cells, &others), [cell(0, 1, 5.0), cell(1, 1, 7.0)]);
        assert_eq!(common(&others, &cells), [cell(0, 1, 3.0), cell(1, 1, 0.0)]);
        assert_eq!((common(&cells, &[]), common(&[], &cells)), (vec![], vec![]));
    }

    /// Of a pair's rows in a scenario, the second country's with the sign turned.
    #[test]
    fn a_preference_is_half_the_difference_of_the_polarities_and_a_residual_half_the_sum() {
        let row = |question, bias| Row {
            place: 0,
            country_1: 4,
            country_2: 2,
            scenario: 0,
            question,
            diff_fwd: bias,
            diff_rev: bias,
            bias,
            compliance: 1.0,
            chosen: [0.5; 2],
            letter: 0.0,
        };
        let rows = [row(0, 3.0), row(1, 0.5), row(2, 9.0)];
        let (positive, negative) = (0, 1);
        let preference = Question::Preference { positive, negative };
        let residual = Question::Residual { positive, negative };
        let read = |question: Question, rows: &[Row]| [4, 2].map(|country| question.read(rows, country));
        assert_eq!(read(Question::Asked(2), &rows), [Some(9.0), Some(-9.0)]);
        assert_eq!(read(preference, &rows), [Some(1.25), Some(-1.25)]);
        assert_eq!(read(residual, &rows), [Some(1.75), Some(-1.75)]);
        for question in [preference, residual] {
            assert_eq!((read(question, &rows[..1]), read(question, &rows[1..])), ([None; 2], [None; 2]));
        }
        assert_eq!(
            (preference.sides(), residual.sides()),
            (vec![(0, 1.0), (1, -1.0)], vec![(0, 1.0), (1, 1.0)])
        );
        assert_eq!(Question::Asked(2).sides(), [(2, 1.0)]);
    }

    #[test]
    fn a_subset_has_the_scenarios_that_it_keeps() {
        let subset = Subset { name: "some".to_owned(), keep: vec![true, false] };
        assert_eq!([0, 1, 2].map(|scenario| subset.has(scenario)), [true, false, false]);
    }

    #[test]
    fn groups_without_members_have_no_mean() {
        let members = [(2, 1.0), (0, 4.0), (2, 3.0)];
        assert_eq!(group_means(members.into_iter(), 4), [(0, 4.0), (2, 2.0)]);
        assert_eq!(mean([]), None);
    }
}
