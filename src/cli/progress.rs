//! A sweep as a person at a terminal, or a log, sees it: all on standard error.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::{say, warn};
use super::{counted, grouped};
use crate::scoring::Tally;
use crate::signals::Graceful;
use crate::store::Stage;
use crate::sweep::{PlanFigures, SweepError, Watch};

/// Between two lines of progress where no bar can be drawn.
const LINE_EVERY: Duration = Duration::from_secs(15);

/// What to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Detail {
    /// Errors only.
    pub quiet: bool,
    /// Also what is of interest to those who look into the engine.
    pub verbose: bool,
}

/// Draws a bar on a terminal, and writes a line now and then elsewhere.
pub struct Progress {
    detail: Detail,
    /// Plans are all there is to see.
    dry: bool,
    /// Signals are noted as long as this lives.
    signals: Graceful,
    /// More than one checkpoint is asked.
    several: bool,
    bar: Option<ProgressBar>,
    title: String,
    plan: Option<PlanFigures>,
    load_seconds: f64,
    last_line: Instant,
    /// Lines of a dry run, one a checkpoint.
    plans: String,
}

impl Progress {
    pub fn new(detail: Detail, dry: bool) -> Self {
        Self {
            detail,
            dry,
            signals: Graceful::begin(),
            several: false,
            bar: None,
            title: String::new(),
            plan: None,
            load_seconds: 0.0,
            last_line: Instant::now(),
            plans: String::new(),
        }
    }

    /// What a dry run has found out, for standard output.
    pub fn plans(&self) -> &str {
        &self.plans
    }

    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(line)),
            None => say(line),
        }
    }

    /// The exit code of the signal that ended the work.
    pub fn stopped(&self) -> Option<u8> {
        self.signals.stopped()
    }

    fn open_bar(&mut self, length: usize) {
        if !std::io::stderr().is_terminal() {
            return;
        }
        let bar = ProgressBar::with_draw_target(Some(length as u64), ProgressDrawTarget::stderr_with_hz(8));
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {percent:>3} %  {msg}") {
            bar.set_style(style);
        }
        self.bar = Some(bar);
    }

    /// On the bar, or as a line if the last one is long ago.
    fn show(&mut self, done: usize, all: usize, message: impl Fn() -> String) {
        if let Some(bar) = &self.bar {
            bar.set_message(message());
            bar.set_position(done as u64);
        } else if self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            self.say(&format!("{}: {} %, {}", self.title, 100 * done / all.max(1), message()));
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
        if !self.detail.quiet {
            self.say(&format!("note: {text}"));
        }
    }

    fn count(&mut self, stage: &Stage, index: usize, count: usize) {
        self.title = format!("[{index}/{count}] {}, to be split", stage.model);
        self.last_line = Instant::now();
    }

    fn begin(&mut self, stage: &Stage, index: usize, count: usize) {
        self.title = format!("[{index}/{count}] {}", stage.model);
        self.several = count > 1;
        self.last_line = Instant::now();
        if !self.detail.quiet && !self.dry {
            self.say(&format!("{}: loading {}", self.title, stage.location));
        }
    }

    fn spell(&mut self, done: usize, all: usize) {
        if self.detail.quiet {
            return;
        }
        if self.bar.is_none() && done < all {
            self.open_bar(all);
        }
        self.show(done, all, || format!("{} of {} prompts turned into tokens", grouped(done), grouped(all)));
        if done == all {
            self.close_bar();
        }
    }

    fn plan(&mut self, _stage: &Stage, plan: PlanFigures, load_seconds: f64) {
        self.plan = Some(plan);
        self.load_seconds = load_seconds;
        self.last_line = Instant::now();
        let left = plan.asked - plan.scored;
        if !self.dry && (self.detail.quiet || left == 0) {
            return;
        }
        let before = match plan.scored {
            0 => String::new(),
            n => format!(", {} more were scored before", grouped(n)),
        };
        let saved = plan.naive_tokens as f64 / plan.tree_tokens.max(1) as f64;
        let skipped = match self.detail.verbose {
            true => format!("; {}", skipped_work(plan.skipped)),
            false => String::new(),
        };
        let line = format!(
            "{}: {}{before}; {} tokens, {} in the prefix tree ({saved:.2} times fewer){skipped}",
            self.title,
            counted(left, "prompt"),
            grouped(plan.naive_tokens),
            grouped(plan.tree_tokens),
        );
        if self.dry {
            self.plans.push_str(&format!("{line}\n"));
        } else {
            self.say(&line);
            self.open_bar(plan.tree_tokens);
        }
    }

    fn advance(&mut self, tally: &Tally, left: Option<f64>) {
        let Some(plan) = self.plan.filter(|_| !self.detail.quiet) else { return };
        let whole = match left.filter(|_| self.several) {
            Some(seconds) => format!(", {} for the whole sweep", duration(seconds)),
            None => String::new(),
        };
        self.show(tally.computed_tokens, tally.tree_tokens, || {
            format!(
                "{} of {} prompts, {} left{whole}",
                grouped(tally.prompts),
                grouped(plan.asked - plan.scored),
                time_left(tally)
            )
        });
    }

    fn end(&mut self, _stage: &Stage, done: Option<&Tally>) {
        self.close_bar();
        if self.detail.quiet {
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
        match &self.bar {
            Some(bar) => bar.suspend(|| warn(format_args!("error: {error}"))),
            None => warn(format_args!("error: {error}")),
        }
    }

    fn stop(&mut self) -> bool {
        let stop = self.signals.stopped().is_some();
        if stop {
            self.close_bar();
        }
        stop
    }
}

/// What of the layers' work nothing needs.
pub fn skipped_work(share: f64) -> String {
    format!(
        "nothing reads the result of {:.1} % of their work in the layers, which is skipped",
        100.0 * share
    )
}

/// At the pace of this checkpoint so far: every token of a tree costs about the same.
fn time_left(tally: &Tally) -> String {
    let left = tally.tree_tokens.saturating_sub(tally.computed_tokens) as f64;
    duration(tally.compute_seconds * left / tally.computed_tokens.max(1) as f64)
}

/// `9 s`, `1 min 30 s`, `2 h 46 min`
pub fn duration(seconds: f64) -> String {
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
