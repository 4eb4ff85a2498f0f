//! The examples: from the libraries' sources, and from the documentation of Python. They are fetched once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Examples;
use crate::{Result, process, root};

const LIMIT: Duration = Duration::from_mins(10);
/// The package of Debian with the documentation.
const PAGES: &str = "python3.11-doc";

/// All examples; what can't be obtained is told in `notes`.
pub(super) fn all(python: &Path, notes: &mut Vec<String>) -> Result<Vec<Examples>> {
    let mut out = Vec::new();
    for library in ["gevent", "eventlet"] {
        match sources(python, library) {
            Ok(directory) => out.push(Examples {
                library,
                files: files(&directory)?,
            }),
            Err(error) => notes.push(format!(
                "The sources of {library} could not be obtained: {error}"
            )),
        }
    }
    match pages(python) {
        Ok(directory) => out.push(Examples {
            library: "asyncio",
            files: files(&directory)?,
        }),
        Err(error) => notes.push(format!(
            "The package {PAGES} could not be obtained: {error}"
        )),
    }
    Ok(out)
}

/// The examples of a directory; its path tells the library.
pub(super) fn given(directory: &Path) -> Result<Examples> {
    let path = directory.to_string_lossy();
    let library = ["eventlet", "gevent"]
        .into_iter()
        .find(|it| path.contains(it));
    Ok(Examples {
        library: library.unwrap_or("asyncio"),
        files: files(directory)?,
    })
}

fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let error = |error| format!("{}: {error}", directory.display());
    let mut out = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.extension().is_some_and(|ending| ending == "py") {
            out.push(path);
        }
    }
    out.sort();
    Ok(out)
}

/// The examples in the source distribution of a library, in the version of the tests.
fn sources(python: &Path, library: &str) -> Result<PathBuf> {
    let pinned = std::fs::read_to_string(root().join("tests/requirements.txt"))
        .map_err(|error| error.to_string())?;
    let start = format!("{library}==");
    let pin = pinned.lines().find(|line| line.starts_with(&start));
    let pin = pin.ok_or_else(|| format!("{library} is not in tests/requirements.txt"))?;
    let cache = root().join(".cache/examples");
    let unpacked = cache.join(pin.replace("==", "-"));
    if !unpacked.is_dir() {
        make(&cache)?;
        ok(Command::new(python)
            .args(["-m", "pip", "--quiet", "download", "--no-deps"])
            .args(["--no-binary", library, pin, "--dest"])
            .arg(&cache))?;
        let archive = cache.join(format!("{}.tar.gz", pin.replace("==", "-")));
        ok(Command::new("tar")
            .arg("-xzf")
            .arg(archive)
            .arg("-C")
            .arg(&cache))?;
    }
    Ok(unpacked.join("examples"))
}

/// The programs in the pages about asyncio.
fn pages(python: &Path) -> Result<PathBuf> {
    let cache = root().join(".cache/examples").join(PAGES);
    let programs = cache.join("programs");
    if !programs.is_dir() {
        make(&cache)?;
        ok(Command::new("apt-get")
            .args(["download", PAGES])
            .current_dir(&cache))?;
        let command = format!("dpkg -x {PAGES}_*.deb .");
        ok(Command::new("sh")
            .args(["-c", &command])
            .current_dir(&cache))?;
        let mut command = Command::new(python);
        command
            .arg(root().join("xtask/python/doc_programs.py"))
            .arg(&programs);
        let pages = cache.join("usr/share/doc/python3.11/html/_sources/library");
        let pages = std::fs::read_dir(&pages).map_err(|error| error.to_string())?;
        let pages = pages.filter_map(|it| Some(it.ok()?.path()));
        command.args(pages.filter(|it| super::name(it).starts_with("asyncio")));
        make(&programs)?;
        ok(&mut command)?;
    }
    Ok(programs)
}

fn make(directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))
}

fn ok(command: &mut Command) -> Result<()> {
    let output = process::run(command, LIMIT)?;
    if output.code == Some(0) {
        Ok(())
    } else {
        Err(output.tail())
    }
}
