//! A prompt as other programs keep it: one flat object beside which nothing of the study is needed.

use serde::Serialize;

use crate::study::{Choices, Message, OptionOrder, Prompt, PromptText, Roles, StageForm, Study};

/// One language, condition and form of a study: a task of the harness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    pub condition: String,
    pub language: String,
    pub form: StageForm,
}

impl Task {
    /// `geopolitics_main_en_base`: no name of the harness's may hold anything else.
    pub fn name(&self, study: &Study) -> String {
        slug(&[study.name(), &self.condition, &self.language, self.form.name()])
    }
}

/// Parts of a name, in letters, digits and `_`.
pub fn slug(parts: &[&str]) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    parts.iter().map(|part| part.chars().map(plain).collect()).collect::<Vec<String>>().join("_")
}

/// One prompt. Fields that a condition does not have stand in none of its documents.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Document {
    /// `<language>/<condition>/<country_1>-<country_2>/<scenario>/<question>/<fwd|rev>/<12|21>`
    pub id: String,
    pub language: String,
    pub condition: String,
    pub form: StageForm,
    pub country_1: String,
    pub country_2: String,
    pub scenario: String,
    pub scenario_type: String,
    pub question: String,
    /// +1: naming a country in answer to the question favours it; -1: it disfavours it.
    pub polarity: i8,
    /// fwd: country_1 has the narrative's first role.
    pub roles: Roles,
    /// 12: country_1 is the first option.
    pub order: OptionOrder,
    /// The plain prompt; of a chat the user's message.
    pub text: String,
    /// The system's message of a chat that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// How a chat's answer begins, where the condition begins it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefill: Option<String>,
    /// All turns of a chat that is more than a system's and a user's message; `text` is the last one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<Message>>,
    /// Texts that count for the first option, and for the second.
    pub answers: Choices,
    /// Which of them names country_1, 0 or 1. No answer is right.
    pub target: usize,
}

impl Document {
    pub fn new(prompt: Prompt, form: StageForm, study: &Study, answers: &Choices) -> Document {
        let polarity = study.questions().iter().find(|q| q.id == prompt.question).map_or(1, |q| q.polarity);
        let [country_1, country_2] = prompt.pair;
        let shown = Shown::of(prompt.text);
        Document {
            id: prompt.id,
            language: prompt.language,
            condition: prompt.condition,
            form,
            country_1,
            country_2,
            scenario: prompt.scenario,
            scenario_type: prompt.scenario_type,
            question: prompt.question,
            polarity,
            roles: prompt.roles,
            order: prompt.order,
            text: shown.text,
            system: shown.system,
            prefill: shown.prefill,
            messages: shown.messages,
            answers: answers.clone(),
            target: usize::from(prompt.order == OptionOrder::Second),
        }
    }

    /// The turns of a chat; none of a plain prompt.
    pub fn turns(&self) -> Vec<Message> {
        if self.form == StageForm::Base {
            return Vec::new();
        }
        if let Some(messages) = &self.messages {
            return messages.clone();
        }
        let system = self.system.iter().map(|text| Message::new("system", text));
        system.chain([Message::new("user", &self.text)]).collect()
    }

    /// What the first and the second answer are called.
    pub fn letters(&self) -> [&str; 2] {
        let [first, second] = &self.answers;
        [first, second].map(|texts| texts.first().map_or("", |text| text.trim()))
    }
}

struct Shown {
    text: String,
    system: Option<String>,
    prefill: Option<String>,
    messages: Option<Vec<Message>>,
}

impl Shown {
    fn of(text: PromptText) -> Shown {
        let (messages, prefill) = match text {
            PromptText::Plain(text) => return Shown { text, system: None, prefill: None, messages: None },
            PromptText::Chat { messages, prefill } => (messages, Some(prefill).filter(|p| !p.is_empty())),
        };
        match messages.as_slice() {
            [user] if user.role == "user" => {
                Shown { text: user.content.clone(), system: None, prefill, messages: None }
            }
            [system, user] if system.role == "system" && user.role == "user" => {
                let system = Some(system.content.clone());
                Shown { text: user.content.clone(), system, prefill, messages: None }
            }
            _ => {
                let text = messages.last().map_or_else(String::new, |last| last.content.clone());
                Shown { text, system: None, prefill, messages: Some(messages) }
            }
        }
    }
}

/// What of a condition's chat prompts the harness has no form for.
pub fn beyond_the_harness(document: &Document) -> Option<String> {
    let messages = document.messages.as_ref()?;
    let roles: Vec<&str> = messages.iter().map(|message| message.role.as_str()).collect();
    Some(format!("{} turns ({})", roles.len(), roles.join(", ")))
}
