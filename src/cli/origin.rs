//! Where an analysis comes from, for the head of its JSON document.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::input::Input;
use crate::stats::{Analysis, CheckpointHashes, Dates, Hashes, Named, Origin, Program};
use crate::store::{Completeness, RunReader};

/// Of what `input` names; `completeness` where that is a run.
pub fn of(
    input: &Input,
    arguments: Named<String>,
    date: Option<String>,
    analysis: &Analysis,
    completeness: Option<Completeness>,
) -> Result<Origin> {
    let settings = analysis.settings["sha256"].as_str().map(str::to_owned);
    let hashes = Hashes { settings, ..Hashes::default() };
    let dates = Dates { analysis: date, ..Dates::default() };
    let program = Program::default();
    if let Some(path) = &input.items {
        let hashes = Hashes { items: sha256(path)?, ..hashes };
        return Ok(Origin { program, dates, arguments, completeness: None, hashes });
    }
    let Some(dir) = &input.run else {
        return Ok(Origin { program, dates, arguments, completeness: None, hashes });
    };
    let run = RunReader::open(dir)?;
    let identity = run.identity()?;
    let study = identity.iter().find(|(key, _)| key == "study_sha256").map(|(_, value)| value.clone());
    let [run_begun, run_last_swept] = run.begun()?;
    let dates = Dates { run_begun, run_last_swept, ..dates };
    let hashes_of = |record: &crate::store::CheckpointRecord| CheckpointHashes {
        checkpoint: record.model.clone(),
        config: record.config_sha256.clone(),
        weights: record.weights_sha256.clone(),
        tokenizer: record.tokenizer_sha256.clone(),
        template: record.template_sha256.clone(),
    };
    let checkpoints = run.checkpoint_records()?.iter().map(hashes_of).collect();
    Ok(Origin {
        program,
        dates,
        arguments,
        completeness: completeness.map(serde_json::to_value).transpose()?,
        hashes: Hashes { study, checkpoints, ..hashes },
    })
}

/// Of a file's bytes; `None` for a pipe, which can be read only once.
pub fn sha256(path: &Path) -> Result<Option<String>> {
    if !path.metadata().is_ok_and(|meta| meta.is_file()) {
        return Ok(None);
    }
    let fail = || format!("{} cannot be read", path.display());
    let mut file = File::open(path).with_context(fail)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        match file.read(&mut piece).with_context(fail)? {
            0 => break,
            n => hash.update(&piece[..n]),
        }
    }
    Ok(Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}
