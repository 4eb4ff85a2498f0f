//! Annotations: what they say stands in where no value has come up.

use rustc_hash::{FxHashMap, FxHashSet};

use super::value::Value;
use super::{Constraint, FieldOwner, Flow};
use crate::ir::{Annotation, ClassId, Node, Sym};

/// Which annotations are used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Annotated {
    /// Those of parameters of functions that nobody is seen to call.
    Uncalled,
    /// Those of all that has no value.
    Empty,
    /// Those of what is still unknown, too.
    Unknown,
}

impl Flow<'_> {
    /// Uses annotations where no value has come up.
    pub(super) fn annotate(&mut self, which: Annotated) {
        let all = which == Annotated::Unknown;
        let uncalled: FxHashSet<Node> = match which {
            Annotated::Uncalled => (self.linked.functions.iter().zip(&self.called))
                .filter(|(_, called)| !**called)
                .flat_map(|(function, _)| function.params.iter().map(|param| param.node))
                .collect(),
            Annotated::Empty | Annotated::Unknown => FxHashSet::default(),
        };
        let defaults = self.left_to_defaults();
        let declared = self.declared();
        for index in 0..self.linked.annotations.len() {
            let node = self.linked.annotations[index].0;
            if which == Annotated::Uncalled && !uncalled.contains(&node) || defaults.contains(&node)
            {
                continue;
            }
            if let Some((class, attr)) = declared.get(&node) {
                let given = self.given_to(*class, *attr);
                for value in &given {
                    // What a class has is bound to its instances, but for objects.
                    if matches!(value, Value::Object(..)) {
                        self.add(node, *value);
                    }
                }
                if !given.is_empty() {
                    continue;
                }
            }
            let mut known = self.set(node).iter();
            if known.any(|id| !matches!(self.values.get(*id), Value::Unknown(_))) {
                continue;
            }
            let annotation = self.linked.annotations[index].1.clone();
            self.annotation(&annotation, node, all);
        }
    }

    /// The parameters of functions that are called, which every call leaves to their default: they have that, and what is said
    /// of the rest speaks of nothing.
    fn left_to_defaults(&self) -> FxHashSet<Node> {
        (self.linked.functions.iter().zip(&self.called))
            .filter(|(_, called)| **called)
            .flat_map(|(function, _)| &function.params)
            .filter(|param| param.has_default && !self.given.contains(&param.node))
            .map(|param| param.node)
            .collect()
    }

    /// The attributes that classes annotate, by their nodes: in their bodies, and as `self.x: T = …` in their methods.
    fn declared(&self) -> FxHashMap<Node, (ClassId, Sym)> {
        let annotated: FxHashSet<Node> = self.linked.annotations.iter().map(|it| it.0).collect();
        let stores = self.linked.stores.iter();
        let set = stores
            .filter(|store| annotated.contains(&store.from))
            .filter_map(|store| Some((store.from, (store.class?, store.attr))));
        let classes = (0..).map(ClassId).zip(&self.linked.classes);
        classes
            .flat_map(|(class, it)| {
                it.fields
                    .iter()
                    .map(move |(attr, node)| (*node, (class, *attr)))
            })
            .chain(set)
            .collect()
    }

    /// What instances of a class, of its bases and its subclasses are given as an attribute, as far as it is known: what the
    /// body of the class says of the attribute speaks of that, and does not stand in for it.
    fn given_to(&self, class: ClassId, attr: Sym) -> Vec<Value> {
        let mut classes = self.own_mro(class);
        let mut seen: FxHashSet<ClassId> = classes.iter().copied().collect();
        let mut todo = vec![class];
        while let Some(class) = todo.pop() {
            let subclasses = self.subclasses(class).iter().copied();
            todo.extend(subclasses.filter(|class| seen.insert(*class)));
            classes.push(class);
        }
        let owners = classes.into_iter().map(FieldOwner::Class);
        let fields = owners.filter_map(|owner| self.fields.get(&(owner, attr)));
        let values = fields.flat_map(|field| self.values_of(*field));
        values
            .filter(|value| !matches!(value, Value::Unknown(_)))
            .collect()
    }

    fn annotation(&mut self, annotation: &Annotation, node: Node, all: bool) {
        match annotation {
            Annotation::Instance(class) => self.constrain(*class, Constraint::Instance(node)),
            Annotation::Class(class) => self.edge(*class, node),
            Annotation::Union(parts) => {
                for part in parts {
                    self.annotation(part, node, all);
                }
            }
            Annotation::Container(kind, element) => {
                if all {
                    return;
                }
                let kind = match self.text(*kind) {
                    "dict" => crate::ir::ContainerKind::Dict,
                    _ => crate::ir::ContainerKind::List,
                };
                let container = self.new_container(kind);
                let elements = self.linked.containers[container.0 as usize].elements;
                self.annotation(element, elements, all);
                self.add(node, Value::Container(container));
            }
            Annotation::Unknown => {}
        }
    }
}
