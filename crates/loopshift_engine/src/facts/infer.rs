//! How colours spread: from what suspends, against the calls, to all that share a colour.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rustc_hash::FxHashMap;

use super::implicit::implicit;
use super::{Cause, Colour, Facts, Question, barrier};
use crate::change::Place;
use crate::flow::value::Value;
use crate::flow::{MroEntry, Target};
use crate::ir::{Call, CallForm, ClassId, FuncId, FunctionKind};
use crate::program::{Callers, Program};

/// Finds the facts.
pub fn infer(program: &Program<'_>, callers: &Callers, question: &Question<'_>) -> Facts {
    let calls = read_calls(program, question);
    let mut inference = Inference {
        program,
        callers,
        facts: no_facts(program),
        calls,
        work: VecDeque::new(),
    };
    inference.start(question);
    inference.spread();
    inference.spawn();
    inference.spread();
    inference.facts
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
        colours,
    }
}

/// A call that may carry the colour from a callee to its caller.
struct Link {
    caller: FuncId,
    place: Place,
    /// Whether it reaches functions of ours and nothing else.
    ours: bool,
}

/// What the calls of the program say.
struct Calls {
    /// The calls of each function.
    links: BTreeMap<FuncId, Vec<Link>>,
    /// The external APIs that functions call.
    apis: BTreeSet<(FuncId, Place, String)>,
    /// The functions that share a colour with each other one: by overriding, where no call is named, or because the
    /// same call may reach both.
    families: BTreeMap<FuncId, BTreeSet<(FuncId, Option<Place>)>>,
    /// The functions that an API runs as tasks.
    spawned: BTreeMap<FuncId, (Place, String)>,
    /// The calls of such APIs.
    spawns: BTreeSet<Place>,
    /// The calls that name the function they call; others are made by what is called there.
    direct: BTreeSet<(FuncId, Place)>,
}

fn read_calls(program: &Program<'_>, question: &Question<'_>) -> Calls {
    let mut out = Calls {
        links: BTreeMap::new(),
        apis: BTreeSet::new(),
        families: overrides(program),
        spawned: BTreeMap::new(),
        spawns: BTreeSet::new(),
        direct: BTreeSet::new(),
    };
    for (file, call) in program.calls() {
        let place = Place {
            file,
            range: call.range,
        };
        let mut funcs = BTreeSet::new();
        for target in program.callees(call) {
            match target {
                Target::External(sym) => {
                    let name = program.flow.text(sym);
                    let api = program.flow.externals.api(name);
                    if api.is_some_and(|api| api.awaits) {
                        out.spawns.insert(place);
                    }
                    if (question.spawns)(name) {
                        out.spawned_by(place, name, &handed(program, name, call));
                    }
                    if call.owner != FuncId::NONE {
                        out.apis.insert((call.owner, place, name.to_owned()));
                    }
                }
                // A coroutine that is made here and awaited elsewhere does not make its maker suspend.
                Target::Func(func) => {
                    funcs.insert(func);
                    out.direct.insert((func, place));
                    let waits = call.form == CallForm::Awaited || !program.function(func).is_async;
                    if waits && call.owner != FuncId::NONE {
                        out.links.entry(func).or_default().push(Link {
                            caller: call.owner,
                            place,
                            ours: only_ours(program, call),
                        });
                    }
                }
            }
        }
        out.relate(program, &funcs, place);
        for (base, methods) in hooked(program, call) {
            if (question.spawns)(base) {
                out.spawned_by(place, base, &methods);
            }
        }
    }
    for (owner, target) in &program.flow.hidden {
        if let (Target::External(sym), true) = (target, *owner != FuncId::NONE) {
            let place = Place {
                file: program.function_file(*owner),
                range: program.function(*owner).range,
            };
            let name = program.flow.text(*sym).to_owned();
            out.apis.insert((*owner, place, name));
        }
    }
    for (owner, place, name) in implicit(program) {
        out.apis.insert((owner, place, name));
    }
    out
}

impl Calls {
    fn spawned_by(&mut self, place: Place, name: &str, given: &BTreeSet<FuncId>) {
        self.spawns.insert(place);
        for func in given {
            let known = self.spawned.entry(*func);
            known.or_insert_with(|| (place, name.to_owned()));
        }
        self.share(given, place);
    }

    /// Functions that the same call may reach share a colour. Where one is async already the program knows how to
    /// tell them apart.
    fn relate(&mut self, program: &Program<'_>, funcs: &BTreeSet<FuncId>, place: Place) {
        if funcs.iter().all(|func| !program.function(*func).is_async) {
            self.share(funcs, place);
        }
    }

    fn share(&mut self, funcs: &BTreeSet<FuncId>, place: Place) {
        // A ring is enough for the colour to reach all.
        let next = funcs.iter().cycle().skip(1);
        for (func, other) in funcs.iter().zip(next).filter(|(a, b)| a != b) {
            for (a, b) in [(func, other), (other, func)] {
                let family = self.families.entry(*a).or_default();
                family.insert((*b, Some(place)));
            }
        }
    }
}

/// Whether all that the call may reach are functions of ours.
fn only_ours(program: &Program<'_>, call: &Call) -> bool {
    let values = program.flow.values_of(call.callee);
    let is_function = |value: Value| {
        matches!(
            value,
            Value::Func(_) | Value::Bound(..) | Value::Static(_) | Value::ClassMethod(_)
        )
    };
    values.into_iter().all(is_function)
        && program
            .callees(call)
            .iter()
            .all(|target| matches!(target, Target::Func(_)))
}

/// The functions of ours that an external API gets to call.
fn handed(program: &Program<'_>, name: &str, call: &Call) -> BTreeSet<FuncId> {
    let mut out = BTreeSet::new();
    let Some(api) = program.flow.externals.api(name) else {
        return out;
    };
    for callback in &api.calls {
        for node in program.flow.argument(call, api, callback.param) {
            for value in program.flow.values_of(node) {
                for target in crate::graph::callees(&program.flow, value) {
                    if let Target::Func(func) = target {
                        out.insert(func);
                    }
                }
            }
        }
    }
    out
}

/// The methods of a class that is called which its external bases call, by base.
fn hooked<'p>(program: &'p Program<'_>, call: &Call) -> Vec<(&'p str, BTreeSet<FuncId>)> {
    let flow = &program.flow;
    let mut out = Vec::new();
    for value in flow.values_of(call.callee) {
        let Value::Class(class) = value else { continue };
        for entry in &flow.mro[class.0 as usize] {
            let MroEntry::External(base) = entry else {
                continue;
            };
            let base = flow.text(*base);
            let hooks = flow.externals.api(base).map_or(&[][..], |api| &api.hooks);
            let methods = flow.mro[class.0 as usize]
                .iter()
                .flat_map(|entry| match entry {
                    MroEntry::Class(class) => program.methods(*class),
                    MroEntry::External(_) => Vec::new(),
                });
            let methods: BTreeSet<FuncId> = methods
                .filter(|func| {
                    let name = super::barrier::last_name(program.function(*func));
                    hooks.iter().any(|hook| hook.method == name)
                })
                .collect();
            if !methods.is_empty() {
                out.push((base, methods));
            }
        }
    }
    out
}

struct Inference<'i, 'p> {
    program: &'i Program<'p>,
    callers: &'i Callers,
    facts: Facts,
    calls: Calls,
    work: VecDeque<FuncId>,
}

impl Inference<'_, '_> {
    /// What suspends by itself.
    fn start(&mut self, question: &Question<'_>) {
        for (owner, place, name) in std::mem::take(&mut self.calls.apis) {
            let asked = if self.program.function(owner).is_async {
                (question.suspends)(&name)
            } else {
                (question.converts)(&name)
            };
            if asked {
                self.add(owner, Cause::Api { place, name }, 0);
            }
        }
    }

    /// What only runs as a task becomes async for it; what is called, too, or can't be async, can stay as it is.
    fn spawn(&mut self) {
        for (func, (place, name)) in std::mem::take(&mut self.calls.spawned) {
            let index = func.0 as usize;
            let family = self.calls.families.get(&func).into_iter().flatten();
            let called = family.map(|(other, _)| *other).chain([func]).any(|func| {
                let mut sites = self.callers.of(func).iter();
                sites.any(|site| site.owner != FuncId::NONE)
            });
            let free = !called && self.barrier(func).is_none();
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
            if matches!(self.facts.colours[index], Colour::Unknown(_)) {
                continue;
            }
            let links = self.calls.links.get(&func).into_iter().flatten();
            let links: Vec<(FuncId, Place, bool)> = links
                .map(|link| (link.caller, link.place, link.ours))
                .collect();
            for (caller, place, ours) in links {
                if !ours && !self.program.function(caller).is_async {
                    self.block(caller, "a call in it may reach something else, too");
                }
                let cause = Cause::Call {
                    place,
                    callee: func,
                };
                self.add(caller, cause, next);
            }
            let family = self.calls.families.get(&func).into_iter().flatten();
            let family: Vec<(FuncId, Option<Place>)> = family.copied().collect();
            for (other, call) in family {
                if other == func || self.program.function(other).is_async {
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

    fn add(&mut self, func: FuncId, cause: Cause, distance: usize) {
        let index = func.0 as usize;
        if self.facts.causes[index].contains(&cause) {
            return;
        }
        self.facts.causes[index].push(cause);
        if self.facts.distance[index].is_some() {
            return;
        }
        self.facts.distance[index] = Some(distance);
        if self.facts.colours[index] == Colour::Sync {
            self.facts.colours[index] = match self.barrier(func) {
                Some(reason) => Colour::Unknown(reason),
                None => Colour::Becomes(distance),
            };
        }
        self.work.push_back(func);
    }

    fn barrier(&self, func: FuncId) -> Option<String> {
        if let Some(reason) = barrier(self.program, self.callers, func) {
            return Some(reason);
        }
        // What is called and calls it in turn does not await it, but for what runs it as a task.
        let library = self.callers.of(func).iter().find(|site| {
            let direct = self.calls.direct.contains(&(func, site.place));
            !direct && !self.calls.spawns.contains(&site.place)
        });
        let site = library?;
        let line = self.program.line(site.place);
        let path = &self.program.file(site.place.file).path;
        Some(format!(
            "what is called at line {line} of {path} calls it and does not await it"
        ))
    }

    fn block(&mut self, func: FuncId, reason: &str) {
        let colour = &mut self.facts.colours[func.0 as usize];
        if *colour == Colour::Sync {
            *colour = Colour::Unknown(reason.to_owned());
        }
    }
}

/// The methods that override each other, by each of them.
fn overrides(program: &Program<'_>) -> BTreeMap<FuncId, BTreeSet<(FuncId, Option<Place>)>> {
    let mut methods: FxHashMap<ClassId, BTreeMap<&str, FuncId>> = FxHashMap::default();
    for func in program.functions() {
        let function = program.function(func);
        if let (Some(class), FunctionKind::Def) = (function.class, function.kind) {
            methods
                .entry(class)
                .or_default()
                .insert(super::barrier::last_name(function), func);
        }
    }
    let mut out: BTreeMap<FuncId, BTreeSet<(FuncId, Option<Place>)>> = BTreeMap::new();
    for (index, entries) in program.flow.mro.iter().enumerate() {
        let own = ClassId(u32::try_from(index).unwrap_or(u32::MAX));
        for entry in entries {
            let MroEntry::Class(base) = entry else {
                continue;
            };
            let (Some(above), Some(below)) = (methods.get(base), methods.get(&own)) else {
                continue;
            };
            if *base == own {
                continue;
            }
            for (name, func) in above {
                if let Some(over) = below.get(name) {
                    out.entry(*func).or_default().insert((*over, None));
                    out.entry(*over).or_default().insert((*func, None));
                }
            }
        }
    }
    out
}
