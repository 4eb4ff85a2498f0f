//! Tasks that are awaited where they are made: `await asyncio.create_task(f())` is `await f()`, where nobody can tell.

use std::collections::BTreeSet;

use loopshift_engine::change::Change;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::edit::Edit;
use loopshift_python::{Ranged, TextRange};

use super::RULE;
use super::family::{Family, Model, Spawn, WaitKind};
use super::region::waits_of;
use crate::common::code::{Reach, has_comment};
use crate::common::order::Order;
use crate::context::Context;
use crate::rules::anyio_wait_for::sets_context;

/// Marks the families whose only task is awaited where it is made, and need not be one.
pub(super) fn mark(cx: &Context<'_>, model: &mut Model<'_>) {
    let found: Vec<usize> = (0..model.families.len())
        .filter(|index| model.families[*index].refusal.is_none())
        .filter(|index| is_awaited_in_place(model, *index))
        .collect();
    if found.is_empty() || cx.uses.iter().any(|use_| use_.api == "asyncio.all_tasks") {
        return;
    }
    let order = Order::new(cx);
    // What is in the task alone.
    let mut apart: BTreeSet<FuncId> = cx.once(sets_context).iter().copied().collect();
    let current = cx.uses.iter().filter(|it| it.api == "asyncio.current_task");
    apart.extend(current.map(|use_| cx.program.function_at(use_.place)));
    for index in found {
        let [spawn] = &model.families[index].spawns[..] else {
            continue;
        };
        model.families[index].is_direct = !is_seen(cx, &order, &apart, spawn);
    }
}

/// The changes for these families.
pub(super) fn changes(model: &Model<'_>) -> impl Iterator<Item = Change> {
    let families = model.families.iter().filter(|family| family.is_direct);
    families.flat_map(|family| &family.spawns).map(|spawn| {
        let message = "the task is awaited where it is made, and is what runs in it";
        let mut change = Change::new(RULE, spawn.callee, &*spawn.api, message);
        for gone in around(spawn) {
            change.edit(Edit::delete(gone));
        }
        change
    })
}

/// What is written before the coroutine, and behind it.
fn around(spawn: &Spawn<'_>) -> [TextRange; 2] {
    let (call, coro) = (spawn.call.range(), spawn.coro.range());
    [
        TextRange::new(call.start(), coro.start()),
        TextRange::new(coro.end(), call.end()),
    ]
}

fn is_awaited_in_place(model: &Model<'_>, index: usize) -> bool {
    let family: &Family<'_> = &model.families[index];
    let [spawn] = &family.spawns[..] else {
        return false;
    };
    let is_plain = spawn.timer.is_none()
        && !spawn.in_group
        && !spawn.offloaded
        && !spawn.is_shielded()
        && !spawn.is_gathered()
        && spawn.coro.is_call_expr()
        && spawn.call.arguments.keywords.is_empty();
    let mut waits = waits_of(model, index);
    is_plain
        && family.members.is_empty()
        && family.callbacks.all.is_empty()
        && !family.callbacks.tells()
        && waits.next().is_some_and(|wait| {
            wait.kind == WaitKind::Await
                && wait.view.file == spawn.view.file
                && wait.await_.value.range() == spawn.call.range()
        })
        && waits.next().is_none()
        && !around(spawn)
            .iter()
            .any(|gone| has_comment(spawn.view, *gone))
}

/// Whether somebody can tell that a task of its own runs the coroutine.
fn is_seen(
    cx: &Context<'_>,
    order: &Order<'_>,
    apart: &BTreeSet<FuncId>,
    spawn: &Spawn<'_>,
) -> bool {
    let here = spawn.view.place(spawn.coro);
    let mut functions = Vec::new();
    for value in cx.program.values_at(here) {
        match value {
            Value::Coroutine(func) => functions.push(func),
            _ => return true,
        }
    }
    functions.is_empty()
        || !order.is_alone(here)
        || !cx.once(Reach::new).from(functions).is_disjoint(apart)
}
