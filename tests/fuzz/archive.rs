//! Zip archives as torch writes them, sound or not.

/// One file of an archive and what its headers say of it.
#[derive(Clone)]
pub struct File {
    pub name: String,
    pub data: Vec<u8>,
    pub method: u16,
    pub flags: u16,
    /// In the central directory; a `u32::MAX` there means "see zip64", where `zip64` says the size.
    pub size: u32,
    pub packed: u32,
    pub zip64: Option<u64>,
    pub crc: u32,
    /// In the local header, where it differs.
    pub local_name: Option<String>,
    /// Where the central directory says it begins, where that is wrong.
    pub offset: Option<u32>,
}

/// torch's flags: UTF-8 names, and sizes behind the data only.
const FLAGS: u16 = 0x808;
/// Data starts at multiples of this.
const ALIGNMENT: usize = 64;

impl File {
    pub fn new(name: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        let data = data.into();
        let size = data.len() as u32;
        let crc = crc32(&data);
        File {
            name: name.into(),
            data,
            method: 0,
            flags: FLAGS,
            size,
            packed: size,
            zip64: None,
            crc,
            local_name: None,
            offset: None,
        }
    }
}

pub fn write(files: &[File]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for file in files {
        let begin = out.len() as u32;
        local(&mut out, file);
        central(&mut directory, file, file.offset.unwrap_or(begin));
    }
    let start = out.len() as u32;
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&[files.len() as u16; 2].map(u16::to_le_bytes).concat());
    out.extend_from_slice(&[directory.len() as u32, start].map(u32::to_le_bytes).concat());
    out.extend_from_slice(&[0, 0]);
    out
}

fn local(out: &mut Vec<u8>, file: &File) {
    let name = file.local_name.as_ref().unwrap_or(&file.name);
    out.extend_from_slice(b"PK\x03\x04");
    out.extend_from_slice(&[0, file.flags, file.method, 0, 0].map(u16::to_le_bytes).concat());
    out.extend_from_slice(&[0; 12]); // checksum and sizes stand behind the data
    let header = out.len() + 4 + name.len() + 4;
    let padding = header.next_multiple_of(ALIGNMENT) - header;
    out.extend_from_slice(&[name.len() as u16, padding as u16 + 4].map(u16::to_le_bytes).concat());
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"FB");
    out.extend_from_slice(&(padding as u16).to_le_bytes());
    out.resize(out.len() + padding, b'Z');
    out.extend_from_slice(&file.data);
    out.extend_from_slice(b"PK\x07\x08");
    out.extend_from_slice(&[file.crc, file.packed, file.size].map(u32::to_le_bytes).concat());
}

fn central(out: &mut Vec<u8>, file: &File, offset: u32) {
    let extra = match file.zip64 {
        Some(size) => [&[1, 0, 16, 0][..], &size.to_le_bytes(), &size.to_le_bytes()].concat(),
        None => Vec::new(),
    };
    out.extend_from_slice(b"PK\x01\x02");
    out.extend_from_slice(&[0, 0, file.flags, file.method, 0, 0].map(u16::to_le_bytes).concat());
    out.extend_from_slice(&[file.crc, file.packed, file.size].map(u32::to_le_bytes).concat());
    let lengths = [file.name.len() as u16, extra.len() as u16, 0, 0, 0];
    out.extend_from_slice(&lengths.map(u16::to_le_bytes).concat());
    out.extend_from_slice(&[0, offset].map(u32::to_le_bytes).concat());
    out.extend_from_slice(file.name.as_bytes());
    out.extend_from_slice(&extra);
}

/// The zip archive's checksum.
pub fn crc32(data: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(data);
    crc.sum()
}
