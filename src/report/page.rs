//! The page: headline, contents, sections, put into the template.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};

use super::input::ReportInput;
use super::scope::Caution;
use super::section::{Context, sections};
use super::table::{Block, Item};
use super::{format, words};

const TEMPLATE: &str = include_str!("page.html.jinja");
const STYLE: &str = include_str!("page.css");

/// Up to so many checkpoints the headline has each in every language; beyond, in the baseline language.
const FEW: usize = 3;

#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error(
        "the report needs at least one favourability figure, and the analysis has none: its table has no complete item"
    )]
    Nothing,

    #[error("the report's page cannot be put together: {0}")]
    Template(#[from] minijinja::Error),
}

/// Renders the page: one HTML document that needs nothing else. The same input gives the same bytes.
///
/// # Errors
/// [`ReportError::Nothing`] for an analysis without favourability.
pub fn render(input: &ReportInput<'_>) -> Result<String, ReportError> {
    let context = Context::new(input);
    if context.scope.entities.is_empty() || context.scope.checkpoints.is_empty() {
        return Err(ReportError::Nothing);
    }
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_template("page", TEMPLATE)?;
    let page = environment.get_template("page")?.render(context! {
        title => input.title.as_str(),
        style => STYLE,
        lead => words::lead(&context.scope),
        headline => Value::from(Serde(headline(&context))),
        sections => Value::from(Serde(sections(&context))),
        version => env!("CARGO_PKG_VERSION"),
    })?;
    Ok(page)
}

/// Warnings, summary sentences and one verdict per checkpoint.
fn headline(context: &Context<'_>) -> Vec<Block> {
    let scope = &context.scope;
    let mut blocks = Vec::new();
    let (sentence, warns) = words::compliance(scope);
    if warns {
        blocks.push(Block::warning(sentence));
    }
    blocks.extend(words::summary(scope).into_iter().map(Block::paragraph));
    let in_all = scope.checkpoints.len() <= FEW && scope.languages.len() > 1;
    let mut items: Vec<Item> = Vec::new();
    for checkpoint in &scope.checkpoints {
        let asked = scope.languages_of(checkpoint.label);
        for language in asked.iter().take(if in_all { asked.len() } else { 1 }) {
            let mut item = words::verdict(scope, language, checkpoint.label);
            if in_all || *language != scope.baseline() {
                item.lead = format!("{} in {}", item.lead, format::language(language));
            }
            items.push(item);
        }
    }
    if !in_all && scope.languages.len() > 1 {
        let spoken = format::language(scope.baseline());
        blocks.push(Block::heading(format!("Each checkpoint, asked in {spoken}")));
    }
    let caution = items.iter().any(|item| item.tone == "caution");
    blocks.push(Block::List { items });
    if caution && !warns {
        blocks.push(Block::paragraph(format!("{} marks reduced compliance.", Caution::Reduced.dagger())));
    }
    blocks
}
