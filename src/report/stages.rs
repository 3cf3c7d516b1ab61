//! What the way from a family's first stage to its last is called: post-training only where it leads from base to chat.

use super::checkpoints::Family;
use super::scope::Scope;

/// A way that some families have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way<'a> {
    pub first: &'a str,
    pub last: &'a str,
}

impl<'a> Way<'a> {
    /// `None` for a family of one stage.
    pub fn of(family: &Family<'a>) -> Option<Way<'a>> {
        family.ends().map(|[(first, _), (last, _)]| Way { first, last })
    }

    pub fn is_post_training(self) -> bool {
        (self.first, self.last) == ("base", "chat")
    }

    /// Whether base, in plain text, stands at its beginning and a chat at its end.
    pub fn changes_form(self) -> bool {
        self.first == "base" && self.last != "base"
    }

    /// As a sentence's subject: `post-training`, `the step from sft to dpo`.
    pub fn subject(self) -> String {
        match self.is_post_training() {
            true => "post-training".to_owned(),
            false => format!("the step from {} to {}", self.first, self.last),
        }
    }

    /// `after post-training`, `at stage dpo`.
    pub fn after(self) -> String {
        match self.is_post_training() {
            true => "after post-training".to_owned(),
            false => format!("at stage {}", self.last),
        }
    }

    pub fn before(self) -> String {
        match self.is_post_training() {
            true => "before post-training".to_owned(),
            false => format!("at stage {}", self.first),
        }
    }
}

/// The ways of all families with at least two stages, each with its families, in the page's order.
pub fn ways<'s, 'a>(scope: &'s Scope<'a>) -> Vec<(Way<'a>, Vec<&'s Family<'a>>)> {
    let mut ways: Vec<(Way<'a>, Vec<&Family<'a>>)> = Vec::new();
    for family in &scope.families {
        let Some(way) = Way::of(family) else { continue };
        match ways.iter_mut().find(|(known, _)| *known == way) {
            Some((_, families)) => families.push(family),
            None => ways.push((way, vec![family])),
        }
    }
    ways
}

/// What the section on shifts is called: after the only way there is.
pub fn title(scope: &Scope<'_>) -> String {
    match ways(scope).as_slice() {
        [] => "Shift from stage to stage".to_owned(),
        [(way, _)] if way.is_post_training() => "Post-training shift".to_owned(),
        [(way, _)] => format!("Shift from {} to {}", way.first, way.last),
        _ => "Shift from first to last stage".to_owned(),
    }
}
