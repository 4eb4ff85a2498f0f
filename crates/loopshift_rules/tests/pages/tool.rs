//! Migrating the files of an example.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::page::Options;
use crate::support;

/// What became of the files.
pub(crate) struct Migrated {
    /// All files afterwards, by name.
    pub files: BTreeMap<String, String>,
    /// What was left as it is, and why.
    pub left: Vec<Left>,
}

/// A use that was left.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Left {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// `applied`, `deferred` or `declined`.
    pub outcome: String,
    /// Why it was declined.
    pub reason: Option<String>,
    /// What may differ.
    #[serde(default)]
    pub caveats: Vec<String>,
}

impl Left {
    /// Whether the words are part of why it was left.
    pub(crate) fn says(&self, words: &str) -> bool {
        let mut told = self.reason.iter().chain(&self.caveats);
        told.any(|told| told.contains(words))
    }
}

#[derive(Deserialize)]
struct Report {
    changes: Vec<Left>,
}

/// The program, built once: pages are about what the sources do now.
static LOOPSHIFT: LazyLock<PathBuf> = LazyLock::new(|| {
    let build = [
        "build",
        "--quiet",
        "--package",
        "loopshift",
        "--message-format",
        "json-render-diagnostics",
    ];
    let messages = support::output_of(
        Command::new(env!("CARGO"))
            .args(build)
            .current_dir(env!("CARGO_MANIFEST_DIR")),
    );
    let executable = |line: &str| -> Option<PathBuf> {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(message.get("executable")?.as_str()?.into())
    };
    messages
        .lines()
        .filter_map(executable)
        .next_back()
        .expect("cargo names the executable")
});

/// Writes files under `directory`.
pub(crate) fn write(directory: &Path, files: &BTreeMap<String, String>) -> Result<(), String> {
    for (name, text) in files {
        let path = directory.join(name);
        let parent = path.parent().unwrap_or(directory);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}

/// Migrates files in a directory of their own.
pub(crate) fn migrate(
    files: &BTreeMap<String, String>,
    options: &Options,
) -> Result<Migrated, String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    write(directory.path(), files)?;
    let mut command = Command::new(&*LOOPSHIFT);
    command.args([
        "migrate",
        "--to",
        if options.to_asyncio {
            "asyncio"
        } else {
            "anyio"
        },
        "--apply",
        "--allow-dirty",
        "--no-cache",
        "--output-format",
        "json",
        ".",
    ]);
    command.args([
        "--target-version",
        options.target_version.as_deref().unwrap_or("py311"),
    ]);
    command.args([
        "--anyio-version",
        options.anyio.as_deref().unwrap_or("4.16"),
    ]);
    if let Some(bridge) = &options.bridge {
        command.args(["--bridge", bridge]);
    }
    if let Some(part) = &options.only {
        command.args(["--only", part]);
    }
    if options.unsafe_changes {
        command.arg("--unsafe");
    }
    let output = command
        .current_dir(directory.path())
        .output()
        .map_err(|error| error.to_string())?;
    if !matches!(output.status.code(), Some(0 | 1)) {
        return Err(format!(
            "loopshift: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let report: Report =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("the report: {error}"))?;
    let read = |name: &String| {
        let text = std::fs::read_to_string(directory.path().join(name))
            .map_err(|error| format!("{name}: {error}"))?;
        Ok((name.clone(), text))
    };
    let files: Result<BTreeMap<String, String>, String> = files.keys().map(read).collect();
    let left = report
        .changes
        .into_iter()
        .filter(|change| change.outcome != "applied")
        .collect();
    Ok(Migrated {
        files: files?,
        left,
    })
}
