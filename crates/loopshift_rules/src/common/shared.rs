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

/// The number that an expression is known to be: one written out, or the name of a module's variable that is given one and
/// nothing else. What values flow to an expression does not tell: `None` and what is computed are not among them.
pub(crate) fn constant_number(view: &View<'_>, expr: &Expr) -> Option<f64> {
    let Expr::Name(name) = expr else {
        return number(expr);
    };
    let scope = view.scopes.at(name.range.start());
    let scope = view.scopes.resolve(name.id.as_str(), scope)?;
    let [binding] = view.scopes.scopes[scope]
        .bindings
        .get(name.id.as_str())?
        .as_slice()
    else {
        return None;
    };
    match view.tree.parent(view.tree.expr_at(binding.range)?)? {
        AnyNodeRef::StmtAssign(assign) => number(&assign.value),
        AnyNodeRef::StmtAnnAssign(assign) => number(assign.value.as_deref()?),
        _ => None,
    }
}

/// Whether an expression is a statement of its own, its value unused.
pub(crate) fn is_statement<'v>(view: &View<'v>, expr: impl Into<AnyNodeRef<'v>>) -> bool {
    matches!(view.tree.parent(expr), Some(AnyNodeRef::StmtExpr(_)))
}
