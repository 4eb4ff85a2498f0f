//! From a thread into the event loop: `anyio.from_thread`, with a token in place of the loop object.
//!
//! `from_thread.run_sync` waits where `call_soon_threadsafe` does not, and both fail in the loop's own thread. So it must
//! be known that a thread calls, and that the loop never waits for one.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::MroEntry;
use loopshift_engine::ir::{ClassId, FuncId};
use loopshift_engine::program::CallSite;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Stmt};
use loopshift_python::edit::{Edit, Helper, Piece};
use loopshift_python::{Ranged, TextRange};
use rustc_hash::FxHashSet;

use super::anyio_loop::runs_in_the_loop;
use super::anyio_run::runnable;
use crate::common::arguments::{inside, written};
use crate::common::awaited::coroutines;
use crate::common::code::Reach;
use crate::common::collected::only_read;
use crate::common::loops::{LoopObjects, loop_objects};
use crate::common::shared::number;
use crate::common::siblings::are_left_unseen;
use crate::context::{Context, View};

const RULE: &str = "anyio-from-thread";

/// Calls that run a function in a thread.
const STARTERS: &[&str] = &[
    "asyncio.to_thread",
    "asyncio.AbstractEventLoop.run_in_executor",
    "threading.Thread",
    "threading.Timer",
    "concurrent.futures.Executor.submit",
    "concurrent.futures.Executor.map",
    "concurrent.futures.ThreadPoolExecutor.submit",
    "concurrent.futures.ThreadPoolExecutor.map",
    "anyio.to_thread.run_sync",
];

/// What a thread waits for no longer than it says.
static WITHIN: Helper = Helper {
    name: "_within",
    source: "\
async def {name}(seconds, func, *args):
    \"\"\"What the coroutine of the function gives; an error if it takes longer.\"\"\"
    with {@anyio}.fail_after(seconds):
        return await func(*args)
",
};

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let mut spoken: Vec<Place> = Vec::new();
    let mut annotated = false;
    let groups = loop_objects(cx);
    // A use whose loop can't be followed may be given any of these loops.
    let followed = |place: &Place| {
        groups.iter().any(|objects| {
            objects
                .handed
                .iter()
                .chain(&objects.members)
                .any(|(known, _)| known == place)
        })
    };
    let all_followed = cx.uses_for(RULE).all(|(use_, _, _)| followed(&use_.place));
    for objects in &groups {
        if !objects.is_threaded() || objects.is_entry() {
            continue;
        }
        let mut ours: Vec<(Place, String)> = objects.sources.clone();
        ours.extend(objects.handed.iter().cloned());
        ours.extend(
            objects
                .members
                .iter()
                .filter(|(_, api)| api.ends_with(".call_soon_threadsafe"))
                .cloned(),
        );
        if !annotated {
            ours.extend(annotations(cx));
            annotated = true;
        }
        ours.sort();
        ours.dedup();
        spoken.extend(ours.iter().map(|(place, _)| *place));
        let Some((first, api)) = ours.first() else {
            continue;
        };
        let mut change = Change::new(
            RULE,
            *first,
            api.clone(),
            "threads reach the event loop by `anyio.from_thread`",
        );
        change.covers = ours.iter().skip(1).map(|(place, _)| *place).collect();
        let converted = if all_followed {
            convert(cx, objects, &mut change)
        } else {
            Err(
                "elsewhere a thread calls into a loop of which it is not known where it comes from"
                    .to_owned(),
            )
        };
        match converted {
            Ok(()) => changes.push(change),
            Err(reason) => {
                changes.extend(ours.iter().map(|(place, api)| {
                    Change::declined(RULE, *place, api.clone(), reason.clone())
                }));
            }
        }
    }
    for (use_, _, _) in cx.uses_for(RULE) {
        if !spoken.contains(&use_.place) {
            changes.push(Change::declined(
                RULE,
                use_.place,
                &*use_.api,
                "it is not known where the event loop comes from",
            ));
        }
    }
}

fn annotations(cx: &Context<'_>) -> Vec<(Place, String)> {
    cx.uses
        .iter()
        .filter(|use_| use_.api == "asyncio.AbstractEventLoop")
        .map(|use_| (use_.place, use_.api.clone()))
        .collect()
}

fn convert(cx: &Context<'_>, objects: &LoopObjects, change: &mut Change) -> Result<(), String> {
    if !cx.anyio_has(4, 11) {
        return Err(
            "threads that AnyIO did not start need a token, which it has from 4.11 on".to_owned(),
        );
    }
    if objects.sources.is_empty() {
        return Err("it is not known where the event loop comes from".to_owned());
    }
    for (place, reason) in &objects.cluster.escapes {
        if !starts_thread(cx, *place) {
            return Err(format!("the event loop leaves what can be seen: {reason}"));
        }
    }
    if objects.cluster.places.iter().any(|held| !held.only) {
        return Err("something may be an event loop or something else".to_owned());
    }
    if waits_for_a_thread(cx) {
        return Err(
            "the event loop waits for a thread (`join`), and the thread would wait for the loop"
                .to_owned(),
        );
    }
    for (place, api) in &objects.sources {
        if !matches!(
            api.as_str(),
            "asyncio.get_running_loop" | "asyncio.get_event_loop"
        ) || !runs_in_the_loop(cx, *place)
        {
            return Err(
                "it is not known that the event loop runs where it is asked for".to_owned(),
            );
        }
        change.edits.push((
            place.file,
            Edit::replace(place.range, "{@anyio.lowlevel}.current_token", &[]),
        ));
    }
    for (place, _) in annotations(cx) {
        change.edits.push((
            place.file,
            Edit::replace(place.range, "{@anyio.lowlevel}.EventLoopToken", &[]),
        ));
    }
    for (place, api) in &objects.handed {
        if api != "asyncio.run_coroutine_threadsafe" {
            return Err("the event loop is set as that of a thread".to_owned());
        }
        in_thread(cx, *place)?;
        run_coroutine(cx, *place, change)?;
    }
    for (place, api) in &objects.members {
        if api.ends_with(".call_soon_threadsafe") {
            in_thread(cx, *place)?;
            call_soon(cx, *place, change)?;
        } else {
            change.requires.push(*place);
        }
    }
    Ok(())
}

fn call_at<'c>(cx: &Context<'c>, callee: Place) -> Result<(&'c View<'c>, &'c ExprCall), String> {
    let view = cx.view(callee.file).ok_or("the file can't be edited")?;
    let call = view
        .call_of(callee.range)
        .ok_or("it is passed on as a function")?;
    Ok((view, call))
}

/// `asyncio.run_coroutine_threadsafe(f(x), loop).result()` as `anyio.from_thread.run(f, x, token=loop)`.
fn run_coroutine(cx: &Context<'_>, callee: Place, change: &mut Change) -> Result<(), String> {
    let (view, call) = call_at(cx, callee)?;
    let ([main, token], true) = (&*call.arguments.args, call.arguments.keywords.is_empty()) else {
        return Err("its arguments are given by keyword: write them in order first".to_owned());
    };
    let (waited, held) = waited(view, call).ok_or(
        "only what is waited for at once, by `.result()`, can become `anyio.from_thread.run`; \
         a blocking portal gives futures",
    )?;
    let mut given: Vec<Piece> = Vec::new();
    if let Some(seconds) = waited.arguments.find_argument_value("timeout", 0) {
        within(cx, view, (main, seconds), change)?;
        given.extend([Piece::Helper(&WITHIN), ", ".into()]);
        given.push(seconds.range().into());
        given.push(", ".into());
    }
    given.extend(runnable(cx, view, None, main)?);
    given.push(", token=".into());
    given.push(token.range().into());
    change.edits.push((
        callee.file,
        Edit::replace(callee.range, "{@anyio.from_thread}.run", &[]),
    ));
    change.edits.push((
        callee.file,
        Edit::Replace {
            range: inside(call),
            pieces: given,
        },
    ));
    change.edits.push((
        callee.file,
        Edit::delete(TextRange::new(held.end(), waited.end())),
    ));
    Ok(())
}

/// The call of `.result` that waits for a future where it is made, or at the beginning of the next statement, with the
/// expression of the future that it is one of.
fn waited<'v>(view: &'v View<'_>, made: &'v ExprCall) -> Option<(&'v ExprCall, TextRange)> {
    let held = match view.tree.parent(made)? {
        AnyNodeRef::StmtAssign(assign) => {
            let read = only_read(view, assign)?;
            let stmt = view.tree.enclosing_statement(assign.range())?;
            let (suite, at) = view.tree.suite_of(stmt)?;
            let next = suite.get(at + 1)?;
            let is_plain = matches!(
                next,
                Stmt::Return(_) | Stmt::Expr(_) | Stmt::Assign(_) | Stmt::AugAssign(_)
            );
            let is_before =
                |it: &Expr| next.range().contains_range(it.range()) && it.end() <= read.start();
            let mut calls = view.tree.exprs().filter(|it| it.is_call_expr());
            (is_plain && next.range().contains_range(read) && !calls.any(is_before))
                .then_some(read)?
        }
        _ => made.range(),
    };
    let AnyNodeRef::ExprAttribute(result) = view.tree.parent(view.tree.expr_at(held)?)? else {
        return None;
    };
    let waited = view.call_of(result.range())?;
    let arguments =
        waited.arguments.len() < 2 && !waited.arguments.args.iter().any(Expr::is_starred_expr);
    (result.attr.as_str() == "result" && arguments).then_some((waited, held))
}

/// Looks at the time that a thread waits for a coroutine: asyncio lets it run on then, and AnyIO cancels it.
fn within(
    cx: &Context<'_>,
    view: &View<'_>,
    (main, seconds): (&Expr, &Expr),
    change: &mut Change,
) -> Result<(), String> {
    if !cx.settings.python_has(3, 11) {
        return Err(
            "before Python 3.11 the error of `.result` is another `TimeoutError`".to_owned(),
        );
    }
    if number(seconds).is_none_or(|seconds| seconds <= 0.0) {
        return Err("the time that `.result` waits is not known".to_owned());
    }
    let roots = coroutines(cx, view, main).into_iter().collect();
    if !are_left_unseen(cx, &cx.once(Reach::new), &roots) {
        change.caveat("what is late is cancelled, where asyncio lets it run on");
    }
    Ok(())
}

/// `loop.call_soon_threadsafe(f, x)` as `anyio.from_thread.run_sync(f, x, token=loop)`.
fn call_soon(cx: &Context<'_>, callee: Place, change: &mut Change) -> Result<(), String> {
    let (view, call) = call_at(cx, callee)?;
    let Expr::Attribute(attribute) = &*call.func else {
        return Err("it is passed on as a function".to_owned());
    };
    if !call.arguments.keywords.is_empty()
        || !matches!(view.tree.parent(call), Some(AnyNodeRef::StmtExpr(_)))
    {
        return Err(
            "the handle or the context of `call_soon_threadsafe` has no counterpart".to_owned(),
        );
    }
    let arguments = written(view, call).ok_or("there is no function to call")?;
    let token: Vec<Piece> = vec![", token=".into(), attribute.value.range().into()];
    change.edits.push((
        callee.file,
        Edit::replace(callee.range, "{@anyio.from_thread}.run_sync", &[]),
    ));
    change.edits.push((
        callee.file,
        Edit::Replace {
            range: TextRange::empty(arguments.end()),
            pieces: token,
        },
    ));
    Ok(())
}

/// Fails where the code at a place is not known to run in a thread of its own.
fn in_thread(cx: &Context<'_>, place: Place) -> Result<(), String> {
    let unknown = || "it is not known that a thread other than the loop's calls".to_owned();
    let mut seen: FxHashSet<FuncId> = FxHashSet::default();
    let mut todo = vec![cx.program.function_at(place)];
    while let Some(func) = todo.pop() {
        if !seen.insert(func) {
            continue;
        }
        let sites = cx.callers.of(func);
        let is_run = is_run_of_thread(cx, func);
        if cx.program.function(func).is_async || sites.is_empty() && !is_run {
            return Err(unknown());
        }
        for site in sites {
            let written = |it: &CallSite| it.place == site.place && it.owner != FuncId::NONE;
            if site.owner != FuncId::NONE {
                todo.push(site.owner);
            } else if !is_run && !sites.iter().any(written) && !starts_thread(cx, site.place) {
                return Err(unknown());
            }
        }
    }
    Ok(())
}

/// Whether the function is what an object that is a thread runs in it.
fn is_run_of_thread(cx: &Context<'_>, func: FuncId) -> bool {
    let function = cx.program.function(func);
    let is_thread = |class: ClassId| {
        let mut bases = cx.program.flow.mro[class.0 as usize].iter();
        bases.any(|it| matches!(it, MroEntry::External(sym) if cx.program.flow.text(*sym) == "threading.Thread"))
    };
    function.name() == "run" && function.class.is_some_and(is_thread)
}

/// Whether the place is a call that starts a thread, or in its arguments.
fn starts_thread(cx: &Context<'_>, place: Place) -> bool {
    let Some(view) = cx.view(place.file) else {
        return false;
    };
    view.tree.around(place.range).any(|node| match node {
        AnyNodeRef::ExprCall(call) => cx
            .api_of(view, &call.func)
            .is_some_and(|api| STARTERS.contains(&api)),
        _ => false,
    })
}

/// Whether a coroutine blocks the loop until a thread has ended.
fn waits_for_a_thread(cx: &Context<'_>) -> bool {
    cx.views_naming(["join"]).any(|view| {
        view.tree.exprs().any(|expr| {
            matches!(expr, Expr::Attribute(attribute) if attribute.attr.as_str() == "join")
                && cx.api_of(view, expr) == Some("threading.Thread.join")
                && view.call_of(expr.range()).is_some()
                && runs_in_the_loop(cx, view.place(expr))
        })
    })
}
