//! What `scan` has to tell: uses by library, API and package, and how far colour spreads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::Target;
use crate::messages::{Problem, count};
use crate::report::SCHEMA;
use crate::style::{BOLD, DIM, paint};
use crate::summary;
use crate::table::{self, Align};

/// What a migration does with a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Prospect {
    /// It moves by itself.
    Moves,
    /// Somebody has to decide: the change is unsafe, or it was declined.
    Decision,
    /// It stays on purpose: the target keeps it.
    Stays,
}

/// One use of an API.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The distribution or top-level module: `asyncio`.
    pub library: String,
    /// The API: `asyncio.Queue`.
    pub api: String,
    /// The file, from the root of the run.
    pub file: String,
    /// The top-level package of ours that the file is part of.
    pub package: String,
    /// The line, from 1.
    pub line: usize,
    /// What a migration does with it.
    pub prospect: Prospect,
}

/// How far colour spreads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Colour {
    /// How many functions the program has.
    pub functions: usize,
    /// How many are async now.
    pub async_now: usize,
    /// How many become async, by their distance from the call that causes it: the first number is that of the functions that
    /// hold the call themselves.
    pub become_async: Vec<usize>,
}

/// Modules that move together, on the way from green threads: the steps come in an order in which each waits only for what
/// moved before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// Their names, as `migrate --only` takes them.
    pub modules: Vec<String>,
    /// How many of their functions become async, by their distance in calls inside of the step from what causes it, or from
    /// what moved before.
    pub become_async: Vec<usize>,
    /// How many calls elsewhere have to wait for them until what calls them moves, too.
    pub calls: usize,
}

/// A module that uses a library, as it is after the migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Module {
    /// Its file.
    pub file: String,
    /// Whether nothing in it needs asyncio any more.
    pub trio_ready: bool,
    /// What keeps it from running on trio.
    pub left: Vec<Left>,
}

/// A use of asyncio that stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Left {
    /// The line, from 1.
    pub line: usize,
    /// The API.
    pub api: String,
}

/// What `scan` is told by the engine.
#[derive(Clone, Debug, Default)]
pub struct Scanned {
    /// How many files were read.
    pub files: usize,
    /// How many lines they have.
    pub lines: usize,
    /// All uses.
    pub uses: Vec<Use>,
    /// How far colour spreads.
    pub colour: Colour,
    /// The steps in which a program of green threads can move gradually.
    pub steps: Vec<Step>,
    /// The modules that use a library, and what keeps each from running on trio; `None` where that is not known.
    pub modules: Option<Vec<Module>>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// Uses by prospect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tally {
    /// All.
    pub uses: usize,
    /// Those that move by themselves.
    pub moves: usize,
    /// Those that need a decision.
    pub decision: usize,
    /// Those that stay on purpose.
    pub stays: usize,
}

impl Tally {
    fn add(&mut self, prospect: Prospect) {
        self.uses += 1;
        match prospect {
            Prospect::Moves => self.moves += 1,
            Prospect::Decision => self.decision += 1,
            Prospect::Stays => self.stays += 1,
        }
    }
}

/// A row of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Line {
    /// The library, the API or the package.
    pub name: String,
    /// Its uses.
    #[serde(flatten)]
    pub tally: Tally,
    /// In how many files.
    pub files: usize,
    /// One of them, as `file:line`.
    pub example: String,
}

/// The rows of the uses by the name that `key` gives, most uses first.
pub fn tally(uses: &[Use], key: impl Fn(&Use) -> &str) -> Vec<Line> {
    let mut groups: BTreeMap<&str, (Tally, BTreeSet<&str>, &Use)> = BTreeMap::new();
    for one in uses {
        let (tally, files, example) = groups
            .entry(key(one))
            .or_insert_with(|| (Tally::default(), BTreeSet::new(), one));
        tally.add(one.prospect);
        files.insert(&one.file);
        if (&one.file, one.line) < (&example.file, example.line) {
            *example = one;
        }
    }
    let mut lines: Vec<Line> = groups
        .into_iter()
        .map(|(name, (tally, files, example))| Line {
            name: name.to_owned(),
            tally,
            files: files.len(),
            example: format!("{}:{}", example.file, example.line),
        })
        .collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.tally.uses));
    lines
}

/// The report as JSON (`docs/json.md`).
pub fn to_json(scanned: &Scanned, to: Target) -> ScanJson<'_> {
    let mut total = Tally::default();
    for one in &scanned.uses {
        total.add(one.prospect);
    }
    ScanJson {
        schema: SCHEMA,
        command: "scan",
        to,
        files: scanned.files,
        lines: scanned.lines,
        total,
        libraries: tally(&scanned.uses, |one| &one.library),
        apis: tally(&scanned.uses, |one| &one.api),
        packages: tally(&scanned.uses, |one| &one.package),
        colour: &scanned.colour,
        steps: &scanned.steps,
        trio_ready: scanned.modules.as_deref().map(|all| TrioReady {
            modules: trio_ready(all),
            of: all.len(),
        }),
        modules: scanned.modules.as_deref(),
        errors: &scanned.problems,
    }
}

/// What `scan --output-format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ScanJson<'a> {
    /// The version of this format.
    #[schemars(extend("const" = SCHEMA))]
    schema: u32,
    /// The command that printed it.
    #[schemars(extend("const" = "scan"))]
    command: &'a str,
    /// The target that the uses are judged by.
    to: Target,
    /// How many files were read.
    files: usize,
    /// How many lines they have.
    lines: usize,
    /// All uses.
    total: Tally,
    /// The uses by library, most uses first.
    libraries: Vec<Line>,
    /// The uses by API, most uses first.
    apis: Vec<Line>,
    /// The uses by top-level package, most uses first.
    packages: Vec<Line>,
    /// How far colour spreads.
    colour: &'a Colour,
    /// The steps in which a program of green threads can move gradually, leaves first; empty for other programs.
    steps: &'a [Step],
    /// How many modules would run on trio; null where that is not known.
    trio_ready: Option<TrioReady>,
    /// The modules that use a library, as after a migration; null where that is not known.
    modules: Option<&'a [Module]>,
    /// What could not be read.
    errors: &'a [Problem],
}

/// How many modules would run on trio too.
#[derive(Debug, Serialize, JsonSchema)]
struct TrioReady {
    /// Those that would.
    modules: usize,
    /// All that use a library.
    of: usize,
}

/// How many of the modules would run on trio.
fn trio_ready(modules: &[Module]) -> usize {
    modules.iter().filter(|module| module.trio_ready).count()
}

/// How many modules would run on trio; with `verbose`, what keeps each of the others from it.
pub fn trio(out: &mut String, modules: &[Module], verbose: bool) {
    let _ = writeln!(
        out,
        "{} of {} would run on trio too.",
        trio_ready(modules),
        count(modules.len(), "module")
    );
    if !verbose {
        return;
    }
    for module in modules.iter().filter(|module| !module.trio_ready) {
        let mut apis: BTreeMap<&str, usize> = BTreeMap::new();
        for left in &module.left {
            apis.entry(&left.api).or_insert(left.line);
        }
        let apis: Vec<String> = apis
            .into_iter()
            .map(|(api, line)| format!("{api} (line {line})"))
            .collect();
        let _ = writeln!(out, "  {} keeps {}", module.file, apis.join(", "));
    }
}

/// How many APIs are listed where not everything is asked for.
const APIS: usize = 20;

/// The report as text with styles. With `verbose`, all APIs and packages are listed.
pub fn render(scanned: &Scanned, to: Target, verbose: bool) -> String {
    let mut out = String::new();
    let lines = scanned.lines;
    let read = format!(
        "{}, {}, to {to}",
        count(scanned.files, "file"),
        count(lines, "line")
    );
    // Writing to a string does not fail.
    let _ = writeln!(out, "{}", paint(BOLD, &read));
    if scanned.uses.is_empty() {
        let _ = writeln!(out, "No use of a library that loopshift knows.");
    } else {
        section(
            &mut out,
            "library",
            &tally(&scanned.uses, |one| &one.library),
            true,
        );
        section(
            &mut out,
            "API",
            &tally(&scanned.uses, |one| &one.api),
            verbose,
        );
        section(
            &mut out,
            "package",
            &tally(&scanned.uses, |one| &one.package),
            verbose,
        );
    }
    out.push('\n');
    colour(&mut out, &scanned.colour);
    steps(&mut out, &scanned.steps, verbose);
    if let Some(modules) = scanned.modules.as_deref().filter(|it| !it.is_empty()) {
        trio(&mut out, modules, verbose);
    }
    summary::problems(&mut out, &scanned.problems);
    out
}

fn section(out: &mut String, what: &str, lines: &[Line], all: bool) {
    let shown = if all { lines.len() } else { APIS };
    let header = [
        what,
        "uses",
        "moves by itself",
        "needs a decision",
        "stays on purpose",
        "files",
        "for example",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for line in lines.iter().take(shown) {
        let tally = line.tally;
        rows.push(vec![
            line.name.clone(),
            tally.uses.to_string(),
            tally.moves.to_string(),
            tally.decision.to_string(),
            tally.stays.to_string(),
            line.files.to_string(),
            line.example.clone(),
        ]);
    }
    let mut aligns = [Align::Right; 7];
    aligns[0] = Align::Left;
    aligns[6] = Align::Left;
    out.push('\n');
    print(out, &aligns, &rows, lines.len() - shown.min(lines.len()));
}

/// A table, the first row of which is its head, and how many more rows there are.
fn print(out: &mut String, aligns: &[Align], rows: &[Vec<String>], more: usize) {
    for (index, text) in table::lines(aligns, rows).into_iter().enumerate() {
        let text = if index == 0 { paint(BOLD, &text) } else { text };
        let _ = writeln!(out, "{text}");
    }
    if more > 0 {
        let rest = format!("  and {more} more; --verbose lists them all");
        let _ = writeln!(out, "{}", paint(DIM, &rest));
    }
}

/// The steps in which the program can move gradually.
fn steps(out: &mut String, steps: &[Step], all: bool) {
    if steps.len() < 2 {
        return;
    }
    let header = [
        "step",
        "modules",
        "become async",
        "calls deep",
        "calls from outside",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let shown = if all { steps.len() } else { APIS };
    for (index, step) in steps.iter().enumerate().take(shown) {
        rows.push(vec![
            (index + 1).to_string(),
            step.modules.join(", "),
            step.become_async.iter().sum::<usize>().to_string(),
            step.become_async.len().saturating_sub(1).to_string(),
            step.calls.to_string(),
        ]);
    }
    let mut aligns = [Align::Right; 5];
    aligns[1] = Align::Left;
    let _ = writeln!(out, "\nGradually, with `migrate --only`, leaves first:");
    print(out, &aligns, &rows, steps.len() - shown.min(steps.len()));
    out.push('\n');
}

fn colour(out: &mut String, colour: &Colour) {
    let change: usize = colour.become_async.iter().sum();
    let become_async = match colour.become_async.len() {
        0 => String::new(),
        1 => format!("; {change} would become async"),
        depth => format!(
            "; {change} would become async, up to {} away from what causes it",
            count(depth - 1, "call")
        ),
    };
    let _ = writeln!(
        out,
        "{}, {} async now{become_async}.",
        count(colour.functions, "function"),
        colour.async_now
    );
}
