//! That an answer means the same in every language: options under their labels, worked examples with their answers.

use super::super::error::{Finding, list};
use super::super::kind::Kind;
use super::super::model::{Choices, Study, Text};
use super::super::template::{Piece, Spelling, Template, Who};

/// Stands in a flattened text for whatever a placeholder will put there.
const FILLED: char = '\u{1}';

pub fn check(study: &Study, findings: &mut Vec<Finding>) {
    let reference = study.reference();
    for language in &study.languages {
        let labels = Labels::of(study.answers(language));
        for (name, text) in study.texts.get(language).into_iter().flatten() {
            let theirs = study.texts.get(reference).and_then(|texts| texts.get(name));
            let theirs = theirs.filter(|_| language != reference);
            let mut one = |own: &Template, theirs: Option<&Template>| {
                let theirs = theirs.map(|template| Reference { language: reference, template });
                options(own, &labels, theirs, findings);
                examples(own, &labels, theirs, findings);
            };
            match text {
                Text::One(own) => {
                    one(own, theirs.and_then(|t| if let Text::One(t) = t { Some(t) } else { None }));
                }
                Text::ByQuestion(own, _) => {
                    for (question, own) in own {
                        one(
                            own,
                            theirs.and_then(|t| match t {
                                Text::ByQuestion(by_question, _) => by_question.get(question),
                                Text::One(_) => None,
                            }),
                        );
                    }
                }
            }
        }
    }
    let labels = Labels::of(study.answers(reference));
    for condition in &study.conditions {
        for layout in condition.base.iter().chain(&condition.chat) {
            for (_, template) in &layout.parts {
                options(template, &labels, None, findings);
            }
        }
    }
}

/// The same text in the reference language.
#[derive(Clone, Copy)]
struct Reference<'s> {
    language: &'s str,
    template: &'s Template,
}

/// What the two answers look like in front of an option: `A` and `B`.
struct Labels([Vec<String>; 2]);

impl Labels {
    fn of(answers: &Choices) -> Self {
        Self(answers.each_ref().map(|spellings| {
            let bare = |s: &String| s.trim().trim_matches(['(', ')', '（', '）']).to_owned();
            spellings.iter().map(bare).filter(|s| !s.is_empty()).collect()
        }))
    }

    fn index(&self, word: &str) -> Option<usize> {
        self.0.iter().position(|spellings| spellings.iter().any(|s| s == word))
    }

    fn name(&self, index: usize) -> &str {
        self.0.get(index).and_then(|s| s.first()).map_or("", String::as_str)
    }

    /// The answer whose label ends a text, as in `... (A) `, and what stands before it.
    fn at_end<'t>(&self, text: &'t str) -> Option<(usize, &'t str)> {
        let text = text.trim_end().trim_end_matches([')', '）', '.', '。', ':', '：']);
        let start = text.char_indices().rev().take_while(|(_, c)| c.is_alphanumeric()).last()?.0;
        let (before, word) = text.split_at(start);
        Some((self.index(word)?, before))
    }

    /// A line as `(A) Tovary`: which answer, and the rest.
    fn option<'t>(&self, line: &'t str) -> Option<(usize, &'t str)> {
        let line = line.trim_start().trim_start_matches(['(', '（']);
        let end = line.find(|c: char| !c.is_alphanumeric())?;
        let (word, rest) = line.split_at(end);
        let rest = rest.strip_prefix([')', '）', '.', ':', '：'])?;
        Some((self.index(word)?, rest.trim()))
    }
}

/// `{first}` and `{second}` equally often, each under its own label, in the reference's order.
fn options(own: &Template, labels: &Labels, theirs: Option<Reference<'_>>, findings: &mut Vec<Finding>) {
    let slots = slots(own);
    let count = |who| slots.iter().filter(|slot| **slot == who).count();
    let (first, second) = (count(Who::First), count(Who::Second));
    if first != second && first.max(second) > 1 {
        let message =
            format!("`{{first}}` stands {first} times and `{{second}}` {second}; each is one option");
        findings.push(Finding::error(&own.origin, message));
        return;
    }
    for pair in own.pieces.windows(2) {
        if let [Piece::Literal(before), Piece::Entity { who, spelling: Spelling::Form(_) }] = pair
            && let Some(slot) = slot_index(*who)
            && let Some((label, _)) = labels.at_end(before)
            && label != slot
        {
            let message = format!(
                "`{{{}}}` stands behind `{}`, but is what the answer `{}` chooses: the options are swapped",
                who.name(),
                labels.name(label),
                labels.name(slot)
            );
            findings.push(Finding::error(&own.origin, message));
            return;
        }
    }
    if let Some(theirs) = theirs
        && slots != self::slots(theirs.template)
    {
        let here = list(slots.iter().map(|who| who.name()));
        let there = self::slots(theirs.template);
        let there = list(there.iter().map(|who| who.name()));
        let message = format!("the options are {here}, but {there} in `{}`", theirs.language);
        findings.push(Finding::error(&own.origin, message));
    }
}

/// The option slots in the order of mention.
fn slots(template: &Template) -> Vec<Who> {
    let named = template.mentions().filter(|(_, spelling)| matches!(spelling, Spelling::Form(_)));
    named.map(|(who, _)| who).filter(|who| slot_index(*who).is_some()).collect()
}

fn slot_index(who: Who) -> Option<usize> {
    match who {
        Who::First => Some(0),
        Who::Second => Some(1),
        Who::A | Who::B => None,
    }
}

/// A worked example: everything before its options, the options, and the answer given.
struct Example {
    before: String,
    options: [String; 2],
    answer: usize,
}

impl Example {
    /// The option that the text before the options names first, by the longest word that the other has not.
    fn named_first(&self) -> Option<usize> {
        let [one, two] = self.options.each_ref().map(|option| option.to_lowercase());
        let before = self.before.to_lowercase();
        let words = |text: &str| -> Vec<String> {
            text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
        };
        let place = |own: &str, other: &str| {
            let others = words(other);
            let own = words(own).into_iter().filter(|w| !others.contains(w));
            before.find(&own.max_by_key(|w| w.chars().count())?)
        };
        let (first, second) = (place(&one, &two)?, place(&two, &one)?);
        Some(usize::from(second < first))
    }

    fn exchanged(&self, theirs: &Self) -> bool {
        let [one, two] = &self.options;
        let [their_one, their_two] = &theirs.options;
        let turned = one != two && one == their_two && two == their_one;
        let named = self.named_first().zip(theirs.named_first());
        turned || named.is_some_and(|(own, their)| own != their)
    }
}

/// The worked examples of a text: two labelled lines, and a line that ends in one of the labels.
fn worked(template: &Template, labels: &Labels) -> Vec<Example> {
    let flat: String = template
        .pieces
        .iter()
        .map(|piece| if let Piece::Literal(text) = piece { text.clone() } else { FILLED.to_string() })
        .collect();
    let mut examples = Vec::new();
    let mut before = String::new();
    let mut options: [Option<String>; 2] = [None, None];
    for line in flat.lines() {
        if let Some((label, option)) = labels.option(line)
            && let Some(slot) = options.get_mut(label)
        {
            *slot = Some(option.to_owned());
            continue;
        }
        if let [Some(_), Some(_)] = &options
            && !line.trim().is_empty()
        {
            let answer = labels.at_end(line).filter(|(_, cue)| is_cue(cue)).map(|(answer, _)| answer);
            if let ([Some(one), Some(two)], Some(answer)) = (std::mem::take(&mut options), answer) {
                examples.push(Example { before: std::mem::take(&mut before), options: [one, two], answer });
                continue;
            }
        }
        before.push_str(line);
        before.push('\n');
    }
    examples
}

/// What may stand before the answer on its line; an instruction ("only A or B") is none.
fn is_cue(text: &str) -> bool {
    let text = text.trim_end().trim_end_matches(['(', '（']).trim_end();
    text.is_empty() || text.ends_with([':', '：', '=', FILLED])
}

fn examples(own: &Template, labels: &Labels, theirs: Option<Reference<'_>>, findings: &mut Vec<Finding>) {
    let examples = worked(own, labels);
    let mut wrong = |message: String| findings.push(Finding::error(&own.origin, message));
    if let (false, Some((who, _))) = (examples.is_empty(), own.mentions().next()) {
        wrong(format!(
            "`{{{}}}` stands among worked examples, which are about entities that are not compared",
            who.name()
        ));
    }
    let Some(Reference { language, template }) = theirs else {
        if let [first, rest @ ..] = examples.as_slice()
            && !rest.is_empty()
            && rest.iter().all(|e| e.answer == first.answer)
        {
            let message =
                format!("every worked example answers `{}`; show the other too", labels.name(first.answer));
            findings.push(Finding::warning(&own.origin, Kind::Examples, message));
        }
        return;
    };
    let theirs = worked(template, labels);
    if examples.len() != theirs.len() {
        wrong(format!(
            "worked examples with options and an answer: {}, but {} in `{language}`",
            examples.len(),
            theirs.len()
        ));
        return;
    }
    for (i, (own, their)) in examples.iter().zip(&theirs).enumerate() {
        let number = i + 1;
        if own.answer != their.answer {
            let (here, there) = (labels.name(own.answer), labels.name(their.answer));
            wrong(format!("worked example {number} answers `{here}`, but `{there}` in `{language}`"));
        }
        if own.exchanged(their) {
            wrong(format!("the options of worked example {number} are exchanged against `{language}`"));
        }
    }
}
