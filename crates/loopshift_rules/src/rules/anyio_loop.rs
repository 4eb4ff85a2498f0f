//! The running event loop as an object: it goes where every use of it has another form.
//!
//! The members are the business of several rules (`create_task`, `run_in_executor`, `call_later`); the statement that
//! holds the loop goes with the last of them.

mod clock;
mod handed;
mod points;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::ir::FuncId;
use loopshift_engine::program::CallSite;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::Expr;
use loopshift_python::edit::Edit;
use rustc_hash::FxHashSet;

use crate::common::loops::{LoopObjects, loop_objects, passed};
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
    if !clock::only_meets_times(cx, view, call.range()) {
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
