//! The journal of one apply: what each file was, what it becomes, and how far the apply got.
//!
//! A run is a directory `.loopshift/runs/N` with the old and the new bytes of all files, `journal.json`,
//! and empty files that mark how far it is:
//!
//! | there is | the run |
//! | --- | --- |
//! | no `journal.json` | has touched nothing |
//! | `journal.json` | may have left staged files beside their targets, but has renamed none |
//! | `staged` | may have renamed some |
//! | `done` | is complete |
//! | `undoing` | is on the way back |
//! | `undone` | is gone; only tidying is left |

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::disk::{self, Kept};
use crate::home::{FOLDER, Lock};
use crate::messages::Problem;

const SCHEMA: u32 = 1;
const JOURNAL: &str = "journal.json";
const OLD: &str = "old.bin";
const NEW: &str = "new.bin";

/// One file of an apply.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// The path from the root of the run, with `/` between its parts.
    pub(crate) path: String,
    /// The name of the staged file, in the directory of the file.
    pub(crate) stage: String,
    /// The permission bits.
    pub(crate) mode: u32,
    /// The user and the group.
    pub(crate) owner: (u32, u32),
    /// How many bytes of `old.bin` are this file's; they follow those of the entry before.
    pub(crate) old_len: usize,
    /// The same for `new.bin`.
    pub(crate) new_len: usize,
}

impl Entry {
    /// What the file keeps when it is replaced.
    pub(crate) fn kept(&self) -> Kept {
        Kept {
            mode: self.mode,
            owner: self.owner,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Journal {
    schema: u32,
    files: Vec<Entry>,
}

/// A run by its number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Run {
    pub(crate) number: u32,
    dir: PathBuf,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It has touched nothing.
    Unborn,
    /// It was interrupted, on its way there or back.
    Unfinished,
    /// It is complete.
    Done,
    /// It was taken back.
    Undone,
}

/// What marks how far a run is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mark {
    Staged,
    Done,
    Undoing,
    Undone,
}

impl Mark {
    fn name(self) -> &'static str {
        match self {
            Mark::Staged => "staged",
            Mark::Done => "done",
            Mark::Undoing => "undoing",
            Mark::Undone => "undone",
        }
    }
}

impl Run {
    /// Whether the run has got to `mark`.
    pub(crate) fn has(&self, mark: Mark) -> bool {
        self.dir.join(mark.name()).exists()
    }

    /// Marks that the run has got to `mark`. It may be marked already.
    pub(crate) fn mark(&self, mark: Mark) -> io::Result<()> {
        if !self.has(mark) {
            disk::create(&self.dir.join(mark.name()), b"", None)?;
        }
        disk::sync_dir(&self.dir)
    }

    /// How far the run is.
    pub(crate) fn state(&self) -> State {
        if !self.dir.join(JOURNAL).exists() {
            State::Unborn
        } else if self.has(Mark::Undone) {
            State::Undone
        } else if self.has(Mark::Done) && !self.has(Mark::Undoing) {
            State::Done
        } else {
            State::Unfinished
        }
    }

    /// A file of the run's own, for what an undo overwrites by force.
    pub(crate) fn own_file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Removes all that is kept of the run. The journal goes first: without it a run has touched nothing.
    pub(crate) fn forget(&self) -> io::Result<()> {
        disk::remove(&self.dir.join(JOURNAL))?;
        disk::remove_tree(&self.dir)
    }
}

/// The runs in the folder of `root`, by number.
///
/// # Errors
/// Where the folder cannot be read.
pub(crate) fn runs(root: &Path) -> Result<Vec<Run>, Problem> {
    let dir = root.join(FOLDER).join("runs");
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Problem::io("read", &dir, &error)),
    };
    let mut runs = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| Problem::io("read", &dir, &error))?;
        let number = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        if let Some(number) = number {
            runs.push(Run {
                number,
                dir: entry.path(),
            });
        }
    }
    runs.sort();
    Ok(runs)
}

/// Writes the journal of a new run, with the old and the new bytes of all its files, in the order of `entries`.
///
/// # Errors
/// Where the system refuses; nothing of the run is left then.
pub(crate) fn begin(
    lock: &Lock,
    entries: Vec<Entry>,
    old: &[u8],
    new: &[u8],
) -> Result<Run, Problem> {
    let number = runs(lock.root())?.last().map_or(1, |run| run.number + 1);
    let parent = lock.runs();
    let run = Run {
        number,
        dir: parent.join(number.to_string()),
    };
    let journal = Journal {
        schema: SCHEMA,
        files: entries,
    };
    let write = || -> io::Result<()> {
        let text = serde_json::to_vec_pretty(&journal)?;
        disk::make_dir(&parent)?;
        disk::make_dir(&run.dir)?;
        disk::create(&run.dir.join(OLD), old, None)?;
        disk::create(&run.dir.join(NEW), new, None)?;
        let draft = run.dir.join("journal.draft");
        disk::create(&draft, &text, None)?;
        disk::sync_dir(&run.dir)?;
        disk::rename(&draft, &run.dir.join(JOURNAL))?;
        for dir in [&run.dir, &parent, &lock.root().join(FOLDER)] {
            disk::sync_dir(dir)?;
        }
        disk::sync_dir(lock.root())
    };
    match write() {
        Ok(()) => Ok(run),
        Err(error) => {
            let problem = Problem::io("write the journal in", &run.dir, &error)
                .next("nothing was changed; make room or make the directory writable");
            // A directory that was never made need not be removed; one that cannot be is removed by the next run.
            let _ = run.forget();
            Err(problem)
        }
    }
}

/// A run's journal as read back.
pub(crate) struct Record {
    pub(crate) files: Vec<Filed>,
}

/// A file of a run, with its places in today's tree.
pub(crate) struct Filed {
    pub(crate) entry: Entry,
    /// The file.
    pub(crate) path: PathBuf,
    /// Where its new text was or is staged.
    pub(crate) stage: PathBuf,
    pub(crate) old: Vec<u8>,
    pub(crate) new: Vec<u8>,
}

/// Reads a run's journal. It is not trusted: it may have come with the tree, so no path in it may leave `root`.
///
/// # Errors
/// Where it cannot be read, is damaged, of another version, or names a file outside `root`.
pub(crate) fn read(root: &Path, run: &Run) -> Result<Record, Problem> {
    let path = run.dir.join(JOURNAL);
    let bytes = |name: &str| {
        let path = run.dir.join(name);
        fs::read(&path).map_err(|error| Problem::io("read", &path, &error))
    };
    let damaged = |why: String| {
        Problem::at(path.display().to_string(), why).next(format!(
            "the old bytes of all files are in {}",
            run.dir.join(OLD).display()
        ))
    };
    let journal: Journal = serde_json::from_slice(&bytes(JOURNAL)?)
        .map_err(|error| damaged(format!("this is not a journal of loopshift: {error}")))?;
    if journal.schema != SCHEMA {
        return Err(damaged(format!(
            "it is of version {}, and this loopshift knows version {SCHEMA}",
            journal.schema
        )));
    }
    let (old, new) = (bytes(OLD)?, bytes(NEW)?);
    let (mut old, mut new) = (old.as_slice(), new.as_slice());
    let mut files = Vec::new();
    for entry in journal.files {
        let (Some((old_bytes, old_rest)), Some((new_bytes, new_rest))) = (
            old.split_at_checked(entry.old_len),
            new.split_at_checked(entry.new_len),
        ) else {
            return Err(damaged("its saved bytes are incomplete".to_owned()));
        };
        (old, new) = (old_rest, new_rest);
        let place = placed(root, &entry)?;
        files.push(Filed {
            stage: place.with_file_name(&entry.stage),
            path: place,
            old: old_bytes.to_vec(),
            new: new_bytes.to_vec(),
            entry,
        });
    }
    Ok(Record { files })
}

/// The path of an entry's file, where that is inside `root` and not behind a symlink.
fn placed(root: &Path, entry: &Entry) -> Result<PathBuf, Problem> {
    let relative = Path::new(&entry.path);
    let inside = !entry.path.is_empty()
        && relative
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
    let stage_is_ours = entry.stage.starts_with(STAGE_PREFIX)
        && Path::new(&entry.stage).components().count() == 1
        && !entry.stage.contains(['/', '\\']);
    let path = root.join(relative);
    let parent = path.parent().unwrap_or(root);
    if !inside || !stage_is_ours {
        return Err(Problem::at(
            entry.path.clone(),
            "the journal names a file outside its tree; nothing was done",
        ));
    }
    match parent.canonicalize() {
        Ok(real) if real == parent => Ok(path),
        Ok(_) => Err(Problem::at(
            entry.path.clone(),
            "its directory is now behind a symlink; nothing was done",
        )),
        Err(error) => Err(Problem::io("find", parent, &error)
            .next("put the directory back, and run `loopshift undo` again")),
    }
}

/// How the names of staged files begin.
const STAGE_PREFIX: &str = ".loopshift-";

/// A name for the staged file of the `index`-th entry, with a `token` that no other run has.
pub(crate) fn stage_name(token: u64, index: usize) -> String {
    format!("{STAGE_PREFIX}{token:016x}-{index}.tmp")
}
