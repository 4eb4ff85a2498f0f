//! Methods `__exit__` that look at what their block was left with: where a wait is cut short, a task is left with a
//! cancellation, a green thread with what cut it short.

use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ClassId, FuncId};
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, StmtWith};

use crate::common::code::{definition, own};
use crate::context::{Context, View};

/// Whether something that is entered there looks at what its block was left with.
pub(crate) fn looks_on(cx: &Context<'_>, view: &View<'_>, with: &StmtWith) -> bool {
    exits(cx, view, with).any(|func| asks(cx, func))
}

/// The methods `__exit__` of the program that a `with` ends with.
pub(crate) fn exits<'a>(
    cx: &'a Context<'_>,
    view: &'a View<'_>,
    with: &'a StmtWith,
) -> impl Iterator<Item = FuncId> + 'a {
    let entered = with.items.iter();
    let values = entered.flat_map(|item| cx.program.values_at(view.place(&item.context_expr)));
    values.filter_map(|value| match value {
        Value::Instance(class) => exit(cx, class),
        _ => None,
    })
}

/// Whether anything in the program looks at what its block was left with.
pub(crate) fn looks_anywhere(cx: &Context<'_>) -> bool {
    let is_exit = |func: &FuncId| cx.program.function(*func).name() == "__exit__";
    cx.program
        .functions()
        .filter(is_exit)
        .any(|func| asks(cx, func))
}

/// The method `__exit__` of a class.
fn exit(cx: &Context<'_>, class: ClassId) -> Option<FuncId> {
    let bases = cx.program.flow.mro.get(class.0 as usize)?;
    bases.iter().find_map(|entry| match entry {
        MroEntry::Class(base) => {
            let mut methods = cx.program.methods(*base).iter().copied();
            methods.find(|func| cx.program.function(*func).name() == "__exit__")
        }
        MroEntry::External(_) => None,
    })
}

/// Whether a method `__exit__` asks for more of the exception than whether there is one.
fn asks(cx: &Context<'_>, func: FuncId) -> bool {
    let Some((view, def)) = definition(cx, func) else {
        return false;
    };
    let names: Vec<&str> = def
        .parameters
        .iter()
        .skip(1)
        .map(|it| it.name().as_str())
        .collect();
    own(&def.body).into_iter().any(|node| match node {
        AnyNodeRef::ExprName(name) if names.contains(&name.id.as_str()) => {
            let expr = view.tree.expr_at(name.range());
            expr.is_some_and(|expr| !only_tests(view, expr))
        }
        _ => false,
    })
}

/// Whether all that is asked of an expression is whether it is `None`, or it is only passed on to another `__exit__`.
fn only_tests(view: &View<'_>, expr: &Expr) -> bool {
    match view.tree.parent(expr) {
        Some(AnyNodeRef::ExprSubscript(it)) if it.value.range() == expr.range() => {
            let whole = view.tree.expr_at(it.range());
            whole.is_some_and(|whole| only_tests(view, whole))
        }
        Some(AnyNodeRef::StmtIf(_) | AnyNodeRef::ElifElseClause(_) | AnyNodeRef::ExprIf(_)) => true,
        Some(AnyNodeRef::ExprUnaryOp(it)) => it.op.is_not(),
        Some(AnyNodeRef::ExprBoolOp(it)) => {
            it.values.last().map(Ranged::range) != Some(expr.range())
        }
        Some(AnyNodeRef::ExprCompare(it)) => {
            it.left.range() == expr.range() && it.comparators.iter().all(Expr::is_none_literal_expr)
        }
        Some(AnyNodeRef::Arguments(_) | AnyNodeRef::ExprStarred(_)) => {
            let call = view.tree.call_around(expr);
            call.is_some_and(
                |call| matches!(&*call.func, Expr::Attribute(it) if it.attr.as_str() == "__exit__"),
            )
        }
        _ => false,
    }
}
