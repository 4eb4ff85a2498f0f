//! Servers of programs that are their own clients, as tests and examples are: a small server in the module answers just as
//! the library's did. Others get uvicorn.

use loopshift_engine::flow::value::Value;
use loopshift_python::ast::Expr;

use super::{address, functions};
use crate::context::{Bound, Context, View};
use crate::rules::green::called;
use crate::rules::shared::number;

/// What an application can ask of its environment that only the library's server knows.
const OF_SERVER: &[&str] = &[
    "SERVER_SOFTWARE",
    "eventlet.input",
    "eventlet.minimum_write_chunk_size",
    "eventlet.posthooks",
    "eventlet.set_idle",
    "headers_raw",
];

/// Whether a small server can run an application: its code is known, only this program asks it, and nothing is logged.
pub(super) fn is_local(
    cx: &Context<'_>,
    view: &View<'_>,
    application: &Expr,
    is_silent: bool,
) -> bool {
    let known = |value: Value| match value {
        Value::Func(_) | Value::Bound(..) => true,
        Value::Instance(class) => called(cx, class).is_some(),
        _ => false,
    };
    let mut values = cx.program.values_at(view.place(application));
    is_silent
        && values.all(known)
        && functions(cx, view, application).next().is_some()
        && !OF_SERVER.iter().any(|name| cx.mentions(name))
        && *cx.once(asks_itself)
}

/// Whether a server logs nothing, and has no settings but those that say so, or how many connections it has at a time.
pub(super) fn is_silent(cx: &Context<'_>, bound: &Bound<'_>) -> bool {
    let known = [
        "application",
        "error_log",
        "listener",
        "log",
        "log_output",
        "site",
        "sock",
        "spawn",
    ];
    // What an application has to say of an error, it may write there.
    let is_said = |log: &Expr| !log.is_none_literal_expr() || cx.mentions("wsgi.errors");
    if bound.get("error_log").is_some_and(is_said) {
        return false;
    }
    let log = bound.get("log");
    let is_off = log.is_some_and(Expr::is_none_literal_expr) && bound.get("listener").is_some();
    bound.only(&known) && (is_off || logs_nothing(log, bound.get("log_output")))
}

/// Whether nothing is logged by what a server is told of its log.
pub(super) fn logs_nothing(log: Option<&Expr>, log_output: Option<&Expr>) -> bool {
    let is_false = |expr: &Expr| matches!(expr, Expr::BooleanLiteral(it) if !it.value);
    log_output.is_some_and(is_false) || log.is_some_and(is_nowhere)
}

/// Whether it is a file that keeps nothing: `open(os.devnull, "w")`.
fn is_nowhere(log: &Expr) -> bool {
    let Expr::Call(call) = log else {
        return false;
    };
    let opened = call.arguments.args.first();
    opened.is_some_and(|path| match path {
        Expr::StringLiteral(it) => it.value.to_str() == "/dev/null",
        Expr::Attribute(it) => it.attr.as_str() == "devnull",
        Expr::Name(it) => it.id.as_str() == "devnull",
        _ => false,
    })
}

/// Whether all servers of the program are for itself: at addresses of this machine, at ports that nobody else knows, or
/// beside clients.
fn asks_itself(cx: &Context<'_>) -> bool {
    let mut served = false;
    let mut asked = false;
    for use_ in cx.uses {
        let row = cx.catalog.get(&use_.api);
        asked |= row.is_some_and(|row| row.apart)
            || use_.api.ends_with(".connect")
            || use_.api.ends_with(".create_connection");
        if !matches!(&*use_.api, "eventlet.listen" | "gevent.pywsgi.WSGIServer") {
            continue;
        }
        let Some(view) = cx.view(use_.place.file) else {
            return false;
        };
        let Some(call) = view.call_of(use_.place.range) else {
            continue;
        };
        let listener = call.arguments.find_argument_value("listener", 0);
        let Some((host, port)) = address(listener) else {
            return false;
        };
        let is_unknown = number(port) == Some(0.0) && &*use_.api == "eventlet.listen";
        let is_own = |host: &str| match host {
            "127.0.0.1" | "localhost" => true,
            "" | "0.0.0.0" => is_unknown,
            _ => false,
        };
        let mut hosts = cx.program.values_at(view.place(host)).peekable();
        let is_here = match host {
            Expr::StringLiteral(it) => is_own(it.value.to_str()),
            _ => {
                hosts.peek().is_some()
                    && hosts.all(|host| match host {
                        Value::Str(name) => is_own(cx.program.flow.text(name)),
                        _ => false,
                    })
            }
        };
        if !is_here {
            return false;
        }
        served |= number(port) != Some(0.0);
    }
    asked || !served
}
