//! Output without what differs between any two runs.

use std::path::Path;

use regex_lite::Regex;

use crate::cli::Normalise;

/// Makes the output of different runs comparable.
#[derive(Debug)]
pub struct Normaliser {
    patterns: Vec<(Regex, &'static str)>,
    lines: bool,
}

const TIMES: &str = r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?([.,]\d+)?(Z|[+-]\d\d:?\d\d)?)?|\d\d?:\d\d(:\d\d)?([.,]\d+)?|\d+(\.\d+)?(e-\d+)? ?(ns|us|µs|ms|seconds|second|secs|sec|s|minutes|min)\b";

impl Normaliser {
    /// One for what the user allows to differ.
    pub fn new(allowed: &[Normalise]) -> Self {
        let mut patterns = Vec::new();
        // Addresses and times hold numbers, so they come first.
        for (what, pattern, word) in [
            (Normalise::Addresses, r"0x[0-9a-fA-F]+", "ADDRESS"),
            (Normalise::Times, TIMES, "TIME"),
            (Normalise::Numbers, r"\d+(\.\d+)?(e[+-]?\d+)?", "NUMBER"),
        ] {
            if allowed.contains(&what)
                && let Ok(pattern) = Regex::new(pattern)
            {
                patterns.push((pattern, word));
            }
        }
        Normaliser {
            patterns,
            lines: allowed.contains(&Normalise::Lines),
        }
    }

    /// The text, with the path of the run's copy as it would be in any other.
    pub fn apply(&self, text: &str, run: &Path) -> String {
        let mut text = text.replace(&*run.to_string_lossy(), "COPY");
        for (pattern, word) in &self.patterns {
            text = pattern.replace_all(&text, *word).into_owned();
        }
        if self.lines {
            let mut lines: Vec<&str> = text.lines().collect();
            lines.sort_unstable();
            text = lines.join("\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_differ_goes() {
        use Normalise::{Addresses, Lines, Numbers, Times};
        let text = "b /tmp/x/1/tree/a.py\na 0x7f12 in 1.25s at 12:30:01, 17 of 2026-11-28\n";
        let run = Path::new("/tmp/x/1/tree");
        let with = |allowed: &[Normalise]| Normaliser::new(allowed).apply(text, run);
        assert_eq!(with(&[]), text.replace("/tmp/x/1/tree", "COPY"));
        assert_eq!(
            with(&[Addresses, Times, Numbers, Lines]),
            "a ADDRESS in TIME at TIME, NUMBER of TIME\nb COPY/a.py"
        );
    }
}
