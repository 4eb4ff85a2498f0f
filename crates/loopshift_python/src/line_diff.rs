//! Which lines differ, in bounded time.
//!
//! The usual algorithm is quadratic in the number of differences, which is too slow for a generated file in which
//! every line changes. Where that threatens, lines that stand once on both sides split the work; a part
//! that cannot be split is one replacement, which is right, if not the smallest.

use std::collections::HashMap;

use similar::{Algorithm, DiffTag, capture_diff_slices};

pub use similar::DiffOp;

/// Roughly how many steps one comparison may take.
const STEPS: usize = 100_000_000;

/// The operations that lead from the lines `old` to the lines `new`, in order. They cover all of both.
pub fn line_ops(old: &[&str], new: &[&str]) -> Vec<DiffOp> {
    let mut ops = Vec::new();
    between(old, new, &mut ops);
    number(&mut ops);
    ops
}

/// Adds the operations for two parts. Their line numbers are set at the end.
fn between(old: &[&str], new: &[&str], ops: &mut Vec<DiffOp>) {
    let before = common(old.iter().zip(new));
    equal(before, ops);
    let (old, new) = (&old[before..], &new[before..]);
    let after = common(old.iter().rev().zip(new.iter().rev()));
    let (old, new) = (&old[..old.len() - after], &new[..new.len() - after]);
    if differences(old, new).saturating_mul(old.len() + new.len()) <= STEPS {
        ops.extend(capture_diff_slices(Algorithm::Myers, old, new));
    } else {
        split(old, new, ops);
    }
    equal(after, ops);
}

fn common<'a>(pairs: impl Iterator<Item = (&'a &'a str, &'a &'a str)>) -> usize {
    pairs.take_while(|(a, b)| a == b).count()
}

fn equal(len: usize, ops: &mut Vec<DiffOp>) {
    if len > 0 {
        ops.push(DiffOp::Equal {
            old_index: 0,
            new_index: 0,
            len,
        });
    }
}

/// Gives each operation the lines that follow those of the one before, and joins equal lines that follow each other.
///
/// The operations of `similar` are in order, but after it has moved some, an insertion or a deletion may hold a number
/// of the other side that is not where it stands.
fn number(ops: &mut Vec<DiffOp>) {
    let mut joined: Vec<DiffOp> = Vec::with_capacity(ops.len());
    let mut at = (0, 0);
    for op in ops.drain(..) {
        let (old_len, new_len) = (op.old_range().len(), op.new_range().len());
        let (old_index, new_index) = at;
        at = (old_index + old_len, new_index + new_len);
        if op.tag() == DiffTag::Equal {
            if let Some(DiffOp::Equal { len, .. }) = joined.last_mut() {
                *len += old_len;
            } else {
                joined.push(DiffOp::Equal {
                    old_index,
                    new_index,
                    len: old_len,
                });
            }
        } else {
            joined.push(DiffOp::Replace {
                old_index,
                old_len,
                new_index,
                new_len,
            });
        }
    }
    *ops = joined;
}

/// At least how many lines differ: those that one side has more often.
fn differences(old: &[&str], new: &[&str]) -> usize {
    let mut counts: HashMap<&str, isize> = HashMap::new();
    for line in old {
        *counts.entry(line).or_default() += 1;
    }
    for line in new {
        *counts.entry(line).or_default() -= 1;
    }
    counts.values().map(|count| count.unsigned_abs()).sum()
}

/// Compares what is between the lines that stand once on both sides, as far as these are in the same order.
fn split(old: &[&str], new: &[&str], ops: &mut Vec<DiffOp>) {
    let anchors = anchors(old, new);
    if anchors.is_empty() {
        ops.push(DiffOp::Replace {
            old_index: 0,
            old_len: old.len(),
            new_index: 0,
            new_len: new.len(),
        });
        return;
    }
    let mut from = (0, 0);
    for (a, b) in anchors {
        between(&old[from.0..a], &new[from.1..b], ops);
        equal(1, ops);
        from = (a + 1, b + 1);
    }
    between(&old[from.0..], &new[from.1..], ops);
}

/// Pairs of the same line, that stands once on both sides, such that both numbers grow.
fn anchors(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let (in_old, in_new) = (once(old), once(new));
    let mut pairs: Vec<(usize, usize)> = in_old
        .iter()
        .filter_map(|(line, a)| Some(((*a)?, (*in_new.get(line)?)?)))
        .collect();
    pairs.sort_unstable();
    // A pair that leads far ahead would shut out all behind it, so the longest growing chain is taken.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (index, pair) in pairs.iter().enumerate() {
        let place = ends.partition_point(|end| pairs[*end].1 < pair.1);
        before.push(place.checked_sub(1).map(|place| ends[place]));
        if place == ends.len() {
            ends.push(index);
        } else {
            ends[place] = index;
        }
    }
    let mut chain = Vec::with_capacity(ends.len());
    let mut next = ends.last().copied();
    while let Some(index) = next {
        chain.push(pairs[index]);
        next = before[index];
    }
    chain.reverse();
    chain
}

/// The number of each line that stands once; `None` for the others.
fn once<'a>(lines: &[&'a str]) -> HashMap<&'a str, Option<usize>> {
    let mut found = HashMap::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        found
            .entry(*line)
            .and_modify(|place| *place = None)
            .or_insert(Some(index));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Carries the operations out, and counts the lines that they leave alone.
    fn check(old: &[&str], new: &[&str]) -> usize {
        let (mut got, mut at, mut kept) = (Vec::new(), 0, 0);
        for op in line_ops(old, new) {
            assert_eq!(op.old_range().start, at, "no line is left out");
            assert_eq!(op.new_range().start, got.len());
            at = op.old_range().end;
            if op.tag() == DiffTag::Equal {
                assert_eq!(old[op.old_range()], new[op.new_range()]);
                kept += op.old_range().len();
            }
            got.extend_from_slice(&new[op.new_range()]);
        }
        assert_eq!((at, got.as_slice()), (old.len(), new));
        kept
    }

    #[test]
    fn small_and_empty_sides() {
        assert_eq!(check(&[], &[]), 0);
        assert_eq!(check(&["a"], &[]), 0);
        assert_eq!(check(&["a", "b", "c"], &["a", "x", "c"]), 2);
        assert_eq!(check(&["a", "b", "c"], &["b", "c", "d"]), 2);
    }

    #[test]
    fn large_files_in_which_half_of_the_lines_change() {
        let line = |n: usize, side: &str| match n % 2 {
            0 => format!("{side} {n}\n"),
            _ => format!("same {n}\n"),
        };
        let lines = |side: &str| (0..60_000).map(|n| line(n, side)).collect::<Vec<_>>();
        let (old, new) = (lines("old"), lines("new"));
        let old: Vec<&str> = old.iter().map(String::as_str).collect();
        let new: Vec<&str> = new.iter().map(String::as_str).collect();
        assert_eq!(check(&old, &new), 30_000);
    }

    #[test]
    fn large_files_in_which_every_line_changes() {
        assert_eq!(check(&vec!["old\n"; 100_000], &vec!["new\n"; 100_000]), 0);
        let (mut old, mut new) = (vec!["x\n"; 50_000], vec!["x\n"; 50_000]);
        old.push("anchor\n");
        new.insert(0, "anchor\n");
        assert_eq!(check(&old, &new), 50_000, "one line moved");
    }
}
