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

use super::error::{Finding, Severity};
use super::files::StudyFiles;
use super::kind::Kind;
use super::model::Study;

/// What was found, and how much of it the study silences.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Validation {
    pub findings: Vec<Finding>,
    /// Warnings of kinds that study.toml silences.
    pub silenced: usize,
}

impl Study {
    /// Everything that is wrong or suspicious, by file and line. No finding with severity error means that every
    /// condition expands for every language and form in which it exists.
    pub fn validate(&self) -> Vec<Finding> {
        self.validation().findings
    }

    fn validation(&self) -> Validation {
        let mut findings = self.noticed.clone();
        let uses = conditions::check(self, &mut findings);
        structure::check(self, &uses, &mut findings);
        narratives::check(self, &mut findings);
        answers::check(self, &mut findings);
        spelling::check(self, &uses, &mut findings);
        let said = wording::check(self, &uses, &mut findings);
        self.take_verbatim(&mut findings);
        if !findings.iter().any(Finding::is_error) {
            whole::check(self, said, &mut findings);
            self.take_verbatim(&mut findings);
        }
        let all = sorted(findings);
        let count = all.len();
        let silent = |f: &Finding| !f.is_error() && f.kind.is_some_and(|kind| self.silenced.contains(&kind));
        let findings: Vec<Finding> = all.into_iter().filter(|finding| !silent(finding)).collect();
        Validation { silenced: count - findings.len(), findings }
    }

    /// [`validate`](Self::validate) for files that perhaps do not even load: then the findings are what keeps them from it.
    pub fn validate_files(files: StudyFiles) -> Validation {
        match Self::parse(files) {
            Ok(study) => study.validation(),
            Err(findings) => Validation { findings: sorted(findings), silenced: 0 },
        }
    }

    /// A text that is taken over word for word is as it is: what would be a mistake in a new one is only said.
    fn take_verbatim(&self, findings: &mut [Finding]) {
        for finding in findings.iter_mut().filter(|f| f.kind.is_some_and(Kind::is_wording)) {
            if self.verbatim || self.verbatim_files.contains(&finding.file) {
                finding.severity = Severity::Warning;
            }
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
