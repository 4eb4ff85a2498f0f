//! Executors of a patched standard library run their calls in green threads, and become a class that runs them as tasks.

use loopshift_engine::change::Change;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::AnyNodeRef;

use crate::catalog::{Api, Kind};
use crate::common::green::{each, named, owners, runs_no_library};
use crate::context::{Context, View};

const RULE: &str = "green-executor";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let uses: Vec<_> = cx.uses_for(RULE).collect();
    if uses.is_empty() {
        return;
    }
    let mut every = cx.uses.iter();
    let asked = every.any(|other| other.api.ends_with(".patched.current_thread"));
    let ended = uses
        .iter()
        .any(|(use_, ..)| use_.api.ends_with(".shutdown"))
        || are_entered(&uses);
    each(cx, RULE, changes, |use_, api, view| {
        if asked {
            return Err(
                "the program asks for the thread that runs, which is none of a task's".to_owned(),
            );
        }
        let mut change = moved(cx, use_, api, view)?;
        if api.kind == Kind::Class && !ended {
            change.caveat("what still runs at the end of the program is cancelled; Python waits for its threads");
        }
        Ok(change)
    });
}

fn moved(cx: &Context<'_>, use_: &Use, api: &Api, view: &View<'_>) -> Result<Change, String> {
    let call = view.call_of(use_.place.range);
    let function = call.and_then(|call| call.arguments.args.first());
    if let Some(function) = function.filter(|_| api.awaits) {
        runs_no_library(cx, view, function)?;
    }
    named(cx, &cx.once(owners), use_, api, view, RULE)
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
