//! Tasks that are made in the very call that waits for them: `gather(create_task(a()), create_task(b()))`. The call makes
//! tasks of coroutines by itself, in the same order and before any of them runs, so that it can be given these.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::uses::Use;
use loopshift_python::ast::{Expr, ExprCall};
use loopshift_python::edit::Edit;
use loopshift_python::{Ranged, TextRange};

use crate::common::awaited::{Awaited, awaited};
use crate::common::code::has_comment;
use crate::context::{Context, View};

/// What makes a task of one coroutine. `ensure_future` may be given something else.
const MAKING: &[&str] = &[
    "asyncio.create_task",
    "asyncio.AbstractEventLoop.create_task",
    "asyncio.ensure_future",
];

/// The coroutine of which the call makes a task that the call around it would make, too; none for other calls.
pub(crate) fn coroutine_of<'v>(
    cx: &Context<'_>,
    view: &View<'v>,
    call: &'v ExprCall,
) -> Option<&'v Expr> {
    let coroutine = made_of(cx, view, call)?;
    let waiting = view.tree.call_around(call)?;
    let mut made = made_in(cx, view, waiting).into_iter();
    made.any(|(made, _)| made.range() == call.range())
        .then_some(coroutine)
}

/// The calls that make tasks in place in a call that waits for them.
pub(crate) fn made_in<'v>(
    cx: &Context<'_>,
    view: &View<'v>,
    waiting: &'v ExprCall,
) -> Vec<(&'v ExprCall, &'v Expr)> {
    let mut made = Vec::new();
    for leaf in handed(cx, view, waiting).into_iter().flatten() {
        let call = leaf.as_call_expr();
        match call.and_then(|call| Some((call, made_of(cx, view, call)?))) {
            Some(one) => made.push(one),
            None if awaited(cx, view, leaf) == Awaited::Coroutine => {}
            // Beside a task that others know, all are waited for as tasks.
            None => return Vec::new(),
        }
    }
    made
}

/// Gives the call that waits the coroutines themselves, and takes over what is said of the calls that made tasks of them.
///
/// # Errors
/// Where a comment would be lost.
pub(crate) fn give_coroutines(
    cx: &Context<'_>,
    change: &mut Change,
    view: &View<'_>,
    made: &[(&ExprCall, &Expr)],
) -> Result<(), String> {
    for (call, coroutine) in made {
        let before = TextRange::new(call.start(), coroutine.start());
        let after = TextRange::new(coroutine.end(), call.end());
        if has_comment(view, before) || has_comment(view, after) {
            return Err("a comment stands in a call that makes one of its tasks".to_owned());
        }
        change.edit(Edit::delete(before));
        change.edit(Edit::delete(after));
    }
    take_over(cx, change, view, made);
    Ok(())
}

/// The coroutine, where an expression makes a task of it in place; else the expression.
pub(crate) fn unmade<'v>(cx: &Context<'_>, view: &View<'v>, expr: &'v Expr) -> &'v Expr {
    let call = expr.as_call_expr();
    call.and_then(|call| coroutine_of(cx, view, call))
        .unwrap_or(expr)
}

/// Takes over what is said of the calls that make tasks in place.
pub(crate) fn take_over(
    cx: &Context<'_>,
    change: &mut Change,
    view: &View<'_>,
    made: &[(&ExprCall, &Expr)],
) {
    let makers = made.iter().flat_map(|(call, _)| uses_of(cx, view, call));
    change.covers.extend(makers.map(|use_| use_.place));
}

/// Declines a use that waits, and what makes tasks in place in its call.
pub(crate) fn declined(
    cx: &Context<'_>,
    rule: &'static str,
    use_: &Use,
    view: &View<'_>,
    reason: &str,
) -> Vec<Change> {
    let made = view.call_of(use_.place.range);
    let made = made.map(|call| made_in(cx, view, call)).unwrap_or_default();
    let makers = made.iter().flat_map(|(call, _)| uses_of(cx, view, call));
    std::iter::once(use_)
        .chain(makers)
        .map(|use_| Change::declined(rule, use_.place, &*use_.api, reason))
        .collect()
}

/// The calls that make a task in place.
pub(crate) struct Sites(BTreeSet<Place>);

impl Sites {
    /// Finds them in the whole program; to be kept by [`Context::once`].
    pub(crate) fn new(cx: &Context<'_>) -> Self {
        let made = cx.uses.iter().filter(|use_| MAKING.contains(&&*use_.api));
        let sites = made.filter_map(|use_| {
            let view = cx.view(use_.place.file)?;
            let call = view.call_of(use_.place.range)?;
            coroutine_of(cx, view, call).map(|_| view.place(call))
        });
        Sites(sites.collect())
    }

    /// Whether the call at the place is one.
    pub(crate) fn has(&self, place: Place) -> bool {
        self.0.contains(&place)
    }
}

/// The uses that a call which makes a task is.
fn uses_of<'c>(
    cx: &Context<'c>,
    view: &View<'_>,
    call: &ExprCall,
) -> impl Iterator<Item = &'c Use> {
    let callee = view.place(&*call.func);
    cx.uses.iter().filter(move |use_| use_.place == callee)
}

/// What a call that makes a task is given, where that is a coroutine and nothing else.
fn made_of<'v>(cx: &Context<'_>, view: &View<'v>, call: &'v ExprCall) -> Option<&'v Expr> {
    let api = cx.api_of(view, &call.func)?;
    if !MAKING.contains(&api) || !call.arguments.keywords.is_empty() {
        return None;
    }
    let [coroutine] = &*call.arguments.args else {
        return None;
    };
    let is_known = awaited(cx, view, coroutine) == Awaited::Coroutine;
    // A call of something that is not known makes a coroutine, or `create_task` would refuse it.
    let is_checked = api != "asyncio.ensure_future"
        && coroutine.is_call_expr()
        && awaited(cx, view, coroutine) == Awaited::Unknown;
    (is_known || is_checked).then_some(coroutine)
}

/// What the call hands to an API that makes tasks of coroutines; none for other calls.
fn handed<'v>(cx: &Context<'_>, view: &View<'v>, call: &'v ExprCall) -> Option<Vec<&'v Expr>> {
    let arguments = &call.arguments.args;
    match cx.api_of(view, &call.func)? {
        "asyncio.gather" => Some(leaves(arguments)),
        "asyncio.as_completed" => Some(leaves(arguments.get(..1)?)),
        // It begins when it is awaited, and the task when it is made.
        "asyncio.wait_for" if view.await_of(call.range()).is_some() => {
            Some(arguments.first().into_iter().collect())
        }
        _ => None,
    }
}

/// The expressions whose values arguments hand over.
pub(crate) fn leaves(arguments: &[Expr]) -> Vec<&Expr> {
    let mut out = Vec::new();
    let mut todo: Vec<&Expr> = arguments.iter().rev().collect();
    while let Some(expr) = todo.pop() {
        match expr {
            Expr::Starred(it) => todo.push(&it.value),
            Expr::List(it) => todo.extend(it.elts.iter().rev()),
            Expr::Tuple(it) => todo.extend(it.elts.iter().rev()),
            Expr::Set(it) => todo.extend(it.elts.iter().rev()),
            Expr::ListComp(it) => todo.push(&it.elt),
            Expr::SetComp(it) => todo.push(&it.elt),
            Expr::Generator(it) => todo.push(&it.elt),
            other => out.push(other),
        }
    }
    out
}
