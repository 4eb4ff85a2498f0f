//! Whether the order of what tasks do can be seen.
//!
//! `AnyIO` lets other tasks run at nearly every `await`, asyncio only where something has to be waited for. The order of
//! what the tasks of a program do then changes. Nobody sees that where they share nothing.

mod effects;
mod tasks;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{CallForm, FuncId, FunctionKind};
use loopshift_python::ast::{AnyNodeRef, Expr, Stmt};
use loopshift_python::{Ranged, TextRange};
use rustc_hash::{FxHashMap, FxHashSet};

use self::effects::meet;
pub(crate) use self::effects::{Effect, Shared, effects};
use self::tasks::{Spawn, Start, Task, Tasks, Window, is_test};
use crate::common::code::{definition, is_switch, own};
use crate::common::over::Over;
use crate::common::siblings::first_wait;
use crate::context::Context;

type Own = Rc<Vec<(TextRange, Effect)>>;

/// The tasks of a program, and what each does.
pub(crate) struct Order<'c> {
    cx: &'c Context<'c>,
    tasks: Arc<Tasks>,
    known: RefCell<FxHashMap<FuncId, Own>>,
    /// Whether somebody can see the order of what a task does: asked for each place, and the same for all.
    seen: RefCell<FxHashMap<FuncId, bool>>,
}

impl<'c> Order<'c> {
    /// Looks at the tasks of the program.
    pub(crate) fn new(cx: &'c Context<'c>) -> Self {
        Order {
            cx,
            tasks: cx.once(Tasks::new),
            known: RefCell::default(),
            seen: RefCell::default(),
        }
    }

    /// Whether somebody can see that other tasks run, or no longer do, at these places.
    pub(crate) fn is_seen(&self, places: impl IntoIterator<Item = Place>) -> bool {
        let functions = places
            .into_iter()
            .map(|place| self.cx.program.function_at(place));
        let run_by = self.tasks.to(functions);
        let mut tasks = self.tasks.all.iter();
        tasks.any(|task| run_by.contains(&task.func) && self.task_is_seen(task))
    }

    /// What runs in each task that one of these functions starts and does not wait for.
    pub(crate) fn leaves_tasks<'o>(
        &'o self,
        functions: &'o BTreeSet<FuncId>,
    ) -> impl Iterator<Item = FxHashSet<FuncId>> + 'o {
        self.tasks
            .all
            .iter()
            .filter(move |task| {
                task.start == Start::Spawned
                    && task
                        .spawns
                        .iter()
                        .filter(|spawn| functions.contains(&spawn.owner))
                        .any(|spawn| spawn.window(self.cx).is_none())
            })
            .map(|task| self.tasks.from([task.func]))
    }

    /// Whether several tasks may run the code at a place at once.
    pub(crate) fn is_run_by_many(&self, place: Place) -> bool {
        let run_by = self.tasks.to([self.cx.program.function_at(place)]);
        let mut tasks = self.tasks.all.iter();
        tasks.any(|task| run_by.contains(&task.func) && self.tasks.are_many(self.cx, task))
    }

    /// Whether several tasks run the code at these places, at once or one after the other.
    pub(crate) fn are_run_by_several(&self, places: impl IntoIterator<Item = Place>) -> bool {
        let functions = places
            .into_iter()
            .map(|place| self.cx.program.function_at(place));
        let run_by = self.tasks.to(functions);
        let tasks = self.tasks.all.iter();
        let tasks: Vec<&Task> = tasks.filter(|task| run_by.contains(&task.func)).collect();
        tasks.len() > 1 || tasks.iter().any(|task| self.tasks.are_many(self.cx, task))
    }

    /// Whether a wait that stands at `wait` has begun before anything at `sets` is reached: it is the first that its
    /// task does, and what starts the task lets it run before.
    pub(crate) fn begins_before(&self, wait: Place, sets: &[Place]) -> bool {
        let func = self.cx.program.function_at(wait);
        let Some(task) = self.tasks.all.iter().find(|task| task.func == func) else {
            return false;
        };
        let started = task.start == Start::Spawned
            && !task.spawns.is_empty()
            && !self.tasks.is_part_of_another(func);
        let Some((view, def)) = definition(self.cx, func).filter(|_| started) else {
            return false;
        };
        let first = own(&def.body)
            .into_iter()
            .find(|node| is_switch(*node) || is_loop(*node));
        let is_first = first.is_some_and(|node| {
            matches!(node, AnyNodeRef::ExprAwait(_))
                && view.place(node).file == wait.file
                && node.range().contains_range(wait.range)
        });
        is_first
            && sets.iter().all(|set| {
                let owner = self.cx.program.function_at(*set);
                task.spawns.iter().all(|spawn| {
                    spawn.owner == owner
                        && spawn
                            .window(self.cx)
                            .is_some_and(|window| self.sleeps_between(owner, window, *set))
                })
            })
    }

    /// Whether somebody can see whether a function that begins here does so before or after other tasks that are ready.
    pub(crate) fn begins_seen(&self, here: Place, func: FuncId) -> bool {
        let first = match definition(self.cx, func) {
            Some((_, def)) => first_wait(&def.body),
            None => return true,
        };
        let is_early = |at: TextRange| first.is_none_or(|first| at.start() < first);
        let own = self.own(func);
        let early = own.iter().filter(|(at, _)| is_early(*at));
        let mut begins: BTreeSet<Effect> = early.map(|(_, effect)| effect.clone()).collect();
        let called = self.tasks.calls.get(&func).into_iter().flatten();
        let called = called
            .filter(|(at, _)| is_early(*at))
            .map(|(_, func)| *func);
        begins.extend(self.all(&self.tasks.from(called)));
        let host = self.cx.program.function_at(here);
        let run_by = self.tasks.to([host]);
        self.tasks.all.iter().any(|task| {
            let is_other = !run_by.contains(&task.func) || self.tasks.are_many(self.cx, task);
            is_other
                && self.may_be_ready(task, host, here)
                && meet(&begins, &self.all(&self.tasks.from([task.func])))
        })
    }

    /// Whether somebody can see whether others run between the end of a function that runs here and what follows: several
    /// tasks do it at once, perhaps for the same time, and what the function does can be seen.
    pub(crate) fn ends_seen(&self, here: Place, func: FuncId) -> bool {
        let run_by = self.tasks.to([self.cx.program.function_at(here)]);
        let is_many = |task: &Task| {
            task.start == Start::Spawned
                && run_by.contains(&task.func)
                && self.tasks.are_many(self.cx, task)
        };
        self.tasks.all.iter().any(is_many)
            && (self.all(&self.tasks.from([func])).iter()).any(Effect::is_visible)
    }

    /// Whether nothing that can be seen happens beside what stands at a place: only what the program begins with runs it, and
    /// no task that does something visible may go on there.
    pub(crate) fn is_alone(&self, here: Place) -> bool {
        let host = self.cx.program.function_at(here);
        let run_by = self.tasks.to([host]);
        let goes_on = |spawn: &Spawn| {
            let window = || spawn.window(self.cx);
            spawn.owner != host || window().is_none_or(|window| window.holds(here.range))
        };
        let is_beside = |task: &&Task| {
            run_by.contains(&task.func)
                || task.spawns.iter().any(goes_on)
                    && (self.all(&self.tasks.from([task.func])).iter()).any(Effect::is_visible)
        };
        let mut tasks = self.tasks.all.iter();
        !tasks.any(|task| task.start == Start::Spawned && is_beside(&task))
    }

    /// Whether a task that the program starts may be ready to run where the function stands at a place.
    fn may_be_ready(&self, task: &Task, host: FuncId, here: Place) -> bool {
        let may_be = |spawn: &Spawn| {
            let window = spawn.window(self.cx);
            spawn.owner != host
                || window.is_none_or(|window| {
                    window.holds(here.range) && !self.sleeps_between(host, window, here)
                })
        };
        task.start == Start::Spawned && task.spawns.iter().any(may_be)
    }

    /// Whether the function lets others run for some time after it has started a task, and before a place.
    fn sleeps_between(&self, func: FuncId, window: Window, place: Place) -> bool {
        let Some((view, def)) = definition(self.cx, func) else {
            return false;
        };
        let Some((suite, at)) = def
            .body
            .first()
            .and_then(|_| view.tree.enclosing_statement(place.range))
            .and_then(|stmt| view.tree.suite_of(stmt))
        else {
            return false;
        };
        suite[..at].iter().any(|stmt| {
            window.holds(stmt.range())
                && matches!(stmt, Stmt::Expr(it) if matches!(&*it.value, Expr::Await(it)
                    if matches!(&*it.value, Expr::Call(call)
                        if self.cx.api_of(view, &call.func) == Some("asyncio.sleep"))))
        })
    }

    fn task_is_seen(&self, task: &Task) -> bool {
        if let Some(known) = self.seen.borrow().get(&task.func) {
            return *known;
        }
        let seen = self.find_seen(task);
        self.seen.borrow_mut().insert(task.func, seen);
        seen
    }

    fn find_seen(&self, task: &Task) -> bool {
        let inside = &self.tasks.from([task.func]);
        // What most tasks of a large program do, and no tree is needed to see.
        let are_many = self.tasks.are_many(self.cx, task);
        if are_many && inside.iter().any(|func| calls_unknown(self.cx, *func)) {
            return true;
        }
        // A time that is over ends the first wait that lets others run.
        let over = self.cx.once(Over::new);
        if inside.iter().any(|func| over.holds(*func)) {
            return true;
        }
        let mine = self.all(inside);
        let visible = |effects: &BTreeSet<Effect>| effects.iter().any(Effect::is_visible);
        if are_many && meet(&mine, &mine) {
            return true;
        }
        let left = |task: &Task| {
            let mut spawns = task.spawns.iter();
            task.start == Start::Spawned && spawns.any(|it| it.window(self.cx).is_none())
        };
        if left(task) && visible(&mine) {
            return true;
        }
        for other in &self.tasks.all {
            if other.func == task.func || self.one_after_the_other(task, other) {
                continue;
            }
            let others = self.tasks.from([other.func]);
            let its = self.all(&others);
            let its = self.beside(task, other, &others).unwrap_or(its);
            let ours = self
                .beside(other, task, inside)
                .unwrap_or_else(|| mine.clone());
            if meet(&ours, &its) {
                return true;
            }
            // The end of the program is the end of what still runs.
            if task.start == Start::Entry && left(other) && visible(&its) {
                return true;
            }
        }
        false
    }

    /// Whether two tasks never run at once.
    fn one_after_the_other(&self, one: &Task, other: &Task) -> bool {
        let alone = |task: &Task| {
            task.start == Start::Entry
                || (task.start == Start::Outside && is_test(self.cx, task.func))
        };
        alone(one) && alone(other)
    }

    /// What the host does while its task runs, where it is the one that starts it.
    fn beside(
        &self,
        task: &Task,
        host: &Task,
        inside: &FxHashSet<FuncId>,
    ) -> Option<BTreeSet<Effect>> {
        let mut found = BTreeSet::new();
        for spawn in &task.spawns {
            if !inside.contains(&spawn.owner) || self.tasks.are_many(self.cx, host) {
                return None;
            }
            let window = spawn.window(self.cx)?;
            for (at, effect) in self.own(spawn.owner).iter() {
                if window.holds(*at) {
                    found.insert(effect.clone());
                }
            }
            let called = self.tasks.calls.get(&spawn.owner).into_iter().flatten();
            let called = called
                .filter(|(at, _)| window.holds(*at))
                .map(|(_, func)| *func);
            found.extend(self.all(&self.tasks.from(called)));
        }
        (!task.spawns.is_empty()).then_some(found)
    }

    /// What all these functions do.
    fn all(&self, functions: &FxHashSet<FuncId>) -> BTreeSet<Effect> {
        let mut all: BTreeSet<Effect> = functions
            .iter()
            .flat_map(|func| {
                self.own(*func)
                    .iter()
                    .map(|(_, it)| it.clone())
                    .collect::<Vec<_>>()
            })
            .collect();
        all.insert(Effect::Write(Shared::Progress));
        all
    }

    fn own(&self, func: FuncId) -> Own {
        if let Some(known) = self.known.borrow().get(&func) {
            return Rc::clone(known);
        }
        let own: Own = Rc::new(effects(self.cx, func));
        self.known.borrow_mut().insert(func, Rc::clone(&own));
        own
    }
}

/// Whether a function calls what is not known, which may do anything that others see.
fn calls_unknown(cx: &Context<'_>, func: FuncId) -> bool {
    let is_def = cx.program.function(func).kind == FunctionKind::Def;
    is_def
        && cx.program.calls_of(func).any(|call| {
            let mut values = cx.program.flow.values_of(call.callee);
            call.form != CallForm::Decorator && values.any(|it| matches!(it, Value::Unknown(_)))
        })
}

fn is_loop(node: AnyNodeRef<'_>) -> bool {
    matches!(node, AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtWhile(_))
}
