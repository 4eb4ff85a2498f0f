//! Whether a function lasts as long as the program: what ends with its block then ends with the program.

use std::collections::BTreeSet;

use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, Stmt};

use crate::common::cancellation::goes_on;
use crate::common::code::{definition, own};
use crate::context::{Context, View};
use crate::rules::anyio_tasks::{is_context_manager, is_left_last, is_root};

/// Whether nothing waits any more in the program when the function has ended.
pub(crate) fn lasts(cx: &Context<'_>, func: FuncId) -> bool {
    let mut seen = BTreeSet::new();
    let mut todo = vec![func];
    while let Some(func) = todo.pop() {
        if !seen.insert(func) || is_root(cx, func) || is_left_last(cx, func) {
            continue;
        }
        let sites = cx.callers.of(func);
        let language = cx.callers.by_language(func);
        let known = language.is_empty() || cx.program.function(func).name() == "__aexit__";
        if sites.is_empty() && language.is_empty() || cx.callers.is_unseen(func) || !known {
            return false;
        }
        if !language.iter().all(|owner| leaves_last(cx, *owner)) {
            return false;
        }
        todo.extend(language);
        for site in sites {
            let Some(view) = cx.view(site.place.file) else {
                return false;
            };
            let await_ = view.await_of(site.place.range);
            let stmt = await_.and_then(|it| view.tree.enclosing_statement(it.range()));
            let held = view.tree.expr_at(site.place.range);
            match stmt.or_else(|| held.and_then(|call| block_of(cx, view, func, call))) {
                Some(Stmt::Return(_)) => {}
                Some(
                    stmt @ (Stmt::Expr(_)
                    | Stmt::Assign(_)
                    | Stmt::AnnAssign(_)
                    | Stmt::AugAssign(_)
                    | Stmt::With(_)),
                ) if !goes_on(cx, view, stmt) => {}
                _ => return false,
            }
            todo.push(site.owner);
        }
    }
    true
}

/// The `async with` that holds open what the function is, where no other manager of the block is left after it.
fn block_of<'v>(
    cx: &Context<'_>,
    view: &'v View<'_>,
    func: FuncId,
    call: &Expr,
) -> Option<&'v Stmt> {
    let (of, def) = definition(cx, func)?;
    if !is_context_manager(cx, of, def) {
        return None;
    }
    let with = view.tree.ancestors(call).find_map(|node| match node {
        AnyNodeRef::StmtWith(with) => Some(with),
        _ => None,
    })?;
    let first = with.items.first()?;
    (with.is_async && first.context_expr.range() == call.range())
        .then(|| view.tree.enclosing_statement(with.range()))
        .flatten()
}

/// Whether nothing waits any more in the function when it has left objects of the program that it enters.
fn leaves_last(cx: &Context<'_>, func: FuncId) -> bool {
    let Some((view, def)) = definition(cx, func) else {
        return false;
    };
    own(&def.body).into_iter().all(|node| {
        let AnyNodeRef::StmtWith(with) = node else {
            return true;
        };
        let may_be_ours = |expr: &Expr| {
            let mut values = cx.program.values_at(view.place(expr)).peekable();
            values.peek().is_none()
                || values.any(|it| matches!(it, Value::Instance(_) | Value::Unknown(_)))
        };
        let Some(at) = (with.items.iter()).position(|it| may_be_ours(&it.context_expr)) else {
            return true;
        };
        let stmt = view.tree.enclosing_statement(with.range());
        at == 0 && stmt.is_some_and(|stmt| !goes_on(cx, view, stmt))
    })
}
