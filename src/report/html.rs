//! The page: one HTML document that needs nothing else.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};

use super::block::Block;
use super::document::{Document, ReportError};
use super::input::ReportInput;
use super::style;

const TEMPLATE: &str = include_str!("page.html.jinja");

/// Renders the page of an input: [`Document::html`] of its document.
///
/// # Errors
/// As [`Document::new`].
pub fn render(input: &ReportInput<'_>) -> Result<String, ReportError> {
    Document::new(input)?.html()
}

impl Document {
    /// The page. It holds its figures twice: as they are shown, and as files to be saved, in data URIs.
    pub fn html(mut self) -> Result<String, ReportError> {
        link(&mut self.headline);
        for section in &mut self.sections {
            link(&mut section.blocks);
        }
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
        environment.add_template("page", TEMPLATE)?;
        let page = environment.get_template("page")?.render(context! {
            title => self.title,
            style => style::page(),
            first => Value::from(Serde(self.first)),
            lead => self.lead,
            headline => Value::from(Serde(self.headline)),
            sections => Value::from(Serde(self.sections)),
            version => env!("CARGO_PKG_VERSION"),
        })?;
        Ok(page.chars().map(visible).collect())
    }
}

/// Gives each figure its files.
fn link(blocks: &mut [Block]) {
    for block in blocks {
        match block {
            Block::Figure { figure } => {
                let text = |text: String| text.chars().map(visible).collect::<String>();
                figure.svg_link = data_uri("image/svg+xml", &text(figure.file()));
                figure.csv_link = data_uri("text/csv;charset=utf-8", &text(figure.data.csv()));
            }
            Block::Details { blocks, .. } => link(blocks),
            _ => {}
        }
    }
}

/// Replaces what a name could use to unsettle the page: control characters, and those that turn the writing direction.
pub(super) fn visible(c: char) -> char {
    match c {
        '\n' => c,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

fn data_uri(media_type: &str, text: &str) -> String {
    format!("data:{media_type};base64,{}", base64(text.as_bytes()))
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit) & 63) as usize;
            let letter = ALPHABET.get(index).filter(|_| digit <= chunk.len() as u32);
            text.push(letter.map_or('=', |letter| char::from(*letter)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_rfc() {
        let pairs = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, coded) in pairs {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
