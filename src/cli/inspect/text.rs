//! An inspection as a person reads it: a label in front, lines wrapped.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use crate::cli::{counted, grouped, noun};
use crate::inspect::{
    Answer, AnswerTokens, ChatFacts, Contexts, Cost, Inspection, Read, TypeTotal, WeightFacts,
};
use crate::plain::{bytes, scaled};

/// Columns of the labels and of a whole line.
const LABEL: usize = 13;
const WIDTH: usize = 110;

/// The whole.
pub(super) struct Text<'a>(pub &'a Inspection);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Text(inspection) = self;
        model(f, inspection)?;
        writeln!(f)?;
        weights(f, &inspection.weights)?;
        cost(f, &inspection.cost)?;
        writeln!(f)?;
        spelling(f, inspection)?;
        match &inspection.answer {
            Some(asked) => answer(f, asked),
            None => Ok(()),
        }
    }
}

fn model(f: &mut Formatter<'_>, inspection: &Inspection) -> fmt::Result {
    let decoder = &inspection.decoder;
    line(f, "folder", &inspection.folder)?;
    let sha256 = short(&inspection.config_sha256);
    line(
        f,
        "family",
        &format!(
            "{}, {} parameters (config.json {sha256})",
            inspection.family,
            grouped(inspection.parameters)
        ),
    )?;
    line(
        f,
        "decoder",
        &format!(
            "hidden size {}, {} rows of vocabulary, prompts of up to {} tokens, RMS eps {:e}",
            grouped(decoder.hidden),
            grouped(decoder.vocabulary),
            grouped(decoder.context),
            decoder.eps
        ),
    )?;
    line(f, "embedding", &format!("{}; output embedding: {}", decoder.embedding, decoder.head))?;
    if let Some(side) = &decoder.side_input {
        line(f, "side input", side)?;
    }
    for (number, rotary) in decoder.rotaries.iter().enumerate() {
        line(f, &format!("rotary {number}"), rotary)?;
    }
    for group in &decoder.layers {
        let plural = noun(group.count, "layer");
        let what = group.what.join("; ");
        match group.layers.len() + 1 + plural.len() < LABEL {
            true => line(f, &format!("{plural} {}", group.layers), &what)?,
            false => line(f, &plural, &format!("{}: {what}", group.layers))?,
        }
    }
    Ok(())
}

fn weights(f: &mut Formatter<'_>, weights: &WeightFacts) -> fmt::Result {
    let files = match &weights.files[..] {
        [first, .., last] => format!("{} files, {first} to {last}", weights.files.len()),
        files => files.concat(),
    };
    let norms =
        if weights.norms_less_one { "; norm weights are stored less 1, which is added in f32" } else { "" };
    let rounded = if weights.used.contains_key("F64") { "; F64 is rounded to f32" } else { "" };
    line(f, "weights", &format!("{} from {files}{norms}{rounded}", totals(&weights.used)))?;
    if let Some(bf16) = &weights.bf16 {
        let what = match (bf16.weights, bf16.lose_bits) {
            (0, _) => "no matrix is stored in bf16".to_owned(),
            (all, 0) => format!("all {all} weights stored in bf16 are exact on cuda"),
            (all, lose) => format!(
                "{lose} of {all} weights stored in bf16 lose bits on cuda, at most 2^-39 of their matrix' largest each"
            ),
        };
        line(f, "f16", &what)?;
    }
    if weights.ignored.is_empty() {
        return line(f, "ignored", "nothing");
    }
    let names = match weights.ignored_names.len() {
        0..=NAMES_SHOWN => listed(&weights.ignored_names),
        _ => listed(&by_module(&weights.ignored_names)),
    };
    line(f, "ignored", &format!("{}: {names}", totals(&weights.ignored)))
}

/// More names of tensors than these are summed up by module.
const NAMES_SHOWN: usize = 8;

fn listed(names: &BTreeMap<String, usize>) -> String {
    let name = |(name, count): (&String, &usize)| {
        if *count == 1 { name.clone() } else { format!("{name} ({count})") }
    };
    names.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// `model.vision_tower.encoder.layers.*.norm.weight` counts for `model.vision_tower.*`.
fn by_module(names: &BTreeMap<String, usize>) -> BTreeMap<String, usize> {
    let mut modules = BTreeMap::new();
    for (name, count) in names {
        let module = match name.match_indices('.').nth(1) {
            Some((end, _)) => format!("{}.*", &name[..end]),
            None => name.clone(),
        };
        *modules.entry(module).or_default() += count;
    }
    modules
}

fn spelling(f: &mut Formatter<'_>, inspection: &Inspection) -> fmt::Result {
    match &inspection.tokenizer {
        Read::Failed { error } => return line(f, "tokenizer", &format!("none: {error}")),
        Read::Fine(tokenizer) => {
            let size = grouped(tokenizer.size);
            line(f, "tokenizer", &format!("{}; {size} tokens", tokenizer.kind))?;
            line(f, "read as", &tokenizer.class)?;
            line(f, "BOS", &tokenizer.bos)?;
        }
    }
    match &inspection.chat {
        Read::Failed { error } => line(f, "template", &format!("none: {error}"))?,
        Read::Fine(chat) => template(f, chat)?,
    }
    match &inspection.answers {
        Read::Failed { error } => line(f, "answers", &format!("cannot be read off: {error}"))?,
        Read::Fine(answers) => answers.iter().try_for_each(|tokens| answer_tokens(f, tokens))?,
    }
    match &inspection.contexts {
        Read::Failed { error } => line(f, "contexts", &format!("not looked at: {error}")),
        Read::Fine(found) => contexts(f, found),
    }
}

fn template(f: &mut Formatter<'_>, chat: &ChatFacts) -> fmt::Result {
    let date = chat.date.as_ref().map(|date| format!(", told that today is {date}")).unwrap_or_default();
    line(f, "template", &format!("{} in {}, SHA-256 {}{date}", chat.kind, chat.file, short(&chat.sha256)))?;
    line(f, "", &chat.bos)
}

fn answer_tokens(f: &mut Formatter<'_>, tokens: &AnswerTokens) -> fmt::Result {
    for (number, ids) in tokens.answers.iter().enumerate() {
        let ids: Vec<String> = ids.iter().map(|(id, text)| format!("{id} {text:?}")).collect();
        let text = format!("{} ({})", ids.join(", "), tokens.languages.join(", "));
        line(f, &format!("answer {}", number + 1), &text)?;
    }
    Ok(())
}

fn contexts(f: &mut Formatter<'_>, found: &Contexts) -> fmt::Result {
    let odd: std::collections::BTreeSet<&String> =
        found.oddities.iter().flat_map(|oddity| &oddity.contexts).collect();
    let clean = found.looked_at - odd.len();
    line(
        f,
        "contexts",
        &format!(
            "in {clean} of {} contexts of the study each answer follows as a token of its own",
            found.looked_at
        ),
    )?;
    for oddity in &found.oddities {
        line(f, "", &format!("{} in {}", oddity.finding, oddity.contexts.join(", ")))?;
    }
    match &found.left_out[..] {
        [] => Ok(()),
        names => line(f, "", &format!("left out without --prefill: {}", names.join(", "))),
    }
}

fn cost(f: &mut Formatter<'_>, cost: &Cost) -> fmt::Result {
    line(
        f,
        "arithmetic",
        &format!(
            "{} for a prompt's last token, {} for any other ({:.1} % left out, as nothing reads it), {} a prompt for the \
             sum over the vocabulary",
            flop(cost.flop_last_token),
            flop(cost.flop_other_token),
            100.0 * cost.saved(),
            flop(cost.flop_vocabulary)
        ),
    )?;
    line(
        f,
        "memory",
        &format!(
            "{} of weights as stored, {} of keys and values a token",
            bytes(cost.weight_bytes),
            bytes(cost.kv_bytes_per_token)
        ),
    )
}

fn answer(f: &mut Formatter<'_>, answer: &Answer) -> fmt::Result {
    writeln!(f)?;
    line(
        f,
        "prompt",
        &format!(
            "{}; log-odds of the first answer {:+.4}, probability of either {}",
            counted(answer.tokens.len(), "token"),
            answer.log_odds,
            probability(answer.compliance)
        ),
    )?;
    for (number, likely) in answer.top.iter().enumerate() {
        let label = if number == 0 { "likeliest" } else { "" };
        let text = format!("{:?}", likely.text);
        writeln!(
            f,
            "{label:<LABEL$}{:>7}  {:>7} {text:<16} logit {:.4}",
            probability(likely.probability),
            likely.token,
            likely.logit
        )?;
    }
    Ok(())
}

/// `0.2415`, `2.1e-5`: never a zero that is none.
fn probability(p: f64) -> String {
    if p > 0.0 && p < 0.001 { format!("{p:.1e}") } else { format!("{p:.4}") }
}

/// A label and a text that is wrapped beside it.
fn line(f: &mut Formatter<'_>, label: &str, text: &str) -> fmt::Result {
    let mut start = label;
    let mut row = String::new();
    for word in text.split(' ') {
        if !row.is_empty() && LABEL + row.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(f, "{start:<LABEL$}{row}")?;
            start = "";
            row.clear();
        }
        if !row.is_empty() {
            row.push(' ');
        }
        row.push_str(word);
    }
    writeln!(f, "{start:<LABEL$}{row}")
}

fn totals(totals: &BTreeMap<String, TypeTotal>) -> String {
    let each: Vec<String> = totals
        .iter()
        .map(|(dtype, total)| {
            format!("{} in {dtype} ({})", counted(total.tensors, "tensor"), bytes(total.bytes))
        })
        .collect();
    each.join(", ")
}

fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

fn flop(number: f64) -> String {
    scaled(number, ["FLOP", "kFLOP", "MFLOP", "GFLOP"])
}
