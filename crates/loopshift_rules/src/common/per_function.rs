//! What several rules ask of the same functions, found once for each.

use std::sync::{Mutex, PoisonError};

use loopshift_engine::ir::FuncId;
use rustc_hash::FxHashMap;

/// What is known of functions by now; to be kept by [`crate::context::Context::once`].
pub(crate) struct PerFunction<T>(Mutex<FxHashMap<FuncId, T>>);

impl<T> Default for PerFunction<T> {
    fn default() -> Self {
        PerFunction(Mutex::default())
    }
}

impl<T: Copy> PerFunction<T> {
    /// What is known of the function, else what `find` says, which depends on nothing but the function.
    pub(crate) fn of(&self, func: FuncId, find: impl FnOnce() -> T) -> T {
        let known = |it: &Self| {
            let all = it.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.get(&func).copied()
        };
        if let Some(known) = known(self) {
            return known;
        }
        // The lock is free meanwhile: to find this, other functions may be asked about.
        let found = find();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(func, found);
        found
    }
}
