//! APIs that the program replaces by name while it runs: `mock.patch("app.jobs.asyncio.sleep")`.
//!
//! Code that is moved away from such a name would no longer meet the replacement. So it stays, or the replacement moves along.

mod along;
mod find;

use loopshift_engine::change::{Change, FileId, Place};

use crate::context::Context;

/// An API that is replaced by name.
struct Patch {
    /// Its canonical name.
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
    let mut patches = find::find(cx);
    along::move_along(cx, &mut patches, changes);
    if patches.is_empty() {
        return;
    }
    let program = cx.program;
    for change in changes
        .iter_mut()
        .filter(|change| change.declined.is_none())
    {
        let reason = change
            .covers
            .iter()
            .chain([&change.place])
            .find_map(|place| {
                let api = cx
                    .uses
                    .iter()
                    .find(|use_| use_.place == *place)
                    .map(|use_| &*use_.api)?;
                let patch = patches.iter().find(|patch| {
                    patch.api == api && patch.module.is_none_or(|module| module == place.file)
                })?;
                let line = program.line(patch.by);
                let path = &program.file(patch.by.file).path;
                Some(format!(
                    "`{api}` is replaced by name at {path}:{line}, as tests do"
                ))
            });
        if let Some(reason) = reason {
            *change = Change::declined(change.rule, change.place, change.api.clone(), reason);
        }
    }
}
