//! One file per command; no logic lives here.

// A failed write must end in a sentence, never in a panic: `output` is where it is dealt with.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub(crate) mod analyze;
mod bench;
mod compare;
mod completions;
mod demo;
mod doctor;
mod engine;
mod explain;
mod export;
mod input;
mod inspect;
mod licences;
mod man;
mod merge;
mod origin;
mod output;
mod plan;
mod progress;
mod prompts;
mod report;
mod roster;
mod run_table;
mod runs;
mod schema;
mod score;
mod shard;
mod shell;
mod status;
mod study;
mod study_export;
mod sweep;
mod version;
mod volume;

pub(crate) use crate::plain::{counted, grouped, noun};
use crate::signals;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Does a language model lean towards a country, and did its post-training put the lean there?
#[derive(Debug, Parser)]
#[command(version = crate::build::version(), long_version = version::long(), max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    everywhere: volume::Everywhere,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Study(study::Args),
    Roster(roster::Args),
    Prompts(prompts::Args),
    Inspect(inspect::Args),
    Score(score::Args),
    Plan(plan::Args),
    Sweep(sweep::Args),
    Status(status::Args),
    Runs(runs::Args),
    Merge(merge::Args),
    Export(export::Args),
    Analyze(analyze::Args),
    Explain(explain::Args),
    Compare(compare::Args),
    Report(report::Args),
    Bench(bench::Args),
    Doctor(doctor::Args),
    Schema(schema::Args),
    Licences(licences::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// Runs the command line and returns its exit code: 0 done, 1 failed, 2 not understood.
pub fn main() -> ExitCode {
    signals::install();
    // Mesa's layer that picks a device for windows complains on machines without any; nothing here has windows.
    #[cfg(target_os = "linux")]
    // SAFETY: no other thread runs yet.
    unsafe {
        std::env::set_var("NODEVICE_SELECT", "1");
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refused(&error),
    };
    let result = cli.everywhere.apply().and_then(|()| match cli.command {
        Command::Demo(args) => demo::run(args),
        Command::Study(args) => study::run(args),
        Command::Roster(args) => roster::run(args),
        Command::Prompts(args) => prompts::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Score(args) => score::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Sweep(args) => sweep::run(args),
        Command::Status(args) => status::run(args),
        Command::Runs(args) => runs::run(args),
        Command::Merge(args) => merge::run(args),
        Command::Export(args) => export::run(args),
        Command::Analyze(args) => analyze::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Report(args) => report::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Licences(args) => licences::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
    });
    match result {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::warn(format_args!("error: {}", sentence(&error)));
            ExitCode::FAILURE
        }
    }
}

/// Help and messages about arguments go out as they are styled, unless an argument would be obeyed by the terminal.
fn refused(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    match text.chars().any(|c| c.is_control() && c != '\n') {
        true => output::warn(text.trim_end()),
        // Where it cannot be written there is nobody to tell.
        false => drop(error.print()),
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// The error and its causes, without those that the sentence before has already said.
fn sentence(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(|cause| cause.to_string()) {
        if said.is_empty() {
            said = cause;
        } else if !said.contains(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}

/// A reader such as `head` has seen enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let json = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(std::io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// `command` and all below it.
    fn all(command: &clap::Command) -> Vec<clap::Command> {
        let below = command.get_subcommands().filter(|command| command.get_name() != "help").flat_map(all);
        std::iter::once(command.clone()).chain(below).collect()
    }

    #[test]
    fn every_command_and_option_says_what_it_is_in_80_columns() {
        let mut whole = Cli::command();
        whole.build();
        for command in all(&whole) {
            let name = command.get_bin_name().unwrap_or_default().to_owned();
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(!about.is_empty() && !about.ends_with('.'), "{name}: {about}");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{name}: {argument}");
            }
            for help in
                [command.clone().term_width(80).render_help(), command.term_width(80).render_long_help()]
            {
                let help = help.to_string();
                let long = help.lines().find(|line| line.chars().count() > 80);
                assert_eq!(long, None, "{name}");
            }
        }
    }
}
