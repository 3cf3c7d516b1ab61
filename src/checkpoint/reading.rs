//! One reading of the weight files: what is hashed, looked through for values that are no numbers, and handed to whoever wants it
//! are the same pieces, each while it is in the processor's cache.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use sha2::{Digest, Sha256};

use super::bind::Bound;
use super::error::{CheckpointError, Result};
use super::files::WeightFile;
use super::finite::check_piece;
use super::hash::{FileHash, HashOrigin, blob_name};
use super::open::{Checkpoint, hex};
use super::weights::{Role, Tensor};

/// Bytes of one piece; a multiple of every element size.
const PIECE: usize = 4 << 20;
/// Pieces that the system is asked for before they are needed, and those that may wait for their hash.
const AHEAD: usize = 4;
/// Pieces that one thread takes at a time of files whose hash is not wanted or known.
const TOGETHER: usize = 64;

/// Someone who wants the bytes of tensors while they are read.
pub trait Take: Sync {
    /// Bytes of `tensor` from `at` on. Several threads bring pieces, in no order; each comes once.
    fn take(&self, tensor: &Tensor<'_>, at: usize, bytes: &[u8]);
}

/// How files are read.
#[derive(Default)]
pub struct Reading<'r> {
    /// Whether their SHA-256 is wanted.
    pub hashes: bool,
    /// Who wants the matrices that a device holds.
    pub takers: &'r [Box<dyn Take + Send + 'r>],
    /// Set by another thread, ends the reading with [`CheckpointError::Stopped`].
    pub stop: Option<&'r AtomicBool>,
}

/// Part of a file, and whose it is.
struct Piece<'c> {
    range: Range<usize>,
    /// Up to here the file has been read: two tensors of a torch file may share bytes.
    read: usize,
    tensor: Option<Owner<'c>>,
}

#[derive(Clone, Copy)]
struct Owner<'c> {
    bound: &'c Bound,
    /// A device holds it.
    is_held: bool,
}

/// What one thread does in one go: pieces of a file in order, all of it where it is hashed.
struct Unit<'c> {
    file: &'c WeightFile,
    pieces: Vec<Piece<'c>>,
    is_hashed: bool,
}

impl Checkpoint {
    /// Reads every weight that is used once, and every byte of files whose hash is wanted; a file of the Hugging Face cache
    /// that carries its hash as its name is taken at its word. The hashes come in the order of the files' names.
    ///
    /// # Errors
    /// The first weight, in the order of the files, that is NaN or infinite, by file, tensor and element.
    pub fn read(&self, reading: &Reading<'_>) -> Result<Vec<FileHash>> {
        let files = &self.files.files;
        let named: Vec<Option<String>> =
            files.iter().map(|file| reading.hashes.then(|| blob_name(&file.path)).flatten()).collect();
        let mut units = Vec::new();
        for ((file, pieces), name) in files.iter().zip(self.pieces()).zip(&named) {
            let is_hashed = reading.hashes && name.is_none();
            if is_hashed {
                units.push(Unit { file, pieces, is_hashed });
                continue;
            }
            let mut used = pieces.into_iter().filter(|piece| piece.tensor.is_some()).peekable();
            while used.peek().is_some() {
                units.push(Unit { file, pieces: used.by_ref().take(TOGETHER).collect(), is_hashed });
            }
        }
        let hashed = self.read_units(&units, reading)?;
        let mut hashes = Vec::with_capacity(files.len());
        for (file, name) in files.iter().zip(named).filter(|_| reading.hashes) {
            let (sha256, origin) = match name {
                Some(name) => (name, HashOrigin::BlobName),
                None => (hashed.get(file.name.as_str()).cloned().unwrap_or_default(), HashOrigin::Contents),
            };
            hashes.push(FileHash { file: file.name.clone(), sha256, origin });
        }
        Ok(hashes)
    }

    /// Looks at every weight that is read, which also brings the files into the system's page cache.
    ///
    /// # Errors
    /// Those of [`Checkpoint::read`].
    pub fn check_finite(&self) -> Result<()> {
        self.read(&Reading::default()).map(drop)
    }

    /// Per file its pieces, which cover it in order.
    fn pieces<'c>(&'c self) -> Vec<Vec<Piece<'c>>> {
        let mut owners: Vec<Vec<Owner<'c>>> = self.files.files.iter().map(|_| Vec::new()).collect();
        for (&(role, _), bound) in &self.binding.roles {
            owners[bound.file].push(Owner { bound, is_held: self.is_held(role, bound) });
        }
        let cut = |(file, mut owners): (&WeightFile, Vec<Owner<'c>>)| {
            owners.sort_by_key(|Owner { bound, .. }| (bound.begin, bound.end));
            let mut pieces = Vec::new();
            let mut add = |range: Range<usize>, read: usize, tensor: Option<Owner<'c>>| {
                let starts = range.clone().step_by(PIECE);
                pieces.extend(starts.map(|at| Piece { range: at..range.end.min(at + PIECE), read, tensor }));
            };
            let mut end = 0;
            for owner in owners {
                let Bound { begin, end: last, .. } = *owner.bound;
                add(end..begin.max(end), end, None);
                add(begin..last, end, Some(owner));
                end = end.max(last);
            }
            add(end..file.map.len(), end, None);
            pieces
        };
        self.files.files.iter().zip(owners).map(cut).collect()
    }

    /// Whether a device holds the tensor as its file does.
    fn is_held(&self, role: Role, bound: &Bound) -> bool {
        bound.is_as_stored() && bound.rows > 1 && !role.is_only_gathered(self.spec.head.tied)
    }

    /// Bytes of all tensors that are handed to takers, and of the largest.
    pub fn taken_bytes(&self) -> (u64, u64) {
        let held = self.binding.roles.iter().filter(|((role, _), bound)| self.is_held(*role, bound));
        let sizes = held.map(|(_, bound)| (bound.end - bound.begin) as u64);
        sizes.fold((0, 0), |(sum, most), size| (sum + size, u64::max(most, size)))
    }

    /// The hashes of the units that have one, by the name of the file.
    fn read_units<'c>(
        &'c self,
        units: &[Unit<'c>],
        reading: &Reading<'_>,
    ) -> Result<BTreeMap<&'c str, String>> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (next, first_bad) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
        let work = || {
            let mut done = Vec::new();
            loop {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                // What stands behind the first bad one is of no interest.
                let Some(unit) = units.get(turn).filter(|_| turn < first_bad.load(Ordering::Relaxed)) else {
                    return done;
                };
                let read = self.read_unit(unit, reading);
                if read.is_err() {
                    first_bad.fetch_min(turn, Ordering::Relaxed);
                }
                done.push((turn, unit.file.name.as_str(), read));
            }
        };
        let mut all: Vec<_> = std::thread::scope(|scope| {
            let helpers: Vec<_> = (1..cores.min(units.len())).map(|_| scope.spawn(work)).collect();
            let mut all = work();
            for helper in helpers {
                match helper.join() {
                    Ok(done) => all.extend(done),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            all
        });
        all.sort_by_key(|(turn, ..)| *turn);
        let mut hashes = BTreeMap::new();
        for (_, file, read) in all {
            hashes.extend(read?.map(|hash| (file, hash)));
        }
        Ok(hashes)
    }

    fn read_unit(&self, unit: &Unit<'_>, reading: &Reading<'_>) -> Result<Option<String>> {
        let map = &unit.file.map;
        let soon = |piece: Option<&Piece<'_>>| {
            #[cfg(unix)]
            if let Some(Piece { range, .. }) = piece {
                // Only advice: what comes of it shows when the bytes are read.
                let _ = map.advise_range(memmap2::Advice::WillNeed, range.start, range.len());
            }
            #[cfg(not(unix))]
            let _ = piece;
        };
        unit.pieces.iter().take(AHEAD).for_each(|piece| soon(Some(piece)));
        std::thread::scope(|scope| {
            let (sender, pieces) = sync_channel::<&[u8]>(AHEAD);
            let hash = unit.is_hashed.then(|| {
                scope.spawn(move || {
                    let mut hash = Sha256::new();
                    pieces.iter().for_each(|piece| hash.update(piece));
                    hex(&hash.finalize())
                })
            });
            for (i, piece) in unit.pieces.iter().enumerate() {
                if reading.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                    return Err(CheckpointError::Stopped);
                }
                soon(unit.pieces.get(i + AHEAD));
                let bytes = &map[piece.range.clone()];
                if let Some(Owner { bound, is_held }) = piece.tensor {
                    let at = piece.range.start - bound.begin;
                    check_piece(&self.files, bound, at, bytes)?;
                    for taker in reading.takers.iter().filter(|_| is_held) {
                        taker.take(&bound.view(&self.files), at, bytes);
                    }
                }
                if hash.is_some() && piece.range.end > piece.read {
                    // It ends when there are no more, not before.
                    let _ = sender.send(&map[piece.range.start.max(piece.read)..piece.range.end]);
                }
            }
            drop(sender);
            match hash.map(std::thread::ScopedJoinHandle::join).transpose() {
                Ok(hash) => Ok(hash),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}
