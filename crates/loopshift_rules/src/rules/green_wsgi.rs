//! Servers of WSGI applications become uvicorn, which runs the application in threads through a2wsgi; those of a program
//! that asks only itself become a small one.

mod local;
mod served;

pub(crate) use served::{LISTEN, listen};

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::graph;
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Identifier, Keyword};
use loopshift_python::edit::{Edit, Piece, pieces};
use loopshift_python::{Ranged, TextRange};
use rustc_hash::FxHashMap;

use super::green_websocket;
use crate::catalog::Api;
use crate::common::code::{definition, own};
use crate::common::green::{
    anchor, around_await, becomes_async, called, helper, is_coloured, owners, task_of,
};
use crate::common::shared::number;
use crate::context::{Bound, Context, View};

const RULE: &str = "green-wsgi";

/// What may differ where the application runs in the event loop.
const SERVER: &str =
    "the server in its place logs and words its errors in its own way, and ends on signals";

/// Why there is no change where a helper is not found.
const MISSING: &str = "a helper is missing";

/// Why a server stays.
const NO_SETTING: &str = "it is given what the server in its place has no setting for";

/// What may differ where it runs in threads.
const THREADS: &str = "the application runs in threads: requests that run at the same time share its variables as threads do, and the server in its place logs and words its errors in its own way";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let uses: Vec<_> = cx.uses_for(RULE).collect();
    if uses.is_empty() {
        return;
    }
    if cx.recipe.served {
        served::plan(cx, changes);
        return;
    }
    let owners = cx.once(owners);
    let plain = only_serves(cx);
    for (use_, api, view) in uses {
        let change = match &*use_.api {
            "gevent.pywsgi.WSGIServer" => server(cx, use_, api, view, plain),
            "eventlet.wsgi.server" => serve(cx, use_, api, view, &owners),
            _ if use_.api.ends_with(".serve_forever") => forever(cx, use_, view, &owners, plain),
            _ => Err(api
                .why_not
                .as_deref()
                .unwrap_or("the server that takes its place has no such member")
                .to_owned()),
        };
        changes.push(
            change.unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason)),
        );
    }
}

/// Whether the program does nothing with its servers but to let them serve at given addresses.
fn only_serves(cx: &Context<'_>) -> bool {
    let class = "gevent.pywsgi.WSGIServer";
    cx.uses.iter().all(|use_| {
        let Some(rest) = use_.api.strip_prefix(class) else {
            return true;
        };
        let view = cx.view(use_.place.file);
        match rest {
            ".serve_forever" => true,
            "" => view.is_some_and(|view| {
                let call = view.call_of(use_.place.range);
                call.is_some_and(|call| address(call.arguments.args.first()).is_some())
            }),
            _ => !rest.starts_with('.'),
        }
    })
}

/// The host and the port of an address that is written out.
fn address(listener: Option<&Expr>) -> Option<(&Expr, &Expr)> {
    match listener? {
        Expr::Tuple(tuple) => match &tuple.elts[..] {
            [host, port] => Some((host, port)),
            _ => None,
        },
        _ => None,
    }
}

/// `WSGIServer(("", 8000), application)`.
fn server<'c>(
    cx: &Context<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
    plain: bool,
) -> Result<Change, String> {
    let (call, bound) = cx.direct_call(use_, api, view)?;
    let tls = settings_of_server(call, &bound, plain)?;
    let listener = bound.get("listener").ok_or("it has no address")?;
    let application = bound.get("application").ok_or("it has no application")?;
    if !plain && local::is_local(cx, view, application, local::is_silent(cx, view, &bound)) {
        let mut change = as_small(use_);
        let size = (bound.get("spawn"))
            .map(|_| at_once(cx, view, &bound, &mut change))
            .transpose()?;
        let name = size.as_ref().map_or("HTTPServer", |_| "LimitedHTTPServer");
        let server = Piece::Helper(helper(name).ok_or(MISSING)?);
        let (listener, application) = (listener.range().into(), application.range().into());
        let mut text = pieces("{0}({1}, {2}", &[server, listener, application]);
        if let Some(size) = size {
            text.extend([", ".into(), size]);
        }
        text.push(")".into());
        change.edit(Edit::Replace {
            range: call.range(),
            pieces: text,
        });
        return Ok(change);
    }
    let mut change = changed(use_);
    let size = at_once(cx, view, &bound, &mut change)?;
    let mut text = if plain {
        pieces("{@uvicorn}.Server({@uvicorn}.Config(", &[])
    } else {
        let server = helper("WSGIServer").ok_or(MISSING)?;
        let mut text = vec![Piece::Helper(server)];
        text.extend(["(".into(), listener.range().into(), ", ".into()]);
        text
    };
    text.extend(asgi(cx, view, application, size, &mut change)?);
    match address(Some(listener)).filter(|_| plain) {
        Some((host, port)) => {
            text.extend(config(
                vec![host.range().into()],
                vec![port.range().into()],
                &tls,
            ));
            text.push("))".into());
        }
        None => text.push(")".into()),
    }
    change.edit(Edit::Replace {
        range: call.range(),
        pieces: text,
    });
    Ok(change)
}

/// The change of a server that becomes a small one of the module.
fn as_small(use_: &Use) -> Change {
    let message = format!("`{}` becomes a server of the module", use_.api);
    Change::new(RULE, use_.place, &*use_.api, message)
}

/// The keywords that are files of a certificate, which only a server of uvicorn's own takes.
///
/// # Errors
/// Where there are settings that it has nothing for.
fn settings_of_server<'v>(
    call: &'v ExprCall,
    bound: &Bound<'_>,
    plain: bool,
) -> Result<Vec<&'v Keyword>, String> {
    let known = [
        "listener",
        "application",
        "backlog",
        "spawn",
        "log",
        "error_log",
    ];
    let tls: Vec<&Keyword> = (call.arguments.keywords.iter())
        .filter(|keyword| !named(keyword).is_some_and(|name| known.contains(&name)))
        .collect();
    let is_file = |keyword: &&Keyword| matches!(named(keyword), Some("keyfile" | "certfile"));
    let fits = tls.is_empty() || plain && tls.iter().all(is_file);
    let own = bound.get("handler_class").or(bound.get("environ"));
    if !fits || own.is_some() {
        return Err(NO_SETTING.to_owned());
    }
    Ok(tls)
}

/// How many requests the server runs at once.
///
/// # Errors
/// Where that is not written where the server is made.
fn at_once(
    cx: &Context<'_>,
    view: &View<'_>,
    bound: &Bound<'_>,
    change: &mut Change,
) -> Result<Piece, String> {
    let size = match bound.get("spawn") {
        None => Some("1000".into()),
        Some(Expr::StringLiteral(text)) if text.value.to_str() == "default" => Some("1000".into()),
        Some(Expr::Call(pool)) if cx.api_of(view, &pool.func) == Some("gevent.pool.Pool") => {
            change.covers.push(view.place(&*pool.func));
            pool.arguments.args.first().map(|size| size.range().into())
        }
        Some(size) => number(size).map(|_| size.range().into()),
    };
    size.ok_or_else(|| "how many requests it runs at once is not written here".to_owned())
}

/// The settings of uvicorn that stand behind the application.
fn config(host: Vec<Piece>, port: Vec<Piece>, tls: &[&Keyword]) -> Vec<Piece> {
    let mut text: Vec<Piece> = vec![", host=".into()];
    text.extend(host);
    text.push(", port=".into());
    text.extend(port);
    text.push(", lifespan=\"off\", log_level=\"warning\"".into());
    for keyword in tls {
        text.extend([", ssl_".into(), keyword.range().into()]);
    }
    text
}

/// `WSGIMiddleware(application, workers=1000)`; one that becomes async runs in the event loop.
///
/// # Errors
/// Where it can't run there, in words.
fn asgi(
    cx: &Context<'_>,
    view: &View<'_>,
    application: &Expr,
    size: Piece,
    change: &mut Change,
) -> Result<Vec<Piece>, String> {
    if gives_text(cx, view, application) {
        return Err(
            "the application gives text, which the server in its place does not encode: give bytes"
                .to_owned(),
        );
    }
    if let Some(part) = waiting_answer(cx, view, application) {
        let name = cx.program.qualified_name(part);
        return Err(format!(
            "the application gives its answer part by part, and `{name}` waits between them; an answer that is there as a whole could move"
        ));
    }
    if becomes_async(cx, view, application) != Ok(true) {
        change.caveat(THREADS);
        let text = "{@a2wsgi:WSGIMiddleware}({0}, workers={1})";
        return Ok(pieces(text, &[application.range().into(), size]));
    }
    change.caveat(SERVER);
    let adapter = helper("asgi").ok_or(MISSING)?;
    Ok(vec![
        Piece::Helper(adapter),
        "(".into(),
        application.range().into(),
        ")".into(),
    ])
}

/// What waits between the parts of an answer: a generator that the application is, or hands back, or what gives the items of
/// an object that it hands back.
fn waiting_answer(cx: &Context<'_>, view: &View<'_>, application: &Expr) -> Option<FuncId> {
    let flow = &cx.program.flow;
    functions(cx, view, application).find_map(|function| {
        let it = cx.program.function(function);
        if it.is_generator {
            return Some(function).filter(|_| is_coloured(cx, function));
        }
        flow.values_of(it.ret).find_map(|value| match value {
            Value::Generator(part) => Some(part).filter(|_| is_coloured(cx, part)),
            Value::Instance(class) => (cx.program.methods(class).iter().copied()).find(|method| {
                let name = cx.program.function(*method).name();
                matches!(name, "__iter__" | "__next__") && is_coloured(cx, *method)
            }),
            _ => None,
        })
    })
}

/// The functions that an application may be.
fn functions<'c>(
    cx: &'c Context<'_>,
    view: &View<'_>,
    application: &Expr,
) -> impl Iterator<Item = FuncId> + 'c {
    let values = cx.program.values_at(view.place(application));
    let objects = cx.program.values_at(view.place(application));
    let methods = objects.filter_map(|value| match value {
        Value::Instance(class) => called(cx, class),
        _ => None,
    });
    graph::functions(&cx.program.flow, values).chain(methods)
}

/// Whether an application answers with text, where bytes are called for.
fn gives_text(cx: &Context<'_>, view: &View<'_>, application: &Expr) -> bool {
    let in_parts = |parts: &[Expr]| parts.iter().any(is_text);
    functions(cx, view, application).any(|function| {
        let Some((_, def)) = definition(cx, function) else {
            return false;
        };
        own(&def.body).into_iter().any(|node| match node {
            AnyNodeRef::StmtReturn(back) => match back.value.as_deref() {
                Some(Expr::List(list)) => in_parts(&list.elts),
                Some(Expr::Tuple(tuple)) => in_parts(&tuple.elts),
                _ => false,
            },
            AnyNodeRef::ExprYield(part) => part.value.as_deref().is_some_and(is_text),
            _ => false,
        })
    })
}

/// Whether an expression is written as text.
fn is_text(expr: &Expr) -> bool {
    match expr {
        Expr::StringLiteral(_) | Expr::FString(_) => true,
        Expr::BinOp(it) => is_text(&it.left),
        Expr::Call(call) => match &*call.func {
            Expr::Attribute(it) => it.attr.as_str() != "encode" && is_text(&it.value),
            _ => false,
        },
        _ => false,
    }
}

fn changed(use_: &Use) -> Change {
    let message = format!("`{}` becomes uvicorn", use_.api);
    Change::new(RULE, use_.place, &*use_.api, message)
}

/// `server.serve_forever()`.
fn forever(
    cx: &Context<'_>,
    use_: &Use,
    view: &View<'_>,
    owners: &FxHashMap<Place, FuncId>,
    plain: bool,
) -> Result<Change, String> {
    let expr = view.tree.expr_at(use_.place.range);
    let (Some(Expr::Attribute(attribute)), true) = (expr, use_.only) else {
        return Err("it may be a member of something else".to_owned());
    };
    let mut change = changed(use_);
    if plain {
        change.edit(Edit::replace(attribute.attr.range(), "serve", &[]));
    }
    let is_task = || expr.is_some_and(|expr| task_of(cx, view, expr).is_some());
    match view.call_of(use_.place.range) {
        Some(call) if call.arguments.is_empty() || !plain => {
            wait(cx, view, call, owners, &mut change)?;
        }
        None if is_task() => {}
        _ => return Err("it is given a time for its end".to_owned()),
    }
    Ok(change)
}

fn wait(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    owners: &FxHashMap<Place, FuncId>,
    change: &mut Change,
) -> Result<(), String> {
    let owner = owners
        .get(&view.place(call))
        .ok_or("the function that waits was not found")?;
    change.requires.push(anchor(cx, *owner));
    let expr = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
    let (before, after) = around_await(view, expr)?;
    change.edit(Edit::insert(call.start(), before, &[]));
    if !after.is_empty() {
        change.edit(Edit::insert(call.end(), after, &[]));
    }
    Ok(())
}

/// `wsgi.server(listener, application)`, called or started as a green thread.
fn serve<'c>(
    cx: &Context<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
    owners: &FxHashMap<Place, FuncId>,
) -> Result<Change, String> {
    let expr = view
        .tree
        .expr_at(use_.place.range)
        .ok_or("it is no expression")?;
    if !use_.only || !view.is_direct(expr) {
        return Err("it is called through a variable that may hold something else".to_owned());
    }
    let mut change = changed(use_);
    let served = helper("serve_wsgi").ok_or(MISSING)?;
    let mut name = vec![Piece::Helper(served)];
    if let Some(call) = view.call_of(use_.place.range) {
        let bound = cx.bind(api, call).map_err(|error| error.to_string())?;
        let size = settings(&bound)?;
        let (Some(sock), Some(site)) = (bound.get("sock"), bound.get("site")) else {
            return Err("its socket or its application was not found".to_owned());
        };
        let owner =
            (owners.get(&view.place(call))).ok_or("the function that waits was not found")?;
        if green_websocket::is_application(cx, view, site) {
            return green_websocket::serve(cx, use_, view, call, (sock, site), *owner);
        }
        if local::is_local(cx, view, site, local::is_silent(cx, view, &bound)) {
            change = as_small(use_);
            name = vec![Piece::Helper(helper("serve_http").ok_or(MISSING)?)];
            name.extend(["(".into(), sock.range().into(), ", ".into()]);
            name.push(site.range().into());
        } else {
            name.extend(["(".into(), sock.range().into(), ", ".into()]);
            name.extend(asgi(cx, view, site, size, &mut change)?);
        }
        name.push(")".into());
        let expr = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
        let (before, after) = around_await(view, expr)?;
        name.insert(0, before.into());
        name.push(after.into());
        change.edit(Edit::Replace {
            range: call.range(),
            pieces: name,
        });
        change.requires.push(anchor(cx, *owner));
        return Ok(change);
    }
    let task = task_of(cx, view, expr).ok_or("it is passed on as a function")?;
    let [_, _, site] = &*task.arguments.args else {
        return Err("it is passed on with settings".to_owned());
    };
    let logs = ["log", "log_output", "log_format", "debug"];
    let keywords = &task.arguments.keywords;
    if !(keywords.iter()).all(|it| named(it).is_some_and(|name| logs.contains(&name))) {
        return Err("it is passed on with settings".to_owned());
    }
    if let Some(last) = keywords.last() {
        change.edit(Edit::delete(TextRange::new(site.end(), last.end())));
    }
    let given = |name: &str| {
        let keyword = keywords.iter().find(|it| named(it) == Some(name));
        keyword.map(|it| &it.value)
    };
    let silent = local::logs_nothing(cx, view, given("log"), given("log_output"));
    if local::is_local(cx, view, site, silent) {
        let edits = std::mem::take(&mut change.edits);
        change = as_small(use_);
        change.edits = edits;
        name = vec![Piece::Helper(helper("serve_http").ok_or(MISSING)?)];
    } else {
        let pieces = asgi(cx, view, site, "1024".into(), &mut change)?;
        change.edit(Edit::Replace {
            range: site.range(),
            pieces,
        });
    }
    change.edit(Edit::Replace {
        range: expr.range(),
        pieces: name,
    });
    Ok(change)
}

/// How many requests run at once. The settings that only say what is logged, and how, have no place.
fn settings(bound: &Bound<'_>) -> Result<Piece, String> {
    let known = [
        "sock",
        "site",
        "log",
        "log_output",
        "log_format",
        "max_size",
        "debug",
    ];
    if !bound.only(&known) {
        return Err(NO_SETTING.to_owned());
    }
    Ok(match bound.get("max_size") {
        None | Some(Expr::NoneLiteral(_)) => "1024".into(),
        Some(size) => size.range().into(),
    })
}

/// The name of a keyword argument.
fn named(keyword: &Keyword) -> Option<&str> {
    keyword.arg.as_ref().map(Identifier::as_str)
}
