//! Answers as texts behind a prompt, which is how other engines read them.

use crate::study::{Choices, Condition, Study};

use super::InterchangeError;

/// What stands behind a prompt of `condition` in `language`: whole answers as they are; of others what their last tokens
/// say, each once.
pub fn behind(study: &Study, condition: &Condition, language: &str) -> Result<Choices, InterchangeError> {
    if let Some(whole) = &condition.whole_answers {
        return Ok(whole.clone());
    }
    let language = condition.text_language(language);
    let [first, second] = study.answers(language);
    Ok([texts(first, language)?, texts(second, language)?])
}

/// The same for people and programs that only name the answers; what no text stands for is spelled as the study does.
pub fn named(study: &Study, condition: &Condition, language: &str) -> Choices {
    let as_spelled = || study.answers(condition.text_language(language)).clone();
    behind(study, condition, language).unwrap_or_else(|_| as_spelled())
}

fn texts(spellings: &[String], language: &str) -> Result<Vec<String>, InterchangeError> {
    let mut texts: Vec<String> = Vec::new();
    for spelling in spellings {
        let text = last_word(spelling).ok_or_else(|| InterchangeError::Answer {
            language: language.to_owned(),
            answer: spelling.clone(),
        })?;
        if !texts.iter().any(|known| known == text) {
            texts.push(text.to_owned());
        }
    }
    Ok(texts)
}

/// The letters and digits that a spelling ends in, with a space that stands right before them: `A` of `(A`, ` A` of ` A`.
/// `None` where letters stand before, or something else behind: there the last token says less than the answer, or other.
fn last_word(spelling: &str) -> Option<&str> {
    let first = spelling.find(char::is_alphanumeric)?;
    if !spelling[first..].chars().all(char::is_alphanumeric) {
        return None;
    }
    let from = match spelling[..first].ends_with(' ') {
        true => first - 1,
        false => first,
    };
    Some(&spelling[from..])
}

#[cfg(test)]
mod tests {
    use super::last_word;

    #[test]
    fn an_answer_is_its_last_word_and_the_space_before_it() {
        let cases = [
            ("A", "A"),
            (" A", " A"),
            ("(A", "A"),
            ("\nA", "A"),
            ("( B", " B"),
            ("甲", "甲"),
            ("  12", " 12"),
        ];
        for (spelling, text) in cases {
            assert_eq!(last_word(spelling), Some(text), "{spelling:?}");
        }
        for spelling in ["", "(", "A)", "option A", "A B"] {
            assert_eq!(last_word(spelling), None, "{spelling:?}");
        }
    }
}
