//! Green threads that are started become tasks.
//!
//! A task needs a coroutine: a function that only runs as one becomes async, another one is called by a coroutine. And
//! it needs a reference: what starts a task and forgets it loses it.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::facts::Cause;
use loopshift_engine::flow::Target;
use loopshift_engine::graph::callees;
use loopshift_engine::ir::{FuncId, FunctionKind};
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::{Edit, Piece, pieces};
use rustc_hash::FxHashMap;

use super::code::{Reach, definition, own};
use super::green::{
    Needs, SPAWN_FRESH, are_followed, coroutine, coroutine_from, handed, helper, owners,
};
use super::shared::is_statement;
use crate::catalog::Api;
use crate::context::{Context, View};

const RULE: &str = "green-spawn";

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
    for (use_, api, view) in uses {
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
    let call = view
        .call_of(use_.place.range)
        .ok_or("it is passed on as a function")?;
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
    // `spawn_later(seconds, function, …)`
    let is_later = api
        .signature
        .as_ref()
        .is_some_and(|signature| signature.index("seconds").is_some());
    let coroutine = coroutine(cx, view, call, is_later)?;
    let message = format!("`{}` becomes a task", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    change.covers.extend(handed(view, call, is_later));
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
    let mut text = if held {
        pieces("{@asyncio}.create_task(", &[])
    } else {
        let spawn = helper("spawn").ok_or("a helper is missing")?;
        let spawn = if fresh { &SPAWN_FRESH } else { spawn };
        vec![Piece::Helper(spawn), "(".into()]
    };
    text.extend(coroutine);
    if held && fresh {
        text.extend(pieces(", context={@contextvars}.Context()", &[]));
    }
    text.push(")".into());
    change.edit(Edit::Replace {
        range: call.range(),
        pieces: text,
    });
    if !held {
        left_at_the_end(state, call, owner, is_later, &mut change);
    }
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
    let mut text = vec![Piece::Helper(thread), "(".into()];
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
fn left_at_the_end(
    state: &State<'_>,
    call: &ExprCall,
    owner: FuncId,
    is_later: bool,
    change: &mut Change,
) {
    let State { cx, view, .. } = state;
    let function = call.arguments.args.get(usize::from(is_later));
    let values = function.into_iter().flat_map(|function| {
        let values = cx.program.values_at(view.place(function));
        values.flat_map(|value| callees(&cx.program.flow, value))
    });
    let functions = values.filter_map(|target| match target {
        Target::Func(func) => Some(func),
        Target::External(_) => None,
    });
    let reached = state.reach.from(functions);
    if reached.iter().any(|func| waits_in_thread(cx, *func)) {
        change
            .caveat("if it still runs at the end of the program, that waits for its child process");
    }
    let handles = reached.into_iter().any(|func| runs_at_end(cx, func));
    if handles {
        change.caveat(
            "if it still runs at the end of the program, its handlers run then; those of a green thread don't",
        );
    }
    if may_end_first(cx, owner, view.place(call), &mut BTreeSet::new()) {
        change.caveat("if the program ends before it starts, its first step runs all the same");
    }
}

/// Whether the program may end before anything waits behind a place: neither its function waits there, nor who calls it.
fn may_end_first(
    cx: &Context<'_>,
    owner: FuncId,
    place: Place,
    seen: &mut BTreeSet<FuncId>,
) -> bool {
    let Some(view) = cx.view(place.file).filter(|_| seen.insert(owner)) else {
        return false;
    };
    let waits_after = cx.facts().causes(owner).iter().any(|cause| match cause {
        Cause::Api { place: wait, .. } | Cause::Call { place: wait, .. } => {
            wait.file == place.file && wait.range.start() >= place.range.end()
        }
        _ => false,
    });
    let in_loop = view
        .tree
        .around(place.range)
        .any(|node| matches!(node, AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtWhile(_)));
    if waits_after || in_loop {
        return false;
    }
    let is_module = cx.program.function(owner).kind == FunctionKind::Module;
    let mut sites = cx.callers.of(owner).iter();
    is_module
        || sites.any(|site| {
            site.owner != FuncId::NONE && may_end_first(cx, site.owner, site.place, seen)
        })
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

/// Whether something in the function runs when its task is cancelled.
pub(super) fn runs_at_end(cx: &Context<'_>, func: FuncId) -> bool {
    definition(cx, func).is_some_and(|(_, def)| own(&def.body).into_iter().any(handles_end))
}

/// Whether the statement runs when its task is cancelled.
fn handles_end(node: AnyNodeRef<'_>) -> bool {
    match node {
        AnyNodeRef::StmtTry(it) => !it.finalbody.is_empty(),
        AnyNodeRef::StmtWith(_) => true,
        AnyNodeRef::ExceptHandlerExceptHandler(it) => {
            let name = match it.type_.as_deref() {
                Some(Expr::Name(name)) => Some(name.id.as_str()),
                Some(Expr::Attribute(name)) => Some(name.attr.as_str()),
                _ => None,
            };
            name.is_none_or(|name| matches!(name, "BaseException" | "GreenletExit"))
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
