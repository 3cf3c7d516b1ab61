//! A report before it has a format: what must be known first, what was asked, the answer, the sections, with every figure
//! numbered.

use super::block::{self, Block, Section};
use super::figure::Figure;
use super::input::ReportInput;
use super::png::{self, Png, PngError};
use super::section::{Context, sections};
use super::svg::Svg;
use super::{headline, style, words};

/// Everything that a report says, in order. Two equal inputs give equal documents, and those the same bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub(super) title: String,
    /// Stands before every claim; empty where the figures come from all that was to be asked.
    pub(super) first: Vec<Block>,
    pub(super) lead: String,
    pub(super) headline: Vec<Block>,
    pub(super) sections: Vec<Section>,
}

/// A figure as files of their own.
#[derive(Debug, Clone, PartialEq)]
pub struct FigureFile {
    /// Without an ending; unique in its document.
    pub name: String,
    /// A complete SVG document.
    pub svg: String,
    /// Its numbers.
    pub csv: String,
    drawn: Svg,
}

impl FigureFile {
    /// The same picture as PNG.
    ///
    /// # Errors
    /// As [`PngError`] says.
    pub fn png(&self) -> Result<Png, PngError> {
        png::paint(&self.name, &self.drawn, &style::standalone())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error(
        "the report needs at least one favourability figure, and the analysis has none: its table has no complete item"
    )]
    Nothing,

    #[error("the report's page cannot be put together: {0}")]
    Template(#[from] minijinja::Error),
}

impl Document {
    /// # Errors
    /// [`ReportError::Nothing`] for an analysis without favourability.
    pub fn new(input: &ReportInput<'_>) -> Result<Document, ReportError> {
        let context = Context::new(input);
        if context.scope.entities.is_empty() || context.scope.checkpoints.is_empty() {
            return Err(ReportError::Nothing);
        }
        let mut document = Document {
            title: input.title.clone(),
            first: headline::first(&context),
            lead: words::lead(&context.scope),
            headline: headline::blocks(&context),
            sections: sections(&context),
        };
        let mut last = block::number(&mut document.headline, 0);
        for section in &mut document.sections {
            last = block::number(&mut section.blocks, last);
        }
        Ok(document)
    }

    /// What the first screen says in sentences: warnings, the answer, what is said around it.
    pub fn opening(&self) -> Vec<String> {
        let sentence = |block: &Block| match block {
            Block::Paragraph { text } | Block::Answer { text } => Some(text.clone()),
            Block::Warning { lead, text } => Some(format!("{lead} {text}")),
            _ => None,
        };
        self.first.iter().chain(&self.headline).filter_map(sentence).collect()
    }

    pub(super) fn figures(&self) -> Vec<&Figure> {
        let mut figures = block::figures(&self.headline);
        figures.extend(self.sections.iter().flat_map(|section| block::figures(&section.blocks)));
        figures
    }

    /// Every figure as files.
    pub fn figure_files(&self) -> Vec<FigureFile> {
        let file = |figure: &Figure| {
            let (svg, drawn) = (figure.file(), figure.drawn());
            FigureFile { name: figure.anchor.clone(), svg, csv: figure.data.csv(), drawn }
        };
        self.figures().into_iter().map(file).collect()
    }
}
