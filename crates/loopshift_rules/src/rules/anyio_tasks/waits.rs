//! Waits with a timeout, shields, and `asyncio.wait`, over tasks.

use loopshift_engine::change::Change;
use loopshift_python::ast::{Expr, Stmt};
use loopshift_python::edit::{Edit, Helper, Piece, pieces};
use loopshift_python::{Ranged, TextRange};

use super::family::{Wait, WaitKind};
use super::helpers;
use crate::common::arguments::without;
use crate::common::shared::is_statement;

/// Writes the wait. `leaving` says that the tasks leave their set as they end.
///
/// # Errors
/// Why it has no form.
pub(super) fn edit(
    change: &mut Change,
    wait: &Wait<'_>,
    kind: WaitKind,
    guarded: bool,
    leaving: bool,
) -> Result<(), String> {
    match kind {
        WaitKind::For | WaitKind::ShieldedFor => timeout(change, wait, kind, guarded),
        WaitKind::GatherFor => gathered(change, wait),
        WaitKind::Shield => {
            shield(change, wait, guarded);
            Ok(())
        }
        WaitKind::All | WaitKind::AllTimeout if leaving => {
            by_helper(change, wait, &helpers::WAIT_ALL)
        }
        WaitKind::All => all(change, wait),
        WaitKind::AllTimeout => all_with_timeout(change, wait),
        WaitKind::First => by_helper(change, wait, &helpers::WAIT_FIRST),
        // Nothing fails, so that all must be done.
        WaitKind::FirstError if !guarded => by_helper(change, wait, &helpers::WAIT_ALL),
        WaitKind::FirstError => by_helper(change, wait, &helpers::WAIT_FIRST_ERROR),
        WaitKind::Await | WaitKind::Gather { .. } | WaitKind::Next => Ok(()),
    }
}

/// The statement of a wait that is all of it, or the value that it assigns, returns or prints.
fn statement<'c>(wait: &Wait<'c>) -> Result<&'c Stmt, String> {
    let stmt = wait
        .view
        .tree
        .enclosing_statement(wait.await_.range())
        .ok_or("it stands in no statement")?;
    let value = match stmt {
        Stmt::Expr(it) => &*it.value,
        Stmt::Assign(it) => &*it.value,
        Stmt::AnnAssign(it) => it.value.as_deref().ok_or("it stands in no statement")?,
        Stmt::Return(it) => it.value.as_deref().ok_or("it stands in no statement")?,
        _ => {
            return Err(
                "the wait is part of a larger expression, which a block can't be put around"
                    .to_owned(),
            );
        }
    };
    let first = |expr: &Expr| expr.start() == wait.await_.start();
    let direct = first(value)
        || matches!(value, Expr::Call(call) if call.arguments.args.first().is_some_and(first)
            && call.func.is_name_expr());
    if direct {
        Ok(stmt)
    } else {
        Err("the wait is part of a larger expression, which a block can't be put around".to_owned())
    }
}

/// `with anyio.fail_after(…)` around the await of the handle; without a shield the task is cancelled when the time is over.
fn timeout(
    change: &mut Change,
    wait: &Wait<'_>,
    kind: WaitKind,
    guarded: bool,
) -> Result<(), String> {
    let file = wait.view.file;
    let task = wait.operands.first().ok_or("it waits for nothing")?;
    let call = wait.call.ok_or("it waits for nothing")?;
    let limit = call
        .arguments
        .find_argument_value("timeout", 1)
        .ok_or("the timeout is not known")?;
    let has_name = task.is_name_expr() || task.is_attribute_expr();
    let plain_limit = limit.is_literal_expr() || limit.is_name_expr() || limit.is_attribute_expr();
    let Some(stmt) = statement(wait).ok().filter(|_| has_name && plain_limit) else {
        timeout_by_helper(change, wait, (task, limit), kind, guarded);
        return Ok(());
    };
    let value = if guarded {
        pieces(
            "{0}(await {1})",
            &[Piece::Helper(&helpers::VALUE), task.range().into()],
        )
    } else {
        pieces("await {0}", &[task.range().into()])
    };
    change.edits.push((
        file,
        Edit::Replace {
            range: wait.await_.range(),
            pieces: value,
        },
    ));
    let range = stmt.range();
    let wrap = |header: Vec<Piece>, after: Vec<Vec<Piece>>| {
        Edit::Wrap(loopshift_python::edit::Wrap {
            range,
            before: Vec::new(),
            header,
            last: Vec::new(),
            after,
        })
    };
    if kind == WaitKind::For {
        let after = vec![
            vec!["except TimeoutError:".into()],
            pieces("    {0}.cancel()", &[task.range().into()]),
            pieces("    await {0}.wait()", &[task.range().into()]),
            vec!["    raise".into()],
        ];
        change.edits.push((file, wrap(vec!["try:".into()], after)));
    }
    let header = pieces("with {@anyio}.fail_after({0}):", &[limit.range().into()]);
    change.edits.push((file, wrap(header, Vec::new())));
    Ok(())
}

/// The same by a function, where no block can stand.
fn timeout_by_helper(
    change: &mut Change,
    wait: &Wait<'_>,
    (task, limit): (&Expr, &Expr),
    kind: WaitKind,
    guarded: bool,
) {
    let helper = if kind == WaitKind::For {
        &helpers::WAIT_FOR
    } else {
        &helpers::WAIT_FOR_SHIELDED
    };
    let arguments = [
        Piece::Helper(helper),
        task.range().into(),
        limit.range().into(),
        Piece::Helper(&helpers::VALUE),
    ];
    let text = if guarded {
        "{3}(await {0}({1}, {2}))"
    } else {
        "await {0}({1}, {2})"
    };
    change.edits.push((
        wait.view.file,
        Edit::replace(wait.await_.range(), text, &arguments),
    ));
}

/// `await asyncio.wait_for(asyncio.gather(…), …)`: all tasks are cancelled when the time is over.
fn gathered(change: &mut Change, wait: &Wait<'_>) -> Result<(), String> {
    let call = wait.call.ok_or("it waits for nothing")?;
    let limit = call
        .arguments
        .find_argument_value("timeout", 1)
        .ok_or("the timeout is not known")?;
    let mut text = pieces("await {0}(", &[Piece::Helper(&helpers::GATHER_FOR)]);
    match &wait.operands[..] {
        [Expr::Starred(only)] => text.push(only.value.range().into()),
        several => {
            for (at, operand) in several.iter().enumerate() {
                text.push(if at == 0 { "[" } else { ", " }.into());
                text.push(operand.range().into());
            }
            text.push("]".into());
        }
    }
    text.extend([", ".into(), limit.range().into(), ")".into()]);
    let range = wait.await_.range();
    change.edits.push((
        wait.view.file,
        Edit::Replace {
            range,
            pieces: text,
        },
    ));
    Ok(())
}

/// `await asyncio.shield(t)`: awaiting a handle never cancels its task.
fn shield(change: &mut Change, wait: &Wait<'_>, guarded: bool) {
    let Some(task) = wait.operands.first() else {
        return;
    };
    let value = if guarded {
        pieces(
            "{0}(await {1})",
            &[Piece::Helper(&helpers::VALUE), task.range().into()],
        )
    } else {
        pieces("await {0}", &[task.range().into()])
    };
    change.edits.push((
        wait.view.file,
        Edit::Replace {
            range: wait.await_.range(),
            pieces: value,
        },
    ));
}

/// `await asyncio.wait(tasks)`: waits for each, and raises nothing.
fn all(change: &mut Change, wait: &Wait<'_>) -> Result<(), String> {
    let Some(tasks) = named_tasks(wait).filter(|_| is_in_place(wait)) else {
        return by_helper(change, wait, &helpers::WAIT_ALL);
    };
    let file = wait.view.file;
    let scope = wait.view.scopes.at(wait.await_.start());
    let name = Piece::from(wait.view.scopes.fresh_name(scope, "task"));
    let each = pieces(
        "for {0} in {1}:\n    await {0}.wait()",
        &[name, tasks.range().into()],
    );
    if is_statement(wait.view, wait.await_) {
        change.edits.push((
            file,
            Edit::Replace {
                range: wait.await_.range(),
                pieces: each,
            },
        ));
        return Ok(());
    }
    let stmt = assigned(wait)?;
    let mut lines = each;
    lines.push("\n".into());
    change.edits.push((
        file,
        Edit::Replace {
            range: TextRange::empty(stmt.start()),
            pieces: lines,
        },
    ));
    change.edits.push((
        file,
        Edit::replace(
            wait.await_.range(),
            "set({0}), set()",
            &[tasks.range().into()],
        ),
    ));
    Ok(())
}

/// `await asyncio.wait(tasks, timeout=…)`: gives up waiting, and cancels nothing.
fn all_with_timeout(change: &mut Change, wait: &Wait<'_>) -> Result<(), String> {
    let call = wait.call.ok_or("it waits for nothing")?;
    let limit = call
        .arguments
        .find_keyword("timeout")
        .ok_or("the timeout is not known")?;
    let Some(tasks) = named_tasks(wait).filter(|_| is_in_place(wait)) else {
        return by_helper(change, wait, &helpers::WAIT_ALL);
    };
    let file = wait.view.file;
    let scope = wait.view.scopes.at(wait.await_.start());
    let name = Piece::from(wait.view.scopes.fresh_name(scope, "task"));
    let mut each = pieces(
        "with {@anyio}.move_on_after({2}):\n    for {0} in {1}:\n        await {0}.wait()",
        &[
            name.clone(),
            tasks.range().into(),
            limit.value.range().into(),
        ],
    );
    if is_statement(wait.view, wait.await_) {
        change.edits.push((
            file,
            Edit::Replace {
                range: wait.await_.range(),
                pieces: each,
            },
        ));
        return Ok(());
    }
    let stmt = assigned(wait)?;
    each.push("\n".into());
    change.edits.push((
        file,
        Edit::Replace {
            range: TextRange::empty(stmt.start()),
            pieces: each,
        },
    ));
    let done = Piece::Helper(&helpers::IS_DONE);
    change.edits.push((
        file,
        Edit::replace(
            wait.await_.range(),
            "{{{0} for {0} in {1} if {2}({0})}}, {{{0} for {0} in {1} if not {2}({0})}}",
            &[name, tasks.range().into(), done],
        ),
    ));
    Ok(())
}

/// `await asyncio.wait(…)` by a function that is given the same and returns the same.
fn by_helper(change: &mut Change, wait: &Wait<'_>, helper: &'static Helper) -> Result<(), String> {
    let call = wait.call.ok_or("it waits for nothing")?;
    let file = wait.view.file;
    change.edits.push((
        file,
        Edit::Replace {
            range: call.func.range(),
            pieces: vec![Piece::Helper(helper)],
        },
    ));
    if let Some(when) = call.arguments.find_keyword("return_when") {
        let gone =
            without(wait.view, call, when).ok_or("a comment stands between its arguments")?;
        change.edits.push((file, Edit::delete(gone)));
    }
    Ok(())
}

/// The tasks, where it costs nothing to write them twice.
fn named_tasks<'c>(wait: &Wait<'c>) -> Option<&'c Expr> {
    wait.operands.first().copied().filter(|tasks| match tasks {
        Expr::List(it) => it.elts.iter().all(Expr::is_name_expr),
        Expr::Set(it) => it.elts.iter().all(Expr::is_name_expr),
        other => other.is_name_expr() || other.is_attribute_expr(),
    })
}

/// Whether the wait is a statement, or its two sets are unpacked in one.
fn is_in_place(wait: &Wait<'_>) -> bool {
    is_statement(wait.view, wait.await_) || assigned(wait).is_ok()
}

fn assigned<'c>(wait: &Wait<'c>) -> Result<&'c Stmt, String> {
    let stmt = statement(wait)?;
    match stmt {
        Stmt::Assign(it)
            if it.value.range() == wait.await_.range()
                && matches!(&it.targets[..], [Expr::Tuple(_)]) =>
        {
            Ok(stmt)
        }
        _ => Err("the two sets of `asyncio.wait` are not unpacked in place".to_owned()),
    }
}
