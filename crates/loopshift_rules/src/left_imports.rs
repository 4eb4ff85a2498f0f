//! Imports of a library that stay where nothing else of it does: each is spoken of, for the program still needs the library
//! because of it.

use std::collections::BTreeMap;

use loopshift_engine::change::{Change, FileId, Outcome, Place, Plan};
use loopshift_engine::program::Input;
use loopshift_python::imports::{Kept, same_import, unread_imports};
use loopshift_python::parse::parse_module;
use memchr::memmem;
use rustc_hash::FxHashSet;

use crate::migrate::Options;
use crate::recipe::{Recipe, root};

/// Adds a declined change for each import that the plan leaves without a word in its file.
pub(crate) fn report(recipe: &Recipe, files: &[Input], options: &Options, plan: &mut Plan) {
    if plan.texts.is_empty() {
        return;
    }
    let asked = |package: &str| {
        options.from.is_empty() || options.from.iter().any(|it| it.as_str() == package)
    };
    let packages: Vec<&str> = (recipe.from.iter().copied())
        .filter(|package| asked(package))
        .collect();
    let texts: BTreeMap<FileId, &str> = (plan.texts.iter())
        .map(|(file, text)| (*file, text.as_str()))
        .collect();
    // Where something of a library is left, its import is spoken of with that.
    let spoken_of: FxHashSet<(FileId, &str)> = (plan.changes.iter())
        .filter(|(_, outcome)| *outcome != Outcome::Applied)
        .map(|(change, _)| (change.place.file, root(&change.api)))
        .collect();
    let mut left = Vec::new();
    for (file, input) in (0..).map(FileId).zip(files) {
        let text = texts.get(&file).copied().unwrap_or(&input.text);
        let names = |package: &&str| {
            !spoken_of.contains(&(file, *package))
                && memmem::find(text.as_bytes(), package.as_bytes()).is_some()
        };
        if !input.is_python() || !packages.iter().any(names) {
            continue;
        }
        let python = options.settings.python;
        let (Ok(before), Ok(after)) = (
            parse_module(&input.text, python),
            parse_module(text, python),
        ) else {
            continue;
        };
        for import in unread_imports(text, &after, &packages) {
            let is_spoken_of = spoken_of.contains(&(file, import.package));
            let Some(range) = same_import(&before, import.path).filter(|_| !is_spoken_of) else {
                continue;
            };
            let api = match import.path {
                (module, Some(name)) => format!("{module}.{name}"),
                (module, None) => module.to_owned(),
            };
            let place = Place { file, range };
            left.push(Change::declined(
                recipe.names,
                place,
                api,
                reason(import.kept, input),
            ));
        }
    }
    plan.changes.extend(left.into_iter().map(|change| {
        let reason = change.declined.clone().unwrap_or_default();
        (change, Outcome::Declined { reason })
    }));
    plan.changes.sort_by_key(|(change, _)| change.place);
}

/// Why the import stays, and what to do.
fn reason(kept: Kept, input: &Input) -> String {
    let (why, then) = match kept {
        Kept::Marked => (
            "a comment on it tells linters to leave it",
            "take it out, where nothing relies on it",
        ),
        Kept::MayFail => (
            "it stands where its failure is caught, which may be how the program finds out what is installed",
            "take the whole test out",
        ),
        Kept::Mentioned => (
            "its name stands in a comment or a string that type checkers read, and that was not understood as code",
            "write that annotation as code, or take it out",
        ),
        Kept::ForOthers => (
            "it is written so that others may import the name from here",
            "take it out, where nobody does",
        ),
        Kept::Unknown if input.is_package => (
            "others may import the name from the package",
            "take it out, where nobody does",
        ),
        Kept::Unknown => (
            "others take the name from this module, or import it for what it does by itself",
            "take it out, where nothing relies on it",
        ),
    };
    format!("no code of the module uses this import any more, and it stays: {why}; {then}")
}
