//! What must run inside an event loop, although it waits for nothing: it starts tasks, or calls what does.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::Place;
use loopshift_engine::flow::Target;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{FuncId, FunctionKind};
use loopshift_engine::program::CallSite;

use super::{GREENLET_CLASS, is_coloured, is_greenlet};
use crate::catalog::{Api, Kind};
use crate::context::Context;
use crate::rules::green_geventhub::{asks_loop, is_get_hub};

/// The functions that need a running event loop, those that become async not among them.
pub(crate) struct Needs {
    /// The calls because of which each of them does.
    because: BTreeMap<FuncId, BTreeSet<Place>>,
    /// The calls that start tasks.
    starts: BTreeSet<Place>,
}

impl Needs {
    /// Finds them.
    pub(crate) fn new(cx: &Context<'_>) -> Self {
        let mut because: BTreeMap<FuncId, BTreeSet<Place>> = BTreeMap::new();
        let mut work = Vec::new();
        let mut starts = BTreeSet::new();
        for (file, call) in cx.program.calls() {
            let spawns = cx.program.callees(call).iter().any(|target| match target {
                Target::External(sym) => {
                    let name = cx.program.flow.text(*sym);
                    let row = cx.catalog.get(name);
                    // Making an object starts nothing yet, but a task that waits for its start is one.
                    let starts = |api: &Api| {
                        if is_get_hub(&api.name) {
                            let range = call.range;
                            return asks_loop(cx, Place { file, range });
                        }
                        // A handler of a signal is one of the event loop from the beginning to its end.
                        let is_handler = api.rule.as_deref() == Some("green-signal");
                        let starts = api.kind != Kind::Class || name == GREENLET_CLASS;
                        is_handler || ((api.awaits || api.spawns) && starts)
                    };
                    cx.recipe.moves(name) && row.is_some_and(starts)
                }
                Target::Func(_) => false,
            });
            let makes_one = cx
                .program
                .flow
                .values_of(call.callee)
                .any(|callee| match callee {
                    Value::Class(class) => is_greenlet(cx, Value::Instance(class)),
                    _ => false,
                });
            let spawns = spawns || makes_one;
            let place = Place {
                file,
                range: call.range,
            };
            if spawns {
                starts.insert(place);
            }
            if spawns && call.owner != FuncId::NONE {
                work.push((call.owner, place));
            }
        }
        while let Some((func, place)) = work.pop() {
            let is_module = cx.program.function(func).kind == FunctionKind::Module;
            if is_coloured(cx, func) && !is_module {
                continue;
            }
            let places = because.entry(func).or_default();
            let first = places.is_empty();
            places.insert(place);
            if first {
                let sites = cx.callers.of(func).iter();
                work.extend(
                    sites
                        .filter(|site| site.owner != FuncId::NONE)
                        .map(|site| (site.owner, site.place)),
                );
                let operators = cx.callers.by_language(func).iter();
                let functions = operators.filter(|owner| is_function(cx, **owner));
                work.extend(functions.map(|owner| (*owner, place)));
            }
        }
        Needs { because, starts }
    }

    /// The calls in the function that need a running loop.
    pub(crate) fn of(&self, func: FuncId) -> impl Iterator<Item = Place> + '_ {
        self.because.get(&func).into_iter().flatten().copied()
    }

    /// The bodies of modules from which a function is reached without any function between that becomes async.
    ///
    /// # Errors
    /// Where code that can't be seen calls one of the functions on the way, in words.
    pub(crate) fn entries(&self, cx: &Context<'_>, func: FuncId) -> Result<Vec<FuncId>, String> {
        let mut seen = BTreeSet::from([func]);
        let mut work = vec![func];
        let mut out = Vec::new();
        while let Some(func) = work.pop() {
            if cx.program.function(func).kind == FunctionKind::Module {
                out.push(func);
                continue;
            }
            if is_coloured(cx, func) {
                continue;
            }
            let operators = cx.callers.by_language(func);
            let library = cx.callers.is_unseen(func)
                || !operators.iter().all(|owner| is_function(cx, *owner))
                || cx.callers.of(func).iter().any(|site| {
                    is_of_library(cx, func, site) && !self.starts.contains(&site.place)
                });
            if library {
                let name = cx.program.qualified_name(func);
                return Err(format!(
                    "`{name}` starts a task, and a library calls it, perhaps where no event loop runs"
                ));
            }
            work.extend(
                operators
                    .iter()
                    .copied()
                    .filter(|owner| seen.insert(*owner)),
            );
            for site in cx.callers.of(func) {
                if site.owner != FuncId::NONE && seen.insert(site.owner) {
                    work.push(site.owner);
                }
            }
        }
        Ok(out)
    }
}

/// Whether it is a function of the program, and no body of a module.
fn is_function(cx: &Context<'_>, func: FuncId) -> bool {
    func != FuncId::NONE && cx.program.function(func).kind != FunctionKind::Module
}

/// Whether a library makes the call. What constructs an object stands in the text, and its `__init__` is called by nobody.
fn is_of_library(cx: &Context<'_>, func: FuncId, site: &CallSite) -> bool {
    let mut sites = cx.callers.of(func).iter();
    site.owner == FuncId::NONE
        && !sites.any(|other| other.place == site.place && other.owner != FuncId::NONE)
}
