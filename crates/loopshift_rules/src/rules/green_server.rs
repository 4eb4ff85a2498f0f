//! Servers of green threads: each connection is handled in a task of its own.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{Expr, ExprCall};
use loopshift_python::edit::{Edit, Import, Piece};
use loopshift_python::{Ranged, TextRange};
use rustc_hash::FxHashMap;

use crate::catalog::{Api, Kind};
use crate::common::code::definition;
use crate::common::green::{
    anchor, around_await, becomes_async, each, helper, kept, owners, task_of,
};
use crate::common::shared::{constant_number, number};
use crate::context::{Context, View};

const RULE: &str = "green-server";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let uses: Vec<_> = cx.uses_for(RULE).collect();
    if uses.is_empty() {
        return;
    }
    let owners = cx.once(owners);
    of_classes(cx, changes);
    each(cx, RULE, changes, |use_, api, view| {
        moved(cx, use_, api, view, &owners)
    });
}

fn moved<'c>(
    cx: &Context<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
    owners: &FxHashMap<Place, FuncId>,
) -> Result<Change, String> {
    if api.name.ends_with(".__init__") {
        return constructor(cx, use_, api, view);
    }
    if use_.member || api.kind == Kind::Method {
        return kept(cx, owners, use_, api, view, RULE);
    }
    if let Some(why_not) = api.why_not.as_deref() {
        return Err(why_not.to_owned());
    }
    let expr = view
        .tree
        .expr_at(use_.place.range)
        .ok_or("it is no expression")?;
    if !use_.only || !view.is_direct(expr) {
        return Err("it is used through a variable that may hold something else".to_owned());
    }
    let name = match &*api.name {
        "gevent.server.StreamServer" => "StreamServer",
        "gevent.server.DatagramServer" => "DatagramServer",
        "eventlet.serve" => "serve",
        "eventlet.StopServe" => "StopServe",
        _ => return Err("no server of event loops is like it".to_owned()),
    };
    if name == "StopServe" {
        same_module(cx, use_)?;
    }
    let helper = helper(name).ok_or("a helper is missing")?;
    let message = format!("`{}` becomes a server of tasks", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    change.edit(Edit::Replace {
        range: expr.range(),
        pieces: vec![Piece::Helper(helper)],
    });
    let Some(call) = view.call_of(use_.place.range) else {
        if name == "serve" {
            let task = task_of(cx, view, expr).ok_or("it is passed on as a function")?;
            let handle = task
                .arguments
                .args
                .get(2)
                .ok_or("its handler was not found")?;
            handler(cx, view, handle, &mut change)?;
        }
        return Ok(change);
    };
    let bound = cx.bind(api, call).map_err(|error| error.to_string())?;
    if bound.get("ssl_args").is_some() {
        return Err("it serves TLS: sockets of TLS do not move".to_owned());
    }
    given(
        cx,
        view,
        bound.get("handle"),
        bound.get("spawn"),
        &mut change,
    )?;
    if name == "serve" {
        let owner = owners
            .get(&view.place(call))
            .ok_or("the function that waits was not found")?;
        change.requires.push(anchor(cx, *owner));
        let expr = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
        let (before, after) = around_await(view, expr)?;
        change.edit(Edit::insert(call.start(), before, &[]));
        change.edit(Edit::insert(call.end(), after, &[]));
    }
    Ok(change)
}

/// `super().__init__(listener, handle)` of a class that derives from a server.
fn constructor(cx: &Context<'_>, use_: &Use, api: &Api, view: &View<'_>) -> Result<Change, String> {
    let mut change = Change::new(RULE, use_.place, &*use_.api, "its server is one of tasks");
    let call = view
        .call_of(use_.place.range)
        .ok_or("it is passed on as a function")?;
    let unpacks = call.arguments.args.iter().any(Expr::is_starred_expr)
        || call.arguments.keywords.iter().any(|it| it.arg.is_none());
    if unpacks {
        passes_on(cx, use_, api, call)?;
    }
    if let Some(name) = of_tls(call) {
        return Err(format!("`{name}`: sockets of TLS do not move"));
    }
    let signature = api.signature.as_ref();
    // Called on the class it gets the object first.
    let skip = usize::from(is_on_class(call));
    let argument = |name: &str| {
        let index = signature.and_then(|it| it.index(name))?;
        let keyword = call.arguments.find_keyword(name).map(|it| &it.value);
        let written = call.arguments.args.get(index + skip);
        keyword.or(written.filter(|it| !it.is_starred_expr()))
    };
    given(cx, view, argument("handle"), argument("spawn"), &mut change)?;
    Ok(change)
}

/// That a class which passes on what it is made with is never made with a handler, nor with anything but a pool for its
/// handlers: those would stand in other places.
///
/// # Errors
/// Where it may be, in words for the user.
fn passes_on(cx: &Context<'_>, use_: &Use, api: &Api, call: &ExprCall) -> Result<(), String> {
    let unknown = || "its arguments are not written out".to_owned();
    let init = cx.program.function_at(use_.place);
    let (_, def) = definition(cx, init).ok_or_else(unknown)?;
    let given = |name: &str| def.parameters.iter().any(|it| it.name().as_str() == name);
    let is_own = |expr: &Expr| matches!(expr, Expr::Name(name) if given(name.id.as_str()));
    let arguments = &call.arguments;
    let written = (arguments.args.iter())
        .take_while(|it| !it.is_starred_expr())
        .count();
    let of_own = (arguments.args.iter().skip(written))
        .all(|it| matches!(it, Expr::Starred(it) if is_own(&it.value)))
        && (arguments.keywords.iter())
            .filter(|it| it.arg.is_none())
            .all(|it| is_own(&it.value));
    if !of_own {
        return Err(unknown());
    }
    // Called on the class it gets the object first.
    let written = written.saturating_sub(usize::from(is_on_class(call)));
    let positional = def.parameters.posonlyargs.len() + def.parameters.args.len();
    for site in cx.callers.of(init) {
        let view = cx.view(site.place.file).ok_or_else(unknown)?;
        let expr = view.tree.expr_at(site.place.range);
        let made = expr.and_then(Expr::as_call_expr).ok_or_else(unknown)?;
        let arguments = &made.arguments;
        let plain = !arguments.args.iter().any(Expr::is_starred_expr)
            && arguments.keywords.iter().all(|it| it.arg.is_some());
        if !plain {
            return Err(unknown());
        }
        let object = usize::from(!is_on_class(made));
        let passed = (arguments.args.len() + object).saturating_sub(positional);
        let reaching = |name: &str| {
            let index = api.signature.as_ref().and_then(|it| it.index(name))?;
            let positional = (written..written + passed).contains(&index);
            let at = arguments.args.len().saturating_sub(passed) + index.saturating_sub(written);
            let keyword = arguments.find_keyword(name).filter(|_| !given(name));
            let keyword = keyword.map(|it| &it.value);
            keyword.or_else(|| arguments.args.get(at).filter(|_| positional))
        };
        let is_known = |spawn| serves_alone(cx, view, spawn);
        if reaching("handle").is_some() || !reaching("spawn").is_none_or(is_known) {
            return Err("its handlers are passed on by a class that derives from it".to_owned());
        }
    }
    Ok(())
}

/// Whether a constructor is called on its class, and not on `super()`, nor by calling the class.
fn is_on_class(call: &ExprCall) -> bool {
    matches!(&*call.func, Expr::Attribute(it) if it.attr.as_str() == "__init__" && !it.value.is_call_expr())
}

/// What a server is made with.
fn given(
    cx: &Context<'_>,
    view: &View<'_>,
    handle: Option<&Expr>,
    spawn: Option<&Expr>,
    change: &mut Change,
) -> Result<(), String> {
    if let Some(spawn) = spawn {
        spawns(cx, view, spawn, change)?;
    }
    match handle {
        Some(handle) => handler(cx, view, handle, change),
        None => Ok(()),
    }
}

/// What a server of TLS is given.
const TLS: &[&str] = &[
    "ca_certs",
    "cert_reqs",
    "certfile",
    "ciphers",
    "do_handshake_on_connect",
    "keyfile",
    "server_side",
    "ssl_context",
    "ssl_version",
    "suppress_ragged_eofs",
];

/// The argument by which a server is one of TLS.
fn of_tls(call: &ExprCall) -> Option<&'static str> {
    let given = |name: &&&str| call.arguments.find_keyword(name).is_some();
    TLS.iter().find(given).copied()
}

/// Servers of classes of the program that are made to serve TLS.
fn of_classes(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let flow = &cx.program.flow;
    let is_server = |value| match value {
        Value::Class(class) => flow.mro[class.0 as usize].iter().any(|entry| match entry {
            MroEntry::External(sym) => flow.text(*sym) == "gevent.server.StreamServer",
            MroEntry::Class(_) => false,
        }),
        _ => false,
    };
    for (file, call) in cx.program.calls() {
        if !flow.values_of(call.callee).any(is_server) {
            continue;
        }
        let Some(view) = cx.view(file) else { continue };
        let expr = view.tree.expr_at(call.range).and_then(Expr::as_call_expr);
        if let Some(name) = expr.and_then(of_tls) {
            let place = view.place(call.range);
            let reason = format!("`{name}`: sockets of TLS do not move");
            changes.push(Change::declined(
                RULE,
                place,
                "gevent.server.StreamServer",
                reason,
            ));
        }
    }
}

/// The exception that ends a server has a class in each module: one module only must have to do with it.
fn same_module(cx: &Context<'_>, use_: &Use) -> Result<(), String> {
    let mut uses = cx.uses.iter();
    let elsewhere = uses.any(|other| {
        other.place.file != use_.place.file
            && matches!(&*other.api, "eventlet.StopServe" | "eventlet.serve")
    });
    if elsewhere {
        return Err("it is raised in another module than the one that serves".to_owned());
    }
    Ok(())
}

/// How many connections a server handles at once.
fn spawns(
    cx: &Context<'_>,
    view: &View<'_>,
    spawn: &Expr,
    change: &mut Change,
) -> Result<(), String> {
    match spawn {
        Expr::StringLiteral(text) if text.value.to_str() == "default" => return Ok(()),
        Expr::Call(call) => {
            let is_pool = cx.api_of(view, &call.func) == Some("gevent.pool.Pool");
            if let (true, Some(size)) = (is_pool, only_argument(call)) {
                change.edit(Edit::replace(spawn.range(), "{0}", &[size.range().into()]));
                change.covers.push(view.place(&*call.func));
                return Ok(());
            }
        }
        _ if number(spawn).is_some_and(|size| size > 0.0) || serves_alone(cx, view, spawn) => {
            return Ok(());
        }
        _ => {}
    }
    Err("how it starts its handlers is not a number of them, nor a pool made for it".to_owned())
}

/// Whether a variable says how many handlers run at once: by a number, or by a pool that nothing else is asked of.
fn serves_alone(cx: &Context<'_>, view: &View<'_>, spawn: &Expr) -> bool {
    let is_asked = |pool: Value| {
        let mut members = cx.uses.iter().filter(|use_| use_.member);
        members.any(|use_| {
            let view = cx.view(use_.place.file);
            let read = view.and_then(|view| view.tree.expr_at(use_.place.range));
            match (view, read) {
                (Some(view), Some(Expr::Attribute(read))) => {
                    let mut values = cx.program.values_at(view.place(&*read.value));
                    values.any(|value| value == pool)
                }
                _ => false,
            }
        })
    };
    let mut values = cx.program.values_at(view.place(spawn)).peekable();
    values.peek().is_some()
        && values.all(|value| match value {
            Value::Object(class, _) => {
                cx.program.flow.text(class) == "gevent.pool.Pool" && !is_asked(value)
            }
            Value::Int(_) => constant_number(view, spawn).is_some_and(|size| size > 0.0),
            Value::Str(text) => cx.program.flow.text(text) == "default",
            _ => false,
        })
}

/// The one argument of a call.
fn only_argument(call: &ExprCall) -> Option<&Expr> {
    match (&*call.arguments.args, &*call.arguments.keywords) {
        ([one], []) if !one.is_starred_expr() => Some(one),
        ([], [one]) => Some(&one.value),
        _ => None,
    }
}

/// A handler is awaited: one that waits for nothing is called by a coroutine.
fn handler(
    cx: &Context<'_>,
    view: &View<'_>,
    handle: &Expr,
    change: &mut Change,
) -> Result<(), String> {
    if matches!(handle, Expr::NoneLiteral(_)) || becomes_async(cx, view, handle)? {
        return Ok(());
    }
    let call = helper("call").ok_or("a helper is missing")?;
    let partial = Import {
        module: "functools".into(),
        name: Some("partial".into()),
    };
    change.edit(Edit::Replace {
        range: TextRange::empty(handle.start()),
        pieces: vec![
            Piece::Import(partial),
            "(".into(),
            Piece::Helper(call),
            ", ".into(),
        ],
    });
    change.edit(Edit::insert(handle.end(), ")", &[]));
    Ok(())
}
