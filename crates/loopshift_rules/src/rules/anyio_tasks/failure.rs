//! Who sees the error of a task: handlers around a place, and handlers of callers.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr, ExprCall, Stmt, StmtTry};
use loopshift_python::{Ranged, TextRange};
use rustc_hash::FxHashMap;

use super::family::{TASK, held};
use crate::common::calling::{called_at, is_result, taking};
use crate::context::{Context, View};

/// What a handler catches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Catches {
    /// Errors of tasks: any class but those of cancellation and of asyncio's own state.
    pub(super) errors: bool,
    /// `asyncio.CancelledError`, before anything wider.
    pub(super) cancelled: bool,
    /// `Exception`, or all, where no clause for the cancellation stands before it.
    pub(super) wide: bool,
    /// `Exception` itself, where neither a clause for the cancellation nor one for all stands before it.
    pub(super) errors_first: bool,
}

/// A use of a class of asyncio in a handler.
pub(super) struct Named {
    pub(super) place: Place,
    pub(super) api: String,
}

/// The `try` statements and `suppress` blocks of the function around a place, in whose body it stands, inner first,
/// with what they catch and which classes of asyncio they name.
pub(super) fn handlers(
    cx: &Context<'_>,
    view: &View<'_>,
    range: TextRange,
) -> Vec<(TextRange, Catches, Vec<Named>)> {
    let mut out = Vec::new();
    for node in view.tree.around(range) {
        match node {
            AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_) => break,
            AnyNodeRef::StmtTry(try_) if in_suite(&try_.body, range) => {
                let (catches, named) = of_try(cx, view, try_);
                out.push((try_.range(), catches, named));
            }
            AnyNodeRef::StmtWith(with) if in_suite(&with.body, range) => {
                for item in &with.items {
                    let Expr::Call(call) = &item.context_expr else {
                        continue;
                    };
                    let Some(types) = types_of(cx, view, call) else {
                        continue;
                    };
                    let mut catches = Catches::default();
                    let mut named = Vec::new();
                    for ty in types {
                        add_type(cx, view, ty, &mut catches, &mut named);
                    }
                    out.push((with.range(), catches, named));
                }
            }
            _ => {}
        }
    }
    out
}

/// The classes that a block catches which is given them.
pub(super) fn types_of<'a>(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &'a ExprCall,
) -> Option<Vec<&'a Expr>> {
    let classes = call.arguments.args.iter();
    match cx.api_of(view, &call.func) {
        Some("contextlib.suppress") => Some(classes.collect()),
        Some("pytest.raises") => Some(classes.take(1).collect()),
        _ if asserts(&call.func) => Some(classes.take(1).collect()),
        _ => None,
    }
}

/// Whether it is `self.assertRaises` of a test.
fn asserts(callee: &Expr) -> bool {
    matches!(callee, Expr::Attribute(it) if ["assertRaises", "assertRaisesRegex"].contains(&it.attr.as_str()))
}

/// Whether a range is in the statements, or is that of several of them.
pub(super) fn in_suite(suite: &[Stmt], range: TextRange) -> bool {
    match (suite.first(), suite.last()) {
        (Some(first), Some(last)) => {
            TextRange::new(first.start(), last.end()).contains_range(range)
        }
        _ => false,
    }
}

fn of_try(cx: &Context<'_>, view: &View<'_>, try_: &StmtTry) -> (Catches, Vec<Named>) {
    let mut catches = Catches::default();
    let mut named = Vec::new();
    for ExceptHandler::ExceptHandler(handler) in &try_.handlers {
        match &handler.type_ {
            Some(ty) => add_type(cx, view, ty, &mut catches, &mut named),
            None => {
                catches.errors = true;
                catches.wide |= !catches.cancelled;
            }
        }
    }
    (catches, named)
}

fn add_type(
    cx: &Context<'_>,
    view: &View<'_>,
    ty: &Expr,
    catches: &mut Catches,
    named: &mut Vec<Named>,
) {
    if let Expr::Tuple(tuple) = ty {
        // All classes of a clause come at once.
        let cancels = |expr: &&Expr| {
            cx.api_of(view, expr)
                .is_some_and(|api| canonical(api) == "asyncio.CancelledError")
        };
        let (first, rest): (Vec<&Expr>, Vec<&Expr>) = tuple.elts.iter().partition(cancels);
        for expr in first.into_iter().chain(rest) {
            add_type(cx, view, expr, catches, named);
        }
        return;
    }
    let api = cx.api_of(view, ty).map(canonical).unwrap_or_default();
    match api {
        "asyncio.CancelledError" | "asyncio.InvalidStateError" => {
            catches.cancelled |= api == "asyncio.CancelledError";
            named.push(Named {
                place: view.place(ty),
                api: api.to_owned(),
            });
        }
        "asyncio.TimeoutError"
        | "<builtin>.TimeoutError"
        | "<builtin>.KeyboardInterrupt"
        | "<builtin>.GeneratorExit" => {
            // Raised by the wait, not by the task, as a rule.
        }
        "<builtin>.Exception" | "<builtin>.BaseException" => {
            catches.errors_first |=
                api == "<builtin>.Exception" && !catches.cancelled && !catches.wide;
            catches.errors = true;
            catches.wide |= !catches.cancelled;
        }
        _ => catches.errors = true,
    }
}

fn canonical(api: &str) -> &str {
    match api {
        "asyncio.exceptions.CancelledError" | "concurrent.futures.CancelledError" => {
            "asyncio.CancelledError"
        }
        "asyncio.exceptions.InvalidStateError" => "asyncio.InvalidStateError",
        other => other,
    }
}

/// Whether an error that leaves the place is caught somewhere up the chain of callers that we see, or looked at.
pub(super) fn is_observed(cx: &Context<'_>, place: Place) -> bool {
    let ends = cx.once(Ends::new);
    let mut seen: BTreeSet<u32> = BTreeSet::new();
    let mut todo = vec![place];
    while let Some(place) = todo.pop() {
        let Some(view) = cx.view(place.file) else {
            continue;
        };
        let around = handlers(cx, view, place.range);
        if around.iter().any(|(_, catches, _)| catches.errors)
            || is_result(cx, view, place)
            || is_asked(view, place)
        {
            return true;
        }
        let function = cx.program.function_at(place);
        if seen.insert(function.0) {
            for site in called_at(cx, function) {
                todo.extend(ends.of(cx, site));
                todo.push(site);
            }
        }
    }
    false
}

/// Whether a task there is asked for its error.
fn is_asked(view: &View<'_>, place: Place) -> bool {
    let task = view.tree.expr_at(place.range);
    matches!(task.and_then(|it| view.tree.parent(it)), Some(AnyNodeRef::ExprAttribute(it)) if it.attr.as_str() == "exception")
}

/// Where the errors of tasks come out, by the calls that make the tasks.
struct Ends(FxHashMap<Place, Vec<Place>>);

impl Ends {
    fn new(cx: &Context<'_>) -> Self {
        let flow = &cx.program.flow;
        let is_task = |value| matches!(value, Value::Object(ty, _) if flow.text(ty) == TASK);
        let mut found: FxHashMap<Place, Vec<Place>> = FxHashMap::default();
        for view in cx.views_where(is_task) {
            for node in view.tree.nodes() {
                let mut taken = taking(cx, view, node);
                if let AnyNodeRef::ExprAttribute(it) = node
                    && matches!(it.attr.as_str(), "result" | "exception")
                {
                    taken.push(&it.value);
                }
                for expr in taken {
                    let place = view.place(expr.as_starred_expr().map_or(expr, |it| &*it.value));
                    for site in held(cx, place).sites {
                        found.entry(site).or_default().push(place);
                    }
                }
            }
        }
        Ends(found)
    }

    /// Where the error of a task comes out whose coroutine is made at a place, as the argument of what makes the task.
    fn of(&self, cx: &Context<'_>, coroutine: Place) -> Vec<Place> {
        let makes = cx.view(coroutine.file).and_then(|view| {
            let call = view.tree.call_around(view.tree.expr_at(coroutine.range)?)?;
            Some(view.place(call))
        });
        let ends = makes.and_then(|makes| self.0.get(&makes));
        ends.cloned().unwrap_or_default()
    }
}
