//! A lock that its own task asks for again. In asyncio the task waits, until a timeout ends that; `AnyIO`'s lock has an
//! owner, and raises at once. A semaphore waits as asyncio's lock does.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::ir::FuncId;
use loopshift_engine::objects::Cluster;
use loopshift_python::Ranged;
use loopshift_python::ast::AnyNodeRef;

use crate::common::code::{Reach, called_within};
use crate::common::objects::method;
use crate::context::Context;

/// What gives up waiting.
const TIMEOUTS: &[&str] = &[
    "asyncio.wait_for",
    "asyncio.timeout",
    "asyncio.timeout_at",
    "asyncio.wait",
];

/// What they have become when the result is looked at again.
const MOVED_TIMEOUTS: &[&str] = &["anyio.fail_after", "anyio.fail_at", "anyio.move_on_after"];

/// Where the program gives up waiting.
fn timeouts(cx: &Context<'_>) -> Vec<Place> {
    let uses = cx.uses.iter();
    let mut places: Vec<Place> = uses
        .filter(|use_| TIMEOUTS.contains(&use_.api.as_str()))
        .map(|use_| use_.place)
        .collect();
    for view in cx.views_naming(["fail_after", "fail_at", "move_on_after"]) {
        for node in view.tree.nodes() {
            if let AnyNodeRef::ExprCall(call) = node
                && (cx.api_of(view, &call.func)).is_some_and(|it| MOVED_TIMEOUTS.contains(&it))
            {
                places.push(view.place(&*call.func));
            }
        }
    }
    places
}

/// Whether a task that holds a lock of the cluster may ask for one again, with a timeout.
pub(crate) fn waits_for_itself(cx: &Context<'_>, cluster: &Cluster) -> bool {
    let timeouts = cx.once(timeouts);
    if timeouts.is_empty() {
        return false;
    }
    let holds = holds(cx, cluster);
    let reach = cx.once(Reach::new);
    holds.iter().any(|(taken, held)| {
        let reached = reach.from(called_within(cx, *held));
        let others = holds.iter().map(|(place, _)| *place);
        let again = others.filter(|place| place != taken);
        runs(cx, *held, &reached, again) && runs(cx, *held, &reached, timeouts.iter().copied())
    })
}

/// Where locks of the cluster are taken, and the code that then holds them.
pub(super) fn holds(cx: &Context<'_>, cluster: &Cluster) -> Vec<(Place, Place)> {
    let mut holds = Vec::new();
    for held in &cluster.places {
        let Some(view) = cx.view(held.place.file) else {
            continue;
        };
        let within = view.tree.expr_at(held.place.range).and_then(|expr| {
            let AnyNodeRef::WithItem(_) = view.tree.parent(expr)? else {
                return None;
            };
            view.tree.enclosing_statement(expr.range())
        });
        if let Some(block) = within {
            holds.push((held.place, view.place(block)));
        }
    }
    for member in cluster.members.iter().filter(|it| method(it) == "acquire") {
        let Some(view) = cx.view(member.place.file) else {
            continue;
        };
        if let Some(function) = view.tree.enclosing_function(member.place.range) {
            holds.push((member.place, view.place(function)));
        }
    }
    holds
}

/// Whether one of `places` stands in `code` or in a function that it reaches.
fn runs(
    cx: &Context<'_>,
    code: Place,
    reached: &BTreeSet<FuncId>,
    mut places: impl Iterator<Item = Place>,
) -> bool {
    places.any(|place| {
        (place.file == code.file && code.range.contains_range(place.range))
            || reached.contains(&cx.program.function_at(place))
    })
}
