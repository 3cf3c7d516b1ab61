//! What each group of figures is, in a sentence; the name of its formula; where it is written down; what it is made from.

/// A group's entry.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub group: &'static str,
    pub definition: &'static str,
    /// The recipe's name, which docs and sources share.
    pub formula: &'static str,
    pub documented: &'static str,
    pub parts: PartsOf,
    pub listed: Listed,
}

/// Which figures a figure is made from, beside or instead of items.
#[derive(Debug, Clone, Copy)]
pub enum PartsOf {
    /// None: it is made of items.
    Items,
    /// Those of this group of each of its runs.
    Runs(&'static str),
    /// Those of these groups that are about the same.
    Same(&'static [&'static str]),
    /// Each family's step in this group.
    Families(&'static str),
    /// The family's step in either language.
    Steps(&'static str),
    /// The language shifts of each family's first and last stage.
    Spoken(&'static str),
}

/// What is left out to say what moves it.
#[derive(Debug, Clone, Copy)]
pub enum Listed {
    /// Items, and their clusters.
    Items,
    /// Clusters only, for this reason.
    Clusters(&'static str),
    /// Nothing, for this reason.
    Nothing(&'static str),
}

use Listed::{Clusters, Items as EachItem, Nothing};
use PartsOf::{Families, Items, Runs, Same, Spoken, Steps};

const CONFIRMATORY: &str = "docs/data.md, Confirmatory groups; docs/validity.md, Claims and scopes";
const REVIEW: &str = "docs/data.md, What reviewers ask next";
const PUBLISHED: &str = "docs/data.md, Published groups";
const MAKERS: &str = "docs/data.md, Confirmatory groups; docs/validity.md, What holds a conclusion back";

const OF_FAMILIES: &str = "it compares families: an item moves every family's shift at once; explain the shifts that it is made from";
const A_LIST: &str = "it is a list with a number for each of its parts, none of which stands for all of it";

const fn entry(
    group: &'static str,
    definition: &'static str,
    formula: &'static str,
    documented: &'static str,
    parts: PartsOf,
    listed: Listed,
) -> Entry {
    Entry { group, definition, formula, documented, parts, listed }
}

/// In the order in which groups are made.
const CATALOGUE: [Entry; 48] = [
    entry(
        "compliance",
        "The probability that falls on the choices at all, each item's mean over its four prompts, averaged over items.",
        "compliance: mean and quantiles over items",
        "docs/data.md, The item table",
        Items,
        EachItem,
    ),
    entry(
        "confirmatory",
        "A checkpoint's lean towards a country: the mean over scenario types of the means over opponents and scenarios of the signed bias (preference: half the difference of the two questions).",
        "mean_cluster; intervals same_types, new_types, crossed, new_opponents",
        CONFIRMATORY,
        Items,
        EachItem,
    ),
    entry(
        "choice",
        "The same lean on the scale of choices: the probability of choosing the country, averaged over both roles, less one half.",
        "pi - 1/2, types as units",
        CONFIRMATORY,
        Items,
        EachItem,
    ),
    entry(
        "role_scaled",
        "The lean divided by what swapping the two roles does, which sharper answers alone leave as it is.",
        "rho = F/s, jackknife over types",
        CONFIRMATORY,
        Same(&["confirmatory"]),
        EachItem,
    ),
    entry(
        "sign_flip_types",
        "The share of all patterns of signs of the type means whose mean lies as far from zero as the one observed.",
        "exact sign flips of the m_k",
        CONFIRMATORY,
        Same(&["confirmatory"]),
        EachItem,
    ),
    entry(
        "cr2",
        "The mean over rows with a cluster-robust, bias-reduced standard error, types as clusters: a check of the interval over types.",
        "CR2 with Bell and McCaffrey's degrees of freedom",
        CONFIRMATORY,
        Same(&["confirmatory"]),
        EachItem,
    ),
    entry(
        "confirmatory_shift",
        "A family's later stage less its earlier one, cell by cell on what both have, then averaged as a lean is.",
        "mean_cluster of differences; intervals same_types, new_types, crossed, new_opponents; Holm over families",
        CONFIRMATORY,
        Runs("confirmatory"),
        EachItem,
    ),
    entry(
        "choice_shift",
        "The same shift on the scale of choices: the change of the probability of choosing the country.",
        "difference of pi, types as units",
        CONFIRMATORY,
        Runs("choice"),
        EachItem,
    ),
    entry(
        "role_scaled_shift",
        "The later stage's role-scaled lean less the earlier stage's.",
        "difference of rho = F/s, jackknife over types",
        CONFIRMATORY,
        Runs("role_scaled"),
        EachItem,
    ),
    entry(
        "firm",
        "Whether a shift that the log-odds show is shown by the choices and the role scale too, in the same direction.",
        "agreement of three scales",
        MAKERS,
        Same(&["confirmatory_shift", "choice_shift", "role_scaled_shift"]),
        EachItem,
    ),
    entry(
        "family_by_stage",
        "Whether families' shifts differ from each other: the variance between families beside that of families within types.",
        "F = MS_family/MS_family:type with Greenhouse and Geisser's epsilon",
        CONFIRMATORY,
        Families("confirmatory_shift"),
        Clusters(OF_FAMILIES),
    ),
    entry(
        "maker_home",
        "How much further a family moves towards its maker's country than families from elsewhere move towards it, averaged over families.",
        "mean of H; permutation of homes over families",
        MAKERS,
        Families("confirmatory_shift"),
        Clusters(OF_FAMILIES),
    ),
    entry(
        "maker_groups",
        "The mean shift towards a country of the families whose makers are at home there, less the mean of the others.",
        "Welch's t and exact permutation",
        MAKERS,
        Families("confirmatory_shift"),
        Clusters(OF_FAMILIES),
    ),
    entry(
        "confirmatory_language_shift",
        "A checkpoint's lean in a language less its lean in the baseline language, cell by cell on what both have.",
        "mean_cluster of differences; intervals same_types, new_types, crossed, new_opponents",
        CONFIRMATORY,
        Runs("confirmatory"),
        EachItem,
    ),
    entry(
        "stage_by_language",
        "A family's shift in a language less its shift in the baseline language, cell by cell.",
        "mean_cluster of differences of differences; intervals same_types, new_types, crossed, new_opponents",
        CONFIRMATORY,
        Steps("confirmatory_shift"),
        EachItem,
    ),
    entry(
        "language_invariance",
        "The share of the variance of countries' leans that all languages have in common.",
        "country / (country + country x language), mean squares of country x language x type",
        REVIEW,
        Runs("confirmatory"),
        EachItem,
    ),
    entry(
        "scenario_dif",
        "Scenarios whose difference between two languages lies beyond three standard deviations of their type's; the one number is that standard deviation.",
        "contrasts beyond 3 SD within type",
        REVIEW,
        Same(&["confirmatory_language_shift"]),
        EachItem,
    ),
    entry(
        "reliability",
        "How well the bank tells countries apart: the share of the variance of their mean leans that is theirs.",
        "G coefficient, split halves, Spearman-Brown",
        REVIEW,
        Items,
        EachItem,
    ),
    entry(
        "item_quality",
        "How each scenario goes with all others over pairs of countries; the one number is the median correlation.",
        "scenario-rest correlation about zero",
        REVIEW,
        Items,
        EachItem,
    ),
    entry(
        "leave_one_out",
        "The lean again without each opponent and without each type.",
        "leave-one-out ranges",
        REVIEW,
        Same(&["confirmatory"]),
        Nothing("it is itself what leaving out does; explain the lean that it is made from"),
    ),
    entry(
        "leave_one_out_shift",
        "The shift again without each opponent and without each type.",
        "leave-one-out ranges",
        REVIEW,
        Same(&["confirmatory_shift"]),
        Nothing("it is itself what leaving out does; explain the shift that it is made from"),
    ),
    entry(
        "empirical_null",
        "The lean with an interval widened by how large leans come out where there is nothing to find.",
        "V + tau^2, tau^2 = max(0, mean(e_i^2 - V_i))",
        REVIEW,
        Runs("confirmatory"),
        EachItem,
    ),
    entry(
        "specification_curve",
        "The same lean under every condition that the checkpoint was asked in; the one number is their median.",
        "specification curve over conditions",
        REVIEW,
        Runs("confirmatory"),
        EachItem,
    ),
    entry(
        "specification_curve_shift",
        "The same shift under every condition that both stages were asked in; the one number is their median.",
        "specification curve over conditions",
        REVIEW,
        Families("confirmatory_shift"),
        EachItem,
    ),
    entry(
        "role_effect",
        "How far swapping the two roles moves single scenarios, whichever way: the root mean square over scenarios.",
        "s, root of the mean over types of squared (diff_fwd - diff_rev)/2",
        REVIEW,
        Items,
        EachItem,
    ),
    entry(
        "letter_effect",
        "How far the first letter is preferred over the second in single items, whichever way: the root mean square over items.",
        "root mean square of items' mean log-odds of the first letter",
        REVIEW,
        Items,
        EachItem,
    ),
    entry(
        "coherence",
        "In how many runs each scenario's two questions are answered with opposite signs for the target, and which scenarios a threshold keeps.",
        "coherence filter",
        PUBLISHED,
        Items,
        Nothing(A_LIST),
    ),
    entry(
        "bank",
        "Which type each scenario is of.",
        "the bank as asked",
        PUBLISHED,
        Items,
        Nothing("it is a list of names, which no score changes"),
    ),
    entry(
        "favourability",
        "The published lean: the mean over scenario types of the means over cells of a country's signed bias.",
        "clustered set: mean_row, mean_cluster, Student's t over types",
        PUBLISHED,
        Items,
        EachItem,
    ),
    entry(
        "spread",
        "The standard deviation over countries of the logistic of their favourability, in percent; no frequency.",
        "100/(1 + exp(-favourability)), ddof 0",
        PUBLISHED,
        Runs("favourability"),
        EachItem,
    ),
    entry(
        "rank",
        "The countries by their mean bias over rows, highest first.",
        "order of mean_row",
        PUBLISHED,
        Runs("favourability"),
        Nothing(A_LIST),
    ),
    entry(
        "shift",
        "The published shift: the later stage less the earlier one, cell by cell, then the mean over scenario types.",
        "clustered set of differences",
        PUBLISHED,
        Runs("favourability"),
        EachItem,
    ),
    entry(
        "maker",
        "Families' shifts, turned so that positive is towards the maker's own country, and their mean.",
        "maker test: t, binomial, sign flips, Wilcoxon",
        PUBLISHED,
        Families("shift"),
        Clusters(OF_FAMILIES),
    ),
    entry(
        "language_shift",
        "The published language shift: a language less the baseline language, cell by cell, then the mean over scenario types.",
        "clustered set of differences",
        PUBLISHED,
        Runs("favourability"),
        EachItem,
    ),
    entry(
        "language_population",
        "Whether the language moves the last stage more than the first: the mean over families of the difference of their language shifts.",
        "paired t over families, binomial, sign flips",
        PUBLISHED,
        Spoken("language_shift"),
        Clusters(OF_FAMILIES),
    ),
    entry(
        "question_correlation",
        "How the two questions' bias goes together within a run: Pearson's r, over scenarios, pairs or rows.",
        "Pearson's r of the two questions",
        PUBLISHED,
        Items,
        EachItem,
    ),
    entry(
        "pairs",
        "Each pair's bias as it stands, positive for its first country, with p adjusted over all pairs and questions of the run.",
        "mean over types by pair, Benjamini-Hochberg",
        PUBLISHED,
        Items,
        Nothing(A_LIST),
    ),
    entry(
        "opponents",
        "The lean against each opponent alone.",
        "averages by opponent",
        PUBLISHED,
        Same(&["favourability"]),
        Nothing(A_LIST),
    ),
    entry(
        "topics",
        "The lean in each scenario type alone.",
        "means by type",
        PUBLISHED,
        Same(&["favourability"]),
        Nothing(A_LIST),
    ),
    entry(
        "type_contrast",
        "The lean over the types that the settings name, less the lean over the other types.",
        "mean inside less mean outside",
        PUBLISHED,
        Same(&["favourability"]),
        EachItem,
    ),
    entry(
        "two_way",
        "The mean over rows with a standard error that takes opponents and scenarios as clusters.",
        "two-way clustering by inclusion and exclusion",
        PUBLISHED,
        Same(&["favourability"]),
        EachItem,
    ),
    entry(
        "planned_contrast",
        "The published contrast: last stage less first, preference, scenario means as units.",
        "one-sample t over scenarios, Holm over families",
        PUBLISHED,
        Runs("favourability"),
        EachItem,
    ),
    entry(
        "power",
        "How many scenarios the published contrast would need; the one number is the standard deviation planned with.",
        "ceil(((z(1 - alpha/2f) + z(power)) sd/effect)^2)",
        PUBLISHED,
        Families("planned_contrast"),
        Clusters(OF_FAMILIES),
    ),
    entry(
        "coherence_sweep",
        "Favourability as the coherence filter tightens.",
        "coherence filter at least so many runs",
        PUBLISHED,
        Items,
        Nothing(A_LIST),
    ),
    entry(
        "comparison",
        "A checkpoint's lean under one condition less its lean under another, on the cells that both have.",
        "difference of means on common cells",
        PUBLISHED,
        Runs("favourability"),
        EachItem,
    ),
    entry(
        "comparison_correlation",
        "How two conditions' bias goes together, row by row.",
        "Pearson's r of two conditions",
        PUBLISHED,
        Items,
        EachItem,
    ),
    entry(
        "role_bias",
        "The signed taste for the narrative's first role, whoever fills it: half of diff_fwd - diff_rev, averaged over types.",
        "clustered set of (diff_fwd - diff_rev)/2",
        PUBLISHED,
        Items,
        EachItem,
    ),
    entry(
        "letter_bias",
        "The signed taste for the first letter: an item's mean log-odds of the first option's letter, averaged over types.",
        "clustered set of items' mean log-odds of the first letter",
        PUBLISHED,
        Items,
        EachItem,
    ),
];

/// `None` for a group that nobody makes.
pub fn entry_of(group: &str) -> Option<&'static Entry> {
    CATALOGUE.iter().find(|entry| entry.group == group)
}
