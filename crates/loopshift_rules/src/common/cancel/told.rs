//! Which tasks somebody tells to stop.

use loopshift_engine::change::Place;
use loopshift_engine::objects::{Cluster, Held, Member, clusters};
use loopshift_engine::uses::Use;
use loopshift_python::ast::AnyNodeRef;
use rustc_hash::FxHashMap;

use super::may_be_reached;
use crate::context::Context;
use crate::rules::anyio_tasks::may_be_task;

/// What tasks are, also those that have moved before.
const TASKS: &[&str] = &["asyncio.Task", "anyio.TaskHandle"];

/// The calls that make tasks, and whether somebody may tell these to stop.
pub(super) struct Told {
    sites: FxHashMap<Place, bool>,
    /// Whether a task that nobody knows may be told.
    any: bool,
}

impl Told {
    pub(super) fn new(cx: &Context<'_>) -> Self {
        let mut told = Told {
            sites: FxHashMap::default(),
            any: false,
        };
        for cluster in &clusters(cx.program, |class| TASKS.contains(&class)) {
            let is_told = is_told_to_stop(cx, cluster, may_be_reached);
            told.any |= is_told && (cluster.from_outside || cluster.sites.is_empty());
            for site in &cluster.sites {
                told.sites.insert(*site, is_told);
            }
        }
        told
    }

    /// Whether the task that the call makes may be told to stop.
    pub(super) fn is_told(&self, call: Place) -> bool {
        self.any || self.sites.get(&call).is_none_or(|told| *told)
    }
}

/// Whether somebody may tell one of the objects to stop: by its method, or since who waits for it is told to, as `reached`
/// says of the place of the wait.
pub(crate) fn is_told_to_stop(
    cx: &Context<'_>,
    cluster: &Cluster,
    reached: impl Fn(&Context<'_>, Place) -> bool,
) -> bool {
    let cancels = |member: &Member| member.api.ends_with(".cancel");
    let waits = |held: &Held| {
        let view = cx.view(held.place.file)?;
        // A parameter is waited for by its name.
        let Some(expr) = view.tree.expr_at(held.place.range) else {
            return Some(false);
        };
        let outer = view.tree.ancestors(expr).find_map(|node| match node {
            AnyNodeRef::Arguments(_) | AnyNodeRef::ExprStarred(_) => None,
            AnyNodeRef::ExprCall(call) => Some(cx.api_of(view, &call.func)),
            _ => Some(None),
        });
        let awaited = view.await_of(held.place.range).is_some();
        let by_call = outer.flatten();
        let is_timed = by_call == Some("asyncio.wait_for");
        let waits = awaited || by_call.is_some_and(is_cancelled_with);
        Some(is_timed || waits && reached(cx, held.place))
    };
    // With containers that hold it.
    let together = |use_: &Use| {
        let view = cx.view(use_.place.file)?;
        let call = view.call_of(use_.place.range)?;
        let mut args = call.arguments.args.iter();
        Some(args.any(|arg| {
            let all = arg.as_starred_expr();
            all.is_some_and(|all| may_be_task(cx, view.place(&*all.value)))
        }))
    };
    let mut gathered = (cx.uses.iter())
        .filter(|use_| is_cancelled_with(&use_.api) && together(use_).unwrap_or(true));
    !cluster.escapes.is_empty()
        || cluster.members.iter().any(cancels)
        || (cluster.places.iter()).any(|held| waits(held).unwrap_or(true))
        || gathered.any(|use_| reached(cx, use_.place))
}

/// Whether what the call waits for is cancelled where the call is.
fn is_cancelled_with(api: &str) -> bool {
    matches!(api, "asyncio.gather" | "asyncio.wait_for")
}
