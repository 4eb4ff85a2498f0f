//! What a cancellation meets in a task: `AnyIO` cancels again at every checkpoint until the task has ended, asyncio once.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{ExceptHandler, Expr, Stmt, StmtTry};

use super::family::Family;
use super::region::visit_exprs;
use super::suites::each;
use crate::common::awaited::coroutines_at;
use crate::common::cancellation::is_cancelled_error;
use crate::common::code::definition;
use crate::context::{Context, View};

/// What a cancellation needs in the functions that it can reach.
#[derive(Default)]
pub(super) struct Reached {
    /// Handlers for `asyncio.CancelledError`: they must move along.
    pub(super) handlers: Vec<Place>,
    /// Why the cancellation would be swallowed.
    pub(super) swallowed: Option<String>,
}

/// Whether some task of the family is told to stop.
pub(super) fn is_cancelled(family: &Family<'_>) -> bool {
    family.members.iter().any(|member| member.name == "cancel")
}

/// Whether the program does something when a task of the family ends because it was told to stop.
pub(super) fn end_is_seen(cx: &Context<'_>, family: &Family<'_>) -> bool {
    let of_program = |place: Place| {
        let mut values = cx.program.values_at(place).peekable();
        values.peek().is_some() && values.all(|value| matches!(value, Value::Coroutine(_)))
    };
    let of_library = |view: &View<'_>, coro: &Expr| {
        let call = coro.as_call_expr();
        let api = call.and_then(|call| cx.api_of(view, &call.func));
        api.is_some_and(|api| api.starts_with("asyncio."))
    };
    let coros = family
        .spawns
        .iter()
        .flat_map(|spawn| spawn.coros().map(|coro| (spawn.view, coro)))
        .collect::<Vec<_>>();
    let known =
        |(view, coro): &(&View<'_>, &Expr)| of_program(view.place(*coro)) || of_library(view, coro);
    if !family.callbacks.all.is_empty() || family.callbacks.tells() || !coros.iter().all(known) {
        return true;
    }
    let places: Vec<Place> = coros.iter().map(|(view, coro)| view.place(*coro)).collect();
    functions(cx, &places)
        .into_iter()
        .any(|function| match definition(cx, function) {
            Some((_, def)) => cleans_up(&def.body),
            None => true,
        })
}

/// Whether something is done on the way out of a wait among the statements.
fn cleans_up(stmts: &[Stmt]) -> bool {
    let mut found = false;
    each(stmts, &mut |stmt| {
        found |= match stmt {
            Stmt::Try(try_) => waits(&try_.body),
            Stmt::With(with) => with.is_async || waits(&with.body),
            _ => false,
        };
    });
    found
}

/// What the cancellation of the tasks that these expressions start can meet.
pub(super) fn reached(cx: &Context<'_>, coros: &[Place]) -> Reached {
    let mut out = Reached::default();
    for function in functions(cx, coros) {
        let Some((view, def)) = definition(cx, function) else {
            continue;
        };
        if !def.is_async {
            continue;
        }
        each(&def.body, &mut |stmt| {
            if let Stmt::Try(try_) = stmt {
                inspect(cx, view, try_, &mut out);
            }
            if let Stmt::With(with) = stmt {
                for item in &with.items {
                    if let Expr::Call(call) = &item.context_expr
                        && cx.api_of(view, &call.func) == Some("contextlib.suppress")
                    {
                        for arg in &call.arguments.args {
                            if is_cancelled_error(cx, view, arg) && !arg.is_call_expr() {
                                out.handlers.push(view.place(arg));
                            }
                        }
                    }
                }
            }
        });
    }
    out
}

fn inspect(cx: &Context<'_>, view: &View<'_>, try_: &StmtTry, out: &mut Reached) {
    if !waits(&try_.body) && !waits(&try_.finalbody) {
        return;
    }
    let mut handled = false;
    for ExceptHandler::ExceptHandler(handler) in &try_.handlers {
        let types: Vec<&Expr> = match handler.type_.as_deref() {
            Some(Expr::Tuple(tuple)) => tuple.elts.iter().collect(),
            Some(ty) => vec![ty],
            None => Vec::new(),
        };
        let base = types
            .iter()
            .any(|ty| cx.api_of(view, ty) == Some("<builtin>.BaseException"));
        for ty in &types {
            if is_cancelled_error(cx, view, ty) {
                handled = true;
                // What calls for the class of the backend has moved before.
                if !ty.is_call_expr() {
                    out.handlers.push(view.place(*ty));
                }
            }
        }
        let raises = handler.body.last().is_some_and(Stmt::is_raise_stmt);
        if (types.is_empty() || base) && !handled && !raises && waits(&try_.body) {
            out.swallowed = Some(
                "the task catches its cancellation with a handler for everything, and AnyIO would cancel it again"
                    .to_owned(),
            );
        }
    }
}

/// Whether the statements hold a wait of the function they stand in.
fn waits(stmts: &[Stmt]) -> bool {
    let mut found = false;
    each(stmts, &mut |stmt| {
        found |= match stmt {
            Stmt::With(with) => with.is_async,
            Stmt::For(for_) => for_.is_async,
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => return,
            _ => false,
        };
        if super::suites::inner_suites(stmt).is_empty() {
            visit_exprs(stmt, &mut |expr| found |= expr.is_await_expr());
        }
    });
    found
}

/// The functions that a task may run in.
pub(super) fn functions(cx: &Context<'_>, coros: &[Place]) -> BTreeSet<FuncId> {
    let places = coros.iter();
    let mut todo: Vec<FuncId> = places.flat_map(|it| coroutines_at(cx, *it)).collect();
    let mut seen = BTreeSet::new();
    while let Some(func) = todo.pop() {
        if seen.insert(func) {
            let called = cx.program.calls_of(func);
            let targets = called.flat_map(|call| cx.program.callees(call));
            todo.extend(targets.filter_map(|target| target.function()));
        }
    }
    seen
}

/// Makes a change wait for the handlers that a cancellation of these coroutines meets.
///
/// # Errors
/// Why the cancellation has no counterpart.
pub(super) fn prepare(
    cx: &Context<'_>,
    change: &mut Change,
    coros: &[Place],
) -> Result<(), String> {
    let reached = reached(cx, coros);
    if let Some(reason) = reached.swallowed {
        return Err(reason);
    }
    change.requires.extend(reached.handlers);
    Ok(())
}
