//! `GreenPool` and `GreenPile` become small classes that start tasks: what they spawn is a coroutine, and who spawns
//! waits for a place.

use std::sync::Arc;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::graph::functions;
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{Expr, ExprCall};
use loopshift_python::edit::{Edit, Piece, pieces};
use rustc_hash::FxHashMap;

use super::green_spawn::{Ended, HANDLERS, runs_at_end};
use crate::catalog::Api;
use crate::common::code::Reach;
use crate::common::green::{
    Escaped, Needs, anchor, are_followed, awaited, becomes_async, coroutine, each, handed, helper,
    is_only, named, owners,
};
use crate::context::{Context, View};

const RULE: &str = "green-greenpool";

/// The class of the pools.
const POOL: &str = "eventlet.GreenPool";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let uses: Vec<_> = cx.uses_for(RULE).collect();
    // Looking through the whole program takes long.
    if uses.is_empty() {
        return;
    }
    let state = State {
        cx,
        needs: cx.once(Needs::new),
        owners: cx.once(owners),
        escaped: Escaped::new(cx, &[POOL, "eventlet.GreenPile"]),
        waited_for: cx
            .uses
            .iter()
            .any(|use_| use_.api == "eventlet.GreenPool.waitall"),
        reach: cx.once(Reach::new),
    };
    each(cx, RULE, changes, |use_, api, view| {
        moved(&state, use_, api, view)
    });
}

struct State<'s> {
    cx: &'s Context<'s>,
    needs: Arc<Needs>,
    owners: Arc<FxHashMap<Place, FuncId>>,
    escaped: Escaped,
    /// Whether the program waits for all of some pool.
    waited_for: bool,
    reach: Arc<Reach>,
}

fn moved<'c>(
    state: &State<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
) -> Result<Change, String> {
    let State { cx, owners, .. } = state;
    if let Some(call) = view.call_of(use_.place.range) {
        state.escaped.check(view.place(call))?;
    }
    let method = api.name.rsplit('.').next().unwrap_or_default();
    match method {
        "spawn" | "spawn_n" => {
            let (call, owner) = called(state, use_, view)?;
            let mut text: Vec<Piece> = vec!["await ".into()];
            text.push(Piece::Source(receiver(call)?));
            text.push(format!(".{method}(").into());
            text.extend(coroutine(cx, view, call, false)?);
            text.push(")".into());
            let mut change = change(use_, view, call, text)?;
            change.requires.push(anchor(cx, owner));
            change.covers.extend(handed(cx, view, call, false));
            let is_ended = || cx.once(Ended::new).started(cx, view, call);
            if !state.waited_for && runs_handlers(state, view, call) && !is_ended() {
                change.caveat(HANDLERS);
            }
            Ok(change)
        }
        "imap" | "starmap" => {
            let (call, _) = called(state, use_, view)?;
            let text = mapped(cx, view, call, method == "imap")?;
            change(use_, view, call, text)
        }
        "GreenPool" if are_followed(cx) && view.call_of(use_.place.range).is_some() => {
            let (call, bound) = cx.direct_call(use_, api, view)?;
            let size = bound.get("size");
            let mut text = vec![
                Piece::Helper(helper("LinkedPool").ok_or("a helper is missing")?),
                "(".into(),
            ];
            text.push(size.map_or_else(|| "1000".into(), |size| Piece::Source(size.range())));
            text.push(", ".into());
            text.push(Piece::Helper(
                helper("GreenThread").ok_or("a helper is missing")?,
            ));
            text.push(")".into());
            change(use_, view, call, text)
        }
        "GreenPile" => {
            let (call, bound) = cx.direct_call(use_, api, view)?;
            let text = pile(cx, view, bound.get("size_or_pool"))?;
            change(use_, view, call, text)
        }
        _ => named(cx, owners, use_, api, view, RULE),
    }
}

/// Whether something that the call starts has handlers that run when it is cancelled.
fn runs_handlers(state: &State<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    let State { cx, reach, .. } = state;
    let function = call.arguments.args.first();
    let values = function
        .into_iter()
        .flat_map(|function| cx.program.values_at(view.place(function)));
    let reached = reach.from(functions(&cx.program.flow, values));
    reached.into_iter().any(|func| runs_at_end(cx, func))
}

/// The call of a method that starts tasks, and who makes it.
fn called<'v>(
    state: &State<'_>,
    use_: &Use,
    view: &'v View<'v>,
) -> Result<(&'v ExprCall, FuncId), String> {
    let call = view
        .call_of(use_.place.range)
        .ok_or("it is passed on as a function")?;
    if !is_only(state.cx, use_) {
        return Err("it is called through a variable that may hold something else".to_owned());
    }
    let owner = *state
        .owners
        .get(&view.place(call))
        .ok_or("the function around it was not found")?;
    state.needs.entries(state.cx, owner)?;
    Ok((call, owner))
}

/// The expression before the name of a method.
fn receiver(call: &ExprCall) -> Result<loopshift_python::TextRange, String> {
    match &*call.func {
        Expr::Attribute(attribute) => Ok(attribute.value.range()),
        _ => Err("it is called through a variable".to_owned()),
    }
}

fn change(
    use_: &Use,
    view: &View<'_>,
    call: &ExprCall,
    text: Vec<Piece>,
) -> Result<Change, String> {
    let message = format!("`{}` starts tasks", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    let expr = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
    let pieces = match text.first() {
        Some(Piece::Text(first)) if first.starts_with("await ") => awaited(view, expr, text)?,
        _ => text,
    };
    change.edit(Edit::Replace {
        range: call.range(),
        pieces,
    });
    Ok(change)
}

/// `imap(f, xs, ys)` and `starmap(f, rows)`.
fn mapped(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    zips: bool,
) -> Result<Vec<Piece>, String> {
    let arguments = &call.arguments;
    let plain = arguments.keywords.is_empty() && !arguments.args.iter().any(Expr::is_starred_expr);
    let (Some((function, iterables)), true) = (arguments.args.split_first(), plain) else {
        return Err("its arguments are not written out".to_owned());
    };
    let is_async = becomes_async(cx, view, function)?;
    if view.scopes.is_bound_anywhere("zip") {
        return Err("the module has a `zip` of its own".to_owned());
    }
    let mut out = vec![
        Piece::Helper(helper("GreenMap").ok_or("a helper is missing")?),
        "(".into(),
        Piece::Source(receiver(call)?),
        ".size, ".into(),
    ];
    if is_async {
        out.push(Piece::Source(function.range()));
    } else {
        let run = helper("call").ok_or("a helper is missing")?;
        out.extend(pieces(
            "{@functools}.partial({0}, {1})",
            &[Piece::Helper(run), Piece::Source(function.range())],
        ));
    }
    out.push(if zips { ", zip(" } else { ", " }.into());
    for (index, iterable) in iterables.iter().enumerate() {
        if index > 0 {
            out.push(", ".into());
        }
        out.push(Piece::Source(iterable.range()));
    }
    out.push(if zips { "))" } else { ")" }.into());
    Ok(out)
}

/// A pile of a pool, or of a pool of its own that has that size.
fn pile(cx: &Context<'_>, view: &View<'_>, given: Option<&Expr>) -> Result<Vec<Piece>, String> {
    let pile = Piece::Helper(helper("GreenPile").ok_or("a helper is missing")?);
    let (pool, rest) = if are_followed(cx) {
        let thread = Piece::Helper(helper("GreenThread").ok_or("a helper is missing")?);
        ("LinkedPool", vec![", ".into(), thread, "))".into()])
    } else {
        ("GreenPool", vec!["))".into()])
    };
    let pool = Piece::Helper(helper(pool).ok_or("a helper is missing")?);
    let Some(given) = given else {
        let size = vec![pile, "(".into(), pool, "(1000".into()];
        return Ok([size, rest].concat());
    };
    let text = Piece::Source(given.range());
    let is_pool = |value: Value| match value {
        Value::Object(class, _) => cx.program.flow.text(class) == POOL,
        _ => false,
    };
    let values: Vec<Value> = cx.program.values_at(view.place(given)).collect();
    if !values.is_empty() && values.iter().all(|value| is_pool(*value)) {
        return Ok(vec![pile, "(".into(), text, ")".into()]);
    }
    let none = !cx.uses.iter().any(|use_| use_.api == POOL);
    let is_size = given.is_number_literal_expr()
        || none
        || (!values.is_empty() && values.iter().all(|value| matches!(value, Value::Int(_))));
    if !is_size {
        if !given.is_name_expr() && !given.is_attribute_expr() {
            return Err("it is not known whether it is given a size or a pool".to_owned());
        }
        let mut asked = pieces(
            "{0}({2} if isinstance({2}, {1}) else {1}({2}",
            &[pile, pool, text],
        );
        asked.extend(rest);
        return Ok(asked);
    }
    let size = vec![pile, "(".into(), pool, "(".into(), text];
    Ok([size, rest].concat())
}
