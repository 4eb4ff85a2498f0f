//! Whether an object may be entered while it is entered already, as a lock is by several tasks: it can hold one task group
//! at a time.

use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ClassId, FuncId};
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, Stmt};

use super::suites::each;
use crate::context::{Context, View};

/// Whether some place may enter an object of the class that another one holds. Where the object is made in place, by its class
/// or a class method, or is that of a local variable, none can; and what a loop goes through is entered once.
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
    let makes = |expr: &Expr| {
        let Expr::Call(call) = expr else { return false };
        let mut values = cx.program.values_at(view.place(&*call.func)).peekable();
        let is_class = |value: Value| matches!(value, Value::Class(_));
        values.peek().is_some()
            && values.all(|value| match value {
                Value::Bound(_, receiver) => is_class(cx.program.flow.values.get(receiver)),
                value => is_class(value),
            })
    };
    let Expr::Name(name) = expr else {
        return makes(expr);
    };
    let function: FuncId = cx.program.function_at(view.place(expr));
    let Some((_, def)) = crate::rules::code::definition(cx, function) else {
        return false;
    };
    let mut made = 0;
    let mut other = def.parameters.includes(&name.id);
    each(&def.body, &mut |stmt| match stmt {
        Stmt::Assign(assign) => {
            let binds = assign
                .targets
                .iter()
                .any(|it| view.text(it.range()) == name.id.as_str());
            made += usize::from(binds && makes(&assign.value));
            other |= binds && !makes(&assign.value);
        }
        Stmt::For(it) if view.text(it.target.range()) == name.id.as_str() => made += 1,
        Stmt::Global(it) => other |= it.names.iter().any(|it| it.id == name.id),
        Stmt::Nonlocal(it) => other |= it.names.iter().any(|it| it.id == name.id),
        _ => {}
    });
    made > 0 && !other
}
