//! Attributes that a class does not have. Where several classes meet in one variable, only some of which have what is read
//! there, the others raise an error: they give no value.

use rustc_hash::FxHashSet;

use super::value::{Value, ValueId};
use super::{FieldOwner, Flow};
use crate::ir::{ArgKind, ClassId, FuncId, Node, Reason, Sym};

/// What a base class may use is looked for in so many of its subclasses.
const SUBCLASSES: usize = 64;

/// Which objects may have attributes that no class and no assignment names.
#[derive(Default)]
struct Given {
    /// Those of these classes, any name.
    classes: FxHashSet<ClassId>,
    /// Any object, these names.
    names: FxHashSet<Sym>,
    /// Any object, any name.
    all: bool,
}

impl Flow<'_> {
    /// An attribute that neither the class nor its bases define.
    pub(super) fn load_missing(
        &mut self,
        base: ValueId,
        class: ClassId,
        attr: Sym,
        to: Node,
        owner: FuncId,
    ) {
        // A base class may use what its subclasses define.
        let mut found = false;
        let near = |list: &[ClassId]| list[..list.len().min(SUBCLASSES)].to_vec();
        let mut queue = near(self.subclasses(class));
        let mut index = 0;
        while index < queue.len() && index < SUBCLASSES {
            let sub = queue[index];
            index += 1;
            if let Some(node) = self.attrs.get(&(sub, attr)).copied() {
                let receiver = self.values.id(Value::Instance(sub));
                self.bind_from(node, receiver, to, owner);
                found = true;
            }
            if self.self_stored.contains(&(sub, attr)) {
                let field = self.field(FieldOwner::Class(sub), attr);
                self.edge(field, to);
                found = true;
            }
            queue.extend(near(self.subclasses(sub)));
        }
        if !found && !self.call_getattr(base, class, attr, to, owner) && to.is_some() {
            self.missing.insert((to, class, attr));
        }
    }

    /// What was read and is missing is unknown where nothing else was found, or where the object may have it all the same.
    pub(super) fn seed_missing(&mut self) {
        let mut missing: Vec<_> = self.missing.iter().copied().collect();
        if missing.is_empty() {
            return;
        }
        missing.sort_unstable();
        let given = self.given_unseen();
        for (to, class, attr) in missing {
            let has = |class: ClassId| given.classes.contains(&class);
            if self.set(to).is_empty()
                || given.all
                || given.names.contains(&attr)
                || !self.is_all_ours(class)
                || self.own_mro(class).into_iter().any(has)
            {
                self.unknown(to, Reason::Attribute);
            }
        }
    }

    /// The objects that are given attributes where it is not seen which, or to what.
    fn given_unseen(&self) -> Given {
        let mut out = Given::default();
        let is_unknown = |node| {
            self.values_of(node)
                .any(|it| matches!(it, Value::Unknown(_)))
        };
        let stores = self.linked.stores.iter();
        out.names = (stores.filter(|store| is_unknown(store.base)))
            .map(|store| store.attr)
            .collect();
        // `x.__dict__` and `super().__setattr__` open the object.
        for name in ["__dict__", "__setattr__"] {
            let Some(name) = self.linked.symbols.find(name) else {
                continue;
            };
            for load in self.linked.loads.iter().filter(|load| load.attr == name) {
                out.open(self, load.base);
                let owner = self.linked.functions.get(load.owner.0 as usize);
                out.classes.extend(owner.and_then(|owner| owner.class));
            }
            let classes = self.attrs.keys().filter(|(_, attr)| *attr == name);
            out.classes.extend(classes.map(|(class, _)| *class));
        }
        let find = |name| self.linked.symbols.find(name);
        let (setattr, vars) = (find("<builtin>.setattr"), find("<builtin>.vars"));
        if setattr.is_none() && vars.is_none() {
            return out;
        }
        for call in &self.linked.calls {
            let calls = |sym: Option<Sym>| {
                sym.is_some_and(|sym| {
                    self.values_of(call.callee)
                        .any(|it| it == Value::External(sym))
                })
            };
            let positional = call.args.iter();
            let mut args = positional.filter(|arg| arg.kind == ArgKind::Positional);
            let first = args.next().map_or(Node::NONE, |arg| arg.node);
            if calls(setattr) {
                let name = args.next().map_or(Node::NONE, |arg| arg.node);
                let mut names = self.values_of(name).peekable();
                if names.peek().is_none() || !names.all(|it| matches!(it, Value::Str(_))) {
                    out.open(self, first);
                }
            } else if calls(vars) {
                out.open(self, first);
            }
        }
        out
    }
}

impl Given {
    /// What a node may be is given attributes of any name.
    fn open(&mut self, flow: &Flow<'_>, node: Node) {
        for value in flow.values_of(node) {
            match value {
                Value::Instance(class) | Value::Class(class) | Value::Super(class, _) => {
                    self.classes.insert(class);
                }
                Value::Unknown(_) => self.all = true,
                _ => {}
            }
        }
    }
}
