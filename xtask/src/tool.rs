//! The `loopshift` that these commands run: built from the sources, once a command.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use crate::process::{self, Output};
use crate::{Result, root};

/// A message of cargo, as far as it is used here.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
}

/// Builds the program and returns its path.
pub(crate) fn build(release: bool) -> Result<PathBuf> {
    eprintln!("Building loopshift");
    let mut command = Command::new("cargo");
    command.args([
        "build",
        "--quiet",
        "--package",
        "loopshift",
        "--message-format",
        "json-render-diagnostics",
    ]);
    if release {
        command.arg("--release");
    }
    let output = command
        .current_dir(root())
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        return Err("loopshift does not build".to_owned());
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter_map(|message| message.executable)
        .next_back()
        .ok_or_else(|| "cargo named no executable".to_owned())
}

/// The program that was named, or else the one that is built.
pub(crate) fn given_or_built(program: Option<&Path>, release: bool) -> Result<PathBuf> {
    match program {
        Some(program) => {
            std::path::absolute(program).map_err(|error| format!("{}: {error}", program.display()))
        }
        None => build(release),
    }
}

/// How to migrate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Migration {
    /// `--unsafe`.
    pub unsafe_changes: bool,
    /// `--apply`.
    pub apply: bool,
    /// `--anyio-version`.
    pub anyio: Option<String>,
    /// `--target-version`.
    pub python: Option<String>,
    /// `--to`, where that is not AnyIO.
    pub to: Option<String>,
}

/// What `migrate --output-format json` prints, as far as it is used here.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Report {
    /// The changes.
    pub changes: Vec<Change>,
    /// The files that change.
    pub files: Vec<File>,
    /// What verification took out.
    #[serde(default)]
    pub withdrawn: Vec<String>,
    /// What could not be read.
    #[serde(default)]
    pub errors: Vec<serde_json::Value>,
    /// The modules that use a library.
    #[serde(default)]
    pub modules: Vec<Module>,
}

/// A module that uses a library.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Module {
    /// Whether nothing keeps it from running on trio.
    pub trio_ready: bool,
}

/// A file that changes.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct File {
    /// Its path, from the root of the run.
    pub path: String,
}

/// One change.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Change {
    /// The rule.
    pub rule: String,
    /// The API that it is about.
    pub api: String,
    /// `applied`, `deferred` or `declined`.
    pub outcome: String,
    /// Why it was declined.
    pub reason: Option<String>,
}

impl Report {
    /// How many changes have this outcome.
    pub(crate) fn count(&self, outcome: &str) -> usize {
        self.changes
            .iter()
            .filter(|change| change.outcome == outcome)
            .count()
    }

    /// The reasons of what was declined, each once, in their order.
    pub(crate) fn reasons(&self) -> Vec<String> {
        let mut reasons: Vec<String> = Vec::new();
        for change in self
            .changes
            .iter()
            .filter(|change| change.outcome == "declined")
        {
            let reason = change
                .reason
                .clone()
                .unwrap_or_else(|| "no reason was given".to_owned());
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        reasons
    }
}

/// Runs `loopshift migrate` on a directory. An error if it fails or prints no report.
pub(crate) fn migrate(
    loopshift: &Path,
    directory: &Path,
    migration: &Migration,
    limit: Duration,
) -> Result<Report> {
    let mut command = Command::new(loopshift);
    let target = migration.to.as_deref().unwrap_or("anyio");
    command.args([
        "migrate",
        "--to",
        target,
        "--output-format",
        "json",
        "--no-cache",
    ]);
    if migration.apply {
        command.args(["--apply", "--allow-dirty"]);
    }
    if migration.unsafe_changes {
        command.arg("--unsafe");
    }
    if let Some(version) = &migration.anyio {
        command.args(["--anyio-version", version]);
    }
    if let Some(version) = &migration.python {
        command.args(["--target-version", version]);
    }
    let output = process::run(command.arg(".").current_dir(directory), limit)?;
    read(&output)
}

fn read(output: &Output) -> Result<Report> {
    if output.timed_out {
        return Err("loopshift ran into the time limit".to_owned());
    }
    if !matches!(output.code, Some(0 | 1)) {
        return Err(format!(
            "loopshift failed (exit code {:?}): {}",
            output.code,
            output.tail()
        ));
    }
    serde_json::from_str(&output.stdout)
        .map_err(|error| format!("loopshift's JSON: {error}: {}", output.tail()))
}
