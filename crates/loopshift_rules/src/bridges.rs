//! What other rules change in functions that stay sync behind bridges: there nothing is awaited, and nothing of the event
//! loop may be used, which runs in another thread.

use std::collections::BTreeSet;

use loopshift_engine::change::Change;
use loopshift_engine::facts::Colour;
use loopshift_engine::ir::FuncId;
use loopshift_python::edit::{Edit, Piece};

use crate::context::Context;
use crate::rules::code::Reach;
use crate::rules::green::{anchor, helper, is_behind};

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
