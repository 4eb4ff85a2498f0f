//! The forms of `await t` and of `gather` over tasks.

use std::collections::BTreeMap;

use loopshift_engine::change::Change;
use loopshift_python::ast::{AnyNodeRef, Expr, Stmt};
use loopshift_python::edit::{Edit, Helper, Piece, pieces};
use loopshift_python::{Ranged, TextRange, TextSize};

use super::family::{Wait, WaitKind};
use super::{handles, helpers, ordered, waits};
use crate::common::shared::is_statement;
use crate::context::Context;

/// What a wait writes elsewhere.
pub(super) struct Out {
    /// Whether a timeout may cancel the wait and leave the group open.
    pub(super) timed: bool,
    /// The name of the group, where it is at hand.
    pub(super) group: Option<String>,
    /// Whether it stands behind the block.
    pub(super) is_tail: bool,
    /// Statements that go.
    pub(super) deleted: Vec<TextRange>,
    /// Lines at the end of the block.
    pub(super) last: Vec<Vec<Piece>>,
    /// Whether an error arrives later than it does in asyncio.
    pub(super) late: bool,
    /// Whether a task may have been told to stop, and what stands for it is used.
    pub(super) cancelled: bool,
    /// Whether the tasks leave their set as they end: it must be copied before one waits for them.
    pub(super) leaving: bool,
}

impl Out {
    /// For a wait within a group whose name is not needed.
    pub(super) fn inside() -> Self {
        Out {
            timed: false,
            group: None,
            is_tail: false,
            deleted: Vec::new(),
            last: Vec::new(),
            late: false,
            cancelled: false,
            leaving: false,
        }
    }
}

/// Writes a wait.
///
/// # Errors
/// Why it has no form.
pub(super) fn edit_wait(
    cx: &Context<'_>,
    change: &mut Change,
    out: &mut Out,
    wait: &Wait<'_>,
    guarded: bool,
) -> Result<(), String> {
    match wait.kind {
        WaitKind::Await => edit_await(change, out, wait, guarded),
        WaitKind::Gather { exceptions } => {
            if !edit_gather(cx, change, out, wait, guarded, exceptions) {
                return Err(if starts_late(wait) {
                    "it is made in the call that gathers it, and would start when the one before it has ended: make it before"
                } else {
                    "it is gathered with something that has no form as a task"
                }
                .to_owned());
            }
        }
        WaitKind::Next => return ordered::edit(change, wait, out.group.as_deref(), guarded),
        kind => return waits::edit(change, wait, kind, guarded, out.leaving),
    }
    Ok(())
}

fn edit_await(change: &mut Change, out: &mut Out, wait: &Wait<'_>, guarded: bool) {
    let is_tail = out.is_tail;
    let file = wait.view.file;
    let whole = wait.await_.range();
    let operand = wait.await_.value.range();
    if is_tail {
        if is_statement(wait.view, wait.await_) && !guarded {
            change
                .edits
                .push((file, Edit::DeleteStatement { range: whole }));
            out.deleted.push(whole);
            return;
        }
        let read = if guarded {
            pieces(
                "{0}({1}.return_value)",
                &[Piece::Helper(&helpers::VALUE), operand.into()],
            )
        } else {
            pieces("{0}.return_value", &[operand.into()])
        };
        change.edits.push((
            file,
            Edit::Replace {
                range: whole,
                pieces: read,
            },
        ));
        return;
    }
    let mut close: BTreeMap<TextSize, String> = BTreeMap::new();
    let mut put_around = |range: TextRange, helper: &'static Helper| {
        let open = Edit::insert(range.start(), "{0}(", &[Piece::Helper(helper)]);
        change.edits.push((file, open));
        close.entry(range.end()).or_default().push(')');
    };
    if out.timed {
        put_around(operand, &helpers::JOINED);
    }
    if guarded {
        put_around(whole, &helpers::VALUE);
    }
    // The same text twice at one place would be one edit.
    for (at, brackets) in close {
        let range = TextRange::empty(at);
        let pieces = vec![brackets.into()];
        change.edits.push((file, Edit::Replace { range, pieces }));
    }
}

/// Whether a timeout around the wait, but not around what makes the task, may cut it short.
pub(super) fn under_timeout(cx: &Context<'_>, wait: &Wait<'_>) -> bool {
    let view = wait.view;
    for node in view.tree.ancestors(wait.await_) {
        match node {
            AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_) => return false,
            AnyNodeRef::StmtWith(with) => {
                let times = with.items.iter().any(|item| {
                    matches!(&item.context_expr, Expr::Call(call) if matches!(
                        cx.api_of(view, &call.func),
                        Some(
                            "asyncio.timeout" | "asyncio.timeout_at" | "anyio.fail_after" | "anyio.move_on_after"
                                | "async_timeout.timeout" | "async_timeout.timeout_at"
                        )
                    ))
                });
                let inside = wait
                    .sites
                    .iter()
                    .all(|site| site.file == view.file && with.range().contains_range(site.range));
                if times && !inside {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// Whether tasks are made in the call that gathers them, and would be made one after another if each were awaited in turn.
fn starts_late(wait: &Wait<'_>) -> bool {
    let made_in = |operand: &Expr| {
        let mut sites = wait.sites.iter();
        sites.any(|it| it.file == wait.view.file && operand.range().contains_range(it.range))
    };
    let is_late = |operand: &&Expr| match operand {
        Expr::Starred(it) => match &*it.value {
            Expr::Generator(_) | Expr::Call(_) => made_in(&it.value),
            other => wait.operands.len() > 1 && made_in(other),
        },
        Expr::Call(_) => false,
        other => wait.operands.len() > 1 && made_in(other),
    };
    wait.operands.iter().any(is_late)
}

fn edit_gather(
    cx: &Context<'_>,
    change: &mut Change,
    out: &mut Out,
    wait: &Wait<'_>,
    guarded: bool,
    exceptions: bool,
) -> bool {
    let is_tail = out.is_tail;
    let file = wait.view.file;
    let whole = wait.await_.range();
    let alone = is_statement(wait.view, wait.await_);
    let several = wait.operands.len() > 1 || wait.operands.iter().any(|it| it.is_starred_expr());
    let kept = guarded && !exceptions && several && !is_tail;
    if !kept && starts_late(wait) {
        return false;
    }
    let mut operands: Vec<(bool, Vec<Piece>)> = Vec::new();
    let mut made_before: Vec<Vec<Piece>> = Vec::new();
    for operand in &wait.operands {
        match operand {
            Expr::Starred(starred) if out.leaving => {
                let copy = pieces("list({0})", &[starred.value.range().into()]);
                operands.push((true, copy));
            }
            Expr::Starred(starred) => operands.push((true, vec![starred.value.range().into()])),
            Expr::Call(call) if !wait.sites.contains(&wait.view.place(call)) => {
                // A coroutine runs beside the tasks only if it is a task as well.
                let Some(group) = out.group.clone().filter(|_| !guarded) else {
                    return false;
                };
                let (maker, front) = handles::maker(cx, &group);
                let mut make = maker;
                make.push("(".into());
                make.extend(front);
                make.extend([call.range().into(), ")".into()]);
                made_before.push(make);
                operands.push((false, vec![fresh_task(wait, made_before.len() - 1).into()]));
            }
            // It would be made when those before it have ended.
            Expr::Call(call) if several && !kept => {
                made_before.push(vec![call.range().into()]);
                operands.push((false, vec![fresh_task(wait, made_before.len() - 1).into()]));
            }
            other => operands.push((false, vec![other.range().into()])),
        }
    }
    if !make_before(change, out, wait, made_before) {
        return false;
    }
    if is_tail && alone && !guarded {
        change
            .edits
            .push((file, Edit::DeleteStatement { range: whole }));
        out.deleted.push(whole);
        return true;
    }
    if kept {
        gather_kept(change, wait, operands);
        return true;
    }
    out.late |= guarded && !exceptions && several;
    let scope = wait.view.scopes.at(whole.start());
    let task = Piece::from(wait.view.scopes.fresh_name(scope, "task"));
    if alone && !is_tail {
        // Only a wait: one line for each.
        let mut text: Vec<Piece> = Vec::new();
        for (at, (starred, operand)) in operands.into_iter().enumerate() {
            if at > 0 {
                text.push("\n".into());
            }
            let name = if starred {
                text.push("for ".into());
                text.push(task.clone());
                text.push(" in ".into());
                text.extend(operand);
                text.push(":\n    ".into());
                vec![task.clone()]
            } else {
                operand
            };
            text.extend(wait_line(name, guarded, exceptions));
        }
        change.edits.push((
            file,
            Edit::Replace {
                range: whole,
                pieces: text,
            },
        ));
        return true;
    }
    if exceptions && !guarded && is_tail {
        return false;
    }
    let read = |operand: Vec<Piece>| -> Vec<Piece> {
        let mut text: Vec<Piece> = Vec::new();
        match (guarded, exceptions, is_tail) {
            (true, true, _) => {
                text.push("await ".into());
                if out.cancelled {
                    text.push(Piece::Needs(&helpers::CANCELLED_ERROR));
                    text.push(Piece::Helper(helpers::value_or_cancelled(cx)));
                } else {
                    text.push(Piece::Helper(&helpers::VALUE_OR_ERROR));
                }
                text.push("(".into());
                text.extend(operand);
                text.push(")".into());
            }
            (true, false, true) => {
                text.push(Piece::Helper(&helpers::VALUE));
                text.push("(".into());
                text.extend(operand);
                text.push(".return_value)".into());
            }
            (true, false, false) => {
                text.push(Piece::Helper(&helpers::VALUE));
                text.push("(await ".into());
                text.extend(operand);
                text.push(")".into());
            }
            (false, _, true) => {
                text.extend(operand);
                text.push(".return_value".into());
            }
            (false, _, false) => {
                text.push("await ".into());
                text.extend(operand);
            }
        }
        text
    };
    let mut text: Vec<Piece> = Vec::new();
    if let [(true, operand)] = &operands[..] {
        text.push("[".into());
        text.extend(read(vec![task.clone()]));
        text.push(" for ".into());
        text.push(task.clone());
        text.push(" in ".into());
        text.extend(operand.clone());
        text.push("]".into());
    } else {
        let unpacked = matches!(wait.view.tree.parent(wait.await_), Some(AnyNodeRef::StmtAssign(assign))
            if matches!(&assign.targets[..], [Expr::Tuple(tuple)] if tuple.elts.len() == operands.len() && operands.len() > 1));
        if !unpacked {
            text.push("[".into());
        }
        for (at, (starred, operand)) in operands.into_iter().enumerate() {
            if at > 0 {
                text.push(", ".into());
            }
            if starred {
                text.push("*[".into());
                text.extend(read(vec![task.clone()]));
                text.push(" for ".into());
                text.push(task.clone());
                text.push(" in ".into());
                text.extend(operand);
                text.push("]".into());
            } else {
                text.extend(read(operand));
            }
        }
        if !unpacked {
            text.push("]".into());
        }
    }
    change.edits.push((
        file,
        Edit::Replace {
            range: whole,
            pieces: text,
        },
    ));
    true
}

/// Makes tasks in lines of their own before a wait; says whether such lines can stand there.
fn make_before(
    change: &mut Change,
    out: &mut Out,
    wait: &Wait<'_>,
    tasks: Vec<Vec<Piece>>,
) -> bool {
    if tasks.is_empty() {
        return true;
    }
    let Some(stmt) = wait.view.tree.enclosing_statement(wait.await_.range()) else {
        return false;
    };
    let is_simple = matches!(
        stmt,
        Stmt::Expr(_) | Stmt::Assign(_) | Stmt::AnnAssign(_) | Stmt::AugAssign(_) | Stmt::Return(_)
    );
    if !is_simple {
        return false;
    }
    for (at, task) in tasks.into_iter().enumerate() {
        let mut line = vec![Piece::from(fresh_task(wait, at)), " = ".into()];
        line.extend(task);
        if out.is_tail {
            out.last.push(line);
            continue;
        }
        line.push("\n".into());
        change.edits.push((
            wait.view.file,
            Edit::Replace {
                range: TextRange::empty(stmt.start()),
                pieces: line,
            },
        ));
    }
    true
}

/// Waits for tasks that keep their errors, until one has failed.
fn gather_kept(change: &mut Change, wait: &Wait<'_>, operands: Vec<(bool, Vec<Piece>)>) {
    let gather = Piece::Helper(&helpers::GATHER_KEPT);
    let mut text = pieces("await {0}(", &[gather]);
    for (at, (starred, operand)) in operands.into_iter().enumerate() {
        if at > 0 {
            text.push(", ".into());
        }
        if starred {
            text.push("*".into());
        }
        text.extend(operand);
    }
    text.push(")".into());
    let range = wait.await_.range();
    let edit = Edit::Replace {
        range,
        pieces: text,
    };
    change.edits.push((wait.view.file, edit));
}

/// `await t`, in the form that raises what it must.
fn wait_line(task: Vec<Piece>, guarded: bool, exceptions: bool) -> Vec<Piece> {
    let mut text: Vec<Piece> = Vec::new();
    if guarded && !exceptions {
        text.push(Piece::Helper(&helpers::VALUE));
        text.push("(".into());
    }
    text.push("await ".into());
    text.extend(task);
    if exceptions {
        text.push(".wait()".into());
    }
    if guarded && !exceptions {
        text.push(")".into());
    }
    text
}

fn fresh_task(wait: &Wait<'_>, extras: usize) -> String {
    let scope = wait.view.scopes.at(wait.await_.start());
    let base = match extras {
        0 => "extra".to_owned(),
        count => format!("extra_{}", count + 1),
    };
    wait.view.scopes.fresh_name(scope, &base)
}
