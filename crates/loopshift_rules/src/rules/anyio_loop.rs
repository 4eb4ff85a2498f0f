//! The running event loop as an object: it goes where every use of it has another form.
//!
//! The members are the business of several rules (`create_task`, `run_in_executor`, `call_later`); the statement that
//! holds the loop goes with the last of them.

mod handed;
mod kept;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::program::CallSite;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, Operator};
use loopshift_python::edit::Edit;
use loopshift_python::{Ranged, TextRange, TextSize};
use rustc_hash::FxHashSet;

use super::loops::{LoopObjects, loop_objects, passed};
use crate::context::{Context, View};

const RULE: &str = "anyio-loop";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let mut is_threaded = false;
    for objects in loop_objects(cx) {
        if objects.is_threaded() && !objects.is_entry() {
            // Threads need a token in its place, which is another rule.
            is_threaded = true;
        } else if !objects.is_entry() {
            match asked_for(cx, &objects) {
                Some(change) => changes.push(change),
                None => changes.extend(let_go(&objects)),
            }
        }
    }
    for (use_, _, view) in cx.uses_for(RULE) {
        if use_.api == "asyncio.AbstractEventLoop.time" {
            let planned = time(cx, use_, view)
                .unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason));
            changes.push(planned);
        } else if use_.api == "asyncio.AbstractEventLoop" && !is_threaded {
            changes.push(Change::declined(
                RULE,
                use_.place,
                &*use_.api,
                "the event loop is passed around as an object here, and AnyIO has none",
            ));
        }
    }
}

/// What other rules move, of a loop that runs.
const MOVING: &[&str] = &[
    "asyncio.AbstractEventLoop.call_at",
    "asyncio.AbstractEventLoop.call_later",
    "asyncio.AbstractEventLoop.create_future",
    "asyncio.AbstractEventLoop.create_task",
    "asyncio.AbstractEventLoop.run_in_executor",
    "asyncio.AbstractEventLoop.time",
];

/// Lets functions ask for the loop that they are given, where it can go then: it does so in the next round.
fn asked_for(cx: &Context<'_>, objects: &LoopObjects) -> Option<Change> {
    let known = |(_, api): &(Place, String)| MOVING.contains(&api.as_str());
    let (place, api) = objects.sources.first()?;
    if !objects.is_only_passed || !objects.handed.is_empty() || !objects.members.iter().all(known) {
        return None;
    }
    let message = "functions ask for the event loop that runs, and are not given it";
    let mut change = Change::new(RULE, *place, api.clone(), message);
    passed::ask(cx, objects, &mut change).ok()?;
    let others = objects.sources.iter().skip(1);
    change.covers.extend(others.map(|(place, _)| *place));
    Some(change)
}

/// The changes that let a loop go, one for each call that asks for it.
fn let_go(objects: &LoopObjects) -> Vec<Change> {
    let mut out = Vec::new();
    for (index, (place, api)) in objects.sources.iter().enumerate() {
        if let Some((_, reason)) = &objects.obstacle {
            out.push(Change::declined(RULE, *place, api.clone(), reason.clone()));
            continue;
        }
        let mut change = Change::new(
            RULE,
            *place,
            api.clone(),
            "nothing needs the event loop object any more",
        );
        change.requires = objects
            .members
            .iter()
            .chain(&objects.handed)
            .map(|(place, _)| *place)
            .collect();
        if index == 0 {
            change.edits = objects
                .holding
                .iter()
                .map(|place| (place.file, Edit::DeleteStatement { range: place.range }))
                .collect();
        } else {
            change.requires.push(objects.sources[0].0);
        }
        out.push(change);
    }
    out
}

/// `loop.time()` becomes `anyio.current_time()`.
fn time(cx: &Context<'_>, use_: &Use, view: &View<'_>) -> Result<Change, String> {
    let call = view
        .call_of(use_.place.range)
        .ok_or("the clock is passed on as a function")?;
    if !use_.only {
        return Err("the object may be something else than an event loop".to_owned());
    }
    if !asks_for_running(cx, view, &call.func) && !runs_in_the_loop(cx, use_.place) {
        return Err("it may be called where no event loop runs".to_owned());
    }
    let mut seen = FxHashSet::default();
    if !is_difference(cx, view, call.range(), &mut seen) {
        return Err(
            "the time itself is used, not only a difference of two, and AnyIO's clock may start anywhere".to_owned(),
        );
    }
    let mut change = Change::new(
        RULE,
        use_.place,
        &*use_.api,
        "the clock of the loop becomes `anyio.current_time`",
    );
    change.edit(Edit::replace(
        call.func.range(),
        "{@anyio}.current_time",
        &[],
    ));
    Ok(change)
}

/// Whether it is the time of `asyncio.get_running_loop()`, which fails where no loop runs, as `AnyIO`'s clock does.
fn asks_for_running(cx: &Context<'_>, view: &View<'_>, time: &Expr) -> bool {
    let Expr::Attribute(attribute) = time else {
        return false;
    };
    matches!(&*attribute.value, Expr::Call(call)
        if cx.api_of(view, &call.func) == Some("asyncio.get_running_loop"))
}

/// Whether the code at a place runs only while an event loop does: in a coroutine, or called from one.
pub(crate) fn runs_in_the_loop(cx: &Context<'_>, place: Place) -> bool {
    let mut seen: FxHashSet<FuncId> = FxHashSet::default();
    let mut todo = vec![cx.program.function_at(place)];
    while let Some(func) = todo.pop() {
        if cx.program.function(func).is_async || !seen.insert(func) {
            continue;
        }
        let (sites, language) = (cx.callers.of(func), cx.callers.by_language(func));
        if sites.is_empty() && language.is_empty() || cx.callers.is_unseen(func) {
            return false;
        }
        todo.extend(language);
        for site in sites {
            if site.owner != FuncId::NONE {
                todo.push(site.owner);
                continue;
            }
            // The call of a class stands twice: as written, and as the class calls its `__init__`.
            let written = |it: &&CallSite| it.place == site.place && it.owner != FuncId::NONE;
            if !sites.iter().any(|it| written(&it)) {
                // A callback that a library calls runs where the library likes.
                return false;
            }
        }
    }
    true
}

/// APIs that take a time of the loop's clock.
const TAKE_A_TIME: &[&str] = &[
    "asyncio.timeout_at",
    "asyncio.AbstractEventLoop.call_at",
    "asyncio.Timeout.reschedule",
];

/// Whether a time of the loop's clock, at this range, only meets other times of it.
fn is_difference(
    cx: &Context<'_>,
    view: &View<'_>,
    range: TextRange,
    seen: &mut FxHashSet<Place>,
) -> bool {
    if !seen.insert(view.place(range)) {
        return true;
    }
    let Some(expr) = view.tree.expr_at(range) else {
        return false;
    };
    match view.tree.parent(expr) {
        Some(AnyNodeRef::ExprBinOp(operation)) => {
            let other = if operation.left.range() == range {
                &*operation.right
            } else {
                &*operation.left
            };
            if is_other_clock(cx, view, other) {
                return false;
            }
            match operation.op {
                // A time less a time is a span; a time less a span is a time.
                Operator::Sub if operation.right.range() == range => true,
                Operator::Sub if is_time(cx, view, other) => true,
                Operator::Sub | Operator::Add => is_difference(cx, view, operation.range(), seen),
                _ => false,
            }
        }
        Some(AnyNodeRef::ExprCompare(compare)) => {
            !is_other_clock(cx, view, &compare.left)
                && !compare
                    .comparators
                    .iter()
                    .any(|other| is_other_clock(cx, view, other))
        }
        Some(AnyNodeRef::ExprIf(_) | AnyNodeRef::ExprNamed(_)) => {
            let Some(parent) = view.tree.ancestors(expr).next() else {
                return false;
            };
            if let AnyNodeRef::ExprNamed(named) = parent
                && !target_is_difference(cx, view, &named.target, seen)
            {
                return false;
            }
            is_difference(cx, view, parent.range(), seen)
        }
        Some(AnyNodeRef::StmtAssign(assign)) => assign
            .targets
            .iter()
            .all(|target| target_is_difference(cx, view, target, seen)),
        Some(AnyNodeRef::StmtAnnAssign(assign)) => {
            target_is_difference(cx, view, &assign.target, seen)
        }
        Some(AnyNodeRef::StmtAugAssign(assign)) => {
            matches!(assign.op, Operator::Add | Operator::Sub)
        }
        Some(AnyNodeRef::Arguments(_)) => {
            let call = view.tree.call_around(expr);
            let Some(call) = call else { return false };
            match cx.api_of(view, &call.func) {
                Some(api) if TAKE_A_TIME.contains(&api) => true,
                Some("<builtin>.min" | "<builtin>.max") => {
                    is_difference(cx, view, call.range(), seen)
                }
                _ => {
                    call.arguments.len() == 1
                        && kept::is_kept_among_times(cx, view, &call.func, seen)
                        || handed::is_given_among_times(cx, view, call, range, seen)
                }
            }
        }
        Some(AnyNodeRef::StmtReturn(_)) => {
            let func = cx.program.function_at(view.place(range));
            let sites = cx.callers.of(func);
            !cx.callers.is_handed_over(func)
                && !cx.program.function(func).is_async
                && !sites.is_empty()
                && sites.iter().all(|site| {
                    site.only
                        && cx
                            .view(site.place.file)
                            .is_some_and(|view| is_difference(cx, view, site.place.range, seen))
                })
        }
        Some(AnyNodeRef::Keyword(_)) => {
            let call = view.tree.call_around(expr);
            call.is_some_and(|call| handed::is_given_among_times(cx, view, call, range, seen))
        }
        Some(AnyNodeRef::ExprTuple(tuple)) => {
            handed::is_kept_in_tuples(cx, view, tuple, range, seen)
        }
        Some(AnyNodeRef::StmtExpr(_)) => true,
        _ => false,
    }
}

/// Whether all reads of a variable or attribute are.
fn target_is_difference(
    cx: &Context<'_>,
    view: &View<'_>,
    target: &Expr,
    seen: &mut FxHashSet<Place>,
) -> bool {
    match target {
        Expr::Name(name) => name_is_difference(cx, view, &name.id, name.range.start(), seen),
        Expr::Attribute(attribute) => {
            // Every attribute of that name in the files we look at; the other files can't have one of these objects.
            let of_ours = cx
                .program
                .values_at(view.place(&*attribute.value))
                .all(|value| matches!(value, Value::Instance(_)));
            of_ours
                && cx.views_naming([attribute.attr.as_str()]).all(|view| {
                    reads_of(view, attribute.attr.as_str())
                        .all(|range| is_difference(cx, view, range, seen))
                })
        }
        _ => false,
    }
}

/// Whether all reads of the variable are that the name is at the offset.
fn name_is_difference(
    cx: &Context<'_>,
    view: &View<'_>,
    id: &str,
    at: TextSize,
    seen: &mut FxHashSet<Place>,
) -> bool {
    let Some(scope) = view.scopes.resolve(id, view.scopes.at(at)) else {
        return false;
    };
    if view.scopes.runs_at_import(scope) {
        return false;
    }
    view.scopes
        .references
        .iter()
        .filter(|it| it.name == id && view.scopes.resolve(id, it.scope) == Some(scope))
        .all(|it| is_difference(cx, view, it.range, seen))
}

fn reads_of<'v>(view: &'v View<'_>, name: &'v str) -> impl Iterator<Item = TextRange> + 'v {
    view.tree.exprs().filter_map(move |expr| match expr {
        Expr::Attribute(attribute)
            if attribute.ctx.is_load() && attribute.attr.as_str() == name =>
        {
            Some(attribute.range())
        }
        _ => None,
    })
}

/// Whether an expression reads the clock of the loop, directly or by a variable that holds nothing else.
fn is_time(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    match expr {
        Expr::Call(call) => cx.api_of(view, &call.func) == Some("asyncio.AbstractEventLoop.time"),
        Expr::Name(name) => {
            let id = name.id.as_str();
            let scope = view.scopes.at(name.range.start());
            let Some(scope) = view.scopes.resolve(id, scope) else {
                return false;
            };
            let Some(bindings) = view.scopes.scopes[scope].bindings.get(id) else {
                return false;
            };
            !bindings.is_empty()
                && bindings.iter().all(|binding| {
                    let stmt = view.tree.enclosing_statement(binding.range);
                    matches!(stmt, Some(loopshift_python::ast::Stmt::Assign(assign))
                        if assign.value.is_none_literal_expr()
                            || (assign.value.is_call_expr() && is_time(cx, view, &assign.value)))
                })
        }
        Expr::Attribute(attribute) => {
            let mut any = false;
            let all = cx.views_naming([attribute.attr.as_str()]).all(|view| {
                writes_of(view, attribute.attr.as_str()).all(|value| {
                    any = true;
                    value.is_none_literal_expr()
                        || (value.is_call_expr() && is_time(cx, view, value))
                })
            });
            any && all
        }
        _ => false,
    }
}

/// The values that are assigned to attributes of a name.
fn writes_of<'v>(view: &'v View<'_>, name: &'v str) -> impl Iterator<Item = &'v Expr> + 'v {
    view.tree.exprs().filter_map(move |expr| match expr {
        Expr::Attribute(attribute)
            if attribute.ctx.is_store() && attribute.attr.as_str() == name =>
        {
            match view.tree.parent(expr)? {
                AnyNodeRef::StmtAssign(assign) => Some(&*assign.value),
                AnyNodeRef::StmtAnnAssign(assign) => assign.value.as_deref(),
                AnyNodeRef::StmtAugAssign(assign) => Some(&*assign.value),
                _ => None,
            }
        }
        _ => None,
    })
}

/// Whether an expression reads another clock.
fn is_other_clock(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    match expr {
        Expr::Call(call) => cx
            .api_of(view, &call.func)
            .is_some_and(|api| api.starts_with("time.") || api.starts_with("datetime.")),
        Expr::Name(name) => {
            let id = name.id.as_str();
            let scope = view.scopes.at(name.range.start());
            view.scopes.resolve(id, scope).is_some_and(|scope| {
                view.scopes.scopes[scope]
                    .bindings
                    .get(id)
                    .is_some_and(|bindings| {
                        bindings.iter().any(|binding| {
                            matches!(view.tree.enclosing_statement(binding.range),
                                Some(loopshift_python::ast::Stmt::Assign(assign))
                                    if matches!(&*assign.value, Expr::Call(_))
                                        && is_other_clock(cx, view, &assign.value))
                        })
                    })
            })
        }
        _ => false,
    }
}
