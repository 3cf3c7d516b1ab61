//! Tables over makers: the home advantage, and the direction as published.

use super::super::figure::Estimate;
use super::format::{Digits, p_value};
use super::{Section, Summary};

impl Summary<'_> {
    pub(super) fn makers(&self) -> Section {
        let mut rows = Vec::new();
        let mut below = String::new();
        for figure in self.of("maker_home") {
            let Estimate::MakerHome(m) = &figure.estimate else { continue };
            let language = figure.parts.language.clone().unwrap_or_default();
            let families = m.advantage.0.len();
            let (mean, p, n) = match &m.readable {
                Some(r) => {
                    below += &format!(
                        "In {language} without {}, too few of whose answers are answers (with: {}, p {}).\n",
                        r.left_out.join(", "),
                        Digits::of(Vec::new()).signed(m.mean),
                        p_value(m.p_permutation)
                    );
                    (r.mean, r.p_permutation, r.families)
                }
                None => {
                    if !m.unreadable.is_empty() {
                        below += &format!(
                            "In {language} with {}, too few of whose answers are answers: without there are too few \
                             families for a test.\n",
                            m.unreadable.join(", ")
                        );
                    }
                    (m.mean, m.p_permutation, families)
                }
            };
            let advantage = Digits::of(Vec::new()).signed(mean);
            rows.push(vec![language, format!("{n} of {families}"), advantage, p_value(p)]);
        }
        Section {
            title:
                "Home advantage of makers' own countries (shift towards home, beside makers from elsewhere)"
                    .to_owned(),
            header: vec!["lang", "families", "mean, log-odds", "p (permutation)"],
            rows,
            below,
        }
    }

    pub(super) fn published_makers(&self) -> Section {
        let (mut rows, mut unread) = (Vec::new(), false);
        for figure in self.of("maker").filter(|_| self.condition.is_none()) {
            let (Estimate::Maker(test), p) = (&figure.estimate, &figure.parts) else { continue };
            let (Some(language), Some(country)) = (p.language.as_deref(), p.country.clone()) else {
                continue;
            };
            let all = &test.mean_cluster;
            // One family has no direction in common with others.
            let read = all.among(|family| self.marks.reads(language, family));
            let Some(test) = read.filter(|_| all.families() > 1) else { continue };
            unread |= test.families() < all.families();
            rows.push(vec![
                country,
                language.to_owned(),
                format!("{} of {}", test.families(), all.families()),
                Digits::of(Vec::new()).signed(test.mean),
                p_value(test.p),
                format!("{} of {}", test.aligned, test.families()),
                p_value(test.p_binomial),
                p_value(test.p_sign_flip),
            ]);
        }
        let note = "Without the families that are as good as noise in the language (‡).\n";
        Section {
            title: format!(
                "Maker direction, as published: towards home, away from elsewhere ({})",
                self.chosen()
            ),
            header: vec![
                "country",
                "lang",
                "families",
                "mean",
                "p (t)",
                "aligned",
                "p (binomial)",
                "p (sign flip)",
            ],
            rows,
            below: if unread { note.to_owned() } else { String::new() },
        }
    }
}
