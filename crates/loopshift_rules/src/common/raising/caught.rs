//! Whether somebody would catch an error, and what it passes on its way where nobody does.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{FuncId, FunctionKind};
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr, Stmt, StmtTry};
use loopshift_python::{Ranged, TextRange};

use super::tests::passed_by_test;
use crate::common::calling::called_at;
use crate::common::code::{definition, is_yield, own, switches};
use crate::common::collected::only_read;
use crate::common::runners::{awaiters, runners};
use crate::context::{Context, View};

/// What an error that nobody catches passes on its way to the end of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Passed {
    /// Nothing that does anything.
    Nothing,
    /// Code that cleans up, and waits for nothing.
    AtOnce,
    /// Code that waits, or that is not known.
    Waits,
}

/// Whether an error that is raised at a place may be caught: in the function, or by whoever calls it.
pub(crate) fn may_be_caught(cx: &Context<'_>, place: Place) -> bool {
    passed(cx, place).is_none()
}

/// What an error that is raised at a place passes until the event loop ends. `None` where it may be caught.
pub(crate) fn passed(cx: &Context<'_>, place: Place) -> Option<Passed> {
    passed_until(cx, place, |_| None)
}

/// The same, also where the error ends a test, which fails with it.
pub(crate) fn passed_or_failing(cx: &Context<'_>, place: Place) -> Option<Passed> {
    passed_until(cx, place, |func| passed_by_test(cx, func))
}

/// What an error passes until the event loop ends, or a function that `ends_with` says something of.
fn passed_until(
    cx: &Context<'_>,
    place: Place,
    ends_with: impl Fn(FuncId) -> Option<Passed>,
) -> Option<Passed> {
    let mut found = Passed::Nothing;
    let mut seen = BTreeSet::new();
    // With whether the loop still runs there.
    let mut work = vec![(place, true)];
    while let Some((place, runs)) = work.pop() {
        let view = cx.view(place.file)?;
        if caught_around(cx, view, place.range) {
            return None;
        }
        if runs {
            found = found.max(passed_around(cx, view, place.range));
        }
        let func = cx.program.function_at(place);
        if !seen.insert((func, runs)) || cx.program.function(func).kind == FunctionKind::Module {
            continue;
        }
        let sites = cx.callers.of(func);
        let by_language = !cx.callers.by_language(func).is_empty();
        if sites.is_empty()
            && let Some(passed) = ends_with(func)
        {
            found = found.max(passed);
            continue;
        }
        if sites.is_empty() || by_language || cx.callers.is_handed_over(func) {
            return None;
        }
        for site in sites {
            let view = cx.view(site.place.file)?;
            if !cx.program.function(func).is_async {
                work.push((site.place, runs));
                continue;
            }
            match waited_for(cx, view, site.place.range) {
                Some(range) => {
                    if range != site.place.range {
                        // What runs beside it goes on until the end.
                        found = found.max(Passed::AtOnce);
                    }
                    let file = site.place.file;
                    work.push((Place { file, range }, runs));
                }
                None => {
                    if let Some(places) = awaiters(cx, view, site.place.range) {
                        work.extend(places.into_iter().map(|place| (place, runs)));
                        continue;
                    }
                    // Elsewhere the error waits in a task.
                    let places = runners(cx, view, site.place.range)?;
                    work.extend(places.into_iter().map(|place| (place, false)));
                    work.push((site.place, false));
                }
            }
        }
    }
    Some(found)
}

/// What is awaited where a coroutine is made: itself, or a call that hands its error on at once.
fn waited_for(cx: &Context<'_>, view: &View<'_>, coroutine: TextRange) -> Option<TextRange> {
    let mut at = coroutine;
    for _ in 0..20 {
        if view.await_of(at).is_some() {
            return Some(at);
        }
        let expr = view.tree.expr_at(at)?;
        let around = view.tree.ancestors(expr).find(|node| {
            !matches!(
                node,
                AnyNodeRef::Arguments(_)
                    | AnyNodeRef::ExprStarred(_)
                    | AnyNodeRef::ExprGenerator(_)
                    | AnyNodeRef::ExprList(_)
                    | AnyNodeRef::ExprListComp(_)
            )
        })?;
        if let AnyNodeRef::StmtAssign(assign) = around {
            at = only_read(view, assign)?;
            continue;
        }
        let AnyNodeRef::ExprCall(call) = around else {
            return None;
        };
        let hands_on = match cx.api_of(view, &call.func) {
            Some("asyncio.gather") => call.arguments.keywords.is_empty(),
            Some("asyncio.wait_for") => call
                .arguments
                .args
                .first()
                .is_some_and(|it| it.range() == at),
            _ => false,
        };
        if !hands_on || call.func.range().contains_range(at) {
            return None;
        }
        at = call.range();
    }
    None
}

/// Whether something in the same function may catch an error.
pub(crate) fn caught_around(cx: &Context<'_>, view: &View<'_>, range: TextRange) -> bool {
    around(view, range).any(|node| match node {
        AnyNodeRef::StmtTry(it) => {
            let inside = is_in_body(&it.body, range);
            let swallows = || own(&it.finalbody).iter().any(is_jump);
            inside && (it.handlers.iter().any(|it| catches_errors(cx, view, it)) || swallows())
        }
        AnyNodeRef::StmtWith(it) => {
            is_in_body(&it.body, range)
                && it.items.iter().any(|item| {
                    let text = view.text(item.context_expr.range());
                    ["suppress", "raises", "assertRaises"]
                        .iter()
                        .any(|name| text.contains(name))
                })
        }
        _ => false,
    })
}

/// Whether what is left by the node takes no error along: a `return` in `finally`.
fn is_jump(node: &AnyNodeRef<'_>) -> bool {
    matches!(
        node,
        AnyNodeRef::StmtReturn(_) | AnyNodeRef::StmtBreak(_) | AnyNodeRef::StmtContinue(_)
    )
}

/// Whether a context manager of the program around a place, or around a call that leads to it, is told of an error.
pub(crate) fn is_told(cx: &Context<'_>, place: Place) -> bool {
    let mut seen = BTreeSet::new();
    let mut work = vec![place];
    while let Some(place) = work.pop() {
        let Some(view) = cx.view(place.file) else {
            continue;
        };
        let tells = |expr: &Expr| {
            let mut values = cx.program.values_at(view.place(expr));
            !is_still(cx, view, expr) && !values.all(|it| matches!(it, Value::Object(..)))
        };
        let told = around(view, place.range).any(|node| match node {
            AnyNodeRef::StmtWith(it) => {
                is_in_body(&it.body, place.range)
                    && it.items.iter().any(|it| tells(&it.context_expr))
            }
            _ => false,
        });
        if told {
            return true;
        }
        let func = cx.program.function_at(place);
        if seen.insert(func) {
            work.extend(called_at(cx, func));
        }
    }
    false
}

/// The nodes around a place within its function.
fn around<'v>(view: &View<'v>, range: TextRange) -> impl Iterator<Item = AnyNodeRef<'v>> {
    view.tree.around(range).take_while(|node| {
        !matches!(
            node,
            AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_)
        )
    })
}

fn is_in_body(body: &[Stmt], range: TextRange) -> bool {
    match (body.first(), body.last()) {
        (Some(first), Some(last)) => {
            TextRange::new(first.start(), last.end()).contains_range(range)
        }
        _ => false,
    }
}

/// Whether a handler is for more than what ends a program from outside.
fn catches_errors(cx: &Context<'_>, view: &View<'_>, handler: &ExceptHandler) -> bool {
    let ExceptHandler::ExceptHandler(handler) = handler;
    let is_interrupt = |class: &Expr| cx.api_of(view, class) == Some("<builtin>.KeyboardInterrupt");
    match handler.type_.as_deref() {
        None => true,
        Some(Expr::Tuple(classes)) => !classes.elts.iter().all(is_interrupt),
        Some(class) => !is_interrupt(class),
    }
}

/// What an error passes in the function in which it arises.
pub(crate) fn passed_around(cx: &Context<'_>, view: &View<'_>, range: TextRange) -> Passed {
    around(view, range)
        .map(|node| match node {
            AnyNodeRef::StmtTry(it) => passed_try(it, range),
            AnyNodeRef::StmtWith(it) if is_in_body(&it.body, range) => {
                let is_still = |expr: &Expr| is_still(cx, view, expr);
                if it.items.iter().all(|item| is_still(&item.context_expr)) {
                    Passed::Nothing
                } else {
                    Passed::Waits
                }
            }
            _ => Passed::Nothing,
        })
        .max()
        .unwrap_or(Passed::Nothing)
}

fn passed_try(stmt: &StmtTry, range: TextRange) -> Passed {
    let last = &stmt.finalbody;
    if last.is_empty() || is_in_body(last, range) {
        Passed::Nothing
    } else if switches(last) {
        Passed::Waits
    } else {
        Passed::AtOnce
    }
}

/// Whether leaving a context manager with an error does nothing that anybody sees.
pub(crate) fn is_still(cx: &Context<'_>, view: &View<'_>, manager: &Expr) -> bool {
    is_still_object(cx, view, manager) || is_still_generator(cx, view, manager)
}

/// Whether the manager is made of a generator of the program that has nothing left to do where its `yield` raises.
fn is_still_generator(cx: &Context<'_>, view: &View<'_>, manager: &Expr) -> bool {
    let Expr::Call(call) = manager else {
        return false;
    };
    let is_still = |func| {
        let Some((view, def)) = definition(cx, func) else {
            return false;
        };
        let mut yields = own(&def.body).into_iter().filter(|node| is_yield(*node));
        yields.all(|it| {
            around(view, it.range()).all(|node| match node {
                AnyNodeRef::StmtTry(_) => false,
                AnyNodeRef::StmtWith(it) => {
                    let mut items = it.items.iter();
                    items.all(|item| is_still_object(cx, view, &item.context_expr))
                }
                _ => true,
            })
        })
    };
    let mut made_by = cx.program.values_at(view.place(&*call.func)).peekable();
    made_by.peek().is_some()
        && made_by.all(|value| {
            matches!(value, Value::ManagerFactory(func) | Value::BoundManager(func, _) if is_still(func))
        })
}

/// Whether the manager is one of a library that does nothing then.
fn is_still_object(cx: &Context<'_>, view: &View<'_>, manager: &Expr) -> bool {
    if let Expr::Call(call) = manager
        && let Some(api) = cx.api_of(view, &call.func)
    {
        return matches!(
            api,
            "asyncio.timeout"
                | "asyncio.timeout_at"
                | "contextlib.nullcontext"
                | "contextlib.suppress"
                | "<builtin>.open"
        ) || is_lock(api);
    }
    let mut values = cx.program.values_at(view.place(manager)).peekable();
    values.peek().is_some()
        && values.all(
            |value| matches!(value, Value::Object(class, _) if is_lock(cx.program.flow.text(class))),
        )
}

fn is_lock(class: &str) -> bool {
    matches!(
        class,
        "asyncio.Lock" | "asyncio.Semaphore" | "asyncio.BoundedSemaphore" | "asyncio.Condition"
    )
}
