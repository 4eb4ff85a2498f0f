//! Classes: the order in which bases are searched, and what a name means on them.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Flow;
use super::value::Value;
use crate::ir::{ClassId, Node, Sym};

/// A class in the order of resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MroEntry {
    /// One of ours.
    Class(ClassId),
    /// An external one.
    External(Sym),
}

/// Bases that have nothing of their own which a program asks for.
const PLAIN: &[&str] = &["<builtin>.object", "abc.ABC", "socketserver.ThreadingMixIn"];

impl Flow<'_> {
    /// Linearises the bases of every class (C3, or depth first where that fails).
    pub(super) fn linearize(&mut self) {
        let count = self.linked.classes.len();
        let abstract_type = self.linked.symbols.find("abc.ABCMeta");
        let plain_type = abstract_type.map(|_| self.sym("<builtin>.type"));
        let mut bases: Vec<Vec<MroEntry>> = Vec::with_capacity(count);
        for index in 0..count {
            let nodes = self.linked.classes[index].bases.clone();
            let mut list = Vec::new();
            for node in nodes {
                let mut found: Vec<MroEntry> = self
                    .values_of(node)
                    .filter_map(|value| match value {
                        Value::Class(class) => Some(MroEntry::Class(class)),
                        // It makes classes as `type` does, and calls nothing of theirs.
                        Value::External(sym) if Some(sym) == abstract_type => {
                            plain_type.map(MroEntry::External)
                        }
                        Value::External(sym) => Some(MroEntry::External(sym)),
                        _ => None,
                    })
                    .collect();
                // `try: from a import B; except ImportError: from c import B`: ours first.
                found.sort_by_key(|entry| match entry {
                    MroEntry::Class(class) => (0, class.0),
                    MroEntry::External(sym) => (1, sym.0),
                });
                list.extend(found);
            }
            let id = ClassId(u32::try_from(index).unwrap_or(u32::MAX));
            list.retain(|entry| *entry != MroEntry::Class(id));
            for entry in &list {
                if let MroEntry::Class(base) = entry {
                    self.subclasses.entry(*base).or_default().push(id);
                }
            }
            bases.push(list);
        }
        let mut mro: Vec<Option<Vec<MroEntry>>> = vec![None; count];
        for index in 0..count {
            linearize_one(index, &bases, &mut mro);
        }
        self.mro = mro.into_iter().map(Option::unwrap_or_default).collect();
        let mros = self.mro.iter();
        self.outside = mros.map(|bases| self.first_outside(bases)).collect();
        let mros = self.mro.iter();
        self.enums = mros.map(|bases| self.has_enum(bases)).collect();
    }

    /// The first external class among bases of which something is known, or the first of all: without those that have
    /// nothing of their own.
    fn first_outside(&self, bases: &[MroEntry]) -> Option<Sym> {
        let mut external = bases.iter().filter_map(|base| {
            let MroEntry::External(sym) = base else {
                return None;
            };
            let text = self.text(*sym);
            let plain = text.starts_with("typing.") || PLAIN.contains(&text);
            (!plain).then_some(*sym)
        });
        let first = external.clone().next()?;
        let known = external.find(|base| self.externals.api(self.text(*base)).is_some());
        known.or(Some(first))
    }

    fn has_enum(&self, bases: &[MroEntry]) -> bool {
        bases.iter().any(|base| match base {
            MroEntry::External(sym) => matches!(
                self.text(*sym),
                "enum.Enum" | "enum.IntEnum" | "enum.StrEnum" | "enum.Flag" | "enum.IntFlag"
            ),
            MroEntry::Class(_) => false,
        })
    }

    /// Whether all that constructing the class does is written in the program: its bases are known, and none of them is
    /// external and has something of its own.
    pub fn is_all_ours(&self, class: ClassId) -> bool {
        let known = |class: ClassId| {
            let mut bases = self.linked.classes[class.0 as usize].bases.iter();
            !self.metaclasses.contains_key(&class)
                && bases.all(|base| {
                    let mut values = self.values_of(*base).peekable();
                    values.peek().is_some()
                        && values.all(|it| matches!(it, Value::Class(_) | Value::External(_)))
                })
        };
        let ours = self.mro[class.0 as usize].iter();
        self.outside[class.0 as usize].is_none()
            && ours
                .filter_map(|entry| match entry {
                    MroEntry::Class(class) => Some(*class),
                    MroEntry::External(_) => None,
                })
                .chain([class])
                .all(known)
    }

    /// The class that defines `attr` in its body, in resolution order; `Err` with the first external class
    /// before which none does.
    pub(crate) fn class_attr(
        &self,
        class: ClassId,
        attr: Sym,
    ) -> Result<(ClassId, Node), Option<Sym>> {
        // Most attributes are set on instances, and defined by no class at all.
        if self.defined.contains(attr) {
            for entry in &self.mro[class.0 as usize] {
                if let MroEntry::Class(class) = entry
                    && let Some(node) = self.attrs.get(&(*class, attr))
                {
                    return Ok((*class, *node));
                }
            }
        }
        Err(self.outside[class.0 as usize])
    }

    /// As [`Self::class_attr`], from the class after `after` in the order of `class`: for `super()`.
    pub(super) fn class_attr_after(
        &self,
        class: ClassId,
        after: ClassId,
        attr: Sym,
    ) -> Result<(ClassId, Node), Option<Sym>> {
        let order = &self.mro[class.0 as usize];
        let start = order
            .iter()
            .position(|entry| *entry == MroEntry::Class(after));
        let rest = &order[start.map_or(0, |at| at + 1)..];
        let mut ours = rest.iter().filter_map(|entry| match entry {
            MroEntry::Class(class) => Some(*class),
            MroEntry::External(_) => None,
        });
        let found = ours.find_map(|class| Some((class, *self.attrs.get(&(class, attr))?)));
        found.ok_or_else(|| self.first_outside(rest))
    }

    /// The classes of ours in resolution order.
    pub(super) fn own_mro(&self, class: ClassId) -> Vec<ClassId> {
        self.mro[class.0 as usize]
            .iter()
            .filter_map(|entry| match entry {
                MroEntry::Class(class) => Some(*class),
                MroEntry::External(_) => None,
            })
            .collect()
    }
}

fn linearize_one(index: usize, bases: &[Vec<MroEntry>], mro: &mut [Option<Vec<MroEntry>>]) {
    // An explicit stack: inheritance may be deep, and cyclic in broken code.
    let mut stack = vec![index];
    let mut on_stack: FxHashSet<usize> = FxHashSet::from_iter([index]);
    while let Some(&top) = stack.last() {
        if mro[top].is_some() {
            stack.pop();
            continue;
        }
        let missing: Vec<usize> = bases[top]
            .iter()
            .filter_map(|entry| match entry {
                MroEntry::Class(class) => Some(class.0 as usize),
                MroEntry::External(_) => None,
            })
            .filter(|base| mro[*base].is_none() && !on_stack.contains(base))
            .collect();
        if !missing.is_empty() {
            on_stack.extend(&missing);
            stack.extend(missing);
            continue;
        }
        let mut lists: Vec<Vec<MroEntry>> = bases[top]
            .iter()
            .map(|entry| match entry {
                MroEntry::Class(class) => match &mro[class.0 as usize] {
                    Some(list) => list.clone(),
                    None => vec![*entry],
                },
                MroEntry::External(_) => vec![*entry],
            })
            .collect();
        lists.push(bases[top].clone());
        let this = MroEntry::Class(ClassId(u32::try_from(top).unwrap_or(u32::MAX)));
        mro[top] = Some(c3(this, lists));
        stack.pop();
    }
}

/// `this`, and the merge of `lists`; each entry once.
fn c3(this: MroEntry, lists: Vec<Vec<MroEntry>>) -> Vec<MroEntry> {
    // How often an entry stands behind the head of a list.
    let mut behind: FxHashMap<MroEntry, usize> = FxHashMap::default();
    for entry in lists.iter().flat_map(|list| list.iter().skip(1)) {
        *behind.entry(*entry).or_default() += 1;
    }
    let mut out = vec![this];
    let mut taken: FxHashSet<MroEntry> = FxHashSet::default();
    let mut lists: Vec<_> = lists
        .into_iter()
        .map(|list| list.into_iter().peekable())
        .collect();
    loop {
        lists.retain_mut(|list| list.peek().is_some());
        let heads: Vec<MroEntry> = lists
            .iter_mut()
            .filter_map(|list| list.peek().copied())
            .collect();
        // Where there is no consistent order: the first, as a reader would take it.
        let is_good = |head: &&MroEntry| behind.get(head).is_none_or(|count| *count == 0);
        let Some(good) = heads.iter().find(is_good).or(heads.first()).copied() else {
            return out;
        };
        taken.insert(good);
        if good != this {
            out.push(good);
        }
        for list in &mut lists {
            while list.next_if(|head| taken.contains(head)).is_some() {
                // The next entry is no longer behind the head.
                if let Some(count) = list.peek().and_then(|head| behind.get_mut(head)) {
                    *count = count.saturating_sub(1);
                }
            }
        }
    }
}
