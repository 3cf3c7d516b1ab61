//! Archives that are broken, ambiguous or of another kind.

use tiltmeter::checkpoint::Checkpoint;

use super::archive::{self, File};
use super::{Parts, folder, refused};
use crate::common::Random;

/// What to change in an archive's files.
type Change<'a> = &'a dyn Fn(&mut Vec<File>);

/// Index of data.pkl and of the first storage.
const PICKLE: usize = 0;
const STORAGE: usize = 3;

#[apply(test!)]
fn archives_that_cannot_be_trusted_are_refused_by_entry() {
    let cases: &[(&[&str], Change)] = &[
        (&["archive/data/0", "compressed by method"], &|files| files[STORAGE].method = 8),
        (&["archive/data.pkl", "compressed by method"], &|files| files[PICKLE].method = 8),
        (&["archive/data/0", "encrypted"], &|files| files[STORAGE].flags |= 1),
        (&["archive/data/0", "80 bytes take 40"], &|files| files[STORAGE].packed = 40),
        (&["archive/data/0", "not in the file"], &|files| {
            (files[STORAGE].packed, files[STORAGE].size) = (1 << 30, 1 << 30)
        }),
        (&["archive/data/0", "not in the file"], &|files| files[STORAGE].offset = Some(1 << 30)),
        (&["archive/data/0", "not in the file"], &|files| files[STORAGE].offset = Some(7)),
        (&["archive/data/0", "differs between"], &|files| {
            files[STORAGE].local_name = Some("archive/data/9".into())
        }),
        // zip64: sizes of 2^63 and of 2^64 - 1, and a marker without a size
        (&["archive/data/0"], &|files| {
            (files[STORAGE].packed, files[STORAGE].size) = (u32::MAX, u32::MAX);
            files[STORAGE].zip64 = Some(1 << 63);
        }),
        (&["archive/data/0"], &|files| {
            (files[STORAGE].packed, files[STORAGE].size) = (u32::MAX, u32::MAX);
            files[STORAGE].zip64 = Some(u64::MAX);
        }),
        (&["archive/data/0"], &|files| (files[STORAGE].packed, files[STORAGE].size) = (u32::MAX, u32::MAX)),
        (&["archive/byteorder", "big-endian"], &|files| files[1] = File::new("archive/byteorder", "big")),
        (&["archive/data.pkl", "twice"], &|files| files.push(files[PICKLE].clone())),
        (&["archive/data/0", "twice"], &|files| files.push(files[STORAGE].clone())),
        (&["archive/constants.pkl", "TorchScript"], &|files| {
            files.push(File::new("archive/constants.pkl", ""))
        }),
        (&["archive/code/__torch__.py", "TorchScript"], &|files| {
            files.push(File::new("archive/code/__torch__.py", "import os"))
        }),
        (&["other/data/0", "outside the folder"], &|files| files[STORAGE].name = "other/data/0".into()),
        (&["archive/../data/0"], &|files| files[STORAGE].name = "archive/../data/0".into()),
        (&["/archive/data/0"], &|files| files[STORAGE].name = "/archive/data/0".into()),
        (&["archive/data/x"], &|files| files[STORAGE].name = "archive/data/x".into()),
        (&["archive/data/\\n"], &|files| files[STORAGE].name = "archive/data/\n".into()),
        (&["archive/data/", "nothing that a torch file"], &|files| {
            files.push(File::new("archive/data/", ""))
        }),
        (&["archive/notes.txt"], &|files| files.push(File::new("archive/notes.txt", "hello"))),
        (&["one folder"], &|files| files[PICKLE].name = "data.pkl".into()),
        (&["no archive/data.pkl"], &|files| drop(files.remove(PICKLE))),
        (&["no archive/version"], &|files| files.retain(|file| file.name != "archive/version")),
        (&["version 4"], &|files| {
            files.iter_mut().filter(|file| file.name == "archive/version").for_each(|file| {
                *file = File::new("archive/version", "4\n");
            })
        }),
        (&["data.pkl", "checksum"], &|files| files[PICKLE].crc ^= 1),
        (&["data/99", "no tensor"], &|files| files.push(File::new("archive/data/99", vec![0; 8]))),
        (&["storage 0 has no entry data/0"], &|files| drop(files.remove(STORAGE))),
    ];
    for (number, (names, change)) in cases.iter().enumerate() {
        let mut files = Parts::sound().files();
        change(&mut files);
        refused(&format!("case {number}"), &archive::write(&files), names);
    }
}

#[apply(test!)]
fn entries_that_share_bytes_are_refused() {
    // Two names for one place: the second storage's header is the first's.
    let mut files = Parts::sound().files();
    let bytes = archive::write(&files);
    let first = bytes.windows(14).position(|window| window == b"archive/data/0").expect("it is there") - 30;
    files[STORAGE + 1].offset = Some(first as u32);
    refused("one header for two", &archive::write(&files), &["archive/data/1", "differs between"]);
    // A storage that reaches over its neighbours.
    let mut files = Parts::sound().files();
    (files[STORAGE].packed, files[STORAGE].size) = (400, 400);
    refused("long storage", &archive::write(&files), &["archive/data/0", "overlap"]);
    let mut files = Parts::sound().files();
    let last = files.last_mut().expect("files");
    (last.packed, last.size) = (60, 60);
    refused("into the directory", &archive::write(&files), &["overlaps the central directory"]);
    // Up to the directory, as without the sizes behind the data.
    for (more, is_sound) in [(16, true), (17, false)] {
        let mut files = Parts::sound().files();
        let last = files.last_mut().expect("files");
        (last.packed, last.size) = (last.size + more, last.size + more);
        let dir = folder(&archive::write(&files));
        assert_eq!(Checkpoint::open(dir.path()).is_ok(), is_sound, "{more} bytes more");
    }
    // Up to the header of the next entry.
    for (more, is_sound) in [(16, true), (17, false)] {
        let mut files = Parts::sound().files();
        let inert = &mut files[STORAGE - 1];
        (inert.packed, inert.size) = (inert.size + more, inert.size + more);
        let dir = folder(&archive::write(&files));
        assert_eq!(Checkpoint::open(dir.path()).is_ok(), is_sound, "{more} bytes more");
    }
}

/// The flag in either of the two places that state it.
#[apply(test!)]
fn an_entry_that_one_header_calls_encrypted_is_refused() {
    let bytes = Parts::sound().bytes();
    let name = b"archive/data/0";
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(name)).collect();
    let [local, central] = places[..] else { panic!("not a header and an entry of the directory") };
    // 30 and 46 bytes stand before the name.
    for flags in [local - 30 + 6, central - 46 + 8] {
        let mut spoiled = bytes.clone();
        spoiled[flags] |= 1;
        refused("encrypted", &spoiled, &["archive/data/0", "is encrypted"]);
    }
}

#[apply(test!)]
fn other_formats_of_that_name_are_told_apart() {
    let sound = Parts::sound().bytes();
    let legacy = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e\x80\x02M\xe9\x03.";
    refused("legacy", legacy, &["legacy torch file"]);
    let mut tar = vec![0; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    refused("tar", &tar, &["tar archive"]);
    refused("text", b"hello", &["not a torch file"]);
    refused("a bare pickle", b"\x80\x02}.", &["not a torch file"]);
    refused("bytes before", &[b"#!/bin/sh\n", &sound[..]].concat(), &["not a torch file"]);
    refused("bytes behind", &[&sound[..], b"x"].concat(), &["after the archive's end"]);
    let mut miscounted = sound.clone();
    let end = miscounted.len() - 22;
    miscounted[end + 10] += 1;
    refused("a wrong count", &miscounted, &["entries in its central directory, but states"]);
    refused("empty", b"", &["is empty"]);
    refused("an empty archive", &archive::write(&[]), &["not a torch file"]);
}

#[apply(test!)]
fn a_file_cut_off_anywhere_is_refused() {
    let bytes = Parts::sound().bytes();
    for length in (0..bytes.len()).step_by(7) {
        refused(&format!("{length} bytes"), &bytes[..length], &[]);
    }
}

/// Whatever a few bytes become, the reader answers.
#[apply(test!)]
fn spoiled_bytes_never_panic() {
    let sound = Parts::sound().bytes();
    let files = Parts::sound().files();
    // Half of the changes hit the pickle, a quarter the directory.
    let pickle = sound.windows(2).position(|window| window == [0x80, 2]).expect("a pickle");
    let directory = sound.windows(4).position(|window| window == b"PK\x01\x02").expect("a directory");
    let dir = folder(&sound);
    let file = dir.path().join(super::BIN);
    let mut random = Random(11);
    let mut accepted = 0;
    for _ in 0..1500 {
        let mut bytes = sound.clone();
        for _ in 0..1 + random.below(3) {
            let at = match random.below(4) {
                0 | 1 => pickle + random.below(files[PICKLE].data.len()),
                2 => directory + random.below(bytes.len() - directory),
                _ => random.below(bytes.len()),
            };
            bytes[at] = random.next() as u8;
        }
        // The checksum would hide most changes to the pickle from the rest of the reader.
        let crc = archive::crc32(&bytes[pickle..pickle + files[PICKLE].data.len()]);
        bytes[directory + 16..directory + 20].copy_from_slice(&crc.to_le_bytes());
        std::fs::write(&file, &bytes).expect("it can be written");
        accepted += usize::from(Checkpoint::open(dir.path()).is_ok());
    }
    assert!(accepted < 750, "{accepted} of 1500 spoiled files were accepted");
}
