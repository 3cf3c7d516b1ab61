//! `tiltmeter man`: the manual pages, from the same words as the help.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::CommandFactory;
use clap_mangen::Man;

use super::counted;
use super::output::{is_standard, print, say};
use crate::build;
use crate::store::{StoreError, file::replace};

/// Print the manual page (`tiltmeter man | man -l -`), or write a page for every command into a folder.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder to write the pages of all commands to, such as ~/.local/share/man/man1
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub fn run(args: Args) -> Result<ExitCode> {
    // What differs from build to build, and the help's own command, are no part of a manual.
    let command = super::Cli::command().long_version(build::version()).disable_help_subcommand(true);
    match args.output.filter(|dir| !is_standard(dir)) {
        None => {
            let mut page = Vec::new();
            Man::new(command).render(&mut page)?;
            print(page)?;
        }
        Some(dir) => {
            let written = write_all(command, &dir)?;
            say(format_args!("{}: {} written", dir.display(), counted(written, "page")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a page for every command; none replaces a file that is not such a page.
fn write_all(command: clap::Command, dir: &Path) -> Result<usize> {
    let failed = || format!("cannot write to {}", dir.display());
    let made = tempfile::tempdir().context("cannot make a temporary folder")?;
    clap_mangen::generate_to(command, made.path()).context("cannot make the pages")?;
    let pages = fs::read_dir(made.path())?.collect::<std::io::Result<Vec<_>>>()?;
    for page in &pages {
        let there = dir.join(page.file_name());
        if fs::read(&there).is_ok_and(|text| !String::from_utf8_lossy(&text).contains(".TH tiltmeter")) {
            bail!("{} is not a page of this program's manual; name another folder", there.display());
        }
    }
    fs::create_dir_all(dir).map_err(crate::plain::worded).with_context(failed)?;
    for page in &pages {
        let there = dir.join(page.file_name());
        let text = fs::read(page.path()).context("a page that was just made cannot be read")?;
        replace(&there, |out| out.write_all(&text).map_err(|e| StoreError::io(&there, e)))?;
    }
    Ok(pages.len())
}
