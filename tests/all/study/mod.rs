//! The study, as data: what the default one asks, what the format can express, what the commands do.

mod commands;
mod default_study;
mod format;
mod prefilled;
mod whole_answers;

use tiltmeter::study::PromptText;

/// Every text that a prompt shows.
fn texts(text: &PromptText) -> Vec<&str> {
    match text {
        PromptText::Plain(text) => vec![text],
        PromptText::Chat { messages, prefill } => {
            messages.iter().map(|m| m.content.as_str()).chain([prefill.as_str()]).collect()
        }
    }
}
