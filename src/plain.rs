//! Files from strangers: objects that are objects, and what a JSON reader says in words that people use; numbers of
//! things in words too; panics as errors.

mod alike;
mod caught;
mod date;
mod disk;
mod nearest;
mod number;
mod unknown;

pub(crate) use alike::{alike, reading};
pub(crate) use caught::catch;
pub(crate) use date::{instant, is_day, now, seconds};
pub(crate) use disk::{worded, write_new};
pub(crate) use nearest::{nearest, nearest_few};
pub(crate) use number::{bytes, counted, grouped, noun, scaled, total};
use unknown::toml_said;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::marker::PhantomData;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor, value::MapAccessDeserializer};

/// A `T` read from a JSON object and nothing else: a derived reader would also take a list of its fields in order.
pub(crate) struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// The value of `field`; `what` it must be and what it is go into the error.
pub(crate) fn field<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
    map: &mut A,
    field: &str,
    what: &str,
) -> Result<T, A::Error> {
    map.next_value().map_err(|error| {
        A::Error::custom(format!("`{field}` must be {what}{}", found(&without_place(&error.to_string()))))
    })
}

/// What was found, if the error says so, else what it says.
fn found(error: &str) -> String {
    if let Some((_, found)) = expected_and_found(error) {
        return format!(", not {found}");
    }
    if let Some(name) = error.strip_prefix("unknown variant `").and_then(|rest| rest.split('`').next()) {
        return format!(", not \"{}\"", shown(name));
    }
    // Of a list that is too short or long, or of a value of a wrong type: both would only mislead.
    let misleading = ["invalid length", "trailing characters", "expected value"];
    match misleading.iter().any(|start| error.starts_with(start)) {
        true => String::new(),
        false => format!(": {}", shortened(error)),
    }
}

/// An error of the JSON reader without its own types' names: `invalid type: sequence, expected u32` becomes
/// `expected a whole number, found a list`.
pub(crate) fn said(error: &str) -> String {
    let Some(at) = ["invalid type: ", "invalid value: "].iter().filter_map(|start| error.find(start)).min()
    else {
        return shortened(error);
    };
    let (before, rest) = error.split_at(at);
    let place = rest.rfind(" at line ").map_or("", |at| &rest[at..]);
    match expected_and_found(&without_place(rest)) {
        Some((expected, found)) => shortened(&format!("{before}expected {expected}, found {found}{place}")),
        None => shortened(error),
    }
}

fn expected_and_found(error: &str) -> Option<(String, String)> {
    let rest = error.strip_prefix("invalid type: ").or_else(|| error.strip_prefix("invalid value: "))?;
    let (found, expected) = rest.rsplit_once(", expected ")?;
    let expected = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "i32" | "i64" => "a whole number, perhaps negative",
        "f32" | "f64" => "a number",
        "a string" | "a borrowed string" => "a text",
        "a sequence" => "a list",
        "a boolean" => "true or false",
        "a map" => "an object",
        other if other.starts_with("struct ") => "an object",
        other => other,
    };
    let found = match found {
        "sequence" => "a list".to_owned(),
        "map" => "an object".to_owned(),
        "unit value" => "null".to_owned(),
        value => {
            let kinds = ["integer `", "floating point `", "boolean `"];
            let number = kinds.iter().find_map(|kind| value.strip_prefix(kind)?.strip_suffix('`'));
            shown(number.unwrap_or_else(|| value.strip_prefix("string ").unwrap_or(value)))
        }
    };
    Some((expected.to_owned(), found))
}

fn without_place(error: &str) -> String {
    error.rfind(" at line ").map_or(error, |at| &error[..at]).to_owned()
}

/// Text from a file as it may stand in a message: no control characters, at most 120 characters.
pub(crate) fn shown(text: &str) -> String {
    cut(text, 120)
}

/// A message that may quote a file, in a length that fits on a screen.
fn shortened(message: &str) -> String {
    cut(message, 300)
}

fn cut(text: &str, longest: usize) -> String {
    let mut out = String::new();
    for c in text.chars().take(longest) {
        match c {
            // Escaped, they would only be harder to read.
            '"' | '\'' | '\\' => out.push(c),
            c => out.extend(c.escape_debug()),
        }
    }
    if text.chars().nth(longest).is_some() {
        out.push_str("...");
    }
    out
}

/// What stands there instead of the file, if its first bytes tell.
pub(crate) fn stand_in(bytes: &[u8]) -> Option<&'static str> {
    let start = &bytes[..bytes.len().min(64)];
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start().to_ascii_lowercase();
    let begins = |with: &[&str]| with.iter().any(|with| text.starts_with(with.as_bytes()));
    if start.starts_with(b"version https://git-lfs") {
        Some("is a pointer of Git LFS, not the file itself: fetch it with `git lfs pull`")
    } else if begins(&["<!doctype", "<html", "<head", "<!--", "<?xml"]) {
        Some("is a web page, not the file itself: download it again")
    } else if begins(&["entry not found", "repository not found", "access to model", "invalid username"]) {
        Some(
            "is an error message of the hub, not the file itself: download it again, with a token if it is gated",
        )
    } else {
        None
    }
}

/// Why `bytes` cannot be JSON, if their first ones tell: another file, or another encoding than UTF-8 without a mark.
pub(crate) fn not_json(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xef, 0xbb, 0xbf, ..] => {
            stand_in(bytes).or(Some("begins with a byte-order mark: save it as UTF-8 without one"))
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("is UTF-16: save it as UTF-8"),
        _ => stand_in(bytes),
    }
}

/// Values of a file of JSON or TOML: settings, rosters, configurations and indices have some thousands.
pub(crate) const MOST_VALUES: usize = 200_000;

/// What stands before a value.
pub(crate) const JSON_SIGNS: &[u8] = b"[{,";
pub(crate) const TOML_SIGNS: &[u8] = b"[{,=.";

/// Why a text is not parsed, if it may hold more than `most` values: each is some bytes in the file, and a hundred and more in memory.
/// Signs in its texts count as well.
pub(crate) fn crowded(text: &[u8], signs: &[u8], most: usize) -> Option<String> {
    let values = text.iter().filter(|byte| signs.contains(byte)).count();
    (values > most)
        .then(|| format!("holds more than {} values, which is more than it can need", grouped(most)))
}

/// Bytes of a roster or of settings; none is anywhere near. TOML takes 28 bytes of memory for each line break, twice while it grows.
const LARGEST_SETTINGS: usize = 1 << 20;

/// Why a roster, settings or a plan is not parsed. Asked where one is parsed, since not all come from a file.
pub(crate) fn too_much(text: &[u8]) -> Option<String> {
    if text.len() > LARGEST_SETTINGS {
        return Some("is too large for a roster or settings (1 MiB)".to_owned());
    }
    crowded(text, TOML_SIGNS, MOST_VALUES)
}

/// Settings or a plan from their text; the error is what to say of it.
pub(crate) fn from_toml<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    match too_much(text.as_bytes()) {
        Some(why) => Err(why),
        None => toml::from_str(text).map_err(|error| toml_said(text, &error)),
    }
}

/// The text of a roster or of settings: the same file may be both.
pub(crate) fn read_settings(path: &Path) -> io::Result<String> {
    if is_named_pipe(path) {
        let why = "is a named pipe, which may never be written to: give a regular file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let mut bytes = Vec::new();
    // The size that the system tells is only a hint, and none for a pipe or a device.
    File::open(path)?.take(LARGEST_SETTINGS as u64 + 1).read_to_end(&mut bytes)?;
    let refused = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    // Before it is taken for text: it may be cut off within a letter.
    if let Some(why) = too_much(&bytes) {
        return Err(refused(why));
    }
    String::from_utf8(bytes).map_err(|_| refused("is not UTF-8 text".to_owned()))
}

/// Opening such a file waits until somebody opens it for writing. A pipe that a shell has opened for us (`<(...)`,
/// `/dev/stdin`) has no place in the file system.
#[cfg(unix)]
fn is_named_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.file_type().is_fifo()) && path.canonicalize().is_ok()
}

#[cfg(not(unix))]
fn is_named_pipe(_: &Path) -> bool {
    false
}

/// Whether there is something of this name, if only a link.
pub(crate) fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Why a file cannot be opened that is nothing but a link to nowhere.
pub(crate) fn dangling(path: &Path) -> Option<&'static str> {
    let is_link = path.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
    let blocked = std::io::ErrorKind::PermissionDenied;
    let lost = std::fs::metadata(path).is_err_and(|error| error.kind() != blocked);
    (is_link && lost).then_some("is a link that leads nowhere")
}

/// A named pipe for a test, to which nobody will ever write.
#[cfg(all(test, unix))]
pub(crate) fn named_pipe(path: impl AsRef<Path>) {
    let made = std::process::Command::new("mkfifo").arg(path.as_ref()).status();
    assert!(made.expect("every Unix has mkfifo").success());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_no_types_of_the_program() {
        let said_of = |error: serde_json::Error| said(&error.to_string());
        #[derive(Debug, serde::Deserialize)]
        struct Inner {
            #[allow(dead_code)]
            x: u32,
        }
        let read = |text: &str| said_of(serde_json::from_str::<Inner>(text).unwrap_err());
        assert_eq!(read("5"), "expected an object, found 5 at line 1 column 1");
        assert_eq!(read(r#"{"x": -1}"#), "expected a whole number, found -1 at line 1 column 8");
        assert_eq!(read(r#"{"x": ["a"]}"#), "expected a whole number, found a list at line 1 column 6");
        assert_eq!(read(r#"{"x": "a"}"#), "expected a whole number, found \"a\" at line 1 column 9");
        assert!(read("{").starts_with("EOF while parsing an object"));
        assert!(read(&format!(r#"{{"x": "{}"}}"#, "a".repeat(9999))).len() < 200);
    }

    #[test]
    fn an_object_is_no_list() {
        #[derive(Debug, serde::Deserialize)]
        struct Pair {
            a: u32,
            b: u32,
        }
        let Object(Pair { a, b }) = serde_json::from_str(r#"{"a": 1, "b": 2}"#).unwrap();
        assert_eq!((a, b), (1, 2));
        assert!(serde_json::from_str::<Object<Pair>>("[1, 2]").is_err());
    }

    #[test]
    fn many_small_values_are_not_parsed() {
        assert_eq!(crowded(b"a = [1, 2]", TOML_SIGNS, 3), None);
        assert!(
            crowded(b"a = [1, 2, 3]", TOML_SIGNS, 3).is_some_and(|why| why.contains("more than 3 values"))
        );
    }

    #[test]
    fn stand_ins_are_recognised() {
        assert!(stand_in(b"version https://git-lfs.github.com/spec/v1\n").is_some_and(|s| s.contains("LFS")));
        assert!(stand_in(b" \n<!DOCTYPE html>").is_some_and(|s| s.contains("web page")));
        assert_eq!(stand_in(b"{}"), None);
        assert!(not_json(b"\xef\xbb\xbf{}").is_some_and(|s| s.contains("byte-order")));
        assert!(not_json(b"\xff\xfe{\0").is_some_and(|s| s.contains("UTF-16")));
    }
}
