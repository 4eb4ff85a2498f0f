//! What an event loop writes to logs of its own: a record for debugging when it is made, and the errors of tasks that nobody
//! asks for. Green threads write such errors to `sys.stderr`, whatever the program does with its logs.

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FunctionKind;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::{Piece, pieces};
use loopshift_python::{Ranged, TextRange};
use memchr::memmem;

use super::is_coloured;
use crate::common::shared::constant_number;
use crate::context::{Context, View};

/// What the text of a file holds that may set the level of the root logger.
const WORDS: &[&str] = &[
    "basicConfig",
    "dictConfig",
    "fileConfig",
    "getLogger()",
    "root.setLevel",
];

/// What makes a handler write elsewhere than to `sys.stderr`.
const HANDLING: &[&str] = &["basicConfig", "dictConfig", "fileConfig", "addHandler"];

/// What keeps the records of the event loop out of the logs of the program; none where these do not show them, or show
/// them where green threads show their errors. `inside` runs in the event loop.
pub(super) fn quiet(
    cx: &Context<'_>,
    view: &View<'_>,
    inside: Option<TextRange>,
) -> Option<Vec<Piece>> {
    if *cx.once(writes_elsewhere) {
        // Without a handler the errors go to `sys.stderr`.
        return Some(pieces(
            "{@logging}.getLogger(\"asyncio\").propagate = False",
            &[],
        ));
    }
    let places = cx.once(lets_through);
    let is_before = |place: &Place| {
        let within = inside.is_some_and(|range| range.contains_range(place.range));
        !(place.file == view.file && within)
    };
    let line = "{@logging}.getLogger(\"asyncio\").setLevel({@logging}.INFO)";
    places.iter().any(is_before).then(|| pieces(line, &[]))
}

/// Whether the root logger may write elsewhere than to `sys.stderr`.
fn writes_elsewhere(cx: &Context<'_>) -> bool {
    cx.views_with(HANDLING).any(|view| {
        view.tree.nodes().any(|node| match node {
            AnyNodeRef::ExprCall(call) => is_elsewhere(cx, view, call),
            _ => false,
        })
    })
}

fn is_elsewhere(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    match (cx.api_of(view, &call.func), &*call.func) {
        (Some("logging.basicConfig"), _) => {
            let mut keywords = call.arguments.keywords.iter();
            keywords.any(|keyword| match keyword.arg.as_deref() {
                Some("stream") => !is_stderr(cx, view, &keyword.value),
                Some("filename" | "handlers") | None => true,
                Some(_) => false,
            })
        }
        (Some("logging.config.dictConfig" | "logging.config.fileConfig"), _) => true,
        (_, Expr::Attribute(method)) if method.attr.as_str() == "addHandler" => {
            let handler = call.arguments.args.first();
            is_root(cx, view, &method.value)
                && handler.is_none_or(|handler| !writes_errors(cx, view, handler))
        }
        _ => false,
    }
}

/// Whether a handler is one for `sys.stderr`.
fn writes_errors(cx: &Context<'_>, view: &View<'_>, handler: &Expr) -> bool {
    let made = match handler {
        Expr::Name(name) => bound_once(view, name.id.as_str(), handler),
        _ => Some(handler),
    };
    let Some(Expr::Call(call)) = made else {
        return false;
    };
    let stream = call.arguments.find_argument_value("stream", 0);
    cx.api_of(view, &call.func) == Some("logging.StreamHandler")
        && stream.is_none_or(|stream| is_stderr(cx, view, stream))
}

fn is_stderr(cx: &Context<'_>, view: &View<'_>, stream: &Expr) -> bool {
    let flow = &cx.program.flow;
    let mut values = cx.program.values_at(view.place(stream)).peekable();
    let is_known = values.peek().is_some() || matches!(stream, Expr::NoneLiteral(_));
    let is_it = |value| matches!(value, Value::External(sym) if flow.text(sym) == "sys.stderr");
    is_known && values.all(is_it)
}

/// The calls before the event loop runs that may let the root logger show records for debugging.
fn lets_through(cx: &Context<'_>) -> Vec<Place> {
    let mut out = Vec::new();
    for view in cx.views_with(WORDS) {
        for node in view.tree.nodes() {
            let AnyNodeRef::ExprCall(call) = node else {
                continue;
            };
            let place = view.place(call);
            let function = cx.program.function_at(place);
            let is_module = cx.program.function(function).kind == FunctionKind::Module;
            let is_late = is_coloured(cx, function) && !is_module;
            if !is_late && shows_all(cx, view, call) {
                out.push(place);
            }
        }
    }
    out
}

fn shows_all(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    let (Expr::Attribute(_) | Expr::Name(_)) = &*call.func else {
        return false;
    };
    match cx.api_of(view, &call.func) {
        Some("logging.basicConfig") => {
            let mut keywords = call.arguments.keywords.iter();
            keywords.any(|keyword| match keyword.arg.as_deref() {
                Some("level") => is_low(cx, view, &keyword.value),
                Some(_) => false,
                None => true,
            })
        }
        Some("logging.config.dictConfig" | "logging.config.fileConfig") => {
            let mut files = cx.program.files.iter();
            files.any(|file| memmem::find(file.text.as_bytes(), b"DEBUG").is_some())
        }
        _ => match &*call.func {
            Expr::Attribute(method) if method.attr.as_str() == "setLevel" => {
                let level = call.arguments.args.first();
                is_root(cx, view, &method.value)
                    && level.is_none_or(|level| is_low(cx, view, level))
            }
            _ => false,
        },
    }
}

/// Whether a level may let records for debugging through.
fn is_low(cx: &Context<'_>, view: &View<'_>, level: &Expr) -> bool {
    if let Some(number) = constant_number(view, level) {
        return number <= 10.0;
    }
    let flow = &cx.program.flow;
    let mut values = cx.program.values_at(view.place(level)).peekable();
    let is_written = matches!(
        level,
        Expr::Name(_) | Expr::Attribute(_) | Expr::StringLiteral(_)
    );
    let is_known = is_written && values.peek().is_some();
    !is_known
        || values.any(|value| match value {
            Value::External(sym) | Value::Str(sym) => {
                let name = flow.text(sym);
                let name = name.strip_prefix("logging.").unwrap_or(name);
                let high = ["INFO", "WARNING", "WARN", "ERROR", "CRITICAL", "FATAL"];
                !high.contains(&name)
            }
            _ => true,
        })
}

/// Whether a logger may be the root of all.
fn is_root(cx: &Context<'_>, view: &View<'_>, logger: &Expr) -> bool {
    let made = match logger {
        Expr::Name(name) => bound_once(view, name.id.as_str(), logger),
        _ => Some(logger),
    };
    match made {
        Some(Expr::Call(call)) => {
            let is_one = cx.api_of(view, &call.func) == Some("logging.getLogger");
            is_one && call.arguments.is_empty()
        }
        Some(Expr::Attribute(it)) => it.attr.as_str() == "root",
        _ => false,
    }
}

/// What a name is given, where that is done in one place.
fn bound_once<'v>(view: &'v View<'_>, name: &str, at: &Expr) -> Option<&'v Expr> {
    let scope = view.scopes.resolve(name, view.scopes.at(at.start()))?;
    let [binding] = view.scopes.scopes[scope].bindings.get(name)?.as_slice() else {
        return None;
    };
    match view.tree.parent(view.tree.expr_at(binding.range)?)? {
        AnyNodeRef::StmtAssign(assign) => Some(&assign.value),
        _ => None,
    }
}
