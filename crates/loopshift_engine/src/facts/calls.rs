//! What the program runs where: calls that are written, and what the language runs by itself.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use super::Question;
use super::implicit::implicit;
use crate::change::Place;
use crate::flow::value::{CallId, Value};
use crate::flow::{MroEntry, Target};
use crate::graph::callees;
use crate::ir::{Call, CallForm, ClassId, FuncId, FunctionKind, Node, ProtocolKind};
use crate::program::Program;

/// What a written call runs, as far as it is of the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Called {
    /// The functions, those not among them that only make a generator.
    pub functions: BTreeSet<FuncId>,
    /// Whether it may be nothing else that is called.
    pub only: bool,
    /// In which form the call stands.
    pub is_decorator: bool,
}

/// A place from which the colour of a function goes on to another one.
pub(super) struct Link {
    /// Who runs the function.
    pub(super) caller: FuncId,
    /// By this call; by an operation of the language otherwise.
    pub(super) place: Option<Place>,
}

/// What the calls of the program say.
pub(super) struct Calls {
    /// Who runs each function.
    pub(super) links: BTreeMap<FuncId, Vec<Link>>,
    /// The external APIs that functions call, of those that say anything about colours.
    pub(super) apis: BTreeSet<(FuncId, Place, String)>,
    /// The functions that share a colour with each other one: by overriding, where no call is named, or because the
    /// same call may reach both.
    pub(super) families: BTreeMap<FuncId, BTreeSet<(FuncId, Option<Place>)>>,
    /// The functions that an API runs as tasks.
    pub(super) spawned: BTreeMap<FuncId, (Place, String)>,
    /// The calls of such APIs.
    pub(super) spawns: BTreeSet<Place>,
    /// What is called where something stands for it: by its name, by a `partial`, by an object that can be called, or by
    /// one of [`CALLERS`].
    pub(super) known: FxHashSet<(FuncId, Place)>,
    /// What each call runs, by who makes it.
    pub(super) called: BTreeMap<FuncId, BTreeMap<Place, Called>>,
}

/// Builtins that call a function at once, for each of some values, what tests that it raises, and what calls it at the end
/// of a block: they have a form that waits for it.
pub const CALLERS: &[&str] = &[
    "<builtin>.map",
    "<builtin>.filter",
    "<builtin>.iter",
    "<builtin>.sorted",
    "<builtin>.min",
    "<builtin>.max",
    "<builtin>.list.sort",
    "unittest.TestCase.assertRaises",
    "unittest.TestCase.assertRaisesRegex",
    "pytest.raises",
    LATER,
];

/// What keeps a function for the end of a block.
const LATER: &str = "contextlib.ExitStack.callback";

pub(super) fn read(program: &Program<'_>, question: &Question<'_>) -> Calls {
    let mut out = Calls {
        links: BTreeMap::new(),
        apis: BTreeSet::new(),
        families: overrides(program),
        spawned: BTreeMap::new(),
        spawns: BTreeSet::new(),
        known: FxHashSet::default(),
        called: BTreeMap::new(),
    };
    let made = made_calls(program);
    for (index, (file, call)) in program.calls().enumerate() {
        let range = call.range;
        let place = Place { file, range };
        let id = CallId(u32::try_from(index).unwrap_or(u32::MAX));
        let through = made.get(&id).map_or(&[][..], Vec::as_slice);
        out.read_call(program, question, call, place, through);
    }
    for (owner, target) in &program.flow.hidden {
        if let (Target::External(sym), true) = (target, *owner != FuncId::NONE) {
            let place = Place {
                file: program.function_file(*owner),
                range: program.function(*owner).range,
            };
            let name = program.flow.text(*sym);
            out.calls_api(program, question, *owner, place, name);
        }
    }
    for (owner, place, name) in implicit(program) {
        out.calls_api(program, question, owner, place, &name);
    }
    out.read_operations(program);
    out
}

/// The functions that written calls run without naming them, by the calls.
fn made_calls(program: &Program<'_>) -> FxHashMap<CallId, Vec<FuncId>> {
    let flow = &program.flow;
    let mut out: FxHashMap<CallId, Vec<FuncId>> = FxHashMap::default();
    for (offset, call) in program.hidden_calls().enumerate() {
        let index = program.calls().len() + offset;
        let written = flow.written(CallId(u32::try_from(index).unwrap_or(u32::MAX)));
        // What a library calls has no owner.
        if call.owner == FuncId::NONE || written.0 as usize >= program.calls().len() {
            continue;
        }
        let targets = program.callees(call).iter().copied();
        let functions = targets.filter_map(Target::function);
        out.entry(written).or_default().extend(functions);
    }
    out
}

impl Calls {
    fn read_call(
        &mut self,
        program: &Program<'_>,
        question: &Question<'_>,
        call: &Call,
        place: Place,
        through: &[FuncId],
    ) {
        let flow = &program.flow;
        let mut funcs = BTreeSet::new();
        let mut stands_for = false;
        let mut only = true;
        for value in flow.values_of(call.callee) {
            match value {
                Value::Partial(_) | Value::Instance(_) => stands_for = true,
                Value::External(sym) | Value::ExternalBound(sym, _)
                    if CALLERS.contains(&flow.text(sym)) =>
                {
                    // What is called at the end of a block is called by nobody in sight.
                    let is_later = flow.text(sym) == LATER;
                    let first = call.args.first().filter(|_| is_later);
                    let later = first.into_iter().flat_map(|arg| flow.values_of(arg.node));
                    let later = later.flat_map(|value| callees(flow, value));
                    let run = through.iter().copied();
                    for func in run.chain(later.filter_map(Target::function)) {
                        self.known.insert((func, place));
                        self.link(func, call.owner, Some(place));
                    }
                    only = false;
                }
                // `gen.send(…)` runs the generator.
                Value::ExternalBound(sym, receiver)
                    if flow
                        .text(sym)
                        .strip_prefix("<builtin>.generator.")
                        .is_some_and(|name| RUNNING.contains(&name)) =>
                {
                    if let Value::Generator(func) = flow.values.get(receiver) {
                        self.link(func, call.owner, Some(place));
                    }
                    only = false;
                }
                Value::Func(_)
                | Value::Bound(..)
                | Value::Static(_)
                | Value::ClassMethod(_)
                | Value::Class(_) => {}
                _ => only = false,
            }
        }
        for target in program.callees(call) {
            match *target {
                Target::External(sym) => {
                    let name = flow.text(sym);
                    if (question.awaits)(name) {
                        self.spawns.insert(place);
                    }
                    if (question.spawns)(name) {
                        self.spawned_by(place, name, &handed(program, name, call));
                    }
                    if call.owner != FuncId::NONE {
                        self.calls_api(program, question, call.owner, place, name);
                    }
                    // `iter(f, end)` calls `f` for each item.
                    if name == "<builtin>.iter" && call.args.len() == 2 {
                        for value in flow.values_of(call.args[0].node) {
                            if let Value::External(sym) | Value::ExternalBound(sym, _) = value {
                                let name = flow.text(sym);
                                self.calls_api(program, question, call.owner, place, name);
                            }
                        }
                    }
                }
                Target::Func(func) => {
                    funcs.insert(func);
                }
            }
        }
        if stands_for {
            funcs.extend(through.iter().copied());
        }
        self.known.extend(funcs.iter().map(|func| (*func, place)));
        // What makes a generator does not run it.
        let generators = funcs
            .iter()
            .any(|func| program.function(*func).is_generator);
        funcs.retain(|func| !program.function(*func).is_generator);
        for func in &funcs {
            // A coroutine that is made here and awaited elsewhere does not make its maker suspend.
            if call.form == CallForm::Awaited || !program.function(*func).is_async {
                self.link(*func, call.owner, Some(place));
            }
        }
        self.relate(program, &funcs, place);
        for (base, methods) in hooked(program, call) {
            if (question.spawns)(base) {
                self.spawned_by(place, base, &methods);
            }
        }
        if !funcs.is_empty() && call.owner != FuncId::NONE {
            let called = Called {
                functions: funcs,
                only: only && !generators,
                is_decorator: call.form == CallForm::Decorator,
            };
            let calls = self.called.entry(call.owner).or_default();
            calls.insert(place, called);
        }
    }

    /// What `for`, `with` and properties run.
    fn read_operations(&mut self, program: &Program<'_>) {
        for call in program.hidden_calls() {
            let is_operation = call.range.is_empty();
            let targets = program.callees(call).iter().copied();
            for func in targets.filter_map(Target::function) {
                if is_operation && !program.function(func).is_generator {
                    self.link(func, call.owner, None);
                }
            }
        }
        let flow = &program.flow;
        let mut yields: FxHashMap<Node, FuncId> = FxHashMap::default();
        for func in program.functions() {
            if program.function(func).is_generator {
                yields.insert(program.function(func).yields, func);
            }
        }
        for protocol in &flow.linked.protocols {
            let runs = matches!(
                protocol.kind,
                ProtocolKind::Iter | ProtocolKind::Delegate | ProtocolKind::Enter
            );
            if !runs || protocol.owner == FuncId::NONE {
                continue;
            }
            for value in flow.values_of(protocol.base) {
                let func = match value {
                    Value::Generator(func) => Some(func),
                    Value::Manager(node) => yields.get(&node).copied(),
                    _ => None,
                };
                if let Some(func) = func {
                    self.link(func, protocol.owner, None);
                }
            }
        }
    }

    /// Notes the call of an API, if that says anything about colours.
    fn calls_api(
        &mut self,
        program: &Program<'_>,
        question: &Question<'_>,
        owner: FuncId,
        place: Place,
        name: &str,
    ) {
        if owner == FuncId::NONE {
            return;
        }
        let suspends = question.asked(program, owner, name);
        if suspends || (question.spawns)(name) {
            self.apis.insert((owner, place, name.to_owned()));
        }
    }

    fn link(&mut self, func: FuncId, caller: FuncId, place: Option<Place>) {
        if caller != FuncId::NONE {
            let links = self.links.entry(func).or_default();
            links.push(Link { caller, place });
        }
    }

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

/// The methods of a generator that run it. It may not be one where something else is called of the name.
const RUNNING: &[&str] = &["__next__", "close", "send", "throw"];

/// The functions of ours that an external API gets to call.
fn handed(program: &Program<'_>, name: &str, call: &Call) -> BTreeSet<FuncId> {
    let mut out = BTreeSet::new();
    let Some(api) = program.flow.externals.api(name) else {
        return out;
    };
    for callback in &api.calls {
        for node in program.flow.argument(call, api, callback.param) {
            for value in program.flow.values_of(node) {
                out.extend(
                    callees(&program.flow, value)
                        .into_iter()
                        .filter_map(Target::function),
                );
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
        let bases = &flow.mro[class.0 as usize];
        for entry in bases {
            let MroEntry::External(base) = entry else {
                continue;
            };
            let base = flow.text(*base);
            let hooks = flow.externals.api(base).map_or(&[][..], |api| &api.hooks);
            if hooks.is_empty() {
                continue;
            }
            let methods = bases.iter().flat_map(|entry| match entry {
                MroEntry::Class(class) => program.methods(*class),
                MroEntry::External(_) => &[],
            });
            let methods: BTreeSet<FuncId> = methods
                .copied()
                .filter(|func| {
                    let name = program.function(*func).name();
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

/// The methods that override each other, by each of them.
fn overrides(program: &Program<'_>) -> BTreeMap<FuncId, BTreeSet<(FuncId, Option<Place>)>> {
    let mut methods: FxHashMap<ClassId, BTreeMap<&str, FuncId>> = FxHashMap::default();
    for func in program.functions() {
        let function = program.function(func);
        if let (Some(class), FunctionKind::Def) = (function.class, function.kind) {
            methods
                .entry(class)
                .or_default()
                .insert(function.name(), func);
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
    // Entering and leaving go together.
    for methods in methods.values() {
        if let (Some(enter), Some(exit)) = (methods.get("__enter__"), methods.get("__exit__")) {
            out.entry(*enter).or_default().insert((*exit, None));
            out.entry(*exit).or_default().insert((*enter, None));
        }
    }
    out
}
