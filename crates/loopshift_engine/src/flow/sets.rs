//! The values of all nodes. Most nodes have none or one, so these take no memory of their own. And sets of names.

use smallvec::SmallVec;

use super::value::ValueId;
use crate::ir::{Node, Sym};

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
    #[inline]
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

/// Whether a set has a value. Eight are compared at once: this is asked for each value of each constraint.
#[inline]
pub(super) fn has(set: &[ValueId], id: ValueId) -> bool {
    let eight = |values: &[ValueId]| {
        let bits = values.iter().map(|it| u8::from(*it == id));
        bits.fold(0, |found, bit| found | bit) != 0
    };
    let (all, rest) = set.as_chunks::<8>();
    all.iter().any(|values| eight(values)) || eight(rest)
}

/// A set of names, one bit for each: it is asked for each attribute that is read.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<u64>);

impl Names {
    /// Adds a name; `false` where it was there.
    pub(super) fn insert(&mut self, name: Sym) -> bool {
        let (word, bit) = (name.0 as usize / 64, 1 << (name.0 % 64));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }

    /// Whether the name is in.
    #[inline]
    pub(super) fn contains(&self, name: Sym) -> bool {
        let word = self.0.get(name.0 as usize / 64);
        word.is_some_and(|word| word & (1 << (name.0 % 64)) != 0)
    }
}
