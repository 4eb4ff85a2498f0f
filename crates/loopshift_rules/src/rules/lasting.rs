//! Whether a function lasts as long as the program: what ends with its block then ends with the program.

use std::collections::BTreeSet;

use loopshift_engine::ir::FuncId;
use loopshift_python::Ranged;
use loopshift_python::ast::Stmt;

use super::anyio_tasks::is_root;
use super::cancellation::goes_on;
use crate::context::Context;

/// Whether nothing waits any more in the program when the function has ended.
pub(crate) fn lasts(cx: &Context<'_>, func: FuncId) -> bool {
    let mut seen = BTreeSet::new();
    let mut todo = vec![func];
    while let Some(func) = todo.pop() {
        if !seen.insert(func) || is_root(cx, func) {
            continue;
        }
        let sites = cx.callers.of(func);
        if sites.is_empty() || cx.callers.is_handed_over(func) {
            return false;
        }
        for site in sites {
            let Some(view) = cx.view(site.place.file) else {
                return false;
            };
            let await_ = view.await_of(site.place.range);
            let stmt = await_.and_then(|it| view.tree.enclosing_statement(it.range()));
            match stmt {
                Some(Stmt::Return(_)) => {}
                Some(
                    stmt @ (Stmt::Expr(_)
                    | Stmt::Assign(_)
                    | Stmt::AnnAssign(_)
                    | Stmt::AugAssign(_)),
                ) if !goes_on(cx, view, stmt) => {}
                _ => return false,
            }
            todo.push(site.owner);
        }
    }
    true
}
