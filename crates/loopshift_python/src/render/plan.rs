//! From edits to operations: where each edit begins and ends in the text, once lines that are shared by several
//! statements are split and statements are removed with their lines.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::Stmt;
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::Conflict;
use crate::blocks::{Block, Blocks};
use crate::edit::{Edit, Piece, Wrap};
use crate::layout::{After, Before, Layout};

/// One operation on a range of the source.
pub(crate) struct Op<'e> {
    pub(crate) range: TextRange,
    /// Insertions up to here are part of the operation; those at this offset and beyond stand after it.
    pub(crate) owned_until: TextSize,
    /// The edit it comes from.
    pub(crate) edit: usize,
    pub(crate) kind: OpKind<'e>,
}

pub(crate) enum OpKind<'e> {
    Replace(&'e [Piece]),
    /// Fixed text: `pass`, or nothing.
    Text(&'static str),
    /// A line end and this indentation, in place of `;` or of the space after a colon.
    Break(String),
    Wrap(&'e Wrap),
}

/// Text to insert at an offset.
pub(crate) struct Insertion<'e> {
    pub(crate) offset: TextSize,
    /// Whether it is lines of their own before a statement: what else begins there belongs to the statement.
    pub(crate) before: bool,
    pub(crate) edit: usize,
    pub(crate) pieces: &'e [Piece],
    /// The indentation of its lines, where that is not that of the line at the offset.
    pub(crate) indentation: Option<String>,
}

pub(crate) struct Plan<'e> {
    /// By start, outer before inner.
    pub(crate) ops: Vec<Op<'e>>,
    /// By offset, lines before a statement first, then in the order given.
    pub(crate) insertions: Vec<Insertion<'e>>,
}

/// What a range of whole statements needs before a block can be put around it.
#[derive(Default)]
struct Breaks {
    /// Ranges to replace by a line end and the indentation, with the edit that asked first.
    gaps: BTreeMap<(TextSize, TextSize), (String, usize)>,
}

/// The indentation of the statements of a block.
pub(crate) fn block_indentation(layout: &Layout, block: &Block) -> String {
    let Some(first) = block.stmts.first() else {
        return String::new();
    };
    match (layout.before(first.start()), block.header) {
        (Before::Colon(_), Some(header)) => {
            format!("{}{}", layout.indentation(header), layout.unit)
        }
        _ => layout.indentation(first.start()).to_owned(),
    }
}

impl Breaks {
    /// Gives the statements `which` of `block` lines of their own.
    fn add(
        &mut self,
        layout: &Layout,
        block: &Block,
        which: std::ops::Range<usize>,
        sides: (bool, bool),
        edit: usize,
    ) -> Result<(), &'static str> {
        let indentation = block_indentation(layout, block);
        let mut gap = |from: TextSize, to: TextSize| {
            self.gaps
                .entry((from, to))
                .or_insert_with(|| (indentation.clone(), edit));
        };
        let stmts = block.stmts;
        let (Some(block_first), Some(first), Some(last)) = (
            stmts.first(),
            stmts.get(which.start),
            stmts.get(which.end.wrapping_sub(1)),
        ) else {
            return Err("the range holds no statement");
        };
        match layout.before(block_first.start()) {
            Before::Colon(colon) => {
                gap(colon, block_first.start());
                for pair in stmts.windows(2) {
                    gap(pair[0].end(), pair[1].start());
                }
                return Ok(());
            }
            Before::Backslash => {
                return Err("a backslash joins the first line of the block to the one above");
            }
            Before::LineStart | Before::Semicolon(_) => {}
        }
        if sides.0 {
            match layout.before(first.start()) {
                Before::LineStart => {}
                Before::Semicolon(end) => gap(end, first.start()),
                Before::Colon(_) => {
                    return Err("the statement shares its line with the colon of another block");
                }
                Before::Backslash => {
                    return Err("a backslash joins the statement to the line above");
                }
            }
        }
        if sides.1
            && let After::Statement(next) = layout.after(last.end())
        {
            gap(last.end(), next);
        }
        Ok(())
    }
}

/// Whether a block can be put around `range`; the reason where it can't.
pub(crate) fn check_wrap(
    layout: &Layout,
    blocks: &Blocks,
    range: TextRange,
) -> Result<(), &'static str> {
    let (block, which) = blocks
        .cover(range)
        .ok_or("the range is not that of whole statements of one block")?;
    check_meaning(&block, which.clone())?;
    Breaks::default().add(layout, &block, which, (true, true), 0)
}

/// Refuses statements that mean something only where they stand.
fn check_meaning(block: &Block, which: std::ops::Range<usize>) -> Result<(), &'static str> {
    let is_text = |it: &Stmt| matches!(it, Stmt::Expr(it) if it.value.is_string_literal_expr());
    if which.start == 0 && block.stmts.first().is_some_and(is_text) {
        return Err("the range holds a docstring");
    }
    let is_future = |it: &Stmt| matches!(it, Stmt::ImportFrom(it) if it.module.as_ref().is_some_and(|it| it == "__future__"));
    if block.stmts[which].iter().any(is_future) {
        return Err("the range holds an import from `__future__`");
    }
    Ok(())
}

/// Plans `edits`.
pub(crate) fn plan<'e>(
    layout: &Layout,
    blocks: &Blocks,
    edits: &'e [Edit],
) -> Result<Plan<'e>, Conflict> {
    let repeated = check_overlaps(layout.source, edits)?;
    let ends = innermost_ends(blocks, edits);
    let mut breaks = Breaks::default();
    let mut ops = Vec::new();
    let mut insertions: Vec<Insertion> = Vec::new();
    let mut deletions = Vec::new();
    for (index, edit) in edits.iter().enumerate() {
        if repeated.contains(&index) {
            continue;
        }
        let whole = blocks.cover(edit.range());
        let own_conflict = |reason: &'static str| Conflict {
            first: index,
            second: index,
            reason: Some(reason),
        };
        match edit {
            Edit::Replace { range, pieces } if range.is_empty() => {
                let offset = range.start();
                let mut place = offset;
                let mut indentation = None;
                let mut before = false;
                if starts_line(pieces)
                    && let Some(&(block, at)) = ends.get(&offset)
                {
                    breaks
                        .add(layout, &block, at..at + 1, (false, true), index)
                        .map_err(own_conflict)?;
                    indentation = Some(block_indentation(layout, &block));
                    // After the statement means after its comment, too.
                    if let After::LineEnd(end) = layout.after(offset) {
                        place = end;
                    }
                } else if ends_line(pieces)
                    && let Some((block, at)) = blocks.find(offset)
                {
                    breaks
                        .add(layout, &block, at..at + 1, (true, false), index)
                        .map_err(own_conflict)?;
                    before = true;
                }
                insertions.push(Insertion {
                    offset: place,
                    before,
                    edit: index,
                    pieces,
                    indentation,
                });
            }
            Edit::Replace { range, pieces } => {
                if let Some((block, which)) = whole {
                    if pieces.is_empty() {
                        deletions.push((block, which, index));
                        continue;
                    }
                    if has_line_end(pieces) {
                        breaks
                            .add(layout, &block, which, (true, true), index)
                            .map_err(own_conflict)?;
                    }
                }
                ops.push(Op {
                    range: *range,
                    owned_until: range.end(),
                    edit: index,
                    kind: OpKind::Replace(pieces),
                });
            }
            Edit::DeleteStatement { .. } => {
                let (block, which) = whole.ok_or("no whole statements").map_err(own_conflict)?;
                deletions.push((block, which, index));
            }
            Edit::Wrap(wrap) => {
                let (block, which) = whole.ok_or("no whole statements").map_err(own_conflict)?;
                check_meaning(&block, which.clone()).map_err(own_conflict)?;
                breaks
                    .add(layout, &block, which.clone(), (true, true), index)
                    .map_err(own_conflict)?;
                let last = &block.stmts[which.end - 1];
                let indentation = block_indentation(layout, &block);
                let end = layout.statement_end(last.end(), &indentation, has_blocks(last));
                ops.push(Op {
                    range: TextRange::new(wrap.range.start(), end),
                    owned_until: end,
                    edit: index,
                    kind: OpKind::Wrap(wrap),
                });
            }
        }
    }
    delete_statements(layout, edits, &ends, &breaks, deletions, &mut ops);
    for ((from, to), (indentation, edit)) in breaks.gaps {
        ops.push(Op {
            range: TextRange::new(from, to),
            owned_until: to,
            edit,
            kind: OpKind::Break(indentation),
        });
    }
    ops.sort_by_key(|op| {
        let wraps = matches!(op.kind, OpKind::Wrap(_));
        (
            op.range.start(),
            std::cmp::Reverse(op.range.end()),
            !wraps,
            op.edit,
        )
    });
    check_nesting(ops.iter().map(|op| (op.range, op.edit)))?;
    insertions.sort_by_key(|it| (it.offset, !it.before));
    Ok(Plan { ops, insertions })
}

/// The innermost statement that ends at each offset, with its list; where `edits` replace or delete statements that end
/// there, the first of these: what is inserted at their end stands outside of them.
fn innermost_ends<'a>(
    blocks: &Blocks<'a>,
    edits: &[Edit],
) -> BTreeMap<TextSize, (Block<'a>, usize)> {
    let mut ends: BTreeMap<TextSize, (Block, usize)> = BTreeMap::new();
    // Inner lists come after those around them.
    for block in blocks.iter() {
        for (at, stmt) in block.stmts.iter().enumerate() {
            ends.insert(stmt.end(), (block, at));
        }
    }
    for edit in edits.iter().filter(|it| !matches!(it, Edit::Wrap(_))) {
        let range = edit.range();
        if let (Some((block, at)), Some(end)) =
            (blocks.find(range.start()), ends.get_mut(&range.end()))
            && range.start() < end.0.stmts[end.1].start()
        {
            *end = (block, at);
        }
    }
    ends
}

/// Whether lines of a statement are indented below it.
pub fn has_blocks(stmt: &Stmt) -> bool {
    matches!(
        stmt,
        Stmt::FunctionDef(_)
            | Stmt::ClassDef(_)
            | Stmt::For(_)
            | Stmt::While(_)
            | Stmt::If(_)
            | Stmt::With(_)
            | Stmt::Match(_)
            | Stmt::Try(_)
    )
}

fn texts(pieces: &[Piece]) -> impl DoubleEndedIterator<Item = &str> {
    pieces.iter().filter_map(|it| match it {
        Piece::Text(text) => Some(&**text),
        _ => None,
    })
}

fn has_line_end(pieces: &[Piece]) -> bool {
    texts(pieces).any(|it| it.contains(['\n', '\r']))
}

fn starts_line(pieces: &[Piece]) -> bool {
    matches!(pieces.first(), Some(Piece::Text(text)) if text.starts_with(['\n', '\r']))
}

fn ends_line(pieces: &[Piece]) -> bool {
    matches!(pieces.last(), Some(Piece::Text(text)) if text.ends_with(['\n', '\r']))
}

/// Refuses edits that meet in a way that has no meaning, and ranges that are none of this source. Returns the edits
/// (but no wraps) that repeat an earlier one.
fn check_overlaps(source: &str, edits: &[Edit]) -> Result<BTreeSet<usize>, Conflict> {
    let valid = |range: TextRange| {
        let (start, end) = (range.start().to_usize(), range.end().to_usize());
        end <= source.len() && source.is_char_boundary(start) && source.is_char_boundary(end)
    };
    let mut order: Vec<usize> = Vec::new();
    for (index, edit) in edits.iter().enumerate() {
        let mut sources = all_pieces(edit).filter_map(|piece| match piece {
            Piece::Source(range) => Some(*range),
            _ => None,
        });
        // What is inserted into the text that it repeats would repeat itself, too.
        let endless = |source: TextRange| {
            matches!(edit, Edit::Replace { range, .. } if range.is_empty()
                && source.contains(range.start()))
        };
        if !valid(edit.range()) || !sources.all(|range| valid(range) && !endless(range)) {
            return Err(Conflict {
                first: index,
                second: index,
                reason: None,
            });
        }
        order.push(index);
    }
    let wraps = |index: usize| matches!(edits[index], Edit::Wrap(_));
    order.sort_by_key(|&index| {
        let range = edits[index].range();
        (
            range.start(),
            std::cmp::Reverse(range.end()),
            !wraps(index),
            index,
        )
    });
    let mut repeated = BTreeSet::new();
    for group in order.chunk_by(|&a, &b| edits[a].range() == edits[b].range()) {
        for (at, &index) in group.iter().enumerate().filter(|it| !wraps(*it.1)) {
            let mut earlier = group[..at].iter().copied().filter(|&it| !wraps(it));
            if earlier.clone().any(|it| edits[it] == edits[index]) {
                repeated.insert(index);
            } else if let Some(other) = earlier.next()
                && !edits[index].range().is_empty()
            {
                return Err(Conflict {
                    first: other,
                    second: index,
                    reason: None,
                });
            }
        }
    }
    let ranges = order.iter().map(|&index| (edits[index].range(), index));
    check_nesting(ranges.filter(|it| !it.0.is_empty()))?;
    Ok(repeated)
}

/// All pieces of an edit.
pub(crate) fn all_pieces(edit: &Edit) -> Box<dyn Iterator<Item = &Piece> + '_> {
    match edit {
        Edit::Replace { pieces, .. } => Box::new(pieces.iter()),
        Edit::DeleteStatement { .. } => Box::new(std::iter::empty()),
        Edit::Wrap(wrap) => Box::new(
            (wrap.before.iter())
                .chain([&wrap.header])
                .chain(&wrap.last)
                .chain(&wrap.after)
                .flatten(),
        ),
    }
}

/// Refuses ranges, sorted by start and outer first, of which one begins in another and ends behind it.
fn check_nesting(ranges: impl Iterator<Item = (TextRange, usize)>) -> Result<(), Conflict> {
    let mut open: Vec<(TextRange, usize)> = Vec::new();
    for (range, index) in ranges {
        while open.last().is_some_and(|it| it.0.end() <= range.start()) {
            open.pop();
        }
        if let Some(&(outer, other)) = open.last()
            && range.end() > outer.end()
        {
            return Err(Conflict {
                first: index.min(other),
                second: index.max(other),
                reason: None,
            });
        }
        open.push((range, index));
    }
    Ok(())
}

/// Plans the removal of statements: with their line where nothing else stands on it, and with `pass` where nothing else
/// is left of the block.
fn delete_statements(
    layout: &Layout,
    edits: &[Edit],
    ends: &BTreeMap<TextSize, (Block, usize)>,
    breaks: &Breaks,
    deletions: Vec<(Block, std::ops::Range<usize>, usize)>,
    ops: &mut Vec<Op>,
) {
    // Per list (known by the start of its first statement): which statements go, and by which edit.
    let mut by_block: BTreeMap<TextSize, (Block, BTreeMap<usize, usize>)> = BTreeMap::new();
    for (block, which, edit) in deletions {
        let key = block
            .stmts
            .first()
            .map_or(TextSize::default(), Ranged::start);
        let gone = &mut by_block
            .entry(key)
            .or_insert_with(|| (block, BTreeMap::new()))
            .1;
        for at in which {
            gone.entry(at).or_insert(edit);
        }
    }
    for (block, mut gone) in by_block.into_values() {
        let stmts = block.stmts;
        let indentation = block_indentation(layout, &block);
        let end_of =
            |at: usize| layout.statement_end(stmts[at].end(), &indentation, has_blocks(&stmts[at]));
        let emptied = gone.len() == stmts.len() && block.header.is_some();
        if emptied
            && !gets_content(edits, ends, stmts)
            && let Some(edit) = gone.remove(&0)
        {
            ops.push(Op {
                range: TextRange::new(stmts[0].start(), end_of(0)),
                owned_until: stmts[0].end(),
                edit,
                kind: OpKind::Text("pass"),
            });
        }
        let joined = |at: usize| {
            matches!(layout.after(stmts[at].end()), After::Statement(next)
                if !breaks.gaps.contains_key(&(stmts[at].end(), next)))
        };
        let mut at = 0;
        while at < stmts.len() {
            // The statements that share a line.
            let first = at;
            while joined(at) && at + 1 < stmts.len() {
                at += 1;
            }
            let line = first..at + 1;
            at += 1;
            let kept_after = |from: usize| (from..line.end).any(|it| !gone.contains_key(&it));
            let all_gone = !kept_after(line.start);
            for it in line.clone() {
                let Some(&edit) = gone.get(&it) else { continue };
                let stmt = &stmts[it];
                let range = if kept_after(it) || (all_gone && it + 1 < line.end) {
                    TextRange::new(stmt.start(), stmts[it + 1].start())
                } else if all_gone {
                    TextRange::new(stmt.start(), end_of(it))
                } else {
                    TextRange::new(stmts[it - 1].end(), stmt.end())
                };
                ops.push(Op {
                    range,
                    owned_until: stmt.end(),
                    edit,
                    kind: OpKind::Text(""),
                });
            }
        }
    }
}

/// Whether some edit puts code into a list all of whose statements go.
fn gets_content(edits: &[Edit], ends: &BTreeMap<TextSize, (Block, usize)>, stmts: &[Stmt]) -> bool {
    let beside = |offset: TextSize| {
        let behind = ends
            .get(&offset)
            .map(|(block, at)| block.stmts[*at].start());
        stmts
            .iter()
            .any(|it| it.start() == offset || Some(it.start()) == behind)
    };
    edits.iter().any(|edit| match edit {
        Edit::Wrap(wrap) => stmts.iter().any(|it| it.start() == wrap.range.start()),
        Edit::Replace { range, pieces } => {
            range.is_empty()
                && beside(range.start())
                && (pieces.iter())
                    .any(|it| !matches!(it, Piece::Text(text) if text.trim().is_empty()))
        }
        Edit::DeleteStatement { .. } => false,
    })
}
