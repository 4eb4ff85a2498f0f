//! Sockets of green threads become sockets whose calls that wait are awaited.
//!
//! Such a socket has the methods that it had: what holds it, and what it is passed to, stays as it is.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::Target;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::objects::clusters;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprAttribute, ExprCall};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange};
use rustc_hash::FxHashMap;

use super::green_websocket;
use crate::catalog::{Api, Kind};
use crate::common::arguments::inside;
use crate::common::green::{anchor, bracketed, kept, only_of, owners, waits};
use crate::common::rows;
use crate::context::{Context, View};
use crate::recipe::root;

const RULE: &str = "green-socket";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    if cx.recipe.served || green_websocket::only_listens(cx) {
        return;
    }
    let uses: Vec<_> = cx.uses_for(RULE).collect();
    if uses.is_empty() {
        return;
    }
    let owners = cx.once(owners);
    let mut seen: BTreeSet<Place> = BTreeSet::new();
    for (use_, api, view) in uses {
        // Where sockets of several classes meet, one of them speaks for all.
        if seen.insert(use_.place) {
            changes.push(
                moved(cx, use_, api, view, &owners).unwrap_or_else(|reason| {
                    Change::declined(RULE, use_.place, &*use_.api, reason)
                }),
            );
        }
    }
    escapes(cx, changes);
    unseen(cx, changes);
    iterated(cx, changes);
}

/// What only sockets have, on objects that are not known: they would have to be awaited, too.
fn unseen(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let names = [
        "accept",
        "makefile",
        "recv",
        "recv_into",
        "recvfrom",
        "sendall",
        "sendto",
    ];
    for view in cx.views_reading(&names) {
        for expr in view.tree.exprs() {
            let Expr::Attribute(attribute) = expr else {
                continue;
            };
            let is_named = names.contains(&attribute.attr.as_str());
            if !is_named || view.call_of(attribute.range()).is_none() {
                continue;
            }
            let place = view.place(attribute);
            if cx.program.values_at(place).any(|value| is_known(cx, value)) {
                continue;
            }
            let reason = "it may be called on a socket, which is not known here";
            let name = format!("socket.socket.{}", attribute.attr);
            changes.push(Change::declined(RULE, place, name, reason));
        }
    }
}

/// Whether it is known what a value is; what a function of the sockets' modules gives that has no row may be a socket.
fn is_known(cx: &Context<'_>, value: Value) -> bool {
    match value {
        Value::Unknown(_) => false,
        Value::External(sym) | Value::ExternalBound(sym, _) => {
            let name = cx.program.flow.text(sym);
            let is_given = name.contains("()") && cx.catalog.get(name).is_none();
            !(is_given && matches!(root(name), "socket" | "ssl"))
        }
        _ => true,
    }
}

fn moved<'c>(
    cx: &Context<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
    owners: &FxHashMap<Place, FuncId>,
) -> Result<Change, String> {
    if let Some(why_not) = api.why_not.as_deref() {
        return Err(why_not.to_owned());
    }
    let expr = view
        .tree
        .expr_at(use_.place.range)
        .ok_or("it is no expression")?;
    let call = view.call_of(use_.place.range);
    let message = format!("`{}` is awaited, or stays", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    if let (true, Expr::Attribute(attribute)) = (use_.member, expr) {
        if !api.name.ends_with(".makefile") {
            return kept(cx, owners, use_, api, view, RULE);
        }
        only_of(cx, view, attribute, RULE)?;
        let call = call.ok_or("it is passed on as a function")?;
        change.edit(file(view, attribute, call)?);
        return Ok(change);
    }
    if call.is_none() && api.kind == Kind::Class {
        // An annotation, or a test: the new class derives from that of the standard library.
        change.edit(Edit::replace(expr.range(), "{@socket}.socket", &[]));
        return Ok(change);
    }
    let call = call.ok_or("it is passed on as a function")?;
    if api.kind == Kind::Class {
        let wraps = call.arguments.args.first().is_some_and(|first| {
            let mut values = cx.program.values_at(view.place(first));
            values.any(|value| matches!(value, Value::Object(..)))
        });
        if wraps {
            return Err("it is made of another socket".to_owned());
        }
    }
    let mut change = rows::replace(cx, use_, api, view, RULE)?;
    if let [(_, Edit::Replace { pieces, .. })] = &mut change.edits[..] {
        let call_expr = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
        *pieces = bracketed(view, call_expr, std::mem::take(pieces));
    }
    if waits(api) {
        let owner = owners
            .get(&view.place(call))
            .ok_or("the function that waits was not found")?;
        change.requires.push(anchor(cx, *owner));
    }
    Ok(change)
}

/// `sock.makefile("rb")` becomes a file of the module.
fn file<'c>(
    view: &'c View<'c>,
    attribute: &ExprAttribute,
    call: &'c ExprCall,
) -> Result<Edit, String> {
    let mode = mode(call)?;
    let binary = mode.contains('b');
    if unbuffered(call)? && mode.contains('r') {
        return Err("a file without a buffer reads what there is".to_owned());
    }
    let name = if binary {
        "SocketFile"
    } else {
        "SocketTextFile"
    };
    let helper = crate::common::green::helper(name).ok_or("a helper is missing")?;
    let mut text = vec![
        Piece::Helper(helper),
        "(".into(),
        Piece::Source(attribute.value.range()),
    ];
    let arguments = inside(call);
    if !view.text(arguments).trim().is_empty() {
        text.push(", ".into());
        text.push(Piece::Source(arguments));
    }
    text.push(")".into());
    Ok(Edit::Replace {
        range: call.range(),
        pieces: text,
    })
}

/// How a file is opened, as it is written.
fn mode(call: &ExprCall) -> Result<&str, String> {
    let keyword = call.arguments.find_keyword("mode").map(|it| &it.value);
    match call.arguments.args.first().or(keyword) {
        None => Ok("r"),
        Some(Expr::StringLiteral(text)) => Ok(text.value.to_str()),
        Some(_) => Err("how the file is opened is not written here".to_owned()),
    }
}

fn unbuffered(call: &ExprCall) -> Result<bool, String> {
    let keyword = call.arguments.find_keyword("buffering");
    let keyword = keyword.or_else(|| call.arguments.find_keyword("bufsize"));
    match call.arguments.args.get(1).or(keyword.map(|it| &it.value)) {
        None | Some(Expr::NoneLiteral(_)) => Ok(false),
        Some(size) => crate::common::shared::number(size)
            .map(|size| size == 0.0)
            .ok_or_else(|| "the size of its buffer is not written here".to_owned()),
    }
}

/// Whether objects of the class are what this rule moves.
fn is_ours(cx: &Context<'_>, class: &str) -> bool {
    let row = cx.catalog.get(class);
    row.is_some_and(|api| api.rule.as_deref() == Some(RULE))
        && (cx.recipe.moves(class) || cx.uses.iter().any(|it| it.api.starts_with(class)))
}

/// Sockets that go where the program is not seen: code there would not await them.
fn escapes(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let calls: FxHashMap<Place, bool> = (cx.program.calls())
        .map(|(file, call)| {
            let range = call.range;
            let moves = cx.program.callees(call).iter().any(|target| match target {
                Target::External(sym) => {
                    let name = cx.program.flow.text(*sym);
                    let row = cx.catalog.get(name);
                    cx.recipe.moves(name) || row.is_some_and(|api| !api.escapes)
                }
                Target::Func(_) => false,
            });
            (Place { file, range }, moves)
        })
        .collect();
    for cluster in clusters(cx.program, |class| is_ours(cx, class)) {
        for (place, reason) in &cluster.escapes {
            if calls.get(place) != Some(&true) {
                let class = cluster.types.first().cloned().unwrap_or_default();
                let reason = format!("{reason}, which would have to await the socket");
                changes.push(Change::declined(RULE, *place, class, reason));
            }
        }
    }
}

/// `for line in file` becomes `async for`.
fn iterated(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let is_file = |value: &Value| match value {
        Value::Object(class, _) => {
            let class = cx.program.flow.text(*class);
            class.ends_with(".SocketIO") && is_ours(cx, class)
        }
        _ => false,
    };
    // In most programs there are none.
    if !cx.program.flow.values.iter().any(|value| is_file(&value)) {
        return;
    }
    for view in cx.views() {
        for node in view.tree.nodes() {
            let (iter, at) = match node {
                AnyNodeRef::StmtFor(it) if !it.is_async => (&*it.iter, it.start()),
                AnyNodeRef::Comprehension(it) if !it.is_async => (&it.iter, it.start()),
                _ => continue,
            };
            let place = view.place(iter);
            let mut values = cx.program.values_at(place);
            let Some(Value::Object(class, _)) = values.find(is_file) else {
                continue;
            };
            let class = cx.program.flow.text(class).to_owned();
            let mut all = cx.program.values_at(place);
            let owner = cx.program.function_at(place);
            let generator = matches!(view.tree.parent(node), Some(AnyNodeRef::ExprGenerator(_)));
            if generator || !all.all(|value| is_file(&value)) {
                let reason = "its lines are read where nothing can wait";
                changes.push(Change::declined(RULE, place, class, reason));
                continue;
            }
            let mut change = Change::new(RULE, place, class, "`for` becomes `async for`");
            change.requires.push(anchor(cx, owner));
            change.edit(Edit::replace(TextRange::empty(at), "async ", &[]));
            changes.push(change);
        }
    }
}
