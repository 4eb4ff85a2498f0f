//! What came of the programs: `ecosystem/results.json`, and as a table `ecosystem/results.md`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Project;
use super::suite::Suite;
use crate::tool::Report;
use crate::{Result, root};

/// The results of all programs, by name.
#[derive(Default, Deserialize, Serialize)]
pub(super) struct Results {
    programs: BTreeMap<String, ProgramResult>,
}

/// The result of one.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct ProgramResult {
    name: String,
    version: String,
    /// What it is migrated to.
    to: String,
    control: bool,
    /// How many tests passed when it was chosen.
    expected: u32,
    /// What is worth knowing of its tests.
    note: Option<String>,
    /// The uses that `scan` finds.
    pub uses: Option<u64>,
    /// Its tests before.
    pub before: Option<Suite>,
    /// The migration without `--unsafe`.
    pub safe: Option<Migrated>,
    /// The migration with it.
    pub all: Option<Migrated>,
    /// What stopped the whole.
    pub error: Option<String>,
}

/// What a migration did.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Migrated {
    files: usize,
    applied: usize,
    deferred: usize,
    declined: usize,
    withdrawn: usize,
    unreadable: usize,
    /// How often each reason was given.
    reasons: BTreeMap<String, usize>,
    /// Errors of files that do not parse.
    pub unparsable: Vec<String>,
    /// Files that a second run changes.
    pub changed_again: Vec<String>,
    /// The tests after it; `None` where nothing changed.
    pub suite: Option<Suite>,
}

impl Migrated {
    pub(super) fn new(report: &Report) -> Migrated {
        let mut reasons = BTreeMap::new();
        for change in report
            .changes
            .iter()
            .filter(|change| change.outcome == "declined")
        {
            let reason = change.reason.as_deref().unwrap_or("no reason was given");
            // The reason itself is counted where it is given first.
            let follows = ["it moves together with ", "it goes together with "];
            let reason = if follows.iter().any(|start| reason.starts_with(start)) {
                "it goes together with what stays"
            } else {
                reason
            };
            *reasons
                .entry(format!("{}: {reason}", change.rule))
                .or_default() += 1;
        }
        Migrated {
            files: report.files.len(),
            applied: report.count("applied"),
            deferred: report.count("deferred"),
            declined: report.count("declined"),
            withdrawn: report.withdrawn.len(),
            unreadable: report.errors.len(),
            reasons,
            ..Migrated::default()
        }
    }
}

impl ProgramResult {
    pub(super) fn new(project: &Project) -> Self {
        ProgramResult {
            name: project.name.clone(),
            version: project.version.clone(),
            to: project.to.clone(),
            control: project.control,
            expected: project.passed,
            note: project.note.clone(),
            uses: None,
            before: None,
            safe: None,
            all: None,
            error: None,
        }
    }

    /// What is wrong, in words.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = self
            .error
            .iter()
            .map(|error| format!("stopped: {error}"))
            .collect();
        if let Some(broken) = self.before.as_ref().and_then(|suite| suite.broken.as_ref()) {
            problems.push(format!("the tests don't run before: {broken}"));
        }
        if let Some(before) = self
            .before
            .as_ref()
            .filter(|before| before.passed != self.expected)
        {
            problems.push(format!(
                "{} tests pass before, it should be {}",
                before.passed, self.expected
            ));
        }
        for (mode, migrated) in [("safe", &self.safe), ("--unsafe", &self.all)] {
            let Some(migrated) = migrated else { continue };
            let mut add = |what: String| problems.push(format!("{mode}: {what}"));
            for error in &migrated.unparsable {
                add(format!("does not parse: {error}"));
            }
            if !migrated.changed_again.is_empty() {
                add(format!(
                    "a second run changes {}",
                    migrated.changed_again.join(", ")
                ));
            }
            if self.control && migrated.files > 0 {
                add(format!(
                    "{} files of the control program change",
                    migrated.files
                ));
            }
            // With --unsafe the tests may notice: that is what unsafe means. The table shows it.
            if let (Some(after), Some(before), true) =
                (&migrated.suite, &self.before, mode == "safe")
                && after != before
            {
                add(format!(
                    "the tests end differently: {} before, {} after",
                    before.cell(),
                    after.cell()
                ));
                for failure in after
                    .failures
                    .iter()
                    .filter(|name| !before.failures.contains(name))
                {
                    add(format!("fails now: {failure}"));
                }
                add(after.broken.clone().unwrap_or_default());
            }
        }
        problems.retain(|problem| !problem.ends_with(": "));
        problems
    }

    fn cells(&self) -> Vec<String> {
        let number =
            |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
        let counts = |migrated: &Option<Migrated>| match migrated {
            None => "-".to_owned(),
            Some(m) => format!("{} / {} / {}", m.applied, m.deferred, m.declined),
        };
        let suite = |suite: Option<&Suite>, changed: bool| match suite {
            Some(suite) => suite.cell(),
            None if changed => "-".to_owned(),
            None => "as before".to_owned(),
        };
        let after = |migrated: &Option<Migrated>| match migrated {
            None => "-".to_owned(),
            Some(migrated) => suite(migrated.suite.as_ref(), false),
        };
        vec![
            format!("{} {}", self.name, self.version),
            self.to.clone(),
            number(self.uses),
            counts(&self.safe),
            counts(&self.all),
            suite(self.before.as_ref(), true),
            after(&self.safe),
            after(&self.all),
        ]
    }
}

impl Results {
    fn path(ending: &str) -> PathBuf {
        root().join(format!("ecosystem/results.{ending}"))
    }

    /// The results of earlier runs.
    pub(super) fn read() -> Result<Results> {
        let path = Results::path("json");
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Results::default()),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.programs.contains_key(name)
    }

    pub(super) fn set(&mut self, result: ProgramResult) {
        self.programs.insert(result.name.clone(), result);
    }

    /// Writes both files.
    pub(super) fn write(&self) -> Result<()> {
        let json = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        for (ending, text) in [("json", json + "\n"), ("md", self.markdown())] {
            let path = Results::path(ending);
            std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(())
    }

    /// The table alone.
    pub(super) fn table(&self) -> String {
        let mut out = String::from(
            "| program | to | uses | safe: applied / deferred / declined | `--unsafe` | tests before | after, safe | after, `--unsafe` |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for result in self.programs.values() {
            // Writing to a string does not fail.
            let _ = writeln!(out, "| {} |", result.cells().join(" | "));
        }
        out
    }

    fn markdown(&self) -> String {
        let mut out = String::from("# Real programs\n\n");
        out.push_str("`cargo xtask ecosystem` makes this file: each program is migrated, and its own tests are run before and after,\n");
        out.push_str("on asyncio where the target is AnyIO. The control program has nothing that should change.\n\n");
        out.push_str(&self.table());
        for result in self.programs.values() {
            let _ = writeln!(out, "\n## {} {}\n", result.name, result.version);
            if let Some(note) = &result.note {
                let _ = writeln!(out, "Tests: {note}.\n");
            }
            for problem in result.problems() {
                let _ = writeln!(out, "- **{}**", problem.lines().next().unwrap_or_default());
            }
            let migrated = result.all.as_ref().or(result.safe.as_ref());
            let mut reasons: Vec<(&String, &usize)> =
                migrated.iter().flat_map(|m| &m.reasons).collect();
            reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            for (reason, count) in reasons {
                let _ = writeln!(out, "- {count} × {reason}");
            }
        }
        out
    }
}
