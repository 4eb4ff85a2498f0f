//! `functools.singledispatch`: functions that others are registered with, for other classes of their first argument.

use super::Flow;
use super::builtin::args;
use super::given::Given;
use super::value::{Value, ValueId};
use super::{Constraint, FieldOwner};
use crate::ir::{ArgKind, FuncId, Node, Sym};

/// What registers a function, as a member of the one it is registered with.
pub(super) const REGISTER: &str = "functools.singledispatch().register";

impl Flow<'_> {
    /// The node of all that is registered with a function.
    fn registered(&mut self, func: FuncId) -> Node {
        let name = self.sym(REGISTER);
        self.field(FieldOwner::Func(func), name)
    }

    /// A function is made one that others are registered with.
    pub(super) fn open_dispatch(&mut self, value: Value) {
        if let Value::Func(func) = value {
            self.dispatching.insert(func);
        }
    }

    /// `area.register` of such a function.
    pub(super) fn load_register(&mut self, func: FuncId, base: ValueId, attr: Sym, to: Node) {
        if self.dispatching.contains(&func) && self.text(attr) == "register" {
            let sym = self.sym(REGISTER);
            self.add(to, Value::ExternalBound(sym, base));
        }
    }

    /// `area.register(f)`, `area.register(Square)(f)`, `area.register(Square, f)`.
    pub(super) fn register(&mut self, index: u32) {
        for node in args(self, index).positional {
            self.wait(Given::Registered, index, node);
        }
    }

    /// What is given to it has come up: a function is registered, a class says for what the next one is.
    pub(super) fn register_value(&mut self, index: u32, given: ValueId, result: Node) {
        let callee = self.linked.calls[index as usize].callee;
        for registrar in self.set(callee).to_vec() {
            let Value::ExternalBound(sym, base) = self.values.get(registrar) else {
                continue;
            };
            let Value::Func(func) = self.values.get(base) else {
                continue;
            };
            if self.text(sym) != REGISTER {
                continue;
            }
            if let Value::Func(_) = self.values.get(given) {
                let all = self.registered(func);
                self.add_id(all, given);
                self.add_id(result, given);
            } else {
                self.add_id(result, registrar);
            }
        }
    }

    /// A call of such a function may be one of those that are registered with it.
    pub(super) fn dispatch(&mut self, index: u32, callee: ValueId) {
        let (func, receiver) = match self.values.get(callee) {
            Value::Func(func) => (func, None),
            Value::Bound(func, receiver) => (func, Some(receiver)),
            _ => return,
        };
        if !self.dispatching.contains(&func) || !self.done.insert((index, callee)) {
            return;
        }
        let mut all = self.registered(func);
        if let Some(receiver) = receiver {
            let bound = self.new_node();
            self.constrain(all, Constraint::Bind(receiver, bound, FuncId::NONE));
            all = bound;
        }
        let call = &self.linked.calls[index as usize];
        if call.args.iter().all(|arg| arg.kind == ArgKind::DoubleStar) {
            return;
        }
        let (args, result, owner) = (call.args.clone(), call.result, call.owner);
        self.make_call(index, all, args, result, owner);
    }
}
