//! Calls: what a value does when it is called, and how arguments meet parameters.

use super::value::{CallId, Value, ValueId};
use super::{Constraint, FieldOwner, Flow, Target};
use crate::ir::{
    Arg, ArgKind, Call, CallForm, ClassId, ContainerId, FuncId, Key, Node, Param, ParamKind,
    ProtocolKind, Reason, Subscript,
};
use loopshift_python::TextRange;
use smallvec::{SmallVec, smallvec};

/// No receiver.
pub(super) const NO_RECEIVER: ValueId = ValueId(u32::MAX);

/// More often than this a call does not call the same object in the course of calling others.
const NESTED_LIMIT: u8 = 4;

impl Flow<'_> {
    /// A value has come up as what a call calls.
    pub(super) fn callee(&mut self, index: u32, id: ValueId) {
        self.dispatch(index, id);
        match self.values.get(id) {
            Value::Func(func) | Value::Static(func) => self.connect(index, func, NO_RECEIVER),
            Value::Bound(func, receiver) => self.connect(index, func, receiver),
            Value::Class(class) => self.construct(index, class),
            Value::Instance(class) => {
                if let Some(call) = self.linked.symbols.find("__call__")
                    && let Ok((_, node)) = self.class_attr(class, call)
                    && self.may_nest(index, id)
                {
                    let callee = self.new_node();
                    self.constrain(node, Constraint::Bind(id, callee, FuncId::NONE));
                    let args = self.linked.calls[index as usize].args.clone();
                    let result = self.linked.calls[index as usize].result;
                    let owner = self.linked.calls[index as usize].owner;
                    self.make_call(index, callee, args, result, owner);
                }
            }
            Value::External(sym) => self.call_external(index, sym, None),
            Value::ExternalBound(sym, receiver) => self.call_external(index, sym, Some(receiver)),
            Value::Object(ty, _) => {
                let text = format!("{}.__call__", self.text(ty));
                let member = self.sym(&text);
                self.call_external(index, member, Some(id));
            }
            Value::Partial(call) if self.may_nest(index, id) => self.call_partial(index, call),
            Value::Identity => self.pass_first(index),
            Value::AnyAttribute(of) => self.any_attribute(of.0),
            Value::ManagerFactory(func) => self.call_manager(index, func, NO_RECEIVER),
            Value::BoundManager(func, receiver) => self.call_manager(index, func, receiver),
            Value::PropertySetter(getter) => {
                let call = &self.linked.calls[index as usize];
                let setter = call.args.first().map_or(Node::NONE, |arg| arg.node);
                let result = call.result;
                self.add(result, Value::Property(getter, setter));
            }
            Value::Property(..) => {
                let result = self.linked.calls[index as usize].result;
                self.add_id(result, id);
            }
            Value::Unknown(_) => {
                let call = &self.linked.calls[index as usize];
                let (result, form) = (call.result, call.form);
                if form == CallForm::Decorator {
                    self.pass_first(index);
                }
                self.unknown(result, Reason::Opaque);
            }
            _ => {}
        }
    }

    /// Whether a call of an object may stand for one more call: that of its `__call__`, or of what it is a partial of.
    /// Where these lead back to the object (`A.__call__ = A()`), what is called in the end is unknown.
    fn may_nest(&mut self, index: u32, callee: ValueId) -> bool {
        let root = self.written(CallId(index));
        let count = self.nested.entry((root, callee)).or_default();
        *count = count.saturating_add(1);
        if *count <= NESTED_LIMIT {
            return true;
        }
        if *count == NESTED_LIMIT + 1 {
            let call = &self.linked.calls[root.0 as usize];
            let (callee, result) = (call.callee, call.result);
            self.unknown(callee, Reason::Dynamic);
            self.unknown(result, Reason::Dynamic);
        }
        false
    }

    /// A call of what `@contextmanager` made.
    fn call_manager(&mut self, index: u32, func: FuncId, receiver: ValueId) {
        let result = self.linked.calls[index as usize].result;
        let yields = self.linked.functions[func.0 as usize].yields;
        self.add(result, Value::Manager(yields));
        let scratch = Node::NONE;
        self.connect_to(index, func, receiver, scratch);
    }

    /// The result of the call is its first argument.
    pub(super) fn pass_first(&mut self, index: u32) {
        let call = &self.linked.calls[index as usize];
        let (result, first) = (call.result, call.args.first().map(|arg| arg.node));
        if let Some(first) = first {
            self.edge(first, result);
        }
    }

    /// Adds a call that stands in no text. `from` is the written call that causes it.
    pub(super) fn make_call(
        &mut self,
        from: u32,
        callee: Node,
        args: Box<[Arg]>,
        result: Node,
        owner: FuncId,
    ) -> u32 {
        let index = u32::try_from(self.linked.calls.len()).unwrap_or(u32::MAX);
        let (range, form, method) = match self.linked.calls.get(from as usize) {
            Some(call) => (call.range, call.form, call.method),
            None => (TextRange::default(), CallForm::Value, None),
        };
        self.linked.calls.push(Call {
            range,
            owner,
            callee,
            args,
            result,
            form,
            method,
        });
        if from != u32::MAX {
            self.made_from.insert(index, CallId(from));
        }
        self.constrain(callee, Constraint::Callee(index));
        index
    }

    /// A call by a protocol: an edge of the call graph that no call expression shows.
    pub(super) fn hidden_call(&mut self, callee: Node, args: &[Node], to: Node, owner: FuncId) {
        let args: Box<[Arg]> = args
            .iter()
            .map(|node| Arg {
                kind: ArgKind::Positional,
                node: *node,
            })
            .collect();
        self.make_call(u32::MAX, callee, args, to, owner);
    }

    fn connect(&mut self, index: u32, func: FuncId, receiver: ValueId) {
        let result = self.linked.calls[index as usize].result;
        self.connect_to(index, func, receiver, result);
    }

    /// What a call of the function gives, by its kind.
    fn give_result(&mut self, func: FuncId, chosen: Option<Node>, to: Node) {
        let function = &self.linked.functions[func.0 as usize];
        let ret = chosen.unwrap_or(function.ret);
        if function.is_generator {
            self.add(to, Value::Generator(func));
        } else if function.is_async {
            self.add(to, Value::Coroutine(func));
        } else {
            self.edge(ret, to);
        }
    }

    pub(super) fn connect_to(&mut self, index: u32, func: FuncId, receiver: ValueId, result: Node) {
        if !self.connected.insert((index, func, receiver)) {
            return;
        }
        self.called[func.0 as usize] = true;
        // Nothing looks at them meanwhile: what follows from the arguments waits.
        let args = std::mem::take(&mut self.linked.calls[index as usize].args);
        let params = std::mem::take(&mut self.linked.functions[func.0 as usize].params);
        let bound = self.bind_arguments(&params, &args, receiver);
        let choice = self.linked.functions[func.0 as usize].choice;
        let chosen = choice.and_then(|it| self.chosen(index, it, &args, receiver, &bound));
        self.linked.calls[index as usize].args = args;
        self.linked.functions[func.0 as usize].params = params;
        self.give_result(func, chosen, result);
        for place in 0..self.linked.functions[func.0 as usize].passes.len() {
            let pass = usize::from(self.linked.functions[func.0 as usize].passes[place]);
            if pass == 0 && receiver != NO_RECEIVER {
                self.add_id(result, receiver);
                continue;
            }
            match bound.get(pass) {
                Some(Some(node)) => self.edge(*node, result),
                // It is not handed back where it is not given.
                _ if choice.is_some_and(|it| {
                    chosen == Some(it.absent) && usize::from(it.param) == pass
                }) => {}
                _ => {
                    let param = self.linked.functions[func.0 as usize].params[pass].node;
                    self.edge(param, result);
                }
            }
        }
    }

    /// Gives the arguments to the parameters. Returns, by parameter, the node of the one argument it got.
    fn bind_arguments(
        &mut self,
        slots: &[Param],
        args: &[Arg],
        receiver: ValueId,
    ) -> SmallVec<[Option<Node>; 8]> {
        let mut bound: SmallVec<[Option<Node>; 8]> = smallvec![None; slots.len()];
        let mut filled: SmallVec<[bool; 8]> = smallvec![false; slots.len()];
        let positional: SmallVec<[usize; 8]> = slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| {
                matches!(slot.kind, ParamKind::Positional | ParamKind::PositionalOnly)
            })
            .map(|(index, _)| index)
            .collect();
        let star = slots.iter().find_map(|slot| match slot.kind {
            ParamKind::Star(container) => Some(container),
            _ => None,
        });
        let double_star = slots.iter().find_map(|slot| match slot.kind {
            ParamKind::DoubleStar(container) => Some(container),
            _ => None,
        });
        let mut next = 0;
        if receiver != NO_RECEIVER {
            match positional.first() {
                Some(first) => {
                    self.add_id(slots[*first].node, receiver);
                    filled[*first] = true;
                    next = 1;
                }
                None => {
                    if let Some(container) = star {
                        let item = self.item(container, Key::Int(0));
                        self.add_id(item, receiver);
                    }
                }
            }
        }
        let mut overflow = i32::from(receiver != NO_RECEIVER && positional.is_empty());
        let spreads = |slot: &Param| {
            let mut kinds = args.iter().map(|arg| arg.kind);
            kinds.any(|kind| match kind {
                ArgKind::Star => slot.kind != ParamKind::KeywordOnly,
                ArgKind::DoubleStar => slot.kind != ParamKind::PositionalOnly,
                ArgKind::Positional | ArgKind::Keyword(_) => false,
            })
        };
        for arg in args {
            match arg.kind {
                ArgKind::Positional => {
                    if let Some(slot) = positional.get(next) {
                        self.edge(arg.node, slots[*slot].node);
                        bound[*slot] = Some(arg.node);
                        filled[*slot] = true;
                        next += 1;
                    } else if let Some(container) = star {
                        let item = self.item(container, Key::Int(overflow));
                        self.edge(arg.node, item);
                        overflow += 1;
                    }
                }
                ArgKind::Star => {
                    for (offset, slot) in positional.iter().skip(next).enumerate() {
                        let key = i32::try_from(offset).map_or(Key::Any, Key::Int);
                        self.read_key(arg.node, key, slots[*slot].node);
                    }
                    if let Some(container) = star {
                        self.forward_star(
                            arg.node,
                            container,
                            positional.len() - next.min(positional.len()),
                        );
                    }
                    next = positional.len();
                }
                ArgKind::Keyword(name) => {
                    let slot = slots.iter().position(|slot| {
                        slot.name == name
                            && matches!(slot.kind, ParamKind::Positional | ParamKind::KeywordOnly)
                    });
                    match (slot, double_star) {
                        (Some(slot), _) => {
                            self.edge(arg.node, slots[slot].node);
                            bound[slot] = Some(arg.node);
                            filled[slot] = true;
                        }
                        (None, Some(container)) => {
                            let item = self.item(container, Key::Str(name));
                            self.edge(arg.node, item);
                        }
                        (None, None) => {}
                    }
                }
                ArgKind::DoubleStar => {
                    for (index, slot) in slots.iter().enumerate() {
                        let by_name =
                            matches!(slot.kind, ParamKind::Positional | ParamKind::KeywordOnly);
                        if by_name && !filled[index] {
                            self.read_key(arg.node, Key::Str(slot.name), slot.node);
                        }
                    }
                    if let Some(container) = double_star {
                        self.constrain(arg.node, Constraint::Merge(container));
                    }
                }
            }
        }
        for (slot, filled) in slots.iter().zip(filled) {
            if !filled {
                self.edge(slot.default, slot.node);
            }
            if slot.has_default && (filled || spreads(slot)) {
                self.given.insert(slot.node);
            }
        }
        bound
    }

    /// `*args` handed on to `*args`: place by place as far as it goes.
    fn forward_star(&mut self, from: Node, container: ContainerId, skip: usize) {
        let skip = i32::try_from(skip).unwrap_or(i32::MAX);
        for offset in 0..4_i32 {
            let key = skip.checked_add(offset).map_or(Key::Any, Key::Int);
            let item = self.item(container, Key::Int(offset));
            self.read_key(from, key, item);
        }
    }

    /// `to = base[key]` for a constant key.
    pub(super) fn read_key(&mut self, base: Node, key: Key, to: Node) {
        self.at_key(base, key, to, false);
    }

    /// `to = base[key]`, or `base[key] = to`, for a constant key.
    pub(super) fn at_key(&mut self, base: Node, key: Key, to: Node, store: bool) {
        if !base.is_some() {
            return;
        }
        let index = u32::try_from(self.linked.subscripts.len()).unwrap_or(u32::MAX);
        self.linked.subscripts.push(Subscript {
            base,
            key,
            key_node: Node::NONE,
            value: to,
            store,
            owner: FuncId::NONE,
        });
        self.constrain(base, Constraint::Subscript(index));
    }

    /// `C(…)`.
    fn construct(&mut self, index: u32, class: ClassId) {
        if let Some(meta) = self.metaclasses.get(&class).copied()
            && let Some(call) = self.defined_name("__call__")
            && let Ok((_, node)) = self.class_attr(meta, call)
        {
            let this = self.values.id(Value::Class(class));
            if self.done.insert((index, this)) && self.may_nest(index, this) {
                let callee = self.new_node();
                self.constrain(node, Constraint::Bind(this, callee, FuncId::NONE));
                let call = &self.linked.calls[index as usize];
                let (args, result) = (call.args.clone(), call.result);
                self.make_call(index, callee, args, result, FuncId::NONE);
            }
            return;
        }
        self.instantiate(index, class);
    }

    /// `type.__call__`: a new instance, initialised.
    pub(super) fn instantiate(&mut self, index: u32, class: ClassId) {
        let result = self.linked.calls[index as usize].result;
        let instance = self.values.id(Value::Instance(class));
        if !self.done.insert((index, instance)) {
            return;
        }
        if self.is_enum(class) {
            self.add_id(result, instance);
            return;
        }
        if let Some(new) = self.linked.symbols.find("__new__")
            && let Ok((_, node)) = self.class_attr(class, new)
        {
            let functions: Vec<FuncId> = self.functions_at(node);
            let receiver = self.values.id(Value::Class(class));
            let made = self.new_node();
            self.constrain(made, Constraint::Made(class, result));
            for func in functions {
                self.connect_to(index, func, receiver, made);
            }
        }
        self.add_id(result, instance);
        self.call_hooks(index, class, instance);
        let init = self.sym("__init__");
        match self.class_attr(class, init) {
            Ok((_, node)) => {
                let callee = self.new_node();
                self.constrain(node, Constraint::Bind(instance, callee, FuncId::NONE));
                let args = self.linked.calls[index as usize].args.clone();
                let scratch = Node::NONE;
                // The edge to `__init__` comes from the written call, whose callee is the class.
                self.make_call(index, callee, args, scratch, FuncId::NONE);
            }
            Err(external) => {
                self.fill_fields(index, class, instance);
                if let Some(container) = self.held_by(class) {
                    self.fill(index, container);
                }
                let owner = self.linked.calls[index as usize].owner;
                if let Some(external) = external.filter(|base| has_constructor(self.text(*base))) {
                    let member = self.member(external, init);
                    self.note(owner, Target::External(member));
                }
            }
        }
    }

    /// A class without `__init__` but with annotated names takes them as arguments: a dataclass or the like.
    fn fill_fields(&mut self, index: u32, class: ClassId, instance: ValueId) {
        let fields = self.all_fields(class);
        if !fields.is_empty() {
            let args = self.linked.calls[index as usize].args.clone();
            let mut next = 0;
            for arg in &args {
                let name = match arg.kind {
                    ArgKind::Positional => {
                        next += 1;
                        fields.get(next - 1).map(|(name, _)| *name)
                    }
                    ArgKind::Keyword(name) => fields
                        .iter()
                        .map(|(name, _)| *name)
                        .find(|known| *known == name),
                    _ => None,
                };
                if let Some(name) = name {
                    let field = self.field(FieldOwner::Class(class), name);
                    self.edge(arg.node, field);
                }
            }
        }
        let owner = self.linked.calls[index as usize].owner;
        let scratch = Node::NONE;
        self.call_method(instance, class, "__post_init__", &[], scratch, owner);
    }

    pub(super) fn functions_at(&self, node: Node) -> Vec<FuncId> {
        self.values_of(node)
            .filter_map(|value| match value {
                Value::Func(func) | Value::Static(func) => Some(func),
                _ => None,
            })
            .collect()
    }

    fn call_partial(&mut self, index: u32, partial: CallId) {
        if !self.partials.insert((index, partial)) {
            return;
        }
        let made = &self.linked.calls[partial.0 as usize];
        let Some((first, rest)) = made.args.split_first() else {
            return;
        };
        let callee = first.node;
        let mut args: Vec<Arg> = Vec::new();
        args.extend(rest.iter().filter(|arg| !is_keyword(arg.kind)).copied());
        let call = &self.linked.calls[index as usize];
        args.extend(call.args.iter().copied());
        args.extend(rest.iter().filter(|arg| is_keyword(arg.kind)).copied());
        let (result, owner) = (call.result, call.owner);
        self.make_call(index, callee, args.into(), result, owner);
    }

    /// `super()`, with a receiver that has come up.
    pub(super) fn super_self(&mut self, index: u32, receiver: ValueId) {
        let call = &self.linked.calls[index as usize];
        let (result, method) = (call.result, call.method);
        if let Some((class, _)) = method
            && matches!(
                self.values.get(receiver),
                Value::Instance(_) | Value::Class(_)
            )
        {
            self.add(result, Value::Super(class, receiver));
        }
    }

    /// Records an edge of the call graph to a function that a builtin calls.
    pub(super) fn note(&mut self, owner: FuncId, target: Target) {
        if owner != FuncId::NONE {
            self.hidden.insert((owner, target));
        }
    }

    /// Calls a method of each instance at a node: `iter(x)` calls `__iter__`.
    pub(super) fn call_method(
        &mut self,
        receiver: ValueId,
        class: ClassId,
        name: &str,
        args: &[Node],
        to: Node,
        owner: FuncId,
    ) -> bool {
        let Some(attr) = self.linked.symbols.find(name) else {
            return false;
        };
        let Ok((_, node)) = self.class_attr(class, attr) else {
            return false;
        };
        let callee = self.new_node();
        self.constrain(node, Constraint::Bind(receiver, callee, FuncId::NONE));
        self.hidden_call(callee, args, to, owner);
        true
    }

    /// A protocol operation on the values of a node.
    pub(super) fn add_protocol(&mut self, kind: ProtocolKind, base: Node, to: Node, owner: FuncId) {
        self.add_protocol_with(kind, base, Node::NONE, to, owner);
    }

    /// The same, with another operand.
    pub(super) fn add_protocol_with(
        &mut self,
        kind: ProtocolKind,
        base: Node,
        arg: Node,
        to: Node,
        owner: FuncId,
    ) {
        if !base.is_some() {
            return;
        }
        let index = u32::try_from(self.linked.protocols.len()).unwrap_or(u32::MAX);
        self.linked.protocols.push(crate::ir::Protocol {
            kind,
            base,
            arg,
            to,
            owner,
            range: TextRange::default(),
        });
        self.constrain(base, Constraint::Protocol(index));
    }
}

/// Whether constructing a subclass of an external class calls an `__init__` that a reader could look up.
fn has_constructor(base: &str) -> bool {
    const PLAIN: [&str; 6] = [
        "<builtin>.",
        "typing.",
        "typing_extensions.",
        "abc.",
        "enum.",
        "collections.abc.",
    ];
    !base.contains("()") && !PLAIN.iter().any(|prefix| base.starts_with(prefix))
}

fn is_keyword(kind: ArgKind) -> bool {
    matches!(kind, ArgKind::Keyword(_) | ArgKind::DoubleStar)
}

impl Flow<'_> {
    /// What constructing the class calls, by the classes that define it: `__init__`, `__new__` where it is
    /// ours, or the `__call__` of the metaclass.
    pub fn constructors(&self, class: ClassId) -> Vec<FuncId> {
        if let Some(meta) = self.metaclasses.get(&class)
            && let Some(call) = self.defined_name("__call__")
            && let Ok((_, node)) = self.class_attr(*meta, call)
        {
            return self.functions_at(node);
        }
        self.initializers(class)
    }

    /// `__new__` and `__init__` of a class, as far as they are ours.
    pub(super) fn initializers(&self, class: ClassId) -> Vec<FuncId> {
        let mut functions = Vec::new();
        if self.is_enum(class) {
            return functions;
        }
        for name in ["__new__", "__init__"] {
            if let Some(name) = self.defined_name(name)
                && let Ok((_, node)) = self.class_attr(class, name)
            {
                functions.extend(self.functions_at(node));
            }
        }
        functions
    }
}
