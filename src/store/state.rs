//! What becomes of a run just now.

use serde::Serialize;

use super::Completeness;

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Nothing was asked yet.
    NotBegun,
    /// A process writes to it.
    Running,
    Finished,
    /// Prompts are left, and nobody scores them.
    Stopped,
    /// Prompts are left, and the file system does not tell whether somebody scores them.
    Unknown,
    /// It cannot be opened.
    Unreadable,
}

impl RunState {
    /// `held`: whether a process has its lock, as far as that can be told; asked before its scores were read, for who ends in
    /// between has scored all of them.
    pub(super) fn of(held: Option<bool>, begun: bool, found: &Completeness) -> RunState {
        match held {
            Some(true) => RunState::Running,
            _ if !begun && found.asked == 0 && found.scored == 0 => RunState::NotBegun,
            _ if found.is_finished() => RunState::Finished,
            Some(false) => RunState::Stopped,
            None => RunState::Unknown,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            RunState::NotBegun => "not begun",
            RunState::Running => "running",
            RunState::Finished => "finished",
            RunState::Stopped => "stopped",
            RunState::Unknown => "stopped, or running elsewhere",
            RunState::Unreadable => "cannot be read",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_begun_once_it_has_a_sweep_or_prompts() {
        let of = |held, begun, asked, scored| {
            RunState::of(held, begun, &Completeness { asked, scored, ..Completeness::default() })
        };
        assert_eq!(of(Some(false), false, 0, 0), RunState::NotBegun);
        assert_eq!(of(None, false, 0, 0), RunState::NotBegun);
        assert_eq!(of(Some(false), true, 0, 0), RunState::Finished, "a sweep that had nothing to ask");
        assert_eq!(of(Some(false), false, 3, 0), RunState::Stopped);
        assert_eq!(of(Some(false), false, 0, 3), RunState::Finished);
        assert_eq!(of(Some(false), true, 3, 2), RunState::Stopped);
        assert_eq!(of(None, true, 3, 2), RunState::Unknown);
        assert_eq!(of(None, true, 3, 3), RunState::Finished);
        assert_eq!(of(Some(true), true, 3, 3), RunState::Running);
    }
}
