//! One adjusted p-value a figure, the same wherever it is shown.

use std::collections::BTreeMap;

use super::corrections::{benjamini_hochberg, holm};
use super::figure::{Adjusted, Estimate, Figure};

/// A figure whose adjusted p is below this differs from zero.
pub const ALPHA: f64 = 0.05;

/// What is corrected together, for a group of figures.
struct Rule {
    group: &'static str,
    method: Method,
    /// What the figures are of, in words.
    what: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    /// Over families, for each country.
    Holm,
    /// Over everything in the same language, condition, question and subset.
    BenjaminiHochberg,
}

const fn rule(group: &'static str, method: Method, what: &'static str) -> Rule {
    Rule { group, method, what }
}

const RULES: [Rule; 12] = [
    rule("confirmatory", Method::BenjaminiHochberg, "checkpoints and countries"),
    rule("choice", Method::BenjaminiHochberg, "checkpoints and countries"),
    rule("role_scaled", Method::BenjaminiHochberg, "checkpoints and countries"),
    rule("confirmatory_shift", Method::Holm, "families"),
    rule("choice_shift", Method::Holm, "families"),
    rule("role_scaled_shift", Method::Holm, "families"),
    rule("stage_by_language", Method::Holm, "families"),
    rule("confirmatory_language_shift", Method::BenjaminiHochberg, "checkpoints and countries"),
    rule("favourability", Method::BenjaminiHochberg, "checkpoints and countries"),
    rule("shift", Method::BenjaminiHochberg, "families and countries"),
    rule("language_shift", Method::BenjaminiHochberg, "checkpoints and countries"),
    rule("role_bias", Method::BenjaminiHochberg, "checkpoints and questions"),
];

/// Gives every figure of a rule's group its adjusted p.
pub fn adjust(figures: &mut [Figure]) {
    let mut together: BTreeMap<(usize, Vec<Option<String>>), Vec<usize>> = BTreeMap::new();
    for (at, figure) in figures.iter().enumerate() {
        let group = match figure.parts.group {
            "letter_bias" => "role_bias",
            group => group,
        };
        let Some(rule) = RULES.iter().position(|rule| rule.group == group) else { continue };
        let p = &figure.parts;
        let same = |part: &Option<String>, shared: bool| part.clone().filter(|_| shared);
        let over_families = RULES[rule].method == Method::Holm;
        let routed = p.routed != Some(false);
        let nuisance = group == "role_bias";
        let key = vec![
            p.language.clone(),
            p.baseline_language.clone(),
            same(&p.condition, !routed),
            same(&p.country, over_families),
            same(&p.question, !nuisance),
            p.subset.clone(),
            same(&p.baseline_stage, figure.step_between),
            same(&p.stage, figure.step_between),
            Some(p.group.to_owned()),
        ];
        together.entry((rule, key)).or_default().push(at);
    }
    for ((rule, _), places) in together {
        let rule = &RULES[rule];
        let p: Vec<Option<f64>> = places.iter().map(|at| p_of(&figures[*at].estimate)).collect();
        let (adjusted, method) = match rule.method {
            Method::Holm => (holm(&p), "holm"),
            Method::BenjaminiHochberg => (benjamini_hochberg(&p), "benjamini_hochberg"),
        };
        let tests = p.iter().flatten().count();
        for (at, p) in places.into_iter().zip(adjusted) {
            if let Some(figure) = figures.get_mut(at) {
                figure.adjusted = Some(Adjusted { p, method, over: rule.what, tests });
            }
        }
    }
}

/// The p that is corrected: crossed where there are scopes.
fn p_of(estimate: &Estimate) -> Option<f64> {
    match estimate {
        Estimate::Clustered(c) => c.p,
        Estimate::Confirmatory(c) => c.crossed?.p,
        Estimate::Choice(c) => c.block.p,
        Estimate::ChoiceShift(c) => c.block.p,
        Estimate::RoleScaled(r) => r.p,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::cluster::Clustered;
    use super::super::confirmatory::{Block, Choice, ChoiceShift, Confirmatory, Contrast, Grid, RoleScaled};
    use super::super::key::Key;
    use super::super::settings::AnalysisSettings;
    use super::*;

    fn clustered(p: f64) -> Estimate {
        let p = Some(p);
        Estimate::Clustered(Clustered {
            mean_row: 1.0,
            mean_cluster: 1.0,
            se: None,
            ci_z: None,
            ci_t: None,
            t: None,
            p,
            df: 2,
            clusters: 3,
            scenario_ci_z: None,
            scenario_p: Some(0.9),
        })
    }

    fn block(p: f64) -> Block {
        Block { se: None, df: None, ci: None, t: None, p: Some(p) }
    }

    /// An estimate of each kind that has a p to correct.
    fn kinds(p: f64) -> Vec<(&'static str, Estimate)> {
        let cells = vec![0.5, 0.25, 1.0, 0.75, 0.125, 0.5, 0.25, 0.0, 1.5, 0.5, 0.25, 1.0];
        let contrast = Contrast::of_cells(3, &[2, 2], cells);
        let grid = Grid::new(&contrast, 0).expect("a grid");
        let mut confirmatory = Confirmatory::new(&grid, &AnalysisSettings::default());
        confirmatory.crossed = Some(block(p));
        confirmatory.new_types = Some(block(0.9));
        let choice = Choice {
            mean: 0.1,
            block: block(p),
            probability: 0.6,
            in_both_roles: 0.5,
            in_neither: 0.25,
            role_decides: 0.25,
        };
        let scaled = RoleScaled { estimate: 1.0, se: None, df: 3, ci: None, p: Some(p), role_effect: None };
        vec![
            ("favourability", clustered(p)),
            ("confirmatory", Estimate::Confirmatory(Box::new(confirmatory))),
            ("choice", Estimate::Choice(choice)),
            ("choice_shift", Estimate::ChoiceShift(ChoiceShift { mean: 0.1, block: block(p) })),
            ("role_scaled", Estimate::RoleScaled(scaled)),
        ]
    }

    /// Adjusted p, method and number of tests of `figures`, in their order.
    fn adjusted(mut figures: Vec<Figure>) -> Vec<(f64, &'static str, usize)> {
        adjust(&mut figures);
        let of = |figure: Figure| figure.adjusted.map(|a| (a.p.expect("a p"), a.method, a.tests));
        figures.into_iter().map(|figure| of(figure).expect("a correction")).collect()
    }

    /// Both corrections of these are worked by hand beside them, in `corrections`.
    const FOUR: [f64; 4] = [0.01, 0.04, 0.03, 0.005];
    const BY_BH: [f64; 4] = [0.02, 0.04, 0.04, 0.02];
    const BY_HOLM: [f64; 4] = [0.03, 0.06, 0.06, 0.02];

    fn of_checkpoint(group: &'static str, model: &str, country: &str) -> Key {
        Key::new(group).language("en").checkpoint(model).condition("main", true).country(country)
    }

    #[test]
    fn every_kind_of_estimate_is_corrected_by_its_own_p() {
        let by_kind = FOUR.map(kinds);
        for (kind, (group, _)) in by_kind[0].iter().enumerate() {
            let figures = by_kind.iter().zip(["A", "B", "C", "D"]).map(|(kinds, country)| {
                of_checkpoint(group, "m", country).question("q").subset("all").figure(kinds[kind].1.clone())
            });
            let found = adjusted(figures.collect());
            // Shifts are corrected over families, of which there is one here.
            let (right, method, tests) =
                if *group == "choice_shift" { (FOUR, "holm", 1) } else { (BY_BH, "benjamini_hochberg", 4) };
            assert_eq!(found, right.map(|p| (p, method, tests)), "{group}");
        }
        // What is no test stays as it is.
        let mut figures = vec![of_checkpoint("spread", "m", "A").figure(clustered(0.01))];
        adjust(&mut figures);
        assert_eq!(figures[0].adjusted, None);
    }

    #[test]
    fn checkpoints_and_countries_are_corrected_within_what_they_are_read_by() {
        let four = [("m", "A"), ("m", "B"), ("n", "A"), ("n", "B")];
        let of = |(model, country): (&str, &str)| of_checkpoint("favourability", model, country);
        let mut figures: Vec<Figure> = four
            .into_iter()
            .zip(FOUR)
            // Each checkpoint in the condition that is read for it.
            .map(|(four, p)| {
                of(four).condition(four.0, true).question("q").subset("all").figure(clustered(p))
            })
            .collect();
        let other = clustered(0.5);
        let alone = of(("m", "A"));
        figures.push(alone.clone().question("other").subset("all").figure(other.clone()));
        figures.push(alone.clone().question("q").subset("coherent70").figure(other.clone()));
        figures.push(alone.clone().condition("x", false).question("q").subset("all").figure(other.clone()));
        figures.push(alone.condition("y", false).question("q").subset("all").figure(other.clone()));
        let french = Key::new("favourability").language("fr").checkpoint("m").condition("main", true);
        figures.push(french.country("A").question("q").subset("all").figure(other));
        let found = adjusted(figures);
        assert_eq!(found[..4], BY_BH.map(|p| (p, "benjamini_hochberg", 4)));
        assert_eq!(found[4..], [(0.5, "benjamini_hochberg", 1); 5]);
    }

    #[test]
    fn shifts_are_corrected_over_families_for_each_country() {
        let of = |family: &str, country: &str| {
            let key = Key::new("confirmatory_shift").language("en").name(family).routed();
            key.country(country).question("preference").subset("all")
        };
        let mut figures: Vec<Figure> = ["f", "g", "h", "i"]
            .into_iter()
            .zip(FOUR)
            .map(|(name, p)| of(name, "A").figure(clustered(p)))
            .collect();
        figures.push(of("f", "B").figure(clustered(0.5)));
        // A step between two stages is corrected over the families that have it.
        for (stage, from, p) in [("sft", "base", 0.25), ("dpo", "sft", 0.5)] {
            let mut key = of(stage, "A").between();
            (key.parts.stage, key.parts.baseline_stage) = (Some(stage.to_owned()), Some(from.to_owned()));
            figures.push(key.figure(clustered(p)));
        }
        let found = adjusted(figures);
        assert_eq!(found[..4], BY_HOLM.map(|p| (p, "holm", 4)));
        assert_eq!(found[4..], [0.5, 0.25, 0.5].map(|p| (p, "holm", 1)));
    }

    /// Tastes for a role and for a letter, each over checkpoints and questions.
    #[test]
    fn nuisances_are_corrected_over_questions_too_and_apart_from_one_another() {
        let four = [("m", "q"), ("m", "r"), ("n", "q"), ("n", "r")];
        for group in ["role_bias", "letter_bias"] {
            let of = |group: &'static str, (model, question): (&str, &str)| {
                let key = Key::new(group).language("en").checkpoint(model).condition("main", true);
                key.question(question).subset("all")
            };
            let mut figures: Vec<Figure> =
                four.into_iter().zip(FOUR).map(|(four, p)| of(group, four).figure(clustered(p))).collect();
            let other = if group == "role_bias" { "letter_bias" } else { "role_bias" };
            figures.push(of(other, ("m", "q")).figure(clustered(0.5)));
            let found = adjusted(figures);
            assert_eq!(found[..4], BY_BH.map(|p| (p, "benjamini_hochberg", 4)), "{group}");
            assert_eq!(found[4], (0.5, "benjamini_hochberg", 1), "{group}");
        }
    }
}
