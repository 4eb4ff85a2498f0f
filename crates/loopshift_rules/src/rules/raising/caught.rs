//! Whether somebody would catch an error.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_python::ast::AnyNodeRef;
use loopshift_python::{Ranged, TextRange};

use crate::context::{Context, View};

/// Whether an error that is raised at a place may be caught: in the function, or by whoever calls it.
pub(crate) fn may_be_caught(cx: &Context<'_>, place: Place) -> bool {
    let mut seen = BTreeSet::new();
    let mut work = vec![place];
    while let Some(place) = work.pop() {
        let Some(view) = cx.view(place.file) else {
            return true;
        };
        if caught_around(view, place.range) {
            return true;
        }
        let func = cx.program.function_at(place);
        if !seen.insert(func) {
            continue;
        }
        if cx.program.function(func).kind == loopshift_engine::ir::FunctionKind::Module {
            continue;
        }
        let sites = cx.callers.of(func);
        if sites.is_empty() || cx.callers.is_handed_over(func) {
            return true;
        }
        for site in sites {
            let Some(view) = cx.view(site.place.file) else {
                return true;
            };
            let awaited = view.await_of(site.place.range).is_some();
            if !awaited && !is_run(cx, view, site.place.range) {
                // The error waits in a task.
                return true;
            }
            work.push(site.place);
        }
    }
    false
}

/// Whether the coroutine is given to a runner.
pub(crate) fn is_run(cx: &Context<'_>, view: &View<'_>, coroutine: TextRange) -> bool {
    let Some(expr) = view.tree.expr_at(coroutine) else {
        return false;
    };
    view.tree.ancestors(expr).take(2).any(|node| match node {
        AnyNodeRef::ExprCall(call) => cx.api_of(view, &call.func) == Some("asyncio.run"),
        _ => false,
    })
}

/// Whether something in the same function may catch an error.
pub(crate) fn caught_around(view: &View<'_>, range: TextRange) -> bool {
    for node in view.tree.around(range) {
        match node {
            AnyNodeRef::StmtTry(it) => {
                let inside = it
                    .body
                    .iter()
                    .any(|stmt| stmt.range().contains_range(range));
                if inside && !it.handlers.is_empty() {
                    return true;
                }
            }
            AnyNodeRef::StmtWith(it) => {
                let inside = it
                    .body
                    .iter()
                    .any(|stmt| stmt.range().contains_range(range));
                let catches = it.items.iter().any(|item| {
                    let text = view.text(item.context_expr.range());
                    ["suppress", "raises", "assertRaises"]
                        .iter()
                        .any(|name| text.contains(name))
                });
                if inside && catches {
                    return true;
                }
            }
            AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_) => return false,
            _ => {}
        }
    }
    false
}
