//! Kinds of findings, by the names with which a study silences them.

/// What a warning is about; an error has a kind where a study taken over word for word may keep it as a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Agreement,
    AnswerPlace,
    Article,
    Capital,
    Class,
    Contraction,
    Doubled,
    Elision,
    Examples,
    FewTypes,
    LineEnds,
    NameCount,
    NameOrder,
    Number,
    OneSided,
    PairIds,
    Polarity,
    Prefill,
    Punctuation,
    RunsIn,
    Spacing,
    Untranslated,
    Unused,
}

impl Kind {
    pub const ALL: [Kind; 23] = [
        Kind::Agreement,
        Kind::AnswerPlace,
        Kind::Article,
        Kind::Capital,
        Kind::Class,
        Kind::Contraction,
        Kind::Doubled,
        Kind::Elision,
        Kind::Examples,
        Kind::FewTypes,
        Kind::LineEnds,
        Kind::NameCount,
        Kind::NameOrder,
        Kind::Number,
        Kind::OneSided,
        Kind::PairIds,
        Kind::Polarity,
        Kind::Prefill,
        Kind::Punctuation,
        Kind::RunsIn,
        Kind::Spacing,
        Kind::Untranslated,
        Kind::Unused,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Agreement => "agreement",
            Kind::AnswerPlace => "answer-place",
            Kind::Article => "article",
            Kind::Capital => "capital",
            Kind::Class => "class",
            Kind::Contraction => "contraction",
            Kind::Doubled => "doubled",
            Kind::Elision => "elision",
            Kind::Examples => "examples",
            Kind::FewTypes => "few-types",
            Kind::LineEnds => "line-ends",
            Kind::NameCount => "name-count",
            Kind::NameOrder => "name-order",
            Kind::Number => "number",
            Kind::OneSided => "one-sided",
            Kind::PairIds => "pair-ids",
            Kind::Polarity => "polarity",
            Kind::Prefill => "prefill",
            Kind::Punctuation => "punctuation",
            Kind::RunsIn => "runs-in",
            Kind::Spacing => "spacing",
            Kind::Untranslated => "untranslated",
            Kind::Unused => "unused",
        }
    }

    pub fn of(name: &str) -> Option<Kind> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// About how a text reads or whom it names: what `verbatim` takes as it is.
    pub fn is_wording(self) -> bool {
        matches!(
            self,
            Kind::Agreement
                | Kind::Article
                | Kind::Capital
                | Kind::Contraction
                | Kind::Doubled
                | Kind::Elision
                | Kind::NameCount
                | Kind::NameOrder
                | Kind::Number
                | Kind::Punctuation
                | Kind::RunsIn
                | Kind::Spacing
        )
    }
}
