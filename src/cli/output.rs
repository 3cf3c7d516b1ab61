//! What a command prints: the one place that writes to standard output and standard error.

use std::fmt::Display;
use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::Path;

use super::volume;
use crate::store::{StoreError, file};
use anyhow::{Result, bail};

/// Standard output, buffered; its errors say that it is the one that failed.
///
/// They keep their kind: a reader that has gone away is told from a full disk by it.
#[derive(Debug)]
pub struct StandardOutput(Escaping<BufWriter<StdoutLock<'static>>>);

pub fn standard_output() -> StandardOutput {
    StandardOutput(Escaping::new(BufWriter::new(io::stdout().lock())))
}

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(named)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(named)
    }
}

fn named(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write to standard output: {error}"))
}

/// How an `--output` names standard output.
const STANDARD: &str = "-";

/// Whether a command's `--output` means standard output.
pub fn is_standard(output: &Path) -> bool {
    output == Path::new(STANDARD)
}

/// An `--output` in words.
pub fn place(output: &Path) -> String {
    match is_standard(output) {
        true => "standard output".to_owned(),
        false => output.display().to_string(),
    }
}

/// Writes the whole of `text` to standard output.
pub fn print(text: impl AsRef<[u8]>) -> Result<()> {
    let mut out = standard_output();
    out.write_all(text.as_ref())?;
    Ok(out.flush()?)
}

/// Writes what `write` gives to `output`, as a whole or not at all; `-` is standard output, which gets it as it comes.
pub fn write_whole(output: &Path, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    if is_standard(output) {
        let mut out = standard_output();
        write(&mut out)?;
        return Ok(out.flush()?);
    }
    file::check_place(output)?;
    // What went wrong before the file could be written is told as it is.
    let mut failed = None;
    let written = file::replace(output, |out| {
        write(out).map_err(|error| {
            let reason = match error.downcast_ref::<io::Error>() {
                Some(reason) => reason.kind().into(),
                None => io::Error::other(error.to_string()),
            };
            failed = Some(error);
            StoreError::io(output, reason)
        })
    });
    match failed {
        Some(error) if error.downcast_ref::<io::Error>().is_none() => Err(error),
        _ => Ok(written?),
    }
}

/// A command's result to its `--output`, standard output where none was given: [`write_whole`], and says so where that is a
/// file.
pub fn deliver(output: Option<&Path>, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let output = output.unwrap_or(Path::new(STANDARD));
    write_whole(output, write)?;
    if !is_standard(output) {
        say(format_args!("wrote {}", output.display()));
    }
    Ok(())
}

/// [`deliver`] of a text that is at hand.
pub fn deliver_text(output: Option<&Path>, text: impl AsRef<[u8]>) -> Result<()> {
    deliver(output, |out| Ok(out.write_all(text.as_ref())?))
}

/// A value as one line of JSON.
pub fn write_json_line(out: &mut dyn Write, value: &impl serde::Serialize) -> Result<()> {
    serde_json::to_writer(&mut *out, value).map_err(io::Error::from)?;
    Ok(out.write_all(b"\n")?)
}

/// Refuses to write to a file that is read: what is written would replace it.
pub fn keep(output: &Path, read: impl IntoIterator<Item = impl AsRef<Path>>) -> Result<()> {
    match read.into_iter().find(|input| file::is_same(input.as_ref(), output)) {
        Some(input) => bail!("{} is read, so nothing is written there", input.as_ref().display()),
        None => Ok(()),
    }
}

/// Refuses to write to a file that lies in a folder that is read, a checkpoint or a study.
pub fn keep_folder(output: &Path, what: &str, folder: &Path) -> Result<()> {
    match !is_standard(output) && file::is_within(output, folder) {
        true => bail!("--output {} is a file of the {what}, which would be replaced", output.display()),
        false => Ok(()),
    }
}

/// A value as indented JSON on standard output.
pub fn print_json(value: &impl serde::Serialize) -> Result<()> {
    print(format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// A line on standard error, unless the user wants to hear of nothing but errors.
pub fn say(line: impl Display) {
    if !volume::is_quiet() {
        warn(line);
    }
}

/// A line on standard error that no wish for quiet keeps back. Where it cannot be written there is nobody to tell, and the
/// work goes on.
pub fn warn(line: impl Display) {
    let mut out = Escaping::new(io::stderr().lock());
    let _ = out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush());
}

/// Shows what a terminal would obey: control characters other than the end of a line and the tab, and those that turn the
/// direction of writing, become `\u001b`. Names come from strangers' files and may hold them.
///
/// The spelling is JSON's, in whose texts alone such characters stand there, so that one rule serves tables and JSON.
#[derive(Debug)]
struct Escaping<W> {
    out: W,
    /// The begun character at the end of the last piece.
    begun: Vec<u8>,
}

impl<W: Write> Escaping<W> {
    fn new(out: W) -> Self {
        Self { out, begun: Vec::new() }
    }

    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut plain = 0;
        let mut at = 0;
        while let Some(first) = bytes.get(at) {
            let (length, character) = match first {
                b'\n' | b'\t' | 0x20..=0x7e => {
                    at += 1;
                    continue;
                }
                0..0x20 | 0x7f => (1, Some(u32::from(*first))),
                0xc2 => (2, bytes.get(at + 1).filter(|b| **b < 0xa0).map(|b| u32::from(*b))),
                0xe2 => (3, bytes.get(at..at + 3).and_then(turning)),
                _ => (1, None),
            };
            if let Some(character) = character {
                self.out.write_all(&bytes[plain..at])?;
                write!(self.out, "\\u{character:04x}")?;
                plain = at + length;
                at = plain;
            } else {
                at += 1;
            }
        }
        self.out.write_all(&bytes[plain..])
    }
}

/// Of the three bytes of a character: marks, embeddings, overrides and isolates of the direction of writing.
fn turning(bytes: &[u8]) -> Option<u32> {
    let character = std::str::from_utf8(bytes).ok()?.chars().next()?;
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        .then_some(character.into())
}

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let joined;
        let all = match self.begun.is_empty() {
            true => bytes,
            false => {
                joined = [&std::mem::take(&mut self.begun), bytes].concat();
                &joined
            }
        };
        let whole = all.len() - begun(all);
        self.begun = all[whole..].to_vec();
        self.pass(&all[..whole])?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let begun = std::mem::take(&mut self.begun);
        self.out.write_all(&begun)?;
        self.out.flush()
    }
}

/// Length of what may be the beginning of a character to be shown, at the end of `bytes`.
fn begun(bytes: &[u8]) -> usize {
    match bytes {
        [.., 0xc2 | 0xe2] => 1,
        [.., 0xe2, 0x80 | 0x81] => 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `text` written in pieces of `size` bytes.
    fn shown(text: &str, size: usize) -> String {
        let mut out = Escaping::new(Vec::new());
        for piece in text.as_bytes().chunks(size) {
            out.write_all(piece).expect("room");
        }
        out.flush().expect("room");
        String::from_utf8(out.out).expect("still text")
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown_however_it_is_cut() {
        let text = "a\tb\nç – 中\u{a0}€ \u{1b}[31mred\u{7f}\r \u{9b}2J \u{202e}x\u{2066}";
        for size in 1..=text.len() {
            assert_eq!(
                shown(text, size),
                "a\tb\nç – 中\u{a0}€ \\u001b[31mred\\u007f\\u000d \\u009b2J \\u202ex\\u2066"
            );
        }
    }

    #[test]
    fn json_stays_what_it_says() {
        let text = "\u{9b}31m\u{202e}\u{7f}";
        let json = serde_json::json!({ "name": text }).to_string();
        let read: serde_json::Value = serde_json::from_str(&shown(&json, 7)).expect("JSON");
        assert_eq!(read["name"], text);
    }
}
