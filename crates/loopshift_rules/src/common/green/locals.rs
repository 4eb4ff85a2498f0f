//! Objects whose attributes each green thread has for itself, and what modules set while they are loaded.

use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_python::Ranged;
use loopshift_python::ast::Expr;

use super::{body_of, is_coloured, is_made_at_import};
use crate::context::{Context, View};

const RULE: &str = "green-local";

/// Whether a local has attributes before the event loop runs.
pub(crate) fn are_loaded(cx: &Context<'_>) -> bool {
    cx.uses_for(RULE).next().is_some() && cx.views().any(|view| is_used_before(cx, view))
}

/// Whether code of the file uses an attribute of a local while modules are loaded.
fn is_used_before(cx: &Context<'_>, view: &View<'_>) -> bool {
    let body = body_of(cx, view.file);
    let starts = cx.facts().waits(body).map(|place| place.range.start());
    let first = starts.min().filter(|_| is_coloured(cx, body));
    let is_before = |expr: &Expr| match view.tree.enclosing_function(expr.range()) {
        None => first.is_none_or(|first| expr.start() < first),
        Some(_) => is_made_at_import(cx, view.place(expr)),
    };
    view.tree.exprs().any(|expr| {
        let Expr::Attribute(it) = expr else {
            return false;
        };
        let mut values = cx.program.values_at(view.place(&*it.value));
        values.any(|value| is_local(cx, value)) && is_before(expr)
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
