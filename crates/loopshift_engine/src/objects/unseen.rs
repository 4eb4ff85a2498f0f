//! Members of objects that are kept as attributes, read where the object in between is not known: `message.reply.set_result`,
//! where nobody can say whose `message` it is, and `reply` is an attribute of a class of ours.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use super::container_file;
use super::index::{Index, places_of};
use crate::change::{FileId, Place};
use crate::flow::value::{Value, ValueId};
use crate::ir::{Node, Sym};
use crate::program::Program;

/// The members that may be of one of the objects, and that their cluster does not have.
pub(super) fn members(
    program: &Program<'_>,
    index: &Index,
    classes: &FxHashSet<Sym>,
    holds: &impl Fn(Node) -> Vec<ValueId>,
) -> Vec<(ValueId, Place, String)> {
    let flow = &program.flow;
    let mut kept: FxHashMap<Sym, Vec<ValueId>> = FxHashMap::default();
    let mut nodes: Vec<(Sym, Node)> = (classes.iter())
        .filter_map(|class| index.fields_of.get(class))
        .flatten()
        .copied()
        .collect();
    nodes.sort_unstable();
    nodes.dedup();
    for (attr, node) in nodes {
        let objects = holds(node);
        if !objects.is_empty() {
            kept.entry(attr).or_default().extend(objects);
        }
    }
    if kept.is_empty() {
        return Vec::new();
    }
    let owners: FxHashMap<Node, Sym> = places_of(&index.unknown_loads, kept.keys())
        .into_iter()
        .map(|place| &flow.linked.loads[place as usize])
        .map(|load| (load.to, load.attr))
        .collect();
    let mut read: FxHashMap<Node, Vec<(ValueId, String)>> = FxHashMap::default();
    for place in places_of(&index.loads_of, owners.keys()) {
        let load = &flow.linked.loads[place as usize];
        let Some(attr) = owners.get(&load.base) else {
            continue;
        };
        for object in &kept[attr] {
            let Value::Object(class, _) = flow.values.get(*object) else {
                continue;
            };
            if has_member(program, flow.text(class), flow.text(load.attr)) {
                let text = format!("{}.{}", flow.text(*attr), flow.text(load.attr));
                read.entry(load.to).or_default().push((*object, text));
            }
        }
    }
    if read.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let files: BTreeSet<FileId> = (read.keys())
        .filter_map(|node| container_file(program, *node))
        .collect();
    for file in files {
        for (range, node) in &flow.linked.modules[file.0 as usize].exprs {
            for (object, text) in read.get(node).into_iter().flatten() {
                let place = Place {
                    file,
                    range: *range,
                };
                let reason =
                    format!("`.{text}` is read of an object that is not known, and may be its own");
                found.push((*object, place, reason));
            }
        }
    }
    found.sort();
    let mut seen = FxHashSet::default();
    found.retain(|it| seen.insert(it.clone()));
    found
}

/// Whether the catalog has the member for the class or one of its bases.
fn has_member(program: &Program<'_>, class: &str, member: &str) -> bool {
    let externals = program.flow.externals;
    let mut work = vec![class.to_owned()];
    let mut seen = Vec::new();
    while let Some(class) = work.pop() {
        if externals.api(&format!("{class}.{member}")).is_some() {
            return true;
        }
        if let Some(api) = externals.api(&class)
            && !seen.contains(&class)
        {
            work.extend(api.bases.iter().cloned());
            seen.push(class);
        }
    }
    false
}
