//! `tiltmeter licences`: what of other people's work the program carries.

use std::process::ExitCode;

use anyhow::Result;
use comfy_table::{Table, presets};

use super::counted;
use super::output::{print, print_json};
use crate::licences::{TEXTS, bill_of_materials, carried};

/// List the crates that this program carries with their licences; their texts; a bill of materials.
#[derive(Debug, clap::Args)]
#[command(alias = "licenses")]
pub struct Args {
    /// The text of every licence
    #[arg(long, conflicts_with_all = ["json", "sbom"])]
    texts: bool,
    /// The list as JSON
    #[arg(long, conflicts_with = "sbom")]
    json: bool,
    /// A software bill of materials: CycloneDX 1.5, JSON
    #[arg(long)]
    sbom: bool,
}

pub fn run(args: Args) -> Result<ExitCode> {
    match args {
        Args { texts: true, .. } => print(TEXTS)?,
        Args { json: true, .. } => print_json(&carried()?)?,
        Args { sbom: true, .. } => print_json(&bill_of_materials()?)?,
        _ => list()?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list() -> Result<()> {
    let crates = carried()?;
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["crate", "version", "licence"]);
    for one in &crates {
        table.add_row([one.name.as_str(), &one.version, &one.licence]);
        for inside in &one.contains {
            table.add_row([&format!("  with {}", inside.name), "", inside.licence.as_str()]);
        }
    }
    print(format!(
        "tiltmeter itself: {}. It carries {} of others ({}):\n\n{}\n",
        env!("CARGO_PKG_LICENSE"),
        counted(crates.len(), "crate"),
        "their texts: tiltmeter licences --texts",
        table.trim_fmt()
    ))
}
