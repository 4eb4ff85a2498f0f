//! Where objects of external classes may be. Rules ask for the objects of one class after the other, and most of a
//! program has to do with none of them: it is walked once, for all classes.

use rustc_hash::{FxHashMap, FxHashSet};

use super::outside;
use crate::flow::Flow;
use crate::flow::value::{Value, ValueId};
use crate::ir::{ContainerId, Node, Sym};

/// Places in a list of the program, by whose objects or which container may be there; in ascending order.
pub(super) type Places<K> = FxHashMap<K, Vec<u32>>;

/// Where objects and containers may be.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// The classes of all objects.
    pub(super) classes: FxHashSet<Sym>,
    /// The module and the place in its list of each expression that may be an object or a member of one.
    pub(super) exprs: Vec<(u32, u32)>,
    /// Places in [`Self::exprs`], by class.
    pub(super) exprs_of: Places<Sym>,
    /// Containers that may hold objects of a class.
    pub(super) containers_of: Places<Sym>,
    /// Containers that may hold others, with these.
    pub(super) nested: Vec<(ContainerId, ContainerId)>,
    /// Written calls that may be given objects of a class.
    pub(super) calls_of: Places<Sym>,
    /// Written calls that may be given a container.
    pub(super) calls_with: Places<ContainerId>,
    /// Writes of attributes of what is outside the program, by the class of the objects that may be written.
    pub(super) stores_of: Places<Sym>,
    /// The same with containers.
    pub(super) stores_with: Places<ContainerId>,
    /// Writes of items of what is outside the program, by the class of the objects that may be written.
    pub(super) items_of: Places<Sym>,
    /// The same with containers.
    pub(super) items_with: Places<ContainerId>,
    /// Functions that may return or yield objects of a class.
    pub(super) giving_of: Places<Sym>,
    /// The same with containers.
    pub(super) giving_with: Places<ContainerId>,
    /// The attributes of classes of ours that may hold objects of a class.
    pub(super) fields_of: FxHashMap<Sym, Vec<(Sym, Node)>>,
    /// Reads of attributes of what is not known, by the attribute.
    pub(super) unknown_loads: Places<Sym>,
    /// Reads of attributes of what these give.
    pub(super) loads_of: Places<Node>,
    /// The containers in what was left out where too many values meet.
    pub(super) hidden_containers: FxHashSet<ContainerId>,
    /// The objects there.
    pub(super) hidden: FxHashSet<ValueId>,
}

impl Index {
    /// Walks the program.
    pub(crate) fn new(flow: &Flow<'_>) -> Self {
        let mut index = Index::default();
        for value in flow.values.iter() {
            if let Value::Object(class, _) = value {
                index.classes.insert(class);
            }
        }
        index.exprs(flow);
        index.containers(flow);
        index.given(flow);
        index.attributes(flow);
        index.left_out(flow);
        index
    }

    fn exprs(&mut self, flow: &Flow<'_>) {
        for (module, facts) in (0..).zip(&flow.linked.modules) {
            for (expr, (_, node)) in (0..).zip(&facts.exprs) {
                let place = u32::try_from(self.exprs.len()).unwrap_or(u32::MAX);
                let mut counts = false;
                for value in flow.values_of(*node) {
                    let object = match value {
                        Value::ExternalBound(_, receiver) => flow.values.get(receiver),
                        value => value,
                    };
                    if let Value::Object(class, _) = object {
                        add(&mut self.exprs_of, class, place);
                        counts = true;
                    }
                }
                if counts {
                    self.exprs.push((module, expr));
                }
            }
        }
    }

    fn containers(&mut self, flow: &Flow<'_>) {
        for (place, container) in (0..).zip(&flow.linked.containers) {
            for node in container.contents() {
                for value in flow.values_of(node) {
                    match value {
                        Value::Object(class, _) => add(&mut self.containers_of, class, place),
                        Value::Container(inner) if inner != ContainerId(place) => {
                            self.nested.push((ContainerId(place), inner));
                        }
                        _ => {}
                    }
                }
            }
            for value in flow.values_of(container.keys) {
                if let Value::Object(class, _) = value {
                    add(&mut self.containers_of, class, place);
                }
            }
        }
    }

    fn given(&mut self, flow: &Flow<'_>) {
        let written = flow.linked.call_files.len();
        for (place, call) in (0..).zip(flow.linked.calls.iter().take(written)) {
            for arg in &call.args {
                let (classes, containers) = (&mut self.calls_of, &mut self.calls_with);
                reached(flow, arg.node, classes, containers, place);
            }
        }
        // What functions that the engine follows call with it: `map(operator.itemgetter("task"), rows)`.
        for (place, call) in (0..).zip(&flow.linked.calls).skip(written) {
            if !flow.values_of(call.callee).any(is_strange) {
                continue;
            }
            for arg in &call.args {
                let (classes, containers) = (&mut self.calls_of, &mut self.calls_with);
                reached(flow, arg.node, classes, containers, place);
            }
        }
    }

    fn attributes(&mut self, flow: &Flow<'_>) {
        let is_unknown = |value: Value| matches!(value, Value::Unknown(_));
        for (place, store) in (0..).zip(&flow.linked.stores) {
            if outside(flow, store.base).is_some() {
                let (classes, containers) = (&mut self.stores_of, &mut self.stores_with);
                reached(flow, store.from, classes, containers, place);
            }
        }
        for (place, write) in (0..).zip(&flow.linked.subscripts) {
            if write.store && super::lost::as_item(flow, write.base).is_some() {
                let (classes, containers) = (&mut self.items_of, &mut self.items_with);
                reached(flow, write.value, classes, containers, place);
            }
        }
        for (place, function) in (0..).zip(&flow.linked.functions) {
            for node in [function.ret, function.yields] {
                let (classes, containers) = (&mut self.giving_of, &mut self.giving_with);
                reached(flow, node, classes, containers, place);
            }
        }
        for (attr, node) in flow.instance_fields() {
            let mut classes: Vec<Sym> = Vec::new();
            for value in flow.values_of(node) {
                if let Value::Object(class, _) = value
                    && !classes.contains(&class)
                {
                    classes.push(class);
                }
            }
            for class in classes {
                self.fields_of.entry(class).or_default().push((attr, node));
            }
        }
        let mut results: FxHashSet<Node> = FxHashSet::default();
        for (place, load) in (0..).zip(&flow.linked.loads) {
            let mut values = flow.values_of(load.base).peekable();
            let is_opaque = |value| match value {
                // What a function of a library gives may be, or hold, what it was given.
                Value::External(name) => flow.text(name).contains("()"),
                other => is_unknown(other),
            };
            if values.peek().is_some() && values.all(is_opaque) {
                add(&mut self.unknown_loads, load.attr, place);
                results.insert(load.to);
            }
        }
        for (place, load) in (0..).zip(&flow.linked.loads) {
            if results.contains(&load.base) {
                add(&mut self.loads_of, load.base, place);
            }
        }
    }

    fn left_out(&mut self, flow: &Flow<'_>) {
        let mut seen = FxHashSet::default();
        let mut todo: Vec<ValueId> = flow.left_out.iter().copied().collect();
        while let Some(id) = todo.pop() {
            if !seen.insert(id) {
                continue;
            }
            match flow.values.get(id) {
                Value::Container(container) => {
                    self.hidden_containers.insert(container);
                }
                Value::Iterator(node) | Value::Awaitable(node) | Value::Manager(node) => {
                    self.hidden.extend(flow.set(node).iter().copied());
                    todo.extend(flow.set(node).iter().copied());
                }
                Value::ExternalBound(_, receiver) => {
                    self.hidden.insert(receiver);
                }
                _ => {}
            }
            if let Some(kept) = flow.kept_in(id) {
                self.hidden.extend(flow.set(kept).iter().copied());
                todo.extend(flow.set(kept).iter().copied());
            }
        }
    }
}

/// Whether what is called is none of the program's functions.
fn is_strange(value: Value) -> bool {
    matches!(
        value,
        Value::Unknown(_) | Value::External(_) | Value::ExternalBound(..) | Value::Object(..)
    )
}

/// What going through an iterator gives.
pub(super) fn gone_through(flow: &Flow<'_>, value: Value) -> Option<Node> {
    match value {
        Value::Iterator(item) => Some(item),
        Value::Generator(func) => Some(flow.linked.functions[func.0 as usize].yields),
        _ => None,
    }
}

/// Adds a place to the lists of the objects and containers at a node. A queue takes along what was put into it.
fn reached(
    flow: &Flow<'_>,
    node: Node,
    classes: &mut Places<Sym>,
    containers: &mut Places<ContainerId>,
    place: u32,
) {
    let kept = flow.set(node).iter().filter_map(|id| flow.kept_in(*id));
    let iterated = flow
        .values_of(node)
        .filter_map(|value| gone_through(flow, value));
    for node in std::iter::once(node).chain(kept).chain(iterated) {
        for value in flow.values_of(node) {
            match value {
                Value::Object(class, _) => add(classes, class, place),
                Value::Container(inner) => add(containers, inner, place),
                _ => {}
            }
        }
    }
}

/// Adds a place to the list of a key, once.
fn add<K: Eq + std::hash::Hash>(places: &mut Places<K>, key: K, place: u32) {
    let list = places.entry(key).or_default();
    if list.last() != Some(&place) {
        list.push(place);
    }
}

/// The places of all these keys, in ascending order.
pub(super) fn places_of<'k, K: Eq + std::hash::Hash + 'k>(
    places: &Places<K>,
    keys: impl IntoIterator<Item = &'k K>,
) -> Vec<u32> {
    let lists = keys.into_iter().filter_map(|key| places.get(key));
    let mut all: Vec<u32> = lists.flatten().copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}
