//! Asking git whether what it has not recorded would be overwritten.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::messages::{Problem, count};

/// How many paths are given to git at once, to stay below every system's limit.
const AT_ONCE: usize = 200;

/// Refuses where one of `files` (canonical) has changes that git has not recorded. Files outside every repository pass,
/// and all files pass where git is not installed. Messages name files from `root`.
///
/// # Errors
/// Where a file is dirty, or git cannot tell.
pub(crate) fn refuse_dirty(files: &[&Path], root: &Path) -> Result<(), Problem> {
    let mut by_repository: BTreeMap<&Path, Vec<&Path>> = BTreeMap::new();
    for file in files {
        let repository = file
            .ancestors()
            .skip(1)
            .find(|dir| dir.join(".git").exists());
        if let Some(repository) = repository {
            by_repository.entry(repository).or_default().push(file);
        }
    }
    let mut dirty = Vec::new();
    for (repository, files) in by_repository {
        for some in files.chunks(AT_ONCE) {
            match status(repository, some)? {
                Some(found) => dirty.extend(found),
                None => return Ok(()),
            }
        }
    }
    if dirty.is_empty() {
        return Ok(());
    }
    dirty.sort();
    let names: Vec<String> = dirty
        .iter()
        .map(|path| {
            path.strip_prefix(root)
                .unwrap_or(path)
                .display()
                .to_string()
        })
        .collect();
    Err(Problem::new(format!(
        "{} would be changed and {} changes that git has not recorded, so nothing was changed:\n  {}",
        count(names.len(), "file"),
        if names.len() == 1 { "has" } else { "have" },
        names.join("\n  ")
    ))
    .next("commit or stash them, or use --allow-dirty"))
}

/// Those of `files` that are not as git has them recorded; `None` where there is no git to ask.
fn status(repository: &Path, files: &[&Path]) -> Result<Option<Vec<PathBuf>>, Problem> {
    let relative = files
        .iter()
        .map(|file| file.strip_prefix(repository).unwrap_or(file).as_os_str());
    let output = Command::new("git")
        .arg("-C")
        .arg(repository)
        // A repository may name a program of its own to watch files; it is not ours to run.
        .args(["-c", "core.fsmonitor=false", "--literal-pathspecs"])
        .args(["status", "--porcelain=v1", "-z", "--no-renames"])
        .args(["--untracked-files=all", "--ignore-submodules=all", "--"])
        .args(relative.collect::<Vec<&OsStr>>())
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Problem::io("ask git about", repository, &error)),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Problem::at(
            repository.display().to_string(),
            format!(
                "git cannot tell whether the files are recorded: {}",
                said.lines().next().unwrap_or("it ended with an error")
            ),
        )
        .next("mend that, or use --allow-dirty"));
    }
    let mut dirty = Vec::new();
    for entry in output.stdout.split(|byte| *byte == 0) {
        // Two letters and a space, then the path.
        if let Some(path) = entry.get(3..) {
            dirty.push(repository.join(String::from_utf8_lossy(path).as_ref()));
        }
    }
    Ok(Some(dirty))
}
