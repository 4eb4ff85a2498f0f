//! Times of the loop's clock that are kept in a list or a deque: they only meet other times if all that is read from it does.

use loopshift_engine::change::Place;
use loopshift_python::ast::{AnyNodeRef, Expr, UnaryOp};
use loopshift_python::{Ranged, TextRange};
use rustc_hash::FxHashSet;

use super::{is_difference, is_time, reads_of, target_is_difference, writes_of};
use crate::context::{Context, View};

/// Methods that put something into a list or a deque.
const PUTTING: &[&str] = &["append", "appendleft"];

/// Methods that take something out.
const TAKING: &[&str] = &["pop", "popleft"];

/// Whether a time that is the only argument of a call, of a method that keeps it, only meets others.
pub(super) fn is_kept_among_times(
    cx: &Context<'_>,
    view: &View<'_>,
    callee: &Expr,
    seen: &mut FxHashSet<Place>,
) -> bool {
    let Expr::Attribute(method) = callee else {
        return false;
    };
    PUTTING.contains(&method.attr.as_str()) && holds_times(cx, view, &method.value, seen)
}

/// Whether a variable or attribute holds a container of nothing but times, and all that is read from it only meets
/// others.
fn holds_times(
    cx: &Context<'_>,
    view: &View<'_>,
    container: &Expr,
    seen: &mut FxHashSet<Place>,
) -> bool {
    match container {
        Expr::Name(name) => {
            let id = name.id.as_str();
            let resolve = |scope| view.scopes.resolve(id, scope);
            let Some(scope) = resolve(view.scopes.at(name.start())) else {
                return false;
            };
            let made = view.scopes.scopes[scope].bindings.get(id);
            let starts_empty = made.is_some_and(|bindings| {
                !bindings.is_empty()
                    && bindings.iter().all(|binding| {
                        match view.tree.enclosing_statement(binding.range) {
                            Some(loopshift_python::ast::Stmt::Assign(assign)) => {
                                is_new(cx, view, &assign.value)
                            }
                            Some(loopshift_python::ast::Stmt::AnnAssign(assign)) => {
                                (assign.value.as_deref()).is_some_and(|it| is_new(cx, view, it))
                            }
                            _ => false,
                        }
                    })
            });
            if view.scopes.runs_at_import(scope) || !starts_empty {
                return false;
            }
            view.scopes
                .references
                .iter()
                .filter(|it| it.name == id && resolve(it.scope) == Some(scope))
                .all(|it| is_read_as_times(cx, view, it.range, seen))
        }
        Expr::Attribute(attribute) => {
            let name = attribute.attr.as_str();
            let mut written = false;
            cx.views_naming([name]).all(|view| {
                writes_of(view, name).all(|value| {
                    written = true;
                    is_new(cx, view, value)
                }) && reads_of(view, name).all(|range| is_read_as_times(cx, view, range, seen))
            }) && written
        }
        _ => false,
    }
}

/// Whether an expression is a new list or deque with nothing in it.
pub(super) fn is_new(cx: &Context<'_>, view: &View<'_>, value: &Expr) -> bool {
    match value {
        Expr::List(list) => list.elts.is_empty(),
        Expr::Call(call) => {
            call.arguments.args.is_empty()
                && matches!(
                    cx.api_of(view, &call.func),
                    Some("<builtin>.list" | "collections.deque")
                )
        }
        _ => false,
    }
}

/// Whether what is read from a container of times, at this range, only meets other times, and what is put in is one.
fn is_read_as_times(
    cx: &Context<'_>,
    view: &View<'_>,
    range: TextRange,
    seen: &mut FxHashSet<Place>,
) -> bool {
    if !seen.insert(view.place(range)) {
        return true;
    }
    let Some(expr) = view.tree.expr_at(range) else {
        return true; // The name where it is bound.
    };
    if is_test(view, expr) {
        return true;
    }
    match view.tree.parent(expr) {
        Some(AnyNodeRef::StmtAssign(assign)) => !assign.value.range().contains_range(range),
        Some(AnyNodeRef::StmtAnnAssign(assign)) => assign.target.range() == range,
        Some(AnyNodeRef::ExprSubscript(item)) => {
            item.value.range() == range
                && (item.ctx.is_del()
                    || item.ctx.is_load()
                        && !item.slice.is_slice_expr()
                        && is_difference(cx, view, item.range(), seen))
        }
        Some(AnyNodeRef::ExprAttribute(method)) => {
            let Some(call) = view.call_of(method.range()) else {
                return false;
            };
            let name = method.attr.as_str();
            match &*call.arguments.args {
                [time] if PUTTING.contains(&name) => is_time(cx, view, time),
                _ if TAKING.contains(&name) => is_difference(cx, view, call.range(), seen),
                _ => name == "clear",
            }
        }
        Some(AnyNodeRef::Arguments(_)) => {
            let call = view.tree.call_around(expr);
            call.is_some_and(|call| match cx.api_of(view, &call.func) {
                Some("<builtin>.len" | "<builtin>.bool") => true,
                Some("<builtin>.min" | "<builtin>.max") => {
                    call.arguments.len() == 1 && is_difference(cx, view, call.range(), seen)
                }
                _ => false,
            })
        }
        Some(AnyNodeRef::StmtFor(for_)) => {
            for_.iter.range() == range && target_is_difference(cx, view, &for_.target, seen)
        }
        _ => false,
    }
}

/// Whether only the truth of an expression is asked.
pub(super) fn is_test(view: &View<'_>, expr: &Expr) -> bool {
    match view.tree.parent(expr) {
        Some(AnyNodeRef::StmtIf(_) | AnyNodeRef::StmtWhile(_) | AnyNodeRef::ElifElseClause(_)) => {
            true
        }
        Some(AnyNodeRef::ExprUnaryOp(unary)) => unary.op == UnaryOp::Not,
        Some(AnyNodeRef::ExprBoolOp(operation)) => view
            .tree
            .expr_at(operation.range())
            .is_some_and(|whole| is_test(view, whole)),
        _ => false,
    }
}
