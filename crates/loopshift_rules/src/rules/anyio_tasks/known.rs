//! What is known of tasks at a place of the walk: which sets hold only tasks that are done, and what a test says.

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_python::Ranged;
use loopshift_python::ast::{self, AnyNodeRef, Expr, Stmt};

use super::conditions::{done_test, none_test};
use super::family::held;
use super::life::{Event, Walk};
use super::state::State;

impl<'c> Walk<'_, 'c> {
    /// Whether the expression is what `asyncio.wait` has found to be done, or taken from that: waiting for it, or telling
    /// it to stop, says nothing of the others.
    pub(super) fn are_done(&self, state: &State<'c>, expr: &Expr) -> bool {
        match expr {
            Expr::Name(name) => {
                if let Some(sites) = state.names.get(name.id.as_str()) {
                    return sites.is_empty();
                }
                let generator = self
                    .view
                    .tree
                    .expr_at(expr.range())
                    .and_then(|expr| self.view.tree.comprehension_around(expr))
                    .and_then(loopshift_python::tree::generators);
                generator.into_iter().flatten().any(|it| {
                    matches!(&it.target, Expr::Name(target) if target.id == name.id)
                        && self.are_done(state, &it.iter)
                })
            }
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) => self.are_done(state, &method.value),
                _ => {
                    let first = call.arguments.args.first();
                    first.is_some_and(|first| self.are_done(state, first))
                }
            },
            Expr::Subscript(it) => self.are_done(state, &it.value),
            _ => false,
        }
    }

    /// The tasks of a collection, where the collection is empty.
    pub(super) fn empty(&self, state: &mut State<'c>, name: &ast::ExprName) {
        let place = self.view.place(name);
        let container = |value| matches!(value, Value::Container(_));
        if self.cx.program.values_at(place).any(container) {
            for site in held(self.cx, place).sites {
                state.tasks.remove(&site);
            }
        }
    }

    /// Whether the await is a wait that may leave tasks running, and hands back those that it leaves.
    pub(super) fn is_partial(&self, value: &Expr) -> bool {
        self.events.iter().any(|(at, event)| {
            value.range().contains_range(*at)
                && matches!(event, Event::Wait(_, _, kind) if kind.is_partial())
        })
    }

    /// Whether a variable of a loop that goes on while it holds tasks is only ever filled by new tasks, and by those that
    /// a wait has left.
    pub(super) fn is_drained(&self, it: &'c ast::StmtWhile, name: &str) -> bool {
        let mut waits = false;
        let mut other = false;
        super::suites::each(&it.body, &mut |stmt| match stmt {
            Stmt::Assign(assign) => {
                for target in &assign.targets {
                    match target {
                        Expr::Tuple(pair) => {
                            let second = matches!(&pair.elts[..], [_, Expr::Name(second)] if second.id.as_str() == name);
                            waits |= second && self.is_partial(&assign.value);
                            other |= !second && pair.elts.iter().any(|it| is_name(it, name));
                        }
                        target => other |= is_name(target, name),
                    }
                }
            }
            Stmt::For(it) => other |= is_name(&it.target, name),
            Stmt::AnnAssign(it) => other |= is_name(&it.target, name),
            _ => {}
        });
        let taken = self.view.scopes.references.iter().any(|reference| {
            reference.name == name
                && it.range().contains_range(reference.range)
                && self
                    .view
                    .tree
                    .expr_at(reference.range)
                    .and_then(|expr| self.view.tree.parent(expr))
                    .is_some_and(|node| {
                        matches!(node, AnyNodeRef::ExprAttribute(member)
                        if !matches!(member.attr.as_str(), "add" | "update" | "append" | "extend"))
                    })
        });
        waits && !other && !taken
    }

    /// What a test that came out so says of tasks.
    pub(super) fn assume(&self, test: &'c Expr, holds: bool, state: &mut State<'c>) {
        if let Some((name, none)) = none_test(test)
            && none == holds
        {
            state.forget(name.id.as_str());
            self.empty(state, name);
        }
        if let Some((task, done)) = done_test(test, &|set| self.are_done(state, set))
            && done == holds
        {
            let all: Vec<Place> = state.tasks.keys().copied().collect();
            for site in self.settled(state, &all, task) {
                state.tasks.remove(&site);
            }
        }
    }
}

fn is_name(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Name(it) if it.id.as_str() == name)
}
