//! Who calls each function, as far as the program shows it.

use std::collections::BTreeMap;

use crate::change::Place;
use crate::facts::CALLERS;
use crate::flow::library::passes_on;
use crate::flow::value::{CallId, Value};
use crate::flow::{Flow, Target};
use crate::ir::{ArgKind, Call, FuncId};
use crate::program::Program;

mod handed;
mod lost;
mod mirrors;
mod named;

use handed::{Handed, Held};
pub(crate) use handed::{is_container, is_error, is_of_container};
use named::called_by_name;
pub use named::{ByName, imports_by_name, strings_given};

/// Who calls whom, from the side of the callee.
#[derive(Debug, Default)]
pub struct Callers {
    by_function: Vec<Vec<CallSite>>,
    unseen: Vec<bool>,
    /// The functions that were handed to a library which is known to call them, and with what.
    called_back: Vec<bool>,
    /// The functions in which the language calls each, as `with` calls `__enter__`.
    language: Vec<Vec<FuncId>>,
    /// The functions that the program may call in ways that are not followed, with the reasons.
    unfollowed: BTreeMap<FuncId, String>,
}

/// A call of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallSite {
    /// The call expression; for a callback the call of the library that was given the function.
    pub place: Place,
    /// Who calls; [`FuncId::NONE`] for a library.
    pub owner: FuncId,
    /// Whether the function is the only thing that this call may reach.
    pub only: bool,
}

impl Callers {
    pub(crate) fn new(program: &Program<'_>) -> Self {
        let flow = &program.flow;
        let count = flow.linked.functions.len();
        let mut by_function: Vec<Vec<CallSite>> = vec![Vec::new(); count];
        let mut unseen = vec![false; count];
        let mut called_back = vec![false; count];
        let mut language: Vec<Vec<FuncId>> = vec![Vec::new(); count];
        let mut handed = Handed::default();
        let mut held = Held::default();
        let symbols = &flow.linked.symbols;
        let dispatches = ["singledispatch", "singledispatchmethod"]
            .iter()
            .any(|name| symbols.find(name).is_some());
        for (index, call) in flow.linked.calls.iter().enumerate() {
            let targets = program.callees(call);
            let index = CallId(u32::try_from(index).unwrap_or(u32::MAX));
            let written = flow.written(index).0 as usize;
            let Some(file) = flow.linked.call_files.get(written) else {
                for target in targets {
                    let Target::Func(func) = target else {
                        continue;
                    };
                    if call.owner == FuncId::NONE {
                        unseen[func.0 as usize] = true;
                    } else {
                        language[func.0 as usize].push(call.owner);
                    }
                }
                continue;
            };
            let place = Place {
                file: *file,
                range: call.range,
            };
            for target in targets {
                if let Target::Func(func) = target {
                    // A method that several classes inherit is one function.
                    let is_it = |value: Value| value.function() == Some(*func);
                    by_function[func.0 as usize].push(CallSite {
                        place,
                        owner: call.owner,
                        only: targets.len() == 1
                            && (flow.set(call.callee).len() == 1
                                || flow.values_of(call.callee).all(is_it)),
                    });
                }
            }
            let asks_for_names = |target: &Target| match target {
                Target::External(sym) => flow.text(*sym) == "<builtin>.globals",
                Target::Func(_) => false,
            };
            if targets.iter().any(asks_for_names) {
                handed.files.insert(*file);
            }
            // What is handed to code we cannot see may be called by it.
            let opaque = flow.values_of(call.callee).any(|value| match value {
                Value::Unknown(_) => true,
                // What is kept in a container that a class of the program derives from is not followed.
                Value::ExternalBound(sym, object) if is_of_container(flow.text(sym)) => {
                    matches!(
                        flow.values.get(object),
                        Value::Instance(_) | Value::Super(..)
                    )
                }
                Value::Class(class) => is_container(flow, class),
                Value::ExternalBound(sym, object) if flow.is_kept(sym, object) => false,
                Value::External(sym) | Value::ExternalBound(sym, _) => {
                    let name = flow.text(sym);
                    // A partial is followed as a value of its own.
                    !name.starts_with("<builtin>.")
                        && !passes_on(name)
                        && !CALLERS.contains(&name)
                        && flow.externals.collected(name).is_none()
                        && flow.externals.api(name).is_none_or(|api| api.escapes)
                }
                // Its fields are followed.
                Value::Object(sym, _) => flow.text(sym) != "collections.namedtuple()",
                _ => false,
            });
            // `@f.register` of `functools.singledispatch`.
            let unknown = dispatches && flow.set(call.callee).is_empty();
            if opaque || unknown {
                for (place, arg) in call.args.iter().enumerate() {
                    let calls_back = calls_back(flow, call, place);
                    // A queue takes along what was put into it.
                    let queues = flow.set(arg.node).iter();
                    let kept = queues.filter_map(|queue| flow.kept_in(*queue));
                    let nodes = [arg.node].into_iter().chain(kept);
                    for value in nodes.flat_map(|node| flow.values_of(node)) {
                        if let Some(func) = value.function() {
                            let list = if calls_back {
                                &mut called_back
                            } else {
                                &mut unseen
                            };
                            list[func.0 as usize] = true;
                        }
                        if let Value::Container(container) = value {
                            held.within(flow, container);
                        }
                        if let Value::Class(class) | Value::Instance(class) = value {
                            handed.classes.insert(class);
                        }
                    }
                }
            }
        }
        // So may what is kept on an object that we cannot see: `context.obj = Runner()`.
        for store in &flow.linked.stores {
            let is_foreign = |value| match value {
                Value::Unknown(_) => true,
                Value::External(sym) | Value::Object(sym, _) => {
                    flow.externals.api(flow.text(sym)).is_none()
                }
                _ => false,
            };
            if !flow.values_of(store.base).any(is_foreign) {
                continue;
            }
            for value in flow.values_of(store.from) {
                match value {
                    Value::Func(func) | Value::Bound(func, _) => unseen[func.0 as usize] = true,
                    Value::Class(class) | Value::Instance(class) => {
                        handed.classes.insert(class);
                    }
                    _ => {}
                }
            }
        }
        // So may what is put into one.
        for subscript in flow.linked.subscripts.iter().filter(|it| it.store) {
            let is_lost = |value| match value {
                Value::Instance(class) => is_container(flow, class),
                Value::Unknown(_) => true,
                Value::Object(sym, _) => is_of_container(flow.text(sym)),
                _ => false,
            };
            if !flow.values_of(subscript.base).any(is_lost) {
                continue;
            }
            for value in flow.values_of(subscript.value) {
                match value {
                    Value::Func(func) | Value::Bound(func, _) => unseen[func.0 as usize] = true,
                    Value::Container(container) => held.within(flow, container),
                    _ => {}
                }
            }
        }
        let (mut unfollowed, mut lost) = mirrors::mirrored(program);
        lost.extend(held.classes);
        lost.extend(&handed.classes);
        lost::methods(program, &lost, &mut unfollowed);
        for func in held.functions {
            unseen[func.0 as usize] = true;
        }
        for func in called_by_name(program) {
            unseen[func.0 as usize] = true;
        }
        let by_name = ByName::new(program);
        handed.classes.extend(by_name.classes);
        handed.files.extend(by_name.files);
        for func in by_name.functions {
            unseen[func.0 as usize] = true;
        }
        for func in handed.functions(program) {
            // Where calls are seen, these are taken for all there are.
            if by_function[func.0 as usize].is_empty() && language[func.0 as usize].is_empty() {
                unseen[func.0 as usize] = true;
            }
        }
        for sites in &mut by_function {
            sites.sort_unstable();
            sites.dedup();
        }
        for owners in &mut language {
            owners.sort_unstable();
            owners.dedup();
        }
        Callers {
            by_function,
            unseen,
            called_back,
            language,
            unfollowed,
        }
    }

    /// The calls that may reach the function.
    pub fn of(&self, func: FuncId) -> &[CallSite] {
        &self.by_function[func.0 as usize]
    }

    /// Whether code that we cannot see may call the function, too, because it was handed to it, or the language does.
    pub fn is_handed_over(&self, func: FuncId) -> bool {
        self.is_unseen(func) || !self.by_language(func).is_empty()
    }

    /// Why the program may call the function in a way that is not followed.
    pub fn unfollowed(&self, func: FuncId) -> Option<&str> {
        self.unfollowed.get(&func).map(String::as_str)
    }

    /// Whether code that we cannot see may call the function because it was handed to it.
    pub fn is_unseen(&self, func: FuncId) -> bool {
        let index = func.0 as usize;
        self.unseen[index] || self.called_back[index] || self.unfollowed.contains_key(&func)
    }

    /// Whether code that we cannot see may call the function, and not only a library that is known to call it: those calls are
    /// among [`Callers::of`], without an owner.
    pub fn is_lost(&self, func: FuncId) -> bool {
        let by_library = |site: &CallSite| site.owner == FuncId::NONE;
        self.unseen[func.0 as usize]
            || self.unfollowed.contains_key(&func)
            || !self.by_language(func).is_empty()
            || self.called_back[func.0 as usize] && !self.of(func).iter().any(by_library)
    }

    /// The functions in which the language calls this one: by `with`, `for`, an operator, a property.
    pub fn by_language(&self, func: FuncId) -> &[FuncId] {
        &self.language[func.0 as usize]
    }
}

/// Whether a call is one of a library that is known to call what it is given at this place.
fn calls_back(flow: &Flow<'_>, call: &Call, place: usize) -> bool {
    let in_order = call.args.iter().take(place + 1);
    let mut callees = flow.values_of(call.callee);
    in_order
        .map(|arg| arg.kind)
        .all(|kind| kind == ArgKind::Positional)
        && callees.all(|callee| match callee {
            Value::External(sym) => {
                let api = flow.externals.api(flow.text(sym));
                api.is_some_and(|api| api.calls.iter().any(|it| it.param == place))
            }
            _ => false,
        })
}
