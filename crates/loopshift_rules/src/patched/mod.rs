//! APIs that the program replaces by name while it runs: `mock.patch("app.jobs.asyncio.sleep")`.
//!
//! Code that is moved away from such a name would no longer meet the replacement. So it stays, or the replacement moves along.

mod along;
mod built;
mod find;

pub(crate) use find::strings;

use loopshift_engine::change::{Change, FileId, Place};
use rustc_hash::FxHashMap;

use crate::context::Context;

/// The library whose names are looked for.
const LIBRARY: &str = "asyncio";

/// An API that is replaced by name.
struct Patch {
    /// Its canonical name; that of the library, where all of it is replaced.
    api: String,
    /// Only as this module sees it; everywhere otherwise.
    module: Option<FileId>,
    /// Who does it.
    by: Place,
    /// Where the name is written, if it can be written otherwise there.
    name: Option<Name>,
}

/// How a name is written that is replaced.
enum Name {
    /// As one text, at this place: `patch("app.jobs.asyncio.sleep")`.
    Text(Place),
    /// As the module at this place, and a text behind it: `patch.object(asyncio, "sleep")`.
    Module(Place),
}

/// Moves replacements along with the code that they are for, and declines the changes of the other uses that are replaced by
/// name.
pub(crate) fn settle(cx: &Context<'_>, changes: &mut Vec<Change>) {
    if !cx.recipe.from.contains(&LIBRARY) {
        return;
    }
    let mut patches = find::find(cx);
    along::move_along(cx, &mut patches, changes);
    if patches.is_empty() {
        return;
    }
    let program = cx.program;
    let mut apis: FxHashMap<Place, &str> = FxHashMap::default();
    for use_ in cx.uses {
        apis.entry(use_.place).or_insert(&use_.api);
    }
    let mut by_api: FxHashMap<&str, Vec<&Patch>> = FxHashMap::default();
    for patch in &patches {
        by_api.entry(&patch.api).or_default().push(patch);
    }
    let replacing = |place: &Place| {
        let of_api = [*apis.get(place)?, LIBRARY].map(|api| by_api.get(api));
        let mut all = of_api.into_iter().flatten().flatten();
        all.find(|patch| patch.module.is_none_or(|module| module == place.file))
    };
    for change in changes
        .iter_mut()
        .filter(|change| change.declined.is_none())
    {
        let covered = change.covers.iter().find_map(replacing);
        if let Some(patch) = covered.or_else(|| replacing(&change.place)) {
            let line = program.line(patch.by);
            let path = &program.file(patch.by.file).path;
            let reason = format!(
                "`{}` is replaced by name at {path}:{line}, as tests do",
                patch.api
            );
            *change = Change::declined(change.rule, change.place, change.api.clone(), reason);
        }
    }
}
