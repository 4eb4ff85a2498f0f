//! Calls of code outside the program, as the catalog describes them.

use super::value::{CallId, Value, ValueId};
use super::{Constraint, Flow, MroEntry, builtin};
use crate::externals::{Api, ApiDerived, ApiKind, ApiOperand, ApiType, CallbackArg};
use crate::ir::{
    Arg, ArgKind, Call, CallForm, ClassId, ContainerKind, FuncId, Key, Node, ProtocolKind, Reason,
    Sym,
};

/// Chains of calls into unknown code longer than this are not told apart.
const CHAIN_LIMIT: usize = 3;

/// Modules of the standard library whose functions and classes hand back what they are given: of those that are not
/// followed themselves it is not seen where.
const HANDING_BACK: &[&str] = &["bisect.", "heapq.", "itertools.", "operator.", "random."];

impl Flow<'_> {
    /// A call of an external symbol, or of a method of an external object.
    pub(super) fn call_external(&mut self, index: u32, sym: Sym, receiver: Option<ValueId>) {
        let marker = self.values.id(Value::External(sym));
        let key = receiver.unwrap_or(marker);
        if !self.done.insert((index, key)) {
            return;
        }
        if builtin::call(self, index, sym, receiver) {
            return;
        }
        match self.api(sym) {
            Some(api) => self.call_api(index, sym, api, receiver),
            None => self.call_opaque(index, sym),
        }
    }

    /// The calls that the external bases of a class make to the methods of a new instance.
    pub(super) fn call_hooks(&mut self, index: u32, class: ClassId, instance: ValueId) {
        let bases: Vec<Sym> = (self.mro[class.0 as usize].iter())
            .filter_map(|entry| match entry {
                MroEntry::External(sym) => Some(*sym),
                MroEntry::Class(_) => None,
            })
            .collect();
        for base in bases {
            let hooks = self.api(base).map_or(&[][..], |api| &api.hooks);
            for hook in hooks {
                let method = self.sym(&hook.method);
                let Ok((_, node)) = self.class_attr(class, method) else {
                    continue;
                };
                let mut args = Vec::new();
                for ty in &hook.args {
                    let node = self.new_node();
                    self.add_type(ty, node, Made::member(None));
                    args.push(Arg {
                        kind: ArgKind::Positional,
                        node,
                    });
                }
                let callee = self.new_node();
                self.constrain(node, Constraint::Bind(instance, callee, FuncId::NONE));
                let gives = self.hooked_node(instance);
                self.make_call(index, callee, args.into(), gives, FuncId::NONE);
            }
        }
    }

    fn call_opaque(&mut self, index: u32, sym: Sym) {
        let call = &self.linked.calls[index as usize];
        let (result, form) = (call.result, call.form);
        if form == CallForm::Decorator {
            // A decorator we cannot see: taken to hand back the function, or something that calls it.
            self.pass_first(index);
            return;
        }
        let text = self.text(sym).to_owned();
        if HANDING_BACK.iter().any(|module| text.starts_with(module)) {
            self.hand_back(index, result);
        }
        let last = text.rsplit('.').next().unwrap_or(&text);
        let class_like = last.trim_start_matches('_').starts_with(char::is_uppercase);
        if class_like && !text.ends_with("()") {
            self.add(result, Value::Object(sym, CallId::NONE));
        } else if text.starts_with("<builtin>.") {
            self.unknown(result, Reason::Opaque);
        } else if text.matches("()").count() >= CHAIN_LIMIT {
            self.unknown(result, Reason::TooDeep);
        } else {
            let called = self.sym(&format!("{text}()"));
            self.add(result, Value::External(called));
        }
    }

    /// What a call gives may be, or hold at any depth, what it is given, and what that holds.
    fn hand_back(&mut self, index: u32, result: Node) {
        let given = self.linked.calls[index as usize].args.clone();
        if given.is_empty() {
            return;
        }
        let container = self.new_container(ContainerKind::List);
        let held = self.linked.containers[container.0 as usize].elements;
        self.add(held, Value::Container(container));
        for arg in given {
            if !matches!(arg.kind, ArgKind::Star | ArgKind::DoubleStar) {
                self.edge(arg.node, held);
            }
            self.add_protocol(ProtocolKind::Iter, arg.node, held, FuncId::NONE);
        }
        self.edge(held, result);
    }

    fn call_api(&mut self, index: u32, sym: Sym, api: &Api, receiver: Option<ValueId>) {
        let result = self.linked.calls[index as usize].result;
        let form = self.linked.calls[index as usize].form;
        let made = Made {
            index,
            api: Some(api),
            receiver,
        };
        match (&api.kind, &api.returns) {
            (ApiKind::Class, None) => {
                let object = self.values.id(Value::Object(sym, CallId(index)));
                self.keep(index, api, object);
                self.add_id(result, object);
            }
            (_, Some(returns)) => self.add_type(returns, result, made),
            (_, None) if form == CallForm::Decorator => self.pass_first(index),
            (_, None) => {}
        }
        if let Some(object) = receiver {
            self.keep(index, api, object);
        }
        for callback in &api.calls {
            let callees = self.argument(&self.linked.calls[index as usize], api, callback.param);
            if callees.is_empty() {
                continue;
            }
            let mut args = Vec::new();
            for arg in &callback.args {
                match arg {
                    CallbackArg::Star(place) => {
                        args.extend(self.star_arguments(index, api, *place));
                    }
                    CallbackArg::DoubleStar(place) => {
                        args.extend(self.keyword_arguments(index, api, *place));
                    }
                    CallbackArg::Type(ty) => {
                        let node = self.new_node();
                        self.add_type(ty, node, made);
                        args.push(Arg {
                            kind: ArgKind::Positional,
                            node,
                        });
                    }
                }
            }
            for callee in callees {
                let scratch = Node::NONE;
                // The library calls it, not whoever hands it over.
                self.make_call(index, callee, args.clone().into(), scratch, FuncId::NONE);
            }
        }
    }

    /// Puts what a call is given into the object that keeps it.
    fn keep(&mut self, index: u32, api: &Api, object: ValueId) {
        for param in &api.keeps {
            for given in self.argument(&self.linked.calls[index as usize], api, *param) {
                let kept = self.kept_node(object);
                if api.kind == ApiKind::Class {
                    self.add_protocol(ProtocolKind::Iter, given, kept, FuncId::NONE);
                } else {
                    self.edge(given, kept);
                }
            }
        }
    }

    /// The node of what the methods of an instance give that its external bases call.
    fn hooked_node(&mut self, instance: ValueId) -> Node {
        if let Some(node) = self.hooked.get(&instance) {
            return *node;
        }
        let node = self.new_node();
        self.hooked.insert(instance, node);
        node
    }

    /// The node of what was put into an object.
    fn kept_node(&mut self, object: ValueId) -> Node {
        if let Some(node) = self.kept.get(&object) {
            return *node;
        }
        let node = self.new_node();
        self.kept.insert(object, node);
        for held in self.holds.get(&object).cloned().unwrap_or_default() {
            self.edge(held, node);
        }
        if matches!(self.values.get(object), Value::Object(_, CallId::NONE)) {
            // Code that is not seen made it, and may put anything into it.
            self.unknown(node, Reason::Opaque);
        }
        node
    }

    /// What was put into an object of an external class, by members that keep what they are given.
    pub fn kept_in(&self, object: ValueId) -> Option<Node> {
        self.kept.get(&object).copied()
    }

    /// Whether what is given to this member of an object comes out of it in places that are seen.
    pub fn is_kept(&self, member: Sym, object: ValueId) -> bool {
        !matches!(self.values.get(object), Value::Object(_, CallId::NONE))
            && self
                .externals
                .api(self.text(member))
                .is_some_and(|api| !api.keeps.is_empty())
    }

    /// Gives a node the values of a type. `made` says by which call, for what follows from its arguments.
    pub(super) fn add_type(&mut self, ty: &ApiType, to: Node, made: Made<'_>) {
        match ty {
            ApiType::Instance(name, arguments) => {
                let sym = self.canonical(name);
                let id = self.values.id(Value::Object(sym, CallId(made.index)));
                if !arguments.is_empty() && !self.holds.contains_key(&id) {
                    let mut nodes = Vec::new();
                    for argument in arguments {
                        let node = self.new_node();
                        self.add_type(argument, node, made);
                        nodes.push(node);
                    }
                    self.holds.insert(id, nodes);
                }
                self.add_id(to, id);
            }
            ApiType::Class(name) => {
                let sym = self.canonical(name);
                self.add(to, Value::External(sym));
            }
            ApiType::Awaitable(inner) => {
                let node = self.typed(inner, made);
                self.add(to, Value::Awaitable(node));
            }
            ApiType::Iterator(inner) => {
                let node = self.typed(inner, made);
                self.add(to, Value::Iterator(node));
            }
            ApiType::Manager(inner) => {
                let node = self.typed(inner, made);
                self.add(to, Value::Manager(node));
            }
            ApiType::List(inner) | ApiType::Set(inner) => {
                let kind = match ty {
                    ApiType::Set(_) => ContainerKind::Set,
                    _ => ContainerKind::List,
                };
                let container = self.new_container(kind);
                let elements = self.linked.containers[container.0 as usize].elements;
                self.add_type(inner, elements, made);
                self.add(to, Value::Container(container));
            }
            ApiType::Dict(key, value) => {
                let container = self.new_container(ContainerKind::Dict);
                let (keys, elements) = {
                    let made = &self.linked.containers[container.0 as usize];
                    (made.keys, made.elements)
                };
                self.add_type(key, keys, made);
                self.add_type(value, elements, made);
                self.add(to, Value::Container(container));
            }
            ApiType::Tuple(parts) => {
                let container = self.new_container(ContainerKind::Tuple);
                for (place, part) in parts.iter().enumerate() {
                    let key = i32::try_from(place).map_or(Key::Any, Key::Int);
                    let item = self.item(container, key);
                    self.add_type(part, item, made);
                }
                self.add(to, Value::Container(container));
            }
            ApiType::Of(derived, operand) => self.derive(*derived, *operand, to, made),
            ApiType::Nothing => {}
            ApiType::Unknown => self.unknown(to, Reason::Opaque),
        }
    }

    fn typed(&mut self, ty: &ApiType, made: Made<'_>) -> Node {
        let node = self.new_node();
        self.add_type(ty, node, made);
        node
    }

    fn derive(&mut self, derived: ApiDerived, operand: ApiOperand, to: Node, made: Made<'_>) {
        let sources = match operand {
            ApiOperand::Receiver => {
                let Some(receiver) = made.receiver else {
                    return;
                };
                let node = self.new_node();
                self.add_id(node, receiver);
                vec![node]
            }
            ApiOperand::Parameter(place) => match made.api {
                Some(api) if made.index != CallId::NONE.0 => {
                    self.argument(&self.linked.calls[made.index as usize], api, place)
                }
                _ => Vec::new(),
            },
        };
        for source in sources {
            match derived {
                ApiDerived::Itself => self.edge(source, to),
                ApiDerived::Result => {
                    // What its base calls gives what an object of that base would result in.
                    if let (ApiOperand::Receiver, Some(receiver)) = (operand, made.receiver)
                        && let Value::Instance(_) = self.values.get(receiver)
                    {
                        let gives = self.hooked_node(receiver);
                        self.edge(gives, to);
                    }
                    self.add_protocol(ProtocolKind::Await, source, to, FuncId::NONE);
                }
                ApiDerived::Item => {
                    self.add_protocol(ProtocolKind::Iter, source, to, FuncId::NONE);
                }
                ApiDerived::Entered => {
                    // It is entered there, as by a `with`.
                    let owner = self.linked.calls[made.index as usize].owner;
                    self.add_protocol(ProtocolKind::Enter, source, to, owner);
                }
                ApiDerived::Kept => {
                    for object in self.set(source).to_vec() {
                        let kept = self.kept_node(object);
                        self.edge(kept, to);
                    }
                }
                ApiDerived::Call => {
                    self.make_call(made.index, source, Box::new([]), to, FuncId::NONE);
                }
                ApiDerived::Awaited => {
                    let called = self.new_node();
                    self.make_call(made.index, source, Box::new([]), called, FuncId::NONE);
                    self.add_protocol(ProtocolKind::Await, called, to, FuncId::NONE);
                }
            }
        }
    }

    /// The arguments given for the parameter of an external API at `place`; several for `*args`, none where unpacking
    /// hides which it is.
    pub fn argument(&self, call: &Call, api: &Api, place: usize) -> Vec<Node> {
        let Some(param) = api.params.get(place) else {
            return Vec::new();
        };
        let keyword = call.args.iter().find(|arg| match arg.kind {
            ArgKind::Keyword(sym) => self.text(sym) == param.name,
            _ => false,
        });
        if let Some(arg) = keyword {
            return vec![arg.node];
        }
        if param.keyword_only || param.double_star {
            return Vec::new();
        }
        let by_place = |arg: &&Arg| matches!(arg.kind, ArgKind::Positional | ArgKind::Star);
        let list = call.args.iter().filter(by_place).skip(place);
        if param.star {
            return list.map(|arg| arg.node).collect();
        }
        let mut before = call.args.iter().take(place + 1);
        if before.any(|arg| arg.kind == ArgKind::Star) {
            return Vec::new();
        }
        list.take(1).map(|arg| arg.node).collect()
    }

    fn star_arguments(&self, index: u32, api: &Api, place: usize) -> Vec<Arg> {
        let Some(param) = api.params.get(place) else {
            return Vec::new();
        };
        if !param.star {
            // `Thread(target=f, args=(a, b))`: one argument holds them all.
            return self.linked.calls[index as usize]
                .args
                .iter()
                .enumerate()
                .filter(|(at, arg)| match arg.kind {
                    ArgKind::Positional => *at == place,
                    ArgKind::Keyword(sym) => self.text(sym) == param.name,
                    _ => false,
                })
                .map(|(_, arg)| Arg {
                    kind: ArgKind::Star,
                    node: arg.node,
                })
                .collect();
        }
        self.linked.calls[index as usize]
            .args
            .iter()
            .filter(|arg| matches!(arg.kind, ArgKind::Positional | ArgKind::Star))
            .skip(place)
            .copied()
            .collect()
    }

    /// What is handed on by name: the keyword arguments that no parameter is named for, or the items of the one argument
    /// that holds them all, as in `Thread(target=f, kwargs={"a": 1})`.
    fn keyword_arguments(&self, index: u32, api: &Api, place: usize) -> Vec<Arg> {
        if api.params.get(place).is_some_and(|it| !it.double_star) {
            let given = self.argument(&self.linked.calls[index as usize], api, place);
            let kind = ArgKind::DoubleStar;
            return given.into_iter().map(|node| Arg { kind, node }).collect();
        }
        self.linked.calls[index as usize]
            .args
            .iter()
            .filter(|arg| match arg.kind {
                ArgKind::Keyword(sym) => {
                    let name = self.text(sym);
                    !api.params.iter().any(|param| param.name == name)
                }
                ArgKind::DoubleStar => true,
                _ => false,
            })
            .copied()
            .collect()
    }
}

/// By what a typed value is made.
#[derive(Clone, Copy)]
pub(super) struct Made<'a> {
    /// The call, or [`CallId::NONE`]'s number.
    pub(super) index: u32,
    /// The API called.
    pub(super) api: Option<&'a Api>,
    /// The object whose member it is.
    pub(super) receiver: Option<ValueId>,
}

impl Made<'_> {
    /// By no call that is known.
    pub(super) fn member(receiver: Option<ValueId>) -> Self {
        Made {
            index: CallId::NONE.0,
            api: None,
            receiver,
        }
    }
}
