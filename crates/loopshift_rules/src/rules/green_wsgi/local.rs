//! Servers of programs that are their own clients, as tests and examples are: a small server in the module answers just as
//! the library's did. Others get uvicorn.

use loopshift_engine::flow::value::Value;
use loopshift_python::ast::{Expr, Stmt};

use super::{address, functions};
use crate::common::code::definition;
use crate::common::green::{called, method};
use crate::common::shared::number;
use crate::context::{Bound, Context, View};

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
pub(super) fn is_silent(cx: &Context<'_>, view: &View<'_>, bound: &Bound<'_>) -> bool {
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
    bound.only(&known) && (is_off || logs_nothing(cx, view, log, bound.get("log_output")))
}

/// Whether nothing is logged by what a server is told of its log.
pub(super) fn logs_nothing(
    cx: &Context<'_>,
    view: &View<'_>,
    log: Option<&Expr>,
    log_output: Option<&Expr>,
) -> bool {
    let is_false = |expr: &Expr| matches!(expr, Expr::BooleanLiteral(it) if !it.value);
    log_output.is_some_and(is_false)
        || log.is_some_and(|log| is_nowhere(cx, view, log) || drops_text(cx, view, log))
}

/// Whether it is an object of a class of the program whose `write` does nothing with the text.
fn drops_text(cx: &Context<'_>, view: &View<'_>, log: &Expr) -> bool {
    let drops = |value| {
        let Value::Instance(class) = value else {
            return false;
        };
        // What has these is no file, but a logger; where the server goes, nobody makes the object.
        let has = |name| method(cx, class, name).is_some();
        if has(".info") || has(".log") || has(".__init__") {
            return false;
        }
        let write = method(cx, class, ".write").and_then(|write| definition(cx, write));
        write.is_some_and(|(_, write)| write.body.iter().all(drops_all))
    };
    let mut values = cx.program.values_at(view.place(log)).peekable();
    values.peek().is_some() && values.all(drops)
}

/// Whether a statement does nothing, or returns a constant or how long something is.
fn drops_all(statement: &Stmt) -> bool {
    match statement {
        Stmt::Pass(_) => true,
        Stmt::Expr(it) => it.value.is_literal_expr(),
        Stmt::Return(it) => match it.value.as_deref() {
            Some(Expr::Call(call)) => {
                let is_name = |expr: &Expr| matches!(expr, Expr::Name(_));
                matches!(&*call.func, Expr::Name(it) if it.id.as_str() == "len")
                    && call.arguments.args.iter().all(is_name)
            }
            value => value.is_none_or(Expr::is_literal_expr),
        },
        _ => false,
    }
}

/// Whether it is a file that keeps nothing, or that nobody reads: `open(os.devnull, "w")`, `io.StringIO()`.
fn is_nowhere(cx: &Context<'_>, view: &View<'_>, log: &Expr) -> bool {
    let Expr::Call(call) = log else {
        return false;
    };
    let mut made = cx.program.values_at(view.place(&*call.func)).peekable();
    let is_memory =
        |value| matches!(value, Value::External(sym) if cx.program.flow.text(sym) == "io.StringIO");
    if call.arguments.is_empty() && made.peek().is_some() && made.all(is_memory) {
        return true;
    }
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
