//! Small trees of files, and ways to look at them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use loopshift::apply::{Applied, Limits, Write, apply};
use loopshift::home::{lock, release};
use loopshift::messages::Problem;
use loopshift::read::Stamp;
use loopshift::undo::{Restored, recover, undo};
use tempfile::TempDir;

/// A directory of its own for a test, canonical.
pub(crate) struct Tree {
    _dir: Option<TempDir>,
    pub(crate) root: PathBuf,
}

impl Tree {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let root = dir.path().canonicalize().expect("it exists");
        let tree = Tree {
            _dir: Some(dir),
            root,
        };
        for (name, text) in files {
            tree.write(name, text.as_bytes());
        }
        tree
    }

    /// A tree that another process made.
    pub(crate) fn at(root: PathBuf) -> Self {
        Tree { _dir: None, root }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("below the root")).expect("directories");
        fs::write(path, bytes).expect("a written file");
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a text")
    }

    pub(crate) fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).expect("a mode");
    }

    /// A plan made by hand: `name` gets the bytes `new`, and holds now what was read.
    pub(crate) fn plan(&self, files: &[(&str, &[u8])]) -> Vec<Write> {
        files
            .iter()
            .map(|(name, new)| Write {
                path: self.path(name),
                name: (*name).to_owned(),
                stamp: Stamp::of(&fs::read(self.path(name)).expect("it can be read")),
                new: new.to_vec(),
            })
            .collect()
    }

    pub(crate) fn apply(&self, writes: &[Write]) -> Result<Applied, Problem> {
        self.apply_with(writes, false, std::slice::from_ref(&self.root))
    }

    /// Does what `migrate --apply` does: lock, recover, apply, release.
    pub(crate) fn apply_with(
        &self,
        writes: &[Write],
        allow_dirty: bool,
        roots: &[PathBuf],
    ) -> Result<Applied, Problem> {
        let lock = lock(&self.root)?;
        recover(&lock)?;
        let limits = Limits {
            roots: roots.to_vec(),
            allow_dirty,
        };
        let result = apply(&lock, writes, &limits);
        release(lock)?;
        result
    }

    pub(crate) fn undo(&self, run: Option<u32>, force: bool) -> Result<Option<Restored>, Problem> {
        let lock = lock(&self.root)?;
        let result = undo(&lock, run, force);
        release(lock)?;
        result
    }

    /// All files with their bytes and modes, and links with their targets.
    pub(crate) fn snapshot(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut found = BTreeMap::new();
        look(&self.root, &mut found);
        found
    }

    /// The same without the journal.
    pub(crate) fn program(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut found = self.snapshot();
        found.retain(|path, _| !path.starts_with(self.root.join(".loopshift")));
        found
    }

    pub(crate) fn git(&self, args: &[&str]) {
        let output = Command::new("git")
            .arg("-C")
            .arg(&self.root)
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
            .args(args)
            .output()
            .expect("git is installed");
        assert!(output.status.success(), "git {args:?}: {output:?}");
    }

    /// `loopshift` with `args`, in this directory.
    pub(crate) fn loopshift(&self, args: &[&str]) -> assert_cmd::assert::Assert {
        assert_cmd::Command::cargo_bin("loopshift")
            .expect("the program is built")
            .current_dir(&self.root)
            .env_remove("LOOPSHIFT_FAILPOINT")
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .args(args)
            .assert()
    }
}

fn look(dir: &Path, found: &mut BTreeMap<PathBuf, (u32, Vec<u8>)>) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        let metadata = path.symlink_metadata().expect("metadata");
        if metadata.is_dir() {
            look(&path, found);
        } else if metadata.is_symlink() {
            let target = path.read_link().expect("a link");
            found.insert(
                path,
                (0, target.to_string_lossy().into_owned().into_bytes()),
            );
        } else {
            let bytes = fs::read(&path).expect("bytes");
            found.insert(path, (metadata.permissions().mode(), bytes));
        }
    }
}
