//! What a `finally` or an `__aexit__` waits for is shielded, in code that may be cancelled.
//!
//! asyncio cancels once, so a cleanup after that runs to its end. In `AnyIO` the first wait of it would be cancelled.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::Target;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr, Stmt, StmtTry};
use loopshift_python::edit::Edit;
use loopshift_python::{Ranged, TextRange};

use crate::common::awaited::coroutines;
use crate::common::cancellation::{Role, role, shields};
use crate::common::code::{Reach, called_within, definition, is_yield, own, switches};
use crate::context::{Context, View};

const RULE: &str = "anyio-cleanup";

/// What a message is about.
const API: &str = "asyncio.CancelledError";

/// What may cancel the coroutines that it is given.
const CANCELLING: &[&str] = &[
    "asyncio.create_task",
    "asyncio.ensure_future",
    "asyncio.TaskGroup.create_task",
    "asyncio.AbstractEventLoop.create_task",
    "asyncio.gather",
    "asyncio.wait",
    "asyncio.wait_for",
    "asyncio.as_completed",
];

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let cancellable = cancellable(cx);
    if cancellable.is_empty() {
        return;
    }
    let mut exits = pushed(cx);
    exits.extend(cancellable.iter().copied().filter(|func| {
        let function = cx.program.function(*func);
        function.class.is_some() && function.qualname.ends_with(".__aexit__")
    }));
    for func in exits.iter().chain(cancellable.difference(&exits)).copied() {
        let Some((view, def)) = definition(cx, func) else {
            continue;
        };
        if !def.is_async {
            continue;
        }
        if exits.contains(&func) {
            changes.extend(exit(cx, view, &def.body));
            continue;
        }
        let mut done: Vec<TextRange> = Vec::new();
        for node in own(&def.body) {
            let AnyNodeRef::StmtTry(stmt) = node else {
                continue;
            };
            // Where a generator yields, a cancellation of whoever uses it comes in.
            let waits = switches(&stmt.body) || own(&stmt.body).into_iter().any(is_yield);
            if done.iter().any(|range| range.contains_range(stmt.range())) || !waits {
                continue;
            }
            if let Some(change) = moved(cx, view, stmt) {
                done.extend(change.edits.iter().map(|(_, edit)| edit.range()));
                changes.push(change);
            }
        }
    }
}

fn moved<'v>(cx: &Context<'_>, view: &'v View<'v>, stmt: &'v StmtTry) -> Option<Change> {
    // A handler of asyncio.CancelledError brings its own shields.
    let handled = cx.uses.iter().any(|use_| {
        use_.api == "asyncio.CancelledError"
            && use_.place.file == view.file
            && view.tree.expr_at(use_.place.range).is_some_and(|expr| {
                matches!(role(cx, view, expr), Role::Handler(it, _) if it.range() == stmt.range())
            })
    });
    if handled {
        return None;
    }
    let mut bodies = vec![&stmt.finalbody];
    for ExceptHandler::ExceptHandler(handler) in &stmt.handlers {
        let catches = match handler.type_.as_deref() {
            None => true,
            Some(Expr::Name(name)) => name.id == "BaseException",
            Some(_) => false,
        };
        if catches {
            bodies.push(&handler.body);
        }
    }
    let mut edits = Vec::new();
    for body in bodies {
        match shields(cx, view, body) {
            Ok(found) => edits.extend(found),
            Err(reason) => {
                let place = view.place(body.first()?);
                return Some(Change::declined(RULE, place, API, reason));
            }
        }
    }
    change(view, edits)
}

/// What an `__aexit__` waits for, which runs when its block was cancelled, too.
fn exit<'v>(cx: &Context<'_>, view: &'v View<'v>, body: &'v [Stmt]) -> Option<Change> {
    match shields(cx, view, body) {
        Ok(edits) => change(view, edits),
        Err(reason) => {
            let place = view.place(body.first()?);
            Some(Change::declined(RULE, place, API, reason))
        }
    }
}

fn change(view: &View<'_>, edits: Vec<Edit>) -> Option<Change> {
    let place = Place {
        file: view.file,
        range: edits.first()?.range(),
    };
    let message = "what must run to its end is shielded from cancellation";
    let mut change = Change::new(RULE, place, API, message);
    for edit in edits {
        change.edit(edit);
    }
    Some(change)
}

/// The functions that an exit stack calls in the end.
fn pushed(cx: &Context<'_>) -> BTreeSet<FuncId> {
    let flow = &cx.program.flow;
    let mut found = BTreeSet::new();
    for (_, call) in cx.program.calls() {
        let pushes = cx.program.callees(call).iter().any(|target| {
            matches!(target, Target::External(sym)
                if flow.text(*sym) == "contextlib.AsyncExitStack.push_async_callback")
        });
        if let (true, Some(callback)) = (pushes, call.args.first()) {
            found.extend(
                flow.values_of(callback.node)
                    .filter_map(|value| match value {
                        Value::Func(func) | Value::Bound(func, _) => Some(func),
                        _ => None,
                    }),
            );
        }
    }
    found
}

/// The functions that something may cancel: what runs in tasks, in groups and under timeouts.
fn cancellable(cx: &Context<'_>) -> BTreeSet<FuncId> {
    let mut start = BTreeSet::new();
    for use_ in cx.uses {
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        let Some(call) = view.call_of(use_.place.range) else {
            continue;
        };
        if CANCELLING.contains(&use_.api.as_str()) {
            for argument in &call.arguments.args {
                let inner = match argument {
                    Expr::Starred(starred) => &*starred.value,
                    plain => plain,
                };
                start.extend(coroutines(cx, view, inner));
            }
        } else if matches!(use_.api.as_str(), "asyncio.timeout" | "asyncio.timeout_at")
            && let Some(AnyNodeRef::StmtWith(with)) =
                view.tree.ancestors(call).find(|node| node.is_statement())
        {
            start.extend(called_within(cx, view.place(with)));
            start.insert(cx.program.function_at(use_.place));
        }
    }
    cx.once(Reach::new).from(start)
}
