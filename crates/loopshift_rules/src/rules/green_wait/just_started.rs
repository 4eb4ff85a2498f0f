//! Green threads that were started just before a call waits for them: nothing has run since, so one of them still will.

use std::collections::BTreeSet;

use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Stmt, StmtAssign, StmtFor};
use loopshift_python::{Ranged, TextRange};

use super::{has_items, starts, starts_one};
use crate::context::{Context, View};

/// Whether one of the green threads that a call is given was started by a statement above it, and nothing waits between.
pub(super) fn just_started(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    given: &Expr,
) -> bool {
    let waits = cx.facts().waits(cx.program.function_at(view.place(call)));
    let waits: Vec<TextRange> = waits.map(|place| place.range).collect();
    let mut names = Names::default();
    names.add(given);
    let mut next = view.tree.enclosing_statement(call.range());
    while let Some(statement) = next {
        let Some((suite, at)) = view.tree.suite_of(statement) else {
            return false;
        };
        for above in suite[..at].iter().rev() {
            if let Some(told) = names.told_by(cx, view, above) {
                return told;
            }
            if waits.iter().any(|it| above.range().contains_range(*it)) {
                return false;
            }
        }
        // A `try` begins with its body.
        next = match view.tree.parent(statement) {
            Some(AnyNodeRef::StmtTry(it)) if it.body.first() == suite.first() => {
                view.tree.enclosing_statement(it.range())
            }
            _ => None,
        };
    }
    false
}

/// The names that stand for green threads that are waited for.
#[derive(Default)]
struct Names<'n> {
    /// Each for one.
    threads: BTreeSet<&'n str>,
    /// Each for a list.
    lists: BTreeSet<&'n str>,
}

impl<'n> Names<'n> {
    /// Adds what a list is, or holds.
    fn add(&mut self, list: &'n Expr) {
        match list {
            Expr::Name(name) => {
                self.lists.insert(name.id.as_str());
            }
            Expr::List(list) => {
                let names = list.elts.iter().filter_map(Expr::as_name_expr);
                self.threads.extend(names.map(|it| it.id.as_str()));
            }
            _ => {}
        }
    }

    /// Whether a statement starts one of them, or says that it can't be told; nothing where it has to do with none.
    fn told_by(&mut self, cx: &Context<'_>, view: &View<'_>, stmt: &'n Stmt) -> Option<bool> {
        match stmt {
            Stmt::Assign(it) if self.is_target(it) => {
                if starts(cx, view, &it.value) || starts_one(cx, view, &it.value) {
                    return Some(true);
                }
                // What a list is made of may have been started above it.
                let made = it.value.is_list_expr();
                self.add(&it.value);
                return (!made).then_some(false);
            }
            Stmt::Expr(it) if self.is_appended(cx, view, &it.value) => return Some(true),
            Stmt::For(it) if self.is_filled(cx, view, it) => return Some(true),
            _ => {}
        }
        let mut nodes = view.tree.nodes_within(stmt.range());
        let is_changed = nodes.any(|node| match node {
            AnyNodeRef::ExprName(it) => {
                let name = it.id.as_str();
                self.lists.contains(name) || (self.threads.contains(name) && !it.ctx.is_load())
            }
            _ => false,
        });
        is_changed.then_some(false)
    }

    fn is_target(&self, assign: &StmtAssign) -> bool {
        match &*assign.targets {
            [Expr::Name(name)] => {
                self.threads.contains(name.id.as_str()) || self.lists.contains(name.id.as_str())
            }
            _ => false,
        }
    }

    /// `threads.append(gevent.spawn(work))`
    fn is_appended(&self, cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
        let Expr::Call(call) = expr else { return false };
        let Expr::Attribute(method) = &*call.func else {
            return false;
        };
        let to = method.value.as_name_expr();
        let is_list = to.is_some_and(|it| self.lists.contains(it.id.as_str()));
        match &*call.arguments.args {
            [item] => is_list && method.attr.as_str() == "append" && starts(cx, view, item),
            _ => false,
        }
    }

    /// A loop that surely has a turn, and ends each by starting one.
    fn is_filled(&self, cx: &Context<'_>, view: &View<'_>, stmt: &StmtFor) -> bool {
        let ends = match stmt.body.last() {
            Some(Stmt::Expr(it)) => self.is_appended(cx, view, &it.value),
            _ => false,
        };
        let mut nodes = view.tree.nodes_within(stmt.range());
        let leaves = |node| matches!(node, AnyNodeRef::StmtBreak(_) | AnyNodeRef::StmtContinue(_));
        ends && !stmt.is_async
            && stmt.orelse.is_empty()
            && has_items(cx, view, &stmt.iter)
            && !nodes.any(leaves)
    }
}
