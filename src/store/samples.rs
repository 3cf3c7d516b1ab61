//! Records for tests, here and in the rooms below.

use super::{CheckpointRecord, RunIdentity, SessionRecord};
use crate::study::StageForm;

pub fn identity() -> RunIdentity {
    RunIdentity {
        program: "0.1.0".into(),
        study_name: "toy".into(),
        study_version: "1".into(),
        study_sha256: "aa".into(),
        questions: vec![("justified".into(), 1), ("unjustified".into(), -1)],
    }
}

pub fn record(model: &str) -> CheckpointRecord {
    CheckpointRecord {
        model: model.into(),
        family: "toy".into(),
        stage: "base".into(),
        form: StageForm::Base,
        source: "checkpoints/base".into(),
        revision: None,
        config_sha256: "c".into(),
        weights_sha256: "w".into(),
        tokenizer_sha256: "t".into(),
        template_sha256: None,
        template_date: None,
        prefill: None,
        dtype: "bf16".into(),
        parameters: 1000,
        backend: "cpu".into(),
        arithmetic: Some("f".into()),
    }
}

pub fn session() -> SessionRecord {
    SessionRecord {
        device: "a processor".into(),
        pack_tokens: 64,
        sharing: true,
        prompts: 24,
        scored: Some(0),
        naive_tokens: 240,
        tree_tokens: 100,
        computed_tokens: 0,
        load_seconds: 0.5,
        compute_seconds: 0.0,
        complete: false,
    }
}
