//! From the four prompts of an item to its row: letter and role biases cancel, the preference stays.

/// What one prompt of an item said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// log P(first answer) - log P(second answer), as the model gave it.
    pub log_odds: f64,
    /// P(first answer) + P(second answer).
    pub compliance: f64,
}

/// The four prompts of one (pair, scenario, question): `[roles][order]`, where roles 0 puts country 1 in the
/// narrative's first role and order 0 puts it in the first option slot.
pub type Readings = [[Reading; 2]; 2];

/// An item's figures, in log-odds; positive favours country 1 being chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ItemScore {
    /// With country 1 in the narrative's first role, the mean over both option orders.
    pub diff_fwd: f64,
    /// The same with the roles swapped.
    pub diff_rev: f64,
    /// Mean of the two.
    pub bias: f64,
    /// Mean of the four prompts' compliance.
    pub compliance: f64,
    /// The probability of choosing country 1 rather than country 2, in each role (first, second) the mean over both option
    /// orders: the choice of each prompt, which the mean of log-odds does not say.
    pub chosen: [f64; 2],
    /// What averaging over option orders removed: the mean log-odds of the first letter over the second.
    pub letter_bias: f64,
    /// What averaging over roles removed: the log-odds of the narrative's first role over its second.
    pub role_bias: f64,
}

impl ItemScore {
    /// Aggregates the four prompts of an item.
    pub fn of(readings: &Readings) -> Self {
        // With country 1 in the second slot its log-odds are those of the second letter: turned.
        let towards_country_1 =
            |[in_first, in_second]: &[Reading; 2]| (in_first.log_odds - in_second.log_odds) / 2.0;
        let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
        let chosen = |[in_first, in_second]: &[Reading; 2]| {
            (logistic(in_first.log_odds) + logistic(-in_second.log_odds)) / 2.0
        };
        let [fwd, rev] = readings;
        let (diff_fwd, diff_rev) = (towards_country_1(fwd), towards_country_1(rev));
        let mean = |f: fn(&Reading) -> f64| (f(&fwd[0]) + f(&fwd[1]) + f(&rev[0]) + f(&rev[1])) / 4.0;
        Self {
            diff_fwd,
            diff_rev,
            bias: (diff_fwd + diff_rev) / 2.0,
            compliance: mean(|r| r.compliance),
            chosen: [chosen(fwd), chosen(rev)],
            letter_bias: mean(|r| r.log_odds),
            role_bias: (diff_fwd - diff_rev) / 2.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader with a preference for country 1, one for the first letter and one for the first role.
    fn planted(country: f64, letter: f64, role: f64) -> Readings {
        let reading = |roles: usize, order: usize| {
            let towards_first_slot = if order == 0 { 1.0 } else { -1.0 };
            let towards_country_1 = if roles == 0 { 1.0 } else { -1.0 };
            Reading {
                log_odds: letter + towards_first_slot * (country + towards_country_1 * role),
                compliance: 0.5 + 0.1 * roles as f64 + 0.2 * order as f64,
            }
        };
        [[reading(0, 0), reading(0, 1)], [reading(1, 0), reading(1, 1)]]
    }

    #[test]
    fn planted_biases_come_apart() {
        let score = ItemScore::of(&planted(1.5, -0.75, 0.25));
        assert_eq!(score.diff_fwd, 1.75);
        assert_eq!(score.diff_rev, 1.25);
        assert_eq!(score.bias, 1.5);
        assert_eq!(score.letter_bias, -0.75);
        assert_eq!(score.role_bias, 0.25);
        assert!((score.compliance - 0.65).abs() < 1e-15);
    }

    #[test]
    fn a_reader_without_preference_has_none() {
        let score = ItemScore::of(&planted(0.0, 3.0, -2.0));
        assert_eq!(score.bias, 0.0);
        // What the role gives in one of its two it takes in the other.
        let [first, second] = score.chosen;
        assert!(
            (first + second - 1.0).abs() < 1e-15 && (first - 0.368_875_714).abs() < 1e-9,
            "{first} {second}"
        );
    }

    #[test]
    fn a_strong_letter_takes_the_choices_of_a_lean_but_not_its_log_odds() {
        let plain = ItemScore::of(&planted(1.0, 0.0, 0.0));
        let pulled = ItemScore::of(&planted(1.0, 8.0, 0.0));
        assert_eq!(plain.bias, pulled.bias);
        assert!(plain.chosen[0] > 0.73 && pulled.chosen[0] < 0.501, "{:?} {:?}", plain.chosen, pulled.chosen);
    }
}
