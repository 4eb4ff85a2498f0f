//! One program: fetched, tested, migrated, tested again.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Project;
use super::results::{Migrated, ProgramResult};
use super::suite::Suite;
use crate::process::{self, Output};
use crate::tool::{self, Migration};
use crate::{Result, root};

/// How long loopshift itself may take on a program.
const MIGRATE: Duration = Duration::from_mins(5);
/// How long fetching and installing may take.
const INSTALL: Duration = Duration::from_mins(10);

/// Where a program is worked on.
struct Place {
    directory: PathBuf,
    python: PathBuf,
    source: PathBuf,
}

/// Does all that there is to do with a program. What fails is part of the result.
pub(super) fn try_out(project: &Project, loopshift: &Path, with_unsafe: bool) -> ProgramResult {
    let mut result = ProgramResult::new(project);
    if let Err(error) = steps(project, loopshift, with_unsafe, &mut result) {
        result.error = Some(error);
    }
    result
}

fn steps(
    project: &Project,
    loopshift: &Path,
    with_unsafe: bool,
    result: &mut ProgramResult,
) -> Result<()> {
    let place = prepare(project)?;
    let scan = Command::new(loopshift)
        .args([
            "scan",
            "--to",
            &project.to,
            "--output-format",
            "json",
            "--no-cache",
            ".",
        ])
        .current_dir(&place.source)
        .output()
        .map_err(|error| error.to_string())?;
    let scan: serde_json::Value = serde_json::from_slice(&scan.stdout)
        .map_err(|error| format!("the JSON of scan: {error}"))?;
    result.uses = scan
        .pointer("/total/uses")
        .and_then(serde_json::Value::as_u64);
    eprintln!("  tests before");
    result.before = Some(test(project, &place, &copy(&place, "before")?)?);
    result.safe = Some(migrate(project, &place, loopshift, false)?);
    if with_unsafe {
        result.all = Some(migrate(project, &place, loopshift, true)?);
    }
    Ok(())
}

/// Sources and environment, made once and kept.
fn prepare(project: &Project) -> Result<Place> {
    let directory = root()
        .join(".cache/ecosystem")
        .join(format!("{}-{}", project.name, project.version));
    let place = Place {
        python: directory.join("venv/bin/python"),
        source: directory.join("source"),
        directory,
    };
    let done = place.directory.join("prepared");
    let wanted = format!("{project:?}");
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
    let pinned = fs::read_to_string(root().join("tests/requirements.txt"))
        .map_err(|error| error.to_string())?;
    let ours = pinned
        .lines()
        .filter(|line| line.starts_with("anyio==") || line.starts_with("trio=="));
    let mut install = pip(&place);
    install.arg("install").args(&project.pins).args(ours);
    ok(&mut install)?;
    let requirement = format!("{}=={}", project.name, project.version);
    let mut download = pip(&place);
    download
        .args([
            "download",
            "--no-deps",
            "--no-binary",
            ":all:",
            &requirement,
            "--dest",
        ])
        .arg(&place.directory);
    ok(&mut download)?;
    unpack(&place)?;
    for root in roots(&place.source) {
        let script = crate::root().join("xtask/python/complete.py");
        ok(Command::new(&place.python)
            .arg(script)
            .arg(&project.name)
            .arg(root))?;
    }
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
fn unpack(place: &Place) -> Result<()> {
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
    fs::rename(top, &place.source).map_err(|error| error.to_string())
}

/// Where the packages of a source tree are: `src` where there is one, and the tree itself.
fn roots(source: &Path) -> Vec<PathBuf> {
    let src = source.join("src");
    if src.is_dir() {
        vec![src, source.to_owned()]
    } else {
        vec![source.to_owned()]
    }
}

/// A fresh copy of the sources.
fn copy(place: &Place, name: &str) -> Result<PathBuf> {
    let target = place.directory.join(name);
    remove(&target)?;
    ok(Command::new("cp").arg("-a").arg(&place.source).arg(&target))?;
    Ok(target)
}

fn migrate(
    project: &Project,
    place: &Place,
    loopshift: &Path,
    unsafe_changes: bool,
) -> Result<Migrated> {
    eprintln!(
        "  migrating{}",
        if unsafe_changes { " with --unsafe" } else { "" }
    );
    let directory = copy(place, if unsafe_changes { "unsafe" } else { "safe" })?;
    let migration = Migration {
        unsafe_changes,
        apply: true,
        to: Some(project.to.clone()),
        ..Migration::default()
    };
    let report = tool::migrate(loopshift, &directory, &migration, MIGRATE)?;
    let again = tool::migrate(loopshift, &directory, &migration, MIGRATE)?;
    let files: Vec<PathBuf> = report
        .files
        .iter()
        .map(|file| directory.join(&file.path))
        .collect();
    let unparsable = unparsable(place, &files)?;
    let same = files.is_empty();
    if !same {
        eprintln!("  tests after");
    }
    let mut migrated = Migrated::new(&report);
    migrated.suite = if same {
        None
    } else {
        Some(test(project, place, &directory)?)
    };
    migrated.unparsable = unparsable;
    migrated.changed_again = again.files.into_iter().map(|file| file.path).collect();
    Ok(migrated)
}

/// The errors of the Python files among `files` that do not parse.
fn unparsable(place: &Place, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut child = Command::new(&place.python)
        .arg(root().join("xtask/python/parses.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let python = files.iter().filter(|file| {
        file.extension()
            .is_some_and(|ending| ending == "py" || ending == "pyi")
    });
    let list: Vec<String> = python.map(|file| file.display().to_string()).collect();
    if let Some(mut stdin) = child.stdin.take() {
        stdin
            .write_all(list.join("\n").as_bytes())
            .map_err(|error| error.to_string())?;
    }
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("parses.py: {}", output.status));
    }
    let base = format!("{}/", place.directory.display());
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| line.replace(&base, ""))
        .collect())
}

/// Runs the tests of a copy.
fn test(project: &Project, place: &Place, directory: &Path) -> Result<Suite> {
    let roots: Vec<String> = roots(directory)
        .iter()
        .map(|root| root.display().to_string())
        .collect();
    let bin = place.directory.join("venv/bin");
    let path = std::env::var("PATH").unwrap_or_default();
    // pytest names what failed when it is asked to; unittest always does.
    let names = if project.test.contains("pytest") {
        " -rfE"
    } else {
        ""
    };
    let command = format!("{}{names}", project.test);
    let mut shell = Command::new("sh");
    shell.args(["-c", &command]).current_dir(directory);
    shell
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("PYTHONPATH", roots.join(":"));
    shell.env("PYTHONDONTWRITEBYTECODE", "1");
    // Longer by far than the tests ever took: what is stuck is killed.
    let output = process::run(&mut shell, Duration::from_secs(project.seconds * 8 + 120))?;
    fs::write(
        directory.with_extension("log"),
        format!("{}\n{}", output.stdout, output.stderr),
    )
    .map_err(|error| error.to_string())?;
    Ok(Suite::read(&output))
}

fn ok(command: &mut Command) -> Result<()> {
    let output: Output = process::run(command, INSTALL)?;
    if output.code == Some(0) {
        Ok(())
    } else {
        Err(format!("{command:?} failed: {}", output.tail()))
    }
}

fn make(directory: &Path) -> Result<()> {
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
