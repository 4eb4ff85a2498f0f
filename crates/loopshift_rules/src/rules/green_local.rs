//! What each green thread has for itself is had by each task.

use loopshift_engine::change::Change;
use loopshift_engine::facts::Cause;
use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_python::Ranged;
use loopshift_python::ast::{Expr, ExprContext};
use loopshift_python::edit::{Edit, Piece};

use super::green::{body_of, helper, is_coloured};
use crate::context::{Context, View};

const RULE: &str = "green-local";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let uses: Vec<_> = cx.uses_for(RULE).collect();
    if uses.is_empty() {
        return;
    }
    let outside = cx.views().any(|view| is_set_outside(cx, view));
    for (use_, _, view) in uses {
        let expr = view.tree.expr_at(use_.place.range);
        let direct = use_.only && expr.is_some_and(|expr| view.is_direct(expr));
        let reason = if !direct {
            Some("it is used through a variable that may hold something else")
        } else if outside {
            Some("it is given a value where a module is loaded, where there is no task yet")
        } else {
            None
        };
        let Some(local) = helper("Local").filter(|_| reason.is_none()) else {
            let reason = reason.unwrap_or("a helper is missing");
            changes.push(Change::declined(RULE, use_.place, &*use_.api, reason));
            continue;
        };
        let message = format!("`{}` becomes a class of the module", use_.api);
        let mut change = Change::new(RULE, use_.place, &*use_.api, message);
        change.edit(Edit::Replace {
            range: use_.place.range,
            pieces: vec![Piece::Helper(local)],
        });
        changes.push(change);
    }
    // Its attributes are the program's own.
    for use_ in cx.uses {
        let class = use_
            .api
            .rsplit_once('.')
            .and_then(|(class, _)| cx.catalog.get(class));
        if use_.member && class.is_some_and(|row| row.rule.as_deref() == Some(RULE)) {
            let message = "an attribute that each task has for itself";
            changes.push(Change::new(RULE, use_.place, &*use_.api, message));
        }
    }
}

/// Whether an attribute of a local is set in the body of the module before that runs in an event loop.
fn is_set_outside(cx: &Context<'_>, view: &View<'_>) -> bool {
    let body = body_of(cx, view.file);
    let starts = cx
        .facts()
        .causes(body)
        .iter()
        .filter_map(|cause| match cause {
            Cause::Api { place, .. } | Cause::Call { place, .. } => Some(place.range.start()),
            _ => None,
        });
    let first = starts.min().filter(|_| is_coloured(cx, body));
    view.tree.exprs().any(|expr| {
        let Expr::Attribute(attribute) = expr else {
            return false;
        };
        attribute.ctx == ExprContext::Store
            && view.tree.enclosing_function(expr.range()).is_none()
            && first.is_none_or(|first| expr.start() < first)
            && cx
                .program
                .values_at(view.place(&*attribute.value))
                .any(|value| is_local(cx, value))
    })
}

fn is_local(cx: &Context<'_>, value: Value) -> bool {
    let flow = &cx.program.flow;
    let is_row = |name: &str| {
        let row = cx.catalog.get(name);
        row.is_some_and(|row| row.rule.as_deref() == Some(RULE))
    };
    match value {
        Value::Object(class, _) => is_row(flow.text(class)),
        Value::Instance(class) => flow.mro[class.0 as usize].iter().any(|entry| match entry {
            MroEntry::External(sym) => is_row(flow.text(*sym)),
            MroEntry::Class(_) => false,
        }),
        _ => false,
    }
}
