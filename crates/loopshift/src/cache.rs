//! What runs have printed, kept in the user's cache directory: a run on files that nobody touched prints it again.
//!
//! An entry's name is a hash of all that its output depends on: the program, the command line, the settings, which files there
//! are, and for each of them what changes when it is written. Files are not read for that. An entry that is broken in
//! any way is as good as none, and so is a cache that cannot be written: it only saves time.

use std::env;
use std::ffi::OsStr;
use std::fmt::Debug;
use std::fs::{self, File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::discover::Found;
use crate::session::{Exit, Ground};

/// How many entries are kept.
const ENTRIES: usize = 32;

/// How many bytes all entries together may have.
const BYTES: u64 = 64 << 20;

/// What a program that was stopped may have left is removed after this time.
const ABANDONED: Duration = Duration::from_hours(1);

/// The ending of an entry's name.
const ENDING: &str = "run";

/// The ending of the name of an entry that is being written.
const UNFINISHED: &str = ".tmp";

/// Where entries are kept.
#[derive(Clone, Debug)]
pub struct Cache {
    /// The directory. It is made when it is needed.
    pub dir: PathBuf,
    /// How long files must have been left alone: one that was written just now may be written again within the same tick
    /// of its clock.
    pub settled: Duration,
}

/// By what an entry is found: the same for two runs only where they print the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64, u64);

/// Where something was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// The result.
    Out,
    /// Errors and notices.
    Err,
}

/// What a run printed, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Printed {
    /// How it ended.
    pub exit: Exit,
    /// The texts, in their order.
    pub pieces: Vec<(Stream, String)>,
}

impl Cache {
    /// The user's: in `XDG_CACHE_HOME`, or `.cache` in the home directory. `None` where there is neither.
    pub fn of_user() -> Option<Self> {
        let named = |name: &str| {
            let dir = PathBuf::from(env::var_os(name)?);
            dir.is_absolute().then_some(dir)
        };
        let dir = named("XDG_CACHE_HOME")
            .or_else(|| named("LOCALAPPDATA"))
            .or_else(|| Some(named("HOME")?.join(".cache")))?;
        Some(Cache {
            dir: dir.join("loopshift"),
            settled: Duration::from_secs(2),
        })
    }

    /// The key of a run on `found`. `asked` is the rest of what its output depends on. `None` where a file was written too
    /// lately, or what there is to know cannot be found out.
    pub fn key(&self, asked: &impl Debug, ground: &Ground, found: &Found) -> Option<Key> {
        // What is younger than this may still change without a trace.
        let young = SystemTime::now().checked_sub(self.settled)?;
        let mut hasher = Both::new();
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        file(&env::current_exe().ok()?, None, &mut hasher)?;
        user().hash(&mut hasher);
        format!("{asked:?} {ground:?} {:?}", found.problems).hash(&mut hasher);
        found.source_roots.hash(&mut hasher);
        for path in project_files(ground) {
            file(&path, Some(young), &mut hasher)?;
        }
        let keys: Option<Vec<Both>> = found
            .files
            .par_iter()
            .map(|found| {
                let mut hasher = Both::new();
                found.name.hash(&mut hasher);
                found.modules.hash(&mut hasher);
                file(&found.path, Some(young), &mut hasher)?;
                Some(hasher)
            })
            .collect();
        for key in keys? {
            (key.0.finish(), key.1.finish()).hash(&mut hasher);
        }
        Some(Key(hasher.0.finish(), hasher.1.finish()))
    }

    /// What the run with this key printed, if it is known.
    pub fn read(&self, key: Key) -> Option<Printed> {
        let path = self.path(key);
        let text = fs::read_to_string(&path).ok()?;
        let (head, body) = text.split_once('\n')?;
        if head != header(key, body) {
            return None;
        }
        let printed = serde_json::from_str(body).ok()?;
        // The entries that are used stay; where that cannot be noted, this one goes sooner.
        let _ = File::options()
            .append(true)
            .open(&path)
            .and_then(|file| file.set_modified(SystemTime::now()));
        Some(printed)
    }

    /// Keeps what the run with this key printed, in one instant, and removes old entries.
    ///
    /// # Errors
    /// Where the directory cannot be made or written.
    pub fn write(&self, key: Key, printed: &Printed) -> io::Result<()> {
        let body = serde_json::to_string(printed)?;
        if body.len() as u64 > BYTES / 2 {
            return Ok(());
        }
        make_private(&self.dir)?;
        let mut file = tempfile::Builder::new()
            .suffix(UNFINISHED)
            .tempfile_in(&self.dir)?;
        file.write_all(format!("{}\n{body}", header(key, &body)).as_bytes())?;
        file.persist(self.path(key))?;
        self.prune()
    }

    fn path(&self, key: Key) -> PathBuf {
        self.dir
            .join(format!("{:016x}{:016x}.{ENDING}", key.0, key.1))
    }

    /// Removes the entries that were not used for the longest time, as far as there are too many.
    fn prune(&self) -> io::Result<()> {
        let now = SystemTime::now();
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            // Another run may have removed it meanwhile.
            let Ok(metadata) = path.symlink_metadata() else {
                continue;
            };
            let used = metadata.modified()?;
            if path.extension() == Some(OsStr::new(ENDING)) {
                entries.push((used, metadata.len(), path));
            } else if path.to_string_lossy().ends_with(UNFINISHED)
                && now.duration_since(used).is_ok_and(|age| age > ABANDONED)
            {
                remove(&path)?;
            }
        }
        entries.sort();
        let mut bytes = 0;
        for (index, (_, len, path)) in entries.iter().rev().enumerate() {
            bytes += len;
            if index >= ENTRIES || bytes > BYTES {
                remove(path)?;
            }
        }
        Ok(())
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes a directory that only its owner can look into: what is printed holds pieces of the program.
fn make_private(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// The first line of an entry: whose it is, and that the rest is whole.
fn header(key: Key, body: &str) -> String {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    format!(
        "loopshift 1 {:016x}{:016x} {:016x}",
        key.0,
        key.1,
        hasher.finish()
    )
}

/// Two hashes of the same, as one is too short for names that must never meet.
struct Both(DefaultHasher, DefaultHasher);

impl Both {
    fn new() -> Self {
        let mut second = DefaultHasher::new();
        second.write_u8(1);
        Both(DefaultHasher::new(), second)
    }
}

impl Hasher for Both {
    fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
        self.1.write(bytes);
    }

    fn finish(&self) -> u64 {
        self.0.finish()
    }
}

/// Adds a file: its path, and what changes when it is written. `None` where it is younger than `young`, or cannot be
/// looked at.
fn file(path: &Path, young: Option<SystemTime>, hasher: &mut Both) -> Option<()> {
    let metadata = path.metadata().ok()?;
    path.as_os_str().hash(hasher);
    metadata.len().hash(hasher);
    metadata.modified().ok()?.hash(hasher);
    let changed = changed(&metadata, hasher)?;
    young.is_none_or(|young| changed < young).then_some(())
}

/// Adds what the system alone sets, and returns when the file last changed by it.
#[cfg(unix)]
fn changed(metadata: &Metadata, hasher: &mut Both) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt;
    let (seconds, nanos) = (metadata.ctime(), metadata.ctime_nsec());
    (metadata.dev(), metadata.ino(), seconds, nanos).hash(hasher);
    let since = Duration::new(seconds.try_into().ok()?, nanos.try_into().ok()?);
    SystemTime::UNIX_EPOCH.checked_add(since)
}

/// When the file was last written; elsewhere there is nothing more to know.
#[cfg(not(unix))]
fn changed(metadata: &Metadata, _hasher: &mut Both) -> Option<SystemTime> {
    metadata.modified().ok()
}

/// Who runs the program, where the system shows it: what may be read depends on it.
#[cfg(unix)]
fn user() -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").ok().map(|own| own.uid())
}

/// Who runs the program is not known here.
#[cfg(not(unix))]
fn user() -> Option<u32> {
    None
}

/// What may tell of settings, and of what the project needs: at the top of the run, and in the directories above it. More
/// than is read does no harm.
fn project_files(ground: &Ground) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut tops = ground.paths.clone();
    tops.push(ground.root.clone());
    for top in tops {
        let mut in_project = true;
        for dir in top.ancestors() {
            files.extend(["loopshift.toml", "pyproject.toml"].map(|name| dir.join(name)));
            if in_project {
                described(dir, &mut files);
                described(&dir.join("requirements"), &mut files);
            }
            in_project &= !dir.join(".git").exists();
        }
    }
    files.retain(|path| path.is_file());
    files.sort();
    files.dedup();
    files
}

/// Adds the files in `dir` that have the names that descriptions of projects have.
fn described(dir: &Path, files: &mut Vec<PathBuf>) {
    // A directory that is not there, or must not be read, is the same for whoever reads these files.
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    files.extend(entries.flatten().map(|entry| entry.path()).filter(|path| {
        let endings = ["toml", "cfg", "ini", "txt", "in"].map(OsStr::new);
        let ending = path.extension();
        ending.is_some_and(|ending| endings.contains(&ending))
            || path.file_name() == Some(OsStr::new("setup.py"))
            || path.file_name() == Some(OsStr::new("Pipfile"))
    }));
}
