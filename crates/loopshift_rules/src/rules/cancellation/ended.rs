//! What ends as cancelled by itself, and what ends a cancellation that comes to it.

use std::collections::BTreeSet;

use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr, Stmt};
use loopshift_python::{Ranged, TextRange};

use super::super::awaited::{Awaited, awaited};
use super::super::cancel::may_be_cancelled;
use super::super::code::{definition, own, switches};
use super::super::per_function::PerFunction;
use super::{exits, is_cancelled_error, waits_for_futures};
use crate::context::{Context, View};

/// Whether a coroutine that runs in these functions may end as cancelled though nobody cancelled it: one of them raises
/// the class, or hands on the end of a task or future that somebody told to stop.
pub(crate) fn ends_as_cancelled(cx: &Context<'_>, functions: &BTreeSet<FuncId>) -> bool {
    let cancels = cx.uses.iter().any(|use_| {
        let member = use_.api.rsplit_once('.');
        member.is_some_and(|(class, name)| name == "cancel" && class.starts_with("asyncio."))
    });
    let known = cx.once(handing_on);
    let hands_on = |function: FuncId| {
        definition(cx, function).is_some_and(|(view, def)| {
            own(&def.body).into_iter().any(|node| {
                matches!(node, AnyNodeRef::ExprAwait(it)
                    if awaited(cx, view, &it.value) == Awaited::Future
                        && !keeps_cancelled(cx, view, &it.value))
            })
        })
    };
    let hands_on = |function: &FuncId| known.of(*function, || hands_on(*function));
    raises_cancelled(cx, functions) || cancels && functions.iter().any(hands_on)
}

/// Which functions hand on the end of what they wait for, as far as it was asked.
fn handing_on(_: &Context<'_>) -> PerFunction<bool> {
    PerFunction::default()
}

/// Whether one of the functions raises `CancelledError` itself.
pub(crate) fn raises_cancelled(cx: &Context<'_>, functions: &BTreeSet<FuncId>) -> bool {
    let known = cx.once(raising);
    let raises = |function: FuncId| {
        let Some((view, def)) = definition(cx, function) else {
            return false;
        };
        own(&def.body).into_iter().any(|node| {
            let AnyNodeRef::StmtRaise(raise) = node else {
                return false;
            };
            let class = match raise.exc.as_deref() {
                Some(Expr::Call(call)) => Some(&*call.func),
                other => other,
            };
            class.is_some_and(|class| is_cancelled_error(cx, view, class))
        })
    };
    (functions.iter()).any(|function| known.of(*function, || raises(*function)))
}

/// Which functions raise `CancelledError` themselves, as far as it was asked.
fn raising(_: &Context<'_>) -> PerFunction<bool> {
    PerFunction::default()
}

/// Whether a handler around the expression, in its function, ends each cancellation that comes out of it.
fn keeps_cancelled(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    let catches = |class: &Expr| {
        is_cancelled_error(cx, view, class)
            || cx.api_of(view, class) == Some("<builtin>.BaseException")
    };
    let any = |class: &Expr| match class {
        Expr::Tuple(tuple) => tuple.elts.iter().any(catches),
        class => catches(class),
    };
    view.tree
        .ancestors(expr)
        .take_while(|node| !matches!(node, AnyNodeRef::StmtFunctionDef(_)))
        .any(|node| match node {
            AnyNodeRef::StmtTry(it) => {
                let inside = it
                    .body
                    .iter()
                    .any(|stmt| stmt.range().contains_range(expr.range()));
                inside
                    && it
                        .handlers
                        .iter()
                        .any(|ExceptHandler::ExceptHandler(handler)| {
                            let name = handler
                                .name
                                .as_ref()
                                .map(loopshift_python::ast::Identifier::as_str);
                            let left = exits(&handler.body, name);
                            handler.type_.as_deref().is_none_or(any)
                                && !left.reraises
                                && !left.raises
                        })
            }
            AnyNodeRef::StmtWith(it) => it.items.iter().any(|item| {
                matches!(&item.context_expr, Expr::Call(call)
                    if cx.api_of(view, &call.func) == Some("contextlib.suppress")
                        && call.arguments.args.iter().any(catches))
            }),
            _ => false,
        })
}

/// Whether these statements of a function end a cancellation of the function, as far as the program shows that there may be
/// one, or wait for a function that does: a scope or a task group around them would be cancelled still.
pub(crate) fn end_a_cancellation(cx: &Context<'_>, view: &View<'_>, body: &[Stmt]) -> bool {
    let mut seen = BTreeSet::new();
    let mut todo = vec![(view, body)];
    while let Some((view, body)) = todo.pop() {
        if end_one_here(cx, view, body) {
            return true;
        }
        for node in own(body) {
            let AnyNodeRef::ExprAwait(it) = node else {
                continue;
            };
            let awaited = cx.program.values_at(view.place(&*it.value));
            let awaited = awaited.filter_map(|value| match value {
                Value::Coroutine(func) => Some(func),
                _ => None,
            });
            todo.extend(
                awaited
                    .filter(|func| seen.insert(*func))
                    .filter_map(|func| definition(cx, func))
                    .map(|(view, def)| (view, &*def.body)),
            );
        }
    }
    false
}

/// Whether one of the statements itself ends a cancellation.
fn end_one_here(cx: &Context<'_>, view: &View<'_>, body: &[Stmt]) -> bool {
    let may_reach = |body: &[Stmt]| {
        let (Some(first), Some(last)) = (body.first(), body.last()) else {
            return false;
        };
        let range = TextRange::new(first.start(), last.end());
        switches(body)
            && !waits_for_futures(cx, view, body)
            && may_be_cancelled(cx, loopshift_engine::program::place(view.file, range))
    };
    let ends = |ExceptHandler::ExceptHandler(handler): &ExceptHandler| {
        let name = handler
            .name
            .as_ref()
            .map(loopshift_python::ast::Identifier::as_str);
        let left = exits(&handler.body, name);
        handler
            .type_
            .as_deref()
            .is_none_or(|it| is_for_cancellation(cx, view, it))
            && (left.falls || left.returns || left.breaks || left.continues)
    };
    own(body).into_iter().any(|node| match node {
        AnyNodeRef::StmtTry(it) => {
            // The first handler that catches it has the word.
            let first = (it.handlers.iter()).find(|handler| {
                let ExceptHandler::ExceptHandler(handler) = handler;
                handler
                    .type_
                    .as_deref()
                    .is_none_or(|it| is_for_cancellation(cx, view, it))
            });
            first.is_some_and(ends) && may_reach(&it.body)
        }
        AnyNodeRef::StmtWith(it) => {
            let suppresses = it.items.iter().any(|item| {
                let Expr::Call(call) = &item.context_expr else {
                    return false;
                };
                cx.api_of(view, &call.func) == Some("contextlib.suppress")
                    && (call.arguments.args.iter())
                        .any(|class| is_for_cancellation(cx, view, class))
            });
            suppresses && may_reach(&it.body)
        }
        _ => false,
    })
}

/// Whether a class that is caught is known to be that of a cancellation, or of everything.
fn is_for_cancellation(cx: &Context<'_>, view: &View<'_>, class: &Expr) -> bool {
    match class {
        Expr::Tuple(classes) => (classes.elts.iter()).any(|it| is_for_cancellation(cx, view, it)),
        Expr::Call(call) => cx.api_of(view, &call.func) == Some("anyio.get_cancelled_exc_class"),
        class => {
            is_cancelled_error(cx, view, class)
                || cx.api_of(view, class) == Some("<builtin>.BaseException")
        }
    }
}
