//! Processes with a time limit: gevent's error for one that takes too long says how long it was given, that of the standard
//! library may say what was left of it, where it waited for the process itself and for none of its pipes.

use loopshift_engine::change::Change;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, ExceptHandlerExceptHandler, Expr, ExprCall};
use loopshift_python::edit::Piece;

use crate::common::green::{helper, is_of_eventlet};
use crate::context::{Context, View};

/// What differs in what the error holds of the output.
const OUTPUT: &str = "the error of a process that takes too long holds what was read in time, as bytes; gevent's holds all of it, as the program asked for it";

/// What differs where the error can't be mended.
const LIMIT: &str = "the error of a process that takes too long may say that it was given a little less time; with `timeout=` it could be mended";

/// What the thread runs in the place of `function`, which the call gives a time limit.
pub(super) fn in_time(
    cx: &Context<'_>,
    call: &ExprCall,
    api: &str,
    function: Vec<Piece>,
    change: &mut Change,
) -> Vec<Piece> {
    let name = api.rsplit('.').next().unwrap_or_default();
    if !matches!(name, "run" | "check_output" | "communicate") || is_of_eventlet(cx, api) {
        return function;
    }
    let limit = limit(call, name);
    if matches!(limit, Limit::None) {
        return function;
    }
    let handlers = handlers(cx);
    let is_seen = handlers.iter().any(|(view, it)| is_read(view, it)) || keeps_errors(cx);
    if handlers.iter().any(|(view, it)| reads_output(view, it)) {
        change.caveat(OUTPUT);
    }
    let Some(helper) = helper("timed").filter(|_| is_seen) else {
        return function;
    };
    if matches!(limit, Limit::ByPosition) || call.arguments.args.iter().any(Expr::is_starred_expr) {
        change.caveat(LIMIT);
        return function;
    }
    [vec![Piece::Helper(helper), ", ".into()], function].concat()
}

/// How a call is given its time limit.
enum Limit {
    None,
    ByName,
    ByPosition,
}

fn limit(call: &ExprCall, name: &str) -> Limit {
    let arguments = &call.arguments;
    let mut keywords = arguments.keywords.iter();
    // `**options` may hold it.
    let by_name = keywords.any(|it| match it.arg.as_deref() {
        Some(name) => name == "timeout" && !it.value.is_none_literal_expr(),
        None => true,
    });
    if name == "communicate" && arguments.args.len() > 1 {
        return Limit::ByPosition;
    }
    if by_name { Limit::ByName } else { Limit::None }
}

type Handler<'v> = (&'v View<'v>, &'v ExceptHandlerExceptHandler);

/// The handlers of the program that catch such an error, and have it by a name.
fn handlers<'c>(cx: &'c Context<'_>) -> Vec<Handler<'c>> {
    let mut out = Vec::new();
    for view in cx.views() {
        for node in view.tree.nodes() {
            let AnyNodeRef::ExceptHandlerExceptHandler(handler) = node else {
                continue;
            };
            let catches = handler.type_.as_deref().is_some_and(catches);
            if catches && handler.name.is_some() {
                out.push((view, handler));
            }
        }
    }
    out
}

/// Whether a class in a handler may be that of the error, or one that it derives from.
fn catches(class: &Expr) -> bool {
    let known = |name: &str| {
        matches!(
            name,
            "TimeoutExpired" | "SubprocessError" | "Exception" | "BaseException"
        )
    };
    match class {
        Expr::Name(it) => known(it.id.as_str()),
        Expr::Attribute(it) => known(it.attr.as_str()),
        Expr::Tuple(it) => it.elts.iter().any(catches),
        // What it is can't be told.
        _ => true,
    }
}

/// Where a handler names the error that it has caught.
fn named<'v>(
    view: &'v View<'v>,
    handler: &'v ExceptHandlerExceptHandler,
) -> impl Iterator<Item = &'v Expr> {
    let name = handler.name.as_deref();
    let is_it = move |it: &&Expr| match it {
        Expr::Name(it) => Some(it.id.as_str()) == name,
        _ => false,
    };
    let inside = view
        .tree
        .exprs()
        .filter(|it| handler.range.contains_range(it.range()));
    inside.filter(is_it)
}

/// Whether a handler looks at the error, which it has by a name.
fn is_read(view: &View<'_>, handler: &ExceptHandlerExceptHandler) -> bool {
    named(view, handler).next().is_some()
}

/// Whether it reads what the process wrote.
fn reads_output(view: &View<'_>, handler: &ExceptHandlerExceptHandler) -> bool {
    named(view, handler).any(|it| {
        matches!(view.tree.parent(it), Some(AnyNodeRef::ExprAttribute(it))
            if matches!(it.attr.as_str(), "output" | "stdout" | "stderr"))
    })
}

/// Whether errors are read where nothing catches them: those of green threads.
fn keeps_errors(cx: &Context<'_>) -> bool {
    let names = ["exception", "exc_info", "_exc_info"];
    cx.uses.iter().any(|use_| {
        let name = use_.api.rsplit('.').next().unwrap_or_default();
        use_.member && names.contains(&name)
    })
}
