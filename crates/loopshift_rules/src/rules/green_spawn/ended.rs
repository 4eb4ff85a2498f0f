//! Which green threads somebody waits for, or ends: no other may be left when the program ends.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::graph::functions;
use loopshift_engine::ir::{ClassId, FuncId};
use loopshift_engine::uses::Use;
use loopshift_python::ast::{Expr, ExprCall};

use super::runs_at_end;
use crate::common::code::Reach;
use crate::common::green::{items, maker, methods_named};
use crate::context::{Context, View};

/// The methods and functions that wait until all that they are given, or called on, has ended.
const WAITING: &[&str] = &["get", "iwait", "join", "joinall", "wait", "waitall"];

/// Those that end it.
const ENDING: &[&str] = &["cancel", "kill", "killall", "killone"];

/// The green threads and pools that somebody waits for without a limit, or ends.
pub(crate) struct Ended {
    /// The calls that make them.
    made: BTreeSet<Place>,
    /// The classes of the program that they are of.
    classes: BTreeSet<ClassId>,
    /// Whether the program waits for all that there are.
    all: bool,
}

impl Ended {
    /// Looks through the uses of the program.
    pub(crate) fn new(cx: &Context<'_>) -> Self {
        let mut out = Ended {
            made: BTreeSet::new(),
            classes: BTreeSet::new(),
            all: false,
        };
        for use_ in cx.uses {
            let found = cx.view(use_.place.file);
            let call = found.and_then(|view| Some((view, view.call_of(use_.place.range)?)));
            if let Some((view, call)) = call.filter(|(_, call)| ends(cx, use_, call)) {
                out.add(cx, view, call);
            }
        }
        out
    }

    fn add(&mut self, cx: &Context<'_>, view: &View<'_>, call: &ExprCall) {
        let receiver = match &*call.func {
            Expr::Attribute(it) => Some(&*it.value),
            _ => None,
        };
        self.all |= call.arguments.args.is_empty()
            && cx
                .api_of(view, &call.func)
                .is_some_and(|name| name == "gevent.wait");
        for expr in receiver.into_iter().chain(&call.arguments.args) {
            let place = view.place(expr);
            let held = items(cx, cx.program.node_at(place));
            for value in cx.program.values_at(place).chain(held) {
                self.made.extend(made_at(cx, value));
                if let Value::Instance(class) = value {
                    self.classes.insert(class);
                }
            }
        }
    }

    /// Whether what the call starts, or the pool that it is called on, is among them.
    pub(crate) fn started(&self, cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
        let on = call.func.as_attribute_expr();
        let mut on = on
            .into_iter()
            .flat_map(|it| cx.program.values_at(view.place(&*it.value)));
        self.made.contains(&view.place(call)) || on.any(|value| self.has(cx, value))
    }

    /// Whether a value is among them.
    pub(crate) fn has(&self, cx: &Context<'_>, value: Value) -> bool {
        let is_made = || made_at(cx, value).is_some_and(|place| self.made.contains(&place));
        self.all || matches!(value, Value::Instance(it) if self.classes.contains(&it)) || is_made()
    }
}

/// Whether a green thread that is made before it is started has handlers that run when its task is cancelled, and nobody
/// ends it before the end of the program.
pub(crate) fn is_left(cx: &Context<'_>, value: Value) -> bool {
    let reached = cx.once(Reach::new).from(runs(cx, value));
    reached.into_iter().any(|func| runs_at_end(cx, func)) && !cx.once(Ended::new).has(cx, value)
}

/// What a green thread runs: the method of its class, or what it was given.
fn runs(cx: &Context<'_>, value: Value) -> Vec<FuncId> {
    if let Value::Instance(class) = value {
        return methods_named(cx, class, |name| matches!(name, "_run" | "run"));
    }
    let Some((place, view)) = made_at(cx, value).and_then(|it| Some((it, cx.view(it.file)?)))
    else {
        return Vec::new();
    };
    let call = view.tree.expr_at(place.range).and_then(Expr::as_call_expr);
    call.map(|call| given(cx, view, call)).unwrap_or_default()
}

/// The functions that the first argument of a call may be.
fn given(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> Vec<FuncId> {
    let first = call.arguments.args.first();
    let values = first
        .into_iter()
        .flat_map(|it| cx.program.values_at(view.place(it)));
    functions(&cx.program.flow, values).collect()
}

/// The pools of gevent in which a green thread may be left that has handlers, by the calls that make them.
pub(crate) fn pools_left(cx: &Context<'_>) -> BTreeSet<Place> {
    let ended = cx.once(Ended::new);
    let reach = cx.once(Reach::new);
    let spawns = |use_: &&Use| match use_.api.strip_prefix("gevent.pool.") {
        Some(name) => name
            .split_once('.')
            .is_some_and(|(_, method)| method == "spawn"),
        None => false,
    };
    let mut out = BTreeSet::new();
    for use_ in cx.uses.iter().filter(spawns) {
        let found = cx.view(use_.place.file);
        let Some((view, call)) = found.and_then(|it| Some((it, it.call_of(use_.place.range)?)))
        else {
            continue;
        };
        let mut reached = reach.from(given(cx, view, call)).into_iter();
        if reached.any(|func| runs_at_end(cx, func)) && !ended.started(cx, view, call) {
            let pool = call.func.as_attribute_expr();
            let values = pool
                .into_iter()
                .flat_map(|it| cx.program.values_at(view.place(&*it.value)));
            out.extend(values.filter_map(|value| made_at(cx, value)));
        }
    }
    out
}

/// The call in the text that makes an object.
fn made_at(cx: &Context<'_>, value: Value) -> Option<Place> {
    let call = maker(cx, value)?;
    let file = cx.program.function_file(call.owner);
    let range = call.range;
    Some(Place { file, range })
}

/// Whether a call surely lasts until what it is for has ended, or ends that.
fn ends(cx: &Context<'_>, use_: &Use, call: &ExprCall) -> bool {
    let name = use_.api.rsplit('.').next().unwrap_or_default();
    let Some(api) = cx
        .catalog
        .get(&use_.api)
        .filter(|_| cx.recipe.moves(&use_.api))
    else {
        return false;
    };
    let is_limited = || {
        let limits = ["timeout", "block", "count"];
        let bound = cx.bind(api, call);
        bound.is_ok_and(|bound| {
            let given = limits.iter().filter_map(|name| bound.get(name));
            given.into_iter().any(|it| !it.is_none_literal_expr())
        })
    };
    ENDING.contains(&name) || (WAITING.contains(&name) && !is_limited())
}
