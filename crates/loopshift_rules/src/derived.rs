//! Classes of the program that derive from one that is written into it, in place of the library's: what that keeps under
//! names of its own, as they do not know them, must not meet theirs.

use std::collections::BTreeSet;

use loopshift_engine::change::Change;
use loopshift_python::edit::{Edit, Helper, Piece};

use crate::common::green::{bound_name, class_of_base, derived, helper, name_on_object};
use crate::context::Context;

/// Declines the changes of bases whose derived classes have something by a name that the new base has for itself.
pub(crate) fn decline(cx: &Context<'_>, changes: &mut [Change]) {
    for change in changes.iter_mut().filter(|it| it.declined.is_none()) {
        let Some(helper) = base(cx, change) else {
            continue;
        };
        if let Some(name) = clash(cx, &change.api, helper) {
            let reason = format!(
                "a class that derives from it has a `{name}` of its own, as the class in its place has"
            );
            let mut declined = Change::declined(change.rule, change.place, &*change.api, reason);
            declined.covers = std::mem::take(&mut change.covers);
            *change = declined;
        }
    }
}

/// The class that a change writes as the base of another.
fn base(cx: &Context<'_>, change: &Change) -> Option<&'static Helper> {
    change.edits.iter().find_map(|(file, edit)| {
        let Edit::Replace { range, pieces } = edit else {
            return None;
        };
        let helper = pieces.iter().find_map(|piece| match piece {
            Piece::Helper(helper) => Some(*helper),
            _ => None,
        })?;
        let view = cx.view(*file)?;
        class_of_base(view, *range).map(|_| helper)
    })
}

/// A name that a class derived from one of the library and the one in its place both have.
fn clash(cx: &Context<'_>, library: &str, helper: &'static Helper) -> Option<String> {
    let is_it = |name: &str| {
        name == library
            || cx
                .catalog
                .get(name)
                .is_some_and(|row| &*row.name == library)
    };
    let derived = derived(cx, is_it);
    // What the library has, or asks for, under that name, they have meant.
    let row = cx.catalog.get(library);
    let is_hook =
        |name: &str| row.is_some_and(|row| row.hooks.iter().any(|it| &*it.method == name));
    let names: BTreeSet<&str> = (own_names(helper).into_iter())
        .filter(|name| cx.catalog.member(library, name).is_none() && !is_hook(name))
        .collect();
    let bound = bound_name(cx, &derived, |name| names.contains(name));
    bound.map(str::to_owned).or_else(|| {
        name_on_object(cx, &derived, |it| {
            it.ctx.is_store() && names.contains(it.attr.as_str())
        })
    })
}

/// The names of the attributes and methods of a class, and of those that it derives from; without those that Python hides,
/// as `__name`, or knows itself, as `__init__`.
fn own_names(class: &'static Helper) -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut work = vec![class];
    while let Some(found) = work.pop() {
        if !seen.insert(found.name) {
            continue;
        }
        // Methods, not the functions inside of them.
        for lead in ["self.", "\n    def ", "\n    async def "] {
            names.extend(found.source.split(lead).skip(1).map(|rest| {
                let is_part = |it: char| it.is_alphanumeric() || it == '_';
                rest.split(|it| !is_part(it)).next().unwrap_or_default()
            }));
        }
        let header = found.source.lines().next().unwrap_or_default();
        let is_base = |name: &&str| header.contains(&format!("{{#{name}}}"));
        work.extend(found.needs().filter(is_base).filter_map(helper));
    }
    names.retain(|name| !name.is_empty() && !name.starts_with("__"));
    names
}
