//! What a verification has to tell, for people and as JSON.

use std::collections::BTreeSet;

use loopshift_engine::change::{FileId, Outcome};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::{Backend, Target};
use crate::commands::migrate::names;
use crate::diff;
use crate::engine::Planned;
use crate::messages::{Problem, count};
use crate::report::{FileJson, Row, SCHEMA, rows};
use crate::verify::compare::{Baseline, Differences};
use crate::verify::junit::Test;
use crate::verify::kind::Kind;
use crate::verify::run::Ending;
use crate::verify::{Group, Verdict};

/// How many names of tests stand in a sentence.
const NAMED: usize = 3;

/// What changes do by which these differences come about: the reason to leave them out.
pub fn breaks(found: &Differences) -> String {
    let tests: Vec<String> = found.tests().into_iter().collect();
    match (tests.as_slice(), found.ending) {
        ([], Some((before, after))) => {
            format!("with it the command ends with {after}, before with {before}")
        }
        ([], None) => "with it the command prints something else".to_owned(),
        ([one], _) => format!("it breaks the test {one}"),
        (several, _) => format!("it breaks {}", named(several)),
    }
}

fn named(tests: &[String]) -> String {
    let count = count(tests.len(), "test");
    match tests {
        [all @ .., last] if tests.len() <= NAMED => {
            format!("{count}: {} and {last}", all.join(", "))
        }
        _ => {
            let first = tests[..NAMED.min(tests.len())].join(", ");
            format!(
                "{count}: {first} and {} more",
                tests.len().saturating_sub(NAMED)
            )
        }
    }
}

/// What to say of modules that were imported past the copies.
pub fn from_tree(modules: &BTreeSet<String>) -> Option<String> {
    let first = modules.first()?;
    Some(format!(
        "{} imported from your tree and not from the copy, such as {first}: what changes there was not tested; \
         let the command find the program by its working directory or PYTHONPATH",
        match modules.len() {
            1 => "1 module was".to_owned(),
            n => format!("{n} modules were"),
        }
    ))
}

/// The report for people. `colour` is for diffs; other styles are none.
pub fn render(verdict: &Verdict, keep_good: bool, colour: bool) -> String {
    let mut out = String::new();
    before(&mut out, &verdict.baseline);
    for (backend, found) in &verdict.results {
        after(&mut out, &verdict.baseline, *backend, found);
    }
    if verdict.results.is_empty() {
        line(&mut out, "after: nothing migrates, so nothing was run");
    }
    let rows = rows(&verdict.planned.plan, &names(&verdict.planned));
    for group in &verdict.groups {
        out.push('\n');
        blamed(&mut out, group, &rows, colour);
    }
    if !verdict.is_same() {
        out.push('\n');
        line(&mut out, &conclusion(verdict));
    }
    if keep_good && verdict.is_complete {
        out.push('\n');
        for (_, diff) in diffs(&verdict.kept, colour) {
            out.push_str(&diff);
        }
        for row in declined(verdict) {
            let reason = row.reason.as_deref().unwrap_or_default();
            line(
                &mut out,
                &format!("left out: {} {}: {reason}", row.place(), row.rule),
            );
        }
    }
    line(
        &mut out,
        &format!("{} of the command", count(verdict.runs as usize, "run")),
    );
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn before(out: &mut String, baseline: &Baseline) {
    let ending = match baseline.ending {
        Some(ending) => ending.to_string(),
        None => "it does not always end alike, so only the rest is compared".to_owned(),
    };
    match &baseline.tests {
        Some(tests) => {
            let failing = tests.values().filter(|it| matches!(it, Test::Failed(_)));
            let fail = match failing.count() {
                0 => String::new(),
                n => format!(", {n} failed"),
            };
            line(
                out,
                &format!("before: {} passed{fail}", count(baseline.passed(), "test")),
            );
        }
        None => {
            line(out, &format!("before: {ending}"));
            for (name, text) in [("stdout", &baseline.stdout), ("stderr", &baseline.stderr)] {
                if text.is_none() {
                    line(
                        out,
                        &format!(
                            "  {name} differs from run to run without any change, so it is not compared; see --normalise"
                        ),
                    );
                }
            }
        }
    }
    if !baseline.flaky.is_empty() {
        line(
            out,
            &format!(
                "  {} set aside, since the result differs without any change:",
                count(baseline.flaky.len(), "test")
            ),
        );
        for test in &baseline.flaky {
            line(out, &format!("    {test}"));
        }
    }
}

fn after(out: &mut String, baseline: &Baseline, backend: Option<Backend>, found: &Differences) {
    let on = backend.map_or_else(String::new, |backend| format!(" on {backend}"));
    let what = match &baseline.tests {
        Some(_) => format!("{} passed", count(found.passed, "test")),
        None if found.is_none() => "the same".to_owned(),
        None => "not the same".to_owned(),
    };
    line(out, &format!("after{on}: {what}"));
    if let Some((before, after)) = found.ending {
        line(
            out,
            &format!("  it ended with {after}; before with {before}"),
        );
    }
    if !found.broken.is_empty() {
        line(
            out,
            &format!("  {} broken:", count(found.broken.len(), "test")),
        );
    }
    for broken in &found.broken {
        line(out, &format!("    {}", broken.test));
        if let Some(first) = broken.message.lines().next().filter(|it| !it.is_empty()) {
            line(out, &format!("      {first}"));
        }
    }
    if !found.missing.is_empty() {
        line(
            out,
            &format!(
                "  {} missing, which passed before:",
                count(found.missing.len(), "test")
            ),
        );
    }
    for test in &found.missing {
        line(out, &format!("    {test}"));
    }
    if !found.newly_passing.is_empty() {
        line(
            out,
            &format!(
                "  {} newly passing:",
                count(found.newly_passing.len(), "test")
            ),
        );
    }
    for test in &found.newly_passing {
        line(out, &format!("    {test}"));
    }
    if let Some(output) = &found.output {
        out.push_str(output);
    }
}

fn blamed(out: &mut String, group: &Group, rows: &[Row], colour: bool) {
    let changes = count(group.changes.len(), "change");
    let which = if group.is_smallest {
        format!("{changes} behind it: {}", breaks(&group.differences))
    } else {
        format!(
            "among {changes}, which the runs did not suffice to narrow: {}",
            breaks(&group.differences)
        )
    };
    line(out, &which);
    for row in group.changes.iter().filter_map(|it| rows.get(*it)) {
        line(
            out,
            &format!("  {} {}: {}", row.place(), row.rule, row.message),
        );
    }
    if group.is_smallest {
        for (_, diff) in diffs(&group.alone, colour) {
            out.push_str(&diff);
        }
    }
}

fn conclusion(verdict: &Verdict) -> String {
    if verdict.is_complete {
        let left: usize = verdict.groups.iter().map(|it| it.changes.len()).sum();
        let (these, them) = match left {
            1 => ("this change".to_owned(), "it"),
            left => (format!("these {left} changes"), "them"),
        };
        return format!(
            "without {these} nothing differs; `migrate --apply --verify` leaves {them} out"
        );
    }
    "not all changes behind the differences were found; allow more with --max-runs".to_owned()
}

/// The diffs of a plan, by the names of the files.
fn diffs(planned: &Planned, colour: bool) -> Vec<(String, String)> {
    let files = names(planned);
    let mut diffs: Vec<(String, String)> = Vec::new();
    for (file, new) in &planned.plan.texts {
        if let Some((name, old)) = files.get::<FileId>(file) {
            let diff = diff::unified(name, old, new, colour);
            if !diff.is_empty() {
                diffs.push(((*name).to_owned(), diff));
            }
        }
    }
    diffs.sort();
    diffs
}

/// What the plan that is kept leaves out, and the first one does not.
fn declined(verdict: &Verdict) -> Vec<Row> {
    let key = |row: &Row| {
        (
            row.file.clone(),
            row.line,
            row.column,
            row.rule.clone(),
            row.api.clone(),
        )
    };
    let applied: BTreeSet<_> = rows(&verdict.planned.plan, &names(&verdict.planned))
        .iter()
        .zip(&verdict.planned.plan.changes)
        .filter(|(_, (_, outcome))| *outcome == Outcome::Applied)
        .map(|(row, _)| key(row))
        .collect();
    let kept = rows(&verdict.kept.plan, &names(&verdict.kept));
    kept.into_iter()
        .filter(|row| row.reason.is_some() && applied.contains(&key(row)))
        .collect()
}

/// What `verify --output-format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct VerifyJson<'a> {
    /// The version of this format.
    #[schemars(extend("const" = SCHEMA))]
    schema: u32,
    /// The command that printed it.
    #[schemars(extend("const" = "verify"))]
    command: &'a str,
    /// Where the migration goes.
    to: Target,
    /// Whether nothing differs.
    same: bool,
    /// How often the command was run.
    runs: u32,
    /// What it does without any change.
    before: BeforeJson<'a>,
    /// What it does with the changes, on each backend that was asked for.
    after: Vec<AfterJson<'a>>,
    /// The groups of changes behind the differences.
    groups: Vec<GroupJson>,
    /// Whether all changes behind the differences are found.
    complete: bool,
    /// With --keep-good, the files as they change without these changes; null where not all are found.
    kept: Option<Vec<OwnedFileJson>>,
    /// With --keep-good, the changes that are left out, each with its reason.
    left_out: Vec<Row>,
    /// Modules that were imported from the tree itself, past the copies.
    from_tree: &'a BTreeSet<String>,
    /// What could not be read.
    errors: &'a [Problem],
}

/// What the command does without any change.
#[derive(Debug, Serialize, JsonSchema)]
struct BeforeJson<'a> {
    /// How it ends; null where that differs from run to run.
    ending: Option<String>,
    /// How many tests pass; null for a command without tests.
    passed: Option<usize>,
    /// The tests that fail.
    failed: Vec<&'a str>,
    /// The tests that are set aside, since they differ from run to run.
    flaky: &'a BTreeSet<String>,
    /// Whether its output was compared: not where it has tests, or differs from run to run.
    output_compared: bool,
}

/// What the command does with the changes.
#[derive(Debug, Serialize, JsonSchema)]
struct AfterJson<'a> {
    /// The backend of AnyIO that was asked for.
    backend: Option<Backend>,
    /// Whether nothing differs.
    same: bool,
    /// How many tests pass; null for a command without tests.
    passed: Option<usize>,
    /// Tests that fail, and did not before.
    broken: Vec<BrokenJson<'a>>,
    /// Tests that passed, and did not run.
    missing: &'a [String],
    /// Tests that failed, and pass.
    newly_passing: &'a [String],
    /// How it ended, where that is a difference by itself.
    ending: Option<String>,
    /// The difference of the output, as a unified diff.
    output: Option<&'a str>,
}

/// A test that breaks.
#[derive(Debug, Serialize, JsonSchema)]
struct BrokenJson<'a> {
    /// The test.
    test: &'a str,
    /// What it says.
    message: &'a str,
}

/// Changes that break something together.
#[derive(Debug, Serialize, JsonSchema)]
struct GroupJson {
    /// The tests that break.
    tests: BTreeSet<String>,
    /// What they do, in a sentence.
    reason: String,
    /// Whether fewer of them would not do it.
    smallest: bool,
    /// The changes.
    changes: Vec<Row>,
    /// The files as these changes alone change them.
    files: Vec<OwnedFileJson>,
}

type OwnedFileJson = FileJson<'static>;

fn files(planned: &Planned) -> Vec<OwnedFileJson> {
    let diffs = diffs(planned, false).into_iter();
    diffs
        .map(|(path, diff)| FileJson {
            path: path.into(),
            diff,
        })
        .collect()
}

/// The report as JSON.
pub fn to_json<'a>(
    verdict: &'a Verdict,
    to: Target,
    keep_good: bool,
    errors: &'a [Problem],
) -> VerifyJson<'a> {
    let baseline = &verdict.baseline;
    let has_tests = verdict.kind != Kind::Plain;
    let all = rows(&verdict.planned.plan, &names(&verdict.planned));
    let failed = |(name, test): (&'a String, &Test)| {
        matches!(test, Test::Failed(_)).then_some(name.as_str())
    };
    VerifyJson {
        schema: SCHEMA,
        command: "verify",
        to,
        same: verdict.is_same(),
        runs: verdict.runs,
        before: BeforeJson {
            ending: baseline.ending.as_ref().map(Ending::to_string),
            passed: has_tests.then(|| baseline.passed()),
            failed: baseline.tests.iter().flatten().filter_map(failed).collect(),
            flaky: &baseline.flaky,
            output_compared: !has_tests && baseline.stdout.is_some() && baseline.stderr.is_some(),
        },
        after: (verdict.results.iter())
            .map(|(backend, found)| AfterJson {
                backend: *backend,
                same: found.is_none(),
                passed: has_tests.then_some(found.passed),
                broken: (found.broken.iter())
                    .map(|it| BrokenJson {
                        test: &it.test,
                        message: &it.message,
                    })
                    .collect(),
                missing: &found.missing,
                newly_passing: &found.newly_passing,
                ending: found.ending.map(|(_, after)| after.to_string()),
                output: found.output.as_deref(),
            })
            .collect(),
        groups: (verdict.groups.iter())
            .map(|group| GroupJson {
                tests: group.differences.tests(),
                reason: breaks(&group.differences),
                smallest: group.is_smallest,
                changes: (group.changes.iter())
                    .filter_map(|it| all.get(*it).cloned())
                    .collect(),
                files: files(&group.alone),
            })
            .collect(),
        complete: verdict.is_complete,
        kept: (keep_good && verdict.is_complete).then(|| files(&verdict.kept)),
        left_out: if keep_good && verdict.is_complete {
            declined(verdict)
        } else {
            Vec::new()
        },
        from_tree: &verdict.from_tree,
        errors,
    }
}
