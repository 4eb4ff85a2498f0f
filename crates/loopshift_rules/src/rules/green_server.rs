//! Servers of green threads: each connection is handled in a task of its own.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{Expr, ExprCall};
use loopshift_python::edit::{Edit, Import, Piece};
use loopshift_python::{Ranged, TextRange};
use rustc_hash::FxHashMap;

use super::green::{
    anchor, around_await, becomes_async, helper, is_of_eventlet, kept, owners, task_of, with_needs,
};
use super::shared::number;
use crate::catalog::{Api, Kind};
use crate::context::{Bound, Context, View};

const RULE: &str = "green-server";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let uses: Vec<_> = cx.uses_for(RULE).collect();
    if uses.is_empty() {
        return;
    }
    let owners = cx.once(owners);
    for (use_, api, view) in uses {
        changes.push(
            moved(cx, use_, api, view, &owners)
                .unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason)),
        );
    }
}

fn moved<'c>(
    cx: &Context<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
    owners: &FxHashMap<Place, FuncId>,
) -> Result<Change, String> {
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
    let named = with_needs(vec![Piece::Helper(helper)], is_of_eventlet(cx, &api.name));
    let message = format!("`{}` becomes a server of tasks", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    change.edit(Edit::Replace {
        range: expr.range(),
        pieces: named,
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
    if name.ends_with("Server") {
        if bound.get("ssl_args").is_some() {
            return Err("it serves TLS: sockets of TLS do not move".to_owned());
        }
        spawns(cx, view, &bound, &mut change)?;
    }
    if let Some(handle) = bound.get("handle") {
        handler(cx, view, handle, &mut change)?;
    }
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
fn spawns<'c>(
    cx: &Context<'c>,
    view: &'c View<'c>,
    bound: &Bound<'c>,
    change: &mut Change,
) -> Result<(), String> {
    let Some(spawn) = bound.get("spawn") else {
        return Ok(());
    };
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
        _ if number(spawn).is_some_and(|size| size > 0.0) => return Ok(()),
        _ => {}
    }
    Err("how it starts its handlers is not a number of them, nor a pool made for it".to_owned())
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
