//! `tiltmeter doctor`: which devices there are, whether they compute right, and what a checkpoint needs.

mod cuda;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;

use super::engine::{BackendName, PrecisionName, open};
use super::output::{print, print_json};
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::backend::cuda::Gpu;
use crate::backend::wgpu::Precision;
use crate::backend::wgpu::adapter::{self, Candidate, DeviceFacts};
use crate::checkpoint::Checkpoint;
use crate::doctor::{Bounds, Sample, SelfCheck};
use crate::scoring::{PackSize, Plan, Room, ScoreItem};
use crate::study::Message;
use crate::tokens::{ChatTemplate, PromptTokenizer};

/// List this machine's devices, check that they compute right, and say what to install where none is found.
///
/// The self-check scores prompts of the study on a tiny checkpoint that ships with the program: with shared prefixes,
/// one by one, and on the processor. The exit code is 1 if a device fails it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only devices of this backend; the exit code is then 1 if it has none
    #[arg(long, value_enum, default_value_t = BackendName::Auto)]
    backend: BackendName,
    /// Only this GPU, by its index or a part of its name
    #[arg(long, value_name = "NAME|INDEX")]
    adapter: Option<String>,
    /// Arithmetic of the matrix products to check
    #[arg(long, value_enum, default_value_t = PrecisionName::F32)]
    precision: PrecisionName,
    /// Also look at this checkpoint (folder or hub id): its BOS, its prompts' first ids, and whether it fits
    #[arg(long, value_name = "DIR|ID")]
    model: Option<String>,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
    /// Compare this kernel set with its naive twins, and say each step: what the program asks of itself the first time it sees
    /// a GPU
    #[arg(long, value_name = "SET", hide = true)]
    check_kernels: Option<String>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Report {
    devices: Vec<DeviceReport>,
    /// What to install where there is no GPU.
    advice: Option<&'static str>,
    /// Why no NVIDIA GPU can be used.
    cuda: Option<String>,
    /// Backend that `--backend auto` takes; `null` where `--backend` or `--adapter` kept some devices from being looked at.
    auto_backend: Option<&'static str>,
    /// Index of the device that it takes; `null` for the processor.
    auto: Option<usize>,
    model: Option<ModelReport>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct DeviceReport {
    /// `None` for the processor.
    #[serde(flatten)]
    facts: Option<DeviceFacts>,
    /// An NVIDIA GPU as its driver describes it.
    cuda: Option<Gpu>,
    /// As a run records it.
    device: String,
    /// How its products are computed, and why so.
    path: String,
    why: String,
    check: Option<SelfCheck>,
    passes: bool,
    /// Why there is no check.
    error: Option<String>,
    #[serde(skip)]
    room: Option<Room>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct ModelReport {
    dir: String,
    family: &'static str,
    parameters: u64,
    weight_bytes: u64,
    bos: String,
    /// First ids of a plain prompt, with their spellings.
    plain: Vec<(u32, String)>,
    chat_bos: Option<String>,
    /// First ids of a rendered conversation.
    chat: Option<Vec<(u32, String)>>,
    /// By device: the pack size, or why it does not fit.
    fits: Vec<(String, String)>,
}

pub fn run(args: Args) -> Result<ExitCode> {
    if let Some(set) = &args.check_kernels {
        return cuda::check_kernels(&args, set);
    }
    let asked = |backend| args.backend == BackendName::Auto || args.backend == backend;
    let nvidia = cuda::look(&args);
    let found = if asked(BackendName::Wgpu) { adapter::list() } else { Vec::new() };
    let best = adapter::best_real(found.clone()).map(|c| c.facts.index);
    let none = found.is_empty() && nvidia.gpus.is_empty() && args.backend != BackendName::Cpu;
    let advice = none.then(adapter::advice);
    let candidates = match &args.adapter {
        Some(wanted) if !asked(BackendName::Wgpu) || nvidia.named => {
            found.into_iter().filter(|c| c.facts.name.contains(wanted)).collect()
        }
        Some(wanted) => vec![adapter::choose(found, Some(wanted))?],
        None => found,
    };
    let sample = Sample::new()?;
    let mut devices = Vec::new();
    if asked(BackendName::Cpu) {
        devices.push(processor(&sample));
    }
    devices.extend(nvidia.gpus.iter().map(|gpu| cuda::check(gpu, args.precision.into(), &sample)));
    devices.extend(candidates.iter().map(|candidate| gpu(candidate, args.precision.into(), &sample)));
    let model = args.model.as_deref().map(|name| look_at(name, &devices)).transpose()?;
    let usable = cuda::usable(&devices);
    // What auto takes is known where it was all looked at; a GPU by CUDA comes before any other.
    let whole = args.adapter.is_none() && (args.backend == BackendName::Auto || usable.is_some());
    let auto_backend = match (usable, best) {
        (Some(_), _) => "cuda",
        (None, Some(_)) => "wgpu",
        (None, None) => "cpu",
    };
    let missing = devices.is_empty() || nvidia.fails;
    let report = Report {
        devices,
        advice,
        cuda: nvidia.why,
        auto_backend: whole.then_some(auto_backend),
        auto: usable.or(best).filter(|_| whole),
        model,
    };
    match args.json {
        true => print_json(&report)?,
        false => print(text(&report))?,
    }
    let well = !missing && report.devices.iter().all(|d| d.passes);
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl DeviceReport {
    /// Of a device that was not tried yet.
    fn new(device: String) -> DeviceReport {
        DeviceReport {
            facts: None,
            cuda: None,
            device,
            path: String::new(),
            why: String::new(),
            check: None,
            passes: false,
            error: None,
            room: None,
        }
    }

    /// Scores the sample on the open device.
    fn score<B: Backend>(&mut self, backend: &B, precision: Precision, sample: &Sample) {
        let bounds = match precision {
            Precision::F32 => Bounds::F32,
            Precision::Fast => Bounds::FAST,
        };
        self.device = backend.describe();
        match sample.check(backend) {
            Ok(check) => (self.passes, self.check) = (check.passes(&bounds), Some(check)),
            Err(error) => self.error = Some(super::sentence(&error.into())),
        }
    }
}

fn processor(sample: &Sample) -> DeviceReport {
    let mut report = DeviceReport::new(Cpu.describe());
    (report.path, report.why) = ("cpu f32".to_owned(), "always there".to_owned());
    report.score(&Cpu, Precision::F32, sample);
    report
}

fn gpu(candidate: &Candidate, precision: Precision, sample: &Sample) -> DeviceReport {
    let mut report = DeviceReport::new(candidate.facts.title());
    report.facts = Some(candidate.facts.clone());
    match open(candidate, precision) {
        Err(error) => report.error = Some(super::sentence(&error)),
        Ok((wgpu, chosen)) => {
            report.path = wgpu.path();
            report.why = match (wgpu.note(), precision) {
                (Some(note), _) => note.to_owned(),
                (None, Precision::F32) => {
                    "as asked for; --precision fast takes matrix units where they fit".to_owned()
                }
                (None, Precision::Fast) => "its matrix units fit, and agree with plain products".to_owned(),
            };
            report.room = chosen.room;
            report.score(&wgpu, precision, sample);
        }
    }
    report
}

/// The checkpoint's tokens and its size beside the devices' memory.
fn look_at(name: &str, devices: &[DeviceReport]) -> Result<ModelReport> {
    const PROMPT: &str = "Two countries disagree.";
    const SHOWN: usize = 8;
    let dir = crate::checkpoint::hub::resolve(name, None)?.dir;
    let checkpoint = Checkpoint::open(&dir)?;
    let tokenizer = PromptTokenizer::open(&dir)?;
    let spelled = |ids: Vec<u32>| -> Vec<(u32, String)> {
        let text = |id| tokenizer.token_text(id).unwrap_or_default();
        ids.into_iter().take(SHOWN).map(|id| (id, text(id))).collect()
    };
    let plain = tokenizer.encode_plain(PROMPT)?;
    let (mut chat_bos, mut chat) = (None, None);
    if let Ok(template) = ChatTemplate::open(&dir) {
        let rendered = template.render(&[Message::new("user", PROMPT)], None)?;
        chat_bos = Some(tokenizer.chat_bos_rule(&template)?);
        chat = Some(spelled(tokenizer.encode_rendered(&rendered)?));
    }
    // A prompt as long as the study's longest.
    let items = [ScoreItem { tokens: vec![0; checkpoint.spec.context.min(512)], choices: 0 }];
    let plan = Plan::new(&items, &[], true);
    let fit = |room: Option<Room>| {
        let pack = PackSize { asked: None, room }.tokens(&checkpoint.spec, checkpoint.device_bytes(), &plan);
        match pack {
            Ok(tokens) => format!("fits, packs of {tokens} tokens"),
            Err(error) => error.to_string(),
        }
    };
    Ok(ModelReport {
        dir: display(&dir),
        family: checkpoint.family,
        parameters: checkpoint.parameters(),
        weight_bytes: checkpoint.device_bytes(),
        bos: tokenizer.bos_rule(),
        plain: spelled(plain),
        chat_bos,
        chat,
        fits: devices.iter().map(|d| (d.device.clone(), fit(d.room))).collect(),
    })
}

fn display(path: &Path) -> String {
    path.display().to_string()
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    for device in &report.devices {
        text += &match (&device.facts, &device.cuda) {
            (Some(facts), _) => described(facts),
            (None, Some(gpu)) => cuda::described(gpu, device.room),
            (None, None) => format!("{}\n", device.device),
        };
        if !device.path.is_empty() {
            text += &format!("  path       {}: {}\n", device.path, device.why);
        }
        if let Some(check) = &device.check {
            text += &format!(
                "  self-check {}: {} prompts, shared prefixes {} computing each alone, logits within {:.1e} and log-odds \
                 within {:.1e} of the processor's\n",
                if device.passes { "passed" } else { "FAILED" },
                check.prompts,
                if check.tree_equals_flat { "bit-equal to" } else { "DIFFER from" },
                check.logit_error,
                check.log_odds_error,
            );
        }
        if let Some(error) = &device.error {
            text += &format!("  self-check FAILED: {error}\n");
        }
    }
    if let Some(advice) = report.advice {
        text += &format!("no GPU was found. {advice}.\n");
    }
    if let Some(why) = &report.cuda {
        text += &format!("cuda: {why}\n");
    }
    text += &match (report.auto_backend, report.auto) {
        (None, _) => String::new(),
        (Some("cuda"), Some(index)) => format!("--backend auto takes cuda {index}\n"),
        (Some(_), Some(index)) => format!("--backend auto takes device {index}\n"),
        (Some(_), None) => "--backend auto takes the processor\n".to_owned(),
    };
    if let Some(model) = &report.model {
        text += &model_text(model);
    }
    text
}

fn described(f: &DeviceFacts) -> String {
    let mib = |bytes: u64| format!("{} MiB", super::grouped(bytes >> 20));
    let memory = match f.capacity {
        Some(c) => format!("{} free of {}", mib(c.free), mib(c.total)),
        None => "not told".to_owned(),
    };
    let subgroup = match f.subgroup {
        Some([low, high]) if low == high => format!("subgroups of {low}"),
        Some([low, high]) => format!("subgroups of {low} to {high}"),
        None => "no subgroups".to_owned(),
    };
    let cooperative = match f.cooperative.as_slice() {
        [] => "no cooperative matrices".to_owned(),
        shapes => format!("cooperative matrices {}", shapes.join(", ")),
    };
    format!(
        "{}: {}\n  driver     {}\n  memory     {memory}; bindings up to {}, buffers up to {}\n  kernels    {} threads and {} KiB a \
         workgroup, {} buffers, {subgroup}, f16 {}, {cooperative}\n",
        f.index,
        f.title(),
        if f.driver.is_empty() { "not told" } else { &f.driver },
        mib(f.max_binding_bytes),
        mib(f.max_buffer_bytes),
        f.workgroup_invocations,
        f.workgroup_memory_bytes >> 10,
        f.storage_buffers_per_kernel,
        if f.f16 { "yes" } else { "no" },
    )
}

fn model_text(model: &ModelReport) -> String {
    let ids = |ids: &[(u32, String)]| {
        ids.iter().map(|(id, text)| format!("{id} {text:?}")).collect::<Vec<_>>().join(", ")
    };
    let mut text = format!(
        "{}: {}, {:.1} M parameters, {:.1} MB of weights\n  plain      {}\n             {}\n",
        model.dir,
        model.family,
        model.parameters as f64 / 1e6,
        model.weight_bytes as f64 / 1e6,
        model.bos,
        ids(&model.plain),
    );
    if let (Some(rule), Some(chat)) = (&model.chat_bos, &model.chat) {
        text += &format!("  chat       {rule}\n             {}\n", ids(chat));
    }
    for (device, fit) in &model.fits {
        text += &format!("  {device}: {fit}\n");
    }
    text
}
