//! What values hold by names: the attributes that the program gives them, the fields of a tuple.

use rustc_hash::FxHashMap;

use super::value::Value;
use super::{FieldOwner, Flow, MroEntry};
use crate::ir::Node;

/// The attributes that are set in the program, by what they belong to.
pub(crate) struct Attributes(FxHashMap<FieldOwner, Vec<Node>>);

impl Attributes {
    /// Those of the whole program.
    pub(crate) fn new(flow: &Flow<'_>) -> Self {
        let mut by_owner: FxHashMap<FieldOwner, Vec<Node>> = FxHashMap::default();
        for ((owner, _), node) in &flow.fields {
            by_owner.entry(*owner).or_default().push(*node);
        }
        for nodes in by_owner.values_mut() {
            nodes.sort_unstable();
        }
        Attributes(by_owner)
    }

    /// Those of a value; of an object also those of its class and of the bases of that.
    pub(crate) fn of(&self, flow: &Flow<'_>, value: Value) -> Vec<Node> {
        let set = |owner: FieldOwner| self.0.get(&owner).into_iter().flatten().copied();
        match value {
            Value::Instance(class) | Value::Class(class) => {
                let bases = flow.mro[class.0 as usize].iter();
                let classes = bases.filter_map(|entry| match entry {
                    MroEntry::Class(base) => Some(*base),
                    MroEntry::External(_) => None,
                });
                classes
                    .flat_map(|base| [FieldOwner::Class(base), FieldOwner::Shared(base)])
                    .flat_map(set)
                    .collect()
            }
            Value::Func(func) | Value::Bound(func, _) => set(FieldOwner::Func(func)).collect(),
            Value::Object(ty, _) => set(FieldOwner::External(ty)).collect(),
            Value::Container(container) => {
                let container = &flow.linked.containers[container.0 as usize];
                container.contents().collect()
            }
            _ => Vec::new(),
        }
    }
}
