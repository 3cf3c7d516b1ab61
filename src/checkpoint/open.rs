//! `Checkpoint`: a folder that was understood.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::bind::{Binding, Bound, bind};
use super::error::{CheckpointError, Result};
use super::families::Family;
use super::fields::Fields;
use super::files::WeightFiles;
use super::instead;
use super::json::{self, Strict};
use super::plan::TensorPlan;
use super::spec::DecoderSpec;
use super::stamp::Stamps;
use super::weights::{Role, Tensor, Weights};

const CONFIG: &str = "config.json";
const LARGEST_CONFIG: u64 = 4 << 20;

/// A checkpoint whose config is understood field by field and whose weights are mapped and fit it tensor by tensor.
pub struct Checkpoint {
    /// The folder, as it was given.
    pub dir: PathBuf,
    /// `model_type` in config.json, which names the family.
    pub family: &'static str,
    pub spec: DecoderSpec,
    /// config.json as it stands; the tokens room reads the token ids from it.
    pub config: Value,
    /// SHA-256 of config.json, in hex.
    pub config_sha256: String,
    /// Norm weights are stored less 1, which was added.
    pub norms_less_one: bool,
    pub(super) files: WeightFiles,
    pub(super) binding: Binding,
    pub(super) stamps: Stamps,
}

/// A tensor that plays a role, for those who print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedTensor<'a> {
    pub name: &'a str,
    /// Name of the file that holds it.
    pub file: &'a str,
    pub role: Role,
    pub layer: Option<usize>,
    /// As stored.
    pub dtype: super::Dtype,
    /// A vector has one row; of a matrix that several roles share, the rows of this one count.
    pub rows: usize,
    pub cols: usize,
}

impl Checkpoint {
    /// Reads config.json, maps the weights and checks one against the other. Reads no weight but norms that are stored
    /// less 1, and a tied output embedding that is stored a second time.
    ///
    /// # Errors
    /// Whatever is missing, contradictory, not understood or left over, by file and field or tensor.
    pub fn open(dir: &Path) -> Result<Checkpoint> {
        if !dir.is_dir() {
            return Err(folder(dir, "is not a folder"));
        }
        // Before anything is read.
        let stamps = Stamps::take(dir);
        instead::refuse_adapter(dir, WeightFiles::are_in(dir))?;
        let (config_file, config, config_sha256) = read_config(dir)?;
        let Some(map) = config.as_object() else {
            return Err(CheckpointError::file(&config_file, "is not a JSON object"));
        };
        // The family first: what is not understood at all should not be reported as a missing shard.
        let family = Family::of(&mut Fields::new(&config_file, map, 0), &config_file)?;
        let files = WeightFiles::open(dir)?;
        let spec = family.spec(Fields::new(&config_file, map, files.tensors.len()))?;
        let plan = TensorPlan::new(&spec, &family.names, |name| files.tensors.contains_key(name));
        let binding = bind(&files, plan, family.ignored)?;
        Ok(Checkpoint {
            dir: dir.to_owned(),
            family: family.model_type,
            spec,
            config_sha256,
            config,
            norms_less_one: family.names.norms_less_one,
            files,
            binding,
            stamps,
        })
    }

    /// Number of weights; tied rows count once.
    pub fn parameters(&self) -> u64 {
        let count = |bound: &Bound| bound.rows as u64 * bound.cols as u64;
        self.binding.roles.values().map(count).sum()
    }

    /// Bytes of the tensors that a device has to hold: all but tables of which only rows are gathered.
    pub fn device_bytes(&self) -> u64 {
        let held =
            self.binding.roles.iter().filter(|((role, _), _)| !role.is_only_gathered(self.spec.head.tied));
        held.map(|(_, bound)| bound.view(&self.files).bytes.len() as u64).sum()
    }

    /// Bytes of all mapped weight files.
    pub fn mapped_bytes(&self) -> u64 {
        self.files.files.iter().map(|f| f.map.len() as u64).sum()
    }

    /// The tensors that play a role: those outside the layers first, then layer by layer.
    pub fn used(&self) -> Vec<UsedTensor<'_>> {
        let mut used: Vec<_> = self
            .binding
            .roles
            .iter()
            .map(|(&(role, layer), bound)| UsedTensor {
                name: &bound.name,
                file: &self.files.files[bound.file].name,
                role,
                layer,
                dtype: bound.dtype,
                rows: bound.rows,
                cols: bound.cols,
            })
            .collect();
        used.sort_by_key(|tensor| (tensor.layer, tensor.role));
        used
    }

    /// Names of the tensors that the files hold and nothing reads.
    pub fn ignored(&self) -> &[String] {
        &self.binding.ignored
    }

    fn bound(&self, role: Role, layer: Option<usize>) -> Option<&Bound> {
        let role = match role {
            Role::OutputEmbedding if self.spec.head.tied => Role::Embedding,
            role => role,
        };
        self.binding.roles.get(&(role, layer))
    }
}

impl Weights for Checkpoint {
    fn get(&self, role: Role, layer: Option<usize>) -> Option<Tensor<'_>> {
        self.bound(role, layer).map(|bound| bound.view(&self.files))
    }

    fn describe(&self, role: Role, layer: Option<usize>) -> String {
        match self.bound(role, layer) {
            Some(bound) => format!("{}: tensor {}", self.files.path(bound.file).display(), bound.name),
            None => format!("{}: the missing tensor for {}", self.dir.display(), role.of(layer)),
        }
    }
}

impl std::fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Checkpoint")
            .field("dir", &self.dir)
            .field("family", &self.family)
            .field("parameters", &self.parameters())
            .finish_non_exhaustive()
    }
}

/// config.json of the checkpoint in `dir`: its path, the JSON, and its SHA-256 in hex.
pub(super) fn read_config(dir: &Path) -> Result<(PathBuf, Value, String)> {
    let file = dir.join(CONFIG);
    if let Err(error) = file.symlink_metadata() {
        if error.kind() != std::io::ErrorKind::NotFound {
            return Err(CheckpointError::io(dir, error));
        }
        let why = instead::other_format(dir).unwrap_or_else(|| format!("holds no {CONFIG}"));
        return Err(folder(dir, &why));
    }
    let bytes = json::read_bounded(&file, LARGEST_CONFIG)?;
    let Strict(config) = json::parse_file(&file, &bytes)?;
    Ok((file, config, hex(&Sha256::digest(&bytes))))
}

fn folder(dir: &Path, why: &str) -> CheckpointError {
    CheckpointError::Folder { dir: dir.to_owned(), why: why.to_owned() }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
