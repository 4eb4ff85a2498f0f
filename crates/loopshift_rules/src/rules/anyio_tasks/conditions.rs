//! Tests that say what a variable holds.

use loopshift_python::ast::{self, Expr};

/// A test of a variable for None, or for being empty: the variable, and whether it is so where the test holds.
pub(super) fn none_test(test: &Expr) -> Option<(&ast::ExprName, bool)> {
    match test {
        Expr::Name(name) => Some((name, false)),
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
                ast::CmpOp::Is => Some((name, true)),
                ast::CmpOp::IsNot => Some((name, false)),
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

/// A test whether a task is done, `t in done` or `t.done()`: the task, and whether it is where the test holds. `are_done`
/// tells of an expression whether it holds only tasks that are.
pub(super) fn done_test<'a>(
    test: &'a Expr,
    are_done: &dyn Fn(&Expr) -> bool,
) -> Option<(&'a Expr, bool)> {
    match test {
        Expr::UnaryOp(it) if it.op == ast::UnaryOp::Not => {
            let (task, done) = done_test(&it.operand, are_done)?;
            Some((task, !done))
        }
        Expr::Call(call) => match &*call.func {
            Expr::Attribute(method) if method.attr.as_str() == "done" => {
                Some((&*method.value, true))
            }
            _ => None,
        },
        Expr::Compare(it) => {
            let ([op], [set]) = (&*it.ops, &*it.comparators) else {
                return None;
            };
            match op {
                ast::CmpOp::In if are_done(set) => Some((&*it.left, true)),
                ast::CmpOp::NotIn if are_done(set) => Some((&*it.left, false)),
                _ => None,
            }
        }
        _ => None,
    }
}
