//! Python environments: made from pinned requirements, kept until these change.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, process, root};

/// The environment of the tests, under the workspace.
pub(crate) fn tests() -> Result<PathBuf> {
    environment(
        &root().join(".venv-loopshift"),
        &root().join("tests/requirements.txt"),
    )
}

/// The environment for an older AnyIO: `4.0` has its own requirements.
pub(crate) fn with_anyio(version: &str) -> Result<PathBuf> {
    let requirements = root().join(format!("tests/requirements-anyio-{version}.txt"));
    if !requirements.exists() {
        return Err(format!("there is no {}", requirements.display()));
    }
    environment(
        &root().join(format!(".venv-loopshift-{version}")),
        &requirements,
    )
}

/// The interpreter of the environment `directory`, which is made, or made anew where it was made from another
/// text of the requirements or with another Python.
pub(crate) fn environment(directory: &Path, requirements: &Path) -> Result<PathBuf> {
    let wanted = fs::read_to_string(requirements)
        .map_err(|error| format!("{}: {error}", requirements.display()))?;
    let base = base()?;
    let wanted = format!("# {}\n{wanted}", version(&base)?);
    let mark = directory.join("loopshift-requirements.txt");
    let python = directory.join("bin/python");
    if fs::read_to_string(&mark).is_ok_and(|made| made == wanted) && python.exists() {
        return Ok(python);
    }
    eprintln!(
        "Setting up {} from {}",
        directory.display(),
        requirements.display()
    );
    process::must(
        Command::new(&base)
            .args(["-m", "venv", "--clear"])
            .arg(directory),
    )?;
    let install = [
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
        "-r",
    ];
    let stdout = std::process::Stdio::from(std::io::stderr());
    process::must(
        Command::new(&python)
            .args(install)
            .arg(requirements)
            .stdout(stdout),
    )?;
    fs::write(&mark, wanted).map_err(|error| format!("{}: {error}", mark.display()))?;
    Ok(python)
}

/// The Python to make environments with: `$PYTHON`, or the first of `python3` and the like that is at least 3.11.
pub(crate) fn base() -> Result<PathBuf> {
    if let Some(python) = std::env::var_os("PYTHON") {
        return Ok(python.into());
    }
    let names = [
        "python3",
        "python3.11",
        "python3.12",
        "python3.13",
        "python3.14",
        "python",
    ];
    names
        .iter()
        .map(PathBuf::from)
        .find(|name| version(name).is_ok_and(|version| numbers(&version) >= (3, 11)))
        .ok_or_else(|| "no Python 3.11 or newer was found; set PYTHON to one".to_owned())
}

fn version(python: &Path) -> Result<String> {
    let output = Command::new(python).arg("--version").output();
    let output = output.map_err(|error| format!("{}: {error}", python.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The first two numbers of `Python 3.11.7`.
fn numbers(version: &str) -> (u32, u32) {
    let mut parts = version
        .trim_start_matches("Python ")
        .split('.')
        .map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}
