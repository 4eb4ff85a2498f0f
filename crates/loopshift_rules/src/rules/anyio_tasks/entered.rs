//! Whether an object may be entered while it is entered already, as a lock is by several tasks: it can hold one task group
//! at a time.

use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ClassId, FuncId};
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Decorator, Expr, Stmt};

use super::suites::each;
use crate::common::code::definition;
use crate::context::{Context, View};

/// How many functions hand on an object before one makes it.
const DEPTH: u32 = 4;

/// Whether some place may enter an object of the class that another one holds. Where the object is made in place, by its class
/// or a function that makes it anew, or is that of a local variable, none can; and what a loop goes through is entered once.
pub(super) fn is_shared(cx: &Context<'_>, class: ClassId) -> bool {
    let mros = &cx.program.flow.mro;
    let is_one = move |value: Value| match value {
        Value::Instance(it) => mros[it.0 as usize].contains(&MroEntry::Class(class)),
        _ => false,
    };
    cx.views_where(is_one).any(|view| {
        entered(view).any(|expr| {
            let mut values = cx.program.values_at(view.place(expr));
            values.any(is_one) && !is_own(cx, view, expr)
        })
    })
}

/// What the file enters with `async with`, or an exit stack.
pub(super) fn entered<'c>(view: &'c View<'c>) -> impl Iterator<Item = &'c Expr> {
    view.tree.nodes().flat_map(|node| match node {
        AnyNodeRef::StmtWith(with) if with.is_async => {
            with.items.iter().map(|it| &it.context_expr).collect()
        }
        AnyNodeRef::ExprCall(call) => {
            let enters = matches!(&*call.func, Expr::Attribute(it)
                if matches!(it.attr.as_str(), "enter_async_context" | "__aenter__"));
            let object = match &*call.func {
                Expr::Attribute(it) if it.attr.as_str() == "__aenter__" => Some(&*it.value),
                _ => call.arguments.args.first(),
            };
            object.filter(|_| enters).into_iter().collect()
        }
        _ => Vec::new(),
    })
}

/// Whether the expression makes the object, or is a variable of the function that nothing else binds.
fn is_own(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    is_new(cx, view, expr, DEPTH)
        || bindings(cx, view, expr).is_some_and(|it| it.iter().all(|it| matches!(it, Bound::Loop)))
}

/// Whether the expression makes the object, or is a variable that is only given such; a number of functions may hand it on.
fn is_new(cx: &Context<'_>, view: &View<'_>, expr: &Expr, depth: u32) -> bool {
    match bindings(cx, view, expr) {
        None => makes(cx, view, expr, depth),
        Some(bindings) => bindings
            .iter()
            .all(|it| matches!(it, Bound::To(value) if makes(cx, view, value, depth))),
    }
}

/// What binds a local variable.
enum Bound<'c> {
    /// A value is assigned to it.
    To(&'c Expr),
    /// A loop goes through something.
    Loop,
}

/// What binds the local variable that the expression is, where all of it is seen.
fn bindings<'c>(cx: &Context<'c>, view: &View<'_>, expr: &Expr) -> Option<Vec<Bound<'c>>> {
    let name = expr.as_name_expr()?;
    let (_, def) = definition(cx, cx.program.function_at(view.place(expr)))?;
    let is_it = |it: &Expr| view.text(it.range()) == name.id.as_str();
    let mut found = Vec::new();
    let mut other = def.parameters.includes(&name.id);
    each(&def.body, &mut |stmt| match stmt {
        Stmt::Assign(it) if it.targets.iter().any(is_it) => found.push(Bound::To(&it.value)),
        Stmt::AnnAssign(it) if is_it(&it.target) => {
            found.extend(it.value.as_deref().map(Bound::To));
        }
        Stmt::For(it) if is_it(&it.target) => found.push(Bound::Loop),
        Stmt::Global(it) => other |= it.names.iter().any(|it| it.id == name.id),
        Stmt::Nonlocal(it) => other |= it.names.iter().any(|it| it.id == name.id),
        _ => {}
    });
    (!found.is_empty() && !other).then_some(found)
}

/// Whether the expression is a call, or waits for one, of the class or of functions that make an object whenever they are called.
fn makes(cx: &Context<'_>, view: &View<'_>, expr: &Expr, depth: u32) -> bool {
    let call = match expr {
        Expr::Call(call) => call,
        Expr::Await(it) => match &*it.value {
            Expr::Call(call) => call,
            _ => return false,
        },
        _ => return false,
    };
    let mut values = cx.program.values_at(view.place(&*call.func)).peekable();
    values.peek().is_some()
        && values.all(|value| match value {
            Value::Class(_) => true,
            Value::Func(function) | Value::Bound(function, _) => {
                depth > 0 && gives_new(cx, function, depth - 1)
            }
            _ => false,
        })
}

/// Whether all that the function returns is made in the call.
fn gives_new(cx: &Context<'_>, function: FuncId, depth: u32) -> bool {
    let Some((view, def)) = definition(cx, function) else {
        return false;
    };
    let is_method = |it: &Decorator| {
        (it.expression.as_name_expr())
            .is_some_and(|it| matches!(it.id.as_str(), "classmethod" | "staticmethod"))
    };
    if !def.decorator_list.iter().all(is_method) {
        return false;
    }
    let mut returns = 0;
    let mut other = false;
    each(&def.body, &mut |stmt| {
        if let Stmt::Return(it) = stmt {
            returns += 1;
            let value = it.value.as_deref();
            other |= !value.is_some_and(|it| is_new(cx, view, it, depth));
        }
    });
    returns > 0 && !other
}
