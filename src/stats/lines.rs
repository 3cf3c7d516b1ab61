//! Where a record of a CSV file stands, as an editor counts its lines: blank ones too, and CRLF as one line end.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::Read;
use std::rc::Rc;

/// A single record may not be longer than this: a file without line ends must not fill the memory.
pub const LONGEST_RECORD: usize = 1 << 20;

/// The lines of what has been read ahead.
#[derive(Debug)]
pub struct Lines {
    /// Offset of the next byte.
    offset: u64,
    line: u64,
    /// Nothing but line ends has come since the last of them.
    fresh: bool,
    /// The last byte was a carriage return.
    returned: bool,
    /// Offset and number of each line that is not blank, as far as it has not been passed.
    starts: VecDeque<(u64, u64)>,
    /// Bytes handed out since the last record was complete.
    in_record: usize,
}

impl Default for Lines {
    fn default() -> Self {
        Self { offset: 0, line: 1, fresh: true, returned: false, starts: VecDeque::new(), in_record: 0 }
    }
}

impl Lines {
    /// The last record is complete.
    pub fn begin_record(&mut self) {
        self.in_record = 0;
    }

    /// The number of the first line with anything on it that begins at `offset` or behind it; offsets must ascend.
    pub fn line_from(&mut self, offset: u64) -> u64 {
        while self.starts.front().is_some_and(|(start, _)| *start < offset) {
            self.starts.pop_front();
        }
        self.starts.front().map_or(self.line, |(_, line)| *line)
    }

    fn pass(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'\n' if self.returned => {}
                b'\n' | b'\r' => {
                    self.line += 1;
                    self.fresh = true;
                }
                _ if self.fresh => {
                    self.starts.push_back((self.offset, self.line));
                    self.fresh = false;
                }
                _ => {}
            }
            self.returned = byte == b'\r';
            self.offset += 1;
        }
        self.in_record += bytes.len();
    }
}

/// Passes bytes on until one record has taken more than [`LONGEST_RECORD`] of them.
pub struct Watched<R> {
    pub inner: R,
    pub lines: Rc<RefCell<Lines>>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.lines.borrow().in_record > LONGEST_RECORD {
            return Err(std::io::Error::other(
                "a record of more than a mebibyte (a quote that is never closed?)",
            ));
        }
        let n = self.inner.read(buffer)?;
        self.lines.borrow_mut().pass(&buffer[..n]);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_as_an_editor_does() {
        let mut lines = Lines::default();
        // Lines 1, 3, 4 (quoted over two), 7 and 8 hold something.
        let text = b"a,b\r\n\r\nc,d\r\n\"e\nf\",g\n\nh,i\rj,k";
        for piece in text.chunks(3) {
            lines.pass(piece);
        }
        let at = |part: &[u8]| text.windows(part.len()).position(|w| w == part).map(|at| at as u64);
        // As the reader gives them: from the line end before on, and from the record itself.
        assert_eq!(lines.line_from(0), 1);
        assert_eq!(lines.line_from(at(b"a,b").expect("there") + 4), 3);
        assert_eq!(lines.line_from(at(b"c,d").expect("there") + 4), 4);
        assert_eq!(lines.line_from(at(b",g").expect("there") + 2), 7);
        assert_eq!(lines.line_from(at(b"j,k").expect("there")), 8);
    }
}
