//! Whether a number can be negative, as far as its expression shows.

use loopshift_python::Ranged;
use loopshift_python::ast::{self, AnyNodeRef, Expr, Operator};

use super::shared::number;
use crate::context::{Context, View};

/// Names that are followed from one to the next at most so often.
const DEPTH: u32 = 6;

/// Whether the expression is provably at least zero: a literal, a sum or product of such, `len(…)`, the counter of a
/// `range`, a variable that only ever holds such. `max(…)` and `random.random()` count as well.
pub(crate) fn is_non_negative(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    prove(cx, view, expr, DEPTH)
}

fn prove(cx: &Context<'_>, view: &View<'_>, expr: &Expr, depth: u32) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    if let Some(value) = number(expr) {
        return value >= 0.0;
    }
    match expr {
        Expr::BinOp(bin) => {
            matches!(
                bin.op,
                Operator::Add | Operator::Mult | Operator::Div | Operator::FloorDiv | Operator::Pow
            ) && prove(cx, view, &bin.left, depth)
                && prove(cx, view, &bin.right, depth)
        }
        Expr::If(if_) => prove(cx, view, &if_.body, depth) && prove(cx, view, &if_.orelse, depth),
        Expr::BoolOp(bool_op) => bool_op
            .values
            .iter()
            .all(|value| prove(cx, view, value, depth)),
        Expr::BooleanLiteral(_) => true,
        Expr::Call(call) => known_call(cx, view, call, depth),
        Expr::Name(name) => variable(cx, view, name, depth),
        _ => false,
    }
}

fn known_call(cx: &Context<'_>, view: &View<'_>, call: &ast::ExprCall, depth: u32) -> bool {
    let args = &call.arguments.args;
    match cx.api_of(view, &call.func) {
        Some("<builtin>.len" | "<builtin>.abs" | "random.random") => true,
        Some("<builtin>.max") => args.iter().any(|arg| prove(cx, view, arg, depth)),
        Some(
            "<builtin>.min" | "<builtin>.float" | "<builtin>.int" | "random.uniform"
            | "random.randint",
        ) => !args.is_empty() && args.iter().all(|arg| prove(cx, view, arg, depth)),
        _ => false,
    }
}

/// A variable all of whose bindings are seen and give it such a number.
fn variable(cx: &Context<'_>, view: &View<'_>, name: &ast::ExprName, depth: u32) -> bool {
    let scope = view.scopes.at(name.range.start());
    let Some(scope) = view.scopes.resolve(name.id.as_str(), scope) else {
        return false;
    };
    let Some(bindings) = view.scopes.scopes[scope].bindings.get(name.id.as_str()) else {
        return false;
    };
    !bindings.is_empty()
        && bindings.iter().all(|binding| {
            let Some(target) = view.tree.expr_at(binding.range) else {
                return false;
            };
            match view.tree.parent(target) {
                Some(AnyNodeRef::StmtAssign(assign)) => {
                    assign
                        .targets
                        .iter()
                        .any(|known| known.range() == binding.range)
                        && prove(cx, view, &assign.value, depth)
                }
                Some(AnyNodeRef::StmtAnnAssign(assign)) => assign
                    .value
                    .as_ref()
                    .is_some_and(|value| prove(cx, view, value, depth)),
                Some(AnyNodeRef::StmtAugAssign(assign)) => {
                    matches!(assign.op, Operator::Add | Operator::Mult)
                        && prove(cx, view, &assign.value, depth)
                }
                Some(AnyNodeRef::StmtFor(for_)) => counts_up(cx, view, &for_.iter, depth),
                Some(AnyNodeRef::Comprehension(part)) => counts_up(cx, view, &part.iter, depth),
                _ => false,
            }
        })
}

/// Whether an iterable gives only such numbers: `range(n)`, `range(1, n)`, or a display of literals.
fn counts_up(cx: &Context<'_>, view: &View<'_>, iter: &Expr, depth: u32) -> bool {
    match iter {
        Expr::Call(call) => {
            let args = &call.arguments.args;
            let step_up = args
                .get(2)
                .is_none_or(|step| number(step).is_some_and(|it| it > 0.0));
            cx.api_of(view, &call.func) == Some("<builtin>.range")
                && step_up
                && (args.len() == 1
                    || args
                        .first()
                        .is_some_and(|start| prove(cx, view, start, depth)))
        }
        Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. }) => {
            elts.iter().all(|elt| prove(cx, view, elt, depth))
        }
        _ => false,
    }
}
