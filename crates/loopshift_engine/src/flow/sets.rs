//! The values of all nodes. Most nodes have none or one, so these take no memory of their own.

use smallvec::SmallVec;

use super::value::ValueId;
use crate::ir::Node;

/// The values of each node.
#[derive(Debug, Default)]
pub(super) struct Sets {
    slots: Vec<Slot>,
    several: Vec<SmallVec<[ValueId; 4]>>,
}

#[derive(Clone, Copy, Debug)]
enum Slot {
    Empty,
    One(ValueId),
    /// By the place in the list of those with several.
    Several(u32),
}

impl Sets {
    /// For so many nodes, without values.
    pub(super) fn new(nodes: u32) -> Self {
        Sets {
            slots: vec![Slot::Empty; nodes as usize],
            several: Vec::new(),
        }
    }

    /// One more node.
    pub(super) fn add_node(&mut self) {
        self.slots.push(Slot::Empty);
    }

    /// The values of a node; none for one that there is not.
    pub(super) fn get(&self, node: Node) -> &[ValueId] {
        match self.slots.get(node.0 as usize) {
            None | Some(Slot::Empty) => &[],
            Some(Slot::One(value)) => std::slice::from_ref(value),
            Some(Slot::Several(place)) => &self.several[*place as usize],
        }
    }

    /// Adds a value that the node does not have.
    pub(super) fn push(&mut self, node: Node, value: ValueId) {
        let slot = &mut self.slots[node.0 as usize];
        match *slot {
            Slot::Empty => *slot = Slot::One(value),
            Slot::One(first) => {
                *slot = Slot::Several(u32::try_from(self.several.len()).unwrap_or(u32::MAX));
                self.several.push(SmallVec::from_slice(&[first, value]));
            }
            Slot::Several(place) => self.several[place as usize].push(value),
        }
    }
}
