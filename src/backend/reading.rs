//! What is read off a pass, and how a backend that reads step by step does it.

use super::{Backend, BackendError, HeadUse, TokenLogit};

/// Logits of these tokens at these rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ask {
    /// In any order, each below the number of rows.
    pub rows: Vec<usize>,
    pub ids: Vec<u32>,
}

/// Everything that is asked of a pass's rows, beside each row's log-sum-exp.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asks {
    pub logits: Vec<Ask>,
    /// Likeliest tokens of every row.
    pub top: usize,
}

/// The answers, on the host.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReadOff {
    /// The smallest place that the watch noted; the rest is then not to be used, and may be missing.
    pub noticed: Option<usize>,
    /// Log-sum-exp of each row.
    pub sums: Vec<f64>,
    /// Per row, largest first; empty where none were asked.
    pub top: Vec<Vec<TokenLogit>>,
    /// Per ask and row of it, one logit per id.
    pub logits: Vec<Vec<Vec<f32>>>,
}

/// [`Backend::read_off`] step by step, each of which waits for the device.
pub fn read_off<B: Backend>(
    backend: &B,
    x: &B::Rows,
    head: &HeadUse<'_, B::Matrix<'_>, B::Rows>,
    asks: &Asks,
    watch: &mut B::Watch,
) -> Result<ReadOff, BackendError> {
    let noticed = backend.noticed(watch)?;
    if noticed.is_some() {
        return Ok(ReadOff { noticed, ..ReadOff::default() });
    }
    let sums = backend.log_sum_exp(x, head)?;
    let top = if asks.top > 0 { backend.top_tokens(x, head, asks.top)? } else { Vec::new() };
    let logits = |ask: &Ask| backend.choice_logits(&backend.gather_rows(x, &ask.rows)?, head, &ask.ids);
    let logits = asks.logits.iter().map(logits).collect::<Result<_, _>>()?;
    Ok(ReadOff { noticed, sums, top, logits })
}
