//! Calls of `gather` whose error may be caught while what runs beside it goes on: asyncio lets it, so that it needs a group that
//! lasts longer than the call.

use std::collections::BTreeMap;

use loopshift_engine::change::Place;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{Expr, ExprCall};

use crate::common::awaited::{Awaited, coroutines, of_all};
use crate::common::cancellation::ends_as_cancelled;
use crate::common::code::Reach;
use crate::common::collected::{Collected, collected};
use crate::common::exits::may_exit;
use crate::common::in_place::{leaves, unmade};
use crate::common::raising::{Raising, may_be_caught};
use crate::common::siblings::{block_around, ends_alike, is_seen, is_seen_in_pool};
use crate::context::{Context, View};
use crate::rules::anyio_gather::{Waiter, value_of};

/// A call whose coroutines outlive it.
pub(crate) struct Left<'c> {
    pub(crate) view: &'c View<'c>,
    pub(crate) call: &'c ExprCall,
    /// The coroutines that it is given, as written where they are made.
    pub(crate) coroutines: Vec<&'c Expr>,
}

/// The calls in the program, by the places of their callees.
pub(crate) fn left<'c>(cx: &Context<'c>) -> BTreeMap<Place, Left<'c>> {
    let mut uses = cx
        .uses
        .iter()
        .filter(|use_| use_.api == "asyncio.gather")
        .peekable();
    if uses.peek().is_none() {
        return BTreeMap::new();
    }
    let (raising, reach) = (Raising::new(cx), cx.once(Reach::new));
    uses.filter_map(|use_| Some((use_.place, of_use(cx, &raising, &reach, use_)?)))
        .collect()
}

fn of_use<'c>(
    cx: &Context<'c>,
    raising: &Raising<'_, 'c>,
    reach: &Reach,
    use_: &Use,
) -> Option<Left<'c>> {
    let view = cx.view(use_.place.file)?;
    let callee = view.tree.expr_at(use_.place.range)?;
    let call = view.call_of(use_.place.range)?;
    if !matches!(value_of(cx, view, call), Ok(Waiter::Await(_))) {
        return None;
    }
    let place = view.place(call);
    let arguments = &call.arguments;
    let is_plain = use_.only && view.is_direct(callee) && arguments.keywords.is_empty();
    if !is_plain || of_all(cx, view, call) != Awaited::Coroutine {
        return None;
    }
    if !arguments.args.iter().any(|it| raising.awaiting(view, it))
        || !is_seen(cx, reach, view, call)
        || ends_alike(cx, reach, view, call, place)
        // The end of the group cancels what has not started, and an executor runs it.
        || is_seen_in_pool(cx, view, call)
        || !may_be_caught(cx, place) && block_around(cx, reach, view, call).is_some()
    {
        return None;
    }
    let given = given(cx, view, call)?;
    let started = given.iter().flat_map(|it| coroutines(cx, view, it));
    let is_simple = !may_exit(cx, place) && !ends_as_cancelled(cx, &reach.from(started));
    is_simple.then_some(Left {
        view,
        call,
        coroutines: given,
    })
}

/// The coroutines that a call is given, as written where they are made, or else where they are given.
fn given<'c>(cx: &Context<'c>, view: &'c View<'c>, call: &'c ExprCall) -> Option<Vec<&'c Expr>> {
    let mut out = Vec::new();
    for leaf in leaves(&call.arguments.args) {
        match collected(view, leaf) {
            Some(Collected::Written(it)) => out.extend(leaves(std::slice::from_ref(it))),
            Some(Collected::Appended { items, .. }) => out.extend(items),
            None => out.push(leaf),
        }
    }
    let out: Vec<&Expr> = out.into_iter().map(|it| unmade(cx, view, it)).collect();
    let is_known = |it: &&Expr| it.is_call_expr() || !coroutines(cx, view, it).is_empty();
    out.iter().all(is_known).then_some(out)
}
