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
mod tests {
    use std::sync::Arc;

    use parquet::basic::Compression;
    use parquet::data_type::DoubleType;
    use parquet::file::properties::WriterProperties;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::*;

    #[test]
    fn a_header_is_read_over_what_is_of_no_interest() {
        // type 2, 300 bytes unpacked, 100 packed, a dictionary of 5 values (field 7: 1, and its encoding), an unknown list.
        let header =
            [0x15, 4, 0x15, 0xd8, 4, 0x15, 0xc8, 1, 0x4c, 0x15, 10, 0x15, 0, 0, 0x19, 0x28, 1, b'a', 0, 0, 9];
        let page = Page::read(&header).expect("a header");
        assert_eq!(page, Page { header: 20, unpacked: 300, packed: 100, values: 5 });
        for cut in 0..20 {
            assert!(Page::read(&header[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn every_kind_of_field_is_passed_over() {
        let eight = [1, 2, 3, 4, 5, 6, 7, 8];
        let header = [
            &[0x19, 0x01, 0x23, 7, 0x17][..], // no flags in a list, a byte, a double
            &eight,
            &[0x1b, 1, 0x58, 2, 1, b'x', 0x1b, 0], // a map of a number to a text, an empty one
            &[0x1c, 0x15, 10, 0],                  // the dictionary
            &[0x19, 0x26, 2, 4, 0x19, 0x1c, 0x15, 2, 0, 0x19, 0x17], // lists of numbers, structs, doubles
            &eight,
            &[0x05, 4, 0xd8, 4, 0, 9], // field 2 by its whole number, and what stands behind
        ]
        .concat();
        let page = Page::read(&header).expect("a header");
        assert_eq!(page, Page { header: header.len() as u64 - 1, unpacked: 300, packed: 0, values: 5 });
    }

    #[test]
    fn flags_in_lists_are_refused() {
        for many in [[0x19, 0x11, 1, 0], [0x19, 0xf2, 0x7f, 0], [0x1b, 1, 0x15, 1]] {
            assert_eq!(Page::read(&many), Err("has a list of flags".into()), "{many:?}");
        }
    }

    #[test]
    fn structs_in_lists_are_followed_so_far() {
        let nested = |depth: usize| Page::read(&[[0x19, 0x1c].repeat(depth), vec![0; depth + 1]].concat());
        assert!(nested(7).is_ok());
        assert_eq!(nested(8), Err("nests too deeply".into()));
        let structs = |depth: usize| Page::read(&[vec![0x1c; depth], vec![0; depth + 1]].concat());
        assert!(structs(15).is_ok());
        assert_eq!(structs(16), Err("nests too deeply".into()));
    }

    #[test]
    fn what_is_negative_is_more_than_any_page_has() {
        let page = Page::read(&[0x25, 1, 0]).expect("a header");
        assert_eq!(page.unpacked, u64::MAX);
    }

    #[test]
    fn a_footer_larger_than_any_tables_is_refused() {
        let refusal = |bytes: &[u8]| {
            let mut file = tempfile::tempfile().expect("a file");
            std::io::Write::write_all(&mut file, bytes).expect("written");
            check_footer(&mut file).expect("readable").err()
        };
        let claim = |footer: u64| [b"PAR1", &(footer as u32).to_le_bytes()[..], b"PAR1"].concat();
        assert_eq!(refusal(&claim(LONGEST_FOOTER)), None);
        let refused = refusal(&claim(LONGEST_FOOTER + 1)).expect("one byte too many");
        assert!(refused.contains("claims a footer of 4194305 bytes"), "{refused}");
        // Whatever stands behind the size, as in a file whose footer is encrypted.
        let encrypted = [b"PARE", &(LONGEST_FOOTER as u32 + 1).to_le_bytes()[..], b"PARE"].concat();
        assert_eq!(refusal(&encrypted), Some(refused));
        assert!(refusal(b"PAR1").is_some_and(|why| why.contains("cut off")));
        assert_eq!(refusal(b"PAR1\0\x01\0\0\0PAR1"), None);
        let flags = refusal(b"PAR1\x19\xf1\xff\xff\xff\x0f\0\x07\0\0\0PAR1");
        assert_eq!(flags.as_deref(), Some("its footer has a list of flags"));
    }

    #[test]
    fn pages_that_pack_well_are_no_claim() {
        let mut file = tempfile::tempfile().expect("a file");
        let schema = parse_message_type("message m { required double x; }").expect("a schema");
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_dictionary_enabled(false)
            .build();
        let own = file.try_clone().expect("the file");
        let mut writer =
            SerializedFileWriter::new(own, Arc::new(schema), Arc::new(properties)).expect("a writer");
        let mut group = writer.next_row_group().expect("a group");
        let mut column = group.next_column().expect("a column").expect("the first");
        column.typed::<DoubleType>().write_batch(&[0.5; 4000], None, None).expect("written");
        column.close().expect("closed");
        group.close().expect("closed");
        writer.close().expect("closed");
        let reader = SerializedFileReader::new(file.try_clone().expect("the file")).expect("Parquet");
        let sizes = reader.metadata().row_group(0).column(0);
        assert!(sizes.uncompressed_size() > 10 * sizes.compressed_size());
        assert_eq!(check_pages(&mut file, reader.metadata()).expect("readable"), Ok(()));
    }
}
