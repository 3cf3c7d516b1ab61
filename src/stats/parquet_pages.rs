//! The footer and the pages of a Parquet file, walked over before they are read: they state sizes and counts that the `parquet`
//! crate would take memory or time for without asking what is there.
//!
//! Source: github.com/apache/parquet-format, `parquet.thrift` (`FileMetaData`, `PageHeader`), and Thrift's compact protocol.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use parquet::file::metadata::ParquetMetaData;

/// Bytes of a page's header; with statistics they have some hundred.
const LONGEST_HEADER: u64 = 1 << 16;
/// Bytes of a page that is unpacked; writers aim at one million.
const LARGEST_PAGE: u64 = 64 << 20;
/// What Snappy makes of three bytes at most, and something for the smallest pages.
const MOST_PACKED: u64 = 22;
const SMALL_PAGE: u64 = 1 << 12;
/// Values of a dictionary page; writers end it at a megabyte, and each value takes four bytes and more.
const MOST_VALUES: u64 = 1 << 18;
/// The footer, of which a table of a hundred million rows has three million bytes.
const LONGEST_FOOTER: u64 = 4 << 20;
/// Structs in structs.
const DEEPEST: usize = 16;

/// Refuses a file whose footer is larger than any table's, or claims what it cannot hold; it may be no Parquet file at all.
pub(super) fn check_footer(file: &mut File) -> io::Result<Result<(), String>> {
    let length = file.seek(SeekFrom::End(0))?;
    if length < 8 {
        return Ok(Err("it is cut off".into()));
    }
    file.seek(SeekFrom::Start(length - 8))?;
    let mut end = [0; 8];
    file.read_exact(&mut end)?;
    let [a, b, c, d, magic @ ..] = end;
    let footer = u64::from(u32::from_le_bytes([a, b, c, d]));
    if footer > LONGEST_FOOTER {
        let claim =
            format!("it claims a footer of {footer} bytes, more than the {LONGEST_FOOTER} of any item table");
        return Ok(Err(claim));
    }
    // What is no Parquet file, or shorter than it claims, the crate says.
    let start = (length - 8).checked_sub(footer).filter(|_| &magic == b"PAR1");
    let Some(start) = start else { return Ok(Ok(())) };
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.by_ref().take(footer).read_to_end(&mut bytes)?;
    Ok(Thrift { rest: &bytes }.fields(0, &mut |_, _| ()).map_err(|why| format!("its footer {why}")))
}

/// Refuses columns that lie outside the file, and pages that claim what they cannot hold.
pub(super) fn check_pages(file: &mut File, metadata: &ParquetMetaData) -> io::Result<Result<(), String>> {
    let length = file.seek(SeekFrom::End(0))?;
    for group in metadata.row_groups() {
        for column in group.columns() {
            let name = column.column_path().string();
            let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
            let range = u64::try_from(start).ok().zip(u64::try_from(column.compressed_size()).ok());
            let inside = range.and_then(|(start, size)| Some((start, start.checked_add(size)?)));
            let Some((mut at, end)) = inside.filter(|(_, end)| *end <= length) else {
                return Ok(Err(format!("column `{name}` lies outside the file")));
            };
            while at < end {
                let mut header = Vec::new();
                file.seek(SeekFrom::Start(at))?;
                file.by_ref().take(LONGEST_HEADER.min(end - at)).read_to_end(&mut header)?;
                let page = match Page::read(&header) {
                    Ok(page) => page,
                    Err(why) => return Ok(Err(format!("column `{name}`: a page's header {why}"))),
                };
                at += page.header + page.packed;
                if at > end {
                    return Ok(Err(format!("column `{name}`: a page is cut off")));
                }
                let most = (page.packed * MOST_PACKED + SMALL_PAGE).min(LARGEST_PAGE);
                if page.unpacked > most || page.values > MOST_VALUES.min(page.unpacked) {
                    let (unpacked, values) = (page.unpacked, page.values);
                    let why = format!("claims {unpacked} bytes and {values} words in {} bytes", page.packed);
                    return Ok(Err(format!("column `{name}`: a page {why}")));
                }
            }
        }
    }
    Ok(Ok(()))
}

/// What a page's header states.
#[derive(Debug, Default, PartialEq)]
struct Page {
    header: u64,
    unpacked: u64,
    packed: u64,
    /// Of a dictionary.
    values: u64,
}

impl Page {
    fn read(bytes: &[u8]) -> Result<Page, String> {
        let mut page = Page::default();
        let mut thrift = Thrift { rest: bytes };
        thrift.fields(0, &mut |path, value| match path {
            [2] => page.unpacked = value,
            [3] => page.packed = value,
            [7, 1] => page.values = value,
            _ => {}
        })?;
        page.header = (bytes.len() - thrift.rest.len()) as u64;
        Ok(page)
    }
}

/// Bytes of Thrift's compact protocol.
struct Thrift<'a> {
    rest: &'a [u8],
}

/// Hears of each number in a struct by the numbers of the fields that lead to it; what is negative is as large as can be.
type Visit<'v> = &'v mut dyn FnMut(&[i64], u64);

impl Thrift<'_> {
    fn byte(&mut self) -> Result<u8, String> {
        let (byte, rest) = self.rest.split_first().ok_or("is cut off")?;
        self.rest = rest;
        Ok(*byte)
    }

    fn skip(&mut self, count: u64) -> Result<(), String> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.rest = self.rest.get(count..).ok_or("is cut off")?;
        Ok(())
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("has a number of more than ten bytes".into())
    }

    fn signed(&mut self) -> Result<i64, String> {
        let coded = self.varint()?;
        Ok((coded >> 1) as i64 ^ -((coded & 1) as i64))
    }

    fn fields(&mut self, depth: usize, visit: Visit<'_>) -> Result<(), String> {
        if depth == DEEPEST {
            return Err("nests too deeply".into());
        }
        let mut number = 0i64;
        loop {
            let head = self.byte()?;
            if head & 15 == 0 {
                return Ok(());
            }
            number = match head >> 4 {
                0 => self.signed()?,
                more => number.wrapping_add(i64::from(more)),
            };
            match head & 15 {
                4..=6 => {
                    let value = self.signed()?;
                    visit(&[number], u64::try_from(value).unwrap_or(u64::MAX));
                }
                12 => self.fields(depth + 1, &mut |path, value| {
                    // Deeper ones are of no interest.
                    if let [inner] = path {
                        visit(&[number, *inner], value);
                    }
                })?,
                // In a field a flag is its own type.
                1 | 2 => {}
                kind => self.value(kind, depth)?,
            }
        }
    }

    /// Passes over a value.
    fn value(&mut self, kind: u8, depth: usize) -> Result<(), String> {
        match kind {
            1..=3 => self.skip(1),
            4..=6 => self.varint().map(drop),
            7 => self.skip(8),
            8 => self.varint().and_then(|length| self.skip(length)),
            9 | 10 => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                self.values(count, &[head & 15], depth)
            }
            11 => match self.varint()? {
                0 => Ok(()),
                count => {
                    let kinds = self.byte()?;
                    self.values(count, &[kinds >> 4, kinds & 15], depth)
                }
            },
            12 => self.fields(depth + 1, &mut |_, _| ()),
            other => Err(format!("has a field of the unknown type {other}")),
        }
    }

    fn values(&mut self, count: u64, kinds: &[u8], depth: usize) -> Result<(), String> {
        if depth == DEEPEST {
            return Err("nests too deeply".into());
        }
        // For the `parquet` crate a flag in a list takes no byte, so that four bytes keep it busy for seconds. Neither page headers
        // nor footers have such lists.
        if count > 0 && kinds.iter().any(|kind| matches!(kind, 1 | 2)) {
            return Err("has a list of flags".into());
        }
        // Each takes a byte at least.
        if count > self.rest.len() as u64 {
            return Err("is cut off".into());
        }
        (0..count).try_for_each(|_| kinds.iter().try_for_each(|kind| self.value(*kind, depth + 1)))
    }
}

#[cfg(test)]
mod tests;
