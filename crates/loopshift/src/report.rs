//! What a migration has to tell, as plain rows, and as JSON (`docs/json.md`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use loopshift_engine::change::{FileId, Outcome, Plan, Safety};
use schemars::JsonSchema;
use serde::Serialize;

use crate::apply::Applied;
use crate::cli::Target;
use crate::diff;
use crate::lines::Lines;
use crate::messages::Problem;
use crate::scan_report::Module;

/// The version of the JSON formats. It grows when a field changes its meaning or goes, not when one is added.
pub const SCHEMA: u32 = 1;

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// Its edits are part of the diff.
    Applied,
    /// It is unsafe, and `--unsafe` was not given.
    Deferred,
    /// Nothing is edited.
    Declined,
}

/// One change, with its place in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Row {
    /// The rule that made it.
    pub rule: String,
    /// The file, from the root of the run.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The API that it moves.
    pub api: String,
    /// One sentence.
    pub message: String,
    /// How far it keeps the behaviour.
    #[schemars(with = "String", extend("enum" = ["safe", "unsafe", "manual"]))]
    pub safety: Safety,
    /// What became of it.
    pub outcome: Fate,
    /// Why it was declined.
    pub reason: Option<String>,
    /// What may differ.
    pub caveats: Vec<String>,
}

impl Row {
    /// `file:line`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// `: ` and what may differ. Nothing where the change keeps the behaviour itself, and goes together with one that may not.
    pub fn because(&self) -> String {
        because(&self.caveats)
    }
}

/// `: ` and what may differ, where there is anything.
pub(crate) fn because(caveats: &[String]) -> String {
    match caveats {
        [] => String::new(),
        caveats => format!(": {}", caveats.join("; ")),
    }
}

/// A file that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The file, from the root of the run.
    pub name: String,
    /// What it is.
    pub old: String,
    /// What it becomes.
    pub new: String,
}

/// All that a migration has to tell.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where it goes.
    pub to: Target,
    /// All changes, by file and offset.
    pub rows: Vec<Row>,
    /// The files that change, by name.
    pub changed: Vec<Changed>,
    /// The modules that use a library, and what keeps each from running on trio.
    pub modules: Vec<Module>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// What verification took out.
    pub withdrawn: Vec<String>,
    /// The run that wrote the changes; `None` in a dry run.
    pub applied: Option<Applied>,
}

/// The changes of a plan as rows. `files` gives the name and the text of each file of the plan.
pub fn rows(plan: &Plan, files: &BTreeMap<FileId, (&str, &str)>) -> Vec<Row> {
    let mut lines: BTreeMap<FileId, Lines> = BTreeMap::new();
    let mut rows = Vec::with_capacity(plan.changes.len());
    for (change, outcome) in &plan.changes {
        let file = change.place.file;
        let (name, text) = files.get(&file).copied().unwrap_or(("?", ""));
        let lines = lines.entry(file).or_insert_with(|| Lines::new(text));
        let (line, column) = lines.place(change.place.range.start().to_usize());
        let (outcome, reason) = match outcome {
            Outcome::Applied => (Fate::Applied, None),
            Outcome::Deferred => (Fate::Deferred, None),
            Outcome::Declined { reason } => (Fate::Declined, Some(reason.clone())),
        };
        rows.push(Row {
            rule: change.rule.to_owned(),
            file: name.to_owned(),
            line,
            column,
            api: change.api.clone(),
            message: change.message.clone(),
            safety: change.safety,
            outcome,
            reason,
            caveats: change.caveats.clone(),
        });
    }
    rows
}

impl Report {
    /// How many changes have this fate.
    pub fn count(&self, fate: Fate) -> usize {
        self.rows.iter().filter(|row| row.outcome == fate).count()
    }

    /// The report as JSON.
    pub fn to_json(&self) -> MigrateJson<'_> {
        let diff = |file: &Changed| diff::unified(&file.name, &file.old, &file.new, false);
        MigrateJson {
            schema: SCHEMA,
            command: "migrate",
            to: self.to,
            run: self.applied.as_ref().map(|applied| applied.run),
            summary: Summary {
                applied: self.count(Fate::Applied),
                deferred: self.count(Fate::Deferred),
                declined: self.count(Fate::Declined),
                files_changed: self.changed.len(),
                errors: self.problems.len(),
            },
            files: (self.changed.iter())
                .map(|file| FileJson {
                    path: file.name.as_str().into(),
                    diff: diff(file),
                })
                .collect(),
            changes: &self.rows,
            modules: &self.modules,
            withdrawn: &self.withdrawn,
            errors: &self.problems,
        }
    }
}

/// What `migrate --output-format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MigrateJson<'a> {
    /// The version of this format.
    #[schemars(extend("const" = SCHEMA))]
    schema: u32,
    /// The command that printed it.
    #[schemars(extend("const" = "migrate"))]
    command: &'a str,
    /// Where the migration goes.
    to: Target,
    /// The run that wrote the changes, for `loopshift undo`; null where nothing was written.
    run: Option<u32>,
    /// Numbers.
    summary: Summary,
    /// The files that change, by path.
    files: Vec<FileJson<'a>>,
    /// All changes, by file and place.
    changes: &'a [Row],
    /// The modules that use a library, as after the plan.
    modules: &'a [Module],
    /// What verification took out, in words.
    withdrawn: &'a [String],
    /// What could not be read.
    errors: &'a [Problem],
}

/// The numbers of a migration.
#[derive(Debug, Serialize, JsonSchema)]
struct Summary {
    /// Changes that are part of the diff.
    applied: usize,
    /// Changes that wait for `--unsafe`.
    deferred: usize,
    /// Uses that stay.
    declined: usize,
    /// Files that change.
    files_changed: usize,
    /// Files that could not be read.
    errors: usize,
}

/// A file that changes.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FileJson<'a> {
    /// The file, from the root of the run.
    pub(crate) path: Cow<'a, str>,
    /// A unified diff.
    pub(crate) diff: String,
}
