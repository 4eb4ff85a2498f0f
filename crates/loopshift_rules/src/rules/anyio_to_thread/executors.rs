//! Executors of the program's own: where all a pool is used for is `run_in_executor`, a capacity limiter takes its place.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::objects::{Cluster, made_clusters};
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::{Edit, Piece, pieces};
use loopshift_python::{Ranged, TextRange};

use crate::common::awaited::offloaded;
use crate::common::offloaded::is_seen;
use crate::common::raising::Raising;
use crate::common::shared::{is_statement, number};
use crate::context::{Context, View};
use crate::rules::anyio_loop::runs_in_the_loop;
use crate::rules::anyio_to_thread::drained::is_drained;
use crate::rules::anyio_to_thread::{Pool, RULE, is_awaited_at_once, rewrite};

const THREADS: &str = "concurrent.futures.ThreadPoolExecutor";
const PROCESSES: &str = "concurrent.futures.ProcessPoolExecutor";

/// Pools that can only be changed together, and what becomes of them.
struct Pools {
    /// Where they are made.
    sites: Vec<Place>,
    /// The calls that are given one of them: the callee, and the argument.
    given: Vec<(Place, Place)>,
    /// What they run calls in, and the change that puts limiters in their place; or why there is none.
    planned: Result<(Pool, Change), String>,
}

/// A pool whose place a limiter takes.
pub(crate) struct Limited {
    /// What it runs calls in.
    pub(crate) pool: Pool,
    /// The change that does so.
    pub(crate) change: Place,
    /// Where it is made, and those that are changed with it.
    pub(crate) sites: Vec<Place>,
}

/// The pool that a call of `run_in_executor` is given, if a limiter takes its place.
pub(crate) fn limited(cx: &Context<'_>, executor: Place) -> Option<Limited> {
    let found = cx.once(all);
    let pools = (found.iter()).find(|it| it.given.iter().any(|(_, given)| *given == executor))?;
    let (pool, change) = pools.planned.as_ref().ok()?;
    Some(Limited {
        pool: *pool,
        change: change.place,
        sites: pools.sites.clone(),
    })
}

/// Plans the pools and the calls that are awaited where they are made, and gives the places of the uses that it speaks for.
/// The other calls become tasks: see [`crate::rules::anyio_tasks::plan_offloaded`].
pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) -> BTreeSet<Place> {
    let mut spoken = BTreeSet::new();
    for pools in &*cx.once(all) {
        let uses: Vec<(&Use, &View<'_>, &ExprCall)> = (pools.given.iter())
            .filter_map(|(callee, _)| call_at(cx, *callee))
            .collect();
        let planned = pools.planned.clone().and_then(|(pool, mut change)| {
            for (use_, view, call) in &uses {
                if is_awaited_at_once(cx, view, call) {
                    rewrite(cx, view, call, pool, &mut change)?;
                    change.covers.push(use_.place);
                    if is_beside_others(cx, view, call)
                        && !is_kept(cx, view, call)
                        && may_raise(cx, view, call)
                        && is_seen(cx, view, call)
                    {
                        change.caveat(
                            "an executor runs all calls that it was given, also when one fails, where AnyIO cancels those that have not started",
                        );
                    }
                } else {
                    change.requires.push(use_.place);
                }
            }
            Ok(change)
        });
        match planned {
            Ok(change) => {
                spoken.extend(change.covers.iter().copied());
                changes.push(change);
            }
            Err(reason) => {
                spoken.extend(uses.iter().map(|(use_, _, _)| use_.place));
                changes.extend(uses.iter().map(|(use_, _, _)| {
                    Change::declined(RULE, use_.place, &*use_.api, reason.clone())
                }));
            }
        }
    }
    spoken
}

/// Whether others are waited for together with a call.
fn is_beside_others(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    if view.await_of(call.range()).is_some() {
        return false;
    }
    let outer = view.tree.ancestors(call).find_map(|node| match node {
        AnyNodeRef::ExprCall(outer) => Some(cx.api_of(view, &outer.func)),
        _ => None,
    });
    !matches!(outer.flatten(), Some("asyncio.wait_for" | "asyncio.shield"))
}

/// Whether an error of a call is a result, or is raised when all calls have ended.
fn is_kept(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    gathered_by(cx, view, call)
        .is_some_and(|gather| returns_errors(gather) || is_drained(cx, view, gather))
}

/// The call of `gather` that waits for a call, directly or in a list.
fn gathered_by<'v>(cx: &Context<'_>, view: &'v View<'_>, call: &ExprCall) -> Option<&'v ExprCall> {
    let place = view.place(&*call.func);
    let mut gathers = cx
        .uses
        .iter()
        .filter(|it| it.api == "asyncio.gather" && it.place.file == view.file);
    gathers.find_map(|it| {
        let gather = view.call_of(it.place.range)?;
        offloaded(cx, view, gather)
            .contains(&place)
            .then_some(gather)
    })
}

/// Whether a call of `gather` gives errors as results, as is written there.
fn returns_errors(gather: &ExprCall) -> bool {
    let given = gather.arguments.find_keyword("return_exceptions");
    given.is_some_and(|it| matches!(&it.value, Expr::BooleanLiteral(it) if it.value))
}

/// Whether what a call of `run_in_executor` runs may raise an error.
fn may_raise(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    let function = call.arguments.args.get(1);
    function.is_none_or(|it| Raising::new(cx).calling(view, it))
}

/// A call of `run_in_executor`, by its callee.
fn call_at<'x>(
    cx: &'x Context<'_>,
    callee: Place,
) -> Option<(&'x Use, &'x View<'x>, &'x ExprCall)> {
    let use_ = cx.uses.iter().find(|use_| use_.place == callee)?;
    let view = cx.view(callee.file)?;
    Some((use_, view, view.call_of(callee.range)?))
}

/// All pools that are given to calls of `run_in_executor`.
fn all(cx: &Context<'_>) -> Vec<Pools> {
    let calls: Vec<(&Use, Place)> = cx
        .uses_for(RULE)
        .filter(|(use_, _, _)| use_.api.ends_with(".run_in_executor") && use_.only)
        .filter_map(|(use_, api, view)| {
            let call = view.call_of(use_.place.range)?;
            let executor = cx.bind(api, call).ok()?.get("executor")?;
            (!executor.is_none_literal_expr()).then(|| (use_, view.place(executor)))
        })
        .collect();
    if calls.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for cluster in made_clusters(cx.program, |ty| ty == THREADS || ty == PROCESSES) {
        let given: Vec<(Place, Place)> = (calls.iter())
            .filter(|(_, executor)| cluster.places.iter().any(|held| held.place == *executor))
            .map(|(use_, executor)| (use_.place, *executor))
            .collect();
        if given.is_empty() {
            continue;
        }
        let planned = kind(cx, &cluster).and_then(|pool| {
            // Where all calls become tasks, it is about the pool itself.
            let at_once = given.iter().find(|(callee, _)| {
                call_at(cx, *callee)
                    .is_some_and(|(_, view, call)| is_awaited_at_once(cx, view, call))
            });
            let first = at_once.and_then(|(callee, _)| call_at(cx, *callee));
            let (place, api) = match (first, cluster.sites.first()) {
                (Some((use_, _, _)), _) => (use_.place, use_.api.clone()),
                (None, Some(site)) => (*site, cluster.types.join(", ")),
                (None, None) => return Err("it is not seen where its executor is made".to_owned()),
            };
            let message = "a capacity limiter takes the place of the executor";
            let mut change = Change::new(RULE, place, api, message);
            let executors = given.iter().map(|(_, executor)| *executor).collect();
            replace(cx, &cluster, pool, &executors, &mut change)?;
            Ok((pool, change))
        });
        found.push(Pools {
            sites: cluster.sites.clone(),
            given,
            planned,
        });
    }
    found
}

/// What the pools of a cluster run calls in.
fn kind(cx: &Context<'_>, cluster: &Cluster) -> Result<Pool, String> {
    if let Some((_, reason)) = cluster.escapes.first() {
        return Err(format!("its executor is used for more than this: {reason}"));
    }
    if cluster.from_outside || cluster.places.iter().any(|held| !held.only) {
        return Err("its executor may be another one, which is not seen".to_owned());
    }
    match cluster.types.as_slice() {
        [only] if only == THREADS => Ok(Pool::Threads),
        [only] if only == PROCESSES => {
            if has_unguarded_entry(cx) {
                return Err(
                    "the processes of AnyIO import the main module, which starts the program without \
                     `if __name__ == \"__main__\"`"
                        .to_owned(),
                );
            }
            Ok(Pool::Processes)
        }
        _ => Err("its executor may be one of threads or one of processes".to_owned()),
    }
}

/// Whether some module runs an event loop as soon as it is imported.
fn has_unguarded_entry(cx: &Context<'_>) -> bool {
    cx.uses.iter().any(|use_| {
        let runs = matches!(
            use_.api.as_str(),
            "asyncio.run" | "anyio.run" | "asyncio.AbstractEventLoop.run_until_complete"
        );
        let Some(view) = cx.view(use_.place.file) else {
            return runs;
        };
        runs && view.tree.enclosing_function(use_.place.range).is_none()
            && !view.tree.around(use_.place.range).any(|node| {
                matches!(node, AnyNodeRef::StmtIf(it)
                    if view.text(it.test.range()).contains("__name__"))
            })
    })
}

/// The edits where the pools are made, kept and shut down.
fn replace(
    cx: &Context<'_>,
    cluster: &Cluster,
    pool: Pool,
    executors: &BTreeSet<Place>,
    change: &mut Change,
) -> Result<(), String> {
    for site in &cluster.sites {
        made(cx, *site, pool, change)?;
    }
    for held in &cluster.places {
        let view = cx
            .view(held.place.file)
            .ok_or("its executor is used in a file that is not looked at")?;
        let Some(expr) = view.tree.expr_at(held.place.range) else {
            continue;
        };
        let is_site = cluster.sites.contains(&held.place);
        match view.tree.parent(expr) {
            Some(AnyNodeRef::WithItem(item)) if item.context_expr.range() == expr.range() => {
                if !is_site || item.optional_vars.is_none() {
                    return Err(
                        "its executor is entered where it is not made: make it in the `with` statement"
                            .to_owned(),
                    );
                }
                let file = view.file;
                let open = Edit::insert(expr.start(), "{@contextlib:nullcontext}(", &[]);
                change.edits.push((file, open));
                change
                    .edits
                    .push((file, Edit::insert(expr.end(), ")", &[])));
            }
            Some(AnyNodeRef::StmtAnnAssign(assign)) if assign.target.range() == expr.range() => {
                annotation(cx, view, &assign.annotation, change)?;
            }
            Some(AnyNodeRef::Arguments(_) | AnyNodeRef::Keyword(_))
                if !executors.contains(&held.place) => {}
            Some(AnyNodeRef::ExprCompare(_)) => {}
            Some(AnyNodeRef::StmtReturn(_)) => {}
            Some(
                AnyNodeRef::ExprAttribute(_)
                | AnyNodeRef::StmtAssign(_)
                | AnyNodeRef::StmtAnnAssign(_)
                | AnyNodeRef::StmtIf(_)
                | AnyNodeRef::WithItem(_)
                | AnyNodeRef::Arguments(_)
                | AnyNodeRef::StmtGlobal(_)
                | AnyNodeRef::StmtNonlocal(_),
            ) => {}
            _ => return Err("its executor is used in another way, too".to_owned()),
        }
    }
    for held in &cluster.places {
        let Some(view) = cx.view(held.place.file) else {
            continue;
        };
        let parameter = view
            .tree
            .around(held.place.range)
            .find_map(|node| match node {
                AnyNodeRef::Parameter(it) if it.name.range() == held.place.range => Some(it),
                _ => None,
            });
        if let Some(given) = parameter.and_then(|it| it.annotation.as_deref()) {
            annotation(cx, view, given, change)?;
        }
    }
    for member in &cluster.members {
        let view = cx
            .view(member.place.file)
            .ok_or("its executor is used in a file that is not looked at")?;
        let name = member.api.rsplit('.').next().unwrap_or_default();
        if name.starts_with("__") {
            continue;
        }
        let call = view.call_of(member.place.range);
        match call.filter(|call| name == "shutdown" && is_statement(view, *call)) {
            Some(call) => {
                let range = view
                    .tree
                    .enclosing_statement(call.range())
                    .map_or(call.range(), Ranged::range);
                change
                    .edits
                    .push((view.file, Edit::DeleteStatement { range }));
            }
            None => return Err(format!("its executor is used for `{name}`, too")),
        }
    }
    Ok(())
}

/// `ThreadPoolExecutor(n)` as `anyio.CapacityLimiter(n)`.
fn made(cx: &Context<'_>, site: Place, pool: Pool, change: &mut Change) -> Result<(), String> {
    let view = cx
        .view(site.file)
        .ok_or("its executor is made in a file that is not looked at")?;
    let Some(Expr::Call(call)) = view.tree.expr_at(site.range) else {
        return Err("its executor is made in a way that is not known".to_owned());
    };
    let api = cx
        .api_of(view, &call.func)
        .and_then(|api| cx.catalog.get(api))
        .filter(|_| view.is_direct(&call.func))
        .ok_or("its executor is made in a way that is not known")?;
    let bound = cx.bind(api, call).map_err(|error| error.to_string())?;
    if !bound.only(&["max_workers"]) {
        return Err(
            "its executor is given more than a number of workers, which a capacity limiter does not take"
                .to_owned(),
        );
    }
    if !cx.anyio_has(4, 2) && !runs_in_the_loop(cx, site) {
        return Err(
            "its executor is made where no event loop may run, and a capacity limiter needs AnyIO 4.2 there"
                .to_owned(),
        );
    }
    let size = bound
        .get("max_workers")
        .filter(|it| !it.is_none_literal_expr());
    if pool == Pool::Threads && size.and_then(number).is_some_and(|size| size <= 1.0) {
        let minds = ["sqlite3", "get_ident", "current_thread", "local"];
        if minds.iter().any(|name| cx.mentions(name)) {
            return Err(
                "its executor is one thread, and what runs in it may mind which; AnyIO takes any"
                    .to_owned(),
            );
        }
        change.caveat("the calls run one at a time, but not always in the same thread");
    }
    change.edits.push((
        site.file,
        Edit::replace(call.func.range(), "{@anyio}.CapacityLimiter", &[]),
    ));
    let inner = crate::common::arguments::inside(call);
    let pieces: Vec<Piece> = match (size, pool) {
        (Some(size), _) => {
            let keyword = call.arguments.keywords.first();
            if let Some(keyword) = keyword {
                let name = TextRange::new(keyword.start(), size.start());
                change.edits.push((site.file, Edit::delete(name)));
            }
            return Ok(());
        }
        (None, Pool::Threads) => pieces("min(32, ({@os}.cpu_count() or 1) + 4)", &[]),
        (None, _) => pieces("{@os}.cpu_count() or 1", &[]),
    };
    change.edits.push((
        site.file,
        Edit::Replace {
            range: inner,
            pieces,
        },
    ));
    Ok(())
}

/// An annotation that names the class of the executor.
fn annotation(
    cx: &Context<'_>,
    view: &View<'_>,
    given: &Expr,
    change: &mut Change,
) -> Result<(), String> {
    let class = |expr: &Expr| {
        matches!(
            cx.api_of(view, expr),
            Some(THREADS | PROCESSES | "concurrent.futures.Executor")
        )
    };
    let mut found = false;
    for expr in view.tree.exprs() {
        let outer = matches!(view.tree.parent(expr), Some(AnyNodeRef::ExprAttribute(_)));
        if given.range().contains_range(expr.range()) && !outer && class(expr) {
            found = true;
            let edit = Edit::replace(expr.range(), "{@anyio}.CapacityLimiter", &[]);
            change.edits.push((view.file, edit));
        }
    }
    if found {
        Ok(())
    } else {
        Err("the annotation of its executor names another class".to_owned())
    }
}
