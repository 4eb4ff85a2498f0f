//! Whether somebody would catch an error.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_python::ast::AnyNodeRef;
use loopshift_python::{Ranged, TextRange};

use crate::context::{Context, View};
use crate::rules::runners::runners;

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
            if view.await_of(site.place.range).is_none() {
                match runners(cx, view, site.place.range) {
                    Some(places) => work.extend(places),
                    // The error waits in a task.
                    None => return true,
                }
            }
            work.push(site.place);
        }
    }
    false
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
