//! `tiltmeter completions`: what a shell needs to complete commands, options and files.

use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

use super::output::print;

/// Print the completions of a shell
///
/// bash: tiltmeter completions bash > ~/.local/share/bash-completion/completions/tiltmeter
/// zsh: tiltmeter completions zsh > a file named _tiltmeter in a folder of $fpath
/// fish: tiltmeter completions fish > ~/.config/fish/completions/tiltmeter.fish
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Which shell
    shell: Shell,
}

pub fn run(args: Args) -> Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "tiltmeter", &mut text);
    print(text)?;
    Ok(ExitCode::SUCCESS)
}
