//! The end of `migrate`: what was or would be done, what was left and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use crate::messages::{Problem, count};
use crate::report::{Fate, Report, Row};
use crate::scan_report;
use crate::style::{BOLD, DIM, GREEN, RED, YELLOW, paint};
use crate::table::{self, Align};

/// How many reasons are listed where not everything is asked for.
const REASONS: usize = 12;

/// How many uses are named with a reason.
const EXAMPLES: usize = 2;

/// How wide a reason may be.
const WIDTH: usize = 96;

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
    let text = format!("{} with --unsafe.", count(rows.len(), "more change"));
    line(out, &paint(YELLOW, &text));
    if verbose {
        for row in rows {
            let why = row.because();
            line(out, &format!("  {}  {}{why}", row.place(), row.rule));
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
    let left = match rows.len() {
        1 => "1 use left as it is:".to_owned(),
        many => format!("{many} uses left as they are:"),
    };
    line(out, &paint(YELLOW, &left));
    let shown = if verbose { groups.len() } else { REASONS };
    let width = groups
        .first()
        .map_or(0, |(_, rows)| rows.len().to_string().len());
    let indent = " ".repeat(width + 4);
    for (reason, rows) in groups.iter().take(shown) {
        let rules: BTreeSet<&str> = rows.iter().map(|row| row.rule.as_str()).collect();
        let rules = rules.into_iter().collect::<Vec<_>>().join(", ");
        let told = wrapped(&format!("{} ({rules})", one_line(reason)), WIDTH);
        for (index, text) in told.iter().enumerate() {
            let front = match index {
                0 => format!("  {:>width$}  ", rows.len()),
                _ => indent.clone(),
            };
            line(out, &format!("{front}{text}"));
        }
        line(out, &paint(DIM, &format!("{indent}{}", examples(rows))));
    }
    if groups.len() > shown {
        let rest = count(groups.len() - shown, "more reason");
        line(out, &paint(DIM, &format!("  and {rest}")));
    }
    if verbose {
        for row in rows {
            let reason = one_line(row.reason.as_deref().unwrap_or_default());
            let text = format!("  {}  {}  {}: {reason}", row.place(), row.api, row.rule);
            line(out, &text);
        }
    }
    let more = if verbose {
        ""
    } else {
        "; --verbose lists every use"
    };
    let text = format!("`loopshift explain RULE` prints the page of a rule{more}.");
    line(out, &paint(DIM, &text));
}

/// The first of some uses: where, and of what.
fn examples(rows: &[&Row]) -> String {
    let shown: Vec<String> = rows
        .iter()
        .take(EXAMPLES)
        .map(|row| format!("{} {}", row.place(), row.api))
        .collect();
    let shown = one_line(&shown.join(", "));
    match rows.len().checked_sub(EXAMPLES) {
        Some(rest) if rest > 0 => format!("{shown}, and {rest} more"),
        _ => shown,
    }
}

/// The words of a text in lines of at most this width, as far as the words allow it.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(last) if last.width() + 1 + word.width() <= width => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
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
            let mut told = one_line(&problem.reason);
            if let Some(next) = &problem.next {
                told.push_str("; ");
                told.push_str(&one_line(next));
            }
            vec![problem.place.clone().unwrap_or_default(), told]
        })
        .collect();
    for text in table::lines(&[Align::Left, Align::Left], &cells) {
        line(out, &text);
    }
    let text = "The rest goes on without them; --exclude leaves them out.";
    line(out, &paint(DIM, text));
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

/// A text as one line; what would move a terminal's cursor stands as an escape.
fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    table::printable(&words)
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn long_reasons_are_wrapped_between_words() {
        assert_eq!(wrapped("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrapped("longer than that", 4), ["longer", "than", "that"]);
    }
}
