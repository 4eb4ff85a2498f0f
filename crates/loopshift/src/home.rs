//! The folder `.loopshift/` at the root of a run: where it is, and the lock that keeps two runs apart.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::disk;
use crate::messages::Problem;

/// The name of the folder.
pub const FOLDER: &str = ".loopshift";

/// The directory that holds the folder `.loopshift/`: `cwd` where all `paths` are in it, otherwise the deepest
/// directory above all of them. All arguments are canonical.
pub fn root_of_run(cwd: &Path, paths: &[PathBuf]) -> PathBuf {
    if paths.iter().all(|path| path.starts_with(cwd)) {
        return cwd.to_path_buf();
    }
    // Paths of two drives have nothing above both of them.
    above_all(paths).unwrap_or(cwd).to_path_buf()
}

/// The deepest directory that all `paths` (canonical) are at or below.
pub fn above_all(paths: &[PathBuf]) -> Option<&Path> {
    let first = paths.first()?;
    let dir = if first.is_dir() {
        first
    } else {
        first.parent()?
    };
    dir.ancestors()
        .find(|dir| paths.iter().all(|path| path.starts_with(dir)))
}

/// The nearest directory at or above `from` that holds a folder `.loopshift/`.
pub fn find_above(from: &Path) -> Option<PathBuf> {
    from.ancestors()
        .find(|dir| is_real_dir(&dir.join(FOLDER)))
        .map(Path::to_path_buf)
}

/// Holds the folder for one process, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    root: PathBuf,
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone would not do while a program that was started meanwhile still holds the file.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// The directory that holds the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of the runs.
    pub(crate) fn runs(&self) -> PathBuf {
        self.root.join(FOLDER).join("runs")
    }
}

/// Makes the folder in `root` where it is missing, and takes its lock.
///
/// # Errors
/// Where the folder cannot be made, is a symlink, or another process holds it.
pub fn lock(root: &Path) -> Result<Lock, Problem> {
    let folder = root.join(FOLDER);
    // A folder that is removed by its last holder while we wait for it is made again.
    for _ in 0..100 {
        match try_lock(&folder)? {
            Some(file) => {
                return Ok(Lock {
                    root: root.to_path_buf(),
                    file,
                });
            }
            None => std::thread::yield_now(),
        }
    }
    Err(busy(&folder))
}

fn try_lock(folder: &Path) -> Result<Option<File>, Problem> {
    disk::make_dir(folder).map_err(|error| {
        Problem::io("create", folder, &error)
            .next("the journal of an apply lives there; make the directory above it writable")
    })?;
    if !is_real_dir(folder) {
        return Err(Problem::at(
            folder.display().to_string(),
            "this is not a directory, or it is a symlink; the journal must lie in the tree itself",
        ));
    }
    let path = folder.join("lock");
    let Ok(file) = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
    else {
        return if folder.exists() {
            Err(Problem::at(
                path.display().to_string(),
                "cannot open the lock file for writing",
            ))
        } else {
            Ok(None)
        };
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(busy(folder)),
        Err(TryLockError::Error(error)) => return Err(Problem::io("lock", &path, &error)),
    }
    if !is_still(&file, &path) {
        return Ok(None);
    }
    let gitignore = folder.join(".gitignore");
    if std::fs::read(&gitignore).ok().as_deref() != Some(b"*\n") {
        std::fs::write(&gitignore, b"*\n")
            .map_err(|error| Problem::io("write", &gitignore, &error))?;
    }
    Ok(Some(file))
}

/// Removes the folder where no run is left in it, so that a tree without runs is as it was before.
///
/// # Errors
/// Where the system refuses.
pub fn release(lock: Lock) -> Result<(), Problem> {
    let folder = lock.root.join(FOLDER);
    let runs = lock.runs();
    let empty = match std::fs::read_dir(&runs) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !runs.exists(),
    };
    if empty {
        disk::remove_tree(&folder).map_err(|error| Problem::io("remove", &folder, &error))?;
    }
    drop(lock);
    Ok(())
}

fn busy(folder: &Path) -> Problem {
    Problem::at(
        folder.display().to_string(),
        "another loopshift is writing here",
    )
    .next("wait until it has ended, and run this again")
}

fn is_real_dir(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir())
}

/// Whether `path` still is the file that was opened, and not one that another process made in its place.
#[cfg(unix)]
fn is_still(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), path.metadata()) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// Elsewhere an open file cannot be removed.
#[cfg(not(unix))]
fn is_still(_file: &File, path: &Path) -> bool {
    path.exists()
}
