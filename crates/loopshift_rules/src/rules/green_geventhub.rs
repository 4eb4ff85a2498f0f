//! What is asked of gevent's hub is asked of the event loop: its callbacks and timers, its pool of threads, and where it
//! tells of errors.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprAttribute, StmtAssign};
use loopshift_python::edit::{Edit, Piece, pieces};

use super::green_pool::methods;
use crate::catalog::{Api, Kind};
use crate::common::green::{GREENLET_CLASS, Needs, THREADS, Threads, assembled, helper};
use crate::context::{Context, View};

const RULE: &str = "green-geventhub";

/// Attributes of the hub that are set to something else.
const SET: &[&str] = &["exception_stream", "handle_error", "print_exception"];

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let uses: Vec<_> = cx.uses_for(RULE).collect();
    if uses.is_empty() {
        return;
    }
    for (use_, api, view) in uses {
        let moved = moved(cx, use_, api, view);
        changes.extend(
            moved.unwrap_or_else(|reason| {
                Some(Change::declined(RULE, use_.place, &*use_.api, reason))
            }),
        );
    }
    for view in cx.views_naming(["exception_stream", "handle_error", "print_exception"]) {
        for node in view.tree.nodes() {
            let AnyNodeRef::StmtAssign(assign) = node else {
                continue;
            };
            if let Some(target) = set(cx, view, assign) {
                changes.push(reporting(cx, view, assign, target));
            }
        }
    }
}

fn moved(
    cx: &Context<'_>,
    use_: &Use,
    api: &Api,
    view: &View<'_>,
) -> Result<Option<Change>, String> {
    let message = format!("`{}` has a counterpart", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    let expr = view
        .tree
        .expr_at(use_.place.range)
        .ok_or("it can't be found")?;
    if is_get_hub(&use_.api) {
        let call = view
            .call_of(expr.range())
            .ok_or("it is passed on as a function")?;
        if !use_.only {
            return Err("it is called through a variable that may hold something else".to_owned());
        }
        if !asks_loop(cx, view.place(call)) {
            return Ok(None);
        }
        let owner = cx.program.function_at(view.place(call));
        cx.once(Needs::new).entries(cx, owner)?;
        cx.once(Threads::new).allow(cx, view.place(call))?;
        change.edit(Edit::Replace {
            range: call.range(),
            pieces: pieces("{@asyncio}.get_running_loop()", &[]),
        });
        return Ok(Some(change));
    }
    if use_.api != "gevent.hub.Hub.threadpool" {
        if api.kind == Kind::Class {
            return Err("it is gevent's own".to_owned());
        }
        if !use_.only {
            return Err("it may be asked of something else".to_owned());
        }
        // What takes the place of the object has it.
        return Ok(Some(change));
    }
    let hub = expr.as_attribute_expr().map(|it| &*it.value);
    if let Some(Expr::Call(hub)) = hub {
        change.covers.push(view.place(&*hub.func));
    }
    let used = methods(cx);
    let helper = assembled(&THREADS, |name| used.contains(name));
    change.edit(Edit::Replace {
        range: expr.range(),
        pieces: vec![Piece::Helper(helper), ".shared()".into()],
    });
    Ok(Some(change))
}

/// Whether it gives the hub: gevent's, or eventlet's.
pub(crate) fn is_get_hub(api: &str) -> bool {
    matches!(api, "gevent.get_hub" | "eventlet.hubs.get_hub")
}

/// Whether the hub that a call of `get_hub` gives is asked what only a running event loop can tell.
pub(crate) fn asks_loop(cx: &Context<'_>, get_hub: Place) -> bool {
    let Some(view) = cx.view(get_hub.file) else {
        return true;
    };
    let call = view.tree.expr_at(get_hub.range);
    let Some(AnyNodeRef::ExprAttribute(it)) = call.and_then(|call| view.tree.parent(call)) else {
        return true;
    };
    match it.attr.as_str() {
        "threadpool" => false,
        "exception_stream" => !it.ctx.is_store(),
        _ => true,
    }
}

/// The attribute of the hub that an assignment sets.
fn set<'v>(cx: &Context<'_>, view: &View<'_>, assign: &'v StmtAssign) -> Option<&'v ExprAttribute> {
    let [Expr::Attribute(target)] = &assign.targets[..] else {
        return None;
    };
    let is_hub = |value| matches!(value, Value::Object(class, _) if cx.program.flow.text(class) == "gevent.hub.Hub");
    let mut values = cx.program.values_at(view.place(&*target.value));
    (SET.contains(&target.attr.as_str()) && values.any(is_hub)).then_some(target)
}

/// `get_hub().print_exception = report`: who is told of the errors of tasks; `exception_stream = None`: nobody is.
fn reporting(
    cx: &Context<'_>,
    view: &View<'_>,
    assign: &StmtAssign,
    target: &ExprAttribute,
) -> Change {
    let api = format!("gevent.hub.Hub.{}", target.attr);
    let place = view.place(target);
    let message = format!("`{api}` has a counterpart");
    let mut change = Change::new(RULE, place, &*api, message);
    if let Expr::Call(hub) = &*target.value {
        change.covers.push(view.place(&*hub.func));
    }
    let pieces = if target.attr.as_str() != "exception_stream" {
        let mut uses = cx.uses.iter();
        let reason = if uses.any(|use_| use_.api == GREENLET_CLASS) {
            Some("a task that waits for its start is made in another way, and tells nobody")
        } else {
            None
        };
        let Some(helper) = helper("report_errors").filter(|_| reason.is_none()) else {
            return Change::declined(RULE, place, &*api, reason.unwrap_or("a helper is missing"));
        };
        let report = Piece::Source(assign.value.range());
        vec![Piece::Helper(helper), "(".into(), report, ")".into()]
    } else if assign.value.is_none_literal_expr() {
        let text = "{@logging}.getLogger(\"asyncio\").setLevel({@logging}.CRITICAL)";
        pieces(text, &[])
    } else {
        let reason = "asyncio tells of errors through its log";
        return Change::declined(RULE, place, &*api, reason);
    };
    change.edit(Edit::Replace {
        range: assign.range(),
        pieces,
    });
    change
}
