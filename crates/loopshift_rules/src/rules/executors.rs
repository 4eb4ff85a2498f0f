//! Executors of the program's own: where all a pool is used for is `run_in_executor`, a capacity limiter takes its place.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::objects::{Cluster, made_clusters};
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::{Edit, Piece, pieces};
use loopshift_python::{Ranged, TextRange};

use super::anyio_loop::runs_in_the_loop;
use super::anyio_to_thread::{Pool, RULE, rewrite};
use super::shared::{is_statement, number};
use crate::context::{Context, View};

const THREADS: &str = "concurrent.futures.ThreadPoolExecutor";
const PROCESSES: &str = "concurrent.futures.ProcessPoolExecutor";

/// Plans the calls of `run_in_executor` that are given a pool which can be followed, and gives their places.
pub(super) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) -> BTreeSet<Place> {
    let calls: Vec<(&Use, &View<'_>, &ExprCall, &Expr)> = cx
        .uses_for(RULE)
        .filter(|(use_, _, _)| use_.api.ends_with(".run_in_executor") && use_.only)
        .filter_map(|(use_, api, view)| {
            let call = view.call_of(use_.place.range)?;
            let executor = cx.bind(api, call).ok()?.get("executor")?;
            Some((use_, view, call, executor))
        })
        .filter(|(_, _, _, executor)| !executor.is_none_literal_expr())
        .collect();
    if calls.is_empty() {
        return BTreeSet::new();
    }
    let mut spoken = BTreeSet::new();
    for cluster in made_clusters(cx.program, |ty| ty == THREADS || ty == PROCESSES) {
        let given: Vec<_> = calls
            .iter()
            .filter(|(_, view, _, executor)| {
                let place = view.place(*executor);
                cluster.places.iter().any(|held| held.place == place)
            })
            .collect();
        let Some((first, _, _, _)) = given.first() else {
            continue;
        };
        let mut change = Change::new(
            RULE,
            first.place,
            &*first.api,
            "a capacity limiter takes the place of the executor",
        );
        change.covers = given.iter().skip(1).map(|it| it.0.place).collect();
        let planned = kind(cx, &cluster).and_then(|pool| {
            let mut allowed: BTreeSet<Place> = BTreeSet::new();
            for (_, view, call, executor) in &given {
                allowed.insert(view.place(*executor));
                rewrite(cx, view, call, pool, &mut change)?;
            }
            pools(cx, &cluster, pool, &allowed, &mut change)
        });
        spoken.extend(given.iter().map(|it| it.0.place));
        match planned {
            Ok(()) => changes.push(change),
            Err(reason) => changes.extend(given.iter().map(|(use_, _, _, _)| {
                Change::declined(RULE, use_.place, &*use_.api, reason.clone())
            })),
        }
    }
    spoken
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
fn pools(
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
    let inner = super::arguments::inside(call);
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
