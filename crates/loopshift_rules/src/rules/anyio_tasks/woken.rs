//! Tasks that are told to stop when what they wait for has just come, and they have not gone on yet: `event.set()`, and then
//! `task.cancel()`. asyncio ends them where they wait; `AnyIO` lets them go on to their next wait.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::Target;
use loopshift_engine::flow::value::CallId;
use loopshift_engine::ir::{Call, FuncId};
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, Stmt};
use loopshift_python::edit::Edit;
use loopshift_python::stdlib::is_stdlib;

use super::cancelled::{functions, is_cancelled};
use super::family::{Family, Model};
use super::unstarted::just_before;
use crate::common::code::{definition, own};
use crate::common::objects::{made_at, receiver};
use crate::context::Context;
use crate::recipe::root;

/// The members that wait for another task. Queues look themselves, see the class that stands in for them.
const WAITS: &[&str] = &[
    "Condition.wait",
    "Condition.wait_for",
    "Event.wait",
    "Lock.acquire",
    "Semaphore.acquire",
    "BoundedSemaphore.acquire",
];

/// The members that let those go on that wait.
const WAKES: &[&str] = &[
    "Condition.notify",
    "Condition.notify_all",
    "Event.set",
    "Future.set_exception",
    "Future.set_result",
    "Lock.release",
    "Semaphore.release",
    "BoundedSemaphore.release",
];

/// Whether an API is one of the members, of asyncio's class, or of `AnyIO`'s where it has moved in a round before.
fn is_one_of(api: &str, members: &[&str]) -> bool {
    let member = api.strip_prefix("asyncio.").or(api.strip_prefix("anyio."));
    member.is_some_and(|member| members.contains(&member))
}

/// Refuses the tasks that may be told to stop just after they were woken.
pub(super) fn check(cx: &Context<'_>, model: &mut Model<'_>) {
    let wakes = |use_: &Use| is_one_of(&use_.api, WAKES) || use_.api == "anyio.Future";
    let any_wakes = cx.uses.iter().any(wakes);
    for family in &mut model.families {
        if family.refusal.is_some() || family.is_of_timers() || !is_cancelled(family) {
            continue;
        }
        let mut place = woken_by_others(cx, family);
        if place.is_none() && any_wakes {
            place = woken(cx, family);
            if place.is_some()
                && let Some(waits) = can_look(cx, family)
            {
                family.looking = waits;
                continue;
            }
        }
        if let Some(place) = place {
            let line = cx.program.line(place);
            let path = &cx.program.file(place.file).path;
            family.refusal = Some(format!(
                "it may be told to stop before it goes on from what line {line} of {path} wakes: asyncio ends it there, and AnyIO lets it go on to its next wait"
            ));
        }
    }
}

/// The waits behind which the tasks of the family can look whether they were told to stop, where these are all that may
/// be woken: waits for events, each a statement of its own.
fn can_look(cx: &Context<'_>, family: &Family<'_>) -> Option<Vec<Place>> {
    let run = functions(cx, &family.runs());
    if run.iter().any(|it| !entered_or_awaited(cx, *it).is_empty()) {
        return None;
    }
    let waits = cx.uses.iter().filter(|use_| {
        is_one_of(&use_.api, WAITS)
            && run.contains(&cx.program.function_at(use_.place))
            && !is_timed(cx, use_.place)
            && !looks_behind(cx, use_.place)
    });
    let statement = |use_: &Use| {
        let view = cx.view(use_.place.file)?;
        let await_ = view.await_of(view.call_of(use_.place.range)?.range())?;
        let stmt = view.tree.enclosing_statement(await_.range())?;
        let alone = matches!(stmt, Stmt::Expr(it) if it.value.range() == await_.range());
        (alone && is_one_of(&use_.api, &["Event.wait"])).then(|| view.place(stmt))
    };
    waits.map(statement).collect()
}

/// Looks behind the waits whether the task was told to stop: asyncio ends it there then.
pub(super) fn edit(change: &mut Change, family: &Family<'_>) {
    for place in &family.looking {
        let look = Edit::insert(
            place.range.end(),
            "\nawait {@anyio.lowlevel}.checkpoint_if_cancelled()",
            &[],
        );
        change.edits.push((place.file, look));
    }
}

/// What wakes a task of the family just before it is told to stop.
fn woken(cx: &Context<'_>, family: &Family<'_>) -> Option<Place> {
    let run = functions(cx, &family.runs());
    let waits = cx.uses.iter().filter(|use_| {
        is_one_of(&use_.api, WAITS)
            && run.contains(&cx.program.function_at(use_.place))
            && !is_timed(cx, use_.place)
            && !looks_behind(cx, use_.place)
    });
    let mut awaited: BTreeSet<CallId> = waits.flat_map(|use_| objects(cx, use_.place)).collect();
    for function in run {
        awaited.extend(entered_or_awaited(cx, function));
    }
    let wakes = cx.uses.iter().filter(|use_| is_one_of(&use_.api, WAKES));
    let wakes: BTreeSet<Place> = wakes
        .filter(|use_| {
            objects(cx, use_.place)
                .iter()
                .any(|it| awaited.contains(it))
        })
        .filter_map(|use_| {
            let view = cx.view(use_.place.file)?;
            Some(view.place(view.call_of(use_.place.range)?))
        })
        .chain(settled(cx).filter(|it| objects(cx, *it).iter().any(|it| awaited.contains(it))))
        .collect();
    if wakes.is_empty() {
        return None;
    }
    just_before(cx, family, &wakes).into_iter().next()
}

/// What may wake a task of the family just before it is told to stop, in the same library that the task waits for, of which
/// nothing is known.
fn woken_by_others(cx: &Context<'_>, family: &Family<'_>) -> Option<Place> {
    let run = functions(cx, &family.runs());
    let calls = run.iter().flat_map(|it| cx.program.calls_of(*it));
    let awaited = calls.filter_map(|call| {
        let library = foreign(cx, call)?;
        let file = cx.program.function_file(call.owner);
        let view = cx.view(file)?;
        view.await_of(call.range).map(|_| library)
    });
    let awaited: BTreeSet<&str> = awaited.collect();
    if awaited.is_empty() {
        return None;
    }
    let others = cx
        .program
        .calls()
        .filter(|(_, call)| foreign(cx, call).is_some_and(|library| awaited.contains(library)));
    let others: BTreeSet<Place> = others
        .map(|(file, call)| Place {
            file,
            range: call.range,
        })
        .filter(|place| {
            cx.view(place.file)
                .is_some_and(|view| view.await_of(place.range).is_none())
        })
        .collect();
    just_before(cx, family, &others).into_iter().next()
}

/// The library that a call reaches, where neither Python nor the catalog knows it.
fn foreign<'c>(cx: &'c Context<'_>, call: &Call) -> Option<&'c str> {
    let mut libraries = cx.program.callees(call).iter().filter_map(|it| match it {
        Target::External(sym) => Some(root(cx.program.flow.text(*sym))),
        Target::Func(_) => None,
    });
    libraries.find(|library| {
        !library.starts_with('<')
            && !is_stdlib(library)
            && !cx.recipe.libraries.contains(library)
            && *library != "anyio"
    })
}

/// Where a future that has moved in a round before is given its value or its error.
fn settled<'x>(cx: &'x Context<'_>) -> impl Iterator<Item = Place> + 'x {
    let is_set = |node: AnyNodeRef<'_>| match node {
        AnyNodeRef::ExprAttribute(it) if it.ctx.is_store() => ["return_value", "exception"]
            .contains(&it.attr.as_str())
            .then(|| it.range()),
        _ => None,
    };
    let views = cx.views_with(&["return_value", "exception"]);
    views.flat_map(move |view| {
        let ranges = view.tree.nodes().filter_map(is_set);
        ranges
            .map(|range| Place {
                file: view.file,
                range,
            })
            .collect::<Vec<_>>()
    })
}

/// Whether the wait has a timeout of its own: until Python 3.12 `wait_for` gives what has come where it is cancelled.
fn is_timed(cx: &Context<'_>, wait: Place) -> bool {
    let Some(view) = cx.view(wait.file) else {
        return false;
    };
    view.tree.around(wait.range).any(|node| match node {
        AnyNodeRef::ExprCall(call) => cx.api_of(view, &call.func) == Some("asyncio.wait_for"),
        AnyNodeRef::StmtWith(with) => with.items.iter().any(|item| match &item.context_expr {
            Expr::Call(call) => cx.api_of(view, &call.func) == Some("anyio.fail_after"),
            _ => false,
        }),
        _ => false,
    })
}

/// Whether the function looks right behind the wait whether it was told to stop, as the class that stands in for queues does.
fn looks_behind(cx: &Context<'_>, wait: Place) -> bool {
    let next = cx.view(wait.file).and_then(|view| {
        let stmt = view.tree.enclosing_statement(wait.range)?;
        let (suite, index) = view.tree.suite_of(stmt)?;
        let call = suite
            .get(index + 1)?
            .as_expr_stmt()?
            .value
            .as_await_expr()?;
        cx.api_of(view, &call.value.as_call_expr()?.func)
    });
    next == Some("anyio.lowlevel.checkpoint_if_cancelled")
}

/// The futures that a function awaits, and the locks that it enters.
fn entered_or_awaited(cx: &Context<'_>, function: FuncId) -> BTreeSet<CallId> {
    let Some((view, def)) = definition(cx, function) else {
        return BTreeSet::new();
    };
    let mut waited: Vec<&Expr> = Vec::new();
    for node in own(&def.body) {
        match node {
            AnyNodeRef::ExprAwait(it) if !it.value.is_call_expr() => waited.push(&it.value),
            AnyNodeRef::StmtWith(it) if it.is_async => {
                waited.extend(it.items.iter().map(|item| &item.context_expr));
            }
            _ => {}
        }
    }
    let objects = |expr: &&Expr| made_at(cx, view.place(*expr));
    waited.iter().flat_map(objects).collect()
}

/// The objects whose member stands there.
fn objects(cx: &Context<'_>, member: Place) -> BTreeSet<CallId> {
    let receiver = cx.view(member.file).and_then(|view| {
        let expr = receiver(view, member.range)?;
        Some(view.place(expr))
    });
    receiver
        .into_iter()
        .flat_map(|it| made_at(cx, it))
        .collect()
}
