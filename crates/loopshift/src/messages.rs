//! What goes wrong, told so that the reader can go on: the place, the reason, what to do next.

use std::fmt;
use std::io;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

/// Something that went wrong: where, why, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Problem {
    /// The file, the line or the option that it is about.
    pub place: Option<String>,
    /// What is wrong there, in words.
    pub reason: String,
    /// What to do next, where there is something to do.
    pub next: Option<String>,
}

impl Problem {
    /// A problem that is not about one place.
    pub fn new(reason: impl Into<String>) -> Self {
        Problem {
            place: None,
            reason: reason.into(),
            next: None,
        }
    }

    /// A problem at `place`.
    pub fn at(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Problem {
            place: Some(place.into()),
            ..Problem::new(reason)
        }
    }

    /// The problem that the operating system reported when `action` ("read", "create") was tried on `path`.
    pub fn io(action: &str, path: &Path, error: &io::Error) -> Self {
        Problem::at(
            path.display().to_string(),
            format!("cannot {action} it: {}", plain(error)),
        )
    }

    /// The same problem with advice.
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}", self.reason)?;
        match &self.next {
            Some(next) => write!(f, "\n  help: {next}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

/// The words of the operating system without the number that Rust adds, which helps nobody.
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

/// `1 file`, `2 files`: a count with its noun.
pub fn count(n: usize, noun: &str) -> String {
    match (n, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{n} {stem}ies"),
        _ => format!("{n} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_the_place_the_reason_and_the_way_on() {
        let problem = Problem::at("a.py:3", "it is torn").next("mend it");
        assert_eq!(problem.to_string(), "a.py:3: it is torn\n  help: mend it");
        assert_eq!(Problem::new("torn").to_string(), "torn");
    }

    #[test]
    fn counts_read_as_english() {
        assert_eq!(count(1, "file"), "1 file");
        assert_eq!(count(0, "file"), "0 files");
        assert_eq!(count(2, "library"), "2 libraries");
        assert_eq!(count(2, "day"), "2 days");
    }
}
