//! Facts about functions: their colour, and the calls that cause it.
//!
//! A function is async when it is written so, when it calls what the target awaits, or when it calls an async
//! function of ours; all overrides of a method share a colour. The causes spread against the calls, nearest first,
//! until nothing changes: on a cycle of calls too, each function keeps the shortest way down to a suspension.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rustc_hash::FxHashMap;

use crate::change::Place;
use crate::flow::value::Value;
use crate::flow::{MroEntry, Target};
use crate::ir::{CallForm, ClassId, FuncId, Function, FunctionKind};
use crate::program::{Callers, Program};

/// The colour of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Colour {
    /// It does not suspend.
    Sync,
    /// It is written `async def`.
    Async,
    /// It must become `async def`, so many calls away from what causes it.
    Becomes(usize),
    /// Something in it asks for `async`, and it can't be that, or it can't be known.
    Unknown(String),
}

/// Why a function suspends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// It calls an external API that suspends.
    Api {
        /// The call; the function where the call stands in no text (`async with`).
        place: Place,
        /// The API.
        name: String,
    },
    /// It calls a function of ours that suspends.
    Call {
        /// The call.
        place: Place,
        /// The function.
        callee: FuncId,
    },
    /// A method that it overrides, or that overrides it, is async.
    Override(FuncId),
}

/// What is asked.
pub struct Question<'q> {
    /// Whether awaiting the external API may switch to other tasks.
    pub suspends: &'q (dyn Fn(&str) -> bool + Sync),
    /// Whether a call of the external API, in a function that is sync now, is awaited in the target.
    pub converts: &'q (dyn Fn(&str) -> bool + Sync),
}

/// The facts about all functions of a program.
#[derive(Debug)]
pub struct Facts {
    colours: Vec<Colour>,
    causes: Vec<Vec<Cause>>,
    /// The calls from each function down to a suspension.
    distance: Vec<Option<usize>>,
}

/// A call that may carry the colour from a callee to its caller.
struct Link {
    caller: FuncId,
    place: Place,
    only: bool,
}

/// Finds the facts.
pub fn infer(program: &Program<'_>, callers: &Callers, question: &Question<'_>) -> Facts {
    let count = program.functions().count();
    let mut facts = Facts {
        colours: program
            .functions()
            .map(|func| {
                if program.function(func).is_async {
                    Colour::Async
                } else {
                    Colour::Sync
                }
            })
            .collect(),
        causes: vec![Vec::new(); count],
        distance: vec![None; count],
    };
    let mut links: BTreeMap<FuncId, Vec<Link>> = BTreeMap::new();
    let mut found: BTreeSet<(FuncId, Place, String)> = BTreeSet::new();
    for (file, call) in program.calls() {
        if call.owner == FuncId::NONE {
            continue;
        }
        let place = Place {
            file,
            range: call.range,
        };
        let callees = program.callees(call);
        let only = callees.len() == 1 && program.flow.set(call.callee).len() == 1;
        for target in callees {
            match target {
                Target::External(sym) => {
                    found.insert((call.owner, place, program.flow.text(sym).to_owned()));
                }
                // A coroutine that is made here and awaited elsewhere does not make its maker suspend.
                Target::Func(func) => {
                    let waits = call.form == CallForm::Awaited || !is_async(program, func);
                    if waits {
                        links.entry(func).or_default().push(Link {
                            caller: call.owner,
                            place,
                            only,
                        });
                    }
                }
            }
        }
    }
    for (owner, target) in &program.flow.hidden {
        if let (Target::External(sym), true) = (target, *owner != FuncId::NONE) {
            let place = definition(program, *owner);
            found.insert((*owner, place, program.flow.text(*sym).to_owned()));
        }
    }
    let mut work: VecDeque<FuncId> = VecDeque::new();
    for (owner, place, name) in found {
        let asked = if is_async(program, owner) {
            (question.suspends)(&name)
        } else {
            (question.converts)(&name)
        };
        if asked {
            facts.add(
                program,
                callers,
                owner,
                Cause::Api { place, name },
                0,
                &mut work,
            );
        }
    }
    let families = families(program);
    while let Some(func) = work.pop_front() {
        let next = facts.distance[func.0 as usize].map_or(0, |distance| distance + 1);
        // What can't become async does not make its callers async.
        if matches!(facts.colours[func.0 as usize], Colour::Unknown(_)) {
            continue;
        }
        for link in links.get(&func).into_iter().flatten() {
            let cause = Cause::Call {
                place: link.place,
                callee: func,
            };
            if !link.only && !is_async(program, link.caller) {
                facts.block(link.caller, "a call in it may reach something else, too");
            }
            facts.add(program, callers, link.caller, cause, next, &mut work);
        }
        for other in families.get(&func).into_iter().flatten() {
            if *other != func && !is_async(program, *other) {
                facts.add(
                    program,
                    callers,
                    *other,
                    Cause::Override(func),
                    next,
                    &mut work,
                );
            }
        }
    }
    facts
}

impl Facts {
    fn add(
        &mut self,
        program: &Program<'_>,
        callers: &Callers,
        func: FuncId,
        cause: Cause,
        distance: usize,
        work: &mut VecDeque<FuncId>,
    ) {
        let index = func.0 as usize;
        if self.causes[index].contains(&cause) {
            return;
        }
        self.causes[index].push(cause);
        if self.distance[index].is_some() {
            return;
        }
        self.distance[index] = Some(distance);
        if self.colours[index] == Colour::Sync {
            self.colours[index] = match barrier(program, callers, func) {
                Some(reason) => Colour::Unknown(reason),
                None => Colour::Becomes(distance),
            };
        }
        work.push_back(func);
    }

    fn block(&mut self, func: FuncId, reason: &str) {
        let colour = &mut self.colours[func.0 as usize];
        if *colour == Colour::Sync {
            *colour = Colour::Unknown(reason.to_owned());
        }
    }

    /// The colour of a function.
    pub fn colour(&self, func: FuncId) -> &Colour {
        &self.colours[func.0 as usize]
    }

    /// All causes of a function's colour, nearest first.
    pub fn causes(&self, func: FuncId) -> &[Cause] {
        &self.causes[func.0 as usize]
    }

    /// The way from a function down to a suspension: each step with the function it is in. Empty where nothing that
    /// suspends is known.
    pub fn chain(&self, func: FuncId) -> Vec<(FuncId, &Cause)> {
        let mut out = Vec::new();
        let mut at = func;
        // Each step is nearer to the suspension, so this ends.
        while let Some(cause) = self.nearest(at) {
            out.push((at, cause));
            match cause {
                Cause::Api { .. } => break,
                Cause::Call { callee, .. } | Cause::Override(callee) => at = *callee,
            }
        }
        out
    }

    fn nearest(&self, func: FuncId) -> Option<&Cause> {
        let own = self.distance[func.0 as usize]?;
        self.causes[func.0 as usize]
            .iter()
            .find(|cause| match cause {
                Cause::Api { .. } => own == 0,
                Cause::Call { callee, .. } | Cause::Override(callee) => {
                    self.distance[callee.0 as usize].is_some_and(|distance| distance < own)
                }
            })
    }
}

fn is_async(program: &Program<'_>, func: FuncId) -> bool {
    program.function(func).is_async
}

fn definition(program: &Program<'_>, func: FuncId) -> Place {
    Place {
        file: program.function_file(func),
        range: program.function(func).range,
    }
}

/// Why a function can't become `async def`; `None` where it can.
pub fn barrier(program: &Program<'_>, callers: &Callers, func: FuncId) -> Option<String> {
    let function = program.function(func);
    match function.kind {
        FunctionKind::Module => return Some("it is the body of a module".to_owned()),
        FunctionKind::Lambda => return Some("it is a lambda".to_owned()),
        FunctionKind::Def => {}
    }
    let name = last_name(function);
    if function.class.is_some()
        && name.starts_with("__")
        && name.ends_with("__")
        && name != "__call__"
    {
        return Some(format!(
            "the language calls `{name}`, and does not await it"
        ));
    }
    if function.is_generator {
        return Some("it is a generator".to_owned());
    }
    if function.decorated && is_property(program, function) {
        return Some("it is a property".to_owned());
    }
    if callers.is_handed_over(func) {
        return Some("code that can't be seen calls it".to_owned());
    }
    None
}

/// Whether the name of a method is that of a property in its class.
fn is_property(program: &Program<'_>, function: &Function) -> bool {
    let Some(class) = function.class else {
        return false;
    };
    let (_, class) = program.class(class);
    let name = last_name(function);
    class.attrs.iter().any(|(attr, node)| {
        program.flow.text(*attr) == name
            && program
                .flow
                .values_of(*node)
                .any(|value| matches!(value, Value::Property(..)))
    })
}

fn last_name(function: &Function) -> &str {
    function.qualname.rsplit('.').next().unwrap_or_default()
}

/// The methods that override each other, by each of them.
fn families(program: &Program<'_>) -> BTreeMap<FuncId, BTreeSet<FuncId>> {
    let mut methods: FxHashMap<ClassId, BTreeMap<&str, FuncId>> = FxHashMap::default();
    for func in program.functions() {
        let function = program.function(func);
        if let (Some(class), FunctionKind::Def) = (function.class, function.kind) {
            methods
                .entry(class)
                .or_default()
                .insert(last_name(function), func);
        }
    }
    let mut out: BTreeMap<FuncId, BTreeSet<FuncId>> = BTreeMap::new();
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
                    out.entry(*func).or_default().insert(*over);
                    out.entry(*over).or_default().insert(*func);
                }
            }
        }
    }
    out
}
