//! Annotations of GitHub Actions: one workflow command a line.

use std::fmt::Write;

use super::{Finding, Level};

pub(super) fn render(findings: &[Finding<'_>]) -> String {
    let mut out = String::new();
    for finding in findings {
        let level = match finding.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "notice",
        };
        // Writing to a string does not fail.
        let _ = write!(out, "::{level} title=loopshift ({})", finding.rule);
        if let Some(file) = finding.file {
            let _ = write!(out, ",file={}", property(file));
        }
        if let Some(line) = finding.line {
            let _ = write!(out, ",line={line}");
        }
        if let Some(column) = finding.column {
            let _ = write!(out, ",col={column}");
        }
        let _ = writeln!(out, "::{}", data(&finding.text));
    }
    out
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
