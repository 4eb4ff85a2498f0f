//! Unified diffs that `git apply` and `patch` read.

use std::fmt::Write;
use std::ops::Range;

use anstyle::Style;
use loopshift_python::line_diff::{DiffOp, line_ops};
use similar::group_diff_ops;

use crate::style::{BOLD, CYAN, GREEN, RED, paint};

/// The difference between `old` and `new` of the file `name`, with three lines around each change; in colour where asked.
/// Empty where there is none.
pub fn unified(name: &str, old: &str, new: &str, colour: bool) -> String {
    if old == new {
        return String::new();
    }
    let style = |style, text: &str| {
        if colour {
            paint(style, text)
        } else {
            text.to_owned()
        }
    };
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let new: Vec<&str> = new.split_inclusive('\n').collect();
    let mut out = String::new();
    for (sign, side) in [("---", "a"), ("+++", "b")] {
        let line = format!("{sign} {}", quoted(&format!("{side}/{name}")));
        out.push_str(&style(BOLD, &line));
        out.push('\n');
    }
    for hunk in group_diff_ops(line_ops(&old, &new), 3) {
        out.push_str(&style(CYAN, &header(&hunk)));
        out.push('\n');
        let mut print = |sign: char, lines: &[&str], styled: Option<Style>| {
            for line in lines {
                let body = line.strip_suffix('\n');
                let text = format!("{sign}{}", body.unwrap_or(line));
                out.push_str(&styled.map_or_else(|| text.clone(), |styled| style(styled, &text)));
                out.push('\n');
                if body.is_none() {
                    out.push_str("\\ No newline at end of file\n");
                }
            }
        };
        for op in &hunk {
            if let DiffOp::Equal { .. } = op {
                print(' ', &old[op.old_range()], None);
            } else {
                print('-', &old[op.old_range()], Some(RED));
                print('+', &new[op.new_range()], Some(GREEN));
            }
        }
    }
    out
}

/// The line above a hunk: `@@ -2,7 +2,7 @@`.
fn header(hunk: &[DiffOp]) -> String {
    let side = |ranges: &mut dyn Iterator<Item = Range<usize>>| {
        let mut whole: Option<Range<usize>> = None;
        for range in ranges {
            whole = Some(whole.map_or(range.start, |whole| whole.start)..range.end);
        }
        let whole = whole.unwrap_or(0..0);
        match whole.len() {
            // Nothing stands after the line before.
            0 => format!("{},0", whole.start),
            1 => (whole.start + 1).to_string(),
            len => format!("{},{len}", whole.start + 1),
        }
    };
    format!(
        "@@ -{} +{} @@",
        side(&mut hunk.iter().map(DiffOp::old_range)),
        side(&mut hunk.iter().map(DiffOp::new_range))
    )
}

/// A name as git writes it: in quotes where it holds what would confuse a reader of the header.
fn quoted(name: &str) -> String {
    if !name
        .chars()
        .any(|c| c.is_control() || c == '"' || c == '\\')
    {
        return name.to_owned();
    }
    let mut out = String::from("\"");
    for c in name.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => {
                for byte in c.to_string().bytes() {
                    // Writing to a string does not fail.
                    let _ = write!(out, "\\{byte:03o}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_diff() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n";
        let new = "1\n2\n3\n4\nfive\n6\n7\n8\n";
        assert_eq!(
            unified("p/a.py", old, new, false),
            "--- a/p/a.py\n+++ b/p/a.py\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
        );
        assert_eq!(unified("a.py", old, old, false), "");
    }

    #[test]
    fn line_ends_stay_and_a_missing_one_is_told() {
        assert_eq!(
            unified("a.py", "x\r\ny\r\n", "x\r\nz\r\n", false),
            "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n x\r\n-y\r\n+z\r\n"
        );
        assert_eq!(
            unified("a.py", "x", "y\n", false),
            "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x\n\\ No newline at end of file\n+y\n"
        );
    }

    #[test]
    fn colour_only_where_asked() {
        assert!(unified("a.py", "x\n", "y\n", true).contains("\u{1b}[32m+y"));
        assert!(!unified("a.py", "x\n", "y\n", false).contains('\u{1b}'));
    }

    #[test]
    fn names_that_need_quotes() {
        assert_eq!(quoted("a/b c.py"), "a/b c.py");
        assert_eq!(quoted("a/\t\".py"), "\"a/\\011\\\".py\"");
    }
}
