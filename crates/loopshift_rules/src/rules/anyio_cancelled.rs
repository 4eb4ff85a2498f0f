//! `asyncio.CancelledError` becomes `anyio.get_cancelled_exc_class()`, where the handler means the same under `AnyIO`.

use loopshift_engine::change::Change;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{ExceptHandlerExceptHandler, Identifier, Stmt, StmtTry, StmtWith};
use loopshift_python::edit::Edit;

use super::anyio_tasks;
use crate::common::cancellation::{
    Return, Role, after_return, async_function, exits, goes_on, role, shields, waits_for_futures,
};
use crate::common::caught;
use crate::common::code::switches;
use crate::context::{Context, View};

const RULE: &str = "anyio-cancelled";

const GOES_ON: &str = "the function waits again after it caught the cancellation; AnyIO would cancel every later wait, too: \
    raise it again, or give each step a cancel scope of its own";
const CALLER_GOES_ON: &str = "the function returns after it caught the cancellation, and its caller waits again; AnyIO would \
    cancel every later wait, too: raise it again";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for (use_, _, view) in cx.uses_for(RULE) {
        match moved(cx, use_, view) {
            Ok(Some(change)) => changes.push(change),
            Ok(None) => {}
            Err(reason) => changes.push(Change::declined(RULE, use_.place, &*use_.api, reason)),
        }
    }
}

/// The change, or none where the rule for tasks speaks.
fn moved<'v>(cx: &Context<'_>, use_: &Use, view: &'v View<'v>) -> Result<Option<Change>, String> {
    let message = "`asyncio.CancelledError` becomes `anyio.get_cancelled_exc_class()`";
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    let expr = view
        .tree
        .expr_at(use_.place.range)
        .ok_or("it can't be found")?;
    let role = role(cx, view, expr);
    if let Role::Handler(StmtTry { body, .. }, _) | Role::Suppress(StmtWith { body, .. }) = role
        && waits_for_futures(cx, view, body)
    {
        return Ok(None);
    }
    if !use_.only || !view.is_direct(expr) {
        return Err("it is used through a variable that may hold something else".to_owned());
    }
    if matches!(role, Role::Raise) {
        return Err(
            "AnyIO has no way to raise a cancellation: cancel a scope, or return".to_owned(),
        );
    }
    let Some(func) = async_function(cx, use_.place) else {
        return Err(
            "AnyIO knows the class only while an event loop runs, and this may be evaluated outside of an `async def`"
                .to_owned(),
        );
    };
    match role {
        Role::Handler(stmt, handler) => {
            check_handler(cx, view, func, stmt, handler, &mut change)?;
        }
        Role::Suppress(with) => {
            if with.is_async {
                return Err("`suppress` stands in an `async with`".to_owned());
            }
            if switches(&with.body) {
                let stmt = view
                    .tree
                    .enclosing_statement(with.range())
                    .ok_or("it can't be found")?;
                check_end(cx, view, func, stmt, true, &mut change)?;
            }
        }
        Role::Test | Role::Elsewhere if anyio_tasks::covers(cx, use_.place) => return Ok(None),
        Role::Test => {}
        Role::Raise | Role::Elsewhere => {
            return Err(
                "it is kept or passed on, and AnyIO knows the class only while an event loop runs"
                    .to_owned(),
            );
        }
    }
    change.edit(Edit::replace(
        expr.range(),
        "{@anyio}.get_cancelled_exc_class()",
        &[],
    ));
    Ok(Some(change))
}

fn check_handler<'v>(
    cx: &Context<'_>,
    view: &'v View<'v>,
    func: loopshift_engine::ir::FuncId,
    stmt: &'v StmtTry,
    handler: &'v ExceptHandlerExceptHandler,
    change: &mut Change,
) -> Result<(), String> {
    if !switches(&stmt.body) {
        return Ok(());
    }
    if stmt.is_star {
        return Err("it is caught by `except*`".to_owned());
    }
    if let Some(class) = handler.type_.as_deref() {
        caught::caveat(cx, change, view, class.range());
    }
    let caught = handler.name.as_ref().map(Identifier::as_str);
    let left = exits(&handler.body, caught);
    let whole = view
        .tree
        .enclosing_statement(stmt.range())
        .filter(|it| it.range() == stmt.range())
        .ok_or("it can't be found")?;
    if left.continues {
        return Err(GOES_ON.to_owned());
    }
    if left.breaks {
        let around = view
            .tree
            .ancestors(stmt)
            .find_map(|node| match node {
                loopshift_python::ast::AnyNodeRef::StmtFor(it) => Some(it.range()),
                loopshift_python::ast::AnyNodeRef::StmtWhile(it) => Some(it.range()),
                _ => None,
            })
            .and_then(|range| view.tree.enclosing_statement(range))
            .ok_or("it can't be found")?;
        check_end(cx, view, func, around, true, change)?;
    }
    if left.falls || left.returns {
        check_end(cx, view, func, whole, left.falls, change)?;
    }
    if left.raises {
        change.caveat(
            "the handler raises another error in place of the cancellation: whoever catches it must not wait again",
        );
    }
    for body in [&handler.body, &stmt.finalbody] {
        for edit in shields(cx, view, body)? {
            change.edit(edit);
        }
    }
    Ok(())
}

/// Checks that nothing waits once a cancellation was swallowed by the statement.
fn check_end(
    cx: &Context<'_>,
    view: &View<'_>,
    func: loopshift_engine::ir::FuncId,
    stmt: &Stmt,
    falls: bool,
    change: &mut Change,
) -> Result<(), String> {
    if falls && goes_on(cx, view, stmt) {
        return Err(GOES_ON.to_owned());
    }
    match after_return(cx, func) {
        Return::Ends => {}
        Return::GoesOn => return Err(CALLER_GOES_ON.to_owned()),
        Return::Unknown => {
            let caveat = "the function returns after it caught the cancellation: whoever awaits it must not wait again";
            if !change.caveats.iter().any(|known| known == caveat) {
                change.caveat(caveat);
            }
        }
    }
    Ok(())
}
