//! Applying the edits of one file.

mod out;
mod plan;
mod template;

use std::cell::{OnceCell, RefCell};

use crate::parse::ParsedModule;
use ruff_text_size::{TextRange, TextSize};

use crate::blocks::Blocks;
use crate::brackets::Brackets;
use crate::edit::{Edit, Piece, Wrap};
use crate::imports::Names;
use crate::layout::Layout;
use crate::parse::with_deep_stack;
use crate::tree::Tree;

pub(crate) use out::Out;
pub use plan::has_blocks;
use plan::{Op, OpKind, Plan};
pub(crate) use template::Writer;

/// Two edits that can't both be applied, as indices into the edits given. Where both are the same, that edit can't be
/// applied at all: its range is not in the source, or not that of whole statements where it must be, or the line can't be
/// split there (see [`Wrapping`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The first of the two.
    pub first: usize,
    /// The second of the two.
    pub second: usize,
    /// Why an edit can't be applied, where something stands in the way of it alone.
    pub reason: Option<&'static str>,
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.first == self.second {
            write!(f, "edit {} can't be applied", self.first)
        } else {
            write!(f, "edits {} and {} overlap", self.first, self.second)
        }
    }
}

impl std::error::Error for Conflict {}

/// Says where blocks can be put around statements.
pub struct Wrapping<'a> {
    layout: Layout<'a>,
}

impl<'a> Wrapping<'a> {
    /// For `source`, of which `parsed` is the tree.
    pub fn new(source: &'a str, parsed: &'a ParsedModule) -> Self {
        Wrapping {
            layout: Layout::new(source, parsed),
        }
    }

    /// Whether a block can be put around the statements of `range` ([`Edit::Wrap`]). `tree` is that of the same module.
    ///
    /// # Errors
    /// The reason where it can't.
    pub fn check(&self, tree: &Tree<'_>, range: TextRange) -> Result<(), &'static str> {
        plan::check_wrap(&self.layout, &tree.blocks, range)
    }
}

/// Applies `edits` to `source`, of which `parsed` is the tree, and returns the new text.
///
/// - An edit strictly inside the range of a replacement takes part only where a [`Piece::Source`] covers it.
/// - Insertions at the start of a replaced range come before it, those at its end after it; those at either end of wrapped
///   statements belong inside. Several at one offset come in the order given, equal ones once. An insertion that begins
///   with a line end, at the end of a statement, goes behind the comment at the end of that line, at the indentation of the
///   innermost statement that ends there.
/// - A [`Piece::Source`] of what stands before a dot, an index or arguments comes with the brackets around it.
/// - A text of several lines is indented: each line after its first gets the indentation of the source line on which the
///   edit starts (of the line where the string starts, if that line starts in one), and four leading spaces become one step
///   of the file's own indentation. Several lines of a [`Piece::Source`] move with the template line they are written on.
///   Line ends become those of the file. Lines that start inside strings are never touched.
/// - A statement that gets a block around it, or lines before or after it, while it shares its line with others
///   (`a; b`, `if x: a`), gets a line of its own.
/// - A line that a removal leaves blank goes; a replacement of whole statements by nothing is a [`Edit::DeleteStatement`].
///
/// # Errors
/// [`Conflict`] where two edits overlap in part, two different ones replace the same range, or one can't be applied.
pub fn render(source: &str, parsed: &ParsedModule, edits: &[Edit]) -> Result<String, Conflict> {
    render_in(source, parsed, edits, &|_| false)
}

/// The same in a program of several modules: imports of those whose names, up to the first dot, `own` tells are kept apart
/// from imports of libraries.
///
/// # Errors
/// As for [`render`].
pub fn render_in(
    source: &str,
    parsed: &ParsedModule,
    edits: &[Edit],
    own: &dyn Fn(&str) -> bool,
) -> Result<String, Conflict> {
    if edits.is_empty() {
        return Ok(source.to_owned());
    }
    let layout = Layout::new(source, parsed);
    let blocks = Blocks::new(&parsed.syntax().body);
    let plan = plan::plan(&layout, &blocks, edits)?;
    let whole = TextRange::up_to(TextSize::of(source));
    let brackets = OnceCell::new();
    let draw = |names: &Names| {
        let mut out = Out::default();
        let renderer = Renderer {
            layout: &layout,
            blocks: &blocks,
            edits,
            plan: &plan,
            parsed,
            brackets: &brackets,
            names,
            active: RefCell::default(),
        };
        with_deep_stack(|| renderer.emit(&mut out, whole));
        out
    };
    let mut names = Names::default();
    let mut out = draw(&names);
    if names.resolve(parsed, &layout, edits, own) {
        out = draw(&names);
    }
    Ok(out.finish())
}

struct Renderer<'r> {
    layout: &'r Layout<'r>,
    blocks: &'r Blocks<'r>,
    edits: &'r [Edit],
    plan: &'r Plan<'r>,
    parsed: &'r ParsedModule,
    /// Found when the first edit moves an expression.
    brackets: &'r OnceCell<Brackets>,
    names: &'r Names,
    /// The operations that are being written, outer first. None applies inside itself.
    active: RefCell<Vec<usize>>,
}

impl Renderer<'_> {
    /// Writes what becomes of `range`, with the insertions at its ends, except for those that belong outside of an
    /// operation that is being written.
    fn emit(&self, out: &mut Out, range: TextRange) {
        let ops = &self.plan.ops;
        let insertions = &self.plan.insertions;
        let lines = self.names.lines();
        let mut cursor = range.start();
        let mut next_op = ops.partition_point(|it| it.range.start() < range.start());
        let mut next_insertion = insertions.partition_point(|it| it.offset < range.start());
        let mut next_line = lines.partition_point(|it| it.offset < range.start());
        loop {
            let op = (next_op..ops.len())
                .take_while(|&at| ops[at].range.start() <= range.end())
                .find(|&at| {
                    ops[at].range.start() >= cursor
                        && range.contains_range(ops[at].range)
                        && !self.active.borrow().contains(&at)
                });
            // Everything that is inserted up to where that operation starts.
            let stop = op.map_or(range.end(), |at| ops[at].range.start());
            let wraps = op.is_some_and(|at| matches!(ops[at].kind, OpKind::Wrap(_)));
            loop {
                let insertion = insertions
                    .get(next_insertion)
                    .filter(|it| it.offset < stop || (it.offset == stop && !wraps));
                let line = lines.get(next_line).filter(|it| it.offset <= stop);
                if let Some(line) =
                    line.filter(|line| insertion.is_none_or(|it| line.offset <= it.offset))
                {
                    next_line += 1;
                    if !self.is_outside(line.offset, true) {
                        self.copy(out, &mut cursor, line.offset);
                        line.write(out, self.layout);
                    }
                } else if let Some(insertion) = insertion {
                    next_insertion += 1;
                    if !self.is_outside(insertion.offset, false) {
                        self.copy(out, &mut cursor, insertion.offset);
                        let base = (insertion.indentation.clone())
                            .unwrap_or_else(|| self.indentation(insertion.offset));
                        self.pieces(out, insertion.pieces, insertion.edit, &base);
                    }
                } else {
                    break;
                }
            }
            self.copy(out, &mut cursor, stop);
            let Some(at) = op else { break };
            let op = &ops[at];
            self.active.borrow_mut().push(at);
            self.apply(out, op);
            self.active.borrow_mut().pop();
            cursor = op.range.end();
            next_op = at + 1;
            let owned =
                |offset: TextSize| offset < op.owned_until || (wraps && offset <= op.owned_until);
            while insertions
                .get(next_insertion)
                .is_some_and(|it| owned(it.offset))
            {
                next_insertion += 1;
            }
            while lines
                .get(next_line)
                .is_some_and(|it| it.offset < op.range.end())
            {
                next_line += 1;
            }
        }
    }

    fn brackets(&self) -> &Brackets {
        let find = || Brackets::new(self.parsed);
        self.brackets.get_or_init(find)
    }

    fn copy(&self, out: &mut Out, cursor: &mut TextSize, to: TextSize) {
        if *cursor < to {
            out.push_source(self.layout, TextRange::new(*cursor, to));
            *cursor = to;
        }
    }

    /// Whether an insertion here stands outside of an operation that is being written, at one of its ends. Only whole
    /// lines (imports and helpers) stand outside of a block that is put around statements.
    fn is_outside(&self, offset: TextSize, whole_line: bool) -> bool {
        self.active.borrow().iter().any(|&at| {
            let op = &self.plan.ops[at];
            (whole_line || !matches!(op.kind, OpKind::Wrap(_)))
                && (op.range.start() == offset || op.range.end() == offset)
        })
    }

    fn apply(&self, out: &mut Out, op: &Op) {
        match &op.kind {
            OpKind::Replace(pieces) => {
                if pieces.is_empty() {
                    self.mark_removed(out, op.range.start());
                }
                let base = self.indentation(op.range.start());
                self.pieces(out, pieces, op.edit, &base);
            }
            OpKind::Text(text) => {
                out.push(text);
                self.mark_removed(out, op.range.start());
            }
            OpKind::Break(indentation) => {
                out.newline(self.layout.newline, false);
                out.push(indentation);
            }
            OpKind::Wrap(wrap) => self.wrap(out, wrap, op),
        }
    }

    fn mark_removed(&self, out: &mut Out, offset: TextSize) {
        if self.layout.string_around(offset).is_none() {
            out.mark_removed();
        }
    }

    /// The indentation for the lines of an edit at `offset`.
    fn indentation(&self, offset: TextSize) -> String {
        if let Some((block, _)) = self.blocks.find(offset) {
            plan::block_indentation(self.layout, &block)
        } else {
            // A line that was split has an indentation that is not in the source.
            let line = self.layout.line_start(offset);
            let ops = &self.plan.ops;
            let from = ops.partition_point(|it| it.range.start() < line);
            let to = ops.partition_point(|it| it.range.start() <= offset);
            let split = ops[from..to].iter().rev().find_map(|op| match &op.kind {
                OpKind::Break(indentation) if op.range.end() <= offset => Some(indentation.clone()),
                _ => None,
            });
            split.unwrap_or_else(|| self.layout.indentation(offset).to_owned())
        }
    }

    fn pieces(&self, out: &mut Out, pieces: &[Piece], edit: usize, base: &str) {
        let mut writer = Writer::new(self.layout, base);
        self.write(out, &mut writer, pieces, edit, base);
    }

    fn write(&self, out: &mut Out, writer: &mut Writer, pieces: &[Piece], edit: usize, base: &str) {
        let last = pieces.len().saturating_sub(1);
        for (at, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Text(text) => writer.text(out, text, at == last),
                Piece::Source(range) => {
                    let limit = self.edits[edit].range();
                    let range = self.brackets().around(*range, limit);
                    let mut inner = Out::default();
                    stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, || {
                        self.emit(&mut inner, range);
                    });
                    out.append(&inner, base, writer.extra());
                    writer.skip();
                }
                Piece::Import(_) | Piece::Helper(_) => {
                    let place = self.edits[edit].range().start();
                    out.push(&self.names.name_of(piece, place));
                    writer.skip();
                }
                // Asking is enough.
                Piece::Needs(_) => {
                    let place = self.edits[edit].range().start();
                    self.names.name_of(piece, place);
                }
            }
        }
    }

    fn line(&self, out: &mut Out, pieces: &[Piece], edit: usize, base: &str) {
        let mut writer = Writer::at_line_start(self.layout, base);
        self.write(out, &mut writer, pieces, edit, base);
    }

    fn wrap(&self, out: &mut Out, wrap: &Wrap, op: &Op) {
        let base = self.indentation(op.range.start());
        let inner_base = format!("{base}{}", self.layout.unit);
        let newline = self.layout.newline;
        for line in &wrap.before {
            if line.is_empty() {
                out.take_back(&base);
            }
            self.line(out, line, op.edit, &base);
            out.newline(newline, false);
            out.push(&base);
        }
        self.line(out, &wrap.header, op.edit, &base);
        let mut body = Out::default();
        stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, || {
            self.emit(&mut body, op.range);
        });
        out.newline(newline, false);
        out.push(&inner_base);
        if wrap.last.is_empty() && body.is_codeless() {
            out.push("pass");
        }
        out.append(&body, &base, self.layout.unit);
        for line in &wrap.last {
            out.newline(newline, false);
            out.push(&inner_base);
            self.line(out, line, op.edit, &inner_base);
        }
        for line in &wrap.after {
            out.newline(newline, false);
            if line.is_empty() {
                continue;
            }
            out.push(&base);
            self.line(out, line, op.edit, &base);
        }
    }
}
