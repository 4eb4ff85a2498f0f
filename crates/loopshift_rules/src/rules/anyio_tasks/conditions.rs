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

/// Whether an expression takes only some of what a collection holds: a slice, or what passes a test. Tasks that a test for
/// their end leaves out need not be waited for.
pub(super) fn takes_some(expr: &Expr) -> bool {
    match expr {
        Expr::Subscript(it) => match &*it.slice {
            Expr::Slice(slice) => slice.lower.is_some() || slice.upper.is_some(),
            _ => false,
        },
        Expr::Call(call) => {
            let name = match &*call.func {
                Expr::Name(it) => it.id.as_str(),
                Expr::Attribute(it) => it.attr.as_str(),
                _ => "",
            };
            let arguments = &call.arguments.args;
            match name {
                "islice" | "sample" | "choices" | "takewhile" | "dropwhile" => true,
                "filter" => !arguments.first().is_some_and(Expr::is_none_literal_expr),
                "list" | "tuple" | "set" | "sorted" | "reversed" | "iter" | "enumerate" => {
                    arguments.first().is_some_and(takes_some)
                }
                _ => false,
            }
        }
        other => {
            let all_done = |_: &Expr| false;
            let leaves_done =
                |test: &Expr| done_test(test, &all_done).is_some_and(|(_, done)| !done);
            let element = match other {
                Expr::ListComp(it) => &it.elt,
                Expr::SetComp(it) => &it.elt,
                Expr::Generator(it) => &it.elt,
                _ => return false,
            };
            let is_name = |it: &Expr| match (it, &**element) {
                (Expr::Name(it), Expr::Name(element)) => it.id == element.id,
                _ => false,
            };
            let is_element = |target: &Expr| match target {
                Expr::Tuple(it) => it.elts.iter().any(is_name),
                plain => is_name(plain),
            };
            let generators = loopshift_python::tree::generators(other.into());
            generators.into_iter().flatten().any(|it| {
                is_element(&it.target) && (takes_some(&it.iter) || !it.ifs.iter().all(leaves_done))
            })
        }
    }
}
