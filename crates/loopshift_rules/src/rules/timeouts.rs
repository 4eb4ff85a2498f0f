//! `asyncio.TimeoutError`, and what raises it: below Python 3.11 it is a class of its own, and both must move together.

use loopshift_engine::change::Place;

use crate::context::Context;

/// The functions of asyncio that raise it.
pub(crate) const RAISING: &[&str] = &["asyncio.wait_for", "asyncio.timeout", "asyncio.timeout_at"];

/// The places that name the exception and must have moved before a wait may raise the builtin one.
pub(crate) fn handlers_to_move(cx: &Context<'_>) -> Vec<Place> {
    if cx.settings.python_has(3, 11) {
        return Vec::new();
    }
    cx.uses
        .iter()
        .filter(|use_| use_.api == "asyncio.TimeoutError")
        .map(|use_| use_.place)
        .collect()
}
