//! Libraries that are built on green threads: they wait in the event loop of gevent or eventlet, which is not there once the
//! program has left it.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_python::ast::Expr;

use crate::context::Context;
use crate::recipe::{GREEN, root};
use crate::rules::green_names::RULE;

/// By what is imported, beside those that have a library's name in their own. Each imports gevent or eventlet for itself.
const BUILT_ON: &[&str] = &[
    "gnsq",
    "grequests",
    "locust",
    "nameko",
    "psycogreen",
    "zerorpc",
    "zmq.green",
];

/// What takes eventlet or gevent where it finds one, unless `async_mode` says something else.
///
/// Source: `engineio.base_server.BaseServer.async_modes`.
const CHOOSING: &[&str] = &[
    "engineio.Server",
    "flask_socketio.SocketIO",
    "socketio.Server",
];

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    // What stays beside a part that moves keeps its library.
    if cx.part.is_some() {
        return;
    }
    let linked = &cx.program.flow.linked;
    for (file, import) in &linked.imports {
        let module = linked.symbols.text(import.module);
        let full = match import.name {
            Some(name) => format!("{module}.{}", linked.symbols.text(name)),
            None => module.to_owned(),
        };
        let Some(library) = built_on(&full).filter(|_| linked.module(import.module).is_none())
        else {
            continue;
        };
        let place = Place {
            file: *file,
            range: import.range,
        };
        let reason = format!(
            "`{library}` is built on green threads, and waits in their event loop: a library for asyncio has to take its place"
        );
        changes.push(Change::declined(RULE, place, full, reason));
    }
    changes.extend(choosing(cx));
}

/// The library of which something is imported, where it is one that is built on green threads.
fn built_on(full: &str) -> Option<&str> {
    let is_of = |whole: &&&str| {
        let rest = full.strip_prefix(**whole);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    if let Some(library) = BUILT_ON.iter().find(is_of) {
        return Some(library);
    }
    let first = root(full);
    let mut names = GREEN.iter().filter(|_| !GREEN.contains(&first));
    names.any(|name| first.starts_with(name)).then_some(first)
}

/// The calls that make something which chooses for itself.
fn choosing(cx: &Context<'_>) -> Vec<Change> {
    let flow = &cx.program.flow;
    let mut out = Vec::new();
    for (file, call) in cx.program.calls() {
        let name = flow.values_of(call.callee).find_map(|value| match value {
            Value::External(sym) => Some(flow.text(sym)).filter(|name| CHOOSING.contains(name)),
            _ => None,
        });
        let Some(name) = name else { continue };
        let range = call.range;
        let place = Place { file, range };
        let Some(Expr::Call(call)) = cx.view(file).and_then(|view| view.tree.expr_at(range)) else {
            continue;
        };
        let mut keywords = call.arguments.keywords.iter();
        let is_told = keywords.any(|it| it.arg.as_deref() == Some("async_mode"));
        if !is_told {
            let reason = format!(
                "`{name}` runs its handlers by the library of green threads that it finds; with `async_mode=\"threading\"` it would not"
            );
            out.push(Change::declined(RULE, place, name, reason));
        }
    }
    out
}
