//! `SystemExit` of a green thread: it is raised where the main one waits, and can be caught there. That of a task leaves
//! the event loop past all handlers in it.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::ir::FuncId;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr, Stmt};

use super::{Failure, Work};
use crate::common::code::{Reach, definition, own};
use crate::context::Context;

impl Work<'_, '_> {
    /// What the program does where a task ends it.
    pub(super) fn exits(&self, func: FuncId) -> Result<(), Failure> {
        let cx = self.all.cx;
        if !cx.mentions("SystemExit") {
            return Ok(());
        }
        let Some((view, body, waits)) = self.waits_in(func) else {
            return Ok(());
        };
        match handler(body, &waits) {
            Some(range) if in_task(cx) => {
                let reason = "it catches the `SystemExit` of a green thread, which leaves the event loop past it";
                Err((view.place(range), reason.to_owned()))
            }
            _ => Ok(()),
        }
    }
}

/// A handler of `SystemExit` around something that waits.
fn handler(body: &[Stmt], waits: &BTreeSet<Place>) -> Option<loopshift_python::TextRange> {
    own(body).into_iter().find_map(|node| {
        let AnyNodeRef::StmtTry(it) = node else {
            return None;
        };
        let mut around = it.body.iter().flat_map(|stmt| {
            let waits = waits.iter();
            waits.filter(move |wait| stmt.range().contains_range(wait.range))
        });
        around.next()?;
        it.handlers.iter().find_map(|handler| {
            let ExceptHandler::ExceptHandler(handler) = handler;
            let type_ = handler.type_.as_deref()?;
            let names = match type_ {
                Expr::Tuple(it) => &it.elts[..],
                one => std::slice::from_ref(one),
            };
            names.iter().any(is_exit).then_some(handler.range())
        })
    })
}

/// Whether something that a library starts may end the program: all that runs as a task is among it.
fn in_task(cx: &Context<'_>) -> bool {
    let started = cx.program.functions().filter(|func| {
        let mut sites = cx.callers.of(*func).iter();
        cx.callers.is_handed_over(*func) || sites.any(|site| site.owner == FuncId::NONE)
    });
    let mut reached = Reach::new(cx).from(started).into_iter();
    reached.any(|func| {
        definition(cx, func).is_some_and(|(_, def)| own(&def.body).into_iter().any(ends))
    })
}

/// Whether it ends the program.
fn ends(node: AnyNodeRef<'_>) -> bool {
    match node {
        AnyNodeRef::ExprCall(call) => match &*call.func {
            Expr::Name(name) => matches!(name.id.as_str(), "exit" | "quit" | "SystemExit"),
            Expr::Attribute(it) => it.attr.as_str() == "exit",
            _ => false,
        },
        AnyNodeRef::StmtRaise(it) => it.exc.as_deref().is_some_and(is_exit),
        _ => false,
    }
}

fn is_exit(expr: &Expr) -> bool {
    matches!(expr, Expr::Name(name) if name.id.as_str() == "SystemExit")
}
