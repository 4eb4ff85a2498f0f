//! An `ExitStack` that enters what waits becomes an `AsyncExitStack`.

use std::collections::BTreeSet;

use loopshift_engine::ir::{FuncId, Node};
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprAttribute, ExprCall, WithItem};
use loopshift_python::edit::Edit;

use super::super::builtin::given;
use super::super::{Operation, awaited};
use super::{entered, is_moved};
use crate::context::{Context, View};

/// What enters others.
pub(super) const CLASS: &str = "contextlib.ExitStack";

const REASON: &str = "what is entered or called there waits, and an `ExitStack` does not";

/// `with ExitStack() as stack`, where something that the stack enters waits; the `with` itself is not written here.
pub(super) fn operation(
    cx: &Context<'_>,
    view: &View<'_>,
    item: &WithItem,
    generators: &[(Node, FuncId)],
) -> Option<Operation> {
    let (made, name) = stack(cx, view, item)?;
    let mut operation = Operation::new(view.place(made), BTreeSet::new());
    let owner = cx.program.function_at(operation.place);
    operation.edits = vec![match &*made.func {
        Expr::Attribute(it) => Edit::replace(it.attr.range(), "AsyncExitStack", &[]),
        other => Edit::replace(other.range(), "{@contextlib:AsyncExitStack}", &[]),
    }];
    for expr in view.tree.exprs() {
        let is_stack = matches!(expr, Expr::Name(it) if it.id == name && it.ctx.is_load());
        if !is_stack || cx.program.function_at(view.place(expr)) != owner {
            continue;
        }
        let Some((method, call)) = method(view, expr) else {
            operation.reason = Some(REASON.to_owned());
            continue;
        };
        let Some(argument) = call.arguments.args.first() else {
            operation.reason = Some(REASON.to_owned());
            continue;
        };
        if method.attr.as_str() == "callback" {
            called_back(cx, view, method, argument, &mut operation);
            continue;
        }
        let (functions, plain) = entered(cx, view, argument, generators);
        if method.attr.as_str() != "enter_context" || is_moved(cx, view, argument) {
            operation.reason = Some(REASON.to_owned());
        }
        if functions.is_empty() {
            continue;
        }
        operation.around.push(awaited(view, call));
        if plain {
            operation.reason =
                Some("what the stack gets there waits, or does not: it may be either".to_owned());
        }
        operation.functions.extend(functions);
        let name = method.attr.range();
        let edit = Edit::replace(name, "enter_async_context", &[]);
        operation.edits.push(edit);
    }
    (!operation.functions.is_empty()).then_some(operation)
}

/// What the stack calls at its end, where that waits.
fn called_back(
    cx: &Context<'_>,
    view: &View<'_>,
    method: &ExprAttribute,
    function: &Expr,
    operation: &mut Operation,
) {
    let (functions, plain) = given(cx, view, function);
    if functions.is_empty() {
        return;
    }
    if plain {
        operation.reason =
            Some("what the stack calls waits, or does not: it may be either".to_owned());
    }
    operation.functions.extend(functions);
    let name = method.attr.range();
    let edit = Edit::replace(name, "push_async_callback", &[]);
    operation.edits.push(edit);
}

/// What any other stack is given to enter.
pub(super) fn elsewhere(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    generators: &[(Node, FuncId)],
) -> Option<Operation> {
    let Expr::Attribute(method) = &*call.func else {
        return None;
    };
    let argument = call.arguments.args.first()?;
    let (functions, _) = match method.attr.as_str() {
        "enter_context" | "push" => entered(cx, view, argument, generators),
        "callback" if cx.api_of(view, &call.func) == Some("contextlib.ExitStack.callback") => {
            given(cx, view, argument)
        }
        _ => return None,
    };
    let mut around = view.tree.around(call.range());
    let is_known = around.any(|node| match node {
        AnyNodeRef::StmtWith(with) => {
            let mut stacks = with.items.iter().filter_map(|it| stack(cx, view, it));
            let called = method.value.as_name_expr().map(|it| it.id.as_str());
            stacks.any(|(_, name)| called == Some(name))
        }
        _ => false,
    });
    if functions.is_empty() || is_known {
        return None;
    }
    let mut operation = Operation::new(view.place(argument), functions);
    operation.reason = Some(REASON.to_owned());
    Some(operation)
}

/// The stack that a `with` makes and enters, and its name.
fn stack<'v>(
    cx: &Context<'_>,
    view: &View<'_>,
    item: &'v WithItem,
) -> Option<(&'v ExprCall, &'v str)> {
    let made = item.context_expr.as_call_expr()?;
    let name = item.optional_vars.as_deref()?.as_name_expr()?;
    let is_one = cx.api_of(view, &made.func) == Some(CLASS);
    is_one.then_some((made, name.id.as_str()))
}

/// The method of the stack that is called.
fn method<'v>(view: &View<'v>, stack: &'v Expr) -> Option<(&'v ExprAttribute, &'v ExprCall)> {
    let Some(AnyNodeRef::ExprAttribute(method)) = view.tree.parent(stack) else {
        return None;
    };
    Some((method, view.call_of(method.range())?))
}
