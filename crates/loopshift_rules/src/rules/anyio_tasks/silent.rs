//! Coroutines of which nobody sees whether they have begun: what they do before their first wait changes nothing that
//! others see, and a cancellation that meets this wait ends them.

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_python::ast::{Expr, Stmt};

use crate::common::code::definition;
use crate::context::{Context, View};

/// How far a coroutine comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begin {
    /// To its first wait, in silence.
    Waits,
    /// Past the statements, in silence.
    Passes,
    /// To something that may be seen.
    Seen,
}

/// Whether nobody sees that a coroutine runs up to its first wait, and is cancelled there; `empty`: its queue has no items.
pub(super) fn starts_silently(cx: &Context<'_>, coro: Place, empty: bool) -> bool {
    let expr = cx.view(coro.file).and_then(|view| {
        let expr = view.tree.expr_at(coro.range)?;
        Some((view, expr))
    });
    if let Some((view, expr)) = expr
        && is_wait(cx, view, expr, empty)
    {
        return true;
    }
    let mut values = cx.program.values_at(coro).peekable();
    values.peek().is_some()
        && values.all(|value| match value {
            Value::Coroutine(func) => definition(cx, func).is_some_and(|(view, def)| {
                def.is_async && begin(cx, view, &def.body, empty) == Begin::Waits
            }),
            _ => false,
        })
}

fn begin(cx: &Context<'_>, view: &View<'_>, stmts: &[Stmt], empty: bool) -> Begin {
    for stmt in stmts {
        let here = match stmt {
            Stmt::Pass(_) | Stmt::Global(_) | Stmt::Nonlocal(_) => Begin::Passes,
            Stmt::Expr(it) => match &*it.value {
                Expr::Await(await_) if is_wait(cx, view, &await_.value, empty) => Begin::Waits,
                value if is_inert(value) => Begin::Passes,
                _ => Begin::Seen,
            },
            Stmt::Assign(it) => match (&it.targets[..], &*it.value) {
                ([Expr::Name(_)], Expr::Await(await_))
                    if is_wait(cx, view, &await_.value, empty) =>
                {
                    Begin::Waits
                }
                ([Expr::Name(target)], value) if is_inert(value) => {
                    let scope = view.scopes.at(target.range.start());
                    match view.scopes.resolve(target.id.as_str(), scope) {
                        Some(found) if found == scope => Begin::Passes,
                        _ => Begin::Seen,
                    }
                }
                _ => Begin::Seen,
            },
            Stmt::While(it) if is_inert(&it.test) => match begin(cx, view, &it.body, empty) {
                Begin::Waits if is_true(&it.test) => Begin::Waits,
                Begin::Waits => Begin::Passes,
                _ => Begin::Seen,
            },
            Stmt::If(it) if is_inert(&it.test) && it.elif_else_clauses.is_empty() => {
                match begin(cx, view, &it.body, empty) {
                    Begin::Seen => Begin::Seen,
                    _ => Begin::Passes,
                }
            }
            _ => Begin::Seen,
        };
        if here != Begin::Passes {
            return here;
        }
    }
    Begin::Passes
}

fn is_true(test: &Expr) -> bool {
    matches!(test, Expr::BooleanLiteral(it) if it.value)
}

/// Whether awaiting the expression does nothing before a wait, which is there in every case, and where it is cancelled.
fn is_wait(cx: &Context<'_>, view: &View<'_>, expr: &Expr, empty: bool) -> bool {
    let Expr::Call(call) = expr else { return false };
    let inert = call.arguments.args.iter().all(is_inert)
        && (call.arguments.keywords.iter()).all(|it| is_inert(&it.value));
    inert
        && match cx.api_of(view, &call.func) {
            Some("asyncio.sleep") => true,
            Some("asyncio.Queue.get") => empty,
            _ => false,
        }
}

/// Whether evaluating the expression does nothing that is seen.
fn is_inert(expr: &Expr) -> bool {
    match expr {
        Expr::Name(_)
        | Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::BytesLiteral(_)
        | Expr::BooleanLiteral(_)
        | Expr::NoneLiteral(_)
        | Expr::EllipsisLiteral(_) => true,
        Expr::Attribute(it) => is_inert(&it.value),
        Expr::BinOp(it) => is_inert(&it.left) && is_inert(&it.right),
        Expr::UnaryOp(it) => is_inert(&it.operand),
        Expr::BoolOp(it) => it.values.iter().all(is_inert),
        Expr::Compare(it) => is_inert(&it.left) && it.comparators.iter().all(is_inert),
        Expr::List(it) => it.elts.iter().all(is_inert),
        Expr::Tuple(it) => it.elts.iter().all(is_inert),
        Expr::Set(it) => it.elts.iter().all(is_inert),
        Expr::Dict(it) => (it.items.iter())
            .all(|item| item.key.as_ref().is_none_or(is_inert) && is_inert(&item.value)),
        _ => false,
    }
}
