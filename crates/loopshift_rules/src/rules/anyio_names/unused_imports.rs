//! Imports of a library in modules that use nothing of it, and did not before: with them the program would still need it.
//! Where a module uses something, its imports go with the last use.

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::sharing::takings;
use loopshift_python::edit::Edit;
use loopshift_python::imports::{Removable, unused_imports};
use loopshift_python::parse::parse_module;
use memchr::memmem;

use crate::context::Context;

/// Takes out the imports of what the recipe moves from that no code of the program can be after.
pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let from = cx.recipe.from;
    if cx.uses.is_empty() || cx.part.is_some() {
        return;
    }
    let mut taken = None;
    for (file, input) in (0..).map(FileId).zip(cx.program.files) {
        let mut packages = from.iter();
        let names = packages
            .find(|package| memmem::find(input.text.as_bytes(), package.as_bytes()).is_some());
        let first = cx.uses.partition_point(|use_| use_.place.file < file);
        let is_used = (cx.uses.get(first)).is_some_and(|use_| use_.place.file == file);
        let (Some(package), true) = (names, input.is_python() && !input.is_package && !is_used)
        else {
            continue;
        };
        let Ok(parsed) = parse_module(&input.text, cx.settings.python) else {
            continue;
        };
        let taken = taken.get_or_insert_with(|| takings(cx.program, from));
        let wanted: Vec<&str> = (taken.iter())
            .filter(|taking| taking.giver == file)
            .map(|taking| taking.name.as_str())
            .collect();
        let which = Removable {
            packages: from,
            finished: from,
            wanted: &wanted,
            ..Removable::default()
        };
        let edits = unused_imports(&input.text, &parsed, &input.text, &parsed, &which);
        let Some(range) = edits.first().map(Edit::range) else {
            continue;
        };
        let mut change = Change::new(
            cx.recipe.names,
            Place { file, range },
            *package,
            "nothing uses the import",
        );
        change.edits = edits.into_iter().map(|edit| (file, edit)).collect();
        changes.push(change);
    }
}
