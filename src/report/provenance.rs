//! A run's provenance, read from its store.

use crate::store::{RunReader, StoreError, StoredCheckpoint};
use crate::study::{StageForm, Study};

use super::input::{CheckpointProvenance, Provenance};

impl Provenance {
    /// Reads what the run knows of its program, study and checkpoints.
    ///
    /// # Errors
    /// As [`RunReader`]'s.
    pub fn of_run(reader: &RunReader) -> Result<Provenance, StoreError> {
        let mut provenance = Provenance::default();
        for (key, value) in reader.identity()? {
            match key.as_str() {
                "program" => provenance.program = value,
                "study_name" => provenance.study_name = value,
                "study_version" => provenance.study_version = value,
                "study_sha256" => provenance.study_sha256 = value,
                _ => {}
            }
        }
        provenance.built_in = Study::embedded().is_ok_and(|study| study.hash() == provenance.study_sha256);
        provenance.checkpoints = reader.checkpoints()?.into_iter().map(CheckpointProvenance::from).collect();
        Ok(provenance)
    }
}

impl From<StoredCheckpoint> for CheckpointProvenance {
    fn from(stored: StoredCheckpoint) -> Self {
        let record = stored.record;
        let mut devices: Vec<String> = Vec::new();
        let mut computed_tokens = 0u64;
        let (mut load_seconds, mut compute_seconds) = (0.0, 0.0);
        for (_, session) in stored.sessions {
            computed_tokens = computed_tokens.saturating_add(session.computed_tokens);
            load_seconds += session.load_seconds;
            compute_seconds += session.compute_seconds;
            if !devices.contains(&session.device) {
                devices.push(session.device);
            }
        }
        CheckpointProvenance {
            name: record.model,
            source: record.source,
            revision: record.revision,
            form: match record.form {
                StageForm::Base => "base".to_owned(),
                StageForm::Chat => "chat".to_owned(),
            },
            dtype: record.dtype,
            parameters: record.parameters,
            config_sha256: record.config_sha256,
            weights_sha256: record.weights_sha256,
            tokenizer_sha256: record.tokenizer_sha256,
            template_sha256: record.template_sha256,
            template_date: record.template_date,
            prefill: record.prefill,
            answers: stored.answers,
            backend: record.backend,
            devices,
            prompts: stored.prompts,
            naive_tokens: stored.prompt_tokens,
            computed_tokens,
            load_seconds,
            compute_seconds,
        }
    }
}
