//! Source roots, as type checkers find them, and the module names that files have under them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Files that stand at the top of a project.
const PROJECT_FILES: [&str; 4] = ["pyproject.toml", "setup.py", "setup.cfg", "loopshift.toml"];

/// The source roots for the given `paths` (canonical): each directory itself, or where it is inside a package the nearest
/// one above that is not; its `src`; and the same for the project around it. `projects` are directories of
/// further projects below, as [`is_project`] knows them.
pub fn source_roots(paths: &[PathBuf], projects: &[PathBuf]) -> Vec<PathBuf> {
    let mut roots = BTreeSet::new();
    for path in paths {
        let dir = if path.is_dir() {
            path.as_path()
        } else {
            path.parent().unwrap_or(path)
        };
        add_with_src(&mut roots, above_package(dir));
        if let Some(project) = dir.ancestors().find(|dir| is_project(dir)) {
            let src = project.join("src");
            if dir.starts_with(&src) && is_plain(&src) {
                roots.insert(src);
            }
        }
    }
    for project in projects {
        if is_plain(project) {
            add_with_src(&mut roots, project);
        }
    }
    roots.into_iter().collect()
}

/// Whether a project has its top in `dir`.
pub(crate) fn is_project(dir: &Path) -> bool {
    PROJECT_FILES.iter().any(|name| dir.join(name).is_file())
}

fn add_with_src(roots: &mut BTreeSet<PathBuf>, dir: &Path) {
    roots.insert(dir.to_path_buf());
    let src = dir.join("src");
    if src.is_dir() && is_plain(&src) {
        roots.insert(src);
    }
}

/// Whether a directory is not a package by itself.
fn is_plain(dir: &Path) -> bool {
    !dir.join("__init__.py").is_file() && !dir.join("__init__.pyi").is_file()
}

/// The nearest directory at or above `dir` that is no package.
fn above_package(dir: &Path) -> &Path {
    dir.ancestors().find(|dir| is_plain(dir)).unwrap_or(dir)
}

/// The dotted names of the module in the file `path`, the most likely first: under the deepest of `roots` above it, then
/// under the others, then under the nearest directory above it that is no package (where test runners and
/// scripts import from).
pub fn module_names(roots: &[PathBuf], path: &Path) -> Vec<String> {
    let mut above: Vec<&Path> = roots
        .iter()
        .map(PathBuf::as_path)
        .filter(|root| path.starts_with(root) && *root != path)
        .collect();
    above.sort_by_key(|root| std::cmp::Reverse(root.components().count()));
    let beside = path.parent().map(above_package);
    let mut names = Vec::new();
    for root in above.into_iter().chain(beside) {
        if let Some(name) = module_name(root, path)
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

/// The dotted name of the module in the file `path` under `root`; `None` where it is not below it.
///
/// A part that holds a dot itself cannot be imported; its dots become `-`, so that it is not taken for another module.
pub fn module_name(root: &Path, path: &Path) -> Option<String> {
    let relative = path.strip_prefix(root).ok()?;
    let mut parts: Vec<String> = Vec::new();
    for part in relative.parent()? {
        parts.push(part.to_str()?.replace('.', "-"));
    }
    let file = relative.file_name()?.to_str()?;
    let stem = file
        .strip_suffix(".py")
        .or_else(|| file.strip_suffix(".pyi"))
        .unwrap_or(file);
    if stem != "__init__" || parts.is_empty() {
        parts.push(stem.replace('.', "-"));
    }
    Some(parts.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(root: &str, path: &str) -> Option<String> {
        module_name(Path::new(root), Path::new(path))
    }

    #[test]
    fn names_under_a_root() {
        assert_eq!(name("/r", "/r/a/b.py").as_deref(), Some("a.b"));
        assert_eq!(name("/r", "/r/a/b.pyi").as_deref(), Some("a.b"));
        assert_eq!(name("/r", "/r/a/__init__.py").as_deref(), Some("a"));
        assert_eq!(
            name("/r", "/r/a/__main__.py").as_deref(),
            Some("a.__main__")
        );
        assert_eq!(name("/r", "/r/__init__.py").as_deref(), Some("__init__"));
        assert_eq!(name("/r", "/r/bin/tool").as_deref(), Some("bin.tool"));
        assert_eq!(name("/r", "/r/v1.2/b.c.py").as_deref(), Some("v1-2.b-c"));
        assert_eq!(name("/r", "/s/b.py"), None);
    }
}
