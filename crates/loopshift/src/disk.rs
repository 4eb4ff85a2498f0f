//! The few ways in which loopshift changes a disk, each made to last: what has returned is on the disk.
//!
//! Every one of them counts its steps for [`crate::failpoint`], so that a test can stop the process
//! at each.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use crate::failpoint::step;

/// The part of a file's metadata that a replaced file keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The permission bits.
    pub(crate) mode: u32,
    /// The user and the group.
    pub(crate) owner: (u32, u32),
}

/// What to keep of the file behind `metadata`.
#[cfg(unix)]
pub(crate) fn kept(metadata: &fs::Metadata) -> Kept {
    use std::os::unix::fs::MetadataExt;
    Kept {
        mode: metadata.mode() & 0o7777,
        owner: (metadata.uid(), metadata.gid()),
    }
}

/// What to keep of the file behind `metadata`.
#[cfg(not(unix))]
pub(crate) fn kept(_metadata: &fs::Metadata) -> Kept {
    Kept {
        mode: 0o644,
        owner: (0, 0),
    }
}

/// Writes a new file and sees it safely to the disk.
///
/// # Errors
/// Where `path` exists already, or the system refuses.
pub(crate) fn create(path: &Path, bytes: &[u8], keep: Option<Kept>) -> io::Result<()> {
    step();
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let (first, second) = bytes.split_at(bytes.len() / 2);
    file.write_all(first)?;
    step();
    file.write_all(second)?;
    step();
    if let Some(keep) = keep {
        set_kept(&file, path, keep)?;
    }
    file.sync_all()?;
    step();
    Ok(())
}

/// Gives the file `file` at `path` its owner and then its mode, in this order: a change of the owner clears bits of the mode.
#[cfg(unix)]
fn set_kept(file: &File, path: &Path, keep: Kept) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if kept(&file.metadata()?).owner != keep.owner {
        std::os::unix::fs::chown(path, Some(keep.owner.0), Some(keep.owner.1))?;
    }
    file.set_permissions(fs::Permissions::from_mode(keep.mode))
}

/// Nothing: other systems keep neither.
#[cfg(not(unix))]
fn set_kept(_file: &File, _path: &Path, _keep: Kept) -> io::Result<()> {
    Ok(())
}

/// Puts `from` in the place of `to`, in one instant.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    step();
    fs::rename(from, to)?;
    step();
    Ok(())
}

/// Sees the entries of a directory to the disk.
#[cfg(unix)]
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    step();
    Ok(())
}

/// Nothing: other systems do not open directories.
#[cfg(not(unix))]
pub(crate) fn sync_dir(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Makes a directory; one that is there already is fine.
pub(crate) fn make_dir(path: &Path) -> io::Result<()> {
    step();
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Removes a file; one that is gone already is fine.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    step();
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes a directory with all that is in it; one that is gone already is fine.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    step();
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    step();
    Ok(())
}
