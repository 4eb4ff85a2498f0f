//! How colours spread: from what suspends, against the calls, to all that share a colour.

use std::collections::{BTreeSet, VecDeque};

use rustc_hash::{FxHashMap, FxHashSet};

use super::barrier::barrier;
use super::bridge::{part, sites};
use super::calls::{Calls, Link, read};
use super::{Cause, Colour, Facts, Question};
use crate::change::Place;
use crate::ir::{FuncId, FunctionKind};
use crate::program::{Callers, Program};

/// Finds the facts.
pub fn infer(program: &Program<'_>, callers: &Callers, question: &Question<'_>) -> Facts {
    let facts = question
        .bridges
        .then(|| coloured(program, callers, question, true));
    let facts = facts.flatten();
    facts.unwrap_or_else(|| {
        let facts = coloured(program, callers, question, false);
        facts.unwrap_or_else(|| no_facts(program))
    })
}

/// The colours, with bridges or without; none where bridges do not help.
fn coloured(
    program: &Program<'_>,
    callers: &Callers,
    question: &Question<'_>,
    bridges: bool,
) -> Option<Facts> {
    let calls = read(program, question);
    let mut inference = Inference {
        program,
        callers,
        facts: no_facts(program),
        calls,
        question,
        bridges,
        work: VecDeque::new(),
        known: FxHashSet::default(),
        barriers: FxHashMap::default(),
    };
    inference.start();
    inference.spread();
    inference.start_tests();
    inference.spread();
    inference.spawn();
    inference.spread();
    let Inference {
        mut facts, calls, ..
    } = inference;
    let behind = |colour: &Colour| matches!(colour, Colour::Behind(_));
    if facts.colours.iter().any(behind) && !part(program, callers, &calls, &mut facts) {
        return None;
    }
    facts.called = calls.called;
    Some(facts)
}

fn no_facts(program: &Program<'_>) -> Facts {
    let colours: Vec<Colour> = program
        .functions()
        .map(|func| {
            if program.function(func).is_async {
                Colour::Async
            } else {
                Colour::Sync
            }
        })
        .collect();
    Facts {
        causes: vec![Vec::new(); colours.len()],
        distance: vec![None; colours.len()],
        called: std::collections::BTreeMap::new(),
        colours,
    }
}

struct Inference<'i, 'p> {
    program: &'i Program<'p>,
    callers: &'i Callers,
    facts: Facts,
    calls: Calls,
    question: &'i Question<'i>,
    bridges: bool,
    work: VecDeque<FuncId>,
    /// The causes that were added.
    known: FxHashSet<(FuncId, Cause)>,
    /// Why functions can't become async, for those that were asked.
    barriers: FxHashMap<FuncId, Option<String>>,
}

impl Inference<'_, '_> {
    /// What suspends by itself.
    fn start(&mut self) {
        let question = self.question;
        let mut starts = Vec::new();
        for (owner, place, name) in &self.calls.apis {
            if question.asked(self.program, *owner, name) {
                starts.push((*owner, *place, name.clone()));
            }
        }
        for (owner, place, name) in starts {
            if !((question.immediate)(place) && self.stays_sync(owner)) {
                self.add(owner, Cause::Api { place, name }, 0);
            }
        }
    }

    /// Whether a function can't be async, or only with another way to make objects of its class.
    fn stays_sync(&mut self, func: FuncId) -> bool {
        let function = self.program.function(func);
        if function.is_async || function.kind == FunctionKind::Module {
            return false;
        }
        let is_constructor = function.class.is_some() && function.name() == "__init__";
        is_constructor || self.barrier(func).is_some()
    }

    /// What is tested and starts tasks, itself or by what it calls, while nothing else makes it async.
    fn start_tests(&mut self) {
        let question = self.question;
        let apis = std::mem::take(&mut self.calls.apis);
        let spawning = apis.into_iter().filter(|it| (question.spawns)(&it.2));
        let mut work: Vec<(FuncId, Place, String)> = spawning.collect();
        let mut seen = BTreeSet::new();
        while let Some((func, place, name)) = work.pop() {
            let is_sync = self.facts.colours[func.0 as usize] == Colour::Sync;
            if !is_sync || (question.outside)(func) || !seen.insert(func) {
                continue;
            }
            if (question.tested)(func) {
                self.add(func, Cause::Api { place, name }, 0);
                continue;
            }
            for link in self.calls.links.get(&func).into_iter().flatten() {
                let at = link.place.unwrap_or(place);
                work.push((link.caller, at, name.clone()));
            }
        }
    }

    /// What only runs as a task becomes async for it; what is called, too, or can't be async, can stay as it is.
    fn spawn(&mut self) {
        let outside = self.question.outside;
        for (func, (place, name)) in std::mem::take(&mut self.calls.spawned) {
            if outside(func) || outside(self.program.function_at(place)) {
                continue;
            }
            let index = func.0 as usize;
            let family = self.calls.families.get(&func).into_iter().flatten();
            let called = family.map(|(other, _)| *other).chain([func]).any(|func| {
                let mut sites = self.callers.of(func).iter();
                sites.any(|site| site.owner != FuncId::NONE)
            });
            // A lambda that waits for nothing is called as a task as it is.
            let is_lambda = self.program.function(func).kind == FunctionKind::Lambda;
            let free = !called && !is_lambda && self.barrier(func).is_none();
            if free && self.facts.colours[index] == Colour::Sync {
                self.add(func, Cause::Spawned { place, name }, 0);
            }
        }
    }

    fn spread(&mut self) {
        while let Some(func) = self.work.pop_front() {
            let index = func.0 as usize;
            let next = self.facts.distance[index].map_or(0, |distance| distance + 1);
            // What can't become async does not make its callers async.
            let ends = matches!(
                self.facts.colours[index],
                Colour::Unknown(_) | Colour::Enters(_)
            );
            if ends {
                continue;
            }
            let links = self.calls.links.get(&func).into_iter().flatten();
            let links: Vec<(FuncId, Option<Place>)> =
                links.map(|link| (link.caller, link.place)).collect();
            for (caller, place) in links {
                let callee = func;
                // A loop of a sync function never ran over what was async all along: it only seems to.
                let was_async = |func: FuncId| self.program.function(func).is_async;
                if place.is_none() && was_async(callee) && !was_async(caller) {
                    continue;
                }
                let cause = match place {
                    Some(place) => Cause::Call { place, callee },
                    None => Cause::Operation(callee),
                };
                self.add(caller, cause, next);
            }
            for (other, call) in self.relatives(func) {
                if other == func || self.program.function(other).is_async {
                    continue;
                }
                // Where an override was async all along, the program knows how to tell the others from it.
                if call.is_none() && self.program.function(func).is_async {
                    continue;
                }
                // What can't be async stays, and so does what others call alone; a call that reaches both asks.
                if (self.question.outside)(other) {
                    continue;
                }
                if self.barrier(other).is_some() || (call.is_some() && self.is_called_alone(other))
                {
                    continue;
                }
                let cause = match call {
                    Some(place) => Cause::Sibling { place, other: func },
                    None => Cause::Override(func),
                };
                self.add(other, cause, next);
            }
        }
    }

    /// The functions that share the colour of a function. Nobody awaits the call of a generator: what stands beside it
    /// and is none gives what is gone through at once or in its turn, and only hands the colour on to other generators.
    fn relatives(&self, func: FuncId) -> Vec<(FuncId, Option<Place>)> {
        let is_generator = |func: FuncId| self.program.function(func).is_generator;
        let mut out = Vec::new();
        let mut seen = BTreeSet::from([func]);
        let mut work = vec![func];
        while let Some(next) = work.pop() {
            for (other, call) in self.calls.families.get(&next).into_iter().flatten() {
                if is_generator(func) && !is_generator(*other) {
                    if seen.insert(*other) {
                        work.push(*other);
                    }
                } else {
                    out.push((*other, *call));
                }
            }
        }
        out
    }

    fn add(&mut self, func: FuncId, cause: Cause, distance: usize) {
        let index = func.0 as usize;
        if !self.known.insert((func, cause.clone())) {
            return;
        }
        self.facts.causes[index].push(cause);
        if self.facts.distance[index].is_some() {
            return;
        }
        self.facts.distance[index] = Some(distance);
        if self.facts.colours[index] == Colour::Sync {
            let enters = (self.question.enters)(func);
            let outside = (self.question.outside)(func);
            let barrier = self.barrier(func).map(str::to_owned);
            self.facts.colours[index] = match barrier {
                _ if outside => Colour::Outside(distance),
                _ if enters => Colour::Enters(distance),
                None => Colour::Becomes(distance),
                Some(_) if self.stays_behind(func) => Colour::Behind(distance),
                Some(reason) => Colour::Unknown(reason),
            };
        }
        self.work.push_back(func);
    }

    /// Whether bridges can stand where the function is called. Calls that a library makes while it is called are links, too.
    fn stays_behind(&mut self, func: FuncId) -> bool {
        if !self.bridges {
            return false;
        }
        let sites = sites(self.program, self.callers, &self.calls, func);
        for (caller, place) in sites.iter().flatten() {
            let links = self.calls.links.entry(func).or_default();
            let place = Some(*place);
            if !links
                .iter()
                .any(|link| link.place == place && link.caller == *caller)
            {
                links.push(Link {
                    caller: *caller,
                    place,
                });
            }
        }
        sites.is_some()
    }

    fn barrier(&mut self, func: FuncId) -> Option<&str> {
        if !self.barriers.contains_key(&func) {
            let barrier = self.find_barrier(func);
            self.barriers.insert(func, barrier);
        }
        self.barriers.get(&func)?.as_deref()
    }

    fn find_barrier(&self, func: FuncId) -> Option<String> {
        if let Some(reason) = barrier(self.program, self.callers, self.question, func) {
            return Some(reason);
        }
        // What is called and calls it in turn does not await it, but for what runs it as a task.
        let library = self.callers.of(func).iter().find(|site| {
            let direct = self.calls.known.contains(&(func, site.place));
            !direct && !self.calls.spawns.contains(&site.place)
        });
        let site = library?;
        let line = self.program.line(site.place);
        let path = &self.program.file(site.place.file).path;
        Some(format!(
            "what is called at line {line} of {path} calls it and does not await it"
        ))
    }

    /// Whether some call reaches this function and nothing else.
    fn is_called_alone(&self, func: FuncId) -> bool {
        self.callers.of(func).iter().any(|site| site.only)
    }
}
