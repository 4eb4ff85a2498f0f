//! Whether the program may end before what it started, or woke, goes on: a green thread never does then.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::facts::Cause;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{FuncId, FunctionKind};
use loopshift_python::Ranged;
use loopshift_python::ast::AnyNodeRef;

use super::Ended;
use crate::common::code::Reach;
use crate::common::green::{kept_calls, started};
use crate::context::Context;

/// The methods that wake who waits for their object.
pub(crate) const WAKING: &[&str] = &[
    "notify",
    "notify_all",
    "put",
    "put_nowait",
    "release",
    "send",
    "send_exception",
    "set",
    "set_exception",
];

/// Whether the program may end before a green thread has begun that it starts, or goes on that it wakes, or that is woken with
/// the program itself: then that never does.
pub(crate) fn ends_first(cx: &Context<'_>) -> bool {
    let ends = |place: Place| {
        let owner = cx.program.function_at(place);
        may_end_first(cx, owner, place, &mut BTreeSet::new())
    };
    let starts =
        cx.uses_for(super::RULE)
            .any(|(use_, _, view)| match view.call_of(use_.place.range) {
                Some(call) => ends(view.place(call)),
                None => {
                    let mut kept = kept_calls(cx, &use_.api).into_iter();
                    kept.any(|(view, call)| ends(view.place(call)))
                }
            });
    starts || wakings(cx).into_iter().any(ends) || shared_waits(cx).into_iter().any(ends)
}

/// The calls and blocks at whose end something may go on that waits in a task.
fn wakings(cx: &Context<'_>) -> Vec<Place> {
    let waited = cx.once(waited_for);
    let is_object = |value: Value| match value {
        Value::Object(class, _) => waited.contains(cx.program.flow.text(class)),
        _ => false,
    };
    let calls = cx.uses.iter().filter_map(|use_| {
        let (class, method) = use_.api.rsplit_once('.')?;
        let wakes = WAKING.contains(&method) && waited.contains(class);
        let view = cx.view(use_.place.file).filter(|_| wakes)?;
        Some(view.place(view.call_of(use_.place.range)?))
    });
    let mut out: Vec<_> = calls.collect();
    if all_ended(cx) {
        return out;
    }
    for view in cx.views_where(is_object) {
        out.extend(view.tree.nodes().filter_map(|node| match node {
            AnyNodeRef::StmtWith(with) => {
                let mut items = with.items.iter().map(|item| view.place(&item.context_expr));
                let is_one = items.any(|item| cx.program.values_at(item).any(is_object));
                is_one.then(|| view.place(with))
            }
            _ => None,
        }));
    }
    out
}

/// Where code that runs in no task waits for what tasks wait for, too, some of which may be left at the end.
fn shared_waits(cx: &Context<'_>) -> Vec<Place> {
    let Some(tasks) = started(cx).filter(|_| !all_ended(cx)) else {
        return Vec::new();
    };
    let tasks = cx.once(Reach::new).from(tasks);
    // What wakes all that wait for it; an item of a queue wakes one.
    let is_shared = |name: &str| {
        let last = name.rsplit('.').next().unwrap_or_default();
        let row = cx.catalog.get(name);
        matches!(last, "get" | "join" | "joinall" | "wait")
            && row.is_some_and(|row| row.rule.as_deref() != Some("green-queue"))
    };
    let waits = |func: FuncId| {
        cx.facts()
            .causes(func)
            .iter()
            .filter_map(|cause| match cause {
                Cause::Api { place, name } if is_shared(name) => Some((*place, name)),
                _ => None,
            })
    };
    let waited: BTreeSet<_> = tasks
        .iter()
        .flat_map(|func| waits(*func))
        .map(|it| it.1)
        .collect();
    let others = cx.program.functions().filter(|func| !tasks.contains(func));
    let found = others
        .flat_map(waits)
        .filter(|(_, name)| waited.contains(name));
    found.map(|(place, _)| place).collect()
}

/// Whether somebody waits for each green thread that is started, or ends it.
fn all_ended(cx: &Context<'_>) -> bool {
    let ended = cx.once(Ended::new);
    cx.uses_for(super::RULE).all(|(use_, _, view)| {
        let call = view.call_of(use_.place.range);
        call.is_some_and(|call| ended.started(cx, view, call))
    })
}

/// The classes of the library for whose objects something waits that may run in a task.
fn waited_for(cx: &Context<'_>) -> BTreeSet<String> {
    let tasks = started(cx).map(|started| cx.once(Reach::new).from(started));
    let in_task = |func: &FuncId| tasks.as_ref().is_none_or(|it| it.contains(func));
    let functions = cx.program.functions().filter(in_task);
    let causes = functions.flat_map(|func| cx.facts().causes(func));
    let waits = causes.filter_map(|cause| match cause {
        Cause::Api { name, .. } if cx.recipe.moves(name) => Some(name),
        _ => None,
    });
    let mut out = BTreeSet::new();
    for name in waits {
        let (class, method) = name.rsplit_once('.').unwrap_or((name, ""));
        if !WAKING.contains(&method) {
            out.extend([class.to_owned(), name.clone()]);
        }
    }
    out
}

/// Whether the program may end before anything waits behind a place: neither its function waits there, nor who calls it.
fn may_end_first(
    cx: &Context<'_>,
    owner: FuncId,
    place: Place,
    seen: &mut BTreeSet<FuncId>,
) -> bool {
    if !seen.insert(owner) || waits_behind(cx, owner, place) {
        return false;
    }
    let is_module = cx.program.function(owner).kind == FunctionKind::Module;
    let mut sites = cx.callers.of(owner).iter();
    is_module
        || sites.any(|site| {
            site.owner != FuncId::NONE && may_end_first(cx, site.owner, site.place, seen)
        })
}

/// Whether a function waits behind a place in it: further down, around it, or in another round of a loop.
fn waits_behind(cx: &Context<'_>, owner: FuncId, place: Place) -> bool {
    let causes = cx.facts().causes(owner).iter();
    let waits = causes.filter_map(|cause| match cause {
        Cause::Api { place: wait, .. } | Cause::Call { place: wait, .. } => {
            (wait.file == place.file).then_some(wait.range)
        }
        _ => None,
    });
    let waits: Vec<_> = waits.collect();
    if waits.iter().any(|wait| wait.end() > place.range.end()) {
        return true;
    }
    let mut loops = cx.program.loops_around(owner, place);
    loops.any(|it| waits.iter().any(|wait| wait.start() >= it.start()))
}
