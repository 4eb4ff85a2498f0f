//! Operations with a protocol behind them: iteration, `with`, `await`, subscripts, operators.

use loopshift_python::TextRange;

use super::external::Made;
use super::value::{Value, ValueId};
use super::{Constraint, Flow, Target};
use crate::externals::ApiType;
use crate::ir::{
    ClassId, ContainerId, ContainerKind, FuncId, Key, Node, Protocol, ProtocolKind, Reason, Sym,
};

impl Flow<'_> {
    pub(super) fn protocol(&mut self, index: u32, protocol: Protocol, id: ValueId) {
        let Protocol {
            kind,
            base: _,
            arg,
            to,
            owner,
            range: _,
        } = protocol;
        match kind {
            ProtocolKind::Iter => self.iterate(id, to, owner),
            ProtocolKind::AsyncIter => self.iterate_async(id, to, owner),
            ProtocolKind::Enter => self.enter(id, to, owner, "__enter__", "__exit__"),
            ProtocolKind::AsyncEnter => self.enter(id, to, owner, "__aenter__", "__aexit__"),
            ProtocolKind::Await => self.await_value(id, to, owner),
            ProtocolKind::Raise => self.raise(id, owner),
            ProtocolKind::Method(method) => self.operator(id, method, arg, to, owner),
            ProtocolKind::Binary(method, reflected) => {
                self.binary(index, id, method, reflected);
            }
            ProtocolKind::Truth => self.truth(id, owner),
            ProtocolKind::Text(form) => self.text_of(id, form, owner),
            ProtocolKind::Slice(lower, upper) => self.slice(id, lower, upper, to, owner),
            ProtocolKind::Match(place) => self.match_place(id, place, to, owner),
            ProtocolKind::Concat | ProtocolKind::Append => match self.values.get(id) {
                Value::Container(container) => {
                    self.shift(container);
                    self.add_id(to, id);
                }
                Value::Str(text) | Value::Start(text) if kind == ProtocolKind::Concat => {
                    self.add(to, Value::Start(text));
                }
                Value::Iterator(_) | Value::Generator(_) if kind == ProtocolKind::Append => {
                    let container = self.new_container(ContainerKind::List);
                    let elements = self.linked.containers[container.0 as usize].elements;
                    self.iterate(id, elements, owner);
                    self.add(to, Value::Container(container));
                }
                _ => {}
            },
            ProtocolKind::Merge => {
                for value in self.values_of(to).collect::<Vec<_>>() {
                    if let Value::Container(into) = value {
                        self.merge(into, self.values.get(id));
                    }
                }
            }
            ProtocolKind::Delegate => self.delegate(id, to, owner),
        }
    }

    /// What going through an instance gives, where its class says so.
    pub(super) fn iterate_own(&mut self, class: ClassId, to: Node, owner: FuncId) {
        let iter = self.defined_name("__iter__");
        if iter.is_some_and(|iter| self.class_attr(class, iter).is_ok()) {
            let id = self.values.id(Value::Instance(class));
            self.iterate(id, to, owner);
        }
    }

    pub(super) fn iterate(&mut self, id: ValueId, to: Node, owner: FuncId) {
        match self.values.get(id) {
            Value::Container(container) => self.iterate_container(container, to),
            Value::Generator(func) => {
                let yields = self.linked.functions[func.0 as usize].yields;
                self.edge(yields, to);
            }
            Value::Iterator(node) => self.edge(node, to),
            Value::Instance(class) => {
                if self.iterate_by(id, class, ProtocolKind::Iter, to, owner) {
                    // Its class says what it gives.
                } else if self.is_named_tuple(class) {
                    for (_, field) in self.tuple_fields(class) {
                        self.edge(field, to);
                    }
                } else if let Some(container) = self.held_by(class) {
                    self.iterate_container(container, to);
                } else if !self.call_method(id, class, "__getitem__", &[], to, owner) {
                    self.unknown(to, Reason::Opaque);
                }
            }
            Value::Class(class)
                if (self.metaclasses.get(&class).copied()).is_some_and(|meta| {
                    self.iterate_by(id, meta, ProtocolKind::Iter, to, owner)
                }) => {}
            Value::Class(class) => {
                // An enum: its members are its instances.
                self.add(to, Value::Instance(class));
            }
            Value::External(sym) if self.has_no_items(sym) => {}
            Value::Unknown(_) | Value::External(_) | Value::ExternalBound(..) => {
                self.unknown(to, Reason::Opaque);
            }
            Value::Object(ty, _) if !self.text(ty).starts_with("<builtin>.") => {
                self.next_of_object(id, ty, to);
            }
            _ => {}
        }
    }

    /// Goes through an object by the `__iter__` of its class, where it has one, and the `__next__` of what that gives; or by
    /// the async twins of both.
    fn iterate_by(
        &mut self,
        id: ValueId,
        class: ClassId,
        kind: ProtocolKind,
        to: Node,
        owner: FuncId,
    ) -> bool {
        let iterator = self.new_node();
        let method = match kind {
            ProtocolKind::AsyncIter => "__aiter__",
            _ => "__iter__",
        };
        if !self.call_method(id, class, method, &[], iterator, owner) {
            return false;
        }
        let index = u32::try_from(self.linked.protocols.len()).unwrap_or(u32::MAX);
        self.linked.protocols.push(Protocol {
            kind,
            base: iterator,
            arg: Node::NONE,
            to,
            owner,
            range: TextRange::default(),
        });
        self.constrain(iterator, Constraint::Next(index));
        true
    }

    /// Whether it is an exception, or a constant, of Python: what ends a stream of tuples is no tuple itself.
    pub(super) fn has_no_items(&self, sym: Sym) -> bool {
        let name = self.text(sym).strip_prefix("<builtin>.");
        name.is_some_and(|name| name.starts_with(char::is_uppercase))
    }

    /// What iterating over an object of a library gives.
    fn next_of_object(&mut self, id: ValueId, ty: Sym, to: Node) {
        let member = format!("{}.__next__", self.text(ty));
        let member = self.sym(&member);
        self.object_result(id, member, to);
    }

    fn iterate_container(&mut self, container: ContainerId, to: Node) {
        let Self { linked, .. } = self;
        let kind = linked.containers[container.0 as usize].kind;
        if kind == ContainerKind::Dict {
            let keys = linked.containers[container.0 as usize].keys;
            let known: Vec<Key> = linked.containers[container.0 as usize]
                .items
                .iter()
                .map(|(key, _)| *key)
                .collect();
            self.edge(keys, to);
            for key in known {
                match key {
                    Key::Str(sym) => self.add(to, Value::Str(sym)),
                    Key::Int(value) => self.add(to, Value::Int(value)),
                    Key::Any => {}
                }
            }
            return;
        }
        self.contents(container, to);
    }

    /// Everything in a container flows to a node.
    pub(super) fn contents(&mut self, container: ContainerId, to: Node) {
        let whole = self.whole(container);
        self.edge(whole, to);
    }

    /// The node of everything in a container: who reads all of many things goes through one.
    fn whole(&mut self, container: ContainerId) -> Node {
        if let Some(whole) = self.wholes.get(&container) {
            return *whole;
        }
        let whole = self.new_node();
        self.wholes.insert(container, whole);
        let contents: Vec<Node> =
            (self.linked.containers[container.0 as usize].contents()).collect();
        for node in contents {
            self.edge(node, whole);
        }
        whole
    }

    /// `__next__` of what `__iter__` returned.
    pub(super) fn next(&mut self, index: u32, id: ValueId) {
        let Protocol { to, owner, .. } = self.linked.protocols[index as usize];
        let asynchronous = self.linked.protocols[index as usize].kind == ProtocolKind::AsyncIter;
        match self.values.get(id) {
            Value::Instance(class) => {
                if asynchronous {
                    let awaitable = self.new_node();
                    if self.call_method(id, class, "__anext__", &[], awaitable, owner) {
                        self.add_protocol(ProtocolKind::Await, awaitable, to, FuncId::NONE);
                    }
                } else {
                    self.call_method(id, class, "__next__", &[], to, owner);
                }
            }
            Value::Generator(func) => {
                let yields = self.linked.functions[func.0 as usize].yields;
                self.edge(yields, to);
            }
            Value::Iterator(node) => self.edge(node, to),
            Value::Container(container) => self.iterate_container(container, to),
            Value::Object(ty, _) if !asynchronous => self.next_of_object(id, ty, to),
            Value::Coroutine(func) if asynchronous => {
                // `async def __aiter__` of old code.
                let ret = self.linked.functions[func.0 as usize].ret;
                self.constrain(ret, Constraint::Next(index));
            }
            Value::Unknown(_) => self.unknown(to, Reason::Opaque),
            _ => {}
        }
    }

    fn iterate_async(&mut self, id: ValueId, to: Node, owner: FuncId) {
        match self.values.get(id) {
            Value::Generator(func) => {
                let yields = self.linked.functions[func.0 as usize].yields;
                self.edge(yields, to);
            }
            Value::Iterator(node) => self.edge(node, to),
            Value::Instance(class) => {
                self.iterate_by(id, class, ProtocolKind::AsyncIter, to, owner);
            }
            Value::Object(ty, _) => {
                let member = format!("{}.__anext__", self.text(ty));
                let member = self.sym(&member);
                self.object_result(id, member, to);
            }
            _ => self.unknown(to, Reason::Opaque),
        }
    }

    fn enter(&mut self, id: ValueId, to: Node, owner: FuncId, enter: &str, exit: &str) {
        let asynchronous = enter == "__aenter__";
        match self.values.get(id) {
            Value::Instance(class) => {
                let result = if asynchronous { self.new_node() } else { to };
                let entered = self.call_method(id, class, enter, &[], result, owner);
                let scratch = Node::NONE;
                self.call_method(id, class, exit, &[], scratch, owner);
                if asynchronous {
                    self.add_protocol(ProtocolKind::Await, result, to, FuncId::NONE);
                }
                if !entered {
                    // An external base: most managers bind themselves.
                    self.add_id(to, id);
                }
            }
            Value::Manager(node) => self.edge(node, to),
            Value::Object(ty, _) => {
                let member = format!("{}.{enter}", self.text(ty));
                let member = self.sym(&member);
                if self.api(member).is_some() {
                    self.object_result(id, member, to);
                } else {
                    self.add_id(to, id);
                }
            }
            Value::External(_) | Value::ExternalBound(..) | Value::Unknown(_) => {
                self.unknown(to, Reason::Opaque);
            }
            _ => {}
        }
    }

    /// What the special method `member` of an object gives, awaited where it has to be.
    fn object_result(&mut self, id: ValueId, member: Sym, to: Node) {
        match self.api(member).and_then(|api| api.returns.as_ref()) {
            Some(ApiType::Awaitable(item)) => self.add_type(item, to, Made::member(Some(id))),
            Some(item) => self.add_type(item, to, Made::member(Some(id))),
            None => self.unknown(to, Reason::Opaque),
        }
    }

    fn await_value(&mut self, id: ValueId, to: Node, owner: FuncId) {
        match self.values.get(id) {
            Value::Coroutine(func) => {
                let ret = self.linked.functions[func.0 as usize].ret;
                self.edge(ret, to);
            }
            Value::Awaitable(node) => self.edge(node, to),
            Value::Object(..) => match self.holds.get(&id).and_then(|held| held.first().copied()) {
                Some(result) => self.edge(result, to),
                None => self.unknown(to, Reason::Opaque),
            },
            Value::Instance(class) => {
                let scratch = self.new_node();
                if self.call_method(id, class, "__await__", &[], scratch, owner) {
                    self.add_protocol(ProtocolKind::Delegate, scratch, to, FuncId::NONE);
                }
            }
            Value::Unknown(_) | Value::External(_) | Value::ExternalBound(..) => {
                self.unknown(to, Reason::Opaque);
            }
            _ => {}
        }
    }

    fn delegate(&mut self, id: ValueId, to: Node, owner: FuncId) {
        if owner != FuncId::NONE {
            let yields = self.linked.functions[owner.0 as usize].yields;
            match self.values.get(id) {
                Value::Generator(func) => {
                    let inner = self.linked.functions[func.0 as usize].yields;
                    self.edge(inner, yields);
                }
                _ => self.iterate(id, yields, owner),
            }
        }
        if let Value::Generator(func) = self.values.get(id) {
            let ret = self.linked.functions[func.0 as usize].ret;
            self.edge(ret, to);
        }
        if let Value::Coroutine(_) = self.values.get(id) {
            self.await_value(id, to, owner);
        }
    }

    /// `raise C`: the class is called. `raise C()`: the instance reaches the handlers.
    fn raise(&mut self, id: ValueId, owner: FuncId) {
        match self.values.get(id) {
            Value::Class(class) => {
                for func in self.constructors(class) {
                    self.note(owner, Target::Func(func));
                    self.called[func.0 as usize] = true;
                    let this = self.linked.functions[func.0 as usize].params.first();
                    let this = this.map_or(Node::NONE, |param| param.node);
                    self.add(this, Value::Instance(class));
                }
                self.raised(class);
            }
            Value::Instance(class) => self.raised(class),
            _ => {}
        }
    }
}
