//! The next checkpoint, read while the one before it is computed.

use std::sync::atomic::AtomicBool;
use std::thread::{Scope, ScopedJoinHandle};

use crate::store::{Family, Stage};

use super::error::ModelError;
use super::model::{Loader, Manner};

/// A checkpoint that may be read before its turn.
#[derive(Debug, Clone, Copy)]
pub struct Coming<'r> {
    pub family: &'r Family,
    pub stage: &'r Stage,
    /// Something of it is left to be scored.
    pub is_scored: bool,
}

/// Reads one checkpoint ahead, in a thread.
pub struct Ahead<'scope, 'env, L: Loader> {
    scope: &'scope Scope<'scope, 'env>,
    loader: &'env L,
    /// By index in the sweep; `None` where there is nothing to read.
    all: &'env [Option<Coming<'env>>],
    stop: &'env AtomicBool,
    coming: Option<(usize, ScopedJoinHandle<'scope, Result<L::Model, ModelError>>)>,
}

impl<'scope, 'env, L> Ahead<'scope, 'env, L>
where
    L: Loader + Sync,
    L::Model: Send + 'env,
{
    pub fn new(
        scope: &'scope Scope<'scope, 'env>,
        loader: &'env L,
        all: &'env [Option<Coming<'env>>],
        stop: &'env AtomicBool,
    ) -> Self {
        Ahead { scope, loader, all, stop, coming: None }
    }

    /// Begins with the next checkpoint after `index`, once.
    pub fn begin(&mut self, index: usize) {
        if self.coming.is_some() {
            return;
        }
        let later = self.all.iter().enumerate().skip(index + 1);
        let Some((next, coming)) = later.filter_map(|(next, coming)| Some((next, (*coming)?))).next() else {
            return;
        };
        let (loader, stop) = (self.loader, self.stop);
        let load = move || {
            let manner = Manner { is_scored: coming.is_scored, is_ahead: true, stop };
            loader.load(coming.family, coming.stage, &manner)
        };
        self.coming = Some((next, self.scope.spawn(load)));
    }

    /// The checkpoint of this index, whose turn it is: waits for it if it is being read, else reads it now. What became of the
    /// reading is told now, and not before.
    pub fn take(&mut self, index: usize) -> Result<L::Model, ModelError> {
        if let Some((_, thread)) = self.coming.take_if(|(next, _)| *next == index) {
            return thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        let Coming { family, stage, is_scored } = self.all[index].ok_or("is not there")?;
        self.loader.load(family, stage, &Manner { is_scored, is_ahead: false, stop: self.stop })
    }
}
