//! Conditions that are made of one lock: who holds one of them, or the lock, holds them all.

use loopshift_python::ast::{Expr, ExprCall};
use loopshift_python::{Ranged, TextRange};

use super::argument;
use crate::common::objects::Family;
use crate::common::objects::moving::Moving;
use crate::context::{Context, View};

/// What a condition is made of: the function that makes it, and the lock as it is written there.
pub(super) type Made<'v> = (TextRange, &'v str);

/// What the conditions of a cluster are made of, if one call makes them, of a lock with a name.
pub(super) fn made_of<'v>(cx: &'v Context<'v>, moving: &Moving<'v>) -> Option<Made<'v>> {
    match &moving.sites[..] {
        [site] => made(cx, site.view, site.call?),
        _ => None,
    }
}

fn made<'v>(cx: &'v Context<'v>, view: &'v View<'v>, call: &'v ExprCall) -> Option<Made<'v>> {
    let lock = argument(cx, "asyncio.Condition", call, "lock", view.place(call)).ok()??;
    let function = view.tree.enclosing_function(call.range())?;
    matches!(lock, Expr::Name(_) | Expr::Attribute(_))
        .then(|| (function.range(), view.text(lock.range())))
}

/// Whether who holds `other`, which stands in an `async with`, holds the lock that `condition` is made of. `AnyIO` asks
/// for the owner of the lock since 4.16, and before for that of the condition.
pub(super) fn is_one_lock(
    cx: &Context<'_>,
    view: &View<'_>,
    conditions: &Family,
    (function, lock): Made<'_>,
    condition: &Expr,
    other: &Expr,
) -> bool {
    if !cx.anyio_has(4, 16) || owner(view, condition) != owner(view, other) {
        return false;
    }
    let clusters = conditions.of(cx, cx.program.node_at(view.place(other)));
    let (Some(index), 1) = (clusters.first(), clusters.len()) else {
        return clusters.is_empty()
            && other.is_attribute_expr()
            && view.text(other.range()) == lock;
    };
    let [site] = &conditions.clusters[*index].sites[..] else {
        return false;
    };
    let call = cx.view(site.file).and_then(|view| {
        let call = view.tree.expr_at(site.range)?.as_call_expr()?;
        made(cx, view, call)
    });
    call == Some((function, lock))
}

/// The object of an attribute, as it is written.
fn owner<'v>(view: &View<'v>, expr: &Expr) -> Option<&'v str> {
    let attribute = expr.as_attribute_expr()?;
    Some(view.text(attribute.value.range()))
}
