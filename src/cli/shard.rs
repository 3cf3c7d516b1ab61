//! Which shard of a sweep is computed, and the split as a table.

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};

use super::grouped;
use crate::sweep::{Shard, ShardError, Split, Told};

/// One machine's share of a sweep.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct ShardArgs {
    /// Compute only the I-th of N equal shares, counted from 1, into the folder `shard-I-of-N` within --run; `none` for all of
    /// it. Without it, a job array of Slurm's, an indexed Job of Kubernetes' (with --shards) and the nodes of a SkyPilot task
    /// say it
    #[arg(long, value_name = "I/N|none", value_parser = choice)]
    shard: Option<Choice>,
    /// How many shares there are, where only the environment says which one this is: the completions of an indexed Job. With
    /// --dry-run, how the sweep would be split
    #[arg(long, value_name = "N", conflicts_with = "shard", value_parser = clap::value_parser!(u32).range(1..))]
    shards: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    None,
    Of(Shard),
}

fn choice(text: &str) -> Result<Choice, ShardError> {
    match text {
        "none" => Ok(Choice::None),
        text => Ok(Choice::Of(Shard::parse(text)?)),
    }
}

impl ShardArgs {
    /// The shard that is meant, and who said so.
    pub fn shard(&self, dry_run: bool) -> Result<Option<(Shard, Told)>> {
        match self.shard {
            Some(Choice::None) => Ok(None),
            Some(Choice::Of(shard)) => Ok(Some((shard, Told::Here))),
            None => {
                let found = Shard::from_environment(|name| std::env::var(name).ok(), self.shards)?;
                match (found, self.shards) {
                    (None, Some(_)) if !dry_run => anyhow::bail!(
                        "--shards says how many shards there are, and nothing says which one this is: give --shard I/N"
                    ),
                    (found, _) => Ok(found),
                }
            }
        }
    }

    /// How many shards a dry run splits into.
    pub fn count(&self, shard: Option<Shard>) -> Option<u32> {
        shard.map(Shard::count).or(self.shards)
    }
}

/// What each shard computes of each checkpoint, `own` marked.
pub fn table(split: &Split, own: Option<Shard>) -> Result<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["", "shard", "checkpoint", "prompts", "tokens", "share"]);
    for column in [1, 3, 4, 5] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let count = split.count();
    let shards = (1..=count).map(|index| Shard::new(index, count)).collect::<Result<Vec<_>, _>>()?;
    let all: u128 = shards.iter().flat_map(|shard| split.pieces(*shard)).map(|piece| piece.cost).sum();
    let share = |cost: u128| format!("{:.2} %", 100.0 * cost as f64 / all.max(1) as f64);
    let mut tokens = 0;
    for shard in shards {
        let pieces = split.pieces(shard);
        let mark = if own == Some(shard) { "*" } else { "" };
        if pieces.is_empty() {
            table.add_row([mark, &shard.index().to_string(), "(nothing)"]);
        }
        tokens += pieces.iter().map(|piece| piece.tree_tokens).sum::<usize>();
        let whole = share(pieces.iter().map(|piece| piece.cost).sum());
        for (row, piece) in pieces.iter().enumerate() {
            // A shard of several checkpoints has its share in the first of its rows.
            let [mark, index, share] = match row {
                0 => [mark.to_owned(), shard.index().to_string(), whole.clone()],
                _ => Default::default(),
            };
            let [prompts, tokens] = [piece.prompts, piece.tree_tokens].map(grouped);
            table.add_row([mark, index, piece.model.to_owned(), prompts, tokens, share]);
        }
    }
    let one = split.tree_tokens();
    Ok(format!(
        "{}\ntokens of the prefix trees: {} in all shards, {} on one machine ({:.2} % more)\n",
        table.trim_fmt(),
        grouped(tokens),
        grouped(one),
        100.0 * (tokens - one) as f64 / one.max(1) as f64
    ))
}
