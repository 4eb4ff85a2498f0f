//! Value flow: which values each node may have, found by propagating them along constraints.
//!
//! The analysis covers the whole program, keeps attributes by class, and follows calls as their
//! callees become known. It only ever adds values, so the result does not depend on the order.

mod annotated;
mod attr;
mod attributes;
mod bases;
mod builtin;
mod call;
mod choice;
mod class;
mod constraints;
mod create;
mod derived;
mod dispatch;
mod external;
pub(crate) mod fixtures;
mod given;
pub(crate) mod library;
mod methods;
mod missing;
mod names;
mod narrow;
mod operator;
mod protocol;
mod sets;
mod shared;
mod solve;
mod special;
mod store;
mod subscript;
pub mod value;

pub(crate) use attributes::Attributes;
pub use class::MroEntry;
pub use library::raising;
pub use names::is_builtin;
pub use solve::{Hidden, solve};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::externals::{Api, Collected, Externals};
use crate::ir::{ClassId, Container, ContainerId, ContainerKind, FuncId, Key, Node, Reason, Sym};
use crate::link::Linked;
use constraints::{Dynamic, Static};
use sets::{Names, Sets};
use value::{CallId, Value, ValueId, Values};

/// More values than this at one node are no longer told apart.
const SET_LIMIT: usize = 48;

/// More values than this, and constants and containers are no longer added.
const PLAIN_LIMIT: usize = 12;

/// What a call reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A function of ours.
    Func(FuncId),
    /// An external one.
    External(Sym),
}

impl Target {
    /// The function, where it is one of ours.
    pub fn function(self) -> Option<FuncId> {
        match self {
            Target::Func(func) => Some(func),
            Target::External(_) => None,
        }
    }
}

/// A constraint waiting for values of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Constraint {
    /// Values go to this node, too.
    Copy(Node),
    Load(u32),
    Store(u32),
    /// The node is what the call calls.
    Callee(u32),
    Subscript(u32),
    /// The node is the key.
    Key(u32),
    Protocol(u32),
    /// Classes within classes go to this node.
    Nested(Node),
    /// Instances of the classes at this node go to the other.
    Instance(Node),
    /// The node is tested for its class.
    Narrow(u32),
    /// The node is the right side of an operator whose left side has no method.
    Reflect(u32),
    /// The node is an argument of a builtin that looks at its values.
    Given(given::Given, u32),
    /// The node is what the body of the class binds a name to: `__set_name__` is called.
    SetName(ClassId),
    /// The node is the receiver of a `super()` call.
    SuperSelf(u32),
    /// The node is what `__iter__` returned: its `__next__` is called for.
    Next(u32),
    /// The contents of containers at this node go to the elements of this one.
    Merge(ContainerId),
    /// Methods bind to this receiver on the way to the node.
    Bind(ValueId, Node, FuncId),
    /// The same, read through the class.
    ClassBind(ValueId, Node),
    /// The node is what `__new__` returned for the class: new objects of it go to the other.
    Made(ClassId, Node),
}

/// Whose member a name is, as far as its full name depends on that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Member {
    /// Whatever stands behind the name.
    Plain(Sym),
    /// An external symbol, by its canonical name.
    Canonical(Sym),
    /// An external class, or the base of it that has the member.
    Class(Sym),
    /// A type of Python's own.
    Builtin(&'static str),
}

/// What an attribute belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FieldOwner {
    Class(ClassId),
    /// What is set on a class itself.
    Shared(ClassId),
    External(Sym),
    Func(FuncId),
}

/// The state of the analysis, and afterwards its result.
pub struct Flow<'a> {
    /// The program's facts. Calls and nodes are added on the way.
    pub linked: Linked,
    /// What is known of external code.
    pub externals: &'a dyn Externals,
    /// All values.
    pub values: Values,
    sets: Sets,
    constraints: Static,
    dynamic: Dynamic,
    work: Vec<(Node, ValueId)>,
    /// Linearised bases of each class.
    pub mro: Vec<Vec<MroEntry>>,
    /// The first external base of each class that may have what none of ours defines.
    outside: Vec<Option<Sym>>,
    /// The classes that are enumerations.
    enums: Vec<bool>,
    attrs: FxHashMap<(ClassId, Sym), Node>,
    fields: FxHashMap<(FieldOwner, Sym), Node>,
    /// Where the attributes that instances of a class are given are read.
    readers: FxHashMap<(ClassId, Sym), Vec<Node>>,
    /// Reads of attributes that the class does not have.
    missing: FxHashSet<(Node, ClassId, Sym)>,
    stored: Names,
    self_stored: FxHashSet<(ClassId, Sym)>,
    connected: FxHashSet<(u32, FuncId, ValueId)>,
    called: Vec<bool>,
    apis: FxHashMap<Sym, Option<&'a Api>>,
    /// The names of members, by those of their owners and their own.
    members: FxHashMap<(Member, Sym), Sym>,
    partials: FxHashSet<(u32, CallId)>,
    /// How often a written call has called each object in the course of calling others.
    nested: FxHashMap<(CallId, ValueId), u8>,
    items: FxHashMap<(ContainerId, Key), Node>,
    /// All that a container holds, where somebody reads it so.
    wholes: FxHashMap<ContainerId, Node>,
    /// Where what stands at a constant place of a container goes.
    places: FxHashMap<ContainerId, Vec<Node>>,
    /// Containers whose contents may stand at other places than they were put.
    shifted: FxHashSet<ContainerId>,
    /// Calls that stand in no text: protocols, properties, callbacks of builtins.
    pub hidden: FxHashSet<(FuncId, Target)>,
    /// How many calls stand in the text; the rest were made on the way.
    pub written_calls: usize,
    /// The written call behind each made one.
    made_from: FxHashMap<u32, CallId>,
    /// Instances that unknown code may be handed, by the calls that hand them over.
    done: FxHashSet<(u32, ValueId)>,
    /// What an object of an external class holds or results in: `T` of `asyncio.Task[T]`.
    holds: FxHashMap<ValueId, Vec<Node>>,
    /// What was put into an object of an external class: the items of a queue.
    kept: FxHashMap<ValueId, Node>,
    /// What the methods give that the external bases of an instance call.
    hooked: FxHashMap<ValueId, Node>,
    /// Values that some crowded node does not show.
    pub left_out: FxHashSet<ValueId>,
    /// Descriptors that writes have gone through.
    described: FxHashSet<(Node, ValueId, ValueId)>,
    /// New constraints, with the values that their nodes had before.
    pending: std::collections::VecDeque<(Constraint, Node, ValueId)>,
    in_first_stage: bool,
    deferred: Vec<(Constraint, Node, ValueId)>,
    subclasses: FxHashMap<ClassId, Vec<ClassId>>,
    /// The metaclass of each class that has one of ours.
    pub metaclasses: FxHashMap<ClassId, ClassId>,
    /// Containers that are no plain lists, dicts or tuples: `collections.deque`.
    container_types: FxHashMap<ContainerId, Sym>,
    /// Every name that some class of ours defines.
    defined: Names,
    special: special::Special,
    /// What `except` clauses bind, by class.
    handlers: FxHashMap<ClassId, Vec<Node>>,
    /// Attributes that `setattr` set after loads had been followed.
    late_stored: FxHashSet<Sym>,
    /// What makes properties and the like: known before anything else is called.
    descriptors: FxHashSet<Sym>,
    /// What a runner of tests calls.
    collected: FxHashMap<FuncId, Collected>,
    /// What instances of classes hold that derive from containers.
    held: FxHashMap<ClassId, Option<ContainerId>>,
    /// The functions that others may be registered with, for other classes.
    dispatching: FxHashSet<FuncId>,
    /// The names of what is set on classes that are got as values.
    shared: FxHashSet<Sym>,
    /// The parameters with a default for which some call has an argument.
    given: FxHashSet<Node>,
}

impl<'a> Flow<'a> {
    /// The values of a node; none for [`Node::NONE`].
    #[inline]
    pub fn set(&self, node: Node) -> &[ValueId] {
        self.sets.get(node)
    }

    /// The values of a node, resolved.
    #[inline]
    pub fn values_of(&self, node: Node) -> impl Iterator<Item = Value> + '_ {
        self.set(node).iter().map(|id| self.values.get(*id))
    }

    /// The text of a symbol.
    #[inline]
    pub fn text(&self, sym: Sym) -> &str {
        self.linked.symbols.text(sym)
    }

    pub(crate) fn sym(&mut self, text: &str) -> Sym {
        self.linked.symbols.sym(text)
    }

    pub(crate) fn new_node(&mut self) -> Node {
        let node = Node(self.linked.nodes);
        self.linked.nodes += 1;
        self.sets.add_node();
        node
    }

    /// Adds a value to a node.
    pub(crate) fn add(&mut self, node: Node, value: Value) {
        let id = self.values.id(value);
        self.add_id(node, id);
    }

    pub(crate) fn add_id(&mut self, node: Node, id: ValueId) {
        if !node.is_some() {
            return;
        }
        let set = self.sets.get(node);
        if sets::has(set, id) {
            return;
        }
        if set.len() >= PLAIN_LIMIT && (set.len() >= SET_LIMIT || self.values.is_plain(id)) {
            self.crowd(node, id);
            return;
        }
        self.sets.push(node, id);
        self.work.push((node, id));
    }

    /// A node has too many values: that there are more is all that is kept.
    fn crowd(&mut self, node: Node, left_out: ValueId) {
        self.left_out.insert(left_out);
        let dynamic = self.values.id(Value::Unknown(Reason::Dynamic));
        if !self.sets.get(node).contains(&dynamic) {
            self.sets.push(node, dynamic);
            self.work.push((node, dynamic));
        }
    }

    /// Adds a constraint, and applies it to the values that are there.
    pub(crate) fn constrain(&mut self, node: Node, constraint: Constraint) {
        if !node.is_some() || constraint == Constraint::Copy(node) {
            return;
        }
        if !self.dynamic.insert(node, constraint) {
            return;
        }
        for place in 0..self.set(node).len() {
            let id = self.set(node)[place];
            match constraint {
                Constraint::Copy(to) => self.add_id(to, id),
                // Not at once: what it adds may add more, deeper than any stack.
                _ => self.pending.push_back((constraint, node, id)),
            }
        }
    }

    pub(crate) fn edge(&mut self, from: Node, to: Node) {
        if from.is_some() && to.is_some() {
            self.constrain(from, Constraint::Copy(to));
        }
    }

    pub(crate) fn unknown(&mut self, node: Node, reason: Reason) {
        self.add(node, Value::Unknown(reason));
    }

    /// A container made by the analysis itself.
    pub(crate) fn new_container(&mut self, kind: ContainerKind) -> ContainerId {
        let elements = self.new_node();
        let keys = if kind == ContainerKind::Dict {
            self.new_node()
        } else {
            Node::NONE
        };
        let id = ContainerId(u32::try_from(self.linked.containers.len()).unwrap_or(u32::MAX));
        self.linked.containers.push(Container {
            kind,
            elements,
            keys,
            items: Vec::new(),
            range: loopshift_python::TextRange::default(),
        });
        id
    }

    /// The attribute of a class, an external symbol or a function, as a node.
    pub(crate) fn field(&mut self, owner: FieldOwner, attr: Sym) -> Node {
        if let Some(node) = self.fields.get(&(owner, attr)) {
            return *node;
        }
        let node = self.new_node();
        self.fields.insert((owner, attr), node);
        if let FieldOwner::Class(class) = owner {
            self.meet_readers(class, attr, node);
        }
        node
    }

    /// The attributes that classes of ours set on their instances, with their nodes.
    pub(crate) fn instance_fields(&self) -> impl Iterator<Item = (Sym, Node)> + '_ {
        let fields = self.fields.iter();
        fields.filter_map(|((owner, attr), node)| {
            matches!(owner, FieldOwner::Class(_)).then_some((*attr, *node))
        })
    }

    /// What is known of an external symbol.
    pub fn api(&mut self, sym: Sym) -> Option<&'a Api> {
        if let Some(api) = self.apis.get(&sym) {
            return *api;
        }
        let api = self.externals.api(self.linked.symbols.text(sym));
        self.apis.insert(sym, api);
        api
    }

    /// The canonical symbol of a dotted external name.
    pub(crate) fn canonical(&mut self, name: &str) -> Sym {
        let canonical = self.externals.canonical(name);
        self.linked.symbols.sym(&canonical)
    }

    /// The full name of a member.
    pub(crate) fn member_of(&mut self, owner: Member, attr: Sym) -> Sym {
        if let Some(sym) = self.members.get(&(owner, attr)) {
            return *sym;
        }
        let sym = match owner {
            Member::Plain(owner) => {
                let full = format!("{}.{}", self.text(owner), self.text(attr));
                self.sym(&full)
            }
            Member::Canonical(owner) => {
                let full = format!("{}.{}", self.text(owner), self.text(attr));
                self.canonical(&full)
            }
            Member::Class(owner) => self.inherited(owner, attr),
            Member::Builtin(ty) => {
                let full = format!("<builtin>.{ty}.{}", self.text(attr));
                self.sym(&full)
            }
        };
        self.members.insert((owner, attr), sym);
        sym
    }

    /// Whether some call in the program reaches the function.
    pub fn is_called(&self, func: FuncId) -> bool {
        self.called[func.0 as usize]
    }

    /// What a runner of tests calls the function for, if it does.
    pub fn collected(&self, func: FuncId) -> Option<Collected> {
        self.collected.get(&func).copied()
    }

    /// The written call that a made one stands for.
    pub fn written(&self, call: CallId) -> CallId {
        let mut call = call;
        while let Some(from) = self.made_from.get(&call.0) {
            call = *from;
        }
        call
    }

    /// The direct subclasses of a class that the program defines.
    pub fn subclasses(&self, class: ClassId) -> &[ClassId] {
        self.subclasses.get(&class).map_or(&[], |list| list)
    }
}
