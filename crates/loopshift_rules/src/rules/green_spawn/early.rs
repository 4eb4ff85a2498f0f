//! Whether the program may end before what it started, or woke, goes on: a green thread never does then.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::facts::Cause;
use loopshift_engine::ir::{FuncId, FunctionKind};
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, ExprCall};

use crate::context::{Context, View};
use crate::rules::code::Reach;
use crate::rules::green::{kept_calls, started};

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

/// Whether the program may end before a green thread has begun that it starts, or goes on that it wakes: then that never does.
pub(crate) fn ends_first(cx: &Context<'_>) -> bool {
    let ends = |view: &View<'_>, call: &ExprCall| {
        let place = view.place(call);
        let owner = cx.program.function_at(place);
        may_end_first(cx, owner, place, &mut BTreeSet::new())
    };
    let starts =
        cx.uses_for(super::RULE)
            .any(|(use_, _, view)| match view.call_of(use_.place.range) {
                Some(call) => ends(view, call),
                None => {
                    let mut kept = kept_calls(cx, &use_.api).into_iter();
                    kept.any(|(view, call)| ends(view, call))
                }
            });
    let is_waking = |use_: &&Use| {
        let name = use_.api.rsplit('.').next();
        let wakes = name.is_some_and(|name| WAKING.contains(&name)) && cx.recipe.moves(&use_.api);
        wakes && is_waited_for(cx, &use_.api)
    };
    starts
        || cx.uses.iter().filter(is_waking).any(|use_| {
            let view = cx.view(use_.place.file);
            view.is_some_and(|view| {
                let call = view.call_of(use_.place.range);
                call.is_some_and(|call| ends(view, call))
            })
        })
}

/// Whether what runs in tasks may wait for an object of the class that such a method is of.
fn is_waited_for(cx: &Context<'_>, waking: &str) -> bool {
    let class = waking.rsplit_once('.').map(|(class, _)| class);
    class.is_some_and(|class| cx.once(waited_for).contains(class))
}

/// The classes for whose objects something waits that may run in a task.
fn waited_for(cx: &Context<'_>) -> BTreeSet<String> {
    let tasks = started(cx).map(|started| cx.once(Reach::new).from(started));
    let in_task = |func: &FuncId| tasks.as_ref().is_none_or(|it| it.contains(func));
    let functions = cx.program.functions().filter(in_task);
    let causes = functions.flat_map(|func| cx.facts().causes(func));
    let names = causes.filter_map(|cause| match cause {
        Cause::Api { name, .. } => name.rsplit_once('.'),
        _ => None,
    });
    let waits = names.filter(|(_, method)| !WAKING.contains(method));
    waits.map(|(class, _)| class.to_owned()).collect()
}

/// Whether the program may end before anything waits behind a place: neither its function waits there, nor who calls it.
fn may_end_first(
    cx: &Context<'_>,
    owner: FuncId,
    place: Place,
    seen: &mut BTreeSet<FuncId>,
) -> bool {
    let Some(view) = cx.view(place.file).filter(|_| seen.insert(owner)) else {
        return false;
    };
    let around_loops = (view.tree.around(place.range))
        .filter(|node| matches!(node, AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtWhile(_)));
    let first = around_loops.map(|node| node.start()).min();
    let first = first.unwrap_or(place.range.end());
    let waits_after = cx.facts().causes(owner).iter().any(|cause| match cause {
        Cause::Api { place: wait, .. } | Cause::Call { place: wait, .. } => {
            let is_around = wait.range.end() > place.range.end();
            wait.file == place.file && (wait.range.start() >= first || is_around)
        }
        _ => false,
    });
    if waits_after {
        return false;
    }
    let is_module = cx.program.function(owner).kind == FunctionKind::Module;
    let mut sites = cx.callers.of(owner).iter();
    is_module
        || sites.any(|site| {
            site.owner != FuncId::NONE && may_end_first(cx, site.owner, site.place, seen)
        })
}
