//! Which modules would run on trio, and what keeps the others from it.

use loopshift_engine::change::{FileId, Outcome, Place, Plan};
use loopshift_engine::program::{Input, place};
use loopshift_engine::uses::Use;
use loopshift_python::PythonVersion;
use rustc_hash::FxHashSet;

use crate::asyncio_only;
use crate::catalog::Target;
use crate::recipe::Recipe;
use crate::rules::{anyio_repair, anyio_run};

/// A module that uses the libraries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleState {
    /// Its file.
    pub file: FileId,
    /// The uses of asyncio that the plan leaves, and the imports of libraries that run on asyncio only, by offset. Without any,
    /// the module is trio-ready.
    pub left: Vec<(Place, String)>,
}

/// What keeps each module that uses the libraries from running on trio.
pub(crate) fn states(
    recipe: &Recipe,
    files: &[Input],
    python: PythonVersion,
    found: &[Use],
    plan: &Plan,
) -> Vec<ModuleState> {
    let moved: FxHashSet<Place> = plan
        .changes
        .iter()
        .filter(|(change, outcome)| *outcome == Outcome::Applied && !anyio_repair::keeps(change))
        .flat_map(|(change, _)| change.covers.iter().copied().chain([change.place]))
        .collect();
    let mut out: Vec<ModuleState> = Vec::new();
    for use_ in found {
        let file = use_.place.file;
        if out.last().is_none_or(|last| last.file != file) {
            out.push(ModuleState {
                file,
                left: Vec::new(),
            });
        }
        let bound = recipe.moves(&use_.api) || recipe.is_beside(&use_.api);
        let stays = bound && !moved.contains(&use_.place);
        if let Some(last) = out.last_mut().filter(|_| stays) {
            last.left.push((use_.place, use_.api.clone()));
        }
    }
    for (change, outcome) in &plan.changes {
        let bound = match outcome {
            Outcome::Applied => anyio_run::is_for_asyncio_only(change),
            // What an earlier round wrote, and no later one moved.
            _ => recipe.moves(&change.api) && moved.contains(&change.place),
        };
        let state = out.iter_mut().find(|it| it.file == change.place.file);
        if let Some(state) = state.filter(|_| bound) {
            state.left.push((change.place, change.api.clone()));
        }
    }
    for state in &mut out {
        if recipe.target == Target::Anyio {
            let file = &files[state.file.0 as usize];
            let imports = asyncio_only::imported(file, python).into_iter();
            let left =
                imports.map(|(range, library)| (place(state.file, range), library.to_owned()));
            state.left.extend(left);
        }
        state.left.sort();
    }
    out
}
