//! What a task that is left does at the end of the program: it is cancelled, and its handlers run. A green thread is
//! dropped.

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr, Stmt, StmtWhile};
use loopshift_python::{Ranged, TextRange};

use crate::common::code::{Reach, called_within, definition, own};
use crate::common::green::started;
use crate::common::order::{Effect, effects};
use crate::context::{Context, View};

/// Whether something in the function runs when its task is cancelled, and can be seen.
pub(crate) fn runs_at_end(cx: &Context<'_>, func: FuncId) -> bool {
    let waits = waits(cx, func);
    let any_in = |range: TextRange| waits.iter().any(|wait| range.contains_range(*wait));
    handles(cx, func, any_in, |view, body| is_seen(cx, view, func, body))
}

/// Whether something that may run as a task does anything when that is cancelled: code that stands behind the end of the
/// event loop would find it done.
pub(crate) fn acts_at_end(cx: &Context<'_>) -> bool {
    let acts = |func: FuncId| {
        let waits = waits(cx, func);
        let any_in = |range: TextRange| waits.iter().any(|wait| range.contains_range(*wait));
        !waits.is_empty() && handles(cx, func, any_in, |_, body| does_anything(body))
    };
    match started(cx) {
        Some(started) => (cx.once(Reach::new).from(started).into_iter()).any(acts),
        None => cx.program.functions().any(acts),
    }
}

/// Whether a body does more than to leave.
fn does_anything(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match stmt {
        Stmt::Pass(_) | Stmt::Raise(_) | Stmt::Break(_) | Stmt::Continue(_) => false,
        Stmt::Return(it) => it.value.as_ref().is_some_and(|value| value.is_call_expr()),
        Stmt::Expr(it) => !it.value.is_literal_expr(),
        _ => true,
    })
}

/// Whether the function goes on until it is cancelled, and something of it runs then, and can be seen.
pub(super) fn surely_runs_at_end(cx: &Context<'_>, func: FuncId) -> bool {
    let waits = waits(cx, func);
    let all_in = |range: TextRange| waits.iter().all(|wait| range.contains_range(*wait));
    never_ends(cx, func) && handles(cx, func, all_in, |view, body| is_seen(cx, view, func, body))
}

/// Whether a body shows something.
fn is_seen(cx: &Context<'_>, view: &View<'_>, func: FuncId, body: &[Stmt]) -> bool {
    around(body).is_some_and(|range| shows(cx, view, func, range))
}

/// Whether the function has a handler around such a part of it, with a body for which `counts` holds.
fn handles(
    cx: &Context<'_>,
    func: FuncId,
    waits_in: impl Fn(TextRange) -> bool,
    counts: impl Fn(&View<'_>, &[Stmt]) -> bool,
) -> bool {
    let Some((view, def)) = definition(cx, func) else {
        return false;
    };
    let shows = |body: &[Stmt]| counts(view, body);
    own(&def.body).into_iter().any(|node| match node {
        AnyNodeRef::StmtTry(it) => {
            let body = around(&it.body).is_some_and(&waits_in);
            let handled = it.handlers.iter().any(|handler| {
                let ExceptHandler::ExceptHandler(handler) = handler;
                catches(handler.type_.as_deref()) && shows(&handler.body)
            });
            let rest = TextRange::new(
                it.start(),
                it.finalbody.first().map_or(it.end(), Ranged::start),
            );
            (body && handled) || (waits_in(rest) && shows(&it.finalbody))
        }
        AnyNodeRef::StmtWith(it) => {
            let body = around(&it.body).is_some_and(&waits_in);
            body && (it.items.iter()).any(|item| is_ours(cx, view, &item.context_expr))
        }
        _ => false,
    })
}

/// Whether something is printed, or done that is not known, within a range of the function.
fn shows(cx: &Context<'_>, view: &View<'_>, func: FuncId, range: TextRange) -> bool {
    let itself = effects(cx, func)
        .iter()
        .any(|(at, effect)| range.contains_range(*at) && is_loud(cx, func, *at, effect));
    let file = view.file;
    let called = called_within(cx, Place { file, range });
    let reached = cx.once(Reach::new).from(called);
    itself
        || reached.into_iter().any(|func| {
            let all = effects(cx, func);
            all.iter()
                .any(|(at, effect)| is_loud(cx, func, *at, effect))
        })
}

/// Whether an effect shows outside of the program. What its queues and locks are told is seen by nobody any more, and its
/// sockets are closed by its end.
fn is_loud(cx: &Context<'_>, func: FuncId, at: TextRange, effect: &Effect) -> bool {
    let call = || {
        let view = cx.view(cx.program.function_file(func))?;
        let call = view.tree.expr_at(at)?.as_call_expr()?;
        let api = cx.catalog.get(cx.api_of(view, &call.func)?)?;
        let of_library = cx.recipe.moves(&api.name);
        let closes = matches!(&*api.name, "socket.socket.close" | "socket.socket.shutdown");
        Some(
            of_library
                || closes
                || api.name.starts_with("queue.")
                || api.name.starts_with("threading."),
        )
    };
    matches!(effect, Effect::Output) && call() != Some(true)
}

/// Whether the function goes round and round for ever, and waits there.
fn never_ends(cx: &Context<'_>, func: FuncId) -> bool {
    let Some((_, def)) = definition(cx, func) else {
        return false;
    };
    let waits = waits(cx, func);
    let is_endless = |it: &StmtWhile| {
        let is_true = match &*it.test {
            Expr::BooleanLiteral(it) => it.value,
            Expr::NumberLiteral(_) => true,
            _ => false,
        };
        let mut inside = own(&it.body).into_iter();
        let waits = waits.iter().any(|wait| it.range().contains_range(*wait));
        let leaves = |node: AnyNodeRef<'_>| {
            matches!(
                node,
                AnyNodeRef::StmtBreak(_) | AnyNodeRef::StmtReturn(_) | AnyNodeRef::StmtRaise(_)
            )
        };
        is_true && waits && !inside.any(leaves)
    };
    let mut nodes = own(&def.body).into_iter();
    nodes.any(|node| matches!(node, AnyNodeRef::StmtWhile(it) if is_endless(it)))
}

/// Where the function waits.
fn waits(cx: &Context<'_>, func: FuncId) -> Vec<TextRange> {
    cx.facts().waits(func).map(|place| place.range).collect()
}

fn around(body: &[Stmt]) -> Option<TextRange> {
    let (first, last) = (body.first()?, body.last()?);
    Some(TextRange::new(first.start(), last.end()))
}

/// Whether the handler of such a type sees the end of a task.
fn catches(types: Option<&Expr>) -> bool {
    let name = match types {
        Some(Expr::Name(name)) => Some(name.id.as_str()),
        Some(Expr::Attribute(name)) => Some(name.attr.as_str()),
        Some(Expr::Tuple(tuple)) => return tuple.elts.iter().any(|it| catches(Some(it))),
        _ => None,
    };
    name.is_none_or(|name| matches!(name, "BaseException" | "GreenletExit"))
}

/// Whether leaving the block runs code of the program, or code that is not known.
fn is_ours(cx: &Context<'_>, view: &View<'_>, entered: &Expr) -> bool {
    if opens_to_read(cx, view, entered) {
        return false;
    }
    let mut values = cx.program.values_at(view.place(entered)).peekable();
    let known = |value| match value {
        Value::Object(class, _) => cx.catalog.get(cx.program.flow.text(class)).is_some(),
        Value::Manager(_) => {
            let callee = entered.as_call_expr().map(|call| &*call.func);
            let name = callee.and_then(|callee| cx.api_of(view, callee));
            name.is_some_and(|name| cx.catalog.get(name).is_some())
        }
        _ => false,
    };
    values.peek().is_none() || !values.all(known)
}

/// Whether a file is opened there that is only read.
fn opens_to_read(cx: &Context<'_>, view: &View<'_>, entered: &Expr) -> bool {
    let Expr::Call(call) = entered else {
        return false;
    };
    let is_open = cx.api_of(view, &call.func) == Some("<builtin>.open");
    is_open
        && match call.arguments.find_argument_value("mode", 1) {
            None => true,
            Some(Expr::StringLiteral(mode)) => !mode.value.to_str().contains(['w', 'a', 'x', '+']),
            Some(_) => false,
        }
}
