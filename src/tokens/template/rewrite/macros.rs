//! Macros as Python's Jinja knows them: a default may speak of an earlier parameter, and a macro that speaks of
//! `varargs` or `kwargs` takes any arguments.

use std::collections::HashSet;

use super::code::{Kind, Token, tokens};
use super::{IS_MISSING, MISSING, VARIADIC};

/// The head of a macro as the engine is to see it, and what its end needs.
pub(super) struct Head {
    pub code: String,
    /// The block tags that follow at once, without the closing mark of the last.
    pub defaults: String,
    /// The assignment behind the macro's end that gives it its name, if it takes any arguments.
    pub naming: Option<String>,
}

struct Parameter<'c> {
    name: &'c str,
    default: Option<&'c str>,
}

/// `code` of the tag without its trimming marks; `variadic`: the body [speaks of any arguments](speaks_of_any). `None`: nothing to
/// change.
pub(super) fn head(code: &str, variadic: bool) -> Option<Head> {
    let all = tokens(code);
    let [_, name, open, inside @ .., close] = &all[..] else {
        return None;
    };
    if (open.text, close.text) != ("(", ")") {
        return None;
    }
    let parts = inside.split(|token| token.text == "," && token.depth == 1).filter(|_| !inside.is_empty());
    let parameters: Vec<Parameter<'_>> = parts.map(|part| parameter(code, part)).collect::<Option<_>>()?;
    let mut earlier = HashSet::new();
    let late: Vec<Option<&str>> = parameters
        .iter()
        .map(|Parameter { name, default }| {
            let late = default.filter(|default| mentions(default, |word| earlier.contains(word)));
            earlier.insert(*name);
            late
        })
        .collect();
    if !variadic && late.iter().all(Option::is_none) {
        return None;
    }
    let mut list: Vec<String> = Vec::new();
    let mut defaults = String::new();
    for (Parameter { name, default }, late) in parameters.iter().zip(&late) {
        list.push(match (default, late) {
            (_, Some(_)) => format!("{name}={MISSING}"),
            (Some(default), None) => format!("{name}={default}"),
            (None, _) => (*name).to_owned(),
        });
        if let Some(late) = late {
            let value = format!("({late}) if {name} is {IS_MISSING} else {name}");
            defaults += &format!(" %}}{{% set {name} = {value}");
        }
    }
    let hidden = format!("{VARIADIC}_{}", name.text);
    let naming = variadic.then(|| {
        let names: Vec<String> = parameters.iter().map(|parameter| format!("'{}'", parameter.name)).collect();
        format!("set {} = {VARIADIC}({hidden}, [{}])", name.text, names.join(", "))
    });
    if variadic {
        list.extend(["varargs=()".to_owned(), "kwargs={}".to_owned()]);
    }
    let called = if variadic { &hidden } else { name.text };
    Some(Head { code: format!(" macro {called}({})", list.join(", ")), defaults, naming })
}

/// `None`: the engine is to complain about it.
fn parameter<'c>(code: &'c str, part: &[Token<'c>]) -> Option<Parameter<'c>> {
    match part {
        [name] => Some(Parameter { name: name.text, default: None }),
        [name, equals, .., last] if equals.text == "=" => {
            Some(Parameter { name: name.text, default: Some(code[equals.end()..last.end()].trim_start()) })
        }
        _ => None,
    }
}

/// Whether a macro that has this code in its body takes any arguments.
pub(super) fn speaks_of_any(code: &str) -> bool {
    mentions(code, |word| ["varargs", "kwargs"].contains(&word))
}

/// Whether such a name stands in the code as a name: not in a text, nor behind a dot.
fn mentions(code: &str, is_meant: impl Fn(&str) -> bool) -> bool {
    let all = tokens(code);
    let named = |(at, token): (usize, &Token<'_>)| {
        token.kind == Kind::Word && is_meant(token.text) && (at == 0 || all[at - 1].text != ".")
    };
    all.iter().enumerate().any(named)
}
