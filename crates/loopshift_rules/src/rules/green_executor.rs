//! Executors of a patched standard library run their calls in green threads, and become a class that runs them as tasks.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::AnyNodeRef;
use loopshift_python::edit::Edit;
use rustc_hash::FxHashMap;

use super::green::{named, owners, runs_no_library, with_needs};
use crate::catalog::{Api, Kind};
use crate::context::{Context, View};

const RULE: &str = "green-executor";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let uses: Vec<_> = cx.uses_for(RULE).collect();
    if uses.is_empty() {
        return;
    }
    let owners = cx.once(owners);
    let ended = uses
        .iter()
        .any(|(use_, ..)| use_.api.ends_with(".shutdown"))
        || are_entered(&uses);
    for (use_, api, view) in uses {
        let mut change = moved(cx, &owners, use_, api, view)
            .unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason));
        if api.kind == Kind::Class && !ended {
            change.caveat("what still runs at the end of the program is cancelled; Python waits for its threads");
        }
        changes.push(change);
    }
}

fn moved(
    cx: &Context<'_>,
    owners: &FxHashMap<Place, FuncId>,
    use_: &Use,
    api: &Api,
    view: &View<'_>,
) -> Result<Change, String> {
    if cx
        .uses
        .iter()
        .any(|other| other.api.ends_with(".patched.current_thread"))
    {
        return Err(
            "the program asks for the thread that runs, which is none of a task's".to_owned(),
        );
    }
    let call = view.call_of(use_.place.range);
    let function = call.and_then(|call| call.arguments.args.first());
    if let Some(function) = function.filter(|_| api.awaits) {
        runs_no_library(cx, view, function)?;
    }
    let mut change = named(cx, owners, use_, api, view, RULE)?;
    for (_, edit) in &mut change.edits {
        if let Edit::Replace { pieces, .. } = edit {
            *pieces = with_needs(std::mem::take(pieces), false);
        }
    }
    Ok(change)
}

/// Whether an executor is the context of a `with`, which ends it.
fn are_entered(uses: &[(&Use, &Api, &View<'_>)]) -> bool {
    uses.iter().any(|(use_, api, view)| {
        let call = view
            .call_of(use_.place.range)
            .filter(|_| api.kind == Kind::Class);
        let expr = call.and_then(|call| view.tree.expr_at(call.range()));
        let parent = expr.and_then(|expr| view.tree.parent(expr));
        matches!(parent, Some(AnyNodeRef::WithItem(_)))
    })
}
