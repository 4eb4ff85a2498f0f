//! Where what stands in a new text stood in the old one. Later rounds plan on texts that earlier ones wrote, and their
//! messages are for people who have the old text before them.

use std::cmp::Reverse;

use loopshift_python::line_diff::{DiffOp, line_ops};
use loopshift_python::{TextLen, TextRange, TextSize};
use rustc_hash::FxHashSet;

/// More pairs of lines than this are not compared word by word.
const PAIRS: usize = 10_000;

/// Leads from the places of a new text to those of an old one.
pub(crate) struct Moved<'t> {
    old: &'t str,
    old_starts: Vec<TextSize>,
    new_starts: Vec<TextSize>,
    /// For each line of the new text that of the old one.
    lines: Vec<Line>,
}

#[derive(Clone, Copy)]
enum Line {
    /// The same line.
    Same(usize),
    /// The line that it most likely comes from, or the one beside which it was put.
    Near(usize),
}

/// A place in the old text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The text is the same there.
    Same(TextRange),
    /// Where the line that it comes from begins.
    Near(TextRange),
}

impl Origin {
    /// The range in the old text.
    pub(crate) fn range(self) -> TextRange {
        match self {
            Origin::Same(range) | Origin::Near(range) => range,
        }
    }
}

impl<'t> Moved<'t> {
    /// From `new` to `old`.
    pub(crate) fn new(old: &'t str, new: &str) -> Self {
        let old_lines: Vec<&str> = old.split_inclusive('\n').collect();
        let new_lines: Vec<&str> = new.split_inclusive('\n').collect();
        let mut lines = Vec::with_capacity(new_lines.len());
        for op in line_ops(&old_lines, &new_lines) {
            if let DiffOp::Equal { .. } = op {
                lines.extend(op.old_range().map(Line::Same));
            } else {
                replaced(&op, &old_lines, &new_lines, &mut lines);
            }
        }
        Moved {
            old,
            old_starts: starts(&old_lines),
            new_starts: starts(&new_lines),
            lines,
        }
    }

    /// Where the range of the new text comes from.
    pub(crate) fn origin(&self, range: TextRange) -> Origin {
        let (first, last) = (self.line(range.start()), self.line(range.end()));
        let line = |number: usize| self.lines.get(number).copied();
        match line(first) {
            Some(Line::Same(old)) => {
                let as_before = |number: usize| matches!(line(number), Some(Line::Same(it)) if it == old + number - first);
                if !(first..=last).all(as_before) {
                    return Origin::Near(self.start_of(old));
                }
                let start = self.old_starts[old] + (range.start() - self.new_starts[first]);
                Origin::Same(TextRange::at(start, range.len()))
            }
            Some(Line::Near(old)) => Origin::Near(self.start_of(old)),
            None => Origin::Near(self.start_of(self.old_starts.len())),
        }
    }

    /// For each line of the new text that of the old one, from 0.
    pub(crate) fn lines(&self) -> impl Iterator<Item = usize> {
        let number = |line: &Line| match line {
            Line::Same(old) | Line::Near(old) => *old,
        };
        self.lines.iter().map(number)
    }

    fn line(&self, offset: TextSize) -> usize {
        let after = self.new_starts.partition_point(|start| *start <= offset);
        after.saturating_sub(1)
    }

    /// Where the text of an old line begins; an empty range.
    fn start_of(&self, line: usize) -> TextRange {
        let end = TextSize::try_from(self.old.len()).unwrap_or_default();
        let start = self.old_starts.get(line).copied().unwrap_or(end);
        let rest = &self.old[start.to_usize()..];
        let indent = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        TextRange::empty(start + TextSize::try_from(indent).unwrap_or_default())
    }
}

/// Where lines start that follow each other.
fn starts(lines: &[&str]) -> Vec<TextSize> {
    let mut next = TextSize::new(0);
    let start = |line: &&str| {
        let start = next;
        next += line.text_len();
        start
    };
    lines.iter().map(start).collect()
}

/// Finds for each new line of a part that differs the old line that shares most words with it.
fn replaced(op: &DiffOp, old_lines: &[&str], new_lines: &[&str], lines: &mut Vec<Line>) {
    let (old, new) = (op.old_range(), op.new_range());
    if old.is_empty() {
        // What was put between two lines stands beside the one above, if that is none without text.
        let is_text = |line: &usize| !old_lines[*line].trim().is_empty();
        let above = (0..old.start).rev().find(is_text).unwrap_or(old.start);
        lines.extend(new.map(|_| Line::Near(above)));
        return;
    }
    let compared = old.len() * new.len() <= PAIRS;
    let words_of: Vec<FxHashSet<&str>> = if compared {
        old_lines[old.clone()]
            .iter()
            .map(|line| words(line))
            .collect()
    } else {
        Vec::new()
    };
    for number in 0..new.len() {
        // The line at the same height.
        let level = number * old.len() / new.len();
        let own = words(new_lines[new.start + number]);
        let best = words_of.iter().enumerate().max_by_key(|(place, known)| {
            let common = known.intersection(&own).count();
            (common, Reverse(known.len()), Reverse(place.abs_diff(level)))
        });
        let shares = |place: usize| !words_of[place].is_disjoint(&own);
        let line = best.map(|(place, _)| place).filter(|place| shares(*place));
        lines.push(Line::Near(old.start + line.unwrap_or(level)));
    }
}

/// The words of a line that tell it from others.
fn words(line: &str) -> FxHashSet<&str> {
    let parts = line.split(|it: char| !(it.is_alphanumeric() || it == '_'));
    parts
        .filter(|word| !word.is_empty() && !matches!(*word, "await" | "async"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(old: &str, new: &str, what: &str) -> (usize, bool) {
        let at = TextSize::try_from(new.find(what).unwrap()).unwrap();
        let range = TextRange::at(at, TextSize::try_from(what.len()).unwrap());
        let origin = Moved::new(old, new).origin(range);
        let line = old[..origin.range().start().to_usize()]
            .matches('\n')
            .count()
            + 1;
        (line, matches!(origin, Origin::Same(_)))
    }

    #[test]
    fn lines_that_stay_are_found_behind_those_that_were_put_before() {
        let (old, new) = ("import a\n\nx = 1\n", "import a\nimport b\n\n\nx = 1\n");
        assert_eq!(origin(old, new, "1"), (3, true));
        assert_eq!(origin(old, new, "import b"), (1, false));
    }

    #[test]
    fn lines_that_changed_are_known_by_their_words() {
        let old = "def f():\n    q.put(1)\n    gevent.sleep(2)\n    return q\n";
        let new = "async def f():\n    # more\n    await q.put(1)\n    await asyncio.sleep(2)\n    return q\n";
        assert_eq!(origin(old, new, "asyncio.sleep"), (3, false));
        assert_eq!(origin(old, new, "await q.put"), (2, false));
        assert_eq!(origin(old, new, "return q"), (4, true));
    }

    #[test]
    fn nothing_is_left_of_an_empty_text() {
        assert_eq!(origin("", "x = 1\n", "x"), (1, false));
        assert_eq!(origin("y", "x = 1\n", "1"), (1, false));
    }
}
