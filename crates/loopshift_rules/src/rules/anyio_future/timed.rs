//! Futures that somebody waits for with a timeout: asyncio cancels them when the time is over.

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::objects::Cluster;
use loopshift_python::ast::{AnyNodeRef, Expr};

use crate::common::cancel::may_be_cancelled;
use crate::common::code::{definition, own};
use crate::common::order::Order;
use crate::context::Context;

/// Whether somebody waits for the futures with a timeout, which cancels them.
pub(super) fn is_timed(cx: &Context<'_>, cluster: &Cluster) -> bool {
    (cluster.places.iter()).any(|held| waiter(cx, held.place) == Some("asyncio.wait_for"))
}

/// What waits for a future that it is given.
const WAITS: &[&str] = &[
    "await",
    "asyncio.gather",
    "asyncio.shield",
    "asyncio.wait",
    "asyncio.wait_for",
];

/// The API of the call that an expression is given to, or `await`.
fn waiter<'x>(cx: &'x Context<'_>, place: Place) -> Option<&'x str> {
    let view = cx.view(place.file)?;
    let expr = view.tree.expr_at(place.range)?;
    (view.tree.ancestors(expr).take(3)).find_map(|node| match node {
        AnyNodeRef::ExprCall(call) => cx.api_of(view, &call.func),
        AnyNodeRef::ExprAwait(_) | AnyNodeRef::ExprYieldFrom(_) => Some("await"),
        _ => None,
    })
}

/// Where somebody waits for a future with a timeout, or may be cancelled, while others may wait for it, too.
pub(super) fn waits_beside(cx: &Context<'_>, cluster: &Cluster) -> Option<Place> {
    let waits: Vec<(Place, &str)> = (cluster.places.iter())
        .filter_map(|held| Some((held.place, waiter(cx, held.place)?)))
        .filter(|(_, api)| WAITS.contains(api))
        .collect();
    let timed = waits.iter().find(|(place, api)| match *api {
        "asyncio.wait_for" => true,
        "await" => may_be_cancelled(cx, *place),
        _ => false,
    });
    let (timed, _) = timed?;
    let home = cx.program.function_at(*timed);
    let is_variable = cx.view(timed.file).is_some_and(|view| {
        let future = view.tree.expr_at(timed.range);
        future.is_some_and(Expr::is_name_expr)
    });
    let made_there =
        is_variable && (cluster.sites.iter()).all(|site| cx.program.function_at(*site) == home);
    let shared = || !is_of_new_object(cx, *timed) && Order::new(cx).is_run_by_many(*timed);
    let several = waits.len() > 1 || !made_there && shared();
    several.then_some(*timed)
}

/// Whether the future is kept on an object that the function has just made: nobody else waits for it there.
fn is_of_new_object(cx: &Context<'_>, future: Place) -> bool {
    let Some(view) = cx.view(future.file) else {
        return false;
    };
    let Some(Expr::Attribute(member)) = view.tree.expr_at(future.range) else {
        return false;
    };
    let Expr::Name(object) = &*member.value else {
        return false;
    };
    let Some((_, def)) = definition(cx, cx.program.function_at(future)) else {
        return false;
    };
    let is_class = |callee: &Expr| {
        let mut values = cx.program.values_at(view.place(callee)).peekable();
        values.peek().is_some() && values.all(|value| matches!(value, Value::Class(_)))
    };
    let made = own(&def.body).into_iter().any(|node| match node {
        AnyNodeRef::StmtAssign(it) => {
            let named = matches!(&it.targets[..], [Expr::Name(name)] if name.id == object.id);
            named && matches!(&*it.value, Expr::Call(call) if is_class(&call.func))
        }
        _ => false,
    });
    let scope = view.scopes.at(object.range.start());
    let once = view.scopes.resolve(object.id.as_str(), scope) == Some(scope)
        && (view.scopes.scopes[scope].bindings.get(object.id.as_str()))
            .is_some_and(|bindings| bindings.len() == 1);
    made && once
}
