//! Taking an apply back: one that was interrupted, or one that the user does not want.
//!
//! Every step may be the last one before a crash; the next run goes on from there.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use crate::disk;
use crate::home::Lock;
use crate::journal::{self, Filed, Mark, Record, Run, State};
use crate::messages::{Problem, count};

/// What was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The number of the run.
    pub run: u32,
    /// The files that have their old bytes again, by path from the root of the run.
    pub files: Vec<String>,
    /// Those of them that were edited after the apply, and where their bytes were put.
    pub overwritten: Vec<(String, String)>,
    /// Whether the apply had been interrupted.
    pub interrupted: bool,
}

/// Takes back the run `number`, or an interrupted one, or the last one; `None` where there is none.
///
/// With `force`, files that were edited after the apply are overwritten, and a copy of them is kept.
///
/// # Errors
/// Where there is no such run, a file was edited and `force` is not given, or the system refuses.
pub fn undo(lock: &Lock, number: Option<u32>, force: bool) -> Result<Option<Restored>, Problem> {
    let runs = journal::runs(lock.root())?;
    if let Some(run) = runs.iter().find(|run| run.state() == State::Unfinished) {
        return restore(lock, run, force).map(Some);
    }
    tidy_all(lock, &runs)?;
    let run = match number {
        Some(number) => match runs.iter().find(|run| run.number == number) {
            Some(run) if run.state() == State::Done => run,
            _ => return Err(no_such_run(number, &runs)),
        },
        None => match runs.iter().rfind(|run| run.state() == State::Done) {
            Some(run) => run,
            None => return Ok(None),
        },
    };
    restore(lock, run, force).map(Some)
}

fn no_such_run(number: u32, runs: &[Run]) -> Problem {
    let done: Vec<String> = runs
        .iter()
        .filter(|run| run.state() == State::Done)
        .map(|run| run.number.to_string())
        .collect();
    let problem = Problem::at(format!("run {number}"), "there is no such run to undo");
    if done.is_empty() {
        problem
    } else {
        problem.next(format!("the runs to undo are {}", done.join(", ")))
    }
}

/// Takes back every run that was interrupted, and tidies what earlier runs left.
///
/// # Errors
/// Where a file of an interrupted run was edited since, or the system refuses.
pub fn recover(lock: &Lock) -> Result<Vec<Restored>, Problem> {
    let runs = journal::runs(lock.root())?;
    let mut restored = Vec::new();
    for run in &runs {
        if run.state() == State::Unfinished {
            restored.push(restore(lock, run, false)?);
        }
    }
    tidy_all(lock, &runs)?;
    Ok(restored)
}

/// The number of a run in `root` that is not complete: interrupted, or still going on in another process.
pub fn unfinished(root: &Path) -> Option<u32> {
    let runs = journal::runs(root).ok()?;
    let run = runs.iter().find(|run| run.state() == State::Unfinished)?;
    Some(run.number)
}

/// Restores all files of `run` to their old bytes and modes.
pub(crate) fn restore(lock: &Lock, run: &Run, force: bool) -> Result<Restored, Problem> {
    let record = journal::read(lock.root(), run)?;
    let interrupted = !run.has(Mark::Done);
    let (back, edited) = sort_out(run, &record)?;
    if !edited.is_empty() && !force {
        return Err(refuse(run, &edited, interrupted));
    }
    let overwritten = keep_edited(run, &edited)?;
    let all: Vec<&Filed> = back.into_iter().chain(edited).collect();
    let here = |error: io::Error| {
        Problem::at(
            format!("run {}", run.number),
            format!("cannot restore: {}", crate::messages::plain(&error)),
        )
        .next("mend that, and run `loopshift undo` again: it goes on where it stopped")
    };
    run.mark(Mark::Undoing).map_err(here)?;
    for filed in &all {
        let stage = undo_stage(filed);
        disk::remove(&stage)
            .and_then(|()| disk::create(&stage, &filed.old, Some(filed.entry.kept())))
            .map_err(|error| Problem::io("restore", &filed.path, &error).next(
                "make room or its directory writable, and run `loopshift undo` again: it goes on where it stopped",
            ))?;
    }
    for filed in &all {
        disk::rename(&undo_stage(filed), &filed.path).map_err(|error| {
            Problem::io("restore", &filed.path, &error)
                .next("run `loopshift undo` again when that is mended: it goes on where it stopped")
        })?;
    }
    sync_parents(&all).map_err(here)?;
    run.mark(Mark::Undone).map_err(here)?;
    tidy(&record, run, overwritten.is_empty()).map_err(here)?;
    let mut files: Vec<String> = all.iter().map(|filed| filed.entry.path.clone()).collect();
    files.sort();
    Ok(Restored {
        run: run.number,
        files,
        overwritten,
        interrupted,
    })
}

/// The files to restore, and those that somebody edited after the apply.
fn sort_out<'a>(
    run: &Run,
    record: &'a Record,
) -> Result<(Vec<&'a Filed>, Vec<&'a Filed>), Problem> {
    let (mut back, mut edited) = (Vec::new(), Vec::new());
    // Nothing is renamed before all is staged.
    if !run.has(Mark::Staged) {
        return Ok((back, edited));
    }
    for filed in &record.files {
        // A staged file that is still there was not renamed, so the file is as the user has it.
        if filed.stage.symlink_metadata().is_ok() {
            continue;
        }
        match current(&filed.path)? {
            Some(bytes) if bytes == filed.new => back.push(filed),
            Some(bytes) if bytes == filed.old => {}
            _ => edited.push(filed),
        }
    }
    Ok((back, edited))
}

/// The bytes of the regular file at `path`; `None` where there is none, or something else.
fn current(path: &Path) -> Result<Option<Vec<u8>>, Problem> {
    let read = match path.symlink_metadata() {
        Ok(found) if found.is_file() => fs::read(path).map(Some),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    read.map_err(|error| Problem::io("read", path, &error))
}

fn refuse(run: &Run, edited: &[&Filed], interrupted: bool) -> Problem {
    let names: Vec<&str> = edited
        .iter()
        .map(|filed| filed.entry.path.as_str())
        .collect();
    let what = if interrupted {
        "the apply was interrupted, and then"
    } else {
        "since the apply"
    };
    Problem::at(
        format!("run {}", run.number),
        format!(
            "{what} {} edited, removed or replaced, so nothing was restored:\n  {}",
            count(edited.len(), "file") + if edited.len() == 1 { " was" } else { " were" },
            names.join("\n  ")
        ),
    )
    .next(
        "undo a later run first if it made these edits, or put these files aside; \
         `loopshift undo --force` overwrites them and keeps a copy in .loopshift",
    )
}

/// Saves what a forced undo is about to overwrite: pairs of the file and its copy.
fn keep_edited(run: &Run, edited: &[&Filed]) -> Result<Vec<(String, String)>, Problem> {
    let mut kept = Vec::new();
    for (index, filed) in edited.iter().enumerate() {
        let copy = run.own_file(&format!("edited-{index}"));
        let bytes = match current(&filed.path)? {
            Some(bytes) => bytes,
            None if filed.path.is_dir() => {
                return Err(Problem::at(
                    filed.path.display().to_string(),
                    "there is a directory in its place now; nothing was restored",
                )
                .next("move the directory away"));
            }
            None => continue,
        };
        disk::remove(&copy)
            .and_then(|()| disk::create(&copy, &bytes, None))
            .map_err(|error| Problem::io("write", &copy, &error))?;
        kept.push((filed.entry.path.clone(), copy.display().to_string()));
    }
    Ok(kept)
}

/// Where the old bytes of a file are staged on the way back: not where the new ones were, whose being there means something.
fn undo_stage(filed: &Filed) -> std::path::PathBuf {
    filed
        .path
        .with_file_name(format!("{}.old", filed.entry.stage))
}

/// Sees the renames to the disk.
pub(crate) fn sync_parents(files: &[&Filed]) -> io::Result<()> {
    let parents: BTreeSet<&Path> = files
        .iter()
        .filter_map(|filed| filed.path.parent())
        .collect();
    parents.into_iter().try_for_each(disk::sync_dir)
}

/// Removes what an undone run left beside the files, and with `forget` the run itself.
fn tidy(record: &Record, run: &Run, forget: bool) -> io::Result<()> {
    for filed in &record.files {
        disk::remove(&filed.stage)?;
        disk::remove(&undo_stage(filed))?;
    }
    if forget { run.forget() } else { Ok(()) }
}

fn tidy_all(lock: &Lock, runs: &[Run]) -> Result<(), Problem> {
    for run in runs {
        let done = match run.state() {
            State::Unborn => run.forget(),
            State::Undone => {
                let keep = run.own_file("edited-0").exists();
                journal::read(lock.root(), run).map(|record| tidy(&record, run, !keep))?
            }
            State::Unfinished | State::Done => Ok(()),
        };
        done.map_err(|error| Problem::io("remove", &run.own_file(""), &error))?;
    }
    Ok(())
}
