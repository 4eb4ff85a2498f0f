//! What several rules ask.

use loopshift_python::ast::{self, AnyNodeRef, Expr, Number};

use crate::context::View;

/// The value of a number written out, with its sign.
pub(crate) fn number(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::NumberLiteral(literal) => match &literal.value {
            Number::Int(int) => int.as_i32().map(f64::from),
            Number::Float(value) => Some(*value),
            Number::Complex { .. } => None,
        },
        Expr::UnaryOp(ast::ExprUnaryOp {
            op: ast::UnaryOp::USub,
            operand,
            ..
        }) => number(operand).map(|value| -value),
        _ => None,
    }
}

/// Whether an expression is a statement of its own, its value unused.
pub(crate) fn is_statement<'v>(view: &View<'v>, expr: impl Into<AnyNodeRef<'v>>) -> bool {
    matches!(view.tree.parent(expr), Some(AnyNodeRef::StmtExpr(_)))
}
