//! The end of `migrate`: what was or would be done, what was left and why.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::messages::{Problem, count};
use crate::report::{Fate, Report, Row};
use crate::scan_report;
use crate::style::{BOLD, DIM, GREEN, RED, YELLOW, paint};
use crate::table::{self, Align};

/// How many reasons are listed where not everything is asked for.
const REASONS: usize = 12;

/// The summary of a migration, as text with styles. With `verbose`, every declined use and every caveat is listed.
pub fn render(report: &Report, unsafe_given: bool, verbose: bool) -> String {
    let mut out = String::new();
    done(&mut out, report);
    deferred(&mut out, report, verbose);
    declined(&mut out, report, verbose);
    if !report.modules.is_empty() {
        scan_report::trio(&mut out, &report.modules, verbose);
    }
    if verbose {
        list(&mut out, "Taken out by verification", &report.withdrawn);
        let caveats = caveats(report, unsafe_given);
        list(&mut out, "What may differ", &caveats);
    }
    problems(&mut out, &report.problems);
    way_on(&mut out, report);
    out
}

/// Adds a line. Writing to a string does not fail.
fn line(out: &mut String, text: &str) {
    let _ = writeln!(out, "{text}");
}

fn done(out: &mut String, report: &Report) {
    let applied = report.count(Fate::Applied);
    let files = report.changed.len();
    if applied == 0 && files == 0 {
        line(out, &paint(BOLD, "Nothing to change."));
        return;
    }
    let verb = if report.applied.is_some() {
        "Applied"
    } else {
        "Would apply"
    };
    let text = format!(
        "{verb} {} in {}.",
        count(applied, "change"),
        count(files, "file")
    );
    line(out, &paint(GREEN, &text));
}

fn deferred(out: &mut String, report: &Report, verbose: bool) {
    let rows: Vec<&Row> = with(report, Fate::Deferred);
    if rows.is_empty() {
        return;
    }
    let text = format!("{} more with --unsafe.", rows.len());
    line(out, &paint(YELLOW, &text));
    if verbose {
        for row in rows {
            let caveats = row.caveats.join("; ");
            line(out, &format!("  {}  {}  {caveats}", row.place(), row.rule));
        }
    }
}

fn declined(out: &mut String, report: &Report, verbose: bool) {
    let rows = with(report, Fate::Declined);
    if rows.is_empty() {
        return;
    }
    let mut by_reason: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in &rows {
        let reason = row.reason.as_deref().unwrap_or("no reason was given");
        by_reason.entry(reason).or_default().push(row);
    }
    let mut groups: Vec<(&str, Vec<&Row>)> = by_reason.into_iter().collect();
    // The sort is stable, so equal counts stay in the order of their reasons.
    groups.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
    line(
        out,
        &paint(
            YELLOW,
            &format!("{} left as they are:", count(rows.len(), "use")),
        ),
    );
    let shown = if verbose { groups.len() } else { REASONS };
    let cells: Vec<Vec<String>> = groups
        .iter()
        .take(shown)
        .map(|(reason, rows)| vec![rows.len().to_string(), rows[0].place(), one_line(reason)])
        .collect();
    for text in table::lines(&[Align::Right, Align::Left, Align::Left], &cells) {
        line(out, &text);
    }
    if groups.len() > shown {
        let rest = count(groups.len() - shown, "more reason");
        line(
            out,
            &paint(DIM, &format!("  and {rest}; --verbose lists them all")),
        );
    }
    if verbose {
        for row in rows {
            let reason = one_line(row.reason.as_deref().unwrap_or_default());
            line(out, &format!("  {}  {}: {reason}", row.place(), row.rule));
        }
    }
}

fn caveats(report: &Report, unsafe_given: bool) -> Vec<String> {
    if !unsafe_given {
        return Vec::new();
    }
    let rows = with(report, Fate::Applied);
    let told = rows.iter().filter(|row| !row.caveats.is_empty());
    told.map(|row| format!("{}  {}", row.place(), row.caveats.join("; ")))
        .collect()
}

fn list(out: &mut String, heading: &str, items: &[String]) {
    if !items.is_empty() {
        line(out, &paint(BOLD, &format!("{heading}:")));
        for item in items {
            line(out, &format!("  {}", one_line(item)));
        }
    }
}

/// The closing table of what could not be read.
pub fn problems(out: &mut String, problems: &[Problem]) {
    if problems.is_empty() {
        return;
    }
    let heading = format!("{} could not be read:", count(problems.len(), "file"));
    line(out, &paint(RED, &heading));
    let cells: Vec<Vec<String>> = problems
        .iter()
        .map(|problem| {
            vec![
                problem.place.clone().unwrap_or_default(),
                one_line(&problem.reason),
            ]
        })
        .collect();
    for text in table::lines(&[Align::Left, Align::Left], &cells) {
        line(out, &text);
    }
}

fn way_on(out: &mut String, report: &Report) {
    match &report.applied {
        Some(applied) => {
            let text = format!("Run {}: `loopshift undo` restores every byte.", applied.run);
            line(out, &paint(DIM, &text));
        }
        None if !report.changed.is_empty() => {
            line(out, &paint(DIM, "Nothing was written; --apply writes."));
        }
        None => {}
    }
}

fn with(report: &Report, fate: Fate) -> Vec<&Row> {
    report
        .rows
        .iter()
        .filter(|row| row.outcome == fate)
        .collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
