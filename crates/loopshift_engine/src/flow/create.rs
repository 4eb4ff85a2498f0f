//! What runs when a class statement does: metaclasses, `__init_subclass__`, `__set_name__`.

use super::value::{Value, ValueId};
use super::{Flow, MroEntry};
use crate::ir::{Arg, ArgKind, ClassId, ContainerKind, FuncId, Key, Node, Sym};

impl Flow<'_> {
    /// `Cls.name = value`, where the class is plain to see, is as good as a binding in its body.
    pub(super) fn class_stores(&mut self) {
        for index in 0..self.linked.stores.len() {
            let store = self.linked.stores[index];
            for value in self.values_of(store.base).collect::<Vec<_>>() {
                if let Value::Class(class) = value
                    && !self.attrs.contains_key(&(class, store.attr))
                {
                    let node = self.new_node();
                    self.attrs.insert((class, store.attr), node);
                    self.defined.insert(store.attr);
                }
            }
        }
    }

    /// Calls what defining each class calls.
    pub(super) fn create_classes(&mut self) {
        self.find_metaclasses();
        for index in 0..self.linked.classes.len() {
            let class = ClassId(u32::try_from(index).unwrap_or(u32::MAX));
            let owner = self.linked.classes[index].parent;
            if let Some(meta) = self.metaclasses.get(&class).copied() {
                for name in ["__new__", "__init__"] {
                    self.call_on_class(class, meta, name, owner);
                }
            }
            self.init_subclass(class, owner);
            if self.is_enum(class) {
                let instance = self.values.id(Value::Instance(class));
                let scratch = Node::NONE;
                self.call_method(instance, class, "__init__", &[], scratch, owner);
            }
        }
        let Some(set_name) = self.defined_name("__set_name__") else {
            return;
        };
        let mut attrs: Vec<((ClassId, Sym), Node)> =
            self.attrs.iter().map(|(key, node)| (*key, *node)).collect();
        attrs.sort_unstable();
        for ((class, attr), node) in attrs {
            if attr != set_name {
                self.constrain(node, super::Constraint::SetName(class));
            }
        }
    }

    fn find_metaclasses(&mut self) {
        let Some(keyword) = self.linked.symbols.find("metaclass") else {
            return;
        };
        let mut own = Vec::new();
        for class in &self.linked.classes {
            let node = class
                .keywords
                .iter()
                .find(|(name, _)| *name == keyword)
                .map_or(Node::NONE, |(_, node)| *node);
            own.push(self.values_of(node).find_map(|value| match value {
                Value::Class(meta) => Some(meta),
                _ => None,
            }));
        }
        for index in 0..own.len() {
            let class = ClassId(u32::try_from(index).unwrap_or(u32::MAX));
            let meta = self
                .own_mro(class)
                .iter()
                .find_map(|base| own[base.0 as usize]);
            if let Some(meta) = meta {
                self.metaclasses.insert(class, meta);
            }
        }
    }

    /// Calls a method of the metaclass with the class as its receiver.
    pub(super) fn call_on_class(
        &mut self,
        class: ClassId,
        meta: ClassId,
        name: &str,
        owner: FuncId,
    ) {
        let scratch = Node::NONE;
        let receiver = if name == "__new__" { meta } else { class };
        let receiver = self.values.id(Value::Class(receiver));
        let args = self.made_of(class);
        self.call_method(receiver, meta, name, &args, scratch, owner);
    }

    /// What a metaclass is given for a class: its name, its bases, and what its body binds.
    fn made_of(&mut self, class: ClassId) -> [Node; 3] {
        let made = &self.linked.classes[class.0 as usize];
        let name = made.qualname.rsplit('.').next().unwrap_or_default();
        let (name, attrs) = (name.to_owned(), made.attrs.clone());
        let text = Value::Str(self.sym(&name));
        let body = self.new_container(ContainerKind::Dict);
        for (attr, node) in attrs {
            let item = self.item(body, Key::Str(attr));
            self.edge(node, item);
        }
        let (named, bound) = (self.new_node(), self.new_node());
        self.add(named, text);
        self.add(bound, Value::Container(body));
        [named, Node::NONE, bound]
    }

    fn init_subclass(&mut self, class: ClassId, owner: FuncId) {
        let Some(hook) = self.defined_name("__init_subclass__") else {
            return;
        };
        let Ok((_, node)) = self.class_attr_after(class, class, hook) else {
            return;
        };
        let receiver = self.values.id(Value::Class(class));
        let metaclass = self.linked.symbols.find("metaclass");
        let args: Box<[Arg]> = self.linked.classes[class.0 as usize]
            .keywords
            .iter()
            .filter(|(name, _)| Some(*name) != metaclass)
            .map(|(name, node)| Arg {
                kind: ArgKind::Keyword(*name),
                node: *node,
            })
            .collect();
        let callee = self.new_node();
        self.constrain(
            node,
            super::Constraint::Bind(receiver, callee, FuncId::NONE),
        );
        let scratch = Node::NONE;
        self.make_call(u32::MAX, callee, args, scratch, owner);
    }

    /// A value is bound in the body of a class.
    pub(super) fn set_name(&mut self, class: ClassId, id: ValueId) {
        if let Value::Instance(of) = self.values.get(id) {
            let owner = self.linked.classes[class.0 as usize].parent;
            let this = self.new_node();
            self.add(this, Value::Class(class));
            let scratch = Node::NONE;
            self.call_method(id, of, "__set_name__", &[this], scratch, owner);
        }
    }

    /// The symbol of a method name, if any class of ours defines it.
    pub(super) fn defined_name(&self, name: &str) -> Option<Sym> {
        let sym = self.linked.symbols.find(name)?;
        self.defined.contains(sym).then_some(sym)
    }

    /// Whether the class is an enumeration: its members are its instances.
    pub(super) fn is_enum(&self, class: ClassId) -> bool {
        self.enums[class.0 as usize]
    }

    /// Whether instances are tuples of their annotated names.
    pub(super) fn is_named_tuple(&self, class: ClassId) -> bool {
        self.mro[class.0 as usize].iter().any(|entry| {
            matches!(entry, MroEntry::External(sym) if self.text(*sym) == "typing.NamedTuple")
        })
    }

    /// The annotated names of a class and its bases, in the order of a generated `__init__`.
    pub(super) fn all_fields(&self, class: ClassId) -> Vec<(Sym, Node)> {
        let mut fields: Vec<(Sym, Node)> = Vec::new();
        for class in self.own_mro(class).into_iter().rev() {
            for (name, node) in &self.linked.classes[class.0 as usize].fields {
                match fields.iter_mut().find(|(known, _)| known == name) {
                    Some(known) => known.1 = *node,
                    None => fields.push((*name, *node)),
                }
            }
        }
        fields
    }
}
