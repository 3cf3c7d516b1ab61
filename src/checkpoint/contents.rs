//! What the weight files hold, read or not, for those who print.

use super::open::Checkpoint;

/// A tensor of the weight files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTensor<'a> {
    pub name: &'a str,
    /// Name of the file that holds it.
    pub file: &'a str,
    /// Element type as the file has it: `BF16`, `F32`, `I64` ...
    pub dtype: String,
    pub bytes: u64,
    /// Whether the decoder reads it.
    pub used: bool,
}

impl Checkpoint {
    /// Every tensor of the weight files, by name.
    pub fn stored(&self) -> impl Iterator<Item = StoredTensor<'_>> {
        self.files.tensors.iter().map(|(name, (file, entry))| StoredTensor {
            name,
            file: &self.files.files[*file].name,
            dtype: format!("{:?}", entry.dtype),
            bytes: (entry.end - entry.begin) as u64,
            // In order, as they were met.
            used: self.binding.ignored.binary_search(name).is_err(),
        })
    }

    /// Names of the mapped weight files, in order.
    pub fn weight_files(&self) -> impl Iterator<Item = &str> {
        self.files.files.iter().map(|file| file.name.as_str())
    }
}
