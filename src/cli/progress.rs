//! A sweep as a person at a terminal, or a log, sees it: all on standard error.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::say;
use super::{counted, grouped};
use crate::scoring::Tally;
use crate::store::Stage;
use crate::sweep::{PlanFigures, SweepError, Watch};

/// Between two lines of progress where no bar can be drawn.
const LINE_EVERY: Duration = Duration::from_secs(15);

/// Draws a bar on a terminal, and writes a line now and then elsewhere.
pub struct Progress {
    quiet: bool,
    /// Plans are all there is to see.
    dry: bool,
    bar: Option<ProgressBar>,
    title: String,
    plan: Option<PlanFigures>,
    load_seconds: f64,
    last_line: Instant,
}

impl Progress {
    pub fn new(quiet: bool, dry: bool) -> Self {
        Self {
            quiet,
            dry,
            bar: None,
            title: String::new(),
            plan: None,
            load_seconds: 0.0,
            last_line: Instant::now(),
        }
    }

    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(line)),
            None => say(line),
        }
    }

    fn close_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Watch for Progress {
    fn note(&mut self, text: &str) {
        if !self.quiet {
            self.say(&format!("note: {text}"));
        }
    }

    fn begin(&mut self, stage: &Stage, index: usize, count: usize) {
        self.title = format!("[{index}/{count}] {}", stage.model);
        if !self.quiet && !self.dry {
            self.say(&format!("{}: loading {}", self.title, stage.location));
        }
    }

    fn plan(&mut self, _stage: &Stage, plan: PlanFigures, load_seconds: f64) {
        self.plan = Some(plan);
        self.load_seconds = load_seconds;
        self.last_line = Instant::now();
        let left = plan.asked - plan.scored;
        if self.quiet || left == 0 && !self.dry {
            return;
        }
        let before = match plan.scored {
            0 => String::new(),
            n => format!(", {} more were scored before", grouped(n)),
        };
        let saved = plan.naive_tokens as f64 / plan.tree_tokens.max(1) as f64;
        self.say(&format!(
            "{}: {}{before}; {} tokens, {} in the prefix tree ({saved:.2} times fewer); nothing reads the result of {:.1} % of \
             their work in the layers, which is skipped",
            self.title,
            counted(left, "prompt"),
            grouped(plan.naive_tokens),
            grouped(plan.tree_tokens),
            100.0 * plan.skipped,
        ));
        if !self.dry && std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(
                Some(plan.tree_tokens as u64),
                ProgressDrawTarget::stderr_with_hz(8),
            );
            if let Ok(style) = ProgressStyle::with_template("{wide_bar} {percent:>3} %  {msg}") {
                bar.set_style(style);
            }
            self.bar = Some(bar);
        }
    }

    fn advance(&mut self, tally: &Tally) {
        let Some(plan) = self.plan.filter(|_| !self.quiet) else { return };
        let message = || {
            format!(
                "{} of {} prompts, {} left",
                grouped(tally.prompts),
                grouped(plan.asked - plan.scored),
                time_left(tally)
            )
        };
        if let Some(bar) = &self.bar {
            bar.set_message(message());
            bar.set_position(tally.computed_tokens as u64);
        } else if self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            let percent = 100 * tally.computed_tokens / tally.tree_tokens.max(1);
            self.say(&format!("{}: {percent} %, {}", self.title, message()));
        }
    }

    fn end(&mut self, _stage: &Stage, done: Option<&Tally>) {
        self.close_bar();
        if self.quiet {
            return;
        }
        match done {
            Some(tally) => self.say(&format!(
                "{}: scored {}: computed {} of {} tokens in {:.2} s ({:.2} s to load)",
                self.title,
                counted(tally.prompts, "prompt"),
                grouped(tally.computed_tokens),
                grouped(tally.naive_tokens),
                tally.compute_seconds,
                self.load_seconds,
            )),
            None => {
                self.say(&match self.plan.map_or(0, |plan| plan.asked) {
                    0 => format!("{}: not asked anything", self.title),
                    asked => format!("{}: all {} prompts were scored before", self.title, grouped(asked)),
                });
            }
        }
    }

    fn fail(&mut self, error: &SweepError) {
        self.close_bar();
        self.say(&format!("error: {error}"));
    }
}

/// At the pace of this checkpoint so far: every token of a tree costs about the same.
fn time_left(tally: &Tally) -> String {
    let left = tally.tree_tokens.saturating_sub(tally.computed_tokens) as f64;
    let seconds = tally.compute_seconds * left / tally.computed_tokens.max(1) as f64;
    let seconds = seconds.round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s:02} s"),
        (h, m, _) => format!("{h} h {m:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_in_proportion() {
        let tally = |computed_tokens, compute_seconds| Tally {
            computed_tokens,
            compute_seconds,
            tree_tokens: 1000,
            ..Tally::default()
        };
        assert_eq!(time_left(&tally(500, 9.0)), "9 s");
        assert_eq!(time_left(&tally(100, 10.0)), "1 min 30 s");
        assert_eq!(time_left(&tally(1, 10.0)), "2 h 46 min");
        assert_eq!(time_left(&tally(0, 0.0)), "0 s");
    }
}
