//! Which files belong to the program: Python files below the given paths, without what is ignored or generated.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use ignore::{DirEntry, WalkBuilder};

use crate::apply::slashed;
use crate::home;
use crate::messages::{Problem, plain};
use crate::roots;
use crate::shebang::is_python_script;

/// Directories that hold no code of the project, whatever is in them.
const NEVER: [&str; 17] = [
    ".direnv",
    ".eggs",
    ".git",
    ".hg",
    home::FOLDER,
    ".mypy_cache",
    ".nox",
    ".pants.d",
    ".pytest_cache",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    "__pycache__",
    "__pypackages__",
    "node_modules",
    "site-packages",
];

/// Directories that are generated, unless they are packages: some projects have a package `build`.
const UNLESS_PACKAGE: [&str; 5] = ["_build", "buck-out", "build", "dist", "venv"];

/// What to leave out, and how to name what is found.
#[derive(Clone, Debug)]
pub struct Options {
    /// Globs that match a name or a path from `base`.
    pub exclude: Vec<String>,
    /// The directory that the globs' paths start from, canonical.
    pub base: PathBuf,
    /// The root of the run: names of files start from it.
    pub root: PathBuf,
    /// Source roots by the settings; where there are none they are found.
    pub source_roots: Vec<PathBuf>,
}

/// A Python file of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// The file itself, behind all symlinks.
    pub path: PathBuf,
    /// Its path from the root of the run, with `/`.
    pub name: String,
    /// Its dotted module names, the most likely first. A symlink to it gives it further ones.
    pub modules: Vec<String>,
}

/// All that was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The files, by name.
    pub files: Vec<Discovered>,
    /// The source roots, sorted.
    pub source_roots: Vec<PathBuf>,
    /// What could not be looked at.
    pub problems: Vec<Problem>,
    /// Directories below the given paths that hold a folder of loopshift's own.
    pub homes: Vec<PathBuf>,
}

/// The given paths as they really are.
///
/// # Errors
/// Where one does not exist, or its name is not Unicode.
pub fn canonical(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Problem> {
    let one = |path: &PathBuf| {
        path.canonicalize()
            .map_err(|error| Problem::io("find", path, &error).next("check the spelling"))
    };
    paths.iter().map(one).collect()
}

/// Finds the Python files at and below `paths` (canonical).
///
/// A file that is named itself is taken even where it is ignored or excluded.
///
/// # Errors
/// Where an exclude is not a glob. What cannot be looked at is among the problems of the result.
pub fn discover(paths: &[PathBuf], options: &Options) -> Result<Found, Problem> {
    let exclude = Arc::new(excludes(&options.exclude)?);
    let mut walk = Walk {
        paths,
        options,
        exclude,
        files: BTreeMap::new(),
        projects: BTreeSet::new(),
        real_dirs: BTreeMap::new(),
        found: Found::default(),
    };
    for path in paths {
        if path.is_dir() {
            walk.directory(path);
        } else {
            walk.named_file(path);
        }
    }
    Ok(walk.finish())
}

fn excludes(globs: &[String]) -> Result<GlobSet, Problem> {
    let bad = |glob: &str, error: &globset::Error| {
        Problem::at(format!("--exclude {glob}"), error.kind().to_string())
            .next("write a glob such as `docs/**` or `*_pb2.py`")
    };
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let trimmed = glob.trim_end_matches('/');
        let trimmed = trimmed.strip_prefix("./").unwrap_or(trimmed);
        let built: Glob = GlobBuilder::new(trimmed)
            .literal_separator(true)
            .build()
            .map_err(|error| bad(glob, &error))?;
        set.add(built);
    }
    set.build().map_err(|error| bad("", &error))
}

struct Walk<'a> {
    paths: &'a [PathBuf],
    options: &'a Options,
    exclude: Arc<GlobSet>,
    /// Each file with all the paths that lead to it.
    files: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
    projects: BTreeSet<PathBuf>,
    /// What directories really are, for those that were reached so far.
    real_dirs: BTreeMap<PathBuf, Option<PathBuf>>,
    found: Found,
}

impl Walk<'_> {
    fn named_file(&mut self, path: &Path) {
        if !path.is_file() {
            self.problem(path, "this is neither a file nor a directory");
        } else if is_python(path) {
            self.add(path);
        } else {
            self.problem(path, "this is not a Python file");
        }
    }

    fn directory(&mut self, top: &Path) {
        let homes = Arc::new(Mutex::new(Vec::new()));
        let filter = {
            let exclude = Arc::clone(&self.exclude);
            let paths = self.paths.to_vec();
            let base = self.options.base.clone();
            let homes = Arc::clone(&homes);
            move |entry: &DirEntry| {
                if entry.file_name() == home::FOLDER
                    && let (Some(parent), Ok(mut homes)) = (entry.path().parent(), homes.lock())
                {
                    homes.push(parent.to_path_buf());
                }
                entry.depth() == 0
                    || !is_generated(entry)
                        && !is_excluded(&exclude, &base, entry.path())
                        && stays_inside(entry, &paths)
            }
        };
        let walker = WalkBuilder::new(top)
            .hidden(false)
            .require_git(false)
            .follow_links(true)
            .filter_entry(filter)
            .build();
        for entry in walker {
            match entry {
                Ok(entry) => self.entry(&entry),
                Err(error) => self.walk_error(&error),
            }
        }
        if let Ok(mut homes) = homes.lock() {
            self.found.homes.append(&mut homes);
        }
    }

    fn entry(&mut self, entry: &DirEntry) {
        let path = entry.path();
        let Some(kind) = entry.file_type() else {
            return;
        };
        if kind.is_dir() {
            if entry.depth() > 0 && roots::is_project(path) {
                self.projects.insert(path.to_path_buf());
            }
        } else if kind.is_file() && is_python(path) {
            self.add(path);
        }
    }

    fn add(&mut self, path: &Path) {
        match self.real(path) {
            Some(real) => {
                self.files
                    .entry(real)
                    .or_default()
                    .insert(path.to_path_buf());
            }
            None => self.problem(path, "cannot find out where it really is"),
        }
    }

    /// The file behind `path`. Each directory is asked for once, as asking is slow.
    fn real(&mut self, path: &Path) -> Option<PathBuf> {
        if path.symlink_metadata().ok()?.is_symlink() {
            return path.canonicalize().ok();
        }
        let (parent, name) = (path.parent()?, path.file_name()?);
        if !self.real_dirs.contains_key(parent) {
            self.real_dirs
                .insert(parent.to_path_buf(), parent.canonicalize().ok());
        }
        Some(self.real_dirs.get(parent)?.as_ref()?.join(name))
    }

    fn walk_error(&mut self, error: &ignore::Error) {
        let (path, reason) = told(error);
        let path = path.unwrap_or(Path::new("")).to_path_buf();
        // A dangling symlink concerns us only where a module seems to be meant.
        let dangling = path
            .symlink_metadata()
            .is_ok_and(|found| found.is_symlink())
            && !path.exists()
            && !is_loop(error);
        if !dangling || has_python_name(&path) {
            self.problem(&path, &reason);
        }
    }

    fn problem(&mut self, path: &Path, reason: &str) {
        let name = path.strip_prefix(&self.options.root).unwrap_or(path);
        self.found
            .problems
            .push(Problem::at(name.display().to_string(), reason));
    }

    fn finish(mut self) -> Found {
        let projects: Vec<PathBuf> = std::mem::take(&mut self.projects).into_iter().collect();
        let roots = if self.options.source_roots.is_empty() {
            roots::source_roots(self.paths, &projects)
        } else {
            self.options.source_roots.clone()
        };
        for (path, ways) in std::mem::take(&mut self.files) {
            let name = path.strip_prefix(&self.options.root).ok().and_then(slashed);
            let Some(name) = name else {
                self.problem(
                    &path,
                    "its name is not Unicode, or it is outside the given paths",
                );
                continue;
            };
            let mut modules = roots::module_names(&roots, &path);
            for way in ways.iter().filter(|way| **way != path) {
                for module in roots::module_names(&roots, way) {
                    if !modules.contains(&module) {
                        modules.push(module);
                    }
                }
            }
            self.found.files.push(Discovered {
                path,
                name,
                modules,
            });
        }
        self.found.files.sort_by(|a, b| a.name.cmp(&b.name));
        self.found.problems.sort();
        self.found.problems.dedup();
        self.found.homes.sort();
        self.found.homes.dedup();
        self.found.source_roots = roots;
        self.found
    }
}

fn has_python_name(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ext| ext == "py" || ext == "pyi")
}

fn is_python(path: &Path) -> bool {
    has_python_name(path) || path.extension().is_none() && is_python_script(path)
}

/// Whether this is a directory that a tool made.
fn is_generated(entry: &DirEntry) -> bool {
    let path = entry.path();
    let Some(name) = entry.file_name().to_str() else {
        return false;
    };
    path.is_dir()
        && (NEVER.contains(&name)
            || UNLESS_PACKAGE.contains(&name) && !path.join("__init__.py").is_file()
            || path.join("pyvenv.cfg").is_file())
}

fn is_excluded(exclude: &GlobSet, base: &Path, path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let relative = path.strip_prefix(base).unwrap_or(path);
    exclude.is_match(name) || exclude.is_match(relative) || exclude.is_match(path)
}

/// Whether a symlink leads to a place inside the given paths. What is no symlink does.
fn stays_inside(entry: &DirEntry, paths: &[PathBuf]) -> bool {
    if !entry.path_is_symlink() {
        return true;
    }
    match entry.path().canonicalize() {
        Ok(real) => paths.iter().any(|path| real.starts_with(path)),
        // The walk will meet the same error and tell of it.
        Err(_) => true,
    }
}

fn is_loop(error: &ignore::Error) -> bool {
    match error {
        ignore::Error::Loop { .. } => true,
        ignore::Error::WithPath { err, .. }
        | ignore::Error::WithDepth { err, .. }
        | ignore::Error::WithLineNumber { err, .. } => is_loop(err),
        _ => false,
    }
}

/// The path and the reason of a walk's error.
fn told(error: &ignore::Error) -> (Option<&Path>, String) {
    match error {
        ignore::Error::WithPath { path, err } => (Some(path), told(err).1),
        ignore::Error::WithDepth { err, .. } => told(err),
        ignore::Error::Loop { ancestor, child } => (
            Some(child),
            format!(
                "this symlink leads back to {}, and is not followed",
                ancestor.display()
            ),
        ),
        // An error that the walk has wrapped repeats the path in its words.
        ignore::Error::Io(error) if error.raw_os_error().is_none() => {
            (None, format!("cannot read it: {}", error.kind()))
        }
        ignore::Error::Io(error) => (None, format!("cannot read it: {}", plain(error))),
        other => (None, other.to_string()),
    }
}
