//! Threads of a patched standard library are green threads, and become tasks.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprContext};
use loopshift_python::edit::{Edit, Piece};
use rustc_hash::FxHashMap;

use super::arguments::inside;
use super::green::{anchor, bracketed, helper, owners};
use crate::catalog::{Api, Kind};
use crate::context::{Context, View};

const RULE: &str = "green-thread";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let owners = cx.once(owners);
    let joined = cx
        .uses_for(RULE)
        .any(|(use_, ..)| use_.api.ends_with(".Thread.join"));
    for (use_, api, view) in cx.uses_for(RULE) {
        changes.push(
            moved(cx, &owners, use_, api, view, joined)
                .unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason)),
        );
    }
}

fn moved<'c>(
    cx: &Context<'c>,
    owners: &FxHashMap<Place, FuncId>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
    joined: bool,
) -> Result<Change, String> {
    let method = use_.api.rsplit('.').next().unwrap_or_default();
    let message = format!("`{method}` of threads that are tasks");
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    match (api.kind, method) {
        (Kind::Class, _) => made(cx, use_, api, view, joined, &mut change)?,
        (Kind::Function, _) => {
            let (call, _) = cx.direct_call(use_, api, view)?;
            let thread = helper("Thread").ok_or("a helper is missing")?;
            change.edit(Edit::Replace {
                range: call.func.range(),
                pieces: vec![Piece::Helper(thread), ".current".into()],
            });
        }
        (Kind::Method, "start" | "join") => {
            if !use_.only {
                return Err("it is called on what may be something else".to_owned());
            }
            let call = view
                .call_of(use_.place.range)
                .ok_or("it is passed on as a function")?;
            let expr = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
            let text = vec![
                "await ".into(),
                Piece::Source(call.func.range()),
                "(".into(),
                Piece::Source(inside(call)),
                ")".into(),
            ];
            change.edit(Edit::Replace {
                range: call.range(),
                pieces: bracketed(view, expr, text),
            });
            let owner = owners.get(&view.place(call));
            let owner = owner.ok_or("the function that waits was not found")?;
            change.requires.push(anchor(cx, *owner));
        }
        _ => {}
    }
    Ok(change)
}

/// The call that makes a thread.
fn made<'c>(
    cx: &Context<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
    joined: bool,
    change: &mut Change,
) -> Result<(), String> {
    let expr = view
        .tree
        .expr_at(use_.place.range)
        .ok_or("it can't be found")?;
    if view.call_of(use_.place.range).is_none() {
        let is_base = view.tree.ancestors(expr).any(|node| {
            matches!(node, AnyNodeRef::StmtClassDef(it)
            if it.arguments.as_ref().is_some_and(|it| it.range().contains_range(expr.range())))
        });
        return Err(if is_base {
            "a class of the program derives from it".to_owned()
        } else {
            "the class is not called".to_owned()
        });
    }
    let (_, bound) = cx.direct_call(use_, api, view)?;
    let daemon = bound
        .get("daemon")
        .is_some_and(|it| !matches!(it, Expr::BooleanLiteral(it) if !it.value))
        || is_made_daemon(cx, view);
    if !joined && !daemon {
        change.caveat(
            "the program waits at its end for threads that still run; for tasks it does not",
        );
    }
    let thread = helper("Thread").ok_or("a helper is missing")?;
    change.edit(Edit::Replace {
        range: use_.place.range,
        pieces: vec![Piece::Helper(thread)],
    });
    Ok(())
}

/// Whether the file makes a thread a daemon afterwards.
fn is_made_daemon(cx: &Context<'_>, view: &View<'_>) -> bool {
    view.tree.exprs().any(|expr| match expr {
        Expr::Attribute(it) => {
            it.attr.as_str() == "daemon"
                && it.ctx == ExprContext::Store
                && cx
                    .program
                    .values_at(view.place(&*it.value))
                    .any(|value| matches!(value, Value::Object(..)))
        }
        _ => false,
    })
}
