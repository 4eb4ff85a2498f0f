//! Where queues are kept, and which ends of the two streams each of these places needs.
//!
//! A variable or attribute becomes one or two of them. A returned value or an element of a container is one value
//! still: one end, or a tuple of both.

use std::collections::BTreeMap;

use loopshift_engine::change::FileId;
use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ClassId, FuncId};
use loopshift_python::Ranged;
use loopshift_python::ast::Expr;
use loopshift_python::scope::{ScopeId, ScopeKind};

use crate::common::objects::Obstacle;
use crate::context::{Context, View};

/// The end to send to.
pub(super) const SEND: u8 = 1;
/// The end to receive from.
pub(super) const RECEIVE: u8 = 2;
/// Both.
pub(super) const BOTH: u8 = 3;

/// A place that keeps queues.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slot {
    /// A variable or parameter.
    Variable(FileId, ScopeId, String),
    /// An attribute of the objects of a class and of all its subclasses.
    Attribute(ClassId, String),
    /// What a function returns.
    Returned(FuncId),
    /// What containers hold.
    Element,
}

impl Slot {
    /// Whether it is one value, whatever ends it needs.
    pub(super) fn is_single(&self) -> bool {
        matches!(self, Slot::Returned(_) | Slot::Element)
    }

    /// The name of the variable or attribute.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Slot::Variable(_, _, name) | Slot::Attribute(_, name) => Some(name),
            Slot::Returned(_) | Slot::Element => None,
        }
    }
}

/// All slots of a cluster.
#[derive(Default)]
pub(super) struct Slots {
    index: BTreeMap<Slot, usize>,
    list: Vec<Slot>,
    parent: Vec<usize>,
    needs: Vec<u8>,
    flows: Vec<(usize, usize)>,
}

impl Slots {
    /// The number of a slot.
    pub(super) fn add(&mut self, slot: Slot) -> usize {
        if let Some(index) = self.index.get(&slot) {
            return *index;
        }
        let index = self.list.len();
        self.index.insert(slot.clone(), index);
        self.list.push(slot);
        self.parent.push(index);
        self.needs.push(0);
        index
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// A slot by its number.
    pub(super) fn get(&self, slot: usize) -> &Slot {
        &self.list[slot]
    }

    fn root(&self, mut slot: usize) -> usize {
        while self.parent[slot] != slot {
            slot = self.parent[slot];
        }
        slot
    }

    /// Both hold the same, in the same form.
    pub(super) fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        let (low, high) = (a.min(b), a.max(b));
        self.parent[high] = low;
        self.needs[low] |= self.needs[high];
    }

    /// What `to` needs must be in `from`.
    pub(super) fn flow(&mut self, from: usize, to: usize) {
        self.flows.push((from, to));
    }

    /// The slot needs these ends.
    pub(super) fn need(&mut self, slot: usize, ends: u8) {
        let root = self.root(slot);
        self.needs[root] |= ends;
    }

    /// The ends that a slot needs.
    pub(super) fn needs(&self, slot: usize) -> u8 {
        self.needs[self.root(slot)]
    }

    /// Whether what one slot holds comes to another.
    pub(super) fn reaches(&self, from: usize, to: usize) -> bool {
        let mut reached = vec![self.root(from)];
        let mut next = 0;
        while let Some(at) = reached.get(next).copied() {
            next += 1;
            for (from, to) in &self.flows {
                let to = self.root(*to);
                if self.root(*from) == at && !reached.contains(&to) {
                    reached.push(to);
                }
            }
        }
        reached.contains(&self.root(to))
    }

    /// Hands needs on until nothing changes.
    pub(super) fn settle(&mut self) {
        loop {
            let mut moved = false;
            for (from, to) in &self.flows {
                let (from, to) = (self.root(*from), self.root(*to));
                let all = self.needs[from] | self.needs[to];
                moved |= all != self.needs[from];
                self.needs[from] = all;
            }
            if !moved {
                return;
            }
        }
    }
}

/// The topmost class of ours above a class: its attributes are shared with all below it.
fn topmost(cx: &Context<'_>, class: ClassId) -> ClassId {
    let mro = cx.program.flow.mro.get(class.0 as usize);
    let last = mro.and_then(|mro| {
        mro.iter().rev().find_map(|entry| match entry {
            MroEntry::Class(class) => Some(*class),
            MroEntry::External(_) => None,
        })
    });
    last.unwrap_or(class)
}

/// The classes of ours that share attributes with a topmost class.
pub(super) fn family(cx: &Context<'_>, top: ClassId) -> Vec<ClassId> {
    let count = u32::try_from(cx.program.flow.mro.len()).unwrap_or(0);
    (0..count)
        .map(ClassId)
        .filter(|class| topmost(cx, *class) == top)
        .collect()
}

/// The slots of a class attribute or variable that an expression names, or of the value that a call or subscript gives.
///
/// # Errors
/// Where it can't be said.
pub(super) fn slots_of(
    cx: &Context<'_>,
    view: &View<'_>,
    expr: &Expr,
) -> Result<Vec<Slot>, Obstacle> {
    let refuse = |reason: &str| Obstacle::new(view.place(expr), reason);
    let flow = &cx.program.flow;
    match expr {
        Expr::Name(name) => {
            let scope = view.scopes.at(name.start());
            let scope = view
                .scopes
                .resolve(name.id.as_str(), scope)
                .ok_or_else(|| refuse("it is a name that is bound elsewhere"))?;
            Ok(vec![variable(cx, view, scope, name.id.as_str())])
        }
        Expr::Attribute(attribute) => {
            let name = attribute.attr.to_string();
            let mut out = Vec::new();
            for value in cx.program.values_at(view.place(&*attribute.value)) {
                match value {
                    Value::Module(file) => out.push(Slot::Variable(FileId(file), 0, name.clone())),
                    Value::Instance(class) | Value::Class(class) => {
                        if is_computed(cx, class, &name) {
                            return Err(refuse("it is a property"));
                        }
                        out.push(Slot::Attribute(topmost(cx, class), name.clone()));
                    }
                    _ => return Err(refuse("it is an attribute of an object that is not known")),
                }
            }
            if out.is_empty() {
                return Err(refuse("it is an attribute of an object that is not known"));
            }
            Ok(out)
        }
        Expr::Await(await_) => match &*await_.value {
            Expr::Call(call) => returned(cx, view, &call.func, true)
                .ok_or_else(|| refuse("it is the result of something that is not known")),
            _ => Err(refuse("it is the result of something that is not known")),
        },
        Expr::Call(call) => {
            if let Some(returned) = returned(cx, view, &call.func, false) {
                return Ok(returned);
            }
            if of_container(cx, view, &call.func).is_some() {
                return Ok(vec![Slot::Element]);
            }
            Err(refuse("it is the result of a call that is not known"))
        }
        Expr::Subscript(subscript) => {
            let known = flow
                .values_of(cx.program.node_at(view.place(&*subscript.value)))
                .all(|value| matches!(value, Value::Container(_)));
            if known {
                Ok(vec![Slot::Element])
            } else {
                Err(refuse("it is an item of something that is not known"))
            }
        }
        _ => Err(refuse("it is used in an expression that is not known")),
    }
}

/// The slot of a name in a scope: an attribute where the scope is a class.
pub(super) fn variable(cx: &Context<'_>, view: &View<'_>, scope: ScopeId, name: &str) -> Slot {
    let it = &view.scopes.scopes[scope];
    if it.kind == ScopeKind::Class {
        let class = (0..cx.program.flow.mro.len())
            .map(|index| ClassId(u32::try_from(index).unwrap_or(u32::MAX)))
            .find(|class| {
                let (file, class) = cx.program.class(*class);
                file == view.file
                    && class.range.end() == it.range.end()
                    && class.name_range.end() < it.range.start()
                    && { it.name == Some(view.text(class.name_range)) }
            });
        if let Some(class) = class {
            return Slot::Attribute(topmost(cx, class), name.to_owned());
        }
    }
    Slot::Variable(view.file, scope, name.to_owned())
}

/// Whether a property or method has that name.
fn is_computed(cx: &Context<'_>, class: ClassId, name: &str) -> bool {
    let flow = &cx.program.flow;
    let mro = flow
        .mro
        .get(class.0 as usize)
        .map_or(&[][..], Vec::as_slice);
    mro.iter().any(|entry| match entry {
        MroEntry::Class(class) => {
            let (_, class) = cx.program.class(*class);
            class.attrs.iter().any(|(attr, node)| {
                flow.text(*attr) == name
                    && flow.values_of(*node).any(|value| {
                        matches!(
                            value,
                            Value::Property(..) | Value::PropertySetter(_) | Value::Func(_)
                        )
                    })
            })
        }
        MroEntry::External(_) => false,
    })
}

/// The functions of ours that a callee may be, if it can be nothing else.
fn returned(cx: &Context<'_>, view: &View<'_>, callee: &Expr, is_async: bool) -> Option<Vec<Slot>> {
    let mut out = Vec::new();
    for value in cx.program.values_at(view.place(callee)) {
        let (Value::Func(func) | Value::Bound(func, _) | Value::Static(func)) = value else {
            return None;
        };
        if cx.program.function(func).is_async != is_async || cx.program.function(func).decorated {
            return None;
        }
        out.push(Slot::Returned(func));
    }
    (!out.is_empty()).then_some(out)
}

/// The name of the method of a container that a callee is.
pub(super) fn of_container<'v>(
    cx: &Context<'_>,
    view: &View<'v>,
    callee: &'v Expr,
) -> Option<&'v str> {
    let Expr::Attribute(attribute) = callee else {
        return None;
    };
    let mut any = false;
    for value in cx.program.values_at(view.place(&*attribute.value)) {
        let known = match value {
            Value::Container(_) => true,
            Value::Object(ty, _) => cx.program.flow.text(ty).starts_with("<builtin>."),
            _ => false,
        };
        if !known {
            return None;
        }
        any = true;
    }
    any.then_some(attribute.attr.as_str())
}
