//! Writing a plan: all files, or none.
//!
//! The journal is on the disk before anything else is touched, all new texts are staged beside their
//! targets before the first rename, and whatever fails on the way is taken back.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};

use crate::disk::{self, Kept};
use crate::git;
use crate::home::Lock;
use crate::journal::{self, Entry, Filed, Mark, Run};
use crate::messages::{Problem, count, plain};
use crate::read::Stamp;
use crate::undo;

/// A file to write.
#[derive(Clone, Debug)]
pub struct Write {
    /// The file. A symlink is followed: its target is written, and the link stays.
    pub path: PathBuf,
    /// What messages call it.
    pub name: String,
    /// What was read, to see that it has not changed since.
    pub stamp: Stamp,
    /// The new content.
    pub new: Vec<u8>,
}

/// What a run may write.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The paths that the user named, canonical. Nothing outside them is written.
    pub roots: Vec<PathBuf>,
    /// Whether files with changes that git has not recorded may be written.
    pub allow_dirty: bool,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The number of the run, for `loopshift undo`.
    pub run: u32,
    /// How many files were written.
    pub files: usize,
}

/// A file that passed all checks.
struct Ready<'a> {
    write: &'a Write,
    /// The file itself, behind all symlinks.
    real: PathBuf,
    old: Vec<u8>,
    kept: Kept,
}

/// Writes all of `writes`, or nothing. The run of an interrupted apply must have been recovered before
/// the files were read (see [`undo::recover`]).
///
/// # Errors
/// Where one of the files must not or cannot be written; nothing is changed then.
pub fn apply(lock: &Lock, writes: &[Write], limits: &Limits) -> Result<Applied, Problem> {
    let ready = check(lock, writes, limits)?;
    let token = RandomState::new().build_hasher().finish();
    let entries = entries(lock, &ready, token)?;
    let old: Vec<u8> = ready.iter().flat_map(|file| &file.old).copied().collect();
    let new: Vec<u8> = writes
        .iter()
        .flat_map(|write| &write.new)
        .copied()
        .collect();
    let run = journal::begin(lock, entries, &old, &new)?;
    match carry_out(lock, &run) {
        Ok(files) => Ok(Applied {
            run: run.number,
            files,
        }),
        Err(problem) => Err(take_back(lock, &run, problem)),
    }
}

/// The problem that stopped an apply, after the run was taken back.
fn take_back(lock: &Lock, run: &Run, problem: Problem) -> Problem {
    match undo::restore(lock, run, false) {
        Ok(_) => Problem {
            reason: format!("{}; nothing was changed", problem.reason),
            ..problem
        },
        Err(second) => Problem {
            reason: format!(
                "{}; taking the apply back failed too: {second}",
                problem.reason
            ),
            next: Some("mend that, and run `loopshift undo`".to_owned()),
            ..problem
        },
    }
}

/// Stages and renames all files of the run; how many there are.
fn carry_out(lock: &Lock, run: &Run) -> Result<usize, Problem> {
    let files = journal::read(lock.root(), run)?.files;
    for filed in &files {
        disk::create(&filed.stage, &filed.new, Some(filed.entry.kept()))
            .map_err(|error| not_writable(filed, &error))?;
    }
    let in_journal = |error| Problem::io("write the journal in", &run.own_file(""), &error);
    run.mark(Mark::Staged).map_err(in_journal)?;
    for filed in &files {
        unchanged(filed)?;
        disk::rename(&filed.stage, &filed.path).map_err(|error| not_writable(filed, &error))?;
    }
    let all: Vec<&Filed> = files.iter().collect();
    undo::sync_parents(&all).map_err(in_journal)?;
    run.mark(Mark::Done).map_err(in_journal)?;
    Ok(files.len())
}

fn not_writable(filed: &Filed, error: &std::io::Error) -> Problem {
    let next = if error.kind() == std::io::ErrorKind::StorageFull {
        "make room, and run the command again"
    } else {
        "make the file and its directory writable, or leave it out with --exclude"
    };
    Problem::at(
        filed.entry.path.clone(),
        format!("cannot write it: {}", plain(error)),
    )
    .next(next)
}

/// Looks once more, in the last moment, whether the file is as it was when its journal was written.
fn unchanged(filed: &Filed) -> Result<(), Problem> {
    let same = filed
        .path
        .symlink_metadata()
        .is_ok_and(|found| found.is_file())
        && fs::read(&filed.path).is_ok_and(|bytes| bytes == filed.old);
    if same {
        return Ok(());
    }
    Err(Problem::at(filed.entry.path.clone(), CHANGED).next("run the command again"))
}

const CHANGED: &str = "it changed while loopshift was at work";

fn entries(lock: &Lock, ready: &[Ready], token: u64) -> Result<Vec<Entry>, Problem> {
    let entry = |(index, file): (usize, &Ready)| {
        let path = file
            .real
            .strip_prefix(lock.root())
            .ok()
            .and_then(slashed)
            .ok_or_else(|| {
                Problem::at(
                    file.write.name.clone(),
                    "its path cannot be written down in the journal",
                )
            })?;
        Ok(Entry {
            path,
            stage: journal::stage_name(token, index),
            mode: file.kept.mode,
            owner: file.kept.owner,
            old_len: file.old.len(),
            new_len: file.write.new.len(),
        })
    };
    ready.iter().enumerate().map(entry).collect()
}

/// A relative path with `/` between its parts; `None` where it is not Unicode.
pub(crate) fn slashed(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    Some(parts?.join("/"))
}

/// Checks all files before anything is touched, and tells of all that stand in the way at once.
fn check<'a>(lock: &Lock, writes: &'a [Write], limits: &Limits) -> Result<Vec<Ready<'a>>, Problem> {
    let mut ready = Vec::with_capacity(writes.len());
    let mut refused: Vec<(String, String)> = Vec::new();
    let mut seen: BTreeMap<PathBuf, &str> = BTreeMap::new();
    for write in writes {
        match check_one(lock, write, limits) {
            Ok(file) => {
                if let Some(other) = seen.insert(file.real.clone(), &write.name) {
                    refused.push((
                        write.name.clone(),
                        format!("it is the same file as {other}"),
                    ));
                }
                ready.push(file);
            }
            Err(reason) => refused.push((write.name.clone(), reason)),
        }
    }
    if !refused.is_empty() {
        return Err(all_refused(&refused));
    }
    if !limits.allow_dirty {
        let paths: Vec<&Path> = ready.iter().map(|file| file.real.as_path()).collect();
        git::refuse_dirty(&paths, lock.root())?;
    }
    Ok(ready)
}

fn all_refused(refused: &[(String, String)]) -> Problem {
    let next = "mend that or leave them out with --exclude, and run the command again";
    if let [(name, reason)] = refused {
        return Problem::at(name.clone(), format!("{reason}; nothing was changed")).next(next);
    }
    let lines: Vec<String> = refused
        .iter()
        .map(|(name, reason)| format!("{name}: {reason}"))
        .collect();
    Problem::new(format!(
        "{} cannot be written, so nothing was changed:\n  {}",
        count(refused.len(), "file"),
        lines.join("\n  ")
    ))
    .next(next)
}

fn check_one<'a>(lock: &Lock, write: &'a Write, limits: &Limits) -> Result<Ready<'a>, String> {
    let says = |error: std::io::Error| format!("cannot read it: {}", plain(&error));
    let real = write.path.canonicalize().map_err(says)?;
    let inside = |root: &PathBuf| real.starts_with(root);
    if !limits.roots.iter().any(inside) || !real.starts_with(lock.root()) {
        return Err(if real == write.path {
            "it is outside the given paths".to_owned()
        } else {
            format!(
                "it is a symlink that leaves the given paths, to {}",
                real.display()
            )
        });
    }
    let metadata = real.metadata().map_err(says)?;
    if !metadata.is_file() {
        return Err("it is not a regular file any more".to_owned());
    }
    // Asked of the mode and not of the system, which lets root write everything.
    if metadata.permissions().readonly() {
        return Err("it is read-only".to_owned());
    }
    let parent = real.parent().unwrap_or(&real);
    if parent.metadata().map_err(says)?.permissions().readonly() {
        return Err("its directory is read-only".to_owned());
    }
    let old = fs::read(&real).map_err(says)?;
    if Stamp::of(&old) != write.stamp {
        return Err(CHANGED.to_owned());
    }
    Ok(Ready {
        write,
        kept: disk::kept(&metadata),
        real,
        old,
    })
}
