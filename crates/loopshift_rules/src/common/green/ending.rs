//! Green threads that are ended. A task is cancelled where it waits now, a green thread where it waits next: if what it
//! waits for has come, it goes on to that first.

use std::collections::BTreeSet;

use loopshift_engine::change::Change;
use loopshift_engine::flow::Target;
use loopshift_engine::flow::value::Value;
use loopshift_engine::graph::functions;
use loopshift_engine::ir::{Call, FuncId};
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, ExceptHandlerExceptHandler, Expr, ExprCall, Identifier};
use loopshift_python::edit::{Helper, Piece};

use super::helpers::{KILL, KILL_ALL_LATER, KILL_LATER, helper};
use super::kept::waits;
use super::leaving::looks_anywhere;
use super::{coloured_views, has_rested, is_coloured, is_greenlet, items};
use crate::common::caught;
use crate::common::code::Reach;
use crate::context::{Context, View};

/// What may differ where a task is cancelled.
const CANCELLED: &str =
    "a green thread that is about to run goes on to its next wait, a task ends at this one";

/// What may differ where a block is left that looks at why.
const LEFT: &str =
    "an `__exit__` that looks at the exception gets a `CancelledError` and no `GreenletExit`";

/// What may differ where a handler for everything looks at what it caught.
const SHOWN: &str =
    "a handler for every error that looks at it gets a `CancelledError` and no `GreenletExit`";

/// How the green threads of a program are ended.
pub(crate) struct Ending {
    /// Whether one that is ended may be about to run.
    next: bool,
    /// Whether a task that is about to run has been told so already, so that it goes on before it is cancelled.
    exact: bool,
}

impl Ending {
    pub(crate) fn new(cx: &Context<'_>) -> Self {
        Ending {
            next: calls(cx).any(|(_, view, call)| !has_rested(cx, view, call)),
            exact: cx.settings.python_has(3, 11) && is_exact(cx),
        }
    }

    /// The helper `_kill`; `waits` says whether it is told how long to wait.
    pub(crate) fn kill(&self, told: bool) -> Option<&'static Helper> {
        match (self.next, told) {
            (true, _) => Some(&KILL_LATER),
            (false, true) => Some(&KILL),
            (false, false) => helper("kill"),
        }
    }

    /// The helper `_killall`.
    pub(crate) fn kill_all(&self) -> Option<&'static Helper> {
        if self.next {
            Some(&KILL_ALL_LATER)
        } else {
            helper("killall")
        }
    }

    /// What ends a green thread without waiting for it.
    pub(crate) fn end(&self, greenlet: &Expr) -> Option<Vec<Piece>> {
        if !self.next {
            return Some(crate::rules::green_wait::receiver(greenlet, ".cancel()"));
        }
        let end = Piece::Helper(helper("end")?);
        Some(vec![end, "(".into(), greenlet.range().into(), ")".into()])
    }

    /// Says what may differ where a call ends a green thread.
    pub(crate) fn caveat(
        &self,
        cx: &Context<'_>,
        view: &View<'_>,
        call: &ExprCall,
        change: &mut Change,
    ) {
        self.caveat_of(cx, has_rested(cx, view, call), change);
    }

    /// The same, where `rested` says that no green thread is about to run.
    pub(crate) fn caveat_of(&self, cx: &Context<'_>, rested: bool, change: &mut Change) {
        if !self.exact && !rested {
            change.caveat(CANCELLED);
        }
        if *cx.once(looks_anywhere) {
            change.caveat(LEFT);
        }
        shown(cx, change);
    }
}

/// Says what may differ where a handler for every error looks at it.
pub(crate) fn shown(cx: &Context<'_>, change: &mut Change) {
    if *cx.once(shown_anywhere) {
        change.caveat(SHOWN);
    }
}

/// Whether a handler for every error around a wait does more with it than to raise it again.
fn shown_anywhere(cx: &Context<'_>) -> bool {
    // Only what waits may be left by an error of what it waits for.
    coloured_views(cx, &["BaseException"]).any(|view| {
        view.tree.nodes().any(|node| {
            let AnyNodeRef::ExceptHandlerExceptHandler(handler) = node else {
                return false;
            };
            let function = cx.program.function_at(view.place(handler));
            handler.type_.as_deref().is_some_and(is_every)
                && is_coloured(cx, function)
                && caught::shown(cx, view, handler).is_some()
                && !only_compares(view, handler)
        })
    })
}

/// Whether all that a handler does with its error is to compare the name of its class, which moves along.
fn only_compares(view: &View<'_>, handler: &ExceptHandlerExceptHandler) -> bool {
    let name = handler.name.as_ref().map(Identifier::as_str);
    let nodes = || view.tree.nodes_within(handler.range());
    let mut reads = nodes().filter(|node| match node {
        AnyNodeRef::ExprName(it) => Some(it.id.as_str()) == name,
        _ => false,
    });
    let is_text = |expr: &Expr| match expr {
        Expr::StringLiteral(it) => it.value.to_str() == "GreenletExit",
        _ => false,
    };
    reads.all(|read| {
        view.tree.around(read.range()).any(|node| match node {
            AnyNodeRef::ExprCompare(it) => is_text(&it.left) || it.comparators.iter().any(is_text),
            _ => false,
        })
    })
}

/// Whether a class in a handler is that of every error.
fn is_every(class: &Expr) -> bool {
    match class {
        Expr::Name(it) => it.id.as_str() == "BaseException",
        Expr::Tuple(it) => it.elts.iter().any(is_every),
        _ => false,
    }
}

/// The calls that end green threads: not those that end child processes.
fn calls<'c>(cx: &'c Context<'c>) -> impl Iterator<Item = (&'c Use, &'c View<'c>, &'c ExprCall)> {
    cx.uses.iter().filter_map(|use_| {
        let (module, name) = use_.api.strip_prefix("gevent")?.rsplit_once('.')?;
        let is_process = module.starts_with(".subprocess");
        let view = cx.view(use_.place.file)?;
        let call = view.call_of(use_.place.range)?;
        let ends = !is_process && matches!(name, "kill" | "killall" | "killone");
        ends.then_some((use_, view, call))
    })
}

/// Whether no green thread that may be ended waits for others to end: a task learns of that in two steps, of all else
/// in one.
fn is_exact(cx: &Context<'_>) -> bool {
    let Some(ended) = ended(cx).or_else(|| started(cx)) else {
        return false;
    };
    let reach = cx.once(Reach::new);
    let run = reach.from(ended);
    cx.uses.iter().all(|use_| {
        let joins = cx.catalog.get(&use_.api).is_some_and(|row| {
            let rule = row.rule.as_deref().unwrap_or_default();
            let in_one = [
                "green-queue",
                "green-event",
                "green-lock",
                "green-colour",
                "green-names",
            ];
            let last = use_.api.rsplit('.').next().unwrap_or_default();
            let starts = matches!(last, "spawn" | "start" | "sleep" | "add" | "wait_available");
            // What comes from outside comes when it comes.
            waits(row) && !row.apart && !starts && !in_one.contains(&rule)
        });
        !joins || !run.contains(&cx.program.function_at(use_.place))
    })
}

/// The functions of the green threads that are ended; none where it is not seen which these are.
fn ended(cx: &Context<'_>) -> Option<BTreeSet<FuncId>> {
    let mut out = BTreeSet::new();
    for (use_, view, call) in calls(cx) {
        let first = call.arguments.args.first();
        let run = match &*use_.api {
            "gevent.Greenlet.kill" if use_.member => {
                run_by(cx, view, &call.func.as_attribute_expr()?.value)
            }
            "gevent.killall" => {
                let list = cx.program.node_at(view.place(first?));
                run_by_all(cx, items(cx, list).into_iter())
            }
            _ => None,
        };
        out.extend(run?);
    }
    Some(out)
}

/// The functions that the green threads run which an expression may be; none where it is not seen which these are.
pub(crate) fn run_by(
    cx: &Context<'_>,
    view: &View<'_>,
    greenlet: &Expr,
) -> Option<BTreeSet<FuncId>> {
    run_by_all(cx, cx.program.values_at(view.place(greenlet)))
}

/// The same for all of these values; none where there are none.
fn run_by_all(cx: &Context<'_>, values: impl Iterator<Item = Value>) -> Option<BTreeSet<FuncId>> {
    let flow = &cx.program.flow;
    let mut out = BTreeSet::new();
    let mut values = values.peekable();
    values.peek()?;
    for value in values {
        let Value::Object(_, made) = value else {
            return None;
        };
        let made = flow.linked.calls.get(made.0 as usize)?;
        if serves(cx, made) {
            continue;
        }
        let given = || made.args.iter().flat_map(|arg| flow.values_of(arg.node));
        let is_unseen = |value| match value {
            Value::Unknown(_) => true,
            Value::Instance(_) => cx.mentions("__call__"),
            _ => false,
        };
        if given().any(is_unseen) {
            return None;
        }
        out.extend(functions(flow, given()));
    }
    Some(out)
}

/// Whether a green thread is a server of the library: each connection runs as another one.
fn serves(cx: &Context<'_>, made: &Call) -> bool {
    let flow = &cx.program.flow;
    let is_server = |value| match value {
        Value::External(sym) | Value::ExternalBound(sym, _) => {
            let name = flow.text(sym);
            cx.recipe.moves(name)
                && (name == "eventlet.wsgi.server" || name.ends_with(".serve_forever"))
        }
        _ => false,
    };
    let Some(run) = made.args.first() else {
        return false;
    };
    let mut run = flow.values_of(run.node).peekable();
    run.peek().is_some() && run.all(is_server)
}

/// The functions that run as green threads; none where they are not all known.
pub(crate) fn started(cx: &Context<'_>) -> Option<BTreeSet<FuncId>> {
    let is_run = |func: &FuncId| {
        let class = cx.program.function(*func).class;
        class.is_some_and(|class| is_greenlet(cx, Value::Instance(class)))
    };
    let mut out: BTreeSet<FuncId> = cx.program.functions().filter(is_run).collect();
    for (_, call) in cx.program.calls() {
        let rows = cx.program.callees(call).iter().filter_map(|target| {
            let Target::External(sym) = target else {
                return None;
            };
            let row = cx.catalog.get(cx.program.flow.text(*sym))?;
            cx.recipe.moves(&row.name).then_some(row)
        });
        let rows: Vec<_> = rows.collect();
        if rows.is_empty() {
            continue;
        }
        for given in &call.args {
            let values = || cx.program.flow.values_of(given.node);
            let is_unknown = values().any(|value| matches!(value, Value::Unknown(_)));
            if is_unknown && rows.iter().any(|row| row.spawns) {
                return None;
            }
            out.extend(functions(&cx.program.flow, values()));
        }
    }
    Some(out)
}
