//! The trees that are measured, each made once in the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, process, python, root};

/// A tree, and what it is moved to.
pub(super) struct Tree {
    /// What it is called in the tables.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// The targets that moves are measured for; the first one is that of `scan`.
    pub to: Vec<String>,
}

/// Wheels of PyPI, with the targets: two that use eventlet, and one of asyncio.
const WHEELS: &[(&str, &str, &[&str])] = &[
    ("nova", "34.0.0", &["asyncio", "anyio"]),
    ("neutron", "26.0.0", &["asyncio"]),
    ("homeassistant", "2025.4.4", &["anyio"]),
];

/// All of them. `python` has pip.
pub(super) fn all(python: &Path) -> Result<Vec<Tree>> {
    let mut trees = Vec::new();
    for (name, version, to) in WHEELS {
        trees.push(Tree {
            name: format!("{name} {version}"),
            path: wheel(python, name, version)?,
            to: to.iter().map(|it| (*it).to_owned()).collect(),
        });
    }
    trees.push(library()?);
    Ok(trees)
}

fn cached(name: &str) -> (PathBuf, PathBuf) {
    let directory = root().join(".cache/bench").join(name);
    let tree = directory.join("tree");
    (directory, tree)
}

/// A wheel, unpacked in the cache.
fn wheel(python: &Path, name: &str, version: &str) -> Result<PathBuf> {
    let (directory, tree) = cached(&format!("{name}-{version}"));
    if tree.exists() {
        return Ok(tree);
    }
    eprintln!("Fetching {name} {version}");
    fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
    // It is read and not run: by a Python that it would not install on, too.
    let download = [
        "-m",
        "pip",
        "--quiet",
        "download",
        "--no-deps",
        "--ignore-requires-python",
        "--only-binary",
        ":all:",
    ];
    process::must(
        Command::new(python)
            .args(download)
            .arg(format!("{name}=={version}"))
            .arg("--dest")
            .arg(&directory),
    )?;
    let wheel = fs::read_dir(&directory)
        .map_err(|error| error.to_string())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|ending| ending == "whl"))
        .ok_or("pip left no wheel")?;
    let unpacked = directory.join("unpacking");
    process::must(
        Command::new(python)
            .args(["-m", "zipfile", "-e"])
            .arg(wheel)
            .arg(&unpacked),
    )?;
    fs::rename(&unpacked, &tree).map_err(|error| error.to_string())?;
    Ok(tree)
}

/// A copy of the standard library of the Python that runs here, without what is installed beside it.
fn library() -> Result<Tree> {
    const COPY: &str = "import shutil, sys, sysconfig\n\
        skip = shutil.ignore_patterns('site-packages', 'dist-packages', '__pycache__', '*.so')\n\
        shutil.copytree(sysconfig.get_path('stdlib'), sys.argv[1], ignore=skip)\n";
    let python = python::base()?;
    let version = process::run(
        Command::new(&python).arg("--version"),
        std::time::Duration::from_mins(1),
    )?;
    let name = version.stdout.trim().to_owned();
    let (directory, tree) = cached(&name.to_lowercase().replace(' ', "-"));
    if !tree.exists() {
        fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
        let unpacked = directory.join("unpacking");
        process::must(Command::new(&python).args(["-c", COPY]).arg(&unpacked))?;
        fs::rename(&unpacked, &tree).map_err(|error| error.to_string())?;
    }
    Ok(Tree {
        name: format!("the library of {name}"),
        path: tree,
        to: vec!["anyio".to_owned()],
    })
}
