//! Websockets of eventlet become those of the library websockets.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::objects::clusters;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::{Edit, Piece, pieces};
use loopshift_python::{Ranged, TextRange, TextSize};
use rustc_hash::FxHashMap;

use super::green_wsgi::{LISTEN, listen};
use crate::catalog::Api;
use crate::common::green::{anchor, bracketed, helper, owners};
use crate::context::{Context, View};

const RULE: &str = "green-websocket";

/// What makes an application of a handler.
const APPLICATION: &str = "eventlet.websocket.WebSocketWSGI";

/// What may differ.
const CAVEAT: &str = "what is sent to a websocket that is closed raises `websockets.ConnectionClosed` in place of an `OSError`, requests that are none of websockets are answered and logged by websockets in its own way";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    if cx.uses_for(RULE).next().is_none() {
        return;
    }
    let owners = cx.once(owners);
    let elsewhere = used_elsewhere(cx);
    if only_listens(cx) {
        listening(cx, changes);
    }
    for (use_, api, view) in cx.uses_for(RULE) {
        let change = match &*api.name {
            APPLICATION => match &elsewhere {
                Some(reason) => Err(reason.clone()),
                None => application(use_, view),
            },
            _ => member(cx, use_, api, view, &owners),
        };
        changes.push(
            change.unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason)),
        );
    }
}

/// Whether an expression is an application that speaks with websockets, and nothing else.
pub(crate) fn is_application(cx: &Context<'_>, view: &View<'_>, site: &Expr) -> bool {
    let flow = &cx.program.flow;
    let mut values = cx.program.values_at(view.place(site)).peekable();
    values.peek().is_some()
        && values.all(|value| matches!(value, Value::Object(ty, _) if flow.text(ty) == APPLICATION))
}

/// Whether all sockets of the program are those that such applications are served on, and nothing else is done with them.
pub(crate) fn only_listens(cx: &Context<'_>) -> bool {
    let serves = cx.uses.iter().any(|it| it.api == APPLICATION);
    let sockets = |use_: &Use| {
        let rule = cx
            .catalog
            .get(&use_.api)
            .and_then(|api| api.rule.as_deref());
        rule == Some("green-socket")
    };
    serves && (cx.uses.iter().filter(|it| sockets(it))).all(|it| it.api == LISTEN)
}

/// The sockets that only listen are those of the standard library. One that is made where it is served needs no name.
fn listening(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let uses = cx.uses.iter().filter(|it| it.api == LISTEN);
    for use_ in uses {
        let (Some(api), Some(view)) = (cx.catalog.get(LISTEN), cx.view(use_.place.file)) else {
            continue;
        };
        let change = listen(cx, use_, api, view);
        changes.push(
            change.unwrap_or_else(|reason| Change::declined(RULE, use_.place, LISTEN, reason)),
        );
    }
}

/// `wsgi.server(listener, application)`, where the application speaks with websockets.
pub(crate) fn serve(
    cx: &Context<'_>,
    use_: &Use,
    view: &View<'_>,
    call: &ExprCall,
    (sock, site): (&Expr, &Expr),
    owner: FuncId,
) -> Result<Change, String> {
    let mut change = changed(use_);
    let serve = helper("serve_websockets").ok_or("a helper is missing")?;
    let mut text = vec!["await ".into(), Piece::Helper(serve), "(".into()];
    text.extend([site.range().into(), ", ".into(), sock.range().into()]);
    text.push(")".into());
    let whole = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
    change.edit(Edit::Replace {
        range: call.range(),
        pieces: bracketed(view, whole, text),
    });
    change.requires.push(anchor(cx, owner));
    Ok(change)
}

fn changed(use_: &Use) -> Change {
    let message = format!("`{}` becomes that of websockets", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    change.caveat(CAVEAT);
    change
}

/// `WebSocketWSGI` as a decorator, or called: the handler alone is what websockets serves.
fn application(use_: &Use, view: &View<'_>) -> Result<Change, String> {
    let expr = view.tree.expr_at(use_.place.range);
    let Some(expr) = expr.filter(|expr| use_.only && view.is_direct(expr)) else {
        return Err("it is used through a variable that may hold something else".to_owned());
    };
    let mut change = changed(use_);
    match view.tree.parent(expr) {
        Some(AnyNodeRef::Decorator(decorator)) => {
            let rest = &view.source[decorator.end().to_usize()..];
            let blank = rest.len() - rest.trim_start().len();
            let end = decorator.end() + TextSize::try_from(blank).unwrap_or_default();
            change.edit(Edit::delete(TextRange::new(decorator.start(), end)));
        }
        Some(AnyNodeRef::ExprCall(call)) if call.func.range() == expr.range() => {
            let [handler] = &*call.arguments.args else {
                return Err("it is given more than a handler".to_owned());
            };
            if !call.arguments.keywords.is_empty() {
                return Err("websockets has no such setting".to_owned());
            }
            change.edit(Edit::Replace {
                range: call.range(),
                pieces: vec![Piece::Source(handler.range())],
            });
        }
        _ => return Err("it is passed on as a class".to_owned()),
    }
    Ok(change)
}

/// Why applications that speak with websockets can't be served by websockets: the program calls one itself, for some
/// requests, or others get it.
fn used_elsewhere(cx: &Context<'_>) -> Option<String> {
    let flow = &cx.program.flow;
    let is_one = |value| matches!(value, Value::Object(ty, _) if flow.text(ty) == APPLICATION);
    let called = cx
        .program
        .calls()
        .find(|(_, call)| flow.values_of(call.callee).any(is_one));
    if let Some((file, call)) = called {
        let range = call.range;
        let line = cx.program.line(Place { file, range });
        return Some(format!(
            "line {line} chooses between it and other answers, and websockets serves nothing else"
        ));
    }
    let clusters = clusters(cx.program, |name| name == APPLICATION);
    let mut escapes = clusters.iter().flat_map(|it| &it.escapes);
    if let Some((place, reason)) = escapes.next() {
        return Some(format!("at line {} {reason}", cx.program.line(*place)));
    }
    let held = clusters.iter().find_map(|it| it.containers.first())?;
    Some(format!(
        "line {} puts it among others",
        cx.program.line(*held)
    ))
}

/// `ws.wait()`, `ws.send(message)`, `ws.close()`, `ws.path`.
fn member(
    cx: &Context<'_>,
    use_: &Use,
    api: &Api,
    view: &View<'_>,
    owners: &FxHashMap<Place, FuncId>,
) -> Result<Change, String> {
    let name = api.name.rsplit('.').next().unwrap_or_default();
    let expr = view.tree.expr_at(use_.place.range);
    let (Some(Expr::Attribute(attribute)), true) = (expr, use_.only) else {
        return Err("it may be a member of something else".to_owned());
    };
    let mut change = changed(use_);
    let object = Piece::Source(attribute.value.range());
    if name == "path" {
        let mut text = pieces("{@urllib.parse}.unquote(", &[]);
        text.extend([object, ".request.path.partition(\"?\")[0])".into()]);
        change.edit(Edit::Replace {
            range: attribute.range(),
            pieces: text,
        });
        return Ok(change);
    }
    let call = view
        .call_of(use_.place.range)
        .ok_or("it is passed on as a function")?;
    let text = match (name, &*call.arguments.args) {
        ("wait", []) => {
            let receive = helper("receive").ok_or("a helper is missing")?;
            vec![
                "await ".into(),
                Piece::Helper(receive),
                "(".into(),
                object,
                ")".into(),
            ]
        }
        ("send", [message]) => {
            vec![
                "await ".into(),
                object,
                ".send(".into(),
                Piece::Source(message.range()),
                ")".into(),
            ]
        }
        ("close", []) => vec!["await ".into(), object, ".close()".into()],
        _ => return Err("a websocket of websockets has no such member".to_owned()),
    };
    if !call.arguments.keywords.is_empty() {
        return Err("websockets has no such setting".to_owned());
    }
    let whole = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
    change.edit(Edit::Replace {
        range: call.range(),
        pieces: bracketed(view, whole, text),
    });
    let owner = owners
        .get(&view.place(call))
        .ok_or("the function that waits was not found")?;
    change.requires.push(anchor(cx, *owner));
    Ok(change)
}
