//! The coroutines that a program runs, directly or through a function of its own that does nothing else with them.

use std::collections::BTreeSet;

use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::{Ranged, TextRange};

use crate::context::{Context, View};
use crate::rules::code::definition;

/// Whether a function is only ever the one coroutine of `asyncio.run`.
pub(super) fn is_entry(cx: &Context<'_>, function: FuncId) -> bool {
    let sites = cx.callers.of(function);
    !sites.is_empty()
        && sites.iter().all(|site| {
            let Some(view) = cx.view(site.place.file) else {
                return false;
            };
            let Some(Expr::Call(call)) = view.tree.expr_at(site.place.range) else {
                return false;
            };
            is_of_runner(cx, view, call)
        })
}

/// Whether nobody cancels the code at a place: it is awaited by the coroutine that the program runs, or by what that
/// awaits, without a block or call around it that could.
pub(super) fn is_never_cancelled(cx: &Context<'_>, view: &View<'_>, range: TextRange) -> bool {
    if is_in_block(view, range) {
        return false;
    }
    let mut seen = BTreeSet::new();
    let mut work = vec![cx.program.function_at(view.place(range))];
    while let Some(function) = work.pop() {
        if !seen.insert(function) || is_entry(cx, function) {
            continue;
        }
        let sites = cx.callers.of(function);
        if sites.is_empty() || cx.callers.is_handed_over(function) {
            return false;
        }
        for site in sites {
            let Some(view) = cx.view(site.place.file) else {
                return false;
            };
            let Some(Expr::Call(call)) = view.tree.expr_at(site.place.range) else {
                return false;
            };
            if is_of_runner(cx, view, call) {
                continue;
            }
            if view.await_of(call.range()).is_none() || is_in_block(view, call.range()) {
                return false;
            }
            work.push(site.owner);
        }
    }
    true
}

/// Whether the place stands in an `async with` of its function.
fn is_in_block(view: &View<'_>, range: TextRange) -> bool {
    view.tree
        .around(range)
        .take_while(|node| !matches!(node, AnyNodeRef::StmtFunctionDef(_)))
        .any(|node| matches!(node, AnyNodeRef::StmtWith(it) if it.is_async))
}

/// Whether the call is one of a runner, or makes a coroutine that goes to one.
fn is_of_runner(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    runs(cx, view, call) || is_run(cx, view, call) || is_handed_to_runner(cx, view, call)
}

/// Whether the call runs the coroutine that it is given.
fn runs(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    matches!(
        cx.api_of(view, &call.func),
        Some("asyncio.run" | "anyio.run" | "asyncio.Runner.run")
    )
}

/// The call of which the expression is an argument.
fn outer<'v>(view: &View<'v>, expr: &'v Expr) -> Option<&'v ExprCall> {
    let mut around = view.tree.ancestors(expr);
    let found = around.find(|node| !matches!(node, AnyNodeRef::Arguments(_)))?;
    match found {
        AnyNodeRef::ExprCall(call) if call.func.range() != expr.range() => Some(call),
        _ => None,
    }
}

/// Whether the coroutine is given to a runner: itself, or by a lambda that does nothing else.
fn is_run<'v>(cx: &Context<'_>, view: &View<'v>, coroutine: impl Into<AnyNodeRef<'v>>) -> bool {
    let coroutine = coroutine.into();
    let Some(expr) = view.tree.expr_at(coroutine.range()) else {
        return false;
    };
    let given = match view.tree.parent(expr) {
        Some(AnyNodeRef::ExprLambda(it)) => view.tree.expr_at(it.range()),
        _ => Some(expr),
    };
    given
        .and_then(|given| outer(view, given))
        .is_some_and(|call| runs(cx, view, call))
}

/// Whether the coroutine that a call makes is given to functions of ours that do nothing with it but run it.
fn is_handed_to_runner(cx: &Context<'_>, view: &View<'_>, coroutine: &ExprCall) -> bool {
    let Some(expr) = view.tree.expr_at(coroutine.range()) else {
        return false;
    };
    let Some(call) = outer(view, expr) else {
        return false;
    };
    let args = &call.arguments.args;
    let Some(at) = args.iter().position(|it| it.range() == coroutine.range()) else {
        return false;
    };
    let mut callees = cx.program.values_at(view.place(&*call.func)).peekable();
    callees.peek().is_some()
        && !args[..at].iter().any(Expr::is_starred_expr)
        && callees.all(|callee| match callee {
            Value::Func(func) => only_runs(cx, func, at),
            Value::Bound(func, _) => only_runs(cx, func, at + 1),
            _ => false,
        })
}

/// Whether a function does nothing with its parameter at this index but run it.
fn only_runs(cx: &Context<'_>, func: FuncId, at: usize) -> bool {
    let Some((view, def)) = definition(cx, func) else {
        return false;
    };
    let parameters = &def.parameters;
    let mut positional = parameters.posonlyargs.iter().chain(&parameters.args);
    let Some(parameter) = positional.nth(at) else {
        return false;
    };
    let name = parameter.name().as_str();
    let plain =
        !def.is_async && def.decorator_list.is_empty() && !cx.program.function(func).is_generator;
    let is_it =
        |node: &AnyNodeRef<'_>| matches!(node, AnyNodeRef::ExprName(it) if it.id.as_str() == name);
    let uses: Vec<_> = view.tree.nodes_within(def.range()).filter(is_it).collect();
    plain && matches!(uses.as_slice(), [AnyNodeRef::ExprName(it)] if is_run(cx, view, *it))
}
