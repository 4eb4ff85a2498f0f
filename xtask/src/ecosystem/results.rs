//! What came of the programs: `ecosystem/results.json`, and what is wrong in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::kinds::kind;
use super::tests::{After, Before};
use super::{Project, moves, table};
use crate::tool::Report;
use crate::{Result, root};

/// The results of all programs, by name.
#[derive(Default, Deserialize, Serialize)]
pub(super) struct Results {
    /// The results.
    pub programs: BTreeMap<String, ProgramResult>,
    /// Programs that were not run yet.
    #[serde(default)]
    pub missing: Vec<String>,
}

/// The result of one.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct ProgramResult {
    /// What it is called here.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence.
    pub licence: String,
    /// What it is migrated from.
    pub from: String,
    /// What it is migrated to.
    pub to: String,
    /// Whether it is a program, and not a library.
    pub application: bool,
    /// Whether nothing may change.
    pub control: bool,
    /// What is worth knowing of its tests.
    pub note: Option<String>,
    /// Which build of the tool it was.
    pub build: String,
    /// How many tests passed when it was chosen.
    expected: usize,
    /// Its lines of Python.
    pub lines: usize,
    /// Its functions.
    pub functions: usize,
    /// Those that become async.
    pub coloured: usize,
    /// How long the tool took for a scan, in seconds.
    pub seconds: f64,
    /// Its uses.
    pub uses: usize,
    /// Those that move.
    pub moved: usize,
    /// Those that move with `--unsafe`.
    pub moved_unsafe: usize,
    /// The same by API.
    pub apis: BTreeMap<String, Counted>,
    /// Its tests before.
    pub before: Option<Before>,
    /// The migration without `--unsafe`.
    pub safe: Option<Migrated>,
    /// The migration with it.
    pub all: Option<Migrated>,
    /// What stopped the whole.
    pub error: Option<String>,
}

/// What becomes of uses.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(super) struct Counted {
    /// All.
    pub uses: usize,
    /// Those that move.
    pub moved: usize,
    /// Those that move with `--unsafe`.
    pub moved_unsafe: usize,
}

/// How often each kind of reason was given, by API.
pub(super) type Why = BTreeMap<String, BTreeMap<String, usize>>;

/// What a migration did.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Migrated {
    /// How many files change.
    pub files: usize,
    /// Changes that are made.
    pub applied: usize,
    /// Changes that wait for `--unsafe`.
    pub deferred: usize,
    /// What is declined.
    pub declined: usize,
    withdrawn: usize,
    unreadable: usize,
    /// Why it is declined; only of the last migration.
    pub why: Why,
    /// Errors of files that do not parse.
    pub unparsable: Vec<String>,
    /// Files that a second run changes.
    pub changed_again: Vec<String>,
    /// The tests after it, for each backend; none where nothing changed.
    pub after: Vec<After>,
}

impl Migrated {
    pub(super) fn new(report: &Report) -> Migrated {
        Migrated {
            files: report.files.len(),
            applied: report.count("applied"),
            deferred: report.count("deferred"),
            declined: report.count("declined"),
            withdrawn: report.withdrawn.len(),
            unreadable: report.errors.len(),
            ..Migrated::default()
        }
    }

    /// Whether another migration changes the same: nothing waits for `--unsafe`.
    pub(super) fn is_like(&self, other: &Migrated) -> bool {
        self.deferred == 0 && self.applied == other.applied && self.files == other.files
    }
}

impl Report {
    /// How often each kind of reason was given for what is declined, by API.
    pub(super) fn why(&self) -> Why {
        let mut why = Why::new();
        for change in self.changes.iter().filter(|it| it.outcome == "declined") {
            let reason = change.reason.as_deref().unwrap_or("no reason was given");
            let kinds = why.entry(change.api.clone()).or_default();
            let name = format!("{}: {}", change.rule, kind(reason));
            *kinds.entry(name).or_default() += 1;
        }
        why
    }
}

impl ProgramResult {
    pub(super) fn new(project: &Project, build: &str) -> Self {
        ProgramResult {
            name: project.called().to_owned(),
            version: project.version.clone(),
            licence: project.licence.clone(),
            from: project.from.clone(),
            to: project.to.clone(),
            application: project.application,
            control: project.control,
            note: project.note.clone(),
            build: build.to_owned(),
            expected: project.passed,
            ..ProgramResult::default()
        }
    }

    /// How often each kind of reason was given, most often first.
    pub(super) fn reasons(&self) -> Vec<(String, usize)> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let last = self.all.as_ref().or(self.safe.as_ref());
        let kinds = last.into_iter().flat_map(|it| it.why.values().flatten());
        for (kind, count) in kinds {
            *counts.entry(kind).or_default() += count;
        }
        let mut reasons: Vec<_> = counts.into_iter().map(|(k, n)| (k.to_owned(), n)).collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        reasons
    }

    /// What is wrong, in words.
    pub(super) fn problems(&self) -> Vec<String> {
        let stopped = self.error.iter().map(|error| format!("stopped: {error}"));
        let mut problems: Vec<String> = stopped.collect();
        if let Some(before) = &self.before
            && before.passed + before.flaky.len() < self.expected
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
                let files = migrated.changed_again.join(", ");
                add(format!("a second run changes {files}"));
            }
            if self.control && migrated.files > 0 {
                let files = migrated.files;
                add(format!("{files} files of the control program change"));
            }
            for after in migrated.after.iter().filter(|after| !after.is_same()) {
                let on = after.backend.iter().map(|it| format!("on {it}: "));
                let on: String = on.collect();
                for broken in &after.broken {
                    add(format!(
                        "{on}fails now: {}: {}",
                        broken.test, broken.message
                    ));
                }
                for test in &after.missing {
                    add(format!("{on}is missing: {test}"));
                }
                if let Some(ending) = &after.ending {
                    add(format!("{on}it ended with {ending}"));
                }
            }
        }
        problems
    }
}

fn path(ending: &str) -> PathBuf {
    root().join(format!("ecosystem/results.{ending}"))
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

impl Results {
    /// The results of earlier runs, of the programs that still belong to them.
    pub(super) fn read(projects: &[Project]) -> Result<Results> {
        let path = path("json");
        let mut results: Results = match std::fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text)
                .map_err(|error| format!("{}: {error}", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Results::default(),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        results.programs.retain(|name, result| {
            let mut projects = projects.iter();
            let known = projects.find(|it| it.called() == name && it.version == result.version);
            if let Some(project) = known {
                result.expected = project.passed;
            }
            known.is_some()
        });
        let names = projects.iter().map(|it| it.called().to_owned());
        results.missing = names
            .filter(|name| !results.programs.contains_key(name))
            .collect();
        Ok(results)
    }

    pub(super) fn set(&mut self, result: ProgramResult) {
        self.missing.retain(|name| *name != result.name);
        self.programs.insert(result.name.clone(), result);
    }

    /// Writes the files.
    pub(super) fn write(&self, build: &str) -> Result<()> {
        let json = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        write(&path("json"), &(json + "\n"))?;
        write(&path("md"), &table::markdown(self, build))?;
        write(&root().join("docs/what-moves.md"), &moves::markdown(self))
    }
}
