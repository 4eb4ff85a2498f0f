//! Uses: the places that refer to an API of a library, found by value and never by text.

use crate::change::{FileId, Place};
use crate::flow::value::Value;
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
    for (index, module) in flow.linked.modules.iter().enumerate() {
        let file = FileId(u32::try_from(index).unwrap_or(u32::MAX));
        for (range, node) in &module.exprs {
            let set = flow.set(*node);
            for id in set {
                let (sym, member) = match flow.values.get(*id) {
                    Value::External(sym) => (sym, false),
                    Value::ExternalBound(sym, _) => (sym, true),
                    _ => continue,
                };
                let name = flow.text(sym);
                let Some((root, _)) = name.split_once('.') else {
                    continue;
                };
                if !wanted(root) || name.contains("()") {
                    continue;
                }
                found.push(Use {
                    place: Place {
                        file,
                        range: *range,
                    },
                    api: name.to_owned(),
                    only: set.len() == 1,
                    member,
                });
            }
        }
    }
    found.sort_by(|a, b| (a.place, &a.api).cmp(&(b.place, &b.api)));
    found.dedup();
    found
}
