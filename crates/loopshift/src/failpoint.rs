//! Ends the process between two steps of writing, as `kill -9` would, so that tests can do so at every step.
//!
//! Only in debug builds: a released program does not listen.

/// Counts a step; with `LOOPSHIFT_FAILPOINT=n` in the environment the process aborts at the n-th.
#[cfg(debug_assertions)]
pub(crate) fn step() {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    static STEPS: AtomicUsize = AtomicUsize::new(0);
    static LAST: OnceLock<Option<usize>> = OnceLock::new();
    let last = LAST.get_or_init(|| {
        std::env::var("LOOPSHIFT_FAILPOINT")
            .ok()
            .and_then(|n| n.parse().ok())
    });
    if let Some(last) = last
        && STEPS.fetch_add(1, Ordering::SeqCst) + 1 == *last
    {
        std::process::abort();
    }
}

/// Nothing, in a released program.
#[cfg(not(debug_assertions))]
pub(crate) fn step() {}
