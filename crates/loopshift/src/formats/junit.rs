//! The XML of `JUnit`: a suite for each file, a test that fails for each finding.

use std::fmt::Write;

use super::{Finding, Level};

pub(super) fn render(findings: &[Finding<'_>]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let errors = errors(findings);
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "<testsuites name=\"loopshift\" tests=\"{}\" failures=\"{}\" errors=\"{errors}\">",
        findings.len().max(1),
        findings.len() - errors,
    );
    if findings.is_empty() {
        out.push_str(
            "  <testsuite name=\"loopshift\" tests=\"1\" failures=\"0\" errors=\"0\">\n    \
             <testcase name=\"nothing left to migrate\" classname=\"loopshift\"/>\n  </testsuite>\n",
        );
    }
    for of_file in findings.chunk_by(|a, b| a.file == b.file) {
        suite(&mut out, of_file);
    }
    out.push_str("</testsuites>\n");
    out
}

fn errors(findings: &[Finding<'_>]) -> usize {
    let is_error = |finding: &&Finding<'_>| finding.level == Level::Error;
    findings.iter().filter(is_error).count()
}

fn suite(out: &mut String, findings: &[Finding<'_>]) {
    let file = findings
        .first()
        .and_then(|finding| finding.file)
        .unwrap_or("loopshift");
    let errors = errors(findings);
    let _ = writeln!(
        out,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{errors}\">",
        escaped(file),
        findings.len(),
        findings.len() - errors,
    );
    for finding in findings {
        let line = finding
            .line
            .map_or(String::new(), |line| format!(":{line}"));
        let column = finding
            .column
            .map_or(String::new(), |column| format!(":{column}"));
        let name = escaped(&format!("{} {file}{line}{column}", finding.rule));
        let kind = match finding.level {
            Level::Error => "error",
            Level::Warning | Level::Note => "failure",
        };
        let _ = writeln!(
            out,
            "    <testcase name=\"{name}\" classname=\"loopshift.{}\">\n      \
             <{kind} message=\"{}\" type=\"{}\"/>\n    </testcase>",
            finding.rule,
            escaped(&finding.text),
            finding.rule,
        );
    }
    out.push_str("  </testsuite>\n");
}

/// A text as the value of an attribute. What no XML may hold is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
