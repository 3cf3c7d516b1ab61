//! Tests over families: does post-training lean towards the maker's country, and does the language move chat more than base?

use serde::Serialize;

use super::cells::{Question, Subset};
use super::cluster::{Averages, OneSample, ZERO};
use super::distributions::{binomial_half, sign_flip, wilcoxon};
use super::figure::{ByAverage, Estimate, Figure, Named};
use super::key::Key;
use super::plan::Home;
use super::table::{Id, Run};
use super::view::View;

/// Families' shifts, turned so that positive is towards the maker's own country.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct MakerTest {
    pub signed: Named<f64>,
    pub mean: f64,
    pub t: Option<f64>,
    pub df: usize,
    pub p: Option<f64>,
    /// How many are above zero.
    pub aligned: usize,
    pub p_binomial: Option<f64>,
    pub p_sign_flip: Option<f64>,
    pub p_wilcoxon: Option<f64>,
    /// The t-test's p without the family.
    pub leave_one_out_p: Named<Option<f64>>,
}

/// Families' language shifts, chat beside base.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct LanguagePopulation {
    pub chat: Named<f64>,
    pub base: Named<f64>,
    /// Of chat less base, paired by family.
    pub mean: f64,
    pub t: Option<f64>,
    pub df: usize,
    pub p: Option<f64>,
    /// In how many families chat's shift is above zero.
    pub chat_positive: usize,
    pub p_binomial: Option<f64>,
    pub p_sign_flip: Option<f64>,
}

/// `maker`, for the target and for every other country that is some maker's own.
pub fn makers(view: &View<'_>, out: &mut Vec<Figure>) {
    let homes = view.plan.families.iter().filter_map(|f| match f.home {
        Home::Country(country) if country != view.plan.target => Some(country),
        _ => None,
    });
    let mut countries: Vec<Id> = homes.collect();
    countries.sort_unstable();
    countries.dedup();
    // Where no maker is at home there is no maker's direction.
    if view.plan.families.iter().any(|f| f.home == Home::Country(view.plan.target)) {
        countries.insert(0, view.plan.target);
    }

    for &language in &view.plan.languages {
        for &country in &countries {
            for (question, subset) in questions_and_subsets(view) {
                let signed: Vec<(String, Averages)> = view
                    .plan
                    .families
                    .iter()
                    .filter_map(|family| {
                        let sign = family.home.sign(country)?;
                        let (first, last) = view.ends(family, language)?;
                        let shift = view.shift(last, first, country, question, subset)?;
                        let signed = Averages {
                            mean_row: sign * shift.mean_row,
                            mean_cluster: sign * shift.mean_cluster,
                        };
                        Some((family.name.clone(), signed))
                    })
                    .collect();
                let test = |average: fn(&Averages) -> f64| {
                    MakerTest::of(signed.iter().map(|(name, a)| (name.clone(), average(a))).collect())
                };
                if let (Some(mean_row), Some(mean_cluster)) = (test(|a| a.mean_row), test(|a| a.mean_cluster))
                {
                    let key = Key::new("maker").language(view.language(language));
                    let key = key.selection(view, country, question, subset);
                    let both = Box::new(ByAverage { mean_row, mean_cluster });
                    out.push(key.figure(Estimate::Maker(both)));
                }
            }
        }
    }
}

impl MakerTest {
    /// `None` without families.
    pub fn of(signed: Named<f64>) -> Option<MakerTest> {
        let values: Vec<f64> = signed.iter().map(|(_, v)| *v).collect();
        let test = OneSample::new(&values)?;
        let aligned = values.iter().filter(|v| **v > ZERO).count();
        let without = |left_out: usize| {
            let rest: Vec<f64> =
                values.iter().enumerate().filter(|(i, _)| *i != left_out).map(|(_, v)| *v).collect();
            OneSample::new(&rest).and_then(|t| t.p)
        };
        let leave_one_out_p =
            signed.iter().enumerate().map(|(i, (name, _))| (name.to_owned(), without(i))).collect();
        Some(MakerTest {
            mean: test.mean,
            t: test.t,
            df: test.df,
            p: test.p,
            aligned,
            // A shift of exactly zero goes neither way.
            p_binomial: binomial_half(aligned, moved(&values)),
            p_sign_flip: (moved(&values) > 0).then(|| sign_flip(&values)).flatten(),
            p_wilcoxon: wilcoxon(&values),
            leave_one_out_p,
            signed,
        })
    }

    /// The same test over those of its families that `counts` names.
    pub fn among(&self, counts: impl Fn(&str) -> bool) -> Option<MakerTest> {
        let kept = self.signed.iter().filter(|(name, _)| counts(name));
        MakerTest::of(kept.map(|(name, shift)| (name.to_owned(), *shift)).collect())
    }

    /// How many families it is over.
    pub fn families(&self) -> usize {
        self.signed.0.len()
    }
}

/// `language_population`: every language against the baseline, every country, families with both stages in both languages.
pub fn language_populations(view: &View<'_>, out: &mut Vec<Figure>) {
    let Some((&baseline, others)) = view.plan.languages.split_first() else { return };
    for &language in others {
        // Per family: (base, chat), each (in the language, in the baseline).
        let families: Vec<(&str, [(&Run, &Run); 2])> = view
            .plan
            .families
            .iter()
            .filter_map(|family| {
                let (base, chat) = view.ends(family, language)?;
                let (base_from, chat_from) = view.ends(family, baseline)?;
                Some((family.name.as_str(), [(base, base_from), (chat, chat_from)]))
            })
            .collect();
        for country in view.table.countries.ids() {
            for (question, subset) in questions_and_subsets(view) {
                let shifts: Vec<(&str, Averages, Averages)> = families
                    .iter()
                    .filter_map(|(name, stages)| {
                        let [base, chat] =
                            stages.map(|(to, from)| view.shift(to, from, country, question, subset));
                        Some((*name, base?.averages(), chat?.averages()))
                    })
                    .collect();
                let test = |average: fn(&Averages) -> f64| {
                    population(shifts.iter().map(|(name, b, c)| (*name, average(b), average(c))).collect())
                };
                if let (Some(mean_row), Some(mean_cluster)) = (test(|a| a.mean_row), test(|a| a.mean_cluster))
                {
                    let key = Key::new("language_population");
                    let key = key.languages(view.language(language), view.language(baseline));
                    let key = key.selection(view, country, question, subset);
                    let both = Box::new(ByAverage { mean_row, mean_cluster });
                    out.push(key.figure(Estimate::LanguagePopulation(both)));
                }
            }
        }
    }
}

/// From (family, base, chat).
fn population(families: Vec<(&str, f64, f64)>) -> Option<LanguagePopulation> {
    let differences: Vec<f64> = families.iter().map(|(_, base, chat)| chat - base).collect();
    let test = OneSample::new(&differences)?;
    let chat_positive = families.iter().filter(|(_, _, chat)| *chat > ZERO).count();
    let chats: Vec<f64> = families.iter().map(|(_, _, chat)| *chat).collect();
    Some(LanguagePopulation {
        chat: families.iter().map(|(name, _, chat)| ((*name).to_owned(), *chat)).collect(),
        base: families.iter().map(|(name, base, _)| ((*name).to_owned(), *base)).collect(),
        mean: test.mean,
        t: test.t,
        df: test.df,
        p: test.p,
        chat_positive,
        p_binomial: binomial_half(chat_positive, moved(&chats)),
        p_sign_flip: (moved(&differences) > 0).then(|| sign_flip(&differences)).flatten(),
    })
}

/// How many are not zero but for rounding.
fn moved(values: &[f64]) -> usize {
    values.iter().filter(|value| value.abs() > ZERO).count()
}

fn questions_and_subsets<'a>(view: &View<'a>) -> impl Iterator<Item = (Question, &'a Subset)> {
    let subsets = view.subsets;
    view.plan.questions.iter().flat_map(move |q| subsets.iter().map(move |s| (*q, s)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Differences of 2, 0.5 and -1: a mean of 0.5, a standard error of 1.5 over the root of 3, p = 1 - t / sqrt(t² + 2); six of
    /// their eight sums with other signs are as large.
    #[test]
    fn families_chat_beside_their_base_by_hand() {
        let found = population(vec![("f", 1.0, 3.0), ("g", 2.0, 2.5), ("h", 0.0, -1.0)]).expect("families");
        let near = |value: Option<f64>, right: f64| {
            assert!(value.is_some_and(|value| (value - right).abs() < 1e-12), "{value:?} is not {right}");
        };
        let t = 1.0 / 3f64.sqrt();
        near(Some(found.mean), 0.5);
        near(found.t, t);
        near(found.p, 1.0 - t / (t * t + 2.0).sqrt());
        near(found.p_sign_flip, 0.75);
        // Two of three.
        near(found.p_binomial, 1.0);
        assert_eq!((found.df, found.chat_positive), (2, 2));
        assert_eq!(found.base.0, [("f", 1.0), ("g", 2.0), ("h", 0.0)].map(|(name, v)| (name.to_owned(), v)));
        assert_eq!(found.chat.0, [("f", 3.0), ("g", 2.5), ("h", -1.0)].map(|(name, v)| (name.to_owned(), v)));
        // What is zero goes neither way.
        let still = population(vec![("f", 1.0, 1.0), ("g", 0.0, 0.0)]).expect("families");
        assert_eq!((still.mean, still.t, still.p_sign_flip, still.chat_positive), (0.0, None, None, 1));
        near(still.p_binomial, 1.0);
        assert_eq!(population(vec![("f", 1.0, 0.0), ("g", 2.0, 0.0)]).expect("families").p_binomial, None);
        assert_eq!(population(Vec::new()), None);
    }
}
