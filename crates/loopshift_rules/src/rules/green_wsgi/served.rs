//! The servers of programs that do nothing else with green threads: uvicorn runs the event loop by itself.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::{Edit, pieces};

use super::{RULE, address, asgi, at_once, changed, config, settings, settings_of_server};
use crate::catalog::Api;
use crate::context::{Context, View};

/// What makes the socket that a server of eventlet gets.
pub(crate) const LISTEN: &str = "eventlet.listen";

pub(super) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let rows = cx.uses.iter().filter_map(|use_| {
        let api = cx.catalog.get(&use_.api)?;
        Some((use_, api, cx.view(use_.place.file)?))
    });
    for (use_, api, view) in rows {
        let change = match &*api.name {
            "gevent.pywsgi.WSGIServer" => server(cx, use_, api, view),
            "gevent.pywsgi.WSGIServer.serve_forever" => forever(use_, view),
            "eventlet.wsgi.server" => serve(cx, use_, api, view),
            LISTEN => listen(cx, use_, api, view),
            _ => continue,
        };
        changes.push(
            change.unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason)),
        );
    }
}

/// `WSGIServer(("", 8000), application)`, and `.serve_forever()` where that stands behind it.
fn server<'c>(
    cx: &Context<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
) -> Result<Change, String> {
    let (call, bound) = cx.direct_call(use_, api, view)?;
    let tls = settings_of_server(call, &bound, true)?;
    let application = bound.get("application").ok_or("it has no application")?;
    let listener = bound.get("listener").ok_or("it has no address")?;
    let mut change = changed(use_);
    let size = at_once(cx, view, &bound, &mut change)?;
    let application = asgi(cx, view, application, size, &mut change)?;
    let (host, port) = match address(Some(listener)) {
        Some((host, port)) => (vec![host.range().into()], vec![port.range().into()]),
        None if matches!(listener, Expr::Name(_) | Expr::Attribute(_)) => (
            vec![listener.range().into(), "[0]".into()],
            vec![listener.range().into(), "[1]".into()],
        ),
        None => return Err("its address is not written as a host and a port".to_owned()),
    };
    let at_end = served_at_once(view, call);
    let mut text = pieces(
        if at_end.is_some() {
            "{@uvicorn}.run("
        } else {
            "{@uvicorn}.Server({@uvicorn}.Config("
        },
        &[],
    );
    text.extend(application);
    text.extend(config(host, port, &tls));
    text.push(if at_end.is_some() { ")" } else { "))" }.into());
    if let Some((_, method)) = at_end {
        change.covers.push(method);
    }
    change.edit(Edit::Replace {
        range: at_end.map_or(call.range(), |(call, _)| call.range()),
        pieces: text,
    });
    Ok(change)
}

/// The call of `serve_forever` that stands behind the call which makes the server, with its attribute.
fn served_at_once<'v>(view: &View<'v>, call: &'v ExprCall) -> Option<(&'v ExprCall, Place)> {
    let AnyNodeRef::ExprAttribute(attribute) = view.tree.parent(call)? else {
        return None;
    };
    let whole = view.call_of(attribute.range())?;
    (attribute.attr.as_str() == "serve_forever" && whole.arguments.is_empty())
        .then(|| (whole, view.place(attribute)))
}

/// `server.serve_forever()`.
fn forever(use_: &Use, view: &View<'_>) -> Result<Change, String> {
    let expr = view.tree.expr_at(use_.place.range);
    let (Some(Expr::Attribute(attribute)), true) = (expr, use_.only) else {
        return Err("it may be a member of something else".to_owned());
    };
    if !view
        .call_of(use_.place.range)
        .is_some_and(|call| call.arguments.is_empty())
    {
        return Err("it is passed on, or given a time for its end".to_owned());
    }
    let mut change = changed(use_);
    change.edit(Edit::replace(attribute.attr.range(), "run", &[]));
    Ok(change)
}

/// `wsgi.server(listen(("", 8000)), application)`.
fn serve<'c>(
    cx: &Context<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
) -> Result<Change, String> {
    let (call, bound) = cx.direct_call(use_, api, view)?;
    let size = settings(&bound)?;
    let (Some(sock), Some(site)) = (bound.get("sock"), bound.get("site")) else {
        return Err("its socket or its application was not found".to_owned());
    };
    let mut change = changed(use_);
    let application = asgi(cx, view, site, size, &mut change)?;
    let text = match listened(cx, view, sock) {
        Some((callee, host, port)) => {
            change.covers.push(callee);
            let mut text = pieces("{@uvicorn}.run(", &[]);
            text.extend(application);
            text.extend(config(
                vec![host.range().into()],
                vec![port.range().into()],
                &[],
            ));
            text.push(")".into());
            text
        }
        None => {
            let mut text = pieces("{@uvicorn}.Server({@uvicorn}.Config(", &[]);
            text.extend(application);
            let rest = ", lifespan=\"off\", log_level=\"warning\")).run(sockets=[{0}])";
            text.extend(pieces(rest, &[sock.range().into()]));
            text
        }
    };
    change.edit(Edit::Replace {
        range: call.range(),
        pieces: text,
    });
    Ok(change)
}

/// The host and the port of `listen((host, port))`, with the place of its callee.
fn listened<'v>(
    cx: &Context<'_>,
    view: &View<'v>,
    sock: &'v Expr,
) -> Option<(Place, &'v Expr, &'v Expr)> {
    let call = sock.as_call_expr()?;
    let plain = call.arguments.len() == 1 && cx.api_of(view, &call.func) == Some(LISTEN);
    let (host, port) = address(call.arguments.args.first().filter(|_| plain))?;
    Some((view.place(&*call.func), host, port))
}

/// `listen(("", 8000))`, where the socket is kept.
pub(crate) fn listen<'c>(
    cx: &Context<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
) -> Result<Change, String> {
    let (call, bound) = cx.direct_call(use_, api, view)?;
    let address = bound.get("addr").ok_or("it has no address")?;
    if !bound.only(&["addr", "family", "backlog"]) {
        return Err("the standard library has no such setting".to_owned());
    }
    let mut change = Change::new(
        RULE,
        use_.place,
        &*use_.api,
        "`eventlet.listen` becomes `socket.create_server`",
    );
    let mut text = pieces("{@socket}.create_server({0}", &[address.range().into()]);
    match bound.get("family") {
        None => {}
        Some(family) => text.extend(pieces(", family={0}", &[family.range().into()])),
    }
    match bound.get("backlog") {
        None => text.push(", backlog=50)".into()),
        Some(backlog) => text.extend(pieces(", backlog={0})", &[backlog.range().into()])),
    }
    change.edit(Edit::Replace {
        range: call.range(),
        pieces: text,
    });
    Ok(change)
}
