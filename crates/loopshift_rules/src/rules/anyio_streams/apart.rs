//! Whether one task may close a stream that another reads.
//!
//! asyncio gives the reading task the end of the stream, `AnyIO` raises `ClosedResourceError` there. The functions that
//! read anyway bear that; where a read needs none of them, one is needed for this.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::ir::FuncId;
use loopshift_python::Ranged;
use loopshift_python::ast::AnyNodeRef;

use crate::context::Context;

/// Whether a task reads what is not closed by itself.
pub(super) fn are_apart(cx: &Context<'_>) -> bool {
    let tasks = |member: &str| -> BTreeSet<FuncId> {
        let uses = cx.uses.iter().filter(|use_| use_.api == member);
        uses.flat_map(|use_| tasks_of(cx, cx.program.function_at(use_.place)))
            .collect()
    };
    let closing = tasks("asyncio.StreamWriter.close");
    !closing.is_empty() && !tasks("asyncio.StreamReader.readexactly").is_subset(&closing)
}

/// The functions with which the tasks begin that come to `func`: those that nobody awaits where they are called.
fn tasks_of(cx: &Context<'_>, func: FuncId) -> BTreeSet<FuncId> {
    let mut begin = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut todo = vec![func];
    while let Some(func) = todo.pop() {
        if !seen.insert(func) {
            continue;
        }
        let sites = cx.callers.of(func);
        let alone = sites.is_empty()
            || sites
                .iter()
                .any(|site| !is_awaited(cx, site.place).unwrap_or(false));
        if alone {
            begin.insert(func);
        }
        todo.extend(
            sites
                .iter()
                .map(|site| site.owner)
                .filter(|owner| *owner != FuncId::NONE),
        );
    }
    begin
}

/// Whether the caller waits for the call, on the spot or with a limit.
fn is_awaited(cx: &Context<'_>, place: Place) -> Option<bool> {
    let view = cx.view(place.file)?;
    if view.await_of(place.range).is_some() || !view.is_async(place.range) {
        return Some(true);
    }
    let call = view.tree.expr_at(place.range)?;
    let outer = view.tree.ancestors(call).find_map(|node| match node {
        AnyNodeRef::ExprCall(outer) if outer.range() != call.range() => Some(outer),
        _ => None,
    })?;
    Some(cx.api_of(view, &outer.func) == Some("asyncio.wait_for"))
}
