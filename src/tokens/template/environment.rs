//! The engine set up as the templates expect it: Jinja with the reference implementation's options and extras.

use std::fmt;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};

use super::date::PinnedDate;
use super::{bounded, filters, globals, json, methods, rewrite};

/// The name under which the one template is kept.
pub(super) const NAME: &str = "chat template";

/// Work that one rendering may do. It bounds the memory too, to 64 bytes a unit; a real template with a long
/// conversation takes some thousands.
const FUEL: u64 = 1_000_000;

/// What `raise_exception` was called with.
#[derive(Debug)]
struct Raised(String);

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Raised {}

/// The template compiled.
pub(super) fn compile(text: &str, date: PinnedDate) -> Result<Environment<'static>, Error> {
    let mut env = Environment::new();
    env.set_syntax(
        SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(false).build()?,
    );
    env.set_undefined_behavior(UndefinedBehavior::Lenient);
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_fuel(Some(FUEL));
    env.set_unknown_method_callback(methods::call);
    env.remove_global("debug");
    env.add_filter("tojson", json::tojson);
    env.add_filter("trim", methods::trim);
    env.add_filter(rewrite::BOUNDED_VARIABLE, bounded::variable);
    env.add_filter(rewrite::BOUNDED_ATTRIBUTE, bounded::attribute);
    env.set_formatter(filters::print);
    env.add_filter("int", methods::int);
    env.add_filter("float", methods::float);
    env.add_filter("e", filters::escape);
    env.add_filter("escape", filters::escape);
    env.add_filter("string", filters::string);
    env.add_filter("truncate", filters::truncate);
    env.add_filter("wordcount", filters::wordcount);
    env.add_filter("center", filters::center);
    env.add_filter("indent", filters::indent);
    env.add_filter("default", filters::default);
    env.add_filter("d", filters::default);
    globals::add(&mut env);
    env.add_test("iterable", methods::is_iterable);
    env.add_test("sequence", methods::is_sequence);
    env.add_test("callable", methods::is_callable);
    env.add_function("raise_exception", |message: Value| {
        Err::<Value, Error>(
            Error::new(ErrorKind::InvalidOperation, "raise_exception")
                .with_source(Raised(message.to_string())),
        )
    });
    env.add_function("strftime_now", move |format: &str| {
        date.strftime(format).map_err(|directive| {
            Error::new(ErrorKind::InvalidOperation, format!("strftime_now: {directive} is not a directive"))
        })
    });
    env.add_template_owned(NAME, rewrite::prepare(text))?;
    Ok(env)
}

/// The message of the `raise_exception` behind an error, if there is one: on one line, and not endless.
pub(super) fn raised(error: &Error) -> Option<String> {
    const LONGEST: usize = 240;
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(this) = cause {
        if let Some(raised) = this.downcast_ref::<Raised>() {
            let shown = raised.0.chars().take(LONGEST);
            let mut text: String = shown.map(|c| if c.is_control() { ' ' } else { c }).collect();
            if raised.0.chars().nth(LONGEST).is_some() {
                text.push_str("...");
            }
            return Some(text);
        }
        cause = this.source();
    }
    None
}

/// An engine's error as one sentence with the line it points at.
pub(super) fn describe(error: &Error) -> String {
    let what = match error.kind() {
        ErrorKind::OutOfFuel => {
            "it does not come to an end within the work and memory that a rendering may take".to_owned()
        }
        kind => match error.detail() {
            Some(detail) => format!("{kind}: {detail}"),
            None => kind.to_string(),
        },
    };
    match error.line() {
        Some(line) => format!("{what} (line {line})"),
        None => what,
    }
}
