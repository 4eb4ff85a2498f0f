//! The fixpoint: stages, the work list, and the sources of values.

use rustc_hash::{FxHashMap, FxHashSet};

use super::annotated::Annotated;
use super::constraints::{Dynamic, Static};
use super::sets::{Names, Sets};
use super::special::Special;
use super::value::{CallId, Value, ValueId, Values};
use super::{Constraint, Flow, Target};
use crate::externals::Externals;
use crate::ir::{ClassId, Constant, FuncId, FunctionKind, Key, Node, ParamKind, Reason, Sym};
use crate::link::Linked;

/// Hidden calls, by caller.
pub type Hidden = FxHashSet<(FuncId, Target)>;

/// Finds the values of all nodes.
pub fn solve(mut linked: Linked, externals: &dyn Externals) -> Flow<'_> {
    let nodes = linked.nodes;
    let constraints = Static::new(&linked);
    linked.copies = Vec::new();
    let written_calls = linked.calls.len();
    let functions = linked.functions.len();
    let mut flow = Flow {
        linked,
        externals,
        values: Values::default(),
        sets: Sets::new(nodes),
        constraints,
        dynamic: Dynamic::default(),
        work: Vec::new(),
        mro: Vec::new(),
        outside: Vec::new(),
        enums: Vec::new(),
        attrs: FxHashMap::default(),
        fields: FxHashMap::default(),
        readers: FxHashMap::default(),
        missing: FxHashSet::default(),
        stored: Names::default(),
        self_stored: FxHashSet::default(),
        connected: FxHashSet::default(),
        called: vec![false; functions],
        apis: FxHashMap::default(),
        members: FxHashMap::default(),
        partials: FxHashSet::default(),
        nested: FxHashMap::default(),
        items: FxHashMap::default(),
        wholes: FxHashMap::default(),
        places: FxHashMap::default(),
        shifted: FxHashSet::default(),
        hidden: FxHashSet::default(),
        written_calls,
        made_from: FxHashMap::default(),
        done: FxHashSet::default(),
        holds: FxHashMap::default(),
        kept: FxHashMap::default(),
        hooked: FxHashMap::default(),
        left_out: FxHashSet::default(),
        described: FxHashSet::default(),
        pending: std::collections::VecDeque::new(),
        in_first_stage: true,
        deferred: Vec::new(),
        subclasses: FxHashMap::default(),
        metaclasses: FxHashMap::default(),
        container_types: FxHashMap::default(),
        defined: Names::default(),
        special: Special::default(),
        handlers: FxHashMap::default(),
        late_stored: FxHashSet::default(),
        descriptors: FxHashSet::default(),
        collected: FxHashMap::default(),
        given: FxHashSet::default(),
        held: FxHashMap::default(),
        dispatching: FxHashSet::default(),
        shared: FxHashSet::default(),
    };
    flow.run();
    flow.forget();
    flow
}

impl Flow<'_> {
    fn run(&mut self) {
        for store in &self.linked.stores {
            self.stored.insert(store.attr);
            if let Some(class) = store.class {
                self.self_stored.insert((class, store.attr));
            }
        }
        for (index, class) in self.linked.classes.iter().enumerate() {
            let id = ClassId(u32::try_from(index).unwrap_or(u32::MAX));
            for (attr, node) in &class.attrs {
                self.attrs.insert((id, *attr), *node);
                self.defined.insert(*attr);
            }
            for (attr, _) in &class.fields {
                self.stored.insert(*attr);
            }
        }
        for (index, container) in self.linked.containers.iter().enumerate() {
            let id = crate::ir::ContainerId(u32::try_from(index).unwrap_or(u32::MAX));
            for (key, node) in &container.items {
                self.items.insert((id, *key), *node);
            }
        }
        for name in super::given::DESCRIPTORS {
            let sym = self.sym(name);
            self.descriptors.insert(sym);
        }
        // First what needs no classes: names, imports, definitions.
        self.seed();
        self.drain();
        self.give_bases();
        self.linearize();
        self.class_stores();
        self.special = Special::new(self);
        self.collect_handlers();
        self.in_first_stage = false;
        self.create_classes();
        let deferred = std::mem::take(&mut self.deferred);
        for (constraint, node, id) in deferred {
            self.apply(constraint, node, id);
        }
        self.drain();
        self.reload();
        self.late_descriptors();
        self.seed_defaults();
        self.drain();
        self.collect_tests();
        self.drain();
        // Then what only stands in for values that nothing gave: first where nobody calls, as it may reach the rest.
        self.annotate(Annotated::Uncalled);
        self.drain();
        // What an item is read as says nothing where it is known what the container holds, whatever the key may be.
        self.open_keys();
        self.drain();
        self.annotate(Annotated::Empty);
        self.seed_narrows();
        self.drain();
        self.seed_receivers();
        self.drain();
        self.seed_missing();
        self.drain();
        self.annotate(Annotated::Unknown);
        self.seed_narrows();
        self.open_keys();
        self.drain();
        self.reload();
        self.late_descriptors();
        self.seed_missing();
        self.seed_unknown();
        self.drain();
    }

    /// Gives back what only finding the values needs: in a large program more memory than the values take.
    fn forget(&mut self) {
        self.constraints = Static::default();
        self.dynamic = Dynamic::default();
        self.work = Vec::new();
        self.connected = FxHashSet::default();
        self.members = FxHashMap::default();
        self.given = FxHashSet::default();
        self.nested = FxHashMap::default();
        self.items = FxHashMap::default();
        self.wholes = FxHashMap::default();
        self.places = FxHashMap::default();
        self.shifted = FxHashSet::default();
        self.readers = FxHashMap::default();
        self.missing = FxHashSet::default();
        self.done = FxHashSet::default();
        self.holds = FxHashMap::default();
        self.described = FxHashSet::default();
        self.pending = std::collections::VecDeque::new();
        self.linked.subscripts.retain(|it| it.store);
        self.linked.subscripts.shrink_to_fit();
        self.linked.narrows = Vec::new();
        self.linked.annotations = Vec::new();
    }

    pub(super) fn drain(&mut self) {
        loop {
            while let Some((constraint, node, id)) = self.pending.pop_front() {
                self.apply(constraint, node, id);
            }
            let Some((node, id)) = self.work.pop() else {
                return;
            };
            for index in self.constraints.range(node) {
                let constraint = self.constraints.get(index);
                self.apply(constraint, node, id);
            }
            // Those added meanwhile see the value by themselves: it is in the set.
            if let Some(list) = self.dynamic.list(node) {
                for place in 0..self.dynamic.len(list) {
                    let constraint = self.dynamic.get(list, place);
                    self.apply(constraint, node, id);
                }
            }
        }
    }

    pub(super) fn apply(&mut self, constraint: Constraint, node: Node, id: ValueId) {
        if let Constraint::Copy(to) = constraint {
            self.add_id(to, id);
            return;
        }
        let value = self.values.get(id);
        if let Constraint::Nested(to) = constraint {
            if matches!(value, Value::Class(_)) {
                self.add_id(to, id);
            }
            return;
        }
        if self.in_first_stage {
            // Names of modules, and classes within classes: what bases are written with.
            if let (Constraint::Load(index), Value::Class(class)) = (constraint, value) {
                let load = self.linked.loads[index as usize];
                if let Some(attr) = self.attrs.get(&(class, load.attr)).copied() {
                    self.constrain(attr, Constraint::Nested(load.to));
                }
            }
            let early = match (constraint, value) {
                (
                    Constraint::Load(_),
                    Value::Module(_) | Value::External(_) | Value::Property(..),
                )
                | (Constraint::Callee(_), Value::PropertySetter(_) | Value::Property(..)) => true,
                (Constraint::Callee(_), Value::External(sym)) => self.descriptors.contains(&sym),
                (Constraint::Given(given, _), _) => given.is_early(),
                _ => false,
            };
            if !early {
                self.deferred.push((constraint, node, id));
                return;
            }
        }
        match constraint {
            Constraint::Copy(_) | Constraint::Nested(_) => {}
            Constraint::Load(index) => {
                let load = self.linked.loads[index as usize];
                self.load(id, load.attr, load.to, load.owner);
            }
            Constraint::Store(index) => {
                let store = self.linked.stores[index as usize];
                self.store(id, store);
            }
            Constraint::Callee(index) => self.callee(index, id),
            Constraint::Subscript(index) => self.subscript(index, value),
            Constraint::Key(index) => self.key(index, value),
            Constraint::Protocol(index) => {
                let protocol = self.linked.protocols[index as usize];
                self.protocol(index, protocol, id);
            }
            Constraint::Instance(to) => self.instance_of(value, to),
            Constraint::Narrow(index) => self.narrow(index, id),
            Constraint::Reflect(index) => self.reflect(index, id),
            Constraint::Given(given, index) => self.given(given, index, id),
            Constraint::SetName(class) => self.set_name(class, id),
            Constraint::SuperSelf(index) => self.super_self(index, id),
            Constraint::Next(index) => self.next(index, id),
            Constraint::Merge(container) => self.merge(container, value),
            Constraint::Bind(receiver, to, owner) => self.bind_method(id, receiver, to, owner),
            Constraint::ClassBind(class, to) => self.class_member(id, class, to),
            Constraint::Made(class, to) => self.made(id, class, to),
        }
    }

    fn seed(&mut self) {
        for index in 0..self.linked.constants.len() {
            let (node, constant) = self.linked.constants[index];
            let value = match constant {
                Constant::Func(func) => Value::Func(func),
                Constant::Class(class) => Value::Class(class),
                Constant::Container(container) => Value::Container(container),
                Constant::Str(sym) => Value::Str(sym),
                Constant::Start(sym) => Value::Start(sym),
                Constant::Int(value) => Value::Int(value),
                Constant::Builtin(sym) => Value::Object(sym, CallId::NONE),
                Constant::Unknown(reason) => Value::Unknown(reason),
            };
            self.add(node, value);
        }
        self.linked.constants = Vec::new();
        for index in 0..self.linked.imports.len() {
            let (file, import) = self.linked.imports[index];
            match import.name {
                None => {
                    let value = self.module_value(import.module);
                    self.add(import.to, value);
                }
                Some(name) => {
                    let value = self.module_value(import.module);
                    // `from . import name` in the package itself means the submodule.
                    if value == Value::Module(file.0) {
                        let package = &self.linked.modules[file.0 as usize].name;
                        let full = format!("{package}.{}", self.text(name));
                        let submodule = self.linked.symbols.find(&full);
                        if let Some(file) = submodule.and_then(|sym| self.linked.module(sym)) {
                            self.add(import.to, Value::Module(file.0));
                            continue;
                        }
                    }
                    let id = self.values.id(value);
                    self.load(id, name, import.to, FuncId::NONE);
                }
            }
        }
        for index in 0..self.linked.free.len() {
            let (file, name, node) = self.linked.free[index];
            let mut visited = FxHashSet::default();
            if self.star_lookup(file.0, name, node, &mut visited) {
                continue;
            }
            if super::names::is_builtin(self.text(name)) {
                let full = format!("<builtin>.{}", self.text(name));
                let sym = self.sym(&full);
                self.add(node, Value::External(sym));
            } else if self.text(name) == "__name__" {
                let name = self.linked.modules[file.0 as usize].name.clone();
                let sym = self.sym(&name);
                self.add(node, Value::Str(sym));
            } else if matches!(self.text(name), "__file__" | "__doc__") {
                let sym = self.sym("<builtin>.str");
                self.add(node, Value::Object(sym, CallId::NONE));
            } else if self.externals.is_module(self.text(name)) {
                let value = self.module_value(name);
                self.add(node, value);
            } else {
                self.unknown(node, Reason::Unbound);
            }
        }
    }

    /// The module or external symbol with this dotted name.
    pub(super) fn module_value(&mut self, name: Sym) -> Value {
        if let Some(file) = self.linked.module(name) {
            return Value::Module(file.0);
        }
        if self.linked.namespaces.contains(&name) {
            return Value::External(name);
        }
        let text = self.text(name).to_owned();
        Value::External(self.canonical(&text))
    }

    /// An instance of each class at a node: by an annotation, or after a test that nothing else passes.
    pub(super) fn instance_of(&mut self, value: Value, to: Node) {
        match value {
            Value::Class(class) => self.add(to, Value::Instance(class)),
            Value::External(sym) => {
                if self.text(sym).starts_with("<builtin>.") || self.text(sym).starts_with("typing.")
                {
                    return;
                }
                self.add(to, Value::Object(sym, CallId::NONE));
            }
            Value::Container(container) => {
                // `isinstance(x, (A, B))`.
                let item = self.new_node();
                self.contents(container, item);
                self.constrain(item, Constraint::Instance(to));
            }
            _ => {}
        }
    }

    /// Defaults reach the parameters of functions that no call of ours reaches.
    fn seed_defaults(&mut self) {
        for index in 0..self.linked.functions.len() {
            if self.called[index] {
                continue;
            }
            for place in 0..self.linked.functions[index].params.len() {
                let param = &self.linked.functions[index].params[place];
                let (default, node) = (param.default, param.node);
                self.edge(default, node);
            }
        }
    }

    /// Attributes that were found to be set only after they had been read are read again.
    fn reload(&mut self) {
        while !self.late_stored.is_empty() {
            let late = std::mem::take(&mut self.late_stored);
            for index in 0..self.linked.loads.len() {
                let load = self.linked.loads[index];
                if late.contains(&load.attr) {
                    for id in self.set(load.base).to_vec() {
                        self.load(id, load.attr, load.to, load.owner);
                    }
                }
            }
            self.drain();
        }
    }

    /// Methods that nothing calls are called with an instance of their class, or of a subclass.
    fn seed_receivers(&mut self) {
        let mut crowded_out: Vec<ValueId> = self.left_out.iter().copied().collect();
        crowded_out.sort_unstable();
        for id in crowded_out {
            if let Value::Bound(func, receiver) = self.values.get(id) {
                let first = self.linked.functions[func.0 as usize].params.first();
                let node = first.map_or(Node::NONE, |param| param.node);
                self.add_id(node, receiver);
            }
        }
        for index in 0..self.linked.functions.len() {
            let function = &self.linked.functions[index];
            let Some(class) = function.class else {
                continue;
            };
            let Some(first) = function.params.first() else {
                continue;
            };
            if !matches!(
                first.kind,
                ParamKind::Positional | ParamKind::PositionalOnly
            ) {
                continue;
            }
            let node = first.node;
            if !self.set(node).is_empty() || self.is_static(class, index) {
                continue;
            }
            if self.is_class_method(class, index) {
                self.add(node, Value::Class(class));
                continue;
            }
            self.add(node, Value::Instance(class));
        }
    }

    fn attr_values(&self, class: ClassId, function: usize) -> impl Iterator<Item = Value> + '_ {
        let name = self.linked.functions[function].name();
        let own = &self.linked.classes[class.0 as usize].qualname;
        let node = self
            .linked
            .symbols
            .find(&crate::lower::mangle(own, name))
            .and_then(|attr| self.attrs.get(&(class, attr)))
            .copied()
            .unwrap_or(Node::NONE);
        self.values_of(node)
    }

    fn is_static(&self, class: ClassId, function: usize) -> bool {
        let id = FuncId(u32::try_from(function).unwrap_or(u32::MAX));
        self.attr_values(class, function)
            .any(|value| value == Value::Static(id))
    }

    fn is_class_method(&self, class: ClassId, function: usize) -> bool {
        let id = FuncId(u32::try_from(function).unwrap_or(u32::MAX));
        self.attr_values(class, function)
            .any(|value| value == Value::ClassMethod(id))
    }

    /// Reads and writes with keys that nothing is known of reach every item.
    fn open_keys(&mut self) {
        for index in 0..self.linked.subscripts.len() {
            let subscript = self.linked.subscripts[index];
            if !subscript.key_node.is_some() {
                continue;
            }
            let constant =
                |id: &ValueId| matches!(self.values.get(*id), Value::Str(_) | Value::Int(_));
            let set = self.set(subscript.key_node);
            if !set.is_empty() && set.iter().all(constant) {
                continue;
            }
            let bases = self.set(subscript.base).to_vec();
            for base in bases {
                if let Value::Container(container) = self.values.get(base) {
                    self.access(container, Key::Any, subscript.value, subscript.store);
                }
            }
        }
    }

    /// Parameters that no caller we see gives a value to are unknown.
    fn seed_unknown(&mut self) {
        for index in 0..self.linked.functions.len() {
            let function = &self.linked.functions[index];
            if function.kind == FunctionKind::Module {
                continue;
            }
            let nodes: Vec<Node> = function
                .params
                .iter()
                .filter(|param| {
                    !matches!(param.kind, ParamKind::Star(_) | ParamKind::DoubleStar(_))
                })
                .map(|param| param.node)
                .filter(|node| self.set(*node).is_empty())
                .collect();
            if self.called[index] {
                // Called with constants that nobody follows: nothing unknown about that.
                continue;
            }
            for node in nodes {
                self.unknown(node, Reason::Parameter);
            }
        }
    }
}
