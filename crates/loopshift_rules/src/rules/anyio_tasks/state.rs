//! What is known of tasks at one point of a function, and how control leaves it.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::Place;
use loopshift_python::TextRange;

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Told to stop, and not waited for.
    Cancelling,
    /// Running.
    Live,
}

/// What is known at one point.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State<'c> {
    /// The tasks that may run, by the calls that make them.
    pub(super) tasks: BTreeMap<Place, Stage>,
    /// The variables that hold just these tasks.
    pub(super) names: BTreeMap<&'c str, BTreeSet<Place>>,
    /// The variables that hold only some of the tasks of a collection.
    pub(super) some: BTreeSet<&'c str>,
}

impl State<'_> {
    /// What holds where this does or the other.
    pub(super) fn join(&mut self, other: &Self) {
        for (site, stage) in &other.tasks {
            let known = self.tasks.entry(*site).or_insert(*stage);
            *known = (*known).max(*stage);
        }
        for (name, sites) in &other.names {
            self.names.entry(name).or_default().extend(sites);
        }
        self.some.extend(&other.some);
    }

    /// The variable holds no task: those that it would hold were not made.
    pub(super) fn forget(&mut self, name: &str) {
        for site in self.names.remove(name).into_iter().flatten() {
            self.tasks.remove(&site);
        }
    }

    /// Whether a task may run that nobody told to stop.
    pub(super) fn is_live(&self) -> bool {
        self.tasks.values().any(|stage| *stage == Stage::Live)
    }
}

/// How control leaves the statements that were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExitKind {
    /// Past the last statement.
    Fall,
    /// `return`.
    Return,
    /// `break` or `continue` of a loop outside.
    Jump,
}

/// A way out.
pub(super) struct Exit<'c> {
    pub(super) kind: ExitKind,
    /// The statement that leaves; empty for [`ExitKind::Fall`].
    pub(super) range: TextRange,
    pub(super) state: State<'c>,
}

/// What holds where one does or the other; `None` is never reached.
pub(super) fn joined<'c>(a: Option<State<'c>>, b: Option<State<'c>>) -> Option<State<'c>> {
    match (a, b) {
        (Some(mut a), Some(b)) => {
            a.join(&b);
            Some(a)
        }
        (a, b) => a.or(b),
    }
}
