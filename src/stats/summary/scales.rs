//! Groups of figures that a few numbers each tell: a table a group, all alike.

use super::super::confirmatory::Block;
use super::super::figure::{Estimate, Figure};
use super::format::{Digits, p_value};
use super::sections::marked;
use super::{Section, Summary};

/// Groups with their titles, in order.
pub const SCALES: [(&str, &str); 17] = [
    ("choice", "Choice scale: probability of choosing the country, less one half"),
    ("choice_shift", "Choice scale: the shift in the probability of choosing the country"),
    ("role_scaled", "Role scale: lean over what swapping the roles does (exploratory)"),
    ("role_scaled_shift", "Role scale: the shift in it (exploratory)"),
    ("sign_flip_types", "Sign flips of the types: p, and the least that so many types can give"),
    ("family_by_stage", "Whether families shift differently (Greenhouse-Geisser)"),
    ("maker_groups", "Makers at home in the country against others: difference of shifts"),
    ("empirical_null", "Beside an empirical null (invented countries, neutral controls)"),
    ("leave_one_out", "Least and greatest lean without one opponent or one type"),
    ("leave_one_out_shift", "Least and greatest shift without one opponent or one type"),
    ("specification_curve", "Over conditions: least and greatest, share of one sign"),
    ("specification_curve_shift", "Shift over conditions: least and greatest, share of one sign"),
    ("language_invariance", "Share of the countries' variance that all languages share"),
    ("scenario_dif", "Scenarios that differ between languages, beyond three sd of their type"),
    ("reliability", "Reliability over countries (G)"),
    ("item_quality", "Scenario against the rest: median correlation"),
    ("cr2", "By rows, bias-reduced sandwich (a check)"),
];

impl<'a> Summary<'a> {
    pub(super) fn scales(&self, group: &'a str, title: &str) -> Section {
        let row = |figure: &Figure| {
            let p = &figure.parts;
            let name =
                p.label().or_else(|| p.family.as_ref().and_then(|_| p.step_label(figure.step_between)));
            vec![
                marked(&name.unwrap_or_default(), figure),
                p.spoken().unwrap_or_default(),
                p.country.clone().unwrap_or_default(),
                numbers(figure),
            ]
        };
        Section {
            title: format!("{title} ({})", self.chosen()),
            header: vec!["of", "lang", "country", ""],
            rows: self.of(group).map(row).collect(),
            below: String::new(),
        }
    }
}

/// A figure's few numbers in words.
fn numbers(figure: &Figure) -> String {
    let digits = Digits::of(Vec::new());
    let with = |estimate: f64, block: &Block| {
        format!("{} [{}]", digits.signed(estimate), digits.interval(estimate, block.ci))
    };
    let share = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
    let between = |range: Option<[f64; 2]>| {
        range.map_or_else(|| "-".to_owned(), |[a, b]| format!("{} to {}", digits.signed(a), digits.signed(b)))
    };
    match &figure.estimate {
        Estimate::Choice(c) => {
            format!("{}; role decides {}", with(c.mean, &c.block), share(Some(c.role_decides)))
        }
        Estimate::ChoiceShift(c) => with(c.mean, &c.block),
        Estimate::RoleScaled(r) => {
            let interval = digits.interval(r.estimate, r.ci);
            let effect = r.role_effect.map_or_else(String::new, |e| format!("; role effect {e:.3}"));
            format!("{} [{interval}]{effect}", digits.signed(r.estimate))
        }
        Estimate::SignFlip(s) => {
            format!("p {}; {} types, least {}", p_value(s.p), s.types, p_value(Some(s.least_p)))
        }
        Estimate::FamilyByStage(f) => match f.f {
            Some(value) => {
                format!(
                    "F({}, {}) {value:.2}, epsilon {}, p {}",
                    f.df1,
                    f.df2,
                    share(f.epsilon),
                    p_value(f.p_greenhouse_geisser)
                )
            }
            None => "no F: no spread".to_owned(),
        },
        Estimate::MakerGroups(g) => {
            let read = g.readable.as_ref().map_or(&**g, |read| &read.groups);
            let (home, elsewhere) = (read.at_home.len(), read.elsewhere.len());
            let p = [read.p, read.p_permutation].map(p_value);
            let with = match read.unreadable.is_empty() {
                true => String::new(),
                false => {
                    format!("; with {}, too few of whose answers are answers", read.unreadable.join(", "))
                }
            };
            format!(
                "{} ({home} against {elsewhere}); Welch p {}, permutation {}{with}",
                digits.signed(read.difference),
                p[0],
                p[1]
            )
        }
        Estimate::EmpiricalNull(n) => format!(
            "{}; tau {:.3}, p {} -> {}",
            digits.signed(n.estimate),
            n.tau,
            p_value(n.p),
            p_value(n.p_calibrated)
        ),
        Estimate::LeaveOneOut(l) => {
            format!("opponents {}; types {}", between(l.opponent_range), between(l.type_range))
        }
        Estimate::SpecificationCurve(s) => format!(
            "{}; {:.0} % of {} of one sign",
            between(Some([s.least, s.greatest])),
            100.0 * s.same_sign,
            s.specifications.0.len()
        ),
        Estimate::LanguageInvariance(l) => share(l.shared),
        Estimate::ScenarioDif(d) => {
            let names: Vec<&str> = d.differing.iter().map(|(name, _)| name).collect();
            format!(
                "{} of {}{}{}",
                names.len(),
                d.scenarios,
                if names.is_empty() { "" } else { ": " },
                names.join(", ")
            )
        }
        Estimate::Reliability(r) => format!("{}; halves {}", share(r.g), share(r.split_half)),
        Estimate::ItemQuality(q) => {
            format!("{}; {} of {} against the rest", share(q.median), q.below_zero, q.scenarios.len())
        }
        Estimate::Cr2(c) => {
            format!(
                "{}; se {}, df {}, p {}",
                digits.signed(c.mean_row),
                share(c.se),
                share(c.df),
                p_value(c.p)
            )
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::fixture;
    use super::super::super::{Recipes, analyze_with};
    use super::*;

    /// What stands in the fixtures' `expected.json`, by numpy, in so many digits.
    #[test]
    fn every_scale_is_told_in_its_few_numbers() {
        let confirmatory = [
            ("choice/en/alpha-chat/Norland/preference/all", "+0.168 [+0.126 to +0.210]; role decides 0.611"),
            ("choice_shift/en/alpha/Norland/preference/all", "+0.130 [+0.073 to +0.187]"),
            (
                "role_scaled/en/alpha-chat/Norland/preference/all",
                "+0.783 [+0.574 to +0.992]; role effect 1.262",
            ),
            ("role_scaled_shift/en/alpha/Norland/preference/all", "+0.184 [-0.718 to +1.086]"),
            ("sign_flip_types/en/alpha-chat/Ostia/preference/all", "p 0.125; 4 types, least 0.125"),
            ("cr2/en/alpha-chat/Norland/preference/all", "+0.963; se 0.092, df 2.882, p 0.002"),
            ("family_by_stage/en/Norland/preference/all", "F(2, 6) 4.86, epsilon 0.530, p 0.110"),
            ("maker_groups/en/Norland/preference/all", "+0.452 (2 against 1); Welch p -, permutation 0.333"),
        ];
        let review = [
            (
                "empirical_null/en/alpha-chat/invented/Norland/fairer/all",
                "+0.718; tau 0.253, p 6.9e-5 -> 0.115",
            ),
            (
                "leave_one_out/en/alpha-chat/Ostia/fairer/all",
                "opponents +0.014 to +0.282; types +0.042 to +0.174",
            ),
            (
                "specification_curve/en/alpha-chat/Norland/fairer/all",
                "-0.424 to +0.718; 50 % of 2 of one sign",
            ),
            ("language_invariance/alpha-chat/fairer/all", "0.898"),
            ("scenario_dif/fr-en/alpha-chat/Norland/fairer/all", "1 of 20: border_v2"),
            ("scenario_dif/fr-en/alpha-base/Norland/fairer/all", "0 of 20"),
            ("reliability/en/beta-chat/fairer/all", "0.863; halves 0.998"),
            ("item_quality/en/beta-chat/fairer/all", "0.843; 1 of 20 against the rest"),
        ];
        for (name, expected) in [("confirmatory", &confirmatory[..]), ("review", &review[..])] {
            let (table, settings) = fixture(name);
            let analysis = analyze_with(&table, &settings, Recipes::Confirmatory).expect("an analysis");
            for (id, text) in expected {
                let figure = analysis.figure(id).unwrap_or_else(|| panic!("no {id}"));
                assert_eq!(numbers(figure), *text, "{id}");
            }
        }
    }
}
