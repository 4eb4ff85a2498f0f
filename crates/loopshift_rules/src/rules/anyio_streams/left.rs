//! The connections that a server leaves when it is closed: asyncio lets their handlers run on, and a task group ends them.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, FileId};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::objects::Cluster;
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr, ExprCall, Stmt};
use loopshift_python::edit::Piece;
use loopshift_python::{Ranged, TextRange};

use crate::common::cancellation::goes_on;
use crate::common::code::{Reach, called_within, definition, own};
use crate::common::lasting::lasts;
use crate::common::order::{Effect, effects};
use crate::common::raising::is_still;
use crate::common::siblings::{Around, catches_cancellation, rest_of_entry};
use crate::context::{Context, View};

/// What differs where the handlers do not go on.
pub(super) const CANCELS: &str =
    "closing the server cancels the handlers of connections that are still open";

/// What becomes of the handlers that still run when a server is closed.
pub(super) enum Left {
    /// The program ends, and nobody sees what they do then.
    Unseen,
    /// They go on in a group of this name, around this part of the function.
    In(TextRange, String),
    /// They are cancelled, and others might see that.
    Cancelled,
}

/// Looks at a server that `call` makes and that is closed by `closed`.
pub(super) fn left(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    handler: &Expr,
    closed: &Stmt,
) -> Left {
    let function = cx.program.function_at(view.place(call));
    let is_end = !goes_on(cx, view, closed) && lasts(cx, function);
    if is_end && !cleanup_is_seen(cx, view, handler) {
        return Left::Unseen;
    }
    let await_ = view.await_of(call.range());
    let await_ = await_.and_then(|it| view.tree.expr_at(it.range()));
    match await_.and_then(|await_| rest_of_entry(cx, view, await_)) {
        Some(rest) => Left::In(rest, name(cx, view, call, function)),
        None => Left::Cancelled,
    }
}

/// The last of the statements at the front that close the server.
pub(super) fn closes<'v>(
    statements: &'v [Stmt],
    server: &Cluster,
    file: FileId,
) -> Option<&'v Stmt> {
    let closes = |stmt: &&Stmt| {
        let mut members = server.members.iter();
        members.any(|it| it.place.file == file && stmt.range().contains_range(it.place.range))
    };
    statements.iter().take_while(closes).last()
}

/// What is served, with the group that the handlers go on in, which is put around the rest of the function.
pub(super) fn keep(left: Left, file: FileId, serving: &[Piece], change: &mut Change) -> Vec<Piece> {
    let mut serving = serving.to_vec();
    match left {
        Left::Unseen => {}
        Left::In(rest, name) => {
            serving.push(format!(", {name}").into());
            change.edits.push((file, Around::Rest(rest).group(&name)));
        }
        Left::Cancelled => change.caveat(CANCELS),
    }
    serving
}

/// A name for the group: several servers of one function have one each.
fn name(cx: &Context<'_>, view: &View<'_>, call: &ExprCall, function: FuncId) -> String {
    let here = view.place(call);
    let earlier = cx.uses.iter().filter(|use_| {
        matches!(
            use_.api.as_str(),
            "asyncio.start_server" | "asyncio.start_unix_server"
        ) && use_.place.file == here.file
            && use_.place.range.start() < here.range.start()
            && cx.program.function_at(use_.place) == function
    });
    let base = match earlier.count() {
        0 => "connections".to_owned(),
        earlier => format!("connections{}", earlier + 1),
    };
    view.scopes.fresh_name(view.scopes.at(call.start()), &base)
}

/// Whether somebody can see what the handler does where it is cancelled, beside closing its streams.
pub(super) fn cleanup_is_seen(cx: &Context<'_>, view: &View<'_>, handler: &Expr) -> bool {
    let mut roots: BTreeSet<FuncId> = BTreeSet::new();
    for value in cx.program.values_at(view.place(handler)) {
        match value {
            Value::Func(func) | Value::Bound(func, _) | Value::Static(func) => {
                roots.insert(func);
            }
            _ => return true,
        }
    }
    let reach = cx.once(Reach::new);
    reach.from(roots).into_iter().any(|func| {
        let Some((view, def)) = definition(cx, func) else {
            return true;
        };
        own(&def.body).into_iter().any(|node| match node {
            AnyNodeRef::StmtTry(it) => {
                is_seen(cx, view, func, &it.finalbody)
                    || it.handlers.iter().any(|it| {
                        let ExceptHandler::ExceptHandler(it) = it;
                        catches_cancellation(cx, view, it.type_.as_deref())
                            && is_seen(cx, view, func, &it.body)
                    })
            }
            AnyNodeRef::StmtWith(it) => {
                let mut items = it.items.iter();
                !items.all(|item| is_still(cx, view, &item.context_expr))
            }
            _ => false,
        })
    })
}

/// Whether somebody can see that the statements run.
fn is_seen(cx: &Context<'_>, view: &View<'_>, func: FuncId, body: &[Stmt]) -> bool {
    let (Some(first), Some(last)) = (body.first(), body.last()) else {
        return false;
    };
    let range = TextRange::new(first.start(), last.end());
    let place = loopshift_engine::program::place(view.file, range);
    let called = cx.once(Reach::new).from(called_within(cx, place));
    let here = effects(cx, func)
        .into_iter()
        .filter(|(at, _)| range.contains_range(*at))
        .map(|(at, effect)| (view, at, effect));
    let there = called.into_iter().flat_map(|func| {
        let view = cx.view(cx.program.function_file(func)).unwrap_or(view);
        let effects = effects(cx, func).into_iter();
        effects.map(move |(at, effect)| (view, at, effect))
    });
    here.chain(there)
        .any(|(view, at, effect)| !matches!(effect, Effect::Read(_)) && !is_of_stream(cx, view, at))
}

/// Whether a call is one of a method of a stream.
fn is_of_stream(cx: &Context<'_>, view: &View<'_>, at: TextRange) -> bool {
    let Some(Expr::Call(call)) = view.tree.expr_at(at) else {
        return false;
    };
    cx.api_of(view, &call.func)
        .is_some_and(|api| api.starts_with("asyncio.StreamWriter."))
}
