//! Whether a migrated program does what it did: a command is run in copies of the tree, before and after, and where they
//! differ the changes are found that are behind it.

pub mod compare;
pub mod components;
pub mod copy;
pub mod hooks;
pub mod junit;
pub mod kind;
pub mod narrow;
pub mod normalise;
pub mod output;
pub mod report;
pub mod run;
mod search;
pub mod stop;

use std::collections::BTreeSet;
use std::path::Path;

use loopshift_rules::leave_out::LeftOut;

use crate::cli::{Backend, Running, Target};
use crate::commands::migrate::source;
use crate::engine::{Engine, Job, Planned};
use crate::messages::{Problem, count};
use crate::progress::Progress;
use crate::read::Source;
use crate::verify::compare::{Baseline, Differences};
use crate::verify::junit::Tests;
use crate::verify::kind::Kind;
use crate::verify::normalise::Normaliser;
use crate::verify::run::{Ending, Ran, Runner, Texts};

/// What is to be verified, and by what.
pub struct Asked<'a> {
    /// The engine.
    pub engine: &'a dyn Engine,
    /// The migration.
    pub job: &'a Job,
    /// Where the command is run.
    pub root: &'a Path,
    /// The command.
    pub command: &'a [String],
    /// How it is run.
    pub running: &'a Running,
    /// Where to tell how far it is.
    pub progress: &'a Progress,
}

/// Changes that break something together.
#[derive(Clone, Debug)]
pub struct Group {
    /// Their numbers in the first plan.
    pub changes: Vec<usize>,
    /// What differs with them.
    pub differences: Differences,
    /// The plan of these changes alone.
    pub alone: Planned,
    /// Whether fewer would not do it; otherwise the runs did not suffice to say so.
    pub is_smallest: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What kind of command it is.
    pub kind: Kind,
    /// What it does before.
    pub baseline: Baseline,
    /// How it ended after, on each backend that was asked for, and what differs.
    pub results: Vec<(Option<Backend>, Differences)>,
    /// The changes behind the differences.
    pub groups: Vec<Group>,
    /// Whether all changes behind the differences are found.
    pub is_complete: bool,
    /// The first plan.
    pub planned: Planned,
    /// The plan without these changes: it was run, and nothing differs.
    pub kept: Planned,
    /// These changes, with the reason of each.
    pub left_out: Vec<LeftOut>,
    /// How often the command was run.
    pub runs: u32,
    /// What was imported from the user's tree, past the copies.
    pub from_tree: BTreeSet<String>,
}

impl Verdict {
    /// Whether nothing differs.
    pub fn is_same(&self) -> bool {
        self.results.iter().all(|(_, found)| found.is_none())
    }

    /// The result in a sentence.
    pub fn sentence(&self) -> String {
        let what = match &self.baseline.tests {
            Some(_) => count(self.baseline.passed(), "test"),
            None => "the command".to_owned(),
        };
        let left: usize = self.groups.iter().map(|group| group.changes.len()).sum();
        let runs = count(self.runs as usize, "run");
        match left {
            0 => format!("verified in {runs}: with the changes {what} did as before"),
            left => format!(
                "verified in {runs}: {what} did as before without {}, which would break it",
                count(left, "change")
            ),
        }
    }
}

/// Runs the command before and after, and finds what is behind the differences.
///
/// # Errors
/// Where the command cannot be judged or started, a copy cannot be made, or the user wants to stop.
pub fn verify(asked: &Asked<'_>, sources: &[Source]) -> Result<Verdict, Problem> {
    if !asked.running.backend.is_empty() && asked.job.to != Target::Anyio {
        return Err(Problem::at("--backend", "only AnyIO has backends").next("use --to anyio"));
    }
    let planned = asked.engine.plan(sources.to_vec(), asked.job)?;
    let runner = Runner::new(asked.root, asked.command, asked.running)?;
    let normaliser = Normaliser::new(&asked.running.normalise);
    let (baseline, mut from_tree) = baseline(asked, &runner, &normaliser)?;
    let mut verdict = Verdict {
        kind: runner.kind.clone(),
        baseline,
        results: Vec::new(),
        groups: Vec::new(),
        is_complete: true,
        kept: planned.clone(),
        planned,
        left_out: Vec::new(),
        runs: 0,
        from_tree: BTreeSet::new(),
    };
    let texts = texts(&verdict.planned)?;
    if !texts.is_empty() {
        for backend in backends(asked.running) {
            let on = backend.map_or_else(String::new, |backend| format!(" on {backend}"));
            asked.progress.stage(format!(
                "run {}: with the changes{on}",
                runner.runs().saturating_add(1)
            ));
            let ran = runner.run(&texts, backend, None)?;
            from_tree.extend(ran.from_tree.iter().cloned());
            let found = Differences::between(&verdict.baseline, &ran, &normaliser);
            verdict.results.push((backend, found));
        }
    }
    if !verdict.is_same() {
        search::search(asked, &runner, &normaliser, sources, &mut verdict)?;
    }
    verdict.runs = runner.runs();
    verdict.from_tree = from_tree;
    Ok(verdict)
}

/// The backends that are asked for; none is whatever the program chooses.
fn backends(running: &Running) -> Vec<Option<Backend>> {
    if running.backend.is_empty() {
        vec![None]
    } else {
        running.backend.iter().copied().map(Some).collect()
    }
}

/// What the command does before, and what it imported past the copies.
fn baseline(
    asked: &Asked<'_>,
    runner: &Runner,
    normaliser: &Normaliser,
) -> Result<(Baseline, BTreeSet<String>), Problem> {
    let mut runs = Vec::new();
    for number in 1..=asked.running.baseline {
        asked
            .progress
            .stage(format!("run {number}: without any change"));
        let ran = runner.run(&Texts::new(), None, None)?;
        if ran.ending == Ending::TimedOut {
            let reason = format!(
                "without any change it takes more than {}",
                count(
                    usize::try_from(asked.running.timeout).unwrap_or(usize::MAX),
                    "second"
                )
            );
            return Err(failed(asked, &ran, &reason).next("allow more with --timeout"));
        }
        runs.push(ran);
    }
    let baseline = Baseline::of(&runs, normaliser);
    let nothing = baseline.tests.as_ref().is_some_and(Tests::is_empty);
    if let Some(ran) = runs.last()
        && nothing
        && baseline.flaky.is_empty()
    {
        let reason = format!("it told of no tests ({}, without any change)", ran.ending);
        return Err(failed(asked, ran, &reason)
            .next("try the command by itself; give it in the program's environment"));
    }
    let from_tree = runs.into_iter().flat_map(|ran| ran.from_tree).collect();
    Ok((baseline, from_tree))
}

/// A run from which nothing can be judged, with the last lines that it printed.
fn failed(asked: &Asked<'_>, ran: &Ran, reason: &str) -> Problem {
    let printed = [ran.stdout.text(), ran.stderr.text()].concat();
    let lines: Vec<&str> = printed.lines().collect();
    let last = &lines[lines.len().saturating_sub(10)..];
    let mut reason = reason.to_owned();
    if !last.is_empty() {
        reason.push_str("; it printed:\n  ");
        reason.push_str(&last.join("\n  "));
    }
    Problem::at(asked.command.join(" "), reason)
}

/// What a plan writes.
///
/// # Errors
/// Where a new text cannot be encoded.
pub fn texts(planned: &Planned) -> Result<Texts, Problem> {
    let mut texts = Texts::new();
    for (file, new) in &planned.plan.texts {
        let source = source(planned, *file)?;
        if *new == source.text.text {
            continue;
        }
        let bytes = source.text.encode(new).map_err(|error| {
            Problem::at(
                source.name.clone(),
                format!("cannot encode its new text: {error}"),
            )
            .next("leave it out with --exclude")
        })?;
        texts.push((source.path.clone(), bytes));
    }
    Ok(texts)
}
