//! Ctrl-C where the program waits: it cancels the main task, which `asyncio.run` turns into `KeyboardInterrupt` only behind
//! the coroutine.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr, Stmt};
use loopshift_python::edit::Edit;

use super::super::code::own;

/// The handlers of `KeyboardInterrupt` around what waits, which catch the cancellation instead.
pub(super) fn edits(body: &[Stmt], waits: &BTreeSet<Place>) -> Vec<Edit> {
    let mut out = Vec::new();
    for node in own(body) {
        let AnyNodeRef::StmtTry(it) = node else {
            continue;
        };
        let holds = |stmt: &Stmt| {
            waits
                .iter()
                .any(|wait| stmt.range().contains_range(wait.range))
        };
        if !it.body.iter().any(holds) {
            continue;
        }
        for handler in &it.handlers {
            let ExceptHandler::ExceptHandler(handler) = handler;
            let names = match handler.type_.as_deref() {
                Some(Expr::Tuple(it)) => &it.elts[..],
                Some(one) => std::slice::from_ref(one),
                None => &[],
            };
            out.extend(
                names
                    .iter()
                    .filter(|it| is_interrupt(it))
                    .map(|name| Edit::replace(name.range(), "{@asyncio}.CancelledError", &[])),
            );
        }
    }
    out
}

fn is_interrupt(expr: &Expr) -> bool {
    matches!(expr, Expr::Name(name) if name.id.as_str() == "KeyboardInterrupt")
}
