//! What a run of tests printed at its end.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::process::Output;

/// How a run of tests ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Suite {
    /// How many passed.
    pub passed: u32,
    /// How many failed.
    pub failed: u32,
    /// How many could not be run.
    pub errors: u32,
    /// How many were left out.
    pub skipped: u32,
    /// The tests that failed.
    pub failures: Vec<String>,
    /// What the runner said where it could not count.
    pub broken: Option<String>,
}

impl Suite {
    /// Reads what pytest or unittest printed: the counts, and the names of what failed.
    pub(super) fn read(output: &Output) -> Suite {
        if output.timed_out {
            return Suite::broken("it ran into the time limit".to_owned());
        }
        pytest(&output.stdout)
            .or_else(|| unittest(&output.stderr))
            .unwrap_or_else(|| Suite::broken(output.tail()))
    }

    fn broken(why: String) -> Suite {
        Suite {
            broken: Some(why),
            ..Suite::default()
        }
    }

    /// In a few words, for a table.
    pub(super) fn cell(&self) -> String {
        if self.broken.is_some() {
            return "broken".to_owned();
        }
        let mut text = format!("{} passed", self.passed);
        for (count, word) in [
            (self.failed, "failed"),
            (self.errors, "errors"),
            (self.skipped, "skipped"),
        ] {
            if count > 0 {
                // Writing to a string does not fail.
                let _ = write!(text, ", {count} {word}");
            }
        }
        text
    }
}

/// The counts of pytest's last line.
fn pytest(printed: &str) -> Option<Suite> {
    let counted = printed.lines().rev().find(|line| {
        line.contains(" in ")
            && (line.contains(" passed") || line.contains(" failed") || line.contains(" error"))
    })?;
    let mut suite = Suite::default();
    let words: Vec<&str> = counted
        .split([' ', ',', '='])
        .filter(|word| !word.is_empty())
        .collect();
    for pair in words.windows(2) {
        let Ok(count) = pair[0].parse() else { continue };
        match pair[1] {
            // "29 passed, 4 subtests passed": a subtest counts as a test.
            "passed" | "subtests" => suite.passed += count,
            "failed" => suite.failed = count,
            "error" | "errors" => suite.errors = count,
            "skipped" => suite.skipped = count,
            _ => {}
        }
    }
    let failure = |line: &str| {
        let rest = line
            .strip_prefix("FAILED ")
            .or_else(|| line.strip_prefix("ERROR "))?;
        // What a test logged begins with its level, too, filled up with blanks.
        let test = rest.split(" - ").next().unwrap_or(rest);
        (!test.starts_with(' ')).then(|| test.to_owned())
    };
    suite.failures = printed.lines().filter_map(failure).collect();
    suite.failures.sort();
    suite.failures.dedup();
    Some(suite)
}

/// The counts of unittest's last lines: `Ran 5 tests in 0.1s` and `FAILED (failures=1, skipped=2)`.
fn unittest(printed: &str) -> Option<Suite> {
    let mut lines = printed.lines().rev();
    let ended = lines
        .find(|line| *line == "OK" || line.starts_with("OK (") || line.starts_with("FAILED ("))?;
    let ran: u32 =
        lines.find_map(|line| line.strip_prefix("Ran ")?.split(' ').next()?.parse().ok())?;
    let mut suite = Suite::default();
    let mut expected_failures = 0;
    let counts = ended.split_once('(').map_or("", |(_, counts)| counts);
    for count in counts.trim_end_matches(')').split(", ") {
        let Some((word, Ok(number))) = count
            .split_once('=')
            .map(|(word, number)| (word, number.parse()))
        else {
            continue;
        };
        match word {
            "failures" | "unexpected successes" => suite.failed += number,
            "errors" => suite.errors = number,
            "skipped" => suite.skipped = number,
            "expected failures" => expected_failures = number,
            _ => {}
        }
    }
    // A fixture of a class that fails is an error, and no test that ran.
    suite.passed =
        ran.saturating_sub(suite.failed + suite.errors + suite.skipped + expected_failures);
    let failure = |line: &str| {
        let rest = line
            .strip_prefix("FAIL: ")
            .or_else(|| line.strip_prefix("ERROR: "))?;
        Some(rest.to_owned())
    };
    suite.failures = printed.lines().filter_map(failure).collect();
    suite.failures.sort();
    suite.failures.dedup();
    Some(suite)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(stdout: &str) -> Suite {
        Suite::read(&Output {
            code: Some(0),
            timed_out: false,
            stdout: stdout.to_owned(),
            stderr: String::new(),
        })
    }

    #[test]
    fn the_last_line_of_pytest_is_read() {
        let text = "FAILED tests/a.py::b - assert 1\n29 passed, 1 skipped, 2 failed, 1 error, 4 subtests passed in 1.65s\n\nwarnings\n";
        let read = suite(text);
        assert_eq!(
            (read.passed, read.failed, read.errors, read.skipped),
            (33, 2, 1, 1)
        );
        assert_eq!(read.failures, ["tests/a.py::b"]);
        assert_eq!(suite("==== 3 passed in 0.1s ====\n").cell(), "3 passed");
        assert!(suite("Traceback\n").broken.is_some());
    }

    #[test]
    fn the_last_lines_of_unittest_are_read() {
        let read = Suite::read(&Output {
            code: Some(1),
            timed_out: false,
            stdout: String::new(),
            stderr: "FAIL: test_a (m.T.test_a)\n\nRan 7 tests in 0.1s\n\nFAILED (failures=1, skipped=2, expected failures=1)\n".to_owned(),
        });
        assert_eq!((read.passed, read.failed, read.skipped), (3, 1, 2));
        assert_eq!(read.failures, ["test_a (m.T.test_a)"]);
    }

    #[test]
    fn what_a_test_logged_is_no_test() {
        let text = "ERROR    asyncio:base_events.py:1771 never retrieved\nERROR tests/a.py::b\n1 error in 0.1s\n";
        assert_eq!(suite(text).failures, ["tests/a.py::b"]);
    }
}
