//! Ctrl-C where the program waits: it cancels the main task, which `asyncio.run` turns into `KeyboardInterrupt` only behind
//! the coroutine.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::ir::FuncId;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr, Stmt};
use loopshift_python::edit::Edit;

use super::{Failure, Work};
use crate::common::code::{Reach, own};
use crate::common::green::{anchor, started};
use crate::context::Context;

impl Work<'_, '_> {
    /// Ctrl-C where the function waits.
    pub(super) fn interrupts(&mut self, func: FuncId, change: &mut Change) -> Result<(), Failure> {
        let cx = self.all.cx;
        if !cx.mentions("KeyboardInterrupt") {
            return Ok(());
        }
        let place = anchor(cx, func);
        let Some((_, body, waits)) = self.waits_in(func) else {
            return Ok(());
        };
        let edits = edits(body, &waits);
        if edits.is_empty() {
            return Ok(());
        }
        if !cx.settings.python_has(3, 11) {
            let reason = "Ctrl-C cancels the main task only from Python 3.11 on";
            return Err((place, reason.to_owned()));
        }
        let in_tasks = cx.once(run_in_tasks);
        let only_main = (*in_tasks).as_ref().is_some_and(|it| !it.contains(&func));
        if !only_main || *cx.once(cancels) {
            change.caveat("what handles Ctrl-C handles every cancellation then");
        }
        if cx.settings.through {
            change.caveat("on trio, and where a task group stands around it, Ctrl-C is not one cancellation that a handler ends");
        }
        self.edits
            .extend(edits.into_iter().map(|edit| (place.file, edit)));
        Ok(())
    }
}

/// The functions that may run in another task than the main one; none where they are not all known.
fn run_in_tasks(cx: &Context<'_>) -> Option<BTreeSet<FuncId>> {
    Some(cx.once(Reach::new).from(started(cx)?))
}

/// Whether something of the program cancels tasks, by the names of what it uses.
fn cancels(cx: &Context<'_>) -> bool {
    let words = ["kill", "timeout", "cancel", "throw"];
    let mut names = cx.uses.iter().map(|use_| use_.api.to_ascii_lowercase());
    names.any(|name| cx.recipe.moves(&name) && words.iter().any(|word| name.contains(word)))
}

/// The handlers of `KeyboardInterrupt` around what waits, which catch the cancellation instead.
fn edits(body: &[Stmt], waits: &BTreeSet<Place>) -> Vec<Edit> {
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
