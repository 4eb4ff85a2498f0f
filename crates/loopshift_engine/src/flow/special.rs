//! Names with a meaning of their own. They are asked for at each attribute that is read, where looking them up as strings
//! would take longer than all else.

use super::Flow;
use crate::ir::Sym;

/// The numbers of these names; none for a name that the program does not have.
#[derive(Default)]
pub(super) struct Special {
    class: Option<Sym>,
    replace: Option<Sym>,
    /// What every class has as a string.
    strings: [Option<Sym>; 4],
    /// These only where some class of ours defines them.
    pub(super) getattribute: Option<Sym>,
    pub(super) getattr: Option<Sym>,
    pub(super) setattr: Option<Sym>,
    pub(super) set: Option<Sym>,
}

impl Special {
    /// To be made when it is known what classes define.
    pub(super) fn new(flow: &Flow<'_>) -> Self {
        let find = |name| flow.linked.symbols.find(name);
        Special {
            class: find("__class__"),
            replace: find("_replace"),
            strings: ["__name__", "__qualname__", "__module__", "__doc__"].map(find),
            getattribute: flow.defined_name("__getattribute__"),
            getattr: flow.defined_name("__getattr__"),
            setattr: flow.defined_name("__setattr__"),
            set: flow.defined_name("__set__"),
        }
    }

    pub(super) fn is_class(&self, name: Sym) -> bool {
        self.class == Some(name)
    }

    /// Whether it is the method by which named tuples make others.
    pub(super) fn is_replace(&self, name: Sym) -> bool {
        self.replace == Some(name)
    }

    pub(super) fn is_string(&self, name: Sym) -> bool {
        self.strings.contains(&Some(name))
    }
}
