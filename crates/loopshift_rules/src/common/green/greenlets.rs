//! Green threads as values: what may be one, what a list holds, and when one may be cancelled in the middle of things.

use loopshift_engine::change::Place;
use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::{CallId, Value};
use loopshift_engine::ir::{Call, Node};
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{Expr, ExprCall, Stmt};

use crate::common::shared::number;
use crate::context::{Context, View};

/// The class of gevent's green threads.
pub(crate) const GREENLET: &str = "gevent.Greenlet";

/// Whether a value is a green thread of gevent, or of a class of the program that derives from it.
pub(crate) fn is_greenlet(cx: &Context<'_>, value: Value) -> bool {
    match value {
        Value::Object(class, _) => cx.program.flow.text(class) == GREENLET,
        Value::Instance(class) => {
            let bases = cx.program.flow.mro.get(class.0 as usize);
            bases.into_iter().flatten().any(|base| match base {
                MroEntry::External(sym) => cx.program.flow.text(*sym) == GREENLET,
                MroEntry::Class(_) => false,
            })
        }
        _ => false,
    }
}

/// Whether a green thread is made before it is started: the task that it becomes waits for its start.
pub(crate) fn starts_later(cx: &Context<'_>, value: Value) -> bool {
    matches!(value, Value::Instance(_)) || is_made_by(cx, value, |name| name == GREENLET)
}

/// That nobody asks a green thread at once whether it has ended which may not have begun when it is killed.
///
/// # Errors
/// Where somebody may, in words for the user.
pub(crate) fn ends_later(cx: &Context<'_>, view: &View<'_>, killed: &Expr) -> Result<(), String> {
    const ASKED: &[&str] = &["dead", "ready", "successful", "value"];
    let place = view.place(killed);
    let mut values = cx.program.values_at(place);
    let waits = values.any(|it| {
        is_made_by(cx, it, |name| name.ends_with("spawn_later"))
            || has_not_begun(cx, view, it, killed)
    });
    let is_it = |use_: &Use| {
        let view = cx.view(use_.place.file);
        let read = view.and_then(|view| view.tree.expr_at(use_.place.range));
        match (view, read) {
            (Some(other), Some(Expr::Attribute(read))) => {
                let mut values = cx.program.values_at(other.place(&*read.value));
                values.any(|it| cx.program.values_at(place).any(|known| known == it))
            }
            _ => true,
        }
    };
    let mut uses = cx.uses.iter().filter(|_| waits);
    let asked = uses.any(|use_| {
        let name = use_.api.strip_prefix(GREENLET);
        let name = name.and_then(|name| name.strip_prefix('.'));
        name.is_some_and(|name| ASKED.contains(&name)) && is_it(use_)
    });
    if asked {
        return Err(
            "a green thread that has not begun ends at once, a task a step later".to_owned(),
        );
    }
    Ok(())
}

/// Whether a function starts a green thread and uses it without any wait in between.
fn has_not_begun(cx: &Context<'_>, view: &View<'_>, made: Value, used: &Expr) -> bool {
    let Some(call) = maker(cx, made) else {
        return false;
    };
    let func = cx.program.function_at(view.place(used));
    let between = (call.range.end(), used.start());
    let is_between =
        |place: Place| place.range.start() >= between.0 && place.range.end() <= between.1;
    call.owner == func && between.0 <= between.1 && !cx.facts().waits(func).any(is_between)
}

/// Whether a green thread is made by a call of what has such a name.
fn is_made_by(cx: &Context<'_>, value: Value, is_it: impl Fn(&str) -> bool) -> bool {
    let flow = &cx.program.flow;
    maker(cx, value).is_some_and(|call| {
        flow.values_of(call.callee).any(|callee| match callee {
            Value::External(sym) | Value::ExternalBound(sym, _) => is_it(flow.text(sym)),
            _ => false,
        })
    })
}

/// The call in the text that makes an object.
pub(crate) fn maker<'c>(cx: &Context<'c>, made: Value) -> Option<&'c Call> {
    match made {
        Value::Object(_, site) if site != CallId::NONE => {
            let flow = &cx.program.flow;
            Some(&flow.linked.calls[flow.written(site).0 as usize])
        }
        _ => None,
    }
}

/// What the containers and iterators hold that a node may be.
pub(crate) fn items(cx: &Context<'_>, node: Node) -> Vec<Value> {
    let flow = &cx.program.flow;
    let mut out = Vec::new();
    for value in flow.values_of(node) {
        out.extend(items_of(cx, value));
    }
    out
}

/// What may be in a value, as far as it holds any.
pub(crate) fn items_of(cx: &Context<'_>, value: Value) -> Vec<Value> {
    let flow = &cx.program.flow;
    match value {
        Value::Container(id) => {
            let container = &flow.linked.containers[id.0 as usize];
            let slots = container.contents();
            slots.flat_map(|slot| flow.values_of(slot)).collect()
        }
        Value::Iterator(node) => flow.values_of(node).collect(),
        Value::Generator(func) => flow.values_of(cx.program.function(func).yields).collect(),
        _ => Vec::new(),
    }
}

/// Whether the program cancels green threads, so that one may end without a result.
pub(crate) fn are_killed(cx: &Context<'_>) -> bool {
    let words = ["kill", "killall", "killone", "GreenletExit", "throw"];
    words.iter().any(|word| cx.mentions(word))
}

/// Whether the green thread that makes the call has just waited for a time, so that no other one is about to run: all
/// that stands between is plain.
pub(crate) fn has_rested(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    let Some(mut stmt) = view.tree.enclosing_statement(call.range()) else {
        return false;
    };
    // The body of a `for` whose only statement it is runs after what stands before the `for`.
    while let Some((suite, at)) = view.tree.suite_of(stmt) {
        for before in suite[..at].iter().rev() {
            if rests(cx, view, before) {
                return true;
            }
            if !is_plain(cx, view, before) {
                return false;
            }
        }
        let around = view.tree.ancestors(stmt).find_map(|node| match node {
            loopshift_python::ast::AnyNodeRef::StmtFor(it) if it.body.len() == 1 => {
                view.tree.enclosing_statement(it.range())
            }
            _ => None,
        });
        match around {
            Some(outer)
                if outer.range() != stmt.range() && outer.range().contains_range(stmt.range()) =>
            {
                stmt = outer;
            }
            _ => return false,
        }
    }
    false
}

fn rests(cx: &Context<'_>, view: &View<'_>, stmt: &Stmt) -> bool {
    let value = match stmt {
        Stmt::Expr(it) => &*it.value,
        Stmt::Assign(it) => &*it.value,
        _ => return false,
    };
    let Expr::Call(call) = value else {
        return false;
    };
    match cx.api_of(view, &call.func) {
        Some("gevent.sleep" | "time.sleep") => {
            let seconds = call.arguments.args.first();
            seconds.is_some_and(|it| number(it).is_none_or(|seconds| seconds > 0.0))
        }
        Some("gevent.joinall" | "gevent.Greenlet.join" | "gevent.pool.Group.join") => {
            call.arguments.find_keyword("timeout").is_some()
        }
        _ => false,
    }
}

/// Whether a statement only prints, or gives a name to something that no call makes.
fn is_plain(cx: &Context<'_>, view: &View<'_>, stmt: &Stmt) -> bool {
    match stmt {
        Stmt::Expr(it) => match &*it.value {
            Expr::Call(call) => {
                let name = cx.api_of(view, &call.func);
                name.is_some_and(|name| {
                    name == "<builtin>.print"
                        || name.ends_with("Greenlet.kill")
                        || name.starts_with("gevent.kill")
                })
            }
            other => other.is_string_literal_expr(),
        },
        Stmt::Assign(it) => !it.value.is_call_expr() && !it.value.is_await_expr(),
        _ => false,
    }
}

/// Whether a statement only sleeps, for whatever time.
pub(crate) fn sleeps(cx: &Context<'_>, view: &View<'_>, stmt: &Stmt) -> bool {
    let Stmt::Expr(stmt) = stmt else { return false };
    let Expr::Call(call) = &*stmt.value else {
        return false;
    };
    let api = cx.api_of(view, &call.func);
    api.is_some_and(|api| matches!(api, "gevent.sleep" | "eventlet.sleep" | "time.sleep"))
}
