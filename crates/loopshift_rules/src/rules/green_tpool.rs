//! What runs in the threads of eventlet's thread pool runs in those of the event loop.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::facts::Colour;
use loopshift_engine::graph::functions;
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::{Edit, Piece, pieces};
use rustc_hash::FxHashMap;

use crate::catalog::Api;
use crate::common::green::{anchor, awaited, each, is_only, named, owners, task_of};
use crate::context::{Context, View};

const RULE: &str = "green-tpool";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let owners = cx.once(owners);
    each(cx, RULE, changes, |use_, api, view| {
        moved(cx, &owners, use_, api, view)
    });
}

fn moved(
    cx: &Context<'_>,
    owners: &FxHashMap<Place, FuncId>,
    use_: &Use,
    api: &Api,
    view: &View<'_>,
) -> Result<Change, String> {
    if api.name.starts_with("eventlet.tpool.Proxy.") {
        return method(cx, owners, use_, view);
    }
    match api.name.rsplit('.').next().unwrap_or_default() {
        "killall" | "set_num_threads" => gone(use_, view),
        "execute" => {
            let call = view.call_of(use_.place.range);
            let function = call.and_then(|call| call.arguments.args.first());
            if function.is_some_and(|it| waits(cx, view, it)) {
                return Err("what runs in a thread would have to be async".to_owned());
            }
            named(cx, owners, use_, api, view, RULE)
        }
        _ => named(cx, owners, use_, api, view, RULE),
    }
}

/// Whether some function that the expression may be becomes async.
fn waits(cx: &Context<'_>, view: &View<'_>, function: &Expr) -> bool {
    let values = cx.program.values_at(view.place(function));
    functions(&cx.program.flow, values).any(|func| *cx.facts().colour(func) != Colour::Sync)
}

/// The threads of an event loop come and go by themselves.
fn gone(use_: &Use, view: &View<'_>) -> Result<Change, String> {
    let statement = view
        .call_of(use_.place.range)
        .and_then(|call| match view.tree.parent(call) {
            Some(AnyNodeRef::StmtExpr(stmt)) => Some(stmt),
            _ => None,
        });
    let statement = statement
        .filter(|_| use_.only)
        .ok_or("it is no statement of its own")?;
    let mut change = Change::new(RULE, use_.place, &*use_.api, format!("`{}` goes", use_.api));
    if use_.api.ends_with("set_num_threads") {
        change.caveat("the event loop has as many threads as its executor is made with");
    }
    change.edit(Edit::DeleteStatement {
        range: statement.range(),
    });
    Ok(change)
}

/// A method of an object whose methods run in threads.
fn method(
    cx: &Context<'_>,
    owners: &FxHashMap<Place, FuncId>,
    use_: &Use,
    view: &View<'_>,
) -> Result<Change, String> {
    let mut change = Change::new(RULE, use_.place, &*use_.api, "it runs in a thread");
    let attribute = view.tree.expr_at(use_.place.range);
    let Some(Expr::Attribute(attribute)) = attribute.filter(|_| is_only(cx, use_)) else {
        return Err("it may be a method of something else".to_owned());
    };
    let Some(call) = view.call_of(use_.place.range) else {
        if matches!(view.tree.parent(attribute), Some(AnyNodeRef::Arguments(_)))
            && task_of(cx, view, attribute).is_some()
        {
            return Err("a method of it is passed on".to_owned());
        }
        // What is no method is read as before.
        let name = attribute.attr.range();
        change.edit(Edit::replace(name, "{0}", &[name.into()]));
        return Ok(change);
    };
    let expr = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
    let owner = owners
        .get(&view.place(call))
        .ok_or("the function that waits was not found")?;
    change.requires.push(anchor(cx, *owner));
    let source = [
        Piece::Source(call.func.range()),
        Piece::Source(call.arguments.range()),
    ];
    change.edit(Edit::Replace {
        range: call.range(),
        pieces: awaited(view, expr, pieces("await {0}{1}", &source))?,
    });
    Ok(change)
}
