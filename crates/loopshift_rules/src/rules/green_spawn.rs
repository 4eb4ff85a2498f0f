//! Green threads that are started become tasks.
//!
//! A task needs a coroutine: a function that only runs as one becomes async, another one is called by a coroutine. And
//! it needs a reference: what starts a task and forgets it loses it.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::{Change, Place};
use loopshift_engine::facts::Cause;
use loopshift_engine::graph::functions;
use loopshift_engine::ir::{FuncId, FunctionKind};
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::{Edit, Piece, pieces};
use rustc_hash::FxHashMap;

use crate::catalog::Api;
use crate::common::code::Reach;
use crate::common::green::{
    Needs, SPAWN_FRESH, are_followed, coroutine, coroutine_from, followed as values_followed,
    handed, helper, kept_calls, owners,
};
use crate::common::shared::is_statement;
use crate::context::{Context, View};

mod early;
mod ended;
mod ends;

pub(crate) use early::{WAKING, ends_first};
pub(super) use ended::{Ended, is_left, pools_left};
pub(crate) use ends::{acts_at_end, runs_at_end};

const RULE: &str = "green-spawn";

/// What may differ for a task with handlers that nobody ends.
pub(super) const HANDLERS: &str = "if it still runs at the end of the program, its handlers run then; those of a green thread don't";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let uses: Vec<_> = cx.uses_for(RULE).collect();
    // Looking through the whole program takes long.
    if uses.is_empty() {
        return;
    }
    let needs = cx.once(Needs::new);
    let owners = cx.once(owners);
    let waits = waiting(cx, &owners);
    let reach = cx.once(Reach::new);
    let is_kept = |(use_, _, view): &&(&Use, &Api, &View<'_>)| {
        view.call_of(use_.place.range).is_none() && view.tree.expr_at(use_.place.range).is_some()
    };
    let kept: BTreeMap<&str, &Api> = (uses.iter().filter(is_kept))
        .map(|(use_, api, _)| (use_.api.as_str(), *api))
        .collect();
    let through_names: Vec<(Use, &Api, &View<'_>)> = (kept.iter())
        .flat_map(|(name, api)| {
            kept_calls(cx, name)
                .into_iter()
                .map(move |it| (name, api, it))
        })
        .map(|(name, api, (view, call))| {
            let use_ = Use {
                place: view.place(&*call.func),
                api: (*name).to_owned(),
                only: true,
                member: false,
            };
            (use_, *api, view)
        })
        .collect();
    let through_names = through_names
        .iter()
        .map(|(use_, api, view)| (use_, *api, *view));
    for (use_, api, view) in uses.into_iter().chain(through_names) {
        let state = State {
            cx,
            view,
            needs: &needs,
            owners: &owners,
            waits: &waits,
            reach: &reach,
        };
        changes.push(
            spawn(&state, use_, api)
                .unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason)),
        );
    }
}

struct State<'s> {
    cx: &'s Context<'s>,
    view: &'s View<'s>,
    needs: &'s Needs,
    owners: &'s FxHashMap<Place, FuncId>,
    waits: &'s BTreeSet<FuncId>,
    reach: &'s Reach,
}

/// The functions that wait for green threads themselves.
fn waiting(cx: &Context<'_>, owners: &FxHashMap<Place, FuncId>) -> BTreeSet<FuncId> {
    let mut out = BTreeSet::new();
    for use_ in cx.uses {
        let waits = cx.catalog.get(&use_.api).is_some_and(|api| api.suspends)
            && ["join", "get", "wait", "kill"]
                .iter()
                .any(|word| use_.api.contains(word));
        let Some(view) = cx.view(use_.place.file).filter(|_| waits) else {
            continue;
        };
        if let Some(call) = view.call_of(use_.place.range) {
            out.extend(owners.get(&view.place(call)));
        }
    }
    out
}

fn spawn(state: &State<'_>, use_: &Use, api: &Api) -> Result<Change, String> {
    let State { cx, view, .. } = state;
    // `spawn_later(seconds, function, …)`
    let is_later = api
        .signature
        .as_ref()
        .is_some_and(|signature| signature.index("seconds").is_some());
    let Some(call) = view.call_of(use_.place.range) else {
        return kept(state, use_, is_later);
    };
    if !use_.only {
        return Err("it is called through a variable that may hold something else".to_owned());
    }
    if use_.member {
        return Err("it is called on an object".to_owned());
    }
    let name = view.place(call);
    let owner = *state
        .owners
        .get(&name)
        .ok_or("the function around it was not found")?;
    state.needs.entries(cx, owner)?;
    let coroutine = coroutine(cx, view, call, is_later)?;
    let message = format!("`{}` becomes a task", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    change.covers.extend(handed(cx, view, call, is_later));
    let held = is_held(state, call, owner);
    // A green thread starts with no context variables.
    let fresh = cx.mentions("ContextVar");
    if fresh && (are_followed(cx) || !cx.settings.python_has(3, 11)) {
        let reason = "it starts with no context variables; a task can do that from Python 3.11 on, where nothing is linked to it";
        return Err(reason.to_owned());
    }
    if are_followed(cx) {
        change.edit(Edit::Replace {
            range: call.range(),
            pieces: followed(cx, view, use_, call, is_later)?,
        });
        return Ok(change);
    }
    let is_kept = !view.is_direct(&call.func);
    let mut text = if is_kept {
        vec![Piece::Source(call.func.range()), "(".into()]
    } else if held {
        pieces("{@asyncio}.create_task(", &[])
    } else {
        vec![holder(fresh)?, "(".into()]
    };
    text.extend(coroutine);
    if held && fresh && !is_kept {
        text.extend(pieces(", context={@contextvars}.Context()", &[]));
    }
    text.push(")".into());
    change.edit(Edit::Replace {
        range: call.range(),
        pieces: text,
    });
    left_at_the_end(state, call, is_later, held, &mut change)?;
    Ok(change)
}

/// The helper that starts a task and holds it.
fn holder(fresh: bool) -> Result<Piece, String> {
    let spawn = helper("spawn").ok_or("a helper is missing")?;
    Ok(Piece::Helper(if fresh { &SPAWN_FRESH } else { spawn }))
}

/// The change where it is no call: what has another name there is called by that, and starts tasks of coroutines.
///
/// # Errors
/// Where it may be used in another way, in words.
fn kept(state: &State<'_>, use_: &Use, is_later: bool) -> Result<Change, String> {
    let State { cx, view, .. } = state;
    let passed = "it is passed on as a function";
    let expr = view.tree.expr_at(use_.place.range).ok_or(passed)?;
    if is_later {
        return Err(passed.to_owned());
    }
    values_followed(cx, &use_.api)?;
    let message = format!("`{}` becomes what starts a task", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    let name = match (view.is_direct(expr), are_followed(cx)) {
        (false, _) => Piece::Source(expr.range()),
        (true, true) => Piece::Helper(helper("GreenThread").ok_or("a helper is missing")?),
        (true, false) => holder(cx.mentions("ContextVar"))?,
    };
    change.edit(Edit::Replace {
        range: expr.range(),
        pieces: vec![name],
    });
    Ok(change)
}

/// A task of a class of its own, which may begin later, where who asks for it is still there.
fn followed(
    cx: &Context<'_>,
    view: &View<'_>,
    use_: &Use,
    call: &ExprCall,
    is_later: bool,
) -> Result<Vec<Piece>, String> {
    let thread = helper("GreenThread").ok_or("a helper is missing")?;
    let thread = if view.is_direct(&call.func) || is_later {
        Piece::Helper(thread)
    } else {
        Piece::Source(call.func.range())
    };
    let mut text = vec![thread, "(".into()];
    text.extend(coroutine_from(cx, view, call, usize::from(is_later))?);
    if is_later {
        text.extend([", ".into(), Piece::Source(call.arguments.args[0].range())]);
    }
    if use_.api.ends_with("spawn_after_local") {
        text.extend(pieces(", {@asyncio}.current_task()", &[]));
    }
    text.push(")".into());
    Ok(text)
}

/// What may differ for a task that may still be there when the program ends: a green thread is dropped then, a task is
/// cancelled.
///
/// # Errors
/// Where it surely is there then, and shows it.
fn left_at_the_end(
    state: &State<'_>,
    call: &ExprCall,
    is_later: bool,
    held: bool,
    change: &mut Change,
) -> Result<(), String> {
    let State { cx, view, .. } = state;
    let forgotten = is_forgotten(state, call);
    let function = call.arguments.args.get(usize::from(is_later));
    let values = function
        .into_iter()
        .flat_map(|function| cx.program.values_at(view.place(function)));
    let reached = state.reach.from(functions(&cx.program.flow, values));
    if (!held || forgotten) && reached.iter().any(|func| waits_in_thread(cx, *func)) {
        change
            .caveat("if it still runs at the end of the program, that waits for its child process");
    }
    if forgotten && (reached.iter()).any(|func| ends::surely_runs_at_end(cx, *func)) {
        return Err("it goes on until the program ends, and its handlers would run then; those of a green thread don't".to_owned());
    }
    let is_ended = || cx.once(Ended::new).started(cx, view, call);
    if reached.iter().any(|func| runs_at_end(cx, *func)) && !is_ended() {
        change.caveat(HANDLERS);
    }
    Ok(())
}

/// Whether the function waits for a child process, in a thread: the end of the event loop waits for its threads.
fn waits_in_thread(cx: &Context<'_>, func: FuncId) -> bool {
    cx.facts().causes(func).iter().any(|cause| match cause {
        Cause::Api { name, .. } => {
            let row = cx.catalog.get(name);
            row.is_some_and(|api| api.rule.as_deref() == Some("green-subprocess"))
        }
        _ => false,
    })
}

/// Whether nobody looks at the task again: it is given no name, or one that nothing reads.
fn is_forgotten(state: &State<'_>, call: &ExprCall) -> bool {
    let State { cx, view, .. } = state;
    if is_statement(view, call) {
        return true;
    }
    let Some(AnyNodeRef::StmtAssign(assign)) = view.tree.parent(call) else {
        return false;
    };
    let reads = |view: &View<'_>, name: &str| {
        view.tree.exprs().any(|expr| match expr {
            Expr::Name(it) => it.ctx.is_load() && it.id.as_str() == name,
            Expr::Attribute(it) => it.ctx.is_load() && it.attr.as_str() == name,
            _ => false,
        })
    };
    match &assign.targets[..] {
        [Expr::Name(name)] => {
            let name = name.id.as_str();
            let is_local = cx
                .program
                .function(cx.program.function_at(view.place(call)))
                .kind
                != FunctionKind::Module;
            is_local && !reads(view, name)
        }
        [Expr::Attribute(target)] => {
            let name = target.attr.as_str();
            !cx.views_reading(&[name]).any(|view| reads(view, name))
        }
        _ => false,
    }
}

/// Whether something else than the event loop holds the task for as long as it runs.
fn is_held(state: &State<'_>, call: &ExprCall, owner: FuncId) -> bool {
    if is_statement(state.view, call) {
        return false;
    }
    let to_attribute = match state.view.tree.parent(call) {
        Some(AnyNodeRef::StmtAssign(assign)) => assign.targets.iter().any(Expr::is_attribute_expr),
        _ => false,
    };
    to_attribute || state.waits.contains(&owner)
}
