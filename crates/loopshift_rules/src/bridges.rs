//! What other rules change in functions that stay sync behind bridges: there nothing is awaited, and nothing of the event
//! loop may be used, which runs in another thread.

use std::collections::BTreeSet;

use loopshift_engine::change::Change;
use loopshift_engine::facts::Colour;
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::edit::{Edit, Piece};

use crate::common::code::Reach;
use crate::common::green::{anchor, helper, is_behind, is_coloured};
use crate::context::Context;
use crate::served;

/// Waits by bridges where the changes say `await`, and declines what else they do in such functions.
pub(crate) fn cross(cx: &Context<'_>, changes: &mut [Change]) {
    let behind: BTreeSet<FuncId> = (cx.program.functions())
        .filter(|func| is_behind(cx, *func))
        .collect();
    if behind.is_empty() {
        return;
    }
    // What such a function calls runs in its thread, up to what is async.
    let stops =
        |func: FuncId| matches!(cx.facts().colour(func), Colour::Becomes(_) | Colour::Async);
    let beside = cx.once(Reach::new).until(behind.iter().copied(), stops);
    for change in changes.iter_mut().filter(|it| it.declined.is_none()) {
        // Colour writes its own bridges.
        if change.rule == "green-colour" {
            continue;
        }
        let owner = cx.program.function_at(change.place);
        if !beside.contains(&owner) {
            continue;
        }
        let crossed = behind.contains(&owner) && crosses(change);
        if crossed {
            change.requires.push(anchor(cx, owner));
            continue;
        }
        let name = cx.program.qualified_name(owner);
        change.edits.clear();
        change.declined = Some(format!(
            "`{name}` would run in a thread beside the event loop, because what calls it can't be async, and this belongs to the loop"
        ));
    }
}

/// Declines what the threads in which a server runs requests would do to objects of the event loop.
pub(crate) fn requests(cx: &Context<'_>, changes: &mut [Change]) {
    let roots = served::roots(cx.program).into_iter();
    let roots: Vec<FuncId> = roots.filter(|func| !is_coloured(cx, *func)).collect();
    if roots.is_empty() {
        return;
    }
    let stops =
        |func: FuncId| matches!(cx.facts().colour(func), Colour::Becomes(_) | Colour::Async);
    let beside = cx.once(Reach::new).until(roots, stops);
    for change in changes.iter_mut().filter(|it| it.declined.is_none()) {
        let owner = cx.program.function_at(change.place);
        let is_use = |use_: &Use| use_.place == change.place && changes_object(cx, use_);
        if !beside.contains(&owner) || !cx.uses.iter().any(is_use) {
            continue;
        }
        let name = cx.program.qualified_name(owner);
        change.edits.clear();
        change.declined = Some(format!(
            "`{name}` runs in a thread for a request, and this belongs to the event loop"
        ));
    }
}

/// Whether the use does something to an object of the event loop, or starts a task.
fn changes_object(cx: &Context<'_>, use_: &Use) -> bool {
    const OBJECTS: &[&str] = &[
        "green-event",
        "green-greenlet",
        "green-greenpool",
        "green-greenthread",
        "green-itempool",
        "green-lock",
        "green-pool",
        "green-queue",
        "green-spawn",
    ];
    const ACTS: &[&str] = &[
        "acquire",
        "cancel",
        "clear",
        "get_nowait",
        "kill",
        "link",
        "put",
        "put_nowait",
        "release",
        "reset",
        "send",
        "send_exception",
        "set",
        "set_exception",
        "spawn",
        "spawn_after",
        "spawn_later",
        "spawn_n",
        "start",
        "task_done",
        "get",
        "apply_async",
    ];
    let row = cx
        .catalog
        .get(&use_.api)
        .filter(|_| cx.recipe.moves(&use_.api));
    let rule = row.and_then(|row| row.rule.as_deref());
    let last = use_.api.rsplit('.').next().unwrap_or_default();
    rule.is_some_and(|rule| OBJECTS.contains(&rule)) && ACTS.contains(&last)
}

/// Turns the one `await` that a change writes into a wait on the bridge.
fn crosses(change: &mut Change) -> bool {
    let [(_, Edit::Replace { pieces, .. })] = &mut change.edits[..] else {
        return false;
    };
    let Some(bridge) = helper("Bridge") else {
        return false;
    };
    let Some(Piece::Text(first)) = pieces.first_mut() else {
        return false;
    };
    let Some(rest) = first.strip_prefix("await ") else {
        return false;
    };
    *first = format!(".wait({rest}").into();
    pieces.insert(0, Piece::Helper(bridge));
    pieces.push(")".into());
    true
}
