//! Whether a timeout or a cancellation can reach a place: what an abandoned thread, or a killed process, depends on.

mod told;

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, StmtWith};
use loopshift_python::{Ranged, TextRange};
use rustc_hash::FxHashSet;

use crate::common::calling::taken_at;
use crate::common::cancellation::goes_on;
use crate::common::code::{definition, own};
use crate::common::runners::outer;
use crate::context::{Context, View};
use crate::rules::anyio_tasks::is_root;
use told::Told;
pub(crate) use told::is_told_to_stop;

/// Blocks whose body is cancelled from outside: by a deadline, or by a task beside it.
const CANCELLING_BLOCKS: &[&str] = &[
    "asyncio.timeout",
    "asyncio.timeout_at",
    "asyncio.TaskGroup",
    "anyio.fail_after",
    "anyio.fail_at",
    "anyio.move_on_after",
    "anyio.move_on_at",
    "anyio.CancelScope",
    "anyio.create_task_group",
    "async_timeout.timeout",
    "async_timeout.timeout_at",
];

/// Calls that cancel what they are given.
const CANCELLING_CALLS: &[&str] = &[
    "asyncio.wait_for",
    "asyncio.TaskGroup.create_task",
    "anyio.abc.TaskGroup.start_soon",
    "anyio.abc.TaskGroup.create_task",
    "anyio.abc.TaskGroup.start",
];

/// Calls that make a task of what they are given: it can be cancelled where anything in the program cancels.
const SPAWNING_CALLS: &[&str] = &[
    "asyncio.create_task",
    "asyncio.ensure_future",
    "asyncio.AbstractEventLoop.create_task",
];

/// What cancels a task.
const CANCELLERS: &[&str] = &[
    "asyncio.Task.cancel",
    "asyncio.Future.cancel",
    "asyncio.wait_for",
    "asyncio.timeout",
    "asyncio.timeout_at",
];

/// Which tasks count as ones that are cancelled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tasks {
    /// None.
    None,
    /// Those that somebody may tell to stop.
    Told,
    /// All, where some are.
    All,
}

/// Whether a timeout or a cancellation can reach the expression, as far as the program shows.
pub(crate) fn can_be_cancelled(cx: &Context<'_>, place: Place) -> bool {
    reaches(cx, place, false, Tasks::Told)
}

/// The same, where a coroutine that is kept or passed on counts as a task that is cancelled if some are.
pub(crate) fn may_be_cancelled(cx: &Context<'_>, place: Place) -> bool {
    reaches(cx, place, true, Tasks::Told)
}

/// The same, where every task counts as one that is cancelled if some are.
fn may_be_reached(cx: &Context<'_>, place: Place) -> bool {
    reaches(cx, place, true, Tasks::All)
}

/// Whether a timeout can reach the expression, or the end of a task group of asyncio.
pub(crate) fn can_be_cut_short(cx: &Context<'_>, place: Place) -> bool {
    reaches(cx, place, false, Tasks::None)
}

/// Calls that run a coroutine in the place of the caller, or as the whole program.
const RUNNING_CALLS: &[&str] = &[
    "anyio.gather",
    "asyncio.AbstractEventLoop.run_until_complete",
    "asyncio.Runner.run",
    "asyncio.gather",
    "asyncio.run",
];

/// Whether the coroutine that a call makes is neither waited for nor made a task where it is made.
fn is_passed_on(cx: &Context<'_>, place: Place) -> bool {
    let Some(view) = cx.view(place.file) else {
        return true;
    };
    let runs = |expr: &Expr| {
        let mut around = (view.tree.ancestors(expr)).skip_while(|node| {
            matches!(
                node,
                AnyNodeRef::Arguments(_)
                    | AnyNodeRef::ExprStarred(_)
                    | AnyNodeRef::ExprGenerator(_)
                    | AnyNodeRef::ExprListComp(_)
            )
        });
        let outer = around.next().and_then(|node| match node {
            AnyNodeRef::ExprCall(call) => cx.api_of(view, &call.func),
            _ => None,
        });
        outer.is_some_and(|api| RUNNING_CALLS.contains(&api) || SPAWNING_CALLS.contains(&api))
    };
    // The body of a generator runs where it is entered or iterated.
    let is_run_there = |expr: &Expr| match view.tree.parent(expr) {
        Some(AnyNodeRef::WithItem(it)) => it.context_expr.range() == expr.range(),
        Some(AnyNodeRef::StmtFor(it)) => it.is_async && it.iter.range() == expr.range(),
        Some(AnyNodeRef::Comprehension(it)) => it.is_async && it.iter.range() == expr.range(),
        _ => false,
    };
    let is_run = |expr: &Expr| runs(expr) || is_run_there(expr);
    view.await_of(place.range).is_none() && !view.tree.expr_at(place.range).is_some_and(is_run)
}

/// Whether tasks are told to stop anywhere in the program.
fn something_cancels(cx: &Context<'_>) -> bool {
    (cx.uses.iter()).any(|use_| CANCELLERS.contains(&use_.api.as_str()))
}

fn reaches(cx: &Context<'_>, place: Place, strict: bool, tasks: Tasks) -> bool {
    let something_cancels = tasks != Tasks::None && something_cancels(cx);
    let tasks = if something_cancels {
        tasks
    } else {
        Tasks::None
    };
    let mut seen: FxHashSet<FuncId> = FxHashSet::default();
    let mut todo = vec![place];
    while let Some(place) = todo.pop() {
        let Some(view) = cx.view(place.file) else {
            continue;
        };
        if is_cancelled_here(cx, view, place, tasks) {
            return true;
        }
        let function = cx.program.function_at(place);
        if seen.insert(function) {
            let sites = cx.callers.of(function);
            let passed_on = strict && something_cancels && cx.program.function(function).is_async;
            if passed_on && sites.iter().any(|site| is_passed_on(cx, site.place)) {
                return true;
            }
            for site in sites {
                todo.push(site.place);
                todo.extend(awaited_by_callees(cx, site.place, function));
            }
            todo.extend(taken_at(cx, function));
        }
    }
    false
}

/// Where functions that get the coroutine of a function as an argument wait for it.
fn awaited_by_callees(cx: &Context<'_>, coroutine: Place, function: FuncId) -> Vec<Place> {
    let Some((view, call)) = cx.view(coroutine.file).and_then(|view| {
        let given = view.tree.expr_at(coroutine.range)?;
        Some((view, outer(view, given)?))
    }) else {
        return Vec::new();
    };
    let callees = cx.program.values_at(view.place(&*call.func));
    let defined = callees.filter_map(|callee| match callee {
        Value::Func(func) | Value::Bound(func, _) => definition(cx, func),
        _ => None,
    });
    let is_it = |value| value == Value::Coroutine(function);
    defined
        .flat_map(|(view, def)| {
            let awaits = own(&def.body).into_iter().filter_map(|node| match node {
                AnyNodeRef::ExprAwait(it) if it.value.is_name_expr() => {
                    Some(view.place(&*it.value))
                }
                _ => None,
            });
            awaits.collect::<Vec<_>>()
        })
        .filter(|place| cx.program.values_at(*place).any(is_it))
        .collect()
}

fn is_cancelled_here(cx: &Context<'_>, view: &View<'_>, place: Place, tasks: Tasks) -> bool {
    let inner = view
        .tree
        .enclosing_function(place.range)
        .map(|function| function.range());
    for node in view.tree.around(place.range) {
        match node {
            AnyNodeRef::ExprCall(call) => {
                let Some(api) = cx.api_of(view, &call.func) else {
                    continue;
                };
                let is_told = || match tasks {
                    Tasks::None => false,
                    Tasks::Told => cx.once(Told::new).is_told(view.place(call)),
                    Tasks::All => true,
                };
                if CANCELLING_CALLS.contains(&api) || SPAWNING_CALLS.contains(&api) && is_told() {
                    return true;
                }
            }
            AnyNodeRef::StmtWith(with) => {
                let in_body = with
                    .body
                    .first()
                    .is_some_and(|first| first.start() <= place.range.start());
                if in_body
                    && with
                        .items
                        .iter()
                        .any(|item| cancels(cx, view, &item.context_expr))
                    && !ends_program(cx, view, with)
                {
                    return true;
                }
            }
            _ => {}
        }
        if inner.is_some_and(|inner| node.range() == inner) {
            break;
        }
    }
    false
}

/// Whether the block is that of a task group which is only cancelled where the program ends: by an error of a task, or in its last
/// statement.
fn ends_program(cx: &Context<'_>, view: &View<'_>, with: &StmtWith) -> bool {
    let [item] = &*with.items else { return false };
    let makes_group = |expr: &Expr| {
        let call = expr.as_call_expr();
        call.is_some_and(|it| cx.api_of(view, &it.func) == Some("anyio.create_task_group"))
    };
    let function = cx.program.function_at(view.place(&item.context_expr));
    let is_last = || {
        let stmt = view.tree.enclosing_statement(with.range());
        stmt.is_some_and(|stmt| !goes_on(cx, view, stmt))
    };
    makes_group(&item.context_expr) && is_root(cx, function) && is_last() && cx.once(Scopes::new).0
}

/// Whether the scopes of all task groups are only used in the last statements of blocks.
struct Scopes(bool);

impl Scopes {
    fn new(cx: &Context<'_>) -> Self {
        let mut views = cx.views_naming(["cancel_scope"]);
        Scopes(views.all(|view| {
            view.tree.nodes().all(|node| match node {
                AnyNodeRef::ExprAttribute(it) if it.attr.as_str() == "cancel_scope" => {
                    is_in_last(view, it.range())
                }
                _ => true,
            })
        }))
    }
}

/// Whether the place is in the last statement of an `async with`.
fn is_in_last(view: &View<'_>, range: TextRange) -> bool {
    let mut around = view.tree.around(range).filter(|node| node.is_statement());
    let stmt = around.next().map(|it| it.range());
    matches!(around.next(), Some(AnyNodeRef::StmtWith(with))
        if with.is_async && with.body.last().map(Ranged::range) == stmt)
}

fn cancels(cx: &Context<'_>, view: &View<'_>, context: &Expr) -> bool {
    let Expr::Call(ExprCall { func, .. }) = context else {
        return false;
    };
    cx.api_of(view, func)
        .is_some_and(|api| CANCELLING_BLOCKS.contains(&api))
}
