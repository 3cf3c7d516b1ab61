//! `tiltmeter bench`: how fast this machine is, as ratios.

use super::engine::{EngineArgs, ModelArgs};
use super::grouped;
use crate::bench::{Report, StudyBench, Timing};
use crate::study::Study;
use anyhow::Result;
use std::process::ExitCode;

/// Measure speed: every figure beside a yardstick from the same run.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Study(StudyArgs),
}

/// The study's prompts through a checkpoint, with and without sharing, against the machine's f32 peak.
#[derive(Debug, clap::Args)]
struct StudyArgs {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// Study: a folder, or `default`
    #[arg(long, value_name = "DIR", default_value = "default")]
    study: String,
    #[arg(long, default_value = "en")]
    language: String,
    #[arg(long, default_value = "main")]
    condition: String,
    /// Address the checkpoint as base or chat
    #[arg(long, default_value = "chat", value_parser = ["base", "chat"])]
    stage: String,
    /// Prompts, from the study's first on
    #[arg(long, value_name = "N", default_value_t = 632)]
    prompts: usize,
    /// Measurements of each kind; the median counts
    #[arg(long, value_name = "N", default_value_t = 3)]
    repeat: usize,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> Result<ExitCode> {
    let What::Study(args) = args.what;
    let study = Study::open(&args.study)?;
    let dir = args.model.resolve()?;
    let bench = StudyBench {
        study: &study,
        checkpoint: &dir.to_string_lossy(),
        stage: &args.stage,
        language: &args.language,
        condition: &args.condition,
        prompts: args.prompts,
        repeat: args.repeat,
        options: args.engine.options(),
        no_sharing: !args.engine.no_sharing,
    };
    let report = bench.run(&args.engine.backend()?)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", table(&report));
    }
    Ok(ExitCode::SUCCESS)
}

fn table(r: &Report) -> String {
    let mut text = format!(
        "device       {}\ncheckpoint   {} ({:.1} M parameters, {})\nprompts      {} ({} tokens, {} in the prefix tree), packs of {}\n\
         peak         {:.1} GFLOP/s, f32 multiply-adds from the first-level cache, in this run\nload         {:.2} s, weights hashed and checked\n",
        r.device,
        r.checkpoint,
        r.parameters as f64 / 1e6,
        r.dtype,
        grouped(r.prompts),
        grouped(r.naive_tokens),
        grouped(r.tree_tokens),
        r.pack_tokens,
        r.peak_gflop_per_second,
        r.load_seconds,
    );
    text += &line("sharing", &r.sharing);
    if let (Some(timing), Some(ratio)) = (&r.no_sharing, r.no_sharing_over_sharing) {
        text += &line("no sharing", timing);
        text += &format!("ratio        {ratio:.2} times longer without sharing\n");
    }
    if let Some(mb) = r.peak_memory_mb {
        text += &format!("memory       {mb:.0} MB at most, mapped weights included\n");
    }
    text
}

fn line(name: &str, t: &Timing) -> String {
    format!(
        "{name:<12} {} tokens in {:.2} s: {:.1} prompts/s, {} tokens/s, {:.1} GFLOP/s = {:.0} % of peak\n",
        grouped(t.computed_tokens),
        t.seconds,
        t.prompts_per_second,
        grouped(t.tokens_per_second as usize),
        t.gflop_per_second,
        100.0 * t.share_of_peak,
    )
}
