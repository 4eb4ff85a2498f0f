//! The constraints waiting at each node: those of the text, packed, and those found on the way.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Constraint;
use crate::ir::Node;
use crate::link::Linked;

/// Lists longer than this are searched by a set.
const LONG: usize = 32;

/// The kinds of the constraints known from the start, in the upper bits of a word.
const KIND_BITS: u32 = 29;
const INDEX: u32 = (1 << KIND_BITS) - 1;

/// The constraints known from the start, by node.
#[derive(Default)]
pub(super) struct Static {
    starts: Vec<u32>,
    list: Vec<u32>,
}

/// Gives each constraint of the text with its node.
fn each(linked: &Linked, mut give: impl FnMut(Node, u32, usize)) {
    for (from, to) in &linked.copies {
        give(*from, 0, to.0 as usize);
    }
    for (index, narrow) in linked.narrows.iter().enumerate() {
        give(narrow.subject, 1, index);
    }
    for (index, load) in linked.loads.iter().enumerate() {
        give(load.base, 2, index);
    }
    for (index, store) in linked.stores.iter().enumerate() {
        give(store.base, 3, index);
    }
    for (index, call) in linked.calls.iter().enumerate() {
        give(call.callee, 4, index);
    }
    for (index, subscript) in linked.subscripts.iter().enumerate() {
        give(subscript.base, 5, index);
        give(subscript.key_node, 6, index);
    }
    for (index, protocol) in linked.protocols.iter().enumerate() {
        give(protocol.base, 7, index);
    }
}

impl Static {
    pub(super) fn new(linked: &Linked) -> Self {
        let mut starts = vec![0u32; linked.nodes as usize + 1];
        each(linked, |node, _, _| {
            if node.is_some() {
                starts[node.0 as usize + 1] += 1;
            }
        });
        for index in 1..starts.len() {
            starts[index] += starts[index - 1];
        }
        // Filled from the end of each range, so that the starts are right once all are in.
        let total = starts.last().map_or(0, |last| *last as usize);
        let mut list = vec![0u32; total];
        let mut next: Vec<u32> = starts[1..].to_vec();
        each(linked, |node, kind, index| {
            if node.is_some() {
                let slot = &mut next[node.0 as usize];
                *slot -= 1;
                let index = u32::try_from(index).unwrap_or(INDEX) & INDEX;
                list[*slot as usize] = (kind << KIND_BITS) | index;
            }
        });
        Static { starts, list }
    }

    #[inline]
    pub(super) fn range(&self, node: Node) -> std::ops::Range<usize> {
        let index = node.0 as usize;
        if index + 1 >= self.starts.len() {
            return 0..0;
        }
        self.starts[index] as usize..self.starts[index + 1] as usize
    }

    #[inline]
    pub(super) fn get(&self, place: usize) -> Constraint {
        let packed = self.list[place];
        let index = packed & INDEX;
        match packed >> KIND_BITS {
            0 => Constraint::Copy(Node(index)),
            1 => Constraint::Narrow(index),
            2 => Constraint::Load(index),
            3 => Constraint::Store(index),
            4 => Constraint::Callee(index),
            5 => Constraint::Subscript(index),
            6 => Constraint::Key(index),
            _ => Constraint::Protocol(index),
        }
    }
}

/// The constraints found on the way. Nine of ten are copies, and there may be millions: each takes one word.
#[derive(Default)]
pub(super) struct Dynamic {
    /// By node, the number of its list plus one.
    lists_of: Vec<u32>,
    lists: Vec<Vec<Packed>>,
    /// What the long lists hold.
    long: FxHashSet<(u32, Packed)>,
    /// Those that are no copies.
    others: Vec<Constraint>,
    numbers: FxHashMap<Constraint, u32>,
}

/// Where a copy goes; or, with the highest bit, the number of another constraint.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Packed(u32);

const OTHER: u32 = 1 << 31;

impl Dynamic {
    /// Adds a constraint; `false` where it was there.
    pub(super) fn insert(&mut self, node: Node, constraint: Constraint) -> bool {
        let packed = self.pack(constraint);
        let place = node.0 as usize;
        if self.lists_of.len() <= place {
            self.lists_of.resize(place + 1, 0);
        }
        if self.lists_of[place] == 0 {
            self.lists.push(Vec::with_capacity(1));
            self.lists_of[place] = u32::try_from(self.lists.len()).unwrap_or(u32::MAX);
        }
        let number = self.lists_of[place];
        let list = &mut self.lists[number as usize - 1];
        if list.len() < LONG {
            if list.contains(&packed) {
                return false;
            }
        } else {
            if list.len() == LONG {
                self.long.extend(list.iter().map(|known| (number, *known)));
            }
            if !self.long.insert((number, packed)) {
                return false;
            }
        }
        list.push(packed);
        true
    }

    fn pack(&mut self, constraint: Constraint) -> Packed {
        if let Constraint::Copy(to) = constraint {
            return Packed(to.0 & !OTHER);
        }
        let number = *self.numbers.entry(constraint).or_insert_with(|| {
            self.others.push(constraint);
            u32::try_from(self.others.len() - 1).unwrap_or(u32::MAX)
        });
        Packed(number | OTHER)
    }

    /// The number of a node's list; none where it has none yet.
    #[inline]
    pub(super) fn list(&self, node: Node) -> Option<u32> {
        let number = self.lists_of.get(node.0 as usize).copied().unwrap_or(0);
        number.checked_sub(1)
    }

    /// How many constraints a list has.
    pub(super) fn len(&self, list: u32) -> usize {
        self.lists[list as usize].len()
    }

    /// The constraint at a place of a list.
    #[inline]
    pub(super) fn get(&self, list: u32, place: usize) -> Constraint {
        let Packed(packed) = self.lists[list as usize][place];
        if packed & OTHER == 0 {
            Constraint::Copy(Node(packed))
        } else {
            self.others[(packed & !OTHER) as usize]
        }
    }
}
