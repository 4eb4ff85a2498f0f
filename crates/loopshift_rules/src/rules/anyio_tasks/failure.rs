//! Who sees the error of a task: handlers around a place, handlers of callers, and code that raises nothing.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{
    AnyNodeRef, CmpOp, ExceptHandler, Expr, ExprCall, Stmt, StmtFunctionDef, StmtTry,
};
use loopshift_python::{Ranged, TextRange};

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
                    let api = cx.api_of(view, &call.func);
                    let types: Vec<&Expr> = match api {
                        Some("contextlib.suppress") => call.arguments.args.iter().collect(),
                        Some("pytest.raises") => call.arguments.args.iter().take(1).collect(),
                        _ => continue,
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

fn in_suite(suite: &[Stmt], range: TextRange) -> bool {
    suite.iter().any(|stmt| stmt.range().contains_range(range))
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

/// Whether an error that leaves the place is caught somewhere up the chain of callers that we see.
pub(super) fn is_observed(cx: &Context<'_>, place: Place) -> bool {
    let mut seen: BTreeSet<u32> = BTreeSet::new();
    let mut todo = vec![place];
    while let Some(place) = todo.pop() {
        if let Some(view) = cx.view(place.file)
            && handlers(cx, view, place.range)
                .iter()
                .any(|(_, catches, _)| catches.errors)
        {
            return true;
        }
        let function = cx.program.function_at(place);
        if seen.insert(function.0) {
            todo.extend(cx.callers.of(function).iter().map(|site| site.place));
        }
    }
    false
}

/// Whether the coroutine that the expression makes can raise no error, as far as its text shows.
pub(super) fn cannot_raise(cx: &Context<'_>, view: &View<'_>, coro: &Expr) -> bool {
    let Expr::Call(call) = coro else { return false };
    is_calm_call(cx, view, call, 4)
}

fn is_calm_call(cx: &Context<'_>, view: &View<'_>, call: &ExprCall, depth: u32) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    if !call
        .arguments
        .iter_source_order()
        .all(|argument| is_calm(cx, view, argument.value(), depth))
    {
        return false;
    }
    if let Some(api) = cx.api_of(view, &call.func) {
        return match api {
            "<builtin>.print" | "<builtin>.list.append" => true,
            "asyncio.sleep" | "anyio.sleep" => call
                .arguments
                .args
                .first()
                .is_some_and(|delay| super::super::shared::number(delay).is_some()),
            _ => api.starts_with("asyncio.Event.") || api.starts_with("asyncio.Lock."),
        };
    }
    let values: Vec<Value> = cx.program.values_at(view.place(&*call.func)).collect();
    let [Value::Func(func) | Value::Bound(func, _)] = values[..] else {
        return false;
    };
    function_is_calm(cx, func, depth)
}

fn function_is_calm(cx: &Context<'_>, func: FuncId, depth: u32) -> bool {
    let Some((view, def)) = definition(cx, func) else {
        return false;
    };
    def.decorator_list.is_empty()
        && def
            .body
            .iter()
            .all(|stmt| stmt_is_calm(cx, view, stmt, depth))
}

/// The text of a function.
pub(super) fn definition<'c>(
    cx: &Context<'c>,
    func: FuncId,
) -> Option<(&'c View<'c>, &'c StmtFunctionDef)> {
    let view = cx.view(cx.program.function_file(func))?;
    let name = cx.program.function(func).name_range;
    let def = view.tree.around(name).find_map(|node| match node {
        AnyNodeRef::StmtFunctionDef(def) => Some(def),
        _ => None,
    })?;
    (def.name.range() == name).then_some((view, def))
}

fn stmt_is_calm(cx: &Context<'_>, view: &View<'_>, stmt: &Stmt, depth: u32) -> bool {
    let all = |stmts: &[Stmt]| stmts.iter().all(|stmt| stmt_is_calm(cx, view, stmt, depth));
    let expr = |expr: &Expr| is_calm(cx, view, expr, depth);
    match stmt {
        Stmt::Expr(it) => expr(&it.value),
        Stmt::Assign(it) => {
            it.targets.iter().all(|target| is_plain_target(target)) && expr(&it.value)
        }
        Stmt::AugAssign(it) => {
            is_plain_target(&it.target) && super::super::shared::number(&it.value).is_some()
        }
        Stmt::Return(it) => it.value.as_deref().is_none_or(expr),
        Stmt::Pass(_)
        | Stmt::Break(_)
        | Stmt::Continue(_)
        | Stmt::Global(_)
        | Stmt::Nonlocal(_) => true,
        Stmt::If(it) => {
            expr(&it.test)
                && all(&it.body)
                && it
                    .elif_else_clauses
                    .iter()
                    .all(|clause| clause.test.as_ref().is_none_or(expr) && all(&clause.body))
        }
        Stmt::While(it) => expr(&it.test) && all(&it.body) && all(&it.orelse),
        Stmt::For(it) => {
            let is_range = matches!(&*it.iter, Expr::Call(call)
                if cx.api_of(view, &call.func) == Some("<builtin>.range")
                    && call.arguments.args.iter().all(|arg| super::super::shared::number(arg).is_some()));
            is_range && it.target.is_name_expr() && all(&it.body) && all(&it.orelse)
        }
        Stmt::Try(it) => {
            let reraises = |stmt: &Stmt| matches!(stmt, Stmt::Raise(raise) if raise.exc.is_none());
            let cancelled_only = it.handlers.iter().all(|handler| {
                let ExceptHandler::ExceptHandler(handler) = handler;
                handler.type_.as_deref().is_some_and(|ty| {
                    cx.api_of(view, ty)
                        .is_some_and(|api| canonical(api) == "asyncio.CancelledError")
                }) && handler
                    .body
                    .iter()
                    .all(|stmt| reraises(stmt) || stmt_is_calm(cx, view, stmt, depth))
            });
            cancelled_only && all(&it.body) && all(&it.orelse) && all(&it.finalbody)
        }
        _ => false,
    }
}

fn is_plain_target(target: &Expr) -> bool {
    match target {
        Expr::Name(_) => true,
        Expr::Attribute(attribute) => attribute.value.is_name_expr(),
        _ => false,
    }
}

fn is_calm(cx: &Context<'_>, view: &View<'_>, expr: &Expr, depth: u32) -> bool {
    match expr {
        Expr::Name(_)
        | Expr::StringLiteral(_)
        | Expr::NumberLiteral(_)
        | Expr::BooleanLiteral(_)
        | Expr::NoneLiteral(_) => true,
        Expr::Attribute(attribute) => attribute.value.is_name_expr(),
        Expr::Tuple(tuple) => tuple.elts.iter().all(|it| is_calm(cx, view, it, depth)),
        Expr::Await(await_) => {
            matches!(&*await_.value, Expr::Call(call) if is_calm_call(cx, view, call, depth))
        }
        Expr::Call(call) => is_calm_call(cx, view, call, depth),
        Expr::UnaryOp(it) => is_calm(cx, view, &it.operand, depth),
        Expr::BoolOp(it) => it.values.iter().all(|it| is_calm(cx, view, it, depth)),
        // Of numbers written out, and of what they are multiplied with.
        Expr::BinOp(it) => {
            super::super::shared::number(&it.left).is_some()
                && super::super::shared::number(&it.right).is_some()
        }
        Expr::Compare(it) => it
            .ops
            .iter()
            .all(|op| matches!(op, CmpOp::Is | CmpOp::IsNot)),
        _ => false,
    }
}
