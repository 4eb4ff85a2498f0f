//! Pools and groups of gevent become small classes of the module, which have what the program uses of them.
//!
//! Where their methods are called the catalog says what becomes of it.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::Expr;
use loopshift_python::edit::{Edit, Helper, Piece};
use rustc_hash::FxHashMap;

use super::green_spawn::{HANDLERS, pools_left};
use super::green_wait::plain_exit;
use crate::catalog::Api;
use crate::common::green::{
    Ending, GROUP, POOL, THREADS, assembled, bound_name, derived, named, owners, replace_call,
};
use crate::common::shared::is_statement;
use crate::context::{Context, View};

const RULE: &str = "green-pool";

const THREAD_POOL: &str = "gevent.threadpool.ThreadPool";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let uses: Vec<_> = cx.uses_for(RULE).collect();
    if uses.is_empty() {
        return;
    }
    let used = methods(cx);
    let owners = cx.once(owners);
    for (use_, api, view) in uses {
        let method = use_.api.rsplit('.').next().unwrap_or_default();
        if matches!(method, "kill" | "killone") {
            changes.push(
                kill(cx, &owners, use_, api, view).unwrap_or_else(|reason| {
                    Change::declined(RULE, use_.place, &*use_.api, reason)
                }),
            );
            continue;
        }
        if method == "wait_available" {
            changes.push(
                room(cx, &owners, use_, api, view).unwrap_or_else(|reason| {
                    Change::declined(RULE, use_.place, &*use_.api, reason)
                }),
            );
            continue;
        }
        let helper = match &*use_.api {
            "gevent.pool.Pool" => assembled(&POOL, |name| used.contains(name)),
            "gevent.pool.Group" => assembled(&GROUP, |name| used.contains(name)),
            "gevent.threadpool.ThreadPool" => assembled(&THREADS, |name| used.contains(name)),
            _ => continue,
        };
        changes.push(
            class(cx, use_, view, helper, &used)
                .unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason)),
        );
    }
}

/// The methods of pools that the program uses anywhere: a pool may be made in one module and used in another.
pub(crate) fn methods<'c>(cx: &Context<'c>) -> BTreeSet<&'c str> {
    let names = cx.uses.iter().filter_map(|use_| {
        if use_.api == "gevent.hub.Hub.threadpool" {
            return Some("shared");
        }
        let (class, name) = use_.api.rsplit_once('.')?;
        let is_pool = matches!(
            class,
            "gevent.pool.Group" | "gevent.pool.Pool" | "gevent.threadpool.ThreadPool"
        );
        is_pool.then_some(name)
    });
    names.collect()
}

/// The class itself: called, derived from, or written in an annotation.
fn class(
    cx: &Context<'_>,
    use_: &Use,
    view: &View<'_>,
    helper: &'static Helper,
    used: &BTreeSet<&str>,
) -> Result<Change, String> {
    let expr = view
        .tree
        .expr_at(use_.place.range)
        .ok_or("it can't be found")?;
    let direct = view.is_direct(expr);
    if !use_.only || !(direct || are_classes(cx, view, expr)) {
        return Err("it is used through a variable that may hold something else".to_owned());
    }
    if let Some(call) = view.call_of(expr.range()) {
        let api = cx.catalog.get(&use_.api).ok_or("it is not known")?;
        let bound = cx.bind(api, call).map_err(|error| error.to_string())?;
        if !bound.only(&["args", "size", "maxsize"]) {
            return Err("it is given more than a size".to_owned());
        }
        if use_.api == THREAD_POOL && cx.mentions("maxsize") && is_resized(cx) {
            return Err("its size is changed later".to_owned());
        }
    }
    if let Some(method) = overridden(cx, used) {
        return Err(format!(
            "a class of the program has its own `{method}`, which the pool calls itself"
        ));
    }
    let message = format!("`{}` becomes a class of tasks", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    let made = view.call_of(expr.range()).map(|call| view.place(call));
    if made.is_some_and(|made| cx.once(pools_left).contains(&made)) {
        change.caveat(HANDLERS);
    }
    // The variable holds the new class by then.
    if !direct {
        return Ok(change);
    }
    change.edit(Edit::Replace {
        range: expr.range(),
        pieces: vec![Piece::Helper(helper)],
    });
    Ok(change)
}

/// What pools of gevent ask themselves for, in which a class that derives from one would have a say.
const ASKED: &[&str] = &[
    "_apply_async_cb_spawn",
    "_apply_async_use_greenlet",
    "_apply_immediately",
    "_discard",
    "add",
    "full",
    "start",
    "wait_available",
];

/// What a class that derives from a pool has in place of what the pool would call.
fn overridden<'c>(cx: &Context<'c>, used: &BTreeSet<&str>) -> Option<&'c str> {
    // The new class does not go through `spawn` in these.
    let in_the_background = ["apply_async", "apply_cb", "map_async", "map_cb"];
    let spawns = in_the_background.iter().any(|it| used.contains(it));
    let is_asked = |name: &str| ASKED.contains(&name) || spawns && name == "spawn";
    let is_pool = |name: &str| matches!(name, "gevent.pool.Pool" | "gevent.pool.Group");
    bound_name(cx, &derived(cx, is_pool), is_asked)
}

/// Whether the program sets how many threads a pool has.
fn is_resized(cx: &Context<'_>) -> bool {
    let is_pool = |value| match value {
        Value::Object(class, _) => cx.program.flow.text(class) == THREAD_POOL,
        _ => false,
    };
    cx.views_where(is_pool).any(|view| {
        view.tree.exprs().any(|expr| match expr {
            Expr::Attribute(it) if it.ctx.is_store() && it.attr.as_str() == "maxsize" => {
                cx.program.values_at(view.place(&*it.value)).any(is_pool)
            }
            _ => false,
        })
    })
}

/// Whether a variable is called that only holds classes of pools.
fn are_classes(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    let is_pool = |value| match value {
        Value::External(sym) => matches!(
            cx.program.flow.text(sym),
            "gevent.pool.Pool" | "gevent.pool.Group" | "gevent.threadpool.ThreadPool"
        ),
        _ => false,
    };
    view.call_of(expr.range()).is_some() && cx.program.values_at(view.place(expr)).all(is_pool)
}

/// `wait_available`, where nobody looks at what it gives.
fn room(
    cx: &Context<'_>,
    owners: &FxHashMap<Place, FuncId>,
    use_: &Use,
    api: &Api,
    view: &View<'_>,
) -> Result<Change, String> {
    let call = view.call_of(use_.place.range);
    if !call.is_some_and(|call| is_statement(view, call)) {
        return Err("how much room there is, is looked at".to_owned());
    }
    named(cx, owners, use_, api, view, RULE)
}

/// `kill` and `killone`, which raise nothing else than usual in a green thread.
fn kill<'c>(
    cx: &Context<'c>,
    owners: &FxHashMap<Place, FuncId>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
) -> Result<Change, String> {
    let call = view
        .call_of(use_.place.range)
        .ok_or("it is passed on as a function")?;
    let method = use_.api.rsplit('.').next().unwrap_or_default();
    let is_it = |value| match value {
        Value::External(sym) | Value::ExternalBound(sym, _) => {
            let (class, name) = cx
                .program
                .flow
                .text(sym)
                .rsplit_once('.')
                .unwrap_or_default();
            name == method && matches!(class, "gevent.pool.Pool" | "gevent.pool.Group")
        }
        _ => false,
    };
    if !use_.only && !cx.program.values_at(use_.place).all(is_it) {
        return Err("it may be asked of something else than a pool".to_owned());
    }
    let bound = cx.bind(api, call).map_err(|error| error.to_string())?;
    plain_exit(cx, view, &bound)?;
    let message = format!("`{}` cancels tasks", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    cx.once(Ending::new).caveat(cx, view, call, &mut change);
    let mut text: Vec<Piece> = vec![
        "await ".into(),
        Piece::Source(call.func.range()),
        "(".into(),
    ];
    let mut first = true;
    for name in ["greenlet", "block", "timeout"] {
        let Some(value) = bound.get(name) else {
            continue;
        };
        if !std::mem::take(&mut first) {
            text.push(", ".into());
        }
        if name != "greenlet" {
            text.push(format!("{name}=").into());
        }
        text.push(Piece::Source(value.range()));
    }
    text.push(")".into());
    replace_call(cx, owners, view, call, text, &mut change)?;
    Ok(change)
}
