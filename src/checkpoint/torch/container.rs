//! The zip archive around it: which bytes of the file are data.pkl and the storages.

use std::collections::HashMap;
use std::ops::Range;

use rawzip::{CompressionMethod, ZipArchive, ZipFileHeaderRecord, ZipSliceArchive};

use super::super::error::shown;
use super::objects::Objects;
use super::{LARGEST_PICKLE, MOST_TENSORS};

/// The end record of an archive without a comment.
const END_RECORD: u64 = 22;

/// First bytes of the form before PyTorch 1.6: a pickle of this number.
const LEGACY_MAGIC: [u8; 16] =
    [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e, 0x80];

/// Where things lie in the file, as the central directory says. (Local headers carry no sizes: torch streams.)
pub(super) struct Archive {
    pickle: (Range<usize>, u32),
    /// `data/<key>` by key.
    storages: HashMap<String, Range<usize>>,
}

impl Archive {
    /// data.pkl, its checksum verified.
    pub fn pickle<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], String> {
        let (range, crc) = &self.pickle;
        let pickle = &bytes[range.clone()];
        if pickle.len() > LARGEST_PICKLE {
            return Err(format!("data.pkl has {} bytes, more than {LARGEST_PICKLE}", pickle.len()));
        }
        if rawzip::crc32(pickle) != *crc {
            return Err("data.pkl does not have the checksum that the archive states".into());
        }
        Ok(pickle)
    }

    pub fn storage(&self, key: &str) -> Option<Range<usize>> {
        self.storages.get(key).cloned()
    }

    /// A storage that the pickle never mentions.
    pub fn unused(&self, objects: &Objects<'_>) -> Option<&str> {
        let mut unused: Vec<&String> =
            self.storages.keys().filter(|key| !objects.by_key.contains_key(key.as_str())).collect();
        unused.sort();
        unused.first().map(|key| key.as_str())
    }
}

/// Reads the directory and checks every entry: stored as it is, inside the file, no name and no byte twice.
pub(super) fn open(bytes: &[u8]) -> Result<Archive, String> {
    recognise(bytes)?;
    let zip = ZipArchive::from_slice(bytes)
        .map_err(|error| format!("is not a whole zip archive (is it cut off?): {error}"))?;
    if zip.eocd_offset() + END_RECORD != bytes.len() as u64 {
        return Err("has bytes after the archive's end, or a comment there".into());
    }
    let entries = entries(&zip)?;
    check_overlaps(&entries, zip.directory_offset())?;
    sort_out(entries, bytes)
}

/// Formats that go by the same file name.
fn recognise(bytes: &[u8]) -> Result<(), String> {
    if bytes.starts_with(&LEGACY_MAGIC[..15]) {
        return Err("is a legacy torch file (before PyTorch 1.6), which is not read; save it again".into());
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return Err("is a tar archive, the oldest form of a torch file, which is not read".into());
    }
    if bytes.starts_with(b"PK\x03\x04") {
        Ok(())
    } else {
        Err("is not a torch file: no zip archive begins here".into())
    }
}

/// One file of the archive.
struct Member {
    name: String,
    /// Where its local header begins.
    header: u64,
    data: Range<usize>,
    crc: u32,
}

fn entries(zip: &ZipSliceArchive<&[u8]>) -> Result<Vec<Member>, String> {
    let mut members = Vec::new();
    for entry in zip.entries() {
        let entry = entry.map_err(|error| format!("has a broken central directory: {error}"))?;
        // data.pkl, a handful of notes, and one storage a tensor at most
        if members.len() == MOST_TENSORS + 16 {
            return Err(format!("holds more than {} entries", MOST_TENSORS + 16));
        }
        members.push(member(zip, &entry)?);
    }
    if members.len() as u64 != zip.entries_hint() {
        return Err(format!(
            "has {} entries in its central directory, but states {}",
            members.len(),
            zip.entries_hint()
        ));
    }
    Ok(members)
}

fn member(zip: &ZipSliceArchive<&[u8]>, entry: &ZipFileHeaderRecord<'_>) -> Result<Member, String> {
    let raw = entry.file_path();
    let Ok(name) = std::str::from_utf8(raw.as_bytes()) else {
        return Err("has an entry whose name is not UTF-8".into());
    };
    let fail = |why: String| format!("entry {} {why}", shown(name));
    let method = entry.compression_method();
    if method != CompressionMethod::STORE {
        return Err(fail(format!("is compressed by method {method}; torch stores without compression")));
    }
    let (packed, size) = (entry.compressed_size_hint(), entry.uncompressed_size_hint());
    if packed != size {
        return Err(fail(format!("is stored, yet {size} bytes take {packed}")));
    }
    let place =
        zip.get_entry(entry.wayfinder()).map_err(|error| fail(format!("is not in the file: {error}")))?;
    let local = place.local_header();
    if entry.flags().is_encrypted() || local.flags().is_encrypted() {
        return Err(fail("is encrypted".into()));
    }
    if local.compression_method() != method || local.file_path().as_bytes() != name.as_bytes() {
        return Err(fail("differs between the central directory and its local header".into()));
    }
    let (begin, end) = place.compressed_data_range();
    let (Ok(begin), Ok(end)) = (usize::try_from(begin), usize::try_from(end)) else {
        return Err(fail("lies beyond what this machine can address".into()));
    };
    Ok(Member {
        name: name.to_owned(),
        header: entry.local_header_offset(),
        data: begin..end,
        crc: entry.crc32(),
    })
}

/// No byte belongs to two entries, or to an entry and the directory.
fn check_overlaps(members: &[Member], directory: u64) -> Result<(), String> {
    let mut order: Vec<&Member> = members.iter().collect();
    order.sort_by_key(|member| (member.header, member.data.end));
    for (first, second) in order.iter().zip(order.iter().skip(1)) {
        if first.data.end as u64 > second.header {
            return Err(format!("entries {} and {} overlap", shown(&first.name), shown(&second.name)));
        }
    }
    match order.last() {
        Some(last) if last.data.end as u64 > directory => {
            Err(format!("entry {} overlaps the central directory", shown(&last.name)))
        }
        _ => Ok(()),
    }
}

/// Every entry has a known place under one top folder.
fn sort_out(members: Vec<Member>, bytes: &[u8]) -> Result<Archive, String> {
    let Some((top, _)) = members.first().and_then(|member| member.name.split_once('/')) else {
        return Err("does not hold one folder with data.pkl, as torch files do".into());
    };
    let top = top.to_owned();
    let (mut pickle, mut version) = (None, None);
    let mut storages = HashMap::new();
    let mut seen = std::collections::HashSet::new();
    for member in &members {
        let fail = |why: &str| Err(format!("entry {} {why}", shown(&member.name)));
        if !seen.insert(member.name.as_str()) {
            return fail("stands there twice");
        }
        let Some(name) = member.name.strip_prefix(&top).and_then(|rest| rest.strip_prefix('/')) else {
            return fail("lies outside the folder of the others");
        };
        let content = || &bytes[member.data.clone()];
        match name {
            "data.pkl" => pickle = Some((member.data.clone(), member.crc)),
            "version" => version = Some(content()),
            "byteorder" if content() == b"little" => {}
            "byteorder" => return fail("is not `little`: big-endian files are not read"),
            ".format_version" | ".storage_alignment" | ".data/serialization_id" => {}
            "constants.pkl" => return fail("belongs to a TorchScript program, which is not read"),
            _ if name.starts_with("code/") => {
                return fail("belongs to a TorchScript program, which is not read");
            }
            _ => match name.strip_prefix("data/").filter(|key| is_key(key)) {
                Some(key) => drop(storages.insert(key.to_owned(), member.data.clone())),
                None => return fail("is nothing that a torch file of tensors holds"),
            },
        }
    }
    match version.map(<[u8]>::trim_ascii) {
        Some(b"3") => {}
        Some(other) => {
            return Err(format!("has version {}, expected 3", shown(&String::from_utf8_lossy(other))));
        }
        None => return Err(format!("holds no {}/version", shown(&top))),
    }
    match pickle {
        Some(pickle) => Ok(Archive { pickle, storages }),
        None => Err(format!("holds no {}/data.pkl", shown(&top))),
    }
}

/// Storages are numbered.
pub(super) fn is_key(key: &str) -> bool {
    (1..=20).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_digit())
}
