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
