//! Calls that run in a thread where nobody can tell: they run no code of the program, and change nothing of it.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::objects::site_place;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{Expr, ExprCall};

use super::CutShort;
use crate::catalog::Api;
use crate::common::code::Reach;
use crate::context::{Context, View};

/// How a program has its own code run by a client of HTTP.
const HOOKS: &[&str] = &[
    "HTTPAdapter",
    "build_opener",
    "hooks",
    "install_opener",
    "mount",
    "set_debuglevel",
];

/// What shows a program when the other side closes a connection.
const CONNECTIONS: &[&str] = &[
    ".accept",
    ".makefile",
    ".recv",
    ".recv_into",
    ".recvfrom",
    ".select",
    ".serve",
    "DatagramServer",
    "StreamServer",
];

/// Whether nobody can tell a call in a thread from one that let green threads run.
pub(crate) fn runs_apart(
    cx: &Context<'_>,
    use_: &Use,
    api: &Api,
    view: &View<'_>,
    call: &ExprCall,
) -> bool {
    let object = match &*call.func {
        Expr::Attribute(method) if use_.member => Some(&*method.value),
        _ => None,
    };
    let is_told = is_told(call);
    api.apart
        && object.is_some() == use_.member
        && object.is_none_or(|object| is_of_library(cx, view, object))
        && arguments(call).all(|given| holds_no_code(cx, view, given))
        && is_unseen(cx, use_.place, || {
            is_told || object.is_some_and(|object| is_bounded(cx, view, object))
        })
}

/// The same of a method of an object that needs no arguments: of reading an answer.
pub(crate) fn reads_apart(cx: &Context<'_>, view: &View<'_>, object: &Expr) -> bool {
    is_of_library(cx, view, object)
        && is_unseen(cx, view.place(object), || is_bounded(cx, view, object))
}

/// Whether nobody sees that a thread goes on where the wait at a place is cut short: it comes to its end, if it is bounded.
fn is_unseen(cx: &Context<'_>, place: Place, is_bounded: impl FnOnce() -> bool) -> bool {
    let cut_short = cx.once(CutShort::new);
    !HOOKS.iter().any(|name| cx.mentions(name))
        && (!cut_short.reaches(cx, place) || (is_bounded() && !*cx.once(sees_connections)))
}

/// Whether several tasks may make a call at the same time: all that a task or a server runs may.
pub(crate) fn may_be_many(cx: &Context<'_>, place: Place) -> bool {
    let beside = cx.once(beside);
    beside.contains(&cx.program.function_at(place))
}

/// The functions that something else than the main green thread may run.
fn beside(cx: &Context<'_>) -> BTreeSet<FuncId> {
    let roots = cx.program.functions().filter(|func| {
        let mut sites = cx.callers.of(*func).iter();
        cx.callers.is_unseen(*func) || sites.any(|site| site.owner == FuncId::NONE)
    });
    cx.once(Reach::new).from(roots)
}

/// What a call is given.
fn arguments(call: &ExprCall) -> impl Iterator<Item = &Expr> {
    let keywords = call.arguments.keywords.iter().map(|it| &it.value);
    call.arguments.args.iter().chain(keywords)
}

/// Whether an object is one of the library, and not of a class that the program derives from its.
fn is_of_library(cx: &Context<'_>, view: &View<'_>, object: &Expr) -> bool {
    let mut values = cx.program.values_at(view.place(object));
    values.all(|value| matches!(value, Value::Object(..)))
}

/// Whether what is given holds no code of the program, which would run in the thread.
fn holds_no_code(cx: &Context<'_>, view: &View<'_>, given: &Expr) -> bool {
    let is_code = |value: Value| {
        value.function().is_some()
            || matches!(
                value,
                Value::Class(_)
                    | Value::Generator(_)
                    | Value::Instance(_)
                    | Value::Iterator(_)
                    | Value::Partial(_)
            )
    };
    let plain = !matches!(
        given,
        Expr::Lambda(_) | Expr::Generator(_) | Expr::Starred(_)
    );
    plain && !cx.program.values_at(view.place(given)).any(is_code)
}

/// Whether a call is told after which time it ends.
fn is_told(call: &ExprCall) -> bool {
    let timeout = call.arguments.find_keyword("timeout");
    timeout.is_some_and(|it| !it.value.is_none_literal_expr())
}

/// Whether all calls that make an object are told after which time what it does ends.
fn is_bounded(cx: &Context<'_>, view: &View<'_>, object: &Expr) -> bool {
    let mut objects = cx.program.values_at(view.place(object)).peekable();
    let any = objects.peek().is_some();
    any && objects.all(|object| {
        let Value::Object(class, site) = object else {
            return false;
        };
        if cx.program.flow.text(class) == "urllib.error.HTTPError" {
            return *cx.once(all_opened_in_time);
        }
        let Some(made) = site_place(cx.program, site) else {
            return false;
        };
        let there = cx.view(made.file);
        there.is_some_and(|there| match there.tree.expr_at(made.range) {
            Some(Expr::Call(made)) => is_told(made),
            _ => false,
        })
    })
}

/// Whether all calls that may raise the error which is an answer are told after which time they end.
fn all_opened_in_time(cx: &Context<'_>) -> bool {
    let mut opened = (cx.uses.iter()).filter(|use_| use_.api == "urllib.request.urlopen");
    opened.all(|use_| {
        let view = cx.view(use_.place.file);
        let call = view.and_then(|view| view.call_of(use_.place.range));
        call.is_some_and(is_told)
    })
}

/// Whether the program holds the other end of connections, where it sees when one is closed.
fn sees_connections(cx: &Context<'_>) -> bool {
    cx.uses
        .iter()
        .any(|use_| CONNECTIONS.iter().any(|end| use_.api.ends_with(end)))
}
