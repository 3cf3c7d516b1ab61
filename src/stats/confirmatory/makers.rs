//! Do makers' models move towards the maker's own country? Tests over families.

use serde::Serialize;

use super::super::cells::mean;
use super::super::cluster::OneSample;
use super::super::distributions::t_two_sided;
use super::super::figure::Named;
use super::super::random::Draws;
use super::ladder::variance;

/// More assignments than this are drawn instead of enumerated.
const MOST_EXACT: f64 = 200_000.0;
const DRAWN: usize = 99_999;
const SEED: u64 = 20_260_523;

/// A family's shifts: towards each maker's country, and where its own maker is at home.
#[derive(Debug, Clone)]
pub struct Shifts {
    pub family: String,
    /// By country (places are shared by all families).
    pub towards: Vec<f64>,
    pub home: usize,
    /// Whether the answers of both stages can be read (compliance of at least 0.1).
    pub readable: bool,
}

/// How much further a family moves towards its maker's country than families from elsewhere do.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct MakerHome {
    pub advantage: Named<f64>,
    pub mean: f64,
    /// Distinct assignments of homes to families.
    pub assignments: u64,
    /// Two-sided, over all assignments.
    pub p_permutation: Option<f64>,
    pub leave_one_out: Named<LeftOut>,
    /// Each family's shifts over their root mean square.
    pub standardised: Permuted,
    /// The families whose answers cannot be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
    /// Without those; absent beside them where the others are too few for a test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readable: Option<Readable>,
    /// Of the drawn assignments, where there are too many to enumerate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Permuted {
    pub mean: f64,
    pub p_permutation: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct LeftOut {
    pub mean: f64,
    pub p: Option<f64>,
}

/// The same test over the families that can be read.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Readable {
    /// The families left out for their compliance.
    pub left_out: Vec<String>,
    pub families: usize,
    pub mean: f64,
    pub assignments: u64,
    pub p_permutation: Option<f64>,
}

impl MakerHome {
    /// `None` unless makers are at home in two countries at least.
    pub fn new(families: &[Shifts]) -> Option<MakerHome> {
        let whole = Test::new(families)?;
        let left_out: Vec<String> =
            families.iter().filter(|f| !f.readable).map(|f| f.family.clone()).collect();
        let readable = (!left_out.is_empty()).then(|| {
            let kept: Vec<Shifts> = families.iter().filter(|f| f.readable).cloned().collect();
            let test = Test::new(&kept)?;
            let (mean, assignments, p_permutation) = (test.mean, test.assignments, test.p);
            let left_out = left_out.clone();
            Some(Readable { left_out, families: kept.len(), mean, assignments, p_permutation })
        });
        let without = |at: usize| {
            let kept: Vec<Shifts> =
                families.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, f)| f.clone()).collect();
            let test = Test::new(&kept)?;
            Some((families.get(at)?.family.clone(), LeftOut { mean: test.mean, p: test.p }))
        };
        let standardised = Test::new(&families.iter().map(standardised).collect::<Option<Vec<_>>>()?)?;
        Some(MakerHome {
            advantage: families.iter().map(|f| f.family.clone()).zip(whole.advantage).collect(),
            mean: whole.mean,
            assignments: whole.assignments,
            p_permutation: whole.p,
            leave_one_out: (0..families.len()).filter_map(without).collect(),
            standardised: Permuted { mean: standardised.mean, p_permutation: standardised.p },
            readable: readable.flatten(),
            unreadable: left_out,
            seed: whole.drawn.then_some(SEED),
        })
    }
}

/// A family that has not moved at all stays as it is.
fn standardised(family: &Shifts) -> Option<Shifts> {
    let root = mean(family.towards.iter().map(|d| d * d))?.sqrt();
    let root = if root > 0.0 { root } else { 1.0 };
    let towards = family.towards.iter().map(|d| d / root).collect();
    Some(Shifts { towards, ..family.clone() })
}

struct Test {
    advantage: Vec<f64>,
    mean: f64,
    assignments: u64,
    p: Option<f64>,
    drawn: bool,
}

impl Test {
    fn new(families: &[Shifts]) -> Option<Test> {
        let homes: Vec<usize> = families.iter().map(|f| f.home).collect();
        let advantage = advantages(families, &homes)?;
        let observed = mean(advantage.iter().copied())?;
        let slack = 1e-12 * families.iter().flat_map(|f| &f.towards).map(|d| d.abs()).sum::<f64>();
        let bound = observed.abs() - slack;
        let reaches = |homes: &[usize]| {
            advantages(families, homes).and_then(mean).is_some_and(|mean| mean.abs() >= bound)
        };
        let assignments = distinct_orders(&homes);
        let nothing = families.iter().flat_map(|f| &f.towards).all(|d| *d == 0.0);
        let drawn = assignments > MOST_EXACT;
        let p = if nothing {
            None
        } else if drawn {
            let mut draws = Draws::new(SEED);
            let mut order = homes;
            let reached = (0..DRAWN)
                .filter(|_| {
                    for i in (1..order.len()).rev() {
                        order.swap(i, draws.below(i + 1));
                    }
                    reaches(&order)
                })
                .count();
            Some((reached + 1) as f64 / (DRAWN + 1) as f64)
        } else {
            let mut order = homes;
            order.sort_unstable();
            let (mut reached, mut all) = (0u64, 0u64);
            loop {
                all += 1;
                reached += u64::from(reaches(&order));
                if !next_order(&mut order) {
                    break Some(reached as f64 / all as f64);
                }
            }
        };
        Some(Test { advantage, mean: observed, assignments: assignments as u64, p, drawn })
    }
}

/// H_f: a family's shift towards its home less the mean shift towards it of the families at home elsewhere.
fn advantages(families: &[Shifts], homes: &[usize]) -> Option<Vec<f64>> {
    let of = |at: usize, home: usize| families.get(at)?.towards.get(home).copied();
    homes
        .iter()
        .enumerate()
        .map(|(f, home)| {
            let others = (0..homes.len()).filter(|g| homes[*g] != *home).map(|g| of(g, *home));
            Some(of(f, *home)? - mean(others.collect::<Option<Vec<f64>>>()?)?)
        })
        .collect()
}

/// How many orders of `values` can be told apart.
fn distinct_orders(values: &[usize]) -> f64 {
    let mut counts = std::collections::HashMap::new();
    let mut orders = 1.0;
    for (i, value) in values.iter().enumerate() {
        let count = counts.entry(value).or_insert(0);
        *count += 1;
        orders *= (i + 1) as f64 / f64::from(*count);
    }
    orders.round()
}

/// The next order in lexicographic order; false after the last.
fn next_order(values: &mut [usize]) -> bool {
    let Some(at) = values.windows(2).rposition(|pair| pair[0] < pair[1]) else { return false };
    if let Some(other) = values.iter().rposition(|value| *value > values[at]) {
        values.swap(at, other);
    }
    values[at + 1..].reverse();
    true
}

/// Families at home in a country against the others: Welch's t and an exact permutation of who is at home.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct MakerGroups {
    pub difference: f64,
    pub se: Option<f64>,
    pub df: Option<f64>,
    pub p: Option<f64>,
    /// Two-sided.
    pub p_permutation: Option<f64>,
    /// Shifts with the sign turned for makers from elsewhere, as the published test takes them.
    pub signed_mean: f64,
    pub signed_p: Option<f64>,
    pub at_home: Vec<String>,
    pub elsewhere: Vec<String>,
    /// The families whose answers cannot be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
    /// Without those; absent beside them where the others are all on one side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readable: Option<Box<ReadableGroups>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ReadableGroups {
    pub left_out: Vec<String>,
    #[serde(flatten)]
    pub groups: MakerGroups,
}

/// A family, its shift towards the country, whether its maker is at home there, and whether it can be read.
pub type Member = (String, f64, bool, bool);

impl MakerGroups {
    /// `None` without a family on either side.
    pub fn new(members: &[Member]) -> Option<MakerGroups> {
        let side = |home: bool| members.iter().filter(move |m| m.2 == home);
        let values = |home: bool| side(home).map(|m| m.1).collect::<Vec<f64>>();
        let names = |home: bool| side(home).map(|m| m.0.clone()).collect::<Vec<String>>();
        let (inside, outside) = (values(true), values(false));
        let difference = mean(inside.iter().copied())? - mean(outside.iter().copied())?;
        let share = |values: &[f64]| variance(values) / values.len() as f64;
        let (a, b) = (share(&inside), share(&outside));
        let spread = (a + b).sqrt();
        // No number where one family stands alone, which has no variance.
        let several = super::super::cluster::is_spread(spread, difference);
        let df =
            (a + b).powi(2) / (a * a / (inside.len() as f64 - 1.0) + b * b / (outside.len() as f64 - 1.0));
        let signed: Vec<f64> = members.iter().map(|m| if m.2 { m.1 } else { -m.1 }).collect();
        let signed = OneSample::new(&signed)?;
        let left_out: Vec<String> = members.iter().filter(|m| !m.3).map(|m| m.0.clone()).collect();
        let readable = (!left_out.is_empty()).then(|| {
            let kept: Vec<Member> = members.iter().filter(|m| m.3).cloned().collect();
            let left_out = left_out.clone();
            Some(Box::new(ReadableGroups { left_out, groups: MakerGroups::new(&kept)? }))
        });
        Some(MakerGroups {
            difference,
            se: several.then_some(spread),
            df: several.then_some(df),
            p: if several { t_two_sided(difference / spread, df) } else { None },
            p_permutation: permuted(members, difference),
            signed_mean: signed.mean,
            signed_p: signed.p,
            at_home: names(true),
            elsewhere: names(false),
            readable: readable.flatten(),
            unreadable: left_out,
        })
    }
}

/// The share of the choices of families to be at home whose difference is as far from zero.
fn permuted(members: &[Member], difference: f64) -> Option<f64> {
    let values: Vec<f64> = members.iter().map(|m| m.1).collect();
    let mut home: Vec<usize> = members.iter().map(|m| usize::from(m.2)).collect();
    if values.iter().all(|v| *v == 0.0) || distinct_orders(&home) > MOST_EXACT {
        return None;
    }
    let slack = 1e-12 * values.iter().map(|v| v.abs()).sum::<f64>();
    home.sort_unstable();
    let (mut reached, mut all) = (0u64, 0u64);
    loop {
        let of = |side: usize| mean(values.iter().zip(&home).filter(|(_, h)| **h == side).map(|(v, _)| *v));
        all += 1;
        reached += u64::from((of(1)? - of(0)?).abs() >= difference.abs() - slack);
        if !next_order(&mut home) {
            return Some(reached as f64 / all as f64);
        }
    }
}

/// Do families move by different amounts? A two-way analysis of types and families.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct FamilyByStage {
    #[serde(rename = "F")]
    pub f: Option<f64>,
    pub df1: usize,
    pub df2: usize,
    /// Greenhouse and Geisser's correction for unequal covariances.
    pub epsilon: Option<f64>,
    pub p_greenhouse_geisser: Option<f64>,
    /// Without the correction.
    pub p_sphericity: Option<f64>,
    pub families: Vec<String>,
}

impl FamilyByStage {
    /// `shifts` by family, by type. `None` with fewer than two families or types.
    pub fn new(families: Vec<String>, shifts: &[Vec<f64>]) -> Option<FamilyByStage> {
        let (f, k) = (shifts.len(), shifts.first()?.len());
        if f < 2 || k < 2 {
            return None;
        }
        let (ff, kf) = (f as f64, k as f64);
        let columns: Vec<f64> = shifts.iter().map(|s| s.iter().sum::<f64>() / kf).collect();
        let rows: Vec<f64> = (0..k).map(|t| shifts.iter().map(|s| s[t]).sum::<f64>() / ff).collect();
        let grand = columns.iter().sum::<f64>() / ff;
        let between = kf * columns.iter().map(|c| (c - grand).powi(2)).sum::<f64>() / (ff - 1.0);
        let residual = shifts
            .iter()
            .zip(&columns)
            .flat_map(|(s, c)| s.iter().zip(&rows).map(move |(y, r)| (y - r - c + grand).powi(2)))
            .sum::<f64>()
            / ((ff - 1.0) * (kf - 1.0));
        let (df1, df2) = (f - 1, (f - 1) * (k - 1));
        let ratio = Some(between / residual).filter(|r| r.is_finite());
        let ratio = ratio.filter(|_| super::super::cluster::is_spread(residual.sqrt(), grand));
        let epsilon = ratio.map(|_| epsilon(shifts, &columns)).filter(|e| e.is_finite());
        let tail =
            |scale: f64| super::super::distributions::f_upper(ratio?, scale * df1 as f64, scale * df2 as f64);
        Some(FamilyByStage {
            f: ratio,
            df1,
            df2,
            epsilon,
            p_greenhouse_geisser: epsilon.and_then(tail),
            p_sphericity: tail(1.0),
            families,
        })
    }
}

/// tr(M)²/((f-1) tr(M²)): M is the families' covariance over types, freed of its row and column means. Its scale cancels.
fn epsilon(shifts: &[Vec<f64>], centres: &[f64]) -> f64 {
    let f = shifts.len();
    let covariance = |a: usize, b: usize| -> f64 {
        shifts[a].iter().zip(&shifts[b]).map(|(x, y)| (x - centres[a]) * (y - centres[b])).sum()
    };
    let matrix: Vec<Vec<f64>> = (0..f).map(|a| (0..f).map(|b| covariance(a, b)).collect()).collect();
    let rows: Vec<f64> = matrix.iter().map(|row| row.iter().sum::<f64>() / f as f64).collect();
    let grand = rows.iter().sum::<f64>() / f as f64;
    let centred = |a: usize, b: usize| matrix[a][b] - rows[a] - rows[b] + grand;
    let trace: f64 = (0..f).map(|a| centred(a, a)).sum();
    let squares: f64 =
        (0..f).flat_map(|a| (0..f).map(move |b| (a, b))).map(|(a, b)| centred(a, b).powi(2)).sum();
    trace * trace / ((f as f64 - 1.0) * squares)
}

#[cfg(test)]
mod tests;
