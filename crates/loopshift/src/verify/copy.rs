//! A copy of the tree for one run of the command. Blocks are shared where the file system can (copy-on-write), and files
//! copied where it cannot. Hard links would not do: a program that writes into such a file writes into the user's.

use std::fs;
use std::io;
#[cfg(unix)]
use std::path::Component;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use crate::home;
use crate::messages::Problem;

/// What no run needs, and every run makes anew.
const LEFT: [&str; 6] = [
    home::FOLDER,
    "__pycache__",
    ".tox",
    ".nox",
    "node_modules",
    ".hypothesis",
];

/// How a folder says that it is a cache: <https://bford.info/cachedir/>.
const CACHE_TAG: &str = "CACHEDIR.TAG";

/// The folder to copy for a run in `root`: the whole repository where it is in one, since tests may need all of it.
pub fn tree_of(root: &Path) -> PathBuf {
    let repository = root.ancestors().find(|dir| dir.join(".git").exists());
    repository.unwrap_or(root).to_path_buf()
}

/// Copies the folder `tree` (canonical) to `to`, which must not exist. `scratch` holds the copies, and may be in the tree.
///
/// # Errors
/// Where a file can neither be shared nor copied.
pub fn copy(tree: &Path, scratch: &Path, to: &Path) -> Result<(), Problem> {
    let (top, scratch) = (tree.to_path_buf(), scratch.to_path_buf());
    let walk = WalkBuilder::new(tree)
        .standard_filters(false)
        .follow_links(false)
        .filter_entry(move |entry| entry.path() != scratch && !is_left(&top, entry.path()))
        .build();
    let mut modes = Vec::new();
    for entry in walk {
        let entry = entry.map_err(|error| Problem::new(format!("cannot copy: {error}")))?;
        let path = entry.path();
        let Ok(relative) = path.strip_prefix(tree) else {
            continue;
        };
        let target = if relative.as_os_str().is_empty() {
            to.to_path_buf()
        } else {
            to.join(relative)
        };
        let problem = |error: io::Error| Problem::io("copy", path, &error);
        let kind = entry.path().symlink_metadata().map_err(problem)?;
        if kind.is_dir() {
            fs::create_dir(&target).map_err(problem)?;
            modes.push((target, kind.permissions()));
        } else if kind.is_symlink() {
            link(tree, to, path, &target).map_err(problem)?;
        } else if kind.is_file() {
            reflink_copy::reflink_or_copy(path, &target).map_err(problem)?;
            fs::set_permissions(&target, kind.permissions()).map_err(problem)?;
        }
        // Sockets, pipes and devices belong to programs that are running.
    }
    share_objects(tree, to)?;
    // A folder that must not be written gets its mode when it is full; the innermost first.
    for (dir, mode) in modes.into_iter().rev() {
        fs::set_permissions(&dir, mode).map_err(|error| Problem::io("copy", &dir, &error))?;
    }
    Ok(())
}

fn is_left(tree: &Path, path: &Path) -> bool {
    let Ok(relative) = path.strip_prefix(tree) else {
        return false;
    };
    if relative.as_os_str().is_empty() {
        return false;
    }
    let name = path.file_name().and_then(|name| name.to_str());
    // A `.git` that is a file names a repository elsewhere, into which git would write.
    if name == Some(".git") && !path.is_dir() {
        return true;
    }
    if relative.starts_with(".git") {
        let parts = ["objects", "worktrees", "modules", "lfs"];
        return parts
            .iter()
            .any(|it| relative == Path::new(".git").join(it));
    }
    let is_dir = path.symlink_metadata().is_ok_and(|found| found.is_dir());
    is_dir
        && (name.is_some_and(|name| LEFT.contains(&name))
            || path.join("pyvenv.cfg").is_file()
            || path.join(CACHE_TAG).is_file())
}

/// Lets git in the copy read the objects of the user's repository; what it adds stays in the copy.
fn share_objects(tree: &Path, to: &Path) -> Result<(), Problem> {
    let objects = tree.join(".git/objects");
    if !objects.is_dir() || !to.join(".git").is_dir() {
        return Ok(());
    }
    let info = to.join(".git/objects/info");
    let written = fs::create_dir_all(&info)
        .and_then(|()| fs::write(info.join("alternates"), format!("{}\n", objects.display())));
    written.map_err(|error| Problem::io("write", &info, &error))
}

/// Makes a symlink anew: one into the tree leads into the copy.
#[cfg(unix)]
fn link(tree: &Path, to: &Path, path: &Path, target: &Path) -> io::Result<()> {
    let leads = fs::read_link(path)?;
    let leads = if leads.is_absolute() {
        match leads.strip_prefix(tree) {
            Ok(inside) => to.join(inside),
            Err(_) => leads,
        }
    } else if leaves(tree, path, &leads) {
        path.parent().unwrap_or(tree).join(leads)
    } else {
        leads
    };
    std::os::unix::fs::symlink(leads, target)
}

#[cfg(not(unix))]
fn link(_tree: &Path, _to: &Path, path: &Path, target: &Path) -> io::Result<()> {
    // Links need a right of their own here; what they lead to is copied.
    if path.is_file() {
        fs::copy(path, target)?;
    }
    Ok(())
}

/// Whether the relative link `leads` at `path` leads out of the tree.
#[cfg(unix)]
fn leaves(tree: &Path, path: &Path, leads: &Path) -> bool {
    let Some(parent) = path.parent().and_then(|it| it.strip_prefix(tree).ok()) else {
        return true;
    };
    let mut depth = parent.components().count();
    for part in leads.components() {
        match part {
            Component::ParentDir if depth == 0 => return true,
            Component::ParentDir => depth -= 1,
            Component::Normal(_) => depth += 1,
            _ => {}
        }
    }
    false
}
