//! `Empty` and `Full`: those of green threads are the standard library's, those of asyncio are not.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::Edit;

use super::{RULE, asyncio, is_queue};
use crate::context::{Context, View};
use crate::rules::caught;

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
