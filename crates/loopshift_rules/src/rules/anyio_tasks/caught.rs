//! Errors of tasks that a function catches while others of its tasks run: asyncio lets those run on.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_python::ast::{Expr, Stmt};
use loopshift_python::{Ranged, TextRange};

use super::failure::handlers;
use super::family::{Family, Spawn, Wait, WaitKind, held};
use super::life::Walk;
use super::state::State;
use crate::common::raising::Raising;
use crate::context::Context;

/// An error that may leave a wait and is caught in the function.
#[derive(Clone, Copy)]
pub(super) struct Failing<'m> {
    /// The statement that catches it.
    caught: TextRange,
    /// The operand whose error it is, where it can be that of only one, and that is one task.
    only: Option<&'m Expr>,
}

/// The error of tasks of these families that may leave a wait and be caught in the function, if there is one.
pub(super) fn failing<'m>(
    cx: &Context<'_>,
    families: &[&Family<'_>],
    wait: &Wait<'m>,
) -> Option<Failing<'m>> {
    if !wait.kind.raises() {
        return None;
    }
    let around = handlers(cx, wait.view, wait.await_.range());
    let (caught, ..) = around.into_iter().find(|(_, catches, _)| catches.errors)?;
    let raising = Raising::new(cx);
    let spawns = families.iter().flat_map(|family| &family.spawns);
    let failing: BTreeSet<Place> = spawns
        .filter(|spawn| wait.sites.contains(&spawn.site()) && spawn.may_raise(&raising))
        .map(Spawn::site)
        .collect();
    let fails = |operand: &&&Expr| {
        let operand = match operand {
            Expr::Starred(starred) => &*starred.value,
            other => other,
        };
        !held(cx, wait.view.place(operand))
            .sites
            .is_disjoint(&failing)
    };
    if failing.is_empty() {
        return None;
    }
    let mut operands = wait.operands.iter().filter(fails);
    let only = match (operands.next(), operands.next()) {
        (Some(only), None) if !only.is_starred_expr() => Some(*only),
        _ => None,
    };
    Some(Failing { caught, only })
}

impl<'c> Walk<'_, 'c> {
    /// Walks the body of a statement that may catch errors. Gives what holds behind the body, and where it catches one of
    /// a task.
    pub(super) fn catching(
        &mut self,
        range: TextRange,
        body: &'c [Stmt],
        state: State<'c>,
    ) -> (Option<State<'c>>, Option<State<'c>>) {
        self.catching.push((range, None));
        let out = self.block(body, state);
        (out, self.catching.pop().and_then(|(_, failed)| failed))
    }

    /// Notes which tasks run on where the statement around a wait catches the error of one of those waited for: all but the
    /// one that failed, where it is known.
    pub(super) fn fail(&mut self, wait: &Wait<'_>, failing: Failing<'_>, state: &State<'c>) {
        let mut failed = state.clone();
        if let Some(task) = failing.only
            && wait.kind != WaitKind::Next
            && !self.is_each(task)
        {
            let all: Vec<Place> = wait.sites.iter().copied().collect();
            for site in self.settled(state, &all, task) {
                failed.tasks.remove(&site);
            }
        }
        let mut inner = self.catching.iter_mut().rev();
        if let Some((_, known)) = inner.find(|(at, _)| *at == failing.caught) {
            match known {
                Some(known) => known.join(&failed),
                None => *known = Some(failed),
            }
        }
    }
}
