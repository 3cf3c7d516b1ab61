//! A loaded checkpoint as a sweep sees it, and the real one: files and backend.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::backend::Backend;
use crate::checkpoint::{Checkpoint, DecoderSpec, Outline, Take, fingerprint, hub};
use crate::decoder::{DecoderError, read_weights};
use crate::scoring::{ChoiceScore, PackSize, Plan, ScoreError, ScoreOptions, Tally, Work, spread};
use crate::store::{CheckpointRecord, Family, Stage};

use super::error::{ModelError, SweepError};
use super::speller::{FileSpeller, Speller};

/// One pack's scores as it ends.
#[derive(Debug)]
pub struct Pack<'a> {
    /// Indices into the plan's items, and their scores.
    pub scores: &'a [(usize, ChoiceScore)],
    /// Everything computed so far, this pack included.
    pub tally: &'a Tally,
    /// Seconds spent on bringing the weights to the device.
    pub load_seconds: f64,
}

/// A checkpoint that can be asked.
pub trait Model {
    type Speller: Speller;

    /// How prompts become its tokens.
    fn speller(&self) -> &Self::Speller;

    fn record(&self) -> &CheckpointRecord;

    /// What is worth knowing of how it was loaded.
    fn notes(&self) -> &[String] {
        &[]
    }

    /// The device's name, for the record of a session.
    fn device(&self) -> String;

    /// The arithmetic that scoring `plan` takes.
    fn work(&self, plan: &Plan<'_>) -> Work;

    /// Tokens of a pack of `plan`, at most.
    fn pack_tokens(&self, plan: &Plan<'_>) -> Result<usize, ModelError>;

    /// Scores all items of `plan`; `store` is given each pack as it ends, and its error ends the work.
    fn score(
        &self,
        plan: &Plan<'_>,
        options: &ScoreOptions,
        store: &mut dyn FnMut(Pack<'_>) -> Result<(), SweepError>,
    ) -> Result<Tally, SweepError>;
}

/// How a checkpoint is loaded.
#[derive(Debug, Clone, Copy)]
pub struct Manner<'s> {
    /// Something of it is going to be scored, so that the devices may take its weights while they are read.
    pub is_scored: bool,
    /// Another one is being computed.
    pub is_ahead: bool,
    /// Set where nobody waits for it any more.
    pub stop: &'s AtomicBool,
}

/// Where models come from.
pub trait Loader {
    type Model: Model;

    /// Finds the stage's files without reading them, and says how many bytes of weights they hold.
    fn find(&self, family: &Family, stage: &Stage) -> Result<u64, ModelError>;

    /// Reads the checkpoint, which may be before its turn and in a thread of its own.
    fn load(&self, family: &Family, stage: &Stage, manner: &Manner<'_>) -> Result<Self::Model, ModelError>;

    /// What spelling its prompts and counting their arithmetic takes; the weights need not be there.
    fn speller(&self, stage: &Stage) -> Result<<Self::Model as Model>::Speller, ModelError>;
}

/// Checkpoints in folders and in the local Hugging Face cache, computed on all of `backends` together: one device, or several
/// of one model.
#[derive(Debug)]
pub struct FromFiles<'b, B> {
    pub backends: &'b [B],
    /// Backend and arithmetic, as recorded: scores of different ones are not mixed within a checkpoint.
    pub arithmetic: String,
    /// [`crate::scoring::fingerprint`] of the backend.
    pub fingerprint: Option<String>,
    pub pack: PackSize,
    /// Plans only: weights are neither hashed nor checked.
    pub plan_only: bool,
}

/// One of them, open.
pub struct FileModel<'b, B> {
    // Before the checkpoint, whose memory it names.
    _staged: Vec<Box<dyn Take + Send + 'b>>,
    notes: Vec<String>,
    backends: &'b [B],
    pack: PackSize,
    checkpoint: Checkpoint,
    speller: FileSpeller,
    record: CheckpointRecord,
}

/// The stage's folder; where it is to be fetched, with what the hub asks for first.
fn located(family: &Family, stage: &Stage) -> Result<hub::Resolved, ModelError> {
    let found = hub::resolve(&stage.location, stage.revision.as_deref());
    found.map_err(|error| match family.gate(stage) {
        Some(gate) if hub::names_no_folder(&stage.location) => format!("{error}; {gate}").into(),
        _ => error.into(),
    })
}

impl<'b, B: Backend + Sync> Loader for FromFiles<'b, B> {
    type Model = FileModel<'b, B>;

    fn find(&self, family: &Family, stage: &Stage) -> Result<u64, ModelError> {
        let found = located(family, stage)?;
        Ok(weight_bytes(&found.dir))
    }

    fn load(&self, family: &Family, stage: &Stage, manner: &Manner<'_>) -> Result<Self::Model, ModelError> {
        let found = located(family, stage)?;
        let checkpoint = Checkpoint::open(&found.dir)?;
        let speller = FileSpeller::open(&found.dir, stage.form, checkpoint.spec.clone())?;
        let (mut weights_sha256, mut staged, mut notes) = (String::new(), Vec::new(), Vec::new());
        if !self.plan_only {
            let devices = if manner.is_scored { self.backends } else { &[] };
            let read = read_weights(&checkpoint, devices, true, Some(manner.stop))?;
            // Hashed, checked and taken as one and the same file.
            checkpoint.check_unchanged()?;
            (weights_sha256, staged) = (fingerprint(&read.hashes), read.staged);
            if read.no_room && manner.is_ahead {
                notes.push(format!(
                    "{}: read ahead into the memory of the host only, the device has no room for its weights beside those of \
                     the checkpoint before",
                    stage.model
                ));
            }
        }
        let record = CheckpointRecord {
            model: stage.model.clone(),
            family: family.name.clone(),
            stage: stage.name.clone(),
            form: stage.form,
            source: stage.checkpoint.clone(),
            revision: found.revision,
            config_sha256: checkpoint.config_sha256.clone(),
            weights_sha256,
            tokenizer_sha256: speller.tokenizer_sha256(),
            template_sha256: speller.template_sha256(),
            template_date: speller.template_date(),
            prefill: stage.prefill.clone(),
            dtype: stored_types(&checkpoint),
            parameters: checkpoint.parameters(),
            backend: self.arithmetic.clone(),
            arithmetic: self.fingerprint.clone(),
        };
        Ok(FileModel {
            _staged: staged,
            notes,
            backends: self.backends,
            pack: self.pack,
            checkpoint,
            speller,
            record,
        })
    }

    fn speller(&self, stage: &Stage) -> Result<FileSpeller, ModelError> {
        let found = hub::resolve(&stage.location, stage.revision.as_deref())?;
        FileSpeller::open(&found.dir, stage.form, Outline::read(&found.dir)?.spec)
    }
}

impl<B: Backend + Sync> Model for FileModel<'_, B> {
    type Speller = FileSpeller;

    fn speller(&self) -> &FileSpeller {
        &self.speller
    }

    fn record(&self) -> &CheckpointRecord {
        &self.record
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn device(&self) -> String {
        let first = self.backends.first().map(Backend::describe).unwrap_or_default();
        match self.backends.len() {
            0 | 1 => first,
            devices => format!("{first}, {devices} of them"),
        }
    }

    fn work(&self, plan: &Plan<'_>) -> Work {
        Work::of(plan, &self.checkpoint.spec)
    }

    fn pack_tokens(&self, plan: &Plan<'_>) -> Result<usize, ModelError> {
        Ok(self.pack.tokens(&self.checkpoint.spec, self.checkpoint.device_bytes(), plan)?)
    }

    fn score(
        &self,
        plan: &Plan<'_>,
        options: &ScoreOptions,
        store: &mut dyn FnMut(Pack<'_>) -> Result<(), SweepError>,
    ) -> Result<Tally, SweepError> {
        let model = &self.record.model;
        let (spec, weights) = (&self.checkpoint.spec, &self.checkpoint);
        spread(self.backends, spec, weights, plan, options, |scores, tally, load_seconds| {
            self.checkpoint.check_unchanged().map_err(|e| SweepError::checkpoint(model, e))?;
            store(Pack { scores, tally, load_seconds })
        })
        .map_err(|e| match e {
            ScoreError::Sink(error) => error,
            ScoreError::Decoder(error) => decoder_error(model, error),
        })
    }
}

impl<B> FileModel<'_, B> {
    /// The decoder's arithmetic.
    pub fn spec(&self) -> &DecoderSpec {
        &self.checkpoint.spec
    }
}

/// A device that is gone takes the other checkpoints with it; anything else is this one's.
fn decoder_error(model: &str, error: DecoderError) -> SweepError {
    match &error {
        DecoderError::Backend(inner) if inner.is_fatal() => {
            SweepError::Device { model: model.to_owned(), source: error.into() }
        }
        _ => SweepError::checkpoint(model, error),
    }
}

/// Bytes of all files in `dir` that may hold weights, links followed.
fn weight_bytes(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let weights = files.filter(|path| path.extension().is_some_and(|e| e == "safetensors" || e == "bin"));
    weights.filter_map(|path| Some(std::fs::metadata(path).ok()?.len())).sum()
}

/// `bf16`, or `bf16+f32` where the files hold more than one type.
fn stored_types(checkpoint: &Checkpoint) -> String {
    let mut names: Vec<String> =
        checkpoint.used().iter().map(|tensor| format!("{:?}", tensor.dtype).to_lowercase()).collect();
    names.sort_unstable();
    names.dedup();
    names.join("+")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::BackendError;

    #[test]
    fn only_a_device_that_is_gone_ends_the_whole_sweep() {
        let error = |inner: BackendError| decoder_error("m", inner.into());
        let lost = error(BackendError::Lost("gone".into()));
        assert!(matches!(lost, SweepError::Device { .. }), "{lost:?}");
        let refused = error(BackendError::Device("no such kernel".into()));
        assert!(matches!(refused, SweepError::Checkpoint { .. }), "{refused:?}");
    }
}
