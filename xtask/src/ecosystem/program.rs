//! One program: fetched, scanned, migrated, tested before and after.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::Project;
use super::place::{self, Place};
use super::results::{Counted, Migrated, ProgramResult};
use super::tests::{self, How};
use crate::tool::{self, Migration, Report};
use crate::{Result, process, root};

/// How long loopshift itself may take on a program.
const TOOL: Duration = Duration::from_mins(5);

/// What is to be done with a program.
pub(super) struct Run<'a> {
    /// The program.
    pub project: &'a Project,
    /// The tool.
    pub loopshift: &'a Path,
    /// Whether with `--unsafe`, too.
    pub with_unsafe: bool,
    /// How often its tests are run without any change.
    pub baseline: u16,
    /// How many runs it may take to find the changes that break tests.
    pub search: u32,
    /// When the time is over.
    pub until: Instant,
}

/// Does all that there is to do with a program. What fails is part of the result; there is none if the time was over.
pub(super) fn try_out(run: &Run<'_>, build: &str) -> Option<ProgramResult> {
    let mut result = ProgramResult::new(run.project, build);
    match steps(run, &mut result) {
        Ok(true) => {}
        Ok(false) => return None,
        Err(error) => result.error = Some(error),
    }
    Some(result)
}

/// False if the time was over.
fn steps(run: &Run<'_>, result: &mut ProgramResult) -> Result<bool> {
    let place = place::prepare(run.project)?;
    let started = Instant::now();
    let safe = scan(run, &place, false)?;
    result.seconds = (started.elapsed().as_secs_f64() * 10.0).round() / 10.0;
    result.lines = safe.lines;
    result.functions = safe.colour.functions;
    result.coloured = safe.colour.become_async.iter().sum();
    let all = scan(run, &place, true)?;
    result.uses = safe.total.uses;
    result.moved = safe.total.moves;
    result.moved_unsafe = all.total.moves;
    result.apis = apis(&safe, &all);
    let (safe, report) = migrate(run, &place, false)?;
    let backends = backends(&report);
    result.safe = Some(safe);
    let with_unsafe = if run.with_unsafe {
        Some(migrate(run, &place, true)?)
    } else {
        None
    };
    eprintln!("  tests");
    let how = How {
        unsafe_changes: false,
        baseline: run.baseline,
        backends,
        flaky: &[],
    };
    let Some(verified) = tests::run(run, &place, &how)? else {
        return Ok(false);
    };
    let flaky = verified.before.flaky.clone();
    result.before = Some(verified.before);
    let tested = |migrated: &mut Migrated, after| migrated.after = after;
    if let Some(safe) = &mut result.safe {
        tested(safe, verified.after);
    }
    if let Some((mut all, report)) = with_unsafe {
        all.why = report.why();
        if result.safe.as_ref().is_some_and(|safe| safe.is_like(&all)) {
            all.after = result.safe.iter().flat_map(|it| it.after.clone()).collect();
        } else if all.files > 0 {
            eprintln!("  tests with --unsafe");
            let how = How {
                unsafe_changes: true,
                baseline: 1,
                backends: self::backends(&report),
                flaky: &flaky,
            };
            let Some(verified) = tests::run(run, &place, &how)? else {
                return Ok(false);
            };
            tested(&mut all, verified.after);
        }
        result.all = Some(all);
    }
    Ok(true)
}

/// Trio, too, where nothing of asyncio is left.
fn backends(report: &Report) -> &'static [&'static str] {
    let ready = !report.modules.is_empty() && report.modules.iter().all(|it| it.trio_ready);
    if ready { &["asyncio", "trio"] } else { &[] }
}

/// What `scan --output-format json` prints, as far as it is used here.
#[derive(Deserialize)]
struct Scanned {
    lines: usize,
    total: Tally,
    apis: Vec<Tally>,
    colour: Colour,
}

#[derive(Deserialize)]
struct Tally {
    #[serde(default)]
    name: String,
    uses: usize,
    moves: usize,
}

#[derive(Deserialize)]
struct Colour {
    functions: usize,
    become_async: Vec<usize>,
}

fn scan(run: &Run<'_>, place: &Place, unsafe_changes: bool) -> Result<Scanned> {
    let mut command = Command::new(run.loopshift);
    command.args(["scan", "--to", &run.project.to, "--output-format", "json"]);
    if unsafe_changes {
        command.arg("--unsafe");
    }
    command.args(["--no-cache", "."]).current_dir(&place.source);
    let output = process::run(&mut command, TOOL)?;
    serde_json::from_str(&output.stdout)
        .map_err(|error| format!("the JSON of scan: {error}: {}", output.tail()))
}

/// What becomes of the uses of each API.
fn apis(safe: &Scanned, all: &Scanned) -> BTreeMap<String, Counted> {
    let mut apis: BTreeMap<String, Counted> = BTreeMap::new();
    for row in &safe.apis {
        let counted = apis.entry(row.name.clone()).or_default();
        (counted.uses, counted.moved) = (row.uses, row.moves);
    }
    for row in &all.apis {
        apis.entry(row.name.clone()).or_default().moved_unsafe = row.moves;
    }
    apis
}

fn migrate(run: &Run<'_>, place: &Place, unsafe_changes: bool) -> Result<(Migrated, Report)> {
    let name = if unsafe_changes { "unsafe" } else { "safe" };
    eprintln!("  migrating, {name}");
    let directory = place::copy(place, name)?;
    let migration = Migration {
        unsafe_changes,
        apply: true,
        to: Some(run.project.to.clone()),
        ..Migration::default()
    };
    let report = tool::migrate(run.loopshift, &directory, &migration, TOOL)?;
    let again = tool::migrate(run.loopshift, &directory, &migration, TOOL)?;
    let files: Vec<PathBuf> = report
        .files
        .iter()
        .map(|file| directory.join(&file.path))
        .collect();
    let mut migrated = Migrated::new(&report);
    migrated.unparsable = unparsable(place, &files)?;
    migrated.changed_again = again.files.into_iter().map(|file| file.path).collect();
    Ok((migrated, report))
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
