use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::DoubleType;
use parquet::file::metadata::{ColumnChunkMetaData, FileMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::SchemaDescriptor;

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
        &[0x19, 0xf6, 16], // a list that is too long for its count to stand in its first byte
        &[0; 16],
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
    // A field's number too, from which the next one counts on: seven more than -5.
    let page = Page::read(&[0x05, 9, 0, 0x75, 0xd8, 4, 0]).expect("a header");
    assert_eq!(page.unpacked, 300);
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
    assert_eq!(refusal(b"\0\0\0PAR1").as_deref(), Some("it is cut off"));
    assert_eq!(refusal(b"\0\0\0\0PAR1").as_deref(), Some("its footer is cut off"));
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

/// A page's header as its writer makes it, in bytes; `values` of a dictionary.
fn header(unpacked: u64, packed: u64, values: Option<u64>) -> Vec<u8> {
    let number = |number: u64| {
        // Zigzag, then seven bits a byte, the lowest first.
        let (mut rest, mut bytes) = (number << 1, vec![0x15]);
        while rest > 0x7f {
            bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
        bytes
    };
    let dictionary = values.map_or_else(Vec::new, |values| [vec![0x4c], number(values), vec![0]].concat());
    [vec![0x15, 0], number(unpacked), number(packed), dictionary, vec![0]].concat()
}

/// What is said of a column that begins at `start` and takes `size` bytes, in a file of `length` bytes that begins as given.
fn refused(bytes: &[u8], length: u64, start: (i64, Option<i64>), size: i64) -> Option<String> {
    let mut file = tempfile::tempfile().expect("a file");
    std::io::Write::write_all(&mut file, bytes).expect("written");
    file.set_len(length).expect("sized");
    let schema = parse_message_type("message m { required double x; }").expect("a schema");
    let schema = Arc::new(SchemaDescriptor::new(Arc::new(schema)));
    let column = ColumnChunkMetaData::builder(schema.column(0))
        .set_data_page_offset(start.0)
        .set_dictionary_page_offset(start.1)
        .set_total_compressed_size(size)
        .build()
        .expect("a column");
    let group = RowGroupMetaData::builder(schema.clone()).set_column_metadata(vec![column]).build();
    let metadata = FileMetaData::new(1, 0, None, None, schema, None);
    let metadata = ParquetMetaData::new(metadata, vec![group.expect("a group")]);
    check_pages(&mut file, &metadata).expect("readable").err()
}

#[test]
fn a_column_lies_inside_its_file_and_its_pages_inside_the_column() {
    let page = |packed: usize| [header(10, packed as u64, None), vec![7; packed]].concat();
    let two = [page(10), page(300)].concat();
    let length = two.len() as i64;
    let outside = Some("column `x` lies outside the file".to_owned());
    let cut = Some("column `x`: a page is cut off".to_owned());
    let refused = |start, size| refused(&two, two.len() as u64, start, size);
    assert_eq!(refused((0, None), length), None);
    assert_eq!(refused((0, None), length + 1), outside);
    assert_eq!(refused((1, None), length), outside);
    assert_eq!(refused((-1, None), length), outside);
    assert_eq!(refused((0, None), -1), outside);
    assert_eq!(refused((i64::MAX, None), i64::MAX), outside);
    assert_eq!(refused((0, None), length - 1), cut);
    let second = page(10).len() as i64;
    assert_eq!(refused((second, None), length - second), None);
    assert_eq!(refused((second, None), length - second - 1), cut);
    let header = Some("column `x`: a page's header is cut off".to_owned());
    assert_eq!(refused((0, None), 3), header);
    assert_eq!(refused((0, None), second + 3), header);
    // A dictionary stands before the data.
    assert_eq!(refused((second, Some(0)), length), None);
    assert_eq!(refused((0, Some(second)), length), outside);
}

#[test]
fn a_page_claims_no_more_than_it_can_hold() {
    let refused = |pages: &[Vec<u8>], length: u64| refused(&pages.concat(), length, (0, None), length as i64);
    let page = |unpacked: u64, packed: u64, values: Option<u64>| {
        [header(unpacked, packed, values), vec![7; packed as usize]].concat()
    };
    let one = |page: Vec<u8>| {
        let length = page.len() as u64;
        refused(&[page], length)
    };
    let claim = |unpacked: u64, values: u64, packed: u64| {
        Some(format!("column `x`: a page claims {unpacked} bytes and {values} words in {packed} bytes"))
    };
    // 22 bytes a byte and 4096 more.
    assert_eq!(one(page(6296, 100, None)), None);
    assert_eq!(one(page(6297, 100, None)), claim(6297, 0, 100));
    // A word takes a byte at least.
    assert_eq!(one(page(50, 100, Some(50))), None);
    assert_eq!(one(page(50, 100, Some(51))), claim(50, 51, 100));
    // A quarter of a million words, in a page that could hold more.
    assert_eq!(one(page(300_000, 20_000, Some(262_144))), None);
    assert_eq!(one(page(300_000, 20_000, Some(262_145))), claim(300_000, 262_145, 20_000));
    // 64 MiB, in a page that could hold more.
    let (most, packed) = (67_108_864, 3_100_000);
    let large = |unpacked: u64| {
        let header = header(unpacked, packed, None);
        let length = header.len() as u64 + packed;
        refused(&[header], length)
    };
    assert_eq!(large(most), None);
    assert_eq!(large(most + 1), claim(most + 1, 0, packed));
    // The second one too.
    let two = [page(10, 300, None), page(10_000, 1, None)];
    let length = two.iter().map(Vec::len).sum::<usize>() as u64;
    assert_eq!(refused(&two, length), claim(10_000, 0, 1));
}
