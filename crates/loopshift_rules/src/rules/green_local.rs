//! What each green thread has for itself is had by each task.

use loopshift_engine::change::Change;
use loopshift_engine::ir::FuncId;
use loopshift_python::edit::{Edit, Piece};

use crate::common::green::{LOADED_LOCAL, are_loaded, helper, is_coloured};
use crate::context::Context;
use crate::test_cases::TestCases;

const RULE: &str = "green-local";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let uses: Vec<_> = cx.uses_for(RULE).collect();
    if uses.is_empty() {
        return;
    }
    let loaded = *cx.once(are_loaded);
    let local = if loaded {
        Some(&LOADED_LOCAL)
    } else {
        helper("Local")
    };
    let tested = loaded && cx.program.functions().any(|func| is_test(cx, func));
    for (use_, _, view) in uses {
        let expr = view.tree.expr_at(use_.place.range);
        let direct = use_.only && expr.is_some_and(|expr| view.is_direct(expr));
        let reason = if !direct {
            Some("it is used through a variable that may hold something else")
        } else if tested {
            Some("it is given a value where a module is loaded, and each test is a task of its own")
        } else {
            None
        };
        let Some(local) = local.filter(|_| reason.is_none()) else {
            let reason = reason.unwrap_or("a helper is missing");
            changes.push(Change::declined(RULE, use_.place, &*use_.api, reason));
            continue;
        };
        let message = format!("`{}` becomes a class of the module", use_.api);
        let mut change = Change::new(RULE, use_.place, &*use_.api, message);
        change.edit(Edit::Replace {
            range: use_.place.range,
            pieces: vec![Piece::Helper(local)],
        });
        changes.push(change);
    }
    // Its attributes are the program's own.
    for use_ in cx.uses {
        let class = use_
            .api
            .rsplit_once('.')
            .and_then(|(class, _)| cx.catalog.get(class));
        if use_.member && class.is_some_and(|row| row.rule.as_deref() == Some(RULE)) {
            let message = "an attribute that each task has for itself";
            changes.push(Change::new(RULE, use_.place, &*use_.api, message));
        }
    }
}

/// Whether the function is a test that becomes async.
fn is_test(cx: &Context<'_>, func: FuncId) -> bool {
    let collected = cx.program.flow.collected(func).is_some();
    is_coloured(cx, func) && (collected || TestCases::of(cx).call(cx.program, func))
}
