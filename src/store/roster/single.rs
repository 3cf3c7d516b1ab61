//! A roster of one checkpoint, for those who have no roster.

use std::path::Path;

use super::{Roster, RosterError};
use crate::study::StageForm;

/// What is known of it.
#[derive(Debug, Clone, Default)]
pub struct Single<'a> {
    /// A folder or a hub id.
    pub checkpoint: &'a str,
    pub revision: Option<&'a str>,
    pub prefill: Option<&'a str>,
}

impl Roster {
    /// The roster of one checkpoint, which is called as its folder or its hub id is. A folder is named in full, so that the
    /// roster means the same wherever it is kept.
    pub fn single(one: &Single<'_>, form: StageForm) -> Result<Self, RosterError> {
        let folder = Path::new(one.checkpoint);
        let checkpoint = match folder.is_dir() {
            true => {
                let fail = |source| RosterError::Io { path: folder.to_path_buf(), source };
                std::path::absolute(folder).map_err(fail)?.display().to_string()
            }
            false => one.checkpoint.to_owned(),
        };
        let name = model_name(&checkpoint);
        let mut stage = toml::Table::new();
        stage.insert("model".into(), name.clone().into());
        stage.insert("checkpoint".into(), checkpoint.into());
        for (key, value) in [("revision", one.revision), ("prefill", one.prefill)] {
            if let Some(value) = value {
                stage.insert(key.into(), value.into());
            }
        }
        let mut family = toml::Table::new();
        family.insert("name".into(), name.into());
        family.insert(form.name().into(), stage.into());
        let mut roster = toml::Table::new();
        roster.insert("family".into(), toml::Value::Array(vec![family.into()]));
        Self::parse(&roster.to_string(), "--model", Path::new(""))
    }
}

/// The last part of a path or hub id; of a snapshot in the hub's cache, the repository's.
fn model_name(checkpoint: &str) -> String {
    let parts: Vec<&str> = checkpoint.split(['/', '\\']).filter(|part| !matches!(*part, "" | ".")).collect();
    match parts.as_slice() {
        [.., repository, "snapshots", _] if repository.starts_with("models--") => {
            repository.rsplit("--").next().unwrap_or_default().to_owned()
        }
        [.., last] => (*last).to_owned(),
        [] => "checkpoint".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_called_as_its_folder_or_repository_is() {
        for (checkpoint, name) in [
            ("org/Some-Model-1B", "Some-Model-1B"),
            ("/data/mine/", "mine"),
            ("/hub/models--org--Tiny-1.0/snapshots/0123", "Tiny-1.0"),
            ("/data/mine/snapshots/0123", "0123"),
            ("/", "checkpoint"),
        ] {
            assert_eq!(model_name(checkpoint), name);
        }
        let one = Single { checkpoint: "org/x", revision: Some("v1"), prefill: Some("(") };
        let roster = Roster::single(&one, StageForm::Chat).expect("a roster");
        let (family, stage) = roster.stages().next().expect("a stage");
        assert_eq!((family.name.as_str(), stage.model.as_str(), stage.form), ("x", "x", StageForm::Chat));
        assert_eq!((stage.revision.as_deref(), stage.prefill.as_deref()), (Some("v1"), Some("(")));
        // What a run keeps of it reads back.
        let again = Roster::parse(&roster.text, "kept", Path::new("")).expect("the copy parses");
        assert_eq!(again.families, roster.families);
    }
}
