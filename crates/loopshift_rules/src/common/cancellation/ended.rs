//! What ends as cancelled by itself, and what ends a cancellation that comes to it.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::objects::{Cluster, Held, clusters, site_place};
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr, Stmt};
use loopshift_python::{Ranged, TextRange};
use rustc_hash::FxHashMap;

use super::{exits, is_cancelled_error, waits_for_futures};
use crate::common::awaited::{Awaited, awaited};
use crate::common::cancel::{is_told_to_stop, may_be_cancelled};
use crate::common::code::{Reach, definition, own, switches};
use crate::common::per_function::PerFunction;
use crate::context::{Context, View};

/// Whether a coroutine that runs in these functions may end as cancelled though nobody cancelled it: one of them raises
/// the class, or hands on the end of a task or future that somebody told to stop.
pub(crate) fn ends_as_cancelled(cx: &Context<'_>, functions: &BTreeSet<FuncId>) -> bool {
    raises_cancelled(cx, functions) || cx.once(Stopped::new).hands_on(cx, functions)
}

/// What tasks and futures have become that have moved before: who waits for one that was told to stop gets an error.
const MOVED: &[&str] = &["anyio.TaskHandle", "anyio.Future"];

/// Which tasks and futures may end as cancelled.
struct Stopped {
    /// By the calls that make them: whether they may.
    sites: FxHashMap<Place, bool>,
    /// Whether any may.
    some: bool,
}

impl Stopped {
    fn new(cx: &Context<'_>) -> Self {
        let wanted = |class: &str| {
            matches!(class, "asyncio.Task" | "asyncio.Future") || MOVED.contains(&class)
        };
        let clusters = clusters(cx.program, wanted);
        let mut stopped = Stopped {
            sites: FxHashMap::default(),
            some: false,
        };
        for cluster in &clusters {
            let own = waited_where_made(cx, cluster);
            let reached = |cx: &Context<'_>, place: Place| {
                // Who alone waits for it is the one that is cancelled with it.
                own != Some(place) && may_be_cancelled(cx, place)
            };
            let told = is_told_to_stop(cx, cluster, reached);
            stopped.some |= told;
            for site in &cluster.sites {
                stopped.sites.insert(*site, told);
            }
        }
        // A task that waits for one that may is another one.
        let reach = cx.once(Reach::new);
        loop {
            let more: Vec<&Cluster> = (clusters.iter())
                .filter(|cluster| cluster.sites.iter().any(|site| !stopped.sites[site]))
                .filter(|cluster| {
                    let started = cluster.sites.iter().flat_map(|site| started_by(cx, *site));
                    let functions = reach.from(started);
                    raises_cancelled(cx, &functions) || stopped.hands_on(cx, &functions)
                })
                .collect();
            if more.is_empty() {
                return stopped;
            }
            for site in more.into_iter().flat_map(|cluster| &cluster.sites) {
                stopped.sites.insert(*site, true);
            }
            stopped.some = true;
        }
    }

    /// Whether one of the functions hands on the end of one that may.
    fn hands_on(&self, cx: &Context<'_>, functions: &BTreeSet<FuncId>) -> bool {
        let known = cx.once(|_| PerFunction::<bool>::default());
        let waits = |func: &FuncId| known.of(*func, || !handed_on(cx, *func).is_empty());
        self.some
            && (functions.iter().filter(|func| waits(func)))
                .flat_map(|func| handed_on(cx, *func))
                .any(|(view, expr)| self.may_be_stopped(cx, view, expr))
    }

    fn may_be_stopped(&self, cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
        let mut values = cx.program.values_at(view.place(expr)).peekable();
        let site = |value| match value {
            Value::Object(_, site) => site_place(cx.program, site),
            _ => None,
        };
        let known = values.peek().is_some();
        !known
            || values.any(|value| {
                let site = site(value).and_then(|site| self.sites.get(&site));
                site.is_none_or(|told| *told)
            })
    }
}

/// The only place that waits for what a call makes, where that is the same run of the function as the call: a variable of it that
/// holds nothing else.
fn waited_where_made(cx: &Context<'_>, cluster: &Cluster) -> Option<Place> {
    let [site] = *cluster.sites else { return None };
    let view = cx.view(site.file)?;
    let is_waited = |held: &&Held| {
        let Some(view) = cx.view(held.place.file) else {
            return true;
        };
        let call = (view.tree.expr_at(held.place.range)).and_then(|it| view.tree.call_around(it));
        let by_call = call.and_then(|call| cx.api_of(view, &call.func));
        view.await_of(held.place.range).is_some()
            || matches!(
                by_call,
                Some("asyncio.wait_for" | "asyncio.gather" | "asyncio.wait")
            )
    };
    let mut waits = cluster.places.iter().filter(is_waited);
    let (wait, None) = (waits.next()?.place, waits.next()) else {
        return None;
    };
    let name = view.tree.expr_at(wait.range)?.as_name_expr()?;
    let scopes = &view.scopes;
    let scope = scopes.resolve(name.id.as_str(), scopes.at(name.start()))?;
    let [bound] = &**scopes.scopes[scope].bindings.get(name.id.as_str())? else {
        return None;
    };
    let made = view.tree.enclosing_statement(bound.range)?;
    let is_here = wait.file == site.file && made.range().contains_range(site.range);
    let same = cx.program.function_at(wait) == cx.program.function_at(site);
    (is_here && same && scopes.at(name.start()) == scope).then_some(wait)
}

/// The tasks and futures that a function waits for, and whose end as cancelled it hands on.
fn handed_on<'c>(cx: &Context<'c>, function: FuncId) -> Vec<(&'c View<'c>, &'c Expr)> {
    let Some((view, def)) = definition(cx, function) else {
        return Vec::new();
    };
    let awaits = own(&def.body).into_iter().filter_map(|node| match node {
        AnyNodeRef::ExprAwait(it) => Some(&*it.value),
        _ => None,
    });
    let is_moved = |expr: &Expr| {
        let mut values = cx.program.values_at(view.place(expr));
        values.any(|value| match value {
            Value::Object(class, _) => MOVED.contains(&cx.program.flow.text(class)),
            _ => false,
        })
    };
    awaits
        .filter(|expr| awaited(cx, view, expr) == Awaited::Future || is_moved(expr))
        .filter(|expr| !keeps_cancelled(cx, view, expr))
        .map(|expr| (view, expr))
        .collect()
}

/// The functions that run in the task that a call makes.
fn started_by(cx: &Context<'_>, site: Place) -> Vec<FuncId> {
    let Some((view, call)) = cx.view(site.file).and_then(|view| {
        let call = view.tree.expr_at(site.range)?.as_call_expr()?;
        Some((view, call))
    }) else {
        return Vec::new();
    };
    (call.arguments.args.iter())
        .flat_map(|argument| cx.program.values_at(view.place(argument)))
        .filter_map(|value| match value {
            Value::Coroutine(func) => Some(func),
            _ => None,
        })
        .collect()
}

/// Whether one of the functions raises `CancelledError` itself.
pub(crate) fn raises_cancelled(cx: &Context<'_>, functions: &BTreeSet<FuncId>) -> bool {
    let known = cx.once(raising);
    let raises = |function: FuncId| {
        let Some((view, def)) = definition(cx, function) else {
            return false;
        };
        own(&def.body).into_iter().any(|node| {
            let AnyNodeRef::StmtRaise(raise) = node else {
                return false;
            };
            let class = match raise.exc.as_deref() {
                Some(Expr::Call(call)) => Some(&*call.func),
                other => other,
            };
            class.is_some_and(|class| is_cancelled_error(cx, view, class))
        })
    };
    (functions.iter()).any(|function| known.of(*function, || raises(*function)))
}

/// Which functions raise `CancelledError` themselves, as far as it was asked.
fn raising(_: &Context<'_>) -> PerFunction<bool> {
    PerFunction::default()
}

/// Whether a handler around the expression, in its function, ends each cancellation that comes out of it.
fn keeps_cancelled(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    let catches = |class: &Expr| {
        is_cancelled_error(cx, view, class)
            || matches!(
                cx.api_of(view, class),
                Some("<builtin>.BaseException" | "anyio.TaskCancelled")
            )
    };
    let any = |class: &Expr| match class {
        Expr::Tuple(tuple) => tuple.elts.iter().any(catches),
        class => catches(class),
    };
    view.tree
        .ancestors(expr)
        .take_while(|node| !matches!(node, AnyNodeRef::StmtFunctionDef(_)))
        .any(|node| match node {
            AnyNodeRef::StmtTry(it) => {
                let inside = it
                    .body
                    .iter()
                    .any(|stmt| stmt.range().contains_range(expr.range()));
                inside
                    && it
                        .handlers
                        .iter()
                        .any(|ExceptHandler::ExceptHandler(handler)| {
                            let name = handler
                                .name
                                .as_ref()
                                .map(loopshift_python::ast::Identifier::as_str);
                            let left = exits(&handler.body, name);
                            handler.type_.as_deref().is_none_or(any)
                                && !left.reraises
                                && !left.raises
                        })
            }
            AnyNodeRef::StmtWith(it) => it.items.iter().any(|item| {
                matches!(&item.context_expr, Expr::Call(call)
                    if cx.api_of(view, &call.func) == Some("contextlib.suppress")
                        && call.arguments.args.iter().any(catches))
            }),
            _ => false,
        })
}

/// Whether these statements of a function end a cancellation of the function, as far as the program shows that there may be
/// one, or wait for a function that does: a scope or a task group around them would be cancelled still.
pub(crate) fn end_a_cancellation(cx: &Context<'_>, view: &View<'_>, body: &[Stmt]) -> bool {
    let mut seen = BTreeSet::new();
    let mut todo = vec![(view, body)];
    while let Some((view, body)) = todo.pop() {
        if end_one_here(cx, view, body) {
            return true;
        }
        for node in own(body) {
            let AnyNodeRef::ExprAwait(it) = node else {
                continue;
            };
            let awaited = cx.program.values_at(view.place(&*it.value));
            let awaited = awaited.filter_map(|value| match value {
                Value::Coroutine(func) => Some(func),
                _ => None,
            });
            todo.extend(
                awaited
                    .filter(|func| seen.insert(*func))
                    .filter_map(|func| definition(cx, func))
                    .map(|(view, def)| (view, &*def.body)),
            );
        }
    }
    false
}

/// Whether one of the statements itself ends a cancellation.
fn end_one_here(cx: &Context<'_>, view: &View<'_>, body: &[Stmt]) -> bool {
    let may_reach = |body: &[Stmt]| {
        let (Some(first), Some(last)) = (body.first(), body.last()) else {
            return false;
        };
        let range = TextRange::new(first.start(), last.end());
        switches(body)
            && !waits_for_futures(cx, view, body)
            && may_be_cancelled(cx, loopshift_engine::program::place(view.file, range))
    };
    let ends = |ExceptHandler::ExceptHandler(handler): &ExceptHandler| {
        let name = handler
            .name
            .as_ref()
            .map(loopshift_python::ast::Identifier::as_str);
        let left = exits(&handler.body, name);
        handler
            .type_
            .as_deref()
            .is_none_or(|it| is_for_cancellation(cx, view, it))
            && (left.falls || left.returns || left.breaks || left.continues)
    };
    own(body).into_iter().any(|node| match node {
        AnyNodeRef::StmtTry(it) => {
            // The first handler that catches it has the word.
            let first = (it.handlers.iter()).find(|handler| {
                let ExceptHandler::ExceptHandler(handler) = handler;
                handler
                    .type_
                    .as_deref()
                    .is_none_or(|it| is_for_cancellation(cx, view, it))
            });
            first.is_some_and(ends) && may_reach(&it.body)
        }
        AnyNodeRef::StmtWith(it) => {
            let suppresses = it.items.iter().any(|item| {
                let Expr::Call(call) = &item.context_expr else {
                    return false;
                };
                cx.api_of(view, &call.func) == Some("contextlib.suppress")
                    && (call.arguments.args.iter())
                        .any(|class| is_for_cancellation(cx, view, class))
            });
            suppresses && may_reach(&it.body)
        }
        _ => false,
    })
}

/// Whether a class that is caught is known to be that of a cancellation, or of everything.
fn is_for_cancellation(cx: &Context<'_>, view: &View<'_>, class: &Expr) -> bool {
    match class {
        Expr::Tuple(classes) => (classes.elts.iter()).any(|it| is_for_cancellation(cx, view, it)),
        Expr::Call(call) => cx.api_of(view, &call.func) == Some("anyio.get_cancelled_exc_class"),
        class => {
            is_cancelled_error(cx, view, class)
                || cx.api_of(view, class) == Some("<builtin>.BaseException")
        }
    }
}
