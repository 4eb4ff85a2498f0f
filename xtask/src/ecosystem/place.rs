//! Where a program is worked on: its sources and its environment, made once and kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Project;
use crate::{Result, process, root};

/// How long fetching and installing may take.
const INSTALL: Duration = Duration::from_mins(10);

/// The folder of a program, with what is in it.
pub(super) struct Place {
    /// The folder.
    pub directory: PathBuf,
    /// The interpreter of its environment.
    pub python: PathBuf,
    /// Its sources, untouched.
    pub source: PathBuf,
}

/// Where the folder of a program is.
pub(super) fn directory(project: &Project) -> PathBuf {
    root()
        .join(".cache/ecosystem")
        .join(format!("{}-{}", project.called(), project.version))
}

/// All that the environment of a program is made of: its own, and what migrated programs need.
pub(super) fn environment(project: &Project) -> Result<Vec<String>> {
    let pinned = fs::read_to_string(root().join("tests/requirements.txt"))
        .map_err(|error| error.to_string())?;
    let given = |name: &str| project.pins.iter().any(|pin| pin.starts_with(name));
    let ours = ["anyio==", "trio=="]
        .into_iter()
        .filter(|name| !given(name));
    let lines = ours.flat_map(|name| pinned.lines().filter(move |line| line.starts_with(name)));
    let own = project.pins.iter().map(String::as_str);
    Ok(own.chain(lines).map(str::to_owned).collect())
}

/// Makes the sources and the environment, unless they are there.
pub(super) fn prepare(project: &Project) -> Result<Place> {
    let directory = directory(project);
    let place = Place {
        python: directory.join("venv/bin/python"),
        source: directory.join("source"),
        directory,
    };
    let pins = environment(project)?;
    let done = place.directory.join("prepared");
    let wanted = format!("{pins:?} {:?}", project.directory);
    if fs::read_to_string(&done).is_ok_and(|made| made == wanted) {
        return Ok(place);
    }
    eprintln!("  fetching and installing");
    remove(&place.directory)?;
    make(&place.directory)?;
    let base = crate::python::base()?;
    ok(Command::new(base)
        .args(["-m", "venv"])
        .arg(place.directory.join("venv")))?;
    ok(pip(&place).arg("install").args(&pins))?;
    let requirement = format!("{}=={}", project.name, project.version);
    ok(pip(&place)
        .args(["download", "--no-deps", "--no-binary"])
        .args([&project.name, &requirement])
        .arg("--dest")
        .arg(&place.directory))?;
    unpack(project, &place)?;
    for root in roots(&place.source) {
        let script = crate::root().join("xtask/python/complete.py");
        ok(Command::new(&place.python)
            .arg(script)
            .arg(&project.name)
            .arg(root))?;
    }
    // A repository of its own: `verify` copies the repository that a program is in.
    ok(Command::new("git")
        .args(["init", "--quiet"])
        .arg(&place.source))?;
    fs::write(&done, wanted).map_err(|error| error.to_string())?;
    Ok(place)
}

fn pip(place: &Place) -> Command {
    let mut pip = Command::new(&place.python);
    pip.args([
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]);
    pip
}

/// Unpacks the one archive of the directory; what it holds becomes `source`.
fn unpack(project: &Project, place: &Place) -> Result<()> {
    let entries = |directory: &Path| -> Result<Vec<PathBuf>> {
        let listed = fs::read_dir(directory).map_err(|error| error.to_string())?;
        Ok(listed
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect())
    };
    let archive = entries(&place.directory)?
        .into_iter()
        .find(|path| path.to_string_lossy().ends_with(".tar.gz"));
    let archive = archive.ok_or("there is no .tar.gz on PyPI")?;
    let unpacked = place.directory.join("unpacked");
    make(&unpacked)?;
    ok(Command::new("tar")
        .arg("-xzf")
        .arg(archive)
        .arg("-C")
        .arg(&unpacked))?;
    let [top] = &entries(&unpacked)?[..] else {
        return Err("the archive holds more than one directory".to_owned());
    };
    let within = project.directory.as_deref().unwrap_or_default();
    fs::rename(top.join(within), &place.source).map_err(|error| error.to_string())
}

/// Where the packages of a source tree are: `src` where there is one, and the tree itself.
pub(super) fn roots(source: &Path) -> Vec<PathBuf> {
    let src = source.join("src");
    if src.is_dir() {
        vec![src, source.to_owned()]
    } else {
        vec![source.to_owned()]
    }
}

/// A fresh copy of the sources.
pub(super) fn copy(place: &Place, name: &str) -> Result<PathBuf> {
    let target = place.directory.join(name);
    remove(&target)?;
    ok(Command::new("cp").arg("-a").arg(&place.source).arg(&target))?;
    Ok(target)
}

fn ok(command: &mut Command) -> Result<()> {
    let output = process::run(command, INSTALL)?;
    if output.code == Some(0) {
        Ok(())
    } else {
        Err(format!("{command:?} failed: {}", output.tail()))
    }
}

/// Makes a directory with those above it.
pub(super) fn make(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))
}

fn remove(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("{}: {error}", directory.display()))
        }
        _ => Ok(()),
    }
}
