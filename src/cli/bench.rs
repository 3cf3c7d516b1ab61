//! `tiltmeter bench`: how fast this machine is, as ratios.

use super::engine::{Chosen, DeviceArgs, EngineArgs, Work};
use super::grouped;
use super::output::{print, print_json};
use crate::backend::Precision;
use crate::backend::measure::Measured;
use crate::bench::{
    Bound, KernelReport, Report, Shape, ShapeBench, StudyBench, Timing, kernels, shape, shapes,
};
use crate::bench::{Load, Machine, Model, Predicted, model};
use crate::study::Study;
use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
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
    Kernels(KernelsArgs),
    Model(ModelArgs),
}

/// What the study should take on an NVIDIA GPU of Hopper's kind, counted from the kernels: a prediction, nothing is measured.
#[derive(Debug, clap::Args)]
struct ModelArgs {
    /// Only these families' sizes, separated by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    shapes: Vec<String>,
    /// Streaming multiprocessors
    #[arg(long, value_name = "N", default_value_t = 132, value_parser = clap::value_parser!(u32).range(2..=1024))]
    sms: u32,
    /// What dense f16 products reach, in TFLOP/s
    #[arg(long, value_name = "X", default_value_t = 790.0)]
    tflops: f64,
    /// What a copy reaches, in GB/s
    #[arg(long, value_name = "X", default_value_t = 4300.0)]
    gb_per_second: f64,
    /// Tokens of the prefix tree
    #[arg(long, value_name = "N", default_value_t = 700_000)]
    tokens: u32,
    /// Prompts
    #[arg(long, value_name = "N", default_value_t = 17_696)]
    prompts: u32,
    /// Keys that a token sees on average
    #[arg(long, value_name = "N", default_value_t = 120)]
    keys: u32,
    /// Each kernel, not each family alone
    #[arg(long, conflicts_with = "json")]
    by_kernel: bool,
    /// One JSON array instead of tables in Markdown
    #[arg(long)]
    json: bool,
}

/// Each kernel at the sizes of the seven families, against the device's own peak.
#[derive(Debug, clap::Args)]
struct KernelsArgs {
    #[command(flatten)]
    device: DeviceArgs,
    /// Only these families' sizes, separated by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    shapes: Vec<String>,
    /// Rows of activations: tokens of a pack
    #[arg(long, value_name = "N", default_value_t = 2048, value_parser = clap::value_parser!(u32).range(64..=65_536))]
    rows: u32,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// The study's prompts through a checkpoint, with and without sharing, against the device's own peak.
#[derive(Debug, clap::Args)]
struct StudyArgs {
    #[command(flatten)]
    what: Weights,
    /// Revision of a hub id
    #[arg(long, value_name = "REV", requires = "model")]
    revision: Option<String>,
    /// With --shape: only the first N layers
    #[arg(long, value_name = "N", requires = "shape")]
    layers: Option<usize>,
    #[command(flatten)]
    engine: EngineArgs,
    /// Name of an embedded study, or a study's folder
    #[arg(long, value_name = "NAME|DIR", default_value = crate::study::EMBEDDED[0])]
    study: String,
    /// Language of the scenarios
    #[arg(long, default_value = "en")]
    language: String,
    /// Condition of the study
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

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Weights {
    /// Checkpoint folder, or a hub id (`org/name`) that is in the local Hugging Face cache
    #[arg(long, value_name = "DIR|ID")]
    model: Option<String>,
    /// Random weights of a family's size, qwen2.5-7b say; nothing is loaded
    #[arg(long, value_name = "NAME")]
    shape: Option<String>,
}

pub fn run(args: Args) -> Result<ExitCode> {
    match args.what {
        What::Study(args) => run_study(args),
        What::Kernels(args) => run_kernels(args),
        What::Model(args) => run_model(args),
    }
}

fn run_model(args: ModelArgs) -> Result<ExitCode> {
    let names = if args.shapes.is_empty() { shapes() } else { args.shapes };
    let machine = Machine { sms: args.sms, tflops: args.tflops, gb_per_second: args.gb_per_second };
    let load = Load { tokens: args.tokens.into(), prompts: args.prompts.into(), keys: args.keys.into() };
    let mut models = Vec::new();
    for name in names {
        let shape = shape(&name, None)?;
        for precision in [Precision::Fast, Precision::F32] {
            models.push(model(&shape, precision, &machine, &load)?);
        }
    }
    match (args.json, args.by_kernel) {
        (true, _) => print_json(&models)?,
        (false, true) => models.iter().try_for_each(|one| print(kernels_of(one)))?,
        (false, false) => print(model_table(&models))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// In Markdown, a family and precision a row.
fn model_table(models: &[Model]) -> String {
    let mut text = "| shape | precision | packs of | tiles | waves | launches | products | attention | rows | gaps | seconds | once | cycles |\n\
                    |---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
        .to_owned();
    for m in models {
        let sum = |of: &dyn Fn(&Predicted) -> f64| m.kernels.iter().map(of).sum::<f64>();
        let products = sum(&|k| if k.tiles > 0.0 { k.seconds } else { 0.0 });
        let attention = sum(&|k| if k.kernel == "attention" { k.seconds } else { 0.0 });
        text += &format!(
            "| {} | {} | {:.0} x {} | {} | {} | {} | {products:.1} | {attention:.2} | {:.2} | {:.2} | **{:.1}** | {:.0} % | {:.0} % |\n",
            m.shape,
            m.precision,
            m.packs,
            grouped(m.pack_tokens),
            grouped(sum(&|k| k.tiles) as usize),
            grouped(sum(&|k| k.waves) as usize),
            grouped(m.launches as usize),
            m.seconds - m.gap_seconds - products - attention,
            m.gap_seconds,
            m.seconds,
            100.0 * m.share_once,
            100.0 * m.share_cycles,
        );
    }
    text
}

/// In Markdown, a kernel a row.
fn kernels_of(m: &Model) -> String {
    let mut text = format!(
        "{}, {}: {:.1} s, {:.0} % of the ceiling counted once, {:.0} % by cycles\n\n\
         | kernel | launches | tiles | waves | tensor Mcycles | instructions a tile | bytes a token | seconds |\n|---|--:|--:|--:|--:|--:|--:|--:|\n",
        m.shape,
        m.precision,
        m.seconds,
        100.0 * m.share_once,
        100.0 * m.share_cycles
    );
    for k in &m.kernels {
        text += &format!(
            "| {} | {} | {} | {} | {:.0} | {} | {} | {:.3} |\n",
            k.kernel,
            grouped(k.launches as usize),
            grouped(k.tiles as usize),
            grouped(k.waves as usize),
            k.tensor_megacycles,
            grouped(k.instructions as usize),
            grouped(k.bytes_per_token as usize),
            k.seconds
        );
    }
    text + "\n"
}

fn run_kernels(args: KernelsArgs) -> Result<ExitCode> {
    let names = if args.shapes.is_empty() { shapes() } else { args.shapes };
    let shapes = names.iter().map(|name| shape(name, None)).collect::<Result<Vec<Shape>, _>>()?;
    let report = args.device.run(true, Kernels { shapes: &shapes, rows: args.rows as usize })?;
    match args.json {
        true => print_json(&report)?,
        false => print(kernel_table(&report))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// All kernels on the device that was chosen.
struct Kernels<'a> {
    shapes: &'a [Shape],
    rows: usize,
}

impl Work for Kernels<'_> {
    type Output = KernelReport;

    fn run<B: Measured>(self, backend: &B, _: &Chosen) -> Result<KernelReport> {
        Ok(kernels(backend, self.shapes, self.rows)?)
    }
}

fn run_study(args: StudyArgs) -> Result<ExitCode> {
    let study = Study::open(&args.study)?;
    let report = args.engine.device.run(true, Measuring { args: &args, study: &study })?;
    match args.json {
        true => print_json(&report)?,
        false => print(table(&report))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The measurement on the device that was chosen.
struct Measuring<'a> {
    args: &'a StudyArgs,
    study: &'a Study,
}

impl Work for Measuring<'_> {
    type Output = Report;

    fn run<B: Measured>(self, backend: &B, chosen: &Chosen) -> Result<Report> {
        let args = self.args;
        let prompts = StudyBench {
            study: self.study,
            stage: &args.stage,
            language: &args.language,
            condition: &args.condition,
            prompts: args.prompts,
            repeat: args.repeat,
            pack: args.engine.pack(chosen),
            no_sharing: args.engine.sharing(),
        };
        match (&args.what.model, &args.what.shape) {
            (Some(model), _) => {
                let dir = crate::checkpoint::hub::resolve(model, args.revision.as_deref())?.dir;
                Ok(prompts.run(backend, &dir.to_string_lossy())?)
            }
            (None, name) => {
                let shape = shape(name.as_deref().unwrap_or_default(), args.layers)?;
                Ok(ShapeBench { prompts, shape }.run(backend)?)
            }
        }
    }
}

fn kernel_table(r: &KernelReport) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["kernel", "size", "first of", "ms", "rate", "of peak"]);
    for column in 3..6 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for k in &r.kernels {
        let unit = match k.unit {
            Bound::Arithmetic => "GFLOP/s",
            Bound::Memory => "GB/s",
        };
        table.add_row([
            k.kernel.to_owned(),
            k.size.clone(),
            k.shape.clone(),
            format!("{:.3}", 1e3 * k.seconds),
            format!("{:.1} {unit}", k.rate),
            format!("{:.0} %", 100.0 * k.share_of_peak),
        ]);
    }
    format!(
        "device  {}\npeak    {:.1} GFLOP/s, {}; {:.1} GB/s read and written by a copy\n{}\n",
        r.device,
        r.peak_gflop_per_second,
        r.peak_is,
        r.peak_gb_per_second,
        table.trim_fmt()
    ) + &product_table(r)
}

/// Plain products by each way that the device has.
fn product_table(r: &KernelReport) -> String {
    let mut text = r.lacks.map_or_else(String::new, |why| format!("\nnote    {why}\n"));
    if r.products.is_empty() {
        return text;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "product",
        "first of",
        "by",
        "ms",
        "TFLOP/s",
        "of best, once",
        "by cycles",
        "speed over",
    ]);
    for p in &r.products {
        let over = p.over_yardsticks.iter().map(|(name, ratio)| format!("{ratio:.2} {name}"));
        table.add_row([
            p.size.clone(),
            p.shape.clone(),
            p.by.clone(),
            format!("{:.3}", 1e3 * p.seconds),
            format!("{:.1}", p.gflop_per_second / 1e3),
            format!("{:.0} %", 100.0 * p.share_once),
            format!("{:.0} %", 100.0 * p.share_of_cycles),
            over.collect::<Vec<_>>().join(", "),
        ]);
    }
    text += &format!("\n{}\n", table.trim_fmt());
    text
}

fn table(r: &Report) -> String {
    let mut text = format!(
        "device       {}\ncheckpoint   {} ({:.1} M parameters, {})\nprompts      {} ({} tokens, {} in the prefix tree), packs of {}\n\
         peak         {:.1} GFLOP/s, {}\nload         {:.2} s\n",
        r.device,
        r.checkpoint,
        r.parameters as f64 / 1e6,
        r.dtype,
        grouped(r.prompts),
        grouped(r.naive_tokens),
        grouped(r.tree_tokens),
        r.pack_tokens,
        r.peak_gflop_per_second,
        r.peak_is,
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
    if let Some(mb) = r.peak_device_memory_mb {
        text += &format!("on device    {mb:.0} MB at most\n");
    }
    text
}

fn line(name: &str, t: &Timing) -> String {
    let cycles = t
        .share_of_cycles
        .map_or_else(String::new, |share| format!(", {:.0} % as matrix units are used", 100.0 * share));
    format!(
        "{name:<12} {} tokens in {:.2} s: {:.1} prompts/s, {} tokens/s, {:.1} GFLOP/s = {:.0} % of peak{cycles}\n",
        grouped(t.computed_tokens),
        t.seconds,
        t.prompts_per_second,
        grouped(t.tokens_per_second as usize),
        t.gflop_per_second,
        100.0 * t.share_of_peak,
    )
}
