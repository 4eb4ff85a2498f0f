//! Before and after: what passed and fails now, what is missing, what else differs.

use std::collections::BTreeSet;

use crate::diff;
use crate::verify::junit::{Test, Tests};
use crate::verify::normalise::Normaliser;
use crate::verify::run::{Ending, Ran};

/// What the command does without any change.
#[derive(Clone, Debug)]
pub struct Baseline {
    /// The tests that end alike in all runs; `None` where the command has no tests.
    pub tests: Option<Tests>,
    /// Tests that differ from run to run.
    pub flaky: BTreeSet<String>,
    /// How it ends; `None` where that differs.
    pub ending: Option<Ending>,
    /// What it prints; `None` where that differs.
    pub stdout: Option<String>,
    /// What it prints of errors; `None` where that differs.
    pub stderr: Option<String>,
}

impl Baseline {
    /// What is common to all runs.
    pub fn of(runs: &[Ran], normaliser: &Normaliser) -> Self {
        let mut tests = runs.first().and_then(|ran| ran.tests.clone());
        let mut flaky = BTreeSet::new();
        if let Some(first) = &mut tests {
            for ran in runs {
                let other = ran.tests.as_ref();
                let names = other.into_iter().flat_map(Tests::keys);
                for name in names.chain(first.keys()) {
                    let there = other.and_then(|it| it.get(name));
                    let alike = match (first.get(name), there) {
                        (Some(a), Some(b)) => same_kind(a, b),
                        _ => false,
                    };
                    if !alike {
                        flaky.insert(name.clone());
                    }
                }
            }
            first.retain(|name, _| !flaky.contains(name));
        }
        Baseline {
            tests,
            flaky,
            ending: common(runs.iter().map(|ran| ran.ending)),
            stdout: common(runs.iter().map(|ran| printed(ran, normaliser).0)),
            stderr: common(runs.iter().map(|ran| printed(ran, normaliser).1)),
        }
    }

    /// How many of its tests passed.
    pub fn passed(&self) -> usize {
        passed(self.tests.as_ref())
    }
}

/// How many tests passed.
fn passed(tests: Option<&Tests>) -> usize {
    let tests = tests.into_iter().flat_map(Tests::values);
    tests.filter(|test| **test == Test::Passed).count()
}

/// The value, where all are equal.
fn common<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.all(|it| it == first).then_some(first)
}

/// What a run printed, without what differs between any two.
fn printed(ran: &Ran, normaliser: &Normaliser) -> (String, String) {
    let apply = |text: String| normaliser.apply(&text, &ran.copy);
    (apply(ran.stdout.text()), apply(ran.stderr.text()))
}

fn same_kind(a: &Test, b: &Test) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

/// A test that fails, and did not before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The test.
    pub test: String,
    /// What it says.
    pub message: String,
}

/// What differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Tests that fail now, and passed before or were not there.
    pub broken: Vec<Broken>,
    /// Tests that passed, and are not run or are skipped now.
    pub missing: Vec<String>,
    /// Tests that pass now, and did not before.
    pub newly_passing: Vec<String>,
    /// How many tests pass now.
    pub passed: usize,
    /// How it ended before and ends now, where that is a difference by itself.
    pub ending: Option<(Ending, Ending)>,
    /// What it prints, as a unified diff.
    pub output: Option<String>,
}

impl Differences {
    /// What differs between the baseline and a run of the migrated copy.
    pub fn between(baseline: &Baseline, after: &Ran, normaliser: &Normaliser) -> Self {
        let mut found = Differences::default();
        match (&baseline.tests, &after.tests) {
            (Some(before), Some(now)) => found.compare_tests(baseline, before, now),
            _ => found.compare_output(baseline, after, normaliser),
        }
        let ended = baseline.ending.filter(|before| *before != after.ending);
        // An exit code that tells of failing tests says nothing new; that it passes at last is no harm.
        let is_told = baseline.tests.is_some()
            && (!found.broken.is_empty()
                || !found.missing.is_empty() && matches!(after.ending, Ending::Exit(_))
                || after.ending == Ending::Exit(0)
                || !baseline.flaky.is_empty() && matches!(after.ending, Ending::Exit(1)));
        found.ending = ended
            .filter(|_| !is_told)
            .map(|before| (before, after.ending));
        found
    }

    fn compare_tests(&mut self, baseline: &Baseline, before: &Tests, now: &Tests) {
        self.passed = now
            .iter()
            .filter(|(name, test)| **test == Test::Passed && !baseline.flaky.contains(*name))
            .count();
        for (name, test) in now {
            if baseline.flaky.contains(name) {
                continue;
            }
            match (before.get(name), test) {
                (Some(Test::Passed | Test::Skipped) | None, Test::Failed(message)) => {
                    self.broken.push(Broken {
                        test: name.clone(),
                        message: message.clone(),
                    });
                }
                (Some(Test::Failed(_)), Test::Passed) => self.newly_passing.push(name.clone()),
                _ => {}
            }
        }
        for (name, test) in before {
            let there = matches!(now.get(name), Some(Test::Passed | Test::Failed(_)));
            if *test == Test::Passed && !there {
                self.missing.push(name.clone());
            }
        }
    }

    fn compare_output(&mut self, baseline: &Baseline, after: &Ran, normaliser: &Normaliser) {
        let (stdout, stderr) = printed(after, normaliser);
        let mut text = String::new();
        for (name, before, now) in [
            ("stdout", &baseline.stdout, stdout),
            ("stderr", &baseline.stderr, stderr),
        ] {
            if let Some(before) = before {
                text.push_str(&diff::unified(name, before, &now, false));
            }
        }
        self.output = Some(text).filter(|text| !text.is_empty());
    }

    /// Whether the program does the same as before.
    pub fn is_none(&self) -> bool {
        self.broken.is_empty()
            && self.missing.is_empty()
            && self.ending.is_none()
            && self.output.is_none()
    }

    /// The tests that break.
    pub fn tests(&self) -> BTreeSet<String> {
        let broken = self.broken.iter().map(|it| &it.test);
        broken.chain(&self.missing).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::verify::output::Output;

    fn ran(code: i32, tests: &[(&str, Test)]) -> Ran {
        let tests = tests.iter();
        Ran {
            ending: Ending::Exit(code),
            stdout: Output::default(),
            stderr: Output::default(),
            tests: Some(
                tests
                    .map(|(name, test)| ((*name).to_owned(), test.clone()))
                    .collect(),
            ),
            copy: PathBuf::from("/copy"),
            from_tree: BTreeSet::new(),
        }
    }

    #[test]
    fn tests_are_compared_one_by_one() {
        let failed = || Test::Failed("torn".to_owned());
        let normaliser = Normaliser::new(&[]);
        let before = [
            ran(
                1,
                &[
                    ("a", Test::Passed),
                    ("b", failed()),
                    ("c", Test::Passed),
                    ("f", failed()),
                ],
            ),
            ran(
                1,
                &[
                    ("a", Test::Passed),
                    ("b", failed()),
                    ("c", Test::Passed),
                    ("f", Test::Passed),
                ],
            ),
        ];
        let baseline = Baseline::of(&before, &normaliser);
        assert_eq!(baseline.flaky, BTreeSet::from(["f".to_owned()]));
        assert_eq!(baseline.passed(), 2);
        let after = ran(1, &[("a", failed()), ("b", Test::Passed), ("f", failed())]);
        let found = Differences::between(&baseline, &after, &normaliser);
        assert_eq!(
            found.tests(),
            BTreeSet::from(["a".to_owned(), "c".to_owned()])
        );
        assert_eq!(found.newly_passing, ["b"]);
        assert_eq!(found.ending, None);
        let same = Differences::between(&baseline, &before[0], &normaliser);
        assert!(same.is_none());
        let crash = Ran {
            ending: Ending::Signal(11),
            tests: Some(Tests::new()),
            ..ran(0, &[])
        };
        let found = Differences::between(&baseline, &crash, &normaliser);
        assert_eq!(found.missing, ["a", "c"]);
        assert_eq!(found.ending, Some((Ending::Exit(1), Ending::Signal(11))));
    }
}
