//! `Empty` and `Full`: those of green threads are the standard library's, those of asyncio are not.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr, Identifier, StmtTry};
use loopshift_python::edit::Edit;
use loopshift_python::{Ranged, TextRange};

use super::{RULE, asyncio, is_queue};
use crate::catalog::Api;
use crate::common::caught;
use crate::common::code::{Reach, called_within};
use crate::context::{Context, View};

/// A name of the library.
pub(super) fn named(cx: &Context<'_>, use_: &Use, view: &View<'_>) -> Result<Change, String> {
    let expr = view.tree.expr_at(use_.place.range);
    if !use_.only || !expr.is_some_and(|expr| view.is_direct(expr)) {
        return Err("it is used through a variable that may hold something else".to_owned());
    }
    replaced(cx, view, use_.place, &use_.api).ok_or_else(|| {
        "queues of asyncio can be shut down from Python 3.13, and then raise another exception"
            .to_owned()
    })
}

fn replaced(cx: &Context<'_>, view: &View<'_>, place: Place, api: &str) -> Option<Change> {
    let name = match api.rsplit('.').next()? {
        "Empty" => "QueueEmpty",
        "Full" => "QueueFull",
        _ => return None,
    };
    let message = format!("`{api}` becomes `asyncio.{name}`");
    let mut change = Change::new(RULE, place, api, message);
    change.edit(Edit::Replace {
        range: place.range,
        pieces: vec![asyncio(), format!(".{name}").into()],
    });
    caught::caveat(cx, &mut change, view, place.range);
    Some(change)
}

/// The names of the standard library, where queues of green threads raise them.
pub(super) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let mut moves = false;
    let mut stays = false;
    for value in cx.program.flow.values.iter() {
        if let Value::Object(class, _) = value {
            let class = cx.program.flow.text(class);
            moves |= is_queue(cx, class);
            stays |= class.starts_with("queue.");
        }
    }
    if !moves {
        return;
    }
    let is_one = |value| match value {
        Value::External(sym) => {
            matches!(cx.program.flow.text(sym), "queue.Empty" | "queue.Full")
        }
        _ => false,
    };
    for view in cx.views_where(is_one) {
        for expr in view.tree.exprs() {
            let Some(api @ ("queue.Empty" | "queue.Full")) = cx.api_of(view, expr) else {
                continue;
            };
            // The expression of an import of it is no use.
            let is_name = matches!(expr, Expr::Name(_) | Expr::Attribute(_));
            if !is_name || !view.is_direct(expr) {
                continue;
            }
            let place = view.place(expr);
            let caught = view.tree.parent(expr).is_some_and(|node| {
                node.is_except_handler_except_handler() || matches!(node, AnyNodeRef::ExprTuple(_))
            });
            if !stays {
                changes.extend(replaced(cx, view, place, api));
                continue;
            }
            if !caught {
                let reason = "queues of the standard library raise it, too, which stay";
                changes.push(Change::declined(RULE, place, api, reason));
                continue;
            }
            let name = api.replace("queue.", "Queue");
            let message = format!("`asyncio.{name}` is caught as well");
            let mut change = Change::new(RULE, place, api, message);
            let both = vec![
                "(".into(),
                loopshift_python::edit::Piece::Source(expr.range()),
                ", ".into(),
                asyncio(),
                format!(".{name})").into(),
            ];
            change.edit(Edit::Replace {
                range: expr.range(),
                pieces: both,
            });
            caught::caveat(cx, &mut change, view, place.range);
            changes.push(change);
        }
    }
}

/// What may differ where the name of the class is shown.
pub(super) const NAMED: &str = "a handler for every error reads the name of its class, which is another one for a queue of asyncio";

/// The calls on queues whose errors come to a handler for every error that reads the name of the class.
pub(super) fn named_errors(cx: &Context<'_>) -> BTreeSet<Place> {
    let raising = cx.uses_for(RULE).filter(|(use_, ..)| {
        let method = use_.api.rsplit('.').next().unwrap_or_default();
        matches!(
            method,
            "get" | "put" | "get_nowait" | "put_nowait" | "peek" | "peek_nowait"
        )
    });
    let raising: Vec<_> = raising.collect();
    if raising.is_empty() {
        return BTreeSet::new();
    }
    let reach = cx.once(Reach::new);
    let owners = (raising.iter()).map(|(use_, ..)| cx.program.function_at(use_.place));
    let around = reach.to(owners);
    let files: BTreeSet<FileId> = (around.iter())
        .map(|func| cx.program.function_file(*func))
        .collect();
    let mut called = BTreeSet::new();
    for view in cx.views_with_in(&caught::NAMING, |file| files.contains(&file)) {
        for node in view.tree.nodes() {
            let AnyNodeRef::StmtTry(it) = node else {
                continue;
            };
            if let (Some(first), Some(last)) = (it.body.first(), it.body.last())
                && is_named(cx, view, it) == Some(true)
            {
                let body = TextRange::new(first.start(), last.end());
                called.extend(called_within(cx, view.place(body)));
            }
        }
    }
    let reached = reach.from(called);
    let comes = |(use_, _, view): &(&Use, &Api, &View<'_>)| {
        let handled = view
            .tree
            .around(use_.place.range)
            .find_map(|node| match node {
                AnyNodeRef::StmtTry(it) => {
                    let mut body = it.body.iter();
                    let inside = body.any(|stmt| stmt.range().contains_range(use_.place.range));
                    is_named(cx, view, it).filter(|_| inside)
                }
                AnyNodeRef::StmtFunctionDef(_) => {
                    Some(reached.contains(&cx.program.function_at(use_.place)))
                }
                _ => None,
            });
        handled == Some(true)
    };
    let coming = raising.into_iter().filter(comes);
    coming.map(|(use_, ..)| use_.place).collect()
}

/// Whether the first handler of a `try` that gets the errors of queues is for every error, and reads the name of the class;
/// none where no handler gets them.
fn is_named(cx: &Context<'_>, view: &View<'_>, it: &StmtTry) -> Option<bool> {
    it.handlers.iter().find_map(|handler| {
        let ExceptHandler::ExceptHandler(handler) = handler;
        let types: &[Expr] = match handler.type_.as_deref() {
            Some(Expr::Tuple(tuple)) => &tuple.elts,
            Some(class) => std::slice::from_ref(class),
            None => return Some(false),
        };
        let names = || types.iter().filter_map(|class| cx.api_of(view, class));
        let is_every =
            names().any(|name| matches!(name, "<builtin>.Exception" | "<builtin>.BaseException"));
        let is_own = names().any(|name| matches!(name.rsplit('.').next(), Some("Empty" | "Full")));
        let caught = handler.name.as_ref().map(Identifier::as_str);
        let reads = || caught::reads_name(view, handler.range(), caught.as_slice());
        (is_every || is_own).then(|| is_every && !is_own && reads())
    })
}
