//! What a writer or translator of a study gets wrong, found before a model is asked.
//!
//! The checks go from the files' structure over placeholders and conditions to the wording of what a model would
//! read: every text is looked at with every entity put in.

mod answers;
mod conditions;
mod narratives;
mod spelling;
mod structure;
#[cfg(test)]
mod tests;
mod whole;
mod wording;

use super::error::Finding;
use super::files::StudyFiles;
use super::model::Study;

impl Study {
    /// Everything that is wrong or suspicious, by file and line. No finding with severity error means that every
    /// condition expands for every language and form in which it exists.
    pub fn validate(&self) -> Vec<Finding> {
        let mut findings = self.noticed.clone();
        structure::check(self, &mut findings);
        narratives::check(self, &mut findings);
        answers::check(self, &mut findings);
        let uses = conditions::check(self, &mut findings);
        spelling::check(self, &uses, &mut findings);
        let said = wording::check(self, &uses, &mut findings);
        if !findings.iter().any(Finding::is_error) {
            whole::check(self, said, &mut findings);
        }
        sorted(findings)
    }

    /// [`validate`](Self::validate) for files that perhaps do not even load: then the findings are what keeps them from it.
    pub fn validate_files(files: StudyFiles) -> Vec<Finding> {
        match Self::parse(files) {
            Ok(study) => study.validate(),
            Err(findings) => sorted(findings),
        }
    }
}

fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|a, b| {
        (&a.file, a.line, &a.place, &a.message).cmp(&(&b.file, b.line, &b.place, &b.message))
    });
    findings.dedup();
    findings
}
