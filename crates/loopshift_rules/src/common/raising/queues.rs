//! What queues raise: one that is never full takes everything, and `task_done` may be told as often as there were items.

use loopshift_engine::flow::value::Value;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Stmt};
use loopshift_python::{Ranged, TextRange};
use rustc_hash::FxHashMap;

use super::Raising;
use crate::context::View;

impl Raising<'_, '_> {
    /// Whether the call puts something into a queue that is never full.
    pub(super) fn puts_without_end(&self, view: &View<'_>, call: &ExprCall, api: &str) -> bool {
        let (Expr::Attribute(it), "asyncio.Queue.put_nowait") = (&*call.func, api) else {
            return false;
        };
        let flow = &self.cx.program.flow;
        let mut queues = self.cx.program.values_at(view.place(&*it.value)).peekable();
        queues.peek().is_some()
            && queues.all(|value| match value {
                Value::Object(_, site) => {
                    let made = flow.linked.calls.get(flow.written(site).0 as usize);
                    made.is_some_and(|call| call.args.is_empty())
                }
                _ => false,
            })
    }

    /// Whether every `task_done` of the program follows a `get` of its own, so that none of them can be one too many.
    pub(super) fn follow_gets(&self) -> bool {
        *self.counted.get_or_init(|| {
            let mut told: FxHashMap<_, Vec<(&View<'_>, &ExprCall)>> = FxHashMap::default();
            for use_ in self.cx.uses {
                if use_.api != "asyncio.Queue.task_done" {
                    continue;
                }
                let found = self.cx.view(use_.place.file).and_then(|view| {
                    let call = view.call_of(use_.place.range)?;
                    Some((view, call, get_before(view, call)?))
                });
                let Some((view, call, get)) = found else {
                    return false;
                };
                told.entry((view.file, get)).or_default().push((view, call));
            }
            // Of several that follow one `get`, only one is reached.
            told.into_values().all(|mut calls| {
                calls.sort_by_key(|(_, call)| call.start());
                let last = calls.pop();
                let in_the_end = |(view, call): (&View<'_>, &ExprCall)| {
                    view.tree.ancestors(call).any(|node| {
                        matches!(node, AnyNodeRef::StmtTry(it) if it.finalbody.iter().any(|stmt| stmt.range().contains_range(call.range())))
                    })
                };
                let places: Vec<TextRange> = calls.iter().chain(last.as_ref()).map(|it| it.1.range()).collect();
                calls.is_empty()
                    || last.is_some_and(|last| !in_the_end(last))
                        && calls.into_iter().all(|(view, call)| leaves(view, call, &places))
            })
        })
    }
}

/// The statement before a call of `task_done`, in the same round of the same loop, that takes an item out of its queue.
fn get_before(view: &View<'_>, call: &ExprCall) -> Option<TextRange> {
    let Expr::Attribute(method) = &*call.func else {
        return None;
    };
    let takes =
        ["get()", "get_nowait()"].map(|it| format!("{}.{it}", view.text(method.value.range())));
    let is_get = |expr: &Expr| takes.iter().any(|it| view.text(expr.range()) == it);
    let mut stmt = view.tree.enclosing_statement(call.range())?;
    // Within a function without a name, or for each of several values, it may be told more often.
    if !matches!(stmt, Stmt::Expr(it) if it.value.range() == call.range()) {
        return None;
    }
    loop {
        let (block, index) = view.tree.suite_of(stmt)?;
        let taken = block[..index].iter().rev().find(|stmt| {
            let value = match stmt {
                Stmt::Assign(it) => Some(&*it.value),
                Stmt::AnnAssign(it) => it.value.as_deref(),
                Stmt::Expr(it) => Some(&*it.value),
                _ => None,
            };
            value.is_some_and(|value| {
                let value = value.as_await_expr().map_or(value, |it| &it.value);
                // `wait_for(queue.get(), …)`
                let first = value
                    .as_call_expr()
                    .and_then(|it| it.arguments.args.first());
                is_get(value) || first.is_some_and(is_get)
            })
        });
        if let Some(taken) = taken {
            return Some(taken.range());
        }
        // A loop takes another item in each round.
        let around = view.tree.ancestors(stmt).find(|node| {
            matches!(
                node,
                AnyNodeRef::StmtIf(_)
                    | AnyNodeRef::StmtTry(_)
                    | AnyNodeRef::StmtWith(_)
                    | AnyNodeRef::StmtFor(_)
                    | AnyNodeRef::StmtWhile(_)
                    | AnyNodeRef::StmtFunctionDef(_)
            )
        })?;
        match around {
            AnyNodeRef::StmtIf(_) | AnyNodeRef::StmtTry(_) | AnyNodeRef::StmtWith(_) => {
                stmt = view.tree.enclosing_statement(around.range())?;
            }
            _ => return None,
        }
    }
}

/// Whether none of the others follows a call: its block ends the round of a loop, or the function, without one.
fn leaves(view: &View<'_>, call: &ExprCall, all: &[TextRange]) -> bool {
    let stmt = view.tree.enclosing_statement(call.range());
    let Some((block, index)) = stmt.and_then(|stmt| view.tree.suite_of(stmt)) else {
        return false;
    };
    let another = |stmt: &Stmt| {
        all.iter()
            .any(|it| *it != call.range() && stmt.range().contains_range(*it))
    };
    !block[index..].iter().any(another)
        && matches!(
            block.last(),
            Some(Stmt::Break(_) | Stmt::Continue(_) | Stmt::Return(_))
        )
}
