//! The page: headline, contents, sections, put into the template.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};

use super::input::ReportInput;
use super::section::{Context, sections};
use super::{headline, words};

const TEMPLATE: &str = include_str!("page.html.jinja");
const STYLE: &str = include_str!("page.css");

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
        headline => Value::from(Serde(headline::blocks(&context.scope, input))),
        sections => Value::from(Serde(sections(&context))),
        version => env!("CARGO_PKG_VERSION"),
    })?;
    Ok(page.chars().map(visible).collect())
}

/// Replaces what a name could use to unsettle the page: control characters, and those that turn the writing direction.
fn visible(c: char) -> char {
    match c {
        '\n' => c,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}
