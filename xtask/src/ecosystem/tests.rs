//! The tests of a program, before and after: `loopshift verify` runs them and compares them one by one.

use std::process::Command;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::place::{self, Place};
use super::program::Run;
use crate::{Result, process};

/// What `verify --output-format json` prints, as far as it is used here.
#[derive(Deserialize)]
pub(super) struct Verified {
    /// Without any change.
    pub before: Before,
    /// With the changes, for each backend; none where nothing changes.
    pub after: Vec<After>,
    /// The changes behind what differs.
    #[serde(default)]
    groups: Vec<Group>,
}

/// The tests without any change.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Before {
    /// How many pass.
    #[serde(deserialize_with = "or_none")]
    pub passed: usize,
    /// Those that fail.
    pub failed: Vec<String>,
    /// Those that differ from run to run.
    pub flaky: Vec<String>,
}

/// The tests with the changes.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct After {
    /// The backend of `AnyIO` that was asked for.
    pub backend: Option<String>,
    /// How many pass.
    #[serde(deserialize_with = "or_none")]
    pub passed: usize,
    /// Those that fail now.
    pub broken: Vec<Broken>,
    /// Those that passed and are gone.
    pub missing: Vec<String>,
    /// Those that pass at last.
    pub newly_passing: Vec<String>,
    /// How the command ended, where that alone differs.
    pub ending: Option<String>,
}

/// A test that fails now.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Broken {
    /// The test.
    pub test: String,
    /// The first line of what it says.
    pub message: String,
}

#[derive(Deserialize)]
struct Group {
    reason: String,
    changes: Vec<Behind>,
}

#[derive(Deserialize)]
struct Behind {
    rule: String,
    file: String,
    line: usize,
    message: String,
}

/// A command without tests tells of none.
fn or_none<'de, D: serde::Deserializer<'de>>(from: D) -> std::result::Result<usize, D::Error> {
    Option::<usize>::deserialize(from).map(Option::unwrap_or_default)
}

impl After {
    /// Whether all tests end as before.
    pub(super) fn is_same(&self) -> bool {
        self.broken.is_empty() && self.missing.is_empty() && self.ending.is_none()
    }

    /// How many tests do not end as before.
    pub(super) fn changed(&self) -> usize {
        self.broken.len() + self.missing.len()
    }

    /// Leaves out tests whose result says nothing.
    fn without(&mut self, flaky: &[String]) {
        self.broken.retain(|it| !flaky.contains(&it.test));
        self.missing.retain(|it| !flaky.contains(it));
        self.newly_passing.retain(|it| !flaky.contains(it));
    }

    /// In a few words, for a table.
    pub(super) fn cell(&self) -> String {
        let counts = [
            (self.broken.len(), "**", "broken**"),
            (self.missing.len(), "**", "missing**"),
            (self.newly_passing.len(), "", "pass at last"),
        ];
        let ending = self.ending.iter().map(|ending| format!("**{ending}**"));
        words(self.passed, &counts)
            .chain(ending)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

impl Before {
    /// In a few words, for a table.
    pub(super) fn cell(&self) -> String {
        let counts = [
            (self.failed.len(), "", "failed"),
            (self.flaky.len(), "", "set aside"),
        ];
        words(self.passed, &counts).collect::<Vec<_>>().join(", ")
    }
}

/// How many tests pass, and of what else there is any.
fn words(passed: usize, counts: &[(usize, &str, &str)]) -> impl Iterator<Item = String> {
    let some = counts.iter().filter(|(count, ..)| *count > 0);
    let rest = some.map(|(count, mark, word)| format!("{mark}{count} {word}"));
    std::iter::once(format!("{passed} passed")).chain(rest)
}

/// How the tests are run.
pub(super) struct How<'a> {
    /// Whether with `--unsafe`.
    pub unsafe_changes: bool,
    /// How often before.
    pub baseline: u16,
    /// The backends of `AnyIO`; none for whatever the program chooses.
    pub backends: &'a [&'a str],
    /// Tests that are set aside already.
    pub flaky: &'a [String],
}

/// Runs the tests before and after. `None` if the time was over.
pub(super) fn run(run: &Run<'_>, place: &Place, how: &How<'_>) -> Result<Option<Verified>> {
    let project = run.project;
    // Longer by far than the tests ever took: what is stuck is ended.
    let one = project.seconds * 8 + 120;
    let number = |number: u64| number.to_string();
    let mut command = Command::new(run.loopshift);
    command.args([
        "verify",
        "--quiet",
        "--output-format",
        "json",
        "--to",
        &project.to,
    ]);
    command.args(["--baseline", &number(u64::from(how.baseline))]);
    command.args(["--timeout", &number(one)]);
    command.args(["--max-runs", &number(u64::from(run.search))]);
    if how.unsafe_changes {
        command.arg("--unsafe");
    }
    if !how.backends.is_empty() {
        command.args(["--backend", &how.backends.join(",")]);
    }
    let words = shell_words::split(&project.test).map_err(|error| error.to_string())?;
    command.arg("--").args(words).current_dir(&place.source);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let bin = place.directory.join("venv/bin");
    let paths = std::iter::once(bin).chain(std::env::split_paths(&paths));
    let joined = std::env::join_paths(paths).map_err(|error| error.to_string())?;
    let roots = std::env::join_paths(place::roots(&place.source));
    let roots = roots.map_err(|error| error.to_string())?;
    command.env("PATH", joined).env("PYTHONPATH", roots);
    let runs = u64::from(how.baseline) + u64::from(run.search) + how.backends.len().max(1) as u64;
    let left = run.until.saturating_duration_since(Instant::now());
    let output = process::run(&mut command, left.min(Duration::from_secs(one * runs + 60)))?;
    if output.timed_out {
        return Ok(None);
    }
    if !matches!(output.code, Some(0 | 1)) {
        return Err(output.tail());
    }
    let mut verified: Verified = serde_json::from_str(&output.stdout)
        .map_err(|error| format!("the JSON of verify: {error}"))?;
    for after in &mut verified.after {
        after.without(how.flaky);
        for broken in &mut after.broken {
            broken.message = first_line(&broken.message);
        }
    }
    for group in &verified.groups {
        eprintln!("  {}:", group.reason);
        for it in &group.changes {
            eprintln!("    {}:{} {}: {}", it.file, it.line, it.rule, it.message);
        }
    }
    Ok(Some(verified))
}

/// The first line, without paths of this machine.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let words = line.split(' ').map(|word| {
        let is_path = word.trim_start_matches(['\'', '"', '(']).starts_with('/');
        if is_path && word.matches('/').count() > 1 {
            "…"
        } else {
            word
        }
    });
    let mut line = words.collect::<Vec<_>>().join(" ");
    if let Some((at, _)) = line.char_indices().nth(160) {
        line.truncate(at);
        line.push('…');
    }
    line
}
