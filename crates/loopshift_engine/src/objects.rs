//! Objects of external classes, followed through the whole program.
//!
//! An `asyncio.Queue` that becomes two stream ends must do so everywhere at once: where it is made, kept,
//! passed and used. Objects that may meet in one expression belong together: a [`Cluster`].

mod index;
mod lost;
mod returned;
mod unseen;

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::change::{FileId, Place};
use crate::flow::Flow;
use crate::flow::library::is_open;
use crate::flow::value::{CallId, Value, ValueId};
use crate::ir::{ContainerId, Node, Sym};
use crate::program::Program;

pub(crate) use index::Index;
use index::{Places, gone_through, places_of};

/// Objects that can only be changed together.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// The classes of the objects.
    pub types: Vec<String>,
    /// The calls that make them (the whole call expressions), in order.
    pub sites: Vec<Place>,
    /// Every expression that may be one of them, the sites among them: names, attributes, parameters, targets.
    pub places: Vec<Held>,
    /// Every attribute of one of them that is read: the attribute expression.
    pub members: Vec<Member>,
    /// Where they leave what we see, with the reason; a cluster with escapes is not wholly known.
    pub escapes: Vec<(Place, String)>,
    /// Whether some object comes from outside: from an annotation, or from an API that is no constructor.
    pub from_outside: bool,
    /// Containers that hold them, by where these are made.
    pub containers: Vec<Place>,
}

/// An expression that may be an object of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// The expression.
    pub place: Place,
    /// Whether it can be nothing else, as far as is known. `None` is not counted.
    pub only: bool,
}

/// A member of an object of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// The attribute expression: `self.q.put`.
    pub place: Place,
    /// The canonical name: `asyncio.Queue.put`.
    pub api: String,
    /// Whether it can be nothing else.
    pub only: bool,
}

/// All objects of the classes that `wanted` names, in clusters, in the order of their first site or place.
pub fn clusters(program: &Program<'_>, wanted: impl Fn(&str) -> bool) -> Vec<Cluster> {
    clusters_of(program, wanted, false)
}

/// As [`clusters`], of the objects that calls in the program make. One that is only known by an annotation, which says
/// nothing of where it comes from, ties none of them together.
pub fn made_clusters(program: &Program<'_>, wanted: impl Fn(&str) -> bool) -> Vec<Cluster> {
    clusters_of(program, wanted, true)
}

fn clusters_of(program: &Program<'_>, wanted: impl Fn(&str) -> bool, made: bool) -> Vec<Cluster> {
    let flow = &program.flow;
    let mut groups = Groups::default();
    let index = program.held.get_or_init(|| Index::new(flow));
    let classes: FxHashSet<Sym> = (index.classes.iter().copied())
        .filter(|class| wanted(flow.text(*class)))
        .collect();
    if classes.is_empty() {
        return Vec::new();
    }
    let is_wanted =
        |id: ValueId| matches!(flow.values.get(id), Value::Object(ty, _) if classes.contains(&ty));
    let counts = |id: ValueId| match flow.values.get(id) {
        Value::Object(ty, site) => classes.contains(&ty) && !(made && site == CallId::NONE),
        _ => false,
    };
    let holds = |node: Node| -> Vec<ValueId> {
        let values = flow.set(node).iter().copied();
        values.filter(|id| counts(*id)).collect()
    };
    let mut held: Vec<(ValueId, Held)> = Vec::new();
    let mut members: Vec<(ValueId, Member)> = Vec::new();
    for expr in places_of(&index.exprs_of, &classes) {
        let (module, expr) = index.exprs[expr as usize];
        let (range, node) = flow.linked.modules[module as usize].exprs[expr as usize];
        let place = Place {
            file: FileId(module),
            range,
        };
        let set = flow.set(node);
        let mut first: Option<ValueId> = None;
        for id in set {
            if counts(*id) {
                let only = set.iter().all(|id| is_wanted(*id));
                match first {
                    Some(first) => groups.join(first, *id),
                    None => {
                        groups.root(*id);
                        held.push((*id, Held { place, only }));
                        first = Some(*id);
                    }
                }
            } else if let Value::ExternalBound(sym, receiver) = flow.values.get(*id)
                && counts(receiver)
            {
                let only = set.iter().all(|id| {
                    matches!(flow.values.get(*id), Value::ExternalBound(other, receiver)
                            if other == sym && is_wanted(receiver))
                });
                match first {
                    Some(first) => groups.join(first, receiver),
                    None => {
                        groups.root(receiver);
                        let api = flow.text(sym).to_owned();
                        members.push((receiver, Member { place, api, only }));
                        first = Some(receiver);
                    }
                }
            }
        }
    }
    let containers = holding_containers(program, index, &classes, &holds);
    let mut made_in: Vec<(ValueId, Place)> = Vec::new();
    for (container, objects) in &containers {
        let container = &flow.linked.containers[container.0 as usize];
        for object in objects {
            groups.join(objects[0], *object);
        }
        if let Some(file) = container_file(program, container.elements) {
            made_in.push((
                objects[0],
                Place {
                    file,
                    range: container.range,
                },
            ));
        }
    }
    let mut escapes = escapes(program, index, &classes, &holds, &containers);
    escapes.extend(unseen::members(program, index, &classes, &holds));
    let hidden: FxHashSet<ValueId> = (containers.iter())
        .filter(|(container, _)| index.hidden_containers.contains(container))
        .flat_map(|(_, objects)| objects.iter().copied())
        .collect();
    let mut clusters: BTreeMap<ValueId, Cluster> = BTreeMap::new();
    for id in groups.all() {
        let Value::Object(ty, site) = flow.values.get(id) else {
            continue;
        };
        let cluster = clusters.entry(groups.root(id)).or_default();
        cluster.types.push(flow.text(ty).to_owned());
        match site_place(program, site) {
            Some(place) => cluster.sites.push(place),
            None => cluster.from_outside = true,
        }
        if flow.left_out.contains(&id) || index.hidden.contains(&id) || hidden.contains(&id) {
            let place = cluster.sites.last().copied().unwrap_or(Place {
                file: FileId(0),
                range: loopshift_python::TextRange::default(),
            });
            cluster
                .escapes
                .push((place, "it goes where too many values meet".to_owned()));
        }
    }
    for (id, place) in held {
        clusters
            .entry(groups.root(id))
            .or_default()
            .places
            .push(place);
    }
    for (id, member) in members {
        clusters
            .entry(groups.root(id))
            .or_default()
            .members
            .push(member);
    }
    for (id, place) in made_in {
        clusters
            .entry(groups.root(id))
            .or_default()
            .containers
            .push(place);
    }
    for (id, place, reason) in escapes {
        clusters
            .entry(groups.root(id))
            .or_default()
            .escapes
            .push((place, reason));
    }
    let mut out: Vec<Cluster> = clusters.into_values().collect();
    for cluster in &mut out {
        cluster.types.sort();
        cluster.types.dedup();
        cluster.sites.sort();
        cluster.sites.dedup();
        cluster.places.sort();
        cluster.members.sort();
        cluster.members.dedup();
        cluster.escapes.sort();
        cluster.escapes.dedup();
        cluster.containers.sort();
        cluster.containers.dedup();
    }
    out.sort_by_key(|cluster| {
        (
            cluster.sites.first().copied(),
            cluster.places.first().map(|held| held.place),
        )
    });
    out
}

/// The call in the text that makes the objects of a site; none for those that come from nowhere in particular.
pub fn site_place(program: &Program<'_>, site: CallId) -> Option<Place> {
    if site == CallId::NONE {
        return None;
    }
    let flow = &program.flow;
    let written = flow.written(site).0 as usize;
    let file = *flow.linked.call_files.get(written)?;
    Some(Place {
        file,
        range: flow.linked.calls[written].range,
    })
}

fn container_file(program: &Program<'_>, node: Node) -> Option<FileId> {
    let modules = &program.flow.linked.modules;
    let index = modules.partition_point(|module| module.node_end <= node.0);
    let module = modules.get(index)?;
    (module.node_base <= node.0).then(|| FileId(u32::try_from(index).unwrap_or(u32::MAX)))
}

/// Containers with wanted objects in them, also within other containers.
fn holding_containers(
    program: &Program<'_>,
    index: &Index,
    classes: &FxHashSet<Sym>,
    holds: &impl Fn(Node) -> Vec<ValueId>,
) -> BTreeMap<ContainerId, Vec<ValueId>> {
    let flow = &program.flow;
    let mut found: BTreeMap<ContainerId, Vec<ValueId>> = BTreeMap::new();
    for place in places_of(&index.containers_of, classes) {
        let container = &flow.linked.containers[place as usize];
        let mut objects = holds(container.elements);
        objects.extend(holds(container.keys));
        for (_, node) in &container.items {
            objects.extend(holds(*node));
        }
        if !objects.is_empty() {
            objects.sort_unstable();
            objects.dedup();
            found.insert(ContainerId(place), objects);
        }
    }
    if found.is_empty() {
        return found;
    }
    for _ in 0..3 {
        let mut more: Vec<(ContainerId, Vec<ValueId>)> = Vec::new();
        for (outer, inner) in &index.nested {
            if let Some(objects) = found.get(inner) {
                more.push((*outer, objects.clone()));
            }
        }
        for (id, objects) in more {
            let list = found.entry(id).or_default();
            list.extend(objects);
            list.sort_unstable();
            list.dedup();
        }
    }
    found
}

/// Where wanted objects are handed to code we cannot see.
fn escapes(
    program: &Program<'_>,
    index: &Index,
    classes: &FxHashSet<Sym>,
    holds: &impl Fn(Node) -> Vec<ValueId>,
    containers: &BTreeMap<ContainerId, Vec<ValueId>>,
) -> Vec<(ValueId, Place, String)> {
    let flow = &program.flow;
    let inside = |node: Node, objects: &mut Vec<ValueId>| {
        objects.extend(holds(node));
        for value in flow.values_of(node) {
            if let Value::Container(container) = value
                && let Some(inner) = containers.get(&container)
            {
                objects.extend(inner);
            }
        }
    };
    let reaches = |node: Node| -> Vec<ValueId> {
        let mut objects = Vec::new();
        inside(node, &mut objects);
        for value in flow.values_of(node) {
            if let Some(item) = gone_through(flow, value) {
                inside(item, &mut objects);
            }
        }
        // A queue takes along what was put into it.
        for queue in flow.set(node) {
            if let Some(kept) = flow.kept_in(*queue) {
                inside(kept, &mut objects);
            }
        }
        objects
    };
    let mut out = Vec::new();
    let places = |of: &Places<Sym>, with: &Places<ContainerId>| {
        let mut all = places_of(of, classes);
        all.extend(places_of(with, containers.keys()));
        all.sort_unstable();
        all.dedup();
        all
    };
    for place in places(&index.calls_of, &index.calls_with) {
        let call = &flow.linked.calls[place as usize];
        let written = flow.written(CallId(place)).0 as usize;
        let Some(file) = flow.linked.call_files.get(written).copied() else {
            continue;
        };
        let args = call.args.iter();
        let objects: Vec<ValueId> = args.flat_map(|arg| reaches(arg.node)).collect();
        if objects.is_empty() {
            continue;
        }
        for value in flow.values_of(call.callee) {
            let reason = match value {
                Value::Unknown(_) => {
                    let callee = callee_text(program, file, call.range);
                    format!("it is passed to `{callee}`, which is not known")
                }
                Value::ExternalBound(sym, object)
                    if flow.is_kept(sym, object) || flow.is_of_deque(sym, object) =>
                {
                    continue;
                }
                Value::External(sym) | Value::ExternalBound(sym, _) => {
                    let name = flow.text(sym);
                    let kept = match name.strip_prefix("<builtin>.") {
                        Some(name) => lost::by_builtin(flow, value, name),
                        None => {
                            flow.externals.api(name).is_none_or(|api| api.escapes)
                                && !moves_values(name)
                        }
                    };
                    if !kept {
                        continue;
                    }
                    let name = name.strip_prefix("<builtin>.").unwrap_or(name);
                    format!("it is passed to `{name}`")
                }
                Value::Class(class) if lost::by_class(flow, class) => {
                    let class = &program.class(class).1.qualname;
                    format!("it is passed to `{class}`, whose base keeps it")
                }
                Value::Object(ty, _) => format!("it is passed to an object of `{}`", flow.text(ty)),
                _ => continue,
            };
            let place = Place {
                file,
                range: call.range,
            };
            let found = objects.iter();
            out.extend(found.map(|object| (*object, place, reason.clone())));
        }
    }
    // Kept on objects or modules outside the program, also as items of theirs.
    let mut keep = |from: Node, whose: Option<String>, what: &str| {
        let (Some(whose), Some(file)) = (whose, container_file(program, from)) else {
            return;
        };
        let range = loopshift_python::TextRange::default();
        let reason = format!("it is kept as {what} of {whose}");
        let objects = reaches(from).into_iter();
        out.extend(objects.map(|it| (it, Place { file, range }, reason.clone())));
    };
    for place in places(&index.stores_of, &index.stores_with) {
        let store = &flow.linked.stores[place as usize];
        let attr = flow.text(store.attr);
        let whose = outside(flow, store.base);
        keep(store.from, whose, &format!("`.{attr}`"));
    }
    for place in places(&index.items_of, &index.items_with) {
        let write = &flow.linked.subscripts[place as usize];
        keep(write.value, lost::as_item(flow, write.base), "an item");
    }
    let giving = places(&index.giving_of, &index.giving_with);
    out.extend(returned::objects(program, &giving, &reaches));
    let mut seen = FxHashSet::default();
    out.retain(|(object, place, reason)| seen.insert((*object, *place, reason.clone())));
    out
}

/// The object outside the program that a node may be, in words; one that nothing is known of is none of ours either.
fn outside(flow: &Flow<'_>, base: Node) -> Option<String> {
    let unknown = || "an object that is not known".to_owned();
    let mut values = flow.values_of(base).peekable();
    if values.peek().is_none() {
        return Some(unknown());
    }
    values.find_map(|value| match value {
        Value::Unknown(_) => Some(unknown()),
        Value::External(class) | Value::Object(class, _) | Value::ExternalBound(class, _) => {
            let class = flow.text(class);
            let known = is_open(class) || flow.externals.api(class).is_some();
            (!known).then(|| format!("`{class}`"))
        }
        _ => None,
    })
}

/// Standard functions that the engine follows: what they are given does not leave the program.
fn moves_values(name: &str) -> bool {
    name.starts_with("functools.")
        || matches!(
            name,
            "itertools.chain"
                | "itertools.chain.from_iterable"
                | "itertools.count"
                | "itertools.cycle"
                | "itertools.islice"
                | "itertools.repeat"
                | "itertools.takewhile"
                | "typing.cast"
                | "copy.copy"
                | "collections.deque"
                | "collections.defaultdict"
                | "contextlib.closing"
                | "contextlib.suppress"
                | "contextlib.nullcontext"
                | "dataclasses.field"
        )
}

fn callee_text(program: &Program<'_>, file: FileId, range: loopshift_python::TextRange) -> String {
    let text = program.text(Place { file, range });
    let head: String = text
        .chars()
        .take_while(|c| *c != '(' && *c != '\n')
        .take(60)
        .collect();
    head.trim().to_owned()
}

/// Union-find over values.
#[derive(Default)]
struct Groups {
    parent: FxHashMap<ValueId, ValueId>,
}

impl Groups {
    fn root(&mut self, id: ValueId) -> ValueId {
        let mut root = id;
        while let Some(parent) = self.parent.get(&root).copied() {
            if parent == root {
                break;
            }
            root = parent;
        }
        self.parent.insert(id, root);
        self.parent.entry(root).or_insert(root);
        root
    }

    fn join(&mut self, a: ValueId, b: ValueId) {
        let (a, b) = (self.root(a), self.root(b));
        let (low, high) = (a.min(b), a.max(b));
        self.parent.insert(high, low);
    }

    fn all(&mut self) -> Vec<ValueId> {
        let mut all: Vec<ValueId> = self.parent.keys().copied().collect();
        all.sort_unstable();
        all
    }
}
