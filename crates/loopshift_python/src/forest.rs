//! Ranges that lie in each other, to ask which of them are around a place without looking at all of them.

use std::cmp::Reverse;

use ruff_text_size::{TextRange, TextSize};

/// Ranges of which any two lie in each other or apart, each with a number.
#[derive(Clone, Debug, Default)]
pub struct Forest {
    /// By start, outer before inner; with the place of the range around each.
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    range: TextRange,
    id: u32,
    around: Option<u32>,
}

impl Forest {
    /// The forest of `ranges`, each with its number. Of two with the same range the one with the lower number is outside.
    pub fn new(ranges: impl IntoIterator<Item = (u32, TextRange)>) -> Self {
        let mut entries: Vec<Entry> = ranges
            .into_iter()
            .map(|(id, range)| Entry {
                range,
                id,
                around: None,
            })
            .collect();
        entries.sort_by_key(|it| (it.range.start(), Reverse(it.range.end()), it.id));
        let mut open: Vec<u32> = Vec::new();
        for at in 0..entries.len() {
            let range = entries[at].range;
            let is_apart = |outer: &u32| !entries[*outer as usize].range.contains_range(range);
            while open.last().is_some_and(is_apart) {
                open.pop();
            }
            entries[at].around = open.last().copied();
            open.push(u32::try_from(at).unwrap_or(u32::MAX));
        }
        Forest { entries }
    }

    /// The ranges that may hold something that starts at `offset`, innermost first, with their numbers: all that start at
    /// or before it and end at or behind it, and perhaps others that end before.
    pub fn around(&self, offset: TextSize) -> impl Iterator<Item = (u32, TextRange)> + '_ {
        let after = self
            .entries
            .partition_point(|it| it.range.start() <= offset);
        let last = after.checked_sub(1).map(|at| &self.entries[at]);
        std::iter::successors(last, |it| {
            it.around.and_then(|at| self.entries.get(at as usize))
        })
        .map(|it| (it.id, it.range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_around_comes_innermost_first() {
        let range = |start: u32, end: u32| TextRange::new(start.into(), end.into());
        let forest = Forest::new([
            (0, range(0, 100)),
            (1, range(50, 60)),
            (2, range(10, 40)),
            (3, range(20, 30)),
            (4, range(20, 30)),
        ]);
        let holding = |offset: u32| -> Vec<u32> {
            let offset = TextSize::from(offset);
            let around = forest.around(offset);
            around
                .filter(|(_, range)| range.contains(offset))
                .map(|(id, _)| id)
                .collect()
        };
        assert_eq!(holding(25), [4, 3, 2, 0]);
        assert_eq!(holding(35), [2, 0]);
        assert_eq!(holding(45), [0]);
        assert_eq!(holding(50), [1, 0]);
        assert_eq!(holding(100), []);
    }
}
