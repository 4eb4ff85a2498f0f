//! Errors that a task keeps for others and goes on. Before Python 3.13, `assertRaises` closes every coroutine among the frames
//! of what it catches, as it does not close a green thread: so such an error is kept without them.

use loopshift_engine::change::Change;
use loopshift_engine::flow::value::Value;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::Edit;

use super::RULE;
use crate::common::green::{anchor, coloured_views, is_coloured};
use crate::context::{Context, View};

/// What keeps an argument for others.
const KEEPING: &[&str] = &[
    "add",
    "append",
    "appendleft",
    "insert",
    "put",
    "put_nowait",
    "send",
    "set",
    "setdefault",
];

pub(super) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let closes = ["assertRaises", "assertRaisesRegex"];
    if cx.settings.python_has(3, 13) || !closes.iter().any(|name| cx.mentions(name)) {
        return;
    }
    for view in coloured_views(cx, &["except"]) {
        for expr in view.tree.exprs() {
            let Expr::Name(name) = expr else { continue };
            if !name.ctx.is_load() || !is_kept(cx, view, expr) || !is_caught(view, expr, &name.id) {
                continue;
            }
            let func = cx.program.function_at(view.place(expr));
            if !is_coloured(cx, func) {
                continue;
            }
            let message = "an error is kept without the frames of a task that goes on";
            let mut change = Change::new(
                RULE,
                view.place(expr),
                "unittest.TestCase.assertRaises",
                message,
            );
            change.edit(Edit::insert(expr.end(), ".with_traceback(None)", &[]));
            change.requires.push(anchor(cx, func));
            changes.push(change);
        }
    }
}

/// Whether a name is that of the error which a handler around it in the same function has caught.
fn is_caught(view: &View<'_>, expr: &Expr, name: &str) -> bool {
    let mut around = view.tree.ancestors(expr).take_while(|node| {
        !matches!(
            node,
            AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_)
        )
    });
    around.any(|node| match node {
        AnyNodeRef::ExceptHandlerExceptHandler(it) => {
            it.name.as_ref().is_some_and(|it| it.as_str() == name)
        }
        _ => false,
    })
}

/// Whether an expression is put where others find it: into an attribute, an item, a queue, alone or in a tuple.
fn is_kept(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    match view.tree.parent(expr) {
        Some(AnyNodeRef::StmtAssign(it)) => {
            let outlives = |target: &Expr| target.is_attribute_expr() || target.is_subscript_expr();
            it.targets.iter().any(outlives)
        }
        Some(AnyNodeRef::ExprTuple(it)) => {
            let tuple = view.tree.expr_at(it.range());
            tuple.is_some_and(|tuple| !tuple.is_name_expr() && is_kept(cx, view, tuple))
        }
        Some(AnyNodeRef::Arguments(_)) => {
            (view.tree.call_around(expr)).is_some_and(|call| keeps(cx, view, call))
        }
        _ => false,
    }
}

/// Whether a call is one of a library's, and keeps what it is given.
fn keeps(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    let Expr::Attribute(method) = &*call.func else {
        return false;
    };
    let mut values = cx.program.values_at(view.place(&*call.func));
    let is_ours = |value| matches!(value, Value::Func(_) | Value::Bound(..));
    KEEPING.contains(&method.attr.as_str()) && !values.any(is_ours)
}
