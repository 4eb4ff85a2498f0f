//! Tests that say what a variable holds.

use loopshift_python::ast::{self, Expr};

/// A test of a variable for None: its name, and whether it is None where the test holds.
pub(super) fn none_test(test: &Expr) -> Option<(&str, bool)> {
    match test {
        Expr::Name(name) => Some((name.id.as_str(), false)),
        Expr::UnaryOp(it) if it.op == ast::UnaryOp::Not => {
            let (name, none) = none_test(&it.operand)?;
            Some((name, !none))
        }
        Expr::Compare(it) => {
            let (Expr::Name(name), [op], [right]) = (&*it.left, &*it.ops, &*it.comparators) else {
                return None;
            };
            if !right.is_none_literal_expr() {
                return None;
            }
            match op {
                ast::CmpOp::Is => Some((name.id.as_str(), true)),
                ast::CmpOp::IsNot => Some((name.id.as_str(), false)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The variable of `while not t.done():`.
pub(super) fn until_done(test: &Expr) -> Option<&str> {
    let Expr::UnaryOp(it) = test else { return None };
    let Expr::Call(call) = &*it.operand else {
        return None;
    };
    let Expr::Attribute(attribute) = &*call.func else {
        return None;
    };
    let done = it.op == ast::UnaryOp::Not && attribute.attr.as_str() == "done";
    match &*attribute.value {
        Expr::Name(name) if done => Some(name.id.as_str()),
        _ => None,
    }
}
