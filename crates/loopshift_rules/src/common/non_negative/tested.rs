//! Tests that have found a variable to be no less than zero.

use loopshift_python::ast::{self, AnyNodeRef, CmpOp, Expr, ExprName, Stmt};
use loopshift_python::{Ranged, TextRange};

use crate::common::shared::number;
use crate::context::View;

/// Whether a test around the variable, or one before it that leaves, has found it to be no less than zero, and nothing binds it
/// in between.
pub(super) fn is_tested(view: &View<'_>, name: &ExprName) -> bool {
    let mut inner = name.range();
    // Whether what follows the variable comes before it, too.
    let mut in_loop = false;
    for node in view.tree.ancestors(name) {
        if is_around(node, inner, name) && !is_bound(view, name, node.range(), in_loop) {
            return true;
        }
        match node {
            AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_) => return false,
            AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtWhile(_) => in_loop = true,
            _ => {}
        }
        if let Some(test) = left_before(view, node.range(), name)
            && !is_bound(view, name, test.cover(node.range()), in_loop)
        {
            return true;
        }
        inner = node.range();
    }
    false
}

/// Whether the node runs this part of it only where its test has found that.
fn is_around(node: AnyNodeRef<'_>, inner: TextRange, name: &ExprName) -> bool {
    match node {
        AnyNodeRef::StmtIf(it) => {
            let body = it.body.first().zip(it.body.last());
            body.is_some_and(|(first, last)| {
                TextRange::new(first.start(), last.end()).contains_range(inner)
            }) && says(&it.test, true, name)
        }
        AnyNodeRef::StmtWhile(it) => {
            !it.test.range().contains_range(inner)
                && it.orelse.is_empty()
                && says(&it.test, true, name)
        }
        AnyNodeRef::ExprIf(it) => {
            it.body.range().contains_range(inner) && says(&it.test, true, name)
        }
        _ => false,
    }
}

/// Where a statement before this one leaves if the number is negative: `if delay < 0: return`.
fn left_before(view: &View<'_>, range: TextRange, name: &ExprName) -> Option<TextRange> {
    let stmt = view.tree.enclosing_statement(range)?;
    if stmt.range() != range {
        return None;
    }
    let (suite, at) = view.tree.suite_of(stmt)?;
    let leaves = |stmt: &&Stmt| match stmt {
        Stmt::If(it) => {
            it.elif_else_clauses.is_empty()
                && says(&it.test, false, name)
                && matches!(
                    it.body.last(),
                    Some(Stmt::Return(_) | Stmt::Raise(_) | Stmt::Continue(_) | Stmt::Break(_))
                )
        }
        _ => false,
    };
    suite[..at].iter().rev().find(leaves).map(Ranged::range)
}

/// Whether something in the range binds the variable before it is read there.
fn is_bound(view: &View<'_>, name: &ExprName, range: TextRange, in_loop: bool) -> bool {
    let scopes = &view.scopes;
    let Some(scope) = scopes.resolve(name.id.as_str(), scopes.at(name.start())) else {
        return true;
    };
    let bindings = scopes.scopes[scope].bindings.get(name.id.as_str());
    bindings.into_iter().flatten().any(|binding| {
        range.contains_range(binding.range) && (in_loop || binding.range.start() < name.start())
    })
}

/// Whether the test says that the number is at least zero, where it gives `holds`.
fn says(test: &Expr, holds: bool, name: &ExprName) -> bool {
    match test {
        Expr::BoolOp(it) if (it.op == ast::BoolOp::And) == holds => {
            it.values.iter().any(|value| says(value, holds, name))
        }
        Expr::Compare(it) => {
            let ([op], [right]) = (&*it.ops, &*it.comparators) else {
                return false;
            };
            let is_it = |expr: &Expr| expr.as_name_expr().is_some_and(|it| it.id == name.id);
            let not_below = |bound: &Expr| number(bound).is_some_and(|it| it >= 0.0);
            let more = matches!(op, CmpOp::Gt | CmpOp::GtE);
            let less = matches!(op, CmpOp::Lt | CmpOp::LtE);
            // `x > 0` and `0 < x`; the other way `x <= 0`, and `0 >= x`.
            is_it(&it.left) && not_below(right) && (if holds { more } else { less })
                || is_it(right) && not_below(&it.left) && (if holds { less } else { more })
        }
        _ => false,
    }
}
