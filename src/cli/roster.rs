//! `tiltmeter roster`: look at rosters, begin one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use comfy_table::{Table, presets};
use serde::Serialize;

use super::counted;
use super::output::{is_standard, print, print_json, say};
use crate::checkpoint::hub;
use crate::store::roster::{SHIPPED, SHIPPED_TEXTS};
use crate::store::{Family, Roster, Stage};

/// List the rosters that ship, show what one holds and what of it is here, begin one of your own.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the rosters that the program carries
    List,
    /// Show a roster's checkpoints, whether each is on this machine, and how to fetch those that are not
    Show {
        /// Name of a roster that ships, or a TOML file
        #[arg(default_value = SHIPPED)]
        roster: String,
        /// The file as it stands
        #[arg(long, conflicts_with = "json")]
        text: bool,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Write a small commented roster of your own to start from
    New {
        /// File to write, where none may be yet; `-` writes standard output
        file: PathBuf,
    },
}

pub fn run(args: Args) -> Result<ExitCode> {
    match args.command {
        Command::List => list()?,
        Command::Show { roster, text: true, .. } => print(Roster::open(&roster)?.text)?,
        Command::Show { roster, json, .. } => show(&Roster::open(&roster)?, json)?,
        Command::New { file } if is_standard(&file) => print(Roster::TEMPLATE)?,
        Command::New { file } => {
            Roster::write_template(&file)?;
            let file = file.display();
            say(format_args!("{file} written; then: tiltmeter roster show {file}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list() -> Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["name", "families", "checkpoints", "makers"]);
    for (name, text) in SHIPPED_TEXTS {
        let roster = Roster::parse(text, name, Path::new(""))?;
        let makers: Vec<&str> = roster.families.iter().filter_map(|f| f.maker.as_deref()).collect();
        let (families, checkpoints) = (roster.families.len(), roster.stages().count());
        table.add_row([name.to_owned(), families.to_string(), checkpoints.to_string(), makers.join(", ")]);
    }
    print(format!("{}\n", table.trim_fmt()))
}

/// A checkpoint of a roster, and where it is.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Listed<'r> {
    family: &'r str,
    maker: Option<&'r str>,
    maker_country: Option<&'r str>,
    stage: &'r str,
    model: &'r str,
    checkpoint: &'r str,
    revision: Option<&'r str>,
    licence: Option<&'r str>,
    gated: bool,
    /// What must be done on the hub before it can be fetched.
    #[serde(skip)]
    gate: Option<String>,
    /// Its folder, if it is on this machine.
    folder: Option<PathBuf>,
    /// Why it is not.
    missing: Option<String>,
    /// What fetches it, if that is all that is needed.
    fetch: Option<String>,
}

impl<'r> Listed<'r> {
    fn new(family: &'r Family, stage: &'r Stage) -> Self {
        let revision = stage.revision.as_deref();
        let found = hub::resolve(&stage.location, revision);
        let fetch = (found.is_err() && hub::names_no_folder(&stage.location))
            .then(|| hub::download_command(&stage.location, revision));
        let (folder, missing) = match found {
            Ok(found) => (Some(found.dir), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self {
            family: &family.name,
            maker: family.maker.as_deref(),
            maker_country: family.maker_country.as_deref(),
            stage: &stage.name,
            model: &stage.model,
            checkpoint: &stage.checkpoint,
            revision,
            licence: family.licence.as_deref(),
            gated: family.gated,
            gate: family.gate(stage),
            folder,
            missing,
            fetch,
        }
    }
}

fn show(roster: &Roster, json: bool) -> Result<()> {
    let listed: Vec<Listed<'_>> = roster.stages().map(|(family, stage)| Listed::new(family, stage)).collect();
    if json {
        return print_json(&listed);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["family", "stage", "model", "checkpoint", "here"]);
    for one in &listed {
        let here = if one.folder.is_some() { "yes" } else { "no" };
        table.add_row([one.family, one.stage, one.model, one.checkpoint, here]);
    }
    let mut text = format!("{}\n", table.trim_fmt());
    let missing: Vec<&Listed<'_>> = listed.iter().filter(|one| one.missing.is_some()).collect();
    if !missing.is_empty() {
        text.push_str(&format!("\n{} not on this machine:\n", counted(missing.len(), "checkpoint")));
    }
    for one in missing {
        match &one.fetch {
            Some(fetch) => text.push_str(&format!("  {fetch}\n")),
            None => text.push_str(&format!("  {}\n", one.missing.as_deref().unwrap_or_default())),
        }
        // Of a folder there is no page on the hub.
        if let (Some(gate), Some(_)) = (&one.gate, &one.fetch) {
            text.push_str(&format!("    {gate}\n"));
        }
    }
    print(text)
}
