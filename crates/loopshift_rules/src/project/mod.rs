//! What a project says about itself: the oldest Python and `AnyIO` it allows, and the lists that `anyio` must join.
//!
//! Nothing is run: a file that computes what it says is not understood, and stays.

mod bounds;
pub(crate) mod dependencies;
pub(crate) mod ini;
mod list;
mod need;
mod plugin;
mod setup_py;
mod text_lists;
mod toml_lists;
mod unneeded;
mod version;

use loopshift_engine::change::FileId;
use loopshift_engine::program::Input;
use loopshift_python::PythonVersion;

use crate::catalog::Version;
use list::{List, Role};
pub(crate) use need::is_test;
pub use version::newest_anyio;

/// A file of the project, among the files of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectFile {
    /// Its number.
    pub file: FileId,
    /// Its path from the project's directory, with `/`.
    pub name: String,
    /// Whether it is inside the paths that may change.
    pub writable: bool,
}

/// What the project's files say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Knowledge {
    /// The oldest Python.
    pub python: Option<PythonVersion>,
    /// The oldest `AnyIO`.
    pub anyio: Option<Version>,
}

/// What one file says.
#[derive(Clone, Debug, Default)]
struct Found {
    /// The oldest Python.
    python: Option<PythonVersion>,
    /// Its lists of requirements.
    lists: Vec<List>,
    /// Files that hold what the program needs, from the project's directory.
    runtime_files: Vec<String>,
    /// Why its dependencies are not understood.
    reason: Option<String>,
    /// Whether another file of the project may hold them.
    elsewhere: bool,
}

/// The names in a project's directory that say something about it.
pub const FILES: &[&str] = &[
    "pyproject.toml",
    "setup.cfg",
    "setup.py",
    "Pipfile",
    "pytest.ini",
    ".pytest.ini",
    "tox.ini",
];

/// Whether a name is one of a file with requirements: `requirements-dev.txt`, `dev-requirements.in`.
pub fn is_requirements(name: &str) -> bool {
    let extension = std::path::Path::new(name).extension();
    name.contains("requirements") && extension.is_some_and(|it| it == "txt" || it == "in")
}

/// Reads the project's files. `python` is the oldest Python where something else than they says it.
pub fn knowledge<'t>(
    files: impl IntoIterator<Item = (&'t str, &'t str)>,
    python: Option<PythonVersion>,
) -> Knowledge {
    let mut out = Knowledge {
        python,
        anyio: None,
    };
    let mut by_role = [None::<Version>; 2];
    // The order of `FILES` is that of their weight.
    let mut read: Vec<(usize, Found)> = files
        .into_iter()
        .map(|(name, text)| (weight(name), read(name, text)))
        .collect();
    read.sort_by_key(|(weight, _)| *weight);
    for (_, found) in &read {
        out.python = out.python.or(found.python);
    }
    let newest = out.python.map_or(version::NEWEST_ANYIO, newest_anyio);
    for (_, found) in &read {
        for list in &found.lists {
            let Some(constraint) = list.get("anyio").and_then(|it| it.constraint.as_ref()) else {
                continue;
            };
            let floor = constraint.anyio(newest).unwrap_or(version::OLDEST_ANYIO);
            let slot = &mut by_role[usize::from(list.role != Role::Runtime)];
            *slot = Some(slot.map_or(floor, |known| known.min(floor)));
        }
    }
    out.anyio = by_role[0].or(by_role[1]);
    out
}

fn weight(name: &str) -> usize {
    FILES
        .iter()
        .position(|known| *known == name)
        .unwrap_or(FILES.len())
}

fn read(name: &str, text: &str) -> Found {
    match name {
        "pyproject.toml" => toml_lists::pyproject(text),
        "Pipfile" => toml_lists::pipfile(text),
        "setup.cfg" => text_lists::setup_cfg(text),
        "setup.py" => setup_py::setup_py(text),
        "tox.ini" => text_lists::tox(text),
        _ if is_requirements(name) => {
            let role = if is_runtime_requirements(name) {
                Role::Runtime
            } else {
                Role::Other
            };
            match text_lists::requirements(text, role) {
                Ok(list) => Found {
                    lists: vec![list],
                    ..Found::default()
                },
                Err(reason) => Found {
                    reason: Some(reason),
                    ..Found::default()
                },
            }
        }
        _ => Found::default(),
    }
}

/// Whether a file with requirements is by its name what the program itself needs.
fn is_runtime_requirements(name: &str) -> bool {
    matches!(
        name,
        "requirements.txt"
            | "requirements.in"
            | "requirements/base.txt"
            | "requirements/base.in"
            | "requirements/common.txt"
            | "requirements/main.txt"
            | "requirements/requirements.txt"
            | "requirements/prod.txt"
            | "requirements/production.txt"
    )
}

/// The text of a project file.
fn text_of<'f>(files: &'f [Input], file: &ProjectFile) -> &'f str {
    files
        .get(file.file.0 as usize)
        .map_or("", |input| input.text.as_str())
}
