//! Uses: the places that refer to an API of a library, found by value and never by text.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::change::{FileId, Place};
use crate::externals::ApiKind;
use crate::flow::Flow;
use crate::flow::value::{Value, ValueId};
use crate::ir::{Node, Sym};
use crate::program::Program;

/// A place that refers to an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The expression, or the alias of an import.
    pub place: Place,
    /// The canonical name: `asyncio.Queue.put`.
    pub api: String,
    /// Whether the expression is this API and nothing else.
    pub only: bool,
    /// Whether it is a member of an object, by [`Value::ExternalBound`], rather than a name.
    pub member: bool,
}

/// The uses of libraries, by file and offset. `wanted` says which root modules count (`asyncio`).
pub fn uses(program: &Program<'_>, wanted: impl Fn(&str) -> bool) -> Vec<Use> {
    let flow = &program.flow;
    let mut found = Vec::new();
    let texts = flow.linked.symbols.texts().iter();
    let wanted: Vec<bool> = texts
        .map(|name| {
            let root = name.split_once('.').map(|(root, _)| root);
            root.is_some_and(&wanted) && !name.contains("()")
        })
        .collect();
    let wanted: Vec<bool> = (flow.values.iter())
        .map(|value| match value {
            Value::External(sym) | Value::ExternalBound(sym, _) => wanted[sym.0 as usize],
            _ => false,
        })
        .collect();
    for (index, module) in flow.linked.modules.iter().enumerate() {
        let file = FileId(u32::try_from(index).unwrap_or(u32::MAX));
        for (range, node) in &module.exprs {
            let set = flow.set(*node);
            for id in set.iter().filter(|id| wanted[id.0 as usize]) {
                let (sym, member) = match flow.values.get(*id) {
                    Value::External(sym) => (sym, false),
                    // What a class of the program has beyond its base of a library is the program's own.
                    Value::ExternalBound(sym, receiver)
                        if is_ours(program, receiver)
                            && flow.externals.api(flow.text(sym)).is_none() =>
                    {
                        continue;
                    }
                    // Where several objects may stand, a member is of those that have it.
                    Value::ExternalBound(sym, _)
                        if flow.externals.api(flow.text(sym)).is_none()
                            && !set.iter().all(|id| is_member(flow, *id, sym)) =>
                    {
                        continue;
                    }
                    Value::ExternalBound(sym, _) => (sym, true),
                    _ => continue,
                };
                found.push(Use {
                    place: Place {
                        file,
                        range: *range,
                    },
                    api: flow.text(sym).to_owned(),
                    only: set.iter().all(|id| is_member(flow, *id, sym)),
                    member,
                });
            }
        }
    }
    found.sort_by(|a, b| (a.place, &a.api).cmp(&(b.place, &b.api)));
    found.dedup();
    found
}

/// Whether a value is the symbol: by its name, or as a member, of whatever object.
fn is_member(flow: &Flow<'_>, id: ValueId, sym: Sym) -> bool {
    match flow.values.get(id) {
        Value::External(other) | Value::ExternalBound(other, _) => other == sym,
        _ => false,
    }
}

/// Whether the receiver of a member is of a class of the program, or a member of such an object itself.
fn is_ours(program: &Program<'_>, receiver: ValueId) -> bool {
    let mut at = receiver;
    loop {
        match program.flow.values.get(at) {
            Value::Class(_) | Value::Instance(_) | Value::Super(..) => return true,
            Value::ExternalBound(_, next) if next != at => at = next,
            _ => return false,
        }
    }
}

/// The places that read a property or an attribute of an object of a library: what they give is a value of its own, and
/// [`uses`] does not find them.
pub fn property_uses(program: &Program<'_>, wanted: impl Fn(&str) -> bool) -> Vec<Use> {
    let flow = &program.flow;
    let mut read: FxHashMap<Node, (String, bool)> = FxHashMap::default();
    // What the program gives its objects by that name is the program's own.
    let given: FxHashSet<Sym> = (flow.linked.stores.iter())
        .filter(|store| {
            flow.values_of(store.base)
                .any(|base| matches!(base, Value::Instance(_)))
        })
        .map(|store| store.attr)
        .collect();
    for load in &flow.linked.loads {
        let set = flow.set(load.base);
        let full = |class| format!("{}.{}", flow.text(class), flow.text(load.attr));
        let api = set.iter().find_map(|id| match flow.values.get(*id) {
            Value::Object(class, _) if wanted(root(flow.text(class))) => Some(full(class)),
            // What an object of the program has from a base of a library.
            Value::Instance(class) if !given.contains(&load.attr) => {
                match flow.class_attr(class, load.attr) {
                    Err(Some(base)) if wanted(root(flow.text(base))) => {
                        Some(full(base)).filter(|name| flow.externals.api(name).is_some())
                    }
                    _ => None,
                }
            }
            _ => None,
        });
        let Some(api) = api.filter(|api| is_property(program, api)) else {
            continue;
        };
        let same = |value: Value| match value {
            Value::Object(class, _) => api.starts_with(flow.text(class)),
            Value::Instance(_) => true,
            _ => false,
        };
        let only = set.iter().all(|id| same(flow.values.get(*id)));
        read.insert(load.to, (api, only));
    }
    let mut found = Vec::new();
    if read.is_empty() {
        return found;
    }
    for (index, module) in flow.linked.modules.iter().enumerate() {
        let file = FileId(u32::try_from(index).unwrap_or(u32::MAX));
        for (range, node) in &module.exprs {
            if let Some((api, only)) = read.get(node) {
                found.push(Use {
                    place: Place {
                        file,
                        range: *range,
                    },
                    api: api.clone(),
                    only: *only,
                    member: true,
                });
            }
        }
    }
    found
}

fn is_property(program: &Program<'_>, name: &str) -> bool {
    let api = program.flow.externals.api(name);
    api.is_none_or(|api| matches!(api.kind, ApiKind::Property | ApiKind::Constant))
}

fn root(name: &str) -> &str {
    name.split_once('.').map_or("", |(root, _)| root)
}
