//! Several runs of one event loop: what one of them leaves for the next. Each `anyio.run` has an event loop of its own,
//! and ends what still runs in it.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::ir::FuncId;
use loopshift_engine::objects::{Cluster, clusters};
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr, StmtTry};
use rustc_hash::FxHashSet;

use crate::common::awaited::coroutines;
use crate::common::code::{Reach, definition, own};
use crate::common::order::Order;
use crate::context::{Context, View};

/// One `run_until_complete`.
pub(super) struct Run {
    /// The callee.
    pub(super) place: Place,
    /// What it runs; empty where that is not known.
    functions: BTreeSet<FuncId>,
    /// Whether it stands where it may run again.
    pub(super) again: bool,
}

impl Run {
    /// The run whose callee stands at `place`.
    pub(super) fn new(cx: &Context<'_>, reach: &Reach, place: Place, again: bool) -> Self {
        let main = cx
            .view(place.file)
            .and_then(|view| Some((view, view.call_of(place.range)?.arguments.args.first()?)));
        let functions = main.map_or_else(BTreeSet::new, |(view, main)| {
            reach.from(coroutines(cx, view, main))
        });
        Run {
            place,
            functions,
            again,
        }
    }
}

impl Run {
    /// Whether it starts a task that may go on behind it.
    pub(super) fn leaves_tasks(&self, order: &Order<'_>) -> bool {
        self.left(order).next().is_some()
    }

    /// What runs in each of these tasks.
    pub(super) fn left<'o>(
        &'o self,
        order: &'o Order<'_>,
    ) -> impl Iterator<Item = FxHashSet<FuncId>> + 'o {
        order.leaves_tasks(&self.functions)
    }
}

/// What several runs share that an event loop of its own for each takes away.
pub(super) fn shared(cx: &Context<'_>, order: &Order<'_>, runs: &[&Run]) -> Option<String> {
    if runs.len() < 2 && !runs.iter().any(|run| run.again) {
        return None;
    }
    if runs.iter().any(|run| run.functions.is_empty()) {
        return Some("each `anyio.run` has an event loop of its own, and it is not known what these runs share".to_owned());
    }
    if runs.iter().any(|run| run.leaves_tasks(order)) {
        return Some(
            "a task that one run starts goes on in the next, and each `anyio.run` ends what is left in it".to_owned(),
        );
    }
    clusters(cx.program, |ty| {
        // Some may have been moved to AnyIO before.
        (ty.starts_with("asyncio.") || ty.starts_with("anyio.")) && ty != "asyncio.Runner"
    })
    .iter()
    .find(|cluster| is_shared(cx, cluster, runs))
    .map(|cluster| {
        let ty = cluster.types.first().map_or("an object", String::as_str);
        let line = cluster
            .sites
            .first()
            .or(cluster.places.first().map(|held| &held.place))
            .map_or_else(String::new, |at| {
                format!(" of {}:{}", cx.program.file(at.file).path, cx.program.line(*at))
            });
        format!("`{ty}`{line} is used in several runs, and each `anyio.run` has an event loop of its own")
    })
}

/// Whether what several runs use may be one object.
fn is_shared(cx: &Context<'_>, cluster: &Cluster, runs: &[&Run]) -> bool {
    let used: BTreeSet<FuncId> = cluster
        .places
        .iter()
        .map(|held| held.place)
        .chain(cluster.members.iter().map(|member| member.place))
        .map(|place| cx.program.function_at(place))
        .collect();
    let times: usize = runs
        .iter()
        .filter(|run| !run.functions.is_disjoint(&used))
        .map(|run| if run.again { 2 } else { 1 })
        .sum();
    let made_before = || {
        cluster.sites.iter().any(|site| {
            let func = cx.program.function_at(*site);
            !runs.iter().any(|run| run.functions.contains(&func))
        })
    };
    times > 1 && (made_before() || cluster.places.iter().any(|held| is_kept(cx, held.place)))
}

/// Whether what stands there outlives the function.
fn is_kept(cx: &Context<'_>, place: Place) -> bool {
    let Some(view) = cx.view(place.file) else {
        return true;
    };
    match view.tree.expr_at(place.range) {
        Some(Expr::Attribute(_) | Expr::Subscript(_)) => true,
        Some(Expr::Name(name)) => is_outer(view, name.id.as_str(), name),
        _ => false,
    }
}

fn is_outer(view: &View<'_>, name: &str, at: impl Ranged) -> bool {
    let Some(scope) = view.scopes.resolve(name, view.scopes.at(at.start())) else {
        return false;
    };
    let inner = view.tree.enclosing_function(at.range());
    inner.is_none_or(|function| {
        !function
            .range()
            .contains_range(view.scopes.scopes[scope].range)
    })
}

/// Whether a task that is left when the run ends does something when it is cancelled then.
pub(super) fn ends_tasks(cx: &Context<'_>, order: &Order<'_>, run: &Run) -> bool {
    clean_up(cx, order.leaves_tasks(&run.functions).flatten())
}

/// Whether one of the functions does something when it is cancelled.
pub(super) fn clean_up(cx: &Context<'_>, functions: impl IntoIterator<Item = FuncId>) -> bool {
    functions
        .into_iter()
        .any(|func| match definition(cx, func) {
            Some((view, def)) => own(&def.body)
                .into_iter()
                .any(|node| matches!(node, AnyNodeRef::StmtTry(it) if cleans_up(view, it))),
            None => false,
        })
}

fn cleans_up(view: &View<'_>, it: &StmtTry) -> bool {
    !it.finalbody.is_empty()
        || it.handlers.iter().any(|handler| {
            let ExceptHandler::ExceptHandler(handler) = handler;
            handler.type_.as_deref().is_none_or(|ty| {
                let text = view.text(ty.range());
                text.contains("CancelledError") || text.contains("BaseException")
            })
        })
}
