//! What is asked of gevent's hub: its pool of threads, and where it tells of errors.

use loopshift_engine::change::Change;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::{Edit, Piece, pieces};

use super::green::{THREADS, assembled};
use super::green_pool::methods;
use crate::context::{Context, View};

const RULE: &str = "green-geventhub";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for (use_, _, view) in cx.uses_for(RULE) {
        changes.push(
            moved(cx, use_, view)
                .unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason)),
        );
    }
}

fn moved(cx: &Context<'_>, use_: &Use, view: &View<'_>) -> Result<Change, String> {
    let message = format!("`{}` has a counterpart", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    let expr = view
        .tree
        .expr_at(use_.place.range)
        .ok_or("it can't be found")?;
    if use_.api == "gevent.get_hub" {
        change.edit(silent(view, expr)?);
        return Ok(change);
    }
    let hub = expr
        .as_attribute_expr()
        .and_then(|it| it.value.as_call_expr())
        .filter(|hub| cx.api_of(view, &hub.func) == Some("gevent.get_hub"))
        .ok_or("the hub comes through a variable")?;
    change.covers.push(view.place(&*hub.func));
    let used = methods(cx);
    let helper = assembled(&THREADS, |name| used.contains(name));
    change.edit(Edit::Replace {
        range: expr.range(),
        pieces: vec![Piece::Helper(helper), ".shared()".into()],
    });
    Ok(change)
}

/// `get_hub().exception_stream = None`: nobody is told of the errors of tasks.
fn silent(view: &View<'_>, get_hub: &Expr) -> Result<Edit, String> {
    let unknown = "asyncio has no hub; what is asked of it here is not known";
    let call = view.call_of(get_hub.range()).ok_or(unknown)?;
    let Some(AnyNodeRef::ExprAttribute(it)) = view.tree.parent(call) else {
        return Err(unknown.to_owned());
    };
    match view.tree.parent(it) {
        Some(AnyNodeRef::StmtAssign(assign))
            if it.attr.as_str() == "exception_stream"
                && assign.value.is_none_literal_expr()
                && assign.targets.len() == 1 =>
        {
            let text = "{@logging}.getLogger(\"asyncio\").setLevel({@logging}.CRITICAL)";
            Ok(Edit::Replace {
                range: assign.range(),
                pieces: pieces(text, &[]),
            })
        }
        _ => Err(unknown.to_owned()),
    }
}
