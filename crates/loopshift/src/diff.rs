//! Unified diffs that `git apply` and `patch` read.

use std::fmt::Write;

use similar::{ChangeTag, TextDiff};

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
    let diff = TextDiff::from_lines(old, new);
    let mut out = String::new();
    for (sign, side) in [("---", "a"), ("+++", "b")] {
        let line = format!("{sign} {}", quoted(&format!("{side}/{name}")));
        out.push_str(&style(BOLD, &line));
        out.push('\n');
    }
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        let header = hunk.header().to_string();
        out.push_str(&style(CYAN, header.trim_end()));
        out.push('\n');
        for change in hunk.iter_changes() {
            let line = change.value();
            let body = line.strip_suffix('\n').unwrap_or(line);
            let (sign, styled) = match change.tag() {
                ChangeTag::Equal => (' ', None),
                ChangeTag::Delete => ('-', Some(RED)),
                ChangeTag::Insert => ('+', Some(GREEN)),
            };
            let text = format!("{sign}{body}");
            out.push_str(&styled.map_or_else(|| text.clone(), |styled| style(styled, &text)));
            if line.ends_with('\n') {
                out.push('\n');
            } else if change.missing_newline() {
                out.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
    out
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
