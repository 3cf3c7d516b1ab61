//! Where the beginning-of-sequence token comes from, in words.

use super::error::Result;
use super::template::ChatTemplate;
use super::tokenizer::PromptTokenizer;
use crate::study::Message;

impl PromptTokenizer {
    /// Where BOS comes from in plain prompts, as a sentence for people.
    pub fn bos_rule(&self) -> String {
        let mut rule = match self.prefix() {
            [] => "the tokenizer puts nothing in front of a plain prompt".to_owned(),
            prefix => format!("the tokenizer puts {} in front of a plain prompt", self.spell(prefix)),
        };
        if !self.suffix().is_empty() {
            rule += &format!(" and {} behind it: the answer is read after that", self.spell(self.suffix()));
        }
        match self.bos() {
            Some((id, _)) if self.prefix().contains(&id) => {}
            Some((id, _)) => {
                rule += &format!("; its BOS token is {}", self.spell(&[id]));
            }
            None => rule += "; it names no BOS token",
        }
        let flag = self.config().get("add_bos_token").and_then(|flag| flag.as_bool());
        let adds_bos = self.bos().is_some_and(|(id, _)| self.prefix().contains(&id));
        if let Some(flag) = flag.filter(|flag| *flag != adds_bos && self.bos().is_some()) {
            rule += &format!(
                "; tokenizer_config.json says `add_bos_token`: {flag}, but beside a tokenizer.json its post-processor decides"
            );
        }
        rule
    }

    /// Where BOS comes from in rendered conversations, as a sentence for people.
    pub fn chat_bos_rule(&self, template: &ChatTemplate) -> Result<String> {
        let rendered = template.render(&[Message::new("user", "?")], None)?;
        let ids = self.encode_rendered(&rendered)?;
        let expected = match (self.prefix(), self.bos()) {
            ([], None) => {
                return Ok("the chat template writes no BOS, and there is none".to_owned());
            }
            ([], Some((id, _))) => vec![id],
            (prefix, _) => prefix.to_vec(),
        };
        let spelled = self.spell(&expected);
        Ok(match (ids.starts_with(&expected), self.prefix()) {
            (true, _) => format!("the chat template itself writes {spelled}; nothing is added"),
            (false, []) => "the chat template writes no BOS, and nothing is added".to_owned(),
            (false, _) => format!(
                "the chat template does not write {spelled}, which plain prompts begin with; \
                 nothing is added to it, as in the reference implementation"
            ),
        })
    }
}
