//! What a command prints: the one place that writes to standard output and standard error.

use std::fmt::Display;
use std::io::{self, BufWriter, StdoutLock, Write};

use anyhow::Result;

/// Standard output, buffered; its errors say that it is the one that failed.
///
/// They keep their kind: a reader that has gone away is told from a full disk by it.
#[derive(Debug)]
pub struct StandardOutput(BufWriter<StdoutLock<'static>>);

pub fn standard_output() -> StandardOutput {
    StandardOutput(BufWriter::new(io::stdout().lock()))
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

/// Writes the whole of `text` to standard output.
pub fn print(text: impl AsRef<[u8]>) -> Result<()> {
    let mut out = standard_output();
    out.write_all(text.as_ref())?;
    Ok(out.flush()?)
}

/// A value as indented JSON on standard output.
pub fn print_json(value: &impl serde::Serialize) -> Result<()> {
    print(format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// A line on standard error. Where it cannot be written there is nobody to tell, and the work goes on.
pub fn say(line: impl Display) {
    let _ = io::stderr().lock().write_all(format!("{line}\n").as_bytes());
}
