//! `asyncio.TimeoutError`, and what raises it: below Python 3.11 it is a class of its own, and both must move together.

use loopshift_engine::change::Place;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, ExprCall, StmtWith};

use crate::context::{Context, View};

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

/// The `with` of which the call is an item, and which item that is.
pub(crate) fn item_of<'v>(view: &View<'v>, call: &'v ExprCall) -> Option<(&'v StmtWith, usize)> {
    let with = view
        .tree
        .ancestors(call)
        .take(2)
        .find_map(|node| match node {
            AnyNodeRef::StmtWith(with) => Some(with),
            _ => None,
        })?;
    let index = with
        .items
        .iter()
        .position(|item| item.context_expr.range() == call.range())?;
    Some((with, index))
}
