//! Chinese and Japanese: no stray spaces, no half-width punctuation.

use super::super::super::error::Severity;
use super::super::super::kind::Kind;
use super::{Rendered, Slips, around};

/// Written without spaces: ideographs, kana, full-width punctuation.
pub fn is_wide(c: char) -> bool {
    matches!(c,
        '\u{3001}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{ff01}'..='\u{ff60}' | '\u{20000}'..='\u{3ffff}')
}

pub fn read(rendered: &Rendered<'_>, slips: &mut Slips) {
    let text = &rendered.text;
    let mut last: Option<char> = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, c)| *c);
        let (wide_before, wide_after) = (last.is_some_and(is_wide), next.is_some_and(is_wide));
        let here = || around(text, at..at + c.len_utf8());
        match c {
            ' ' | '\u{3000}' if wide_before && wide_after => {
                slips.add(Kind::Spacing, Severity::Error, "a stray space", here());
            }
            // An option's label, as in “(A) 法国”, stands apart.
            ' ' if wide_after && last == Some(')') => {}
            ' ' | '\u{3000}' if wide_before || wide_after => {
                slips.add(Kind::Spacing, Severity::Warning, "a space beside a full-width character", here());
            }
            ',' | ';' | '?' | '!' if wide_before => {
                slips.add(Kind::Punctuation, Severity::Warning, "half-width punctuation", here());
            }
            _ => {}
        }
        last = Some(c);
    }
}
