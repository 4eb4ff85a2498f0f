//! The statement lists of a module.

use ruff_python_ast::{ExceptHandler, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

/// One statement list.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    pub(crate) stmts: &'a [Stmt],
    /// Where the clause starts that the list belongs to, or one at the same indentation; none for the module.
    pub(crate) header: Option<TextSize>,
}

/// All statement lists of a module, found by the start of their statements.
pub(crate) struct Blocks<'a> {
    blocks: Vec<Block<'a>>,
    /// Start of a statement, its list and its place there; sorted.
    starts: Vec<(TextSize, u32, u32)>,
}

impl<'a> Blocks<'a> {
    pub(crate) fn new(body: &'a [Stmt]) -> Self {
        let mut blocks = vec![Block {
            stmts: body,
            header: None,
        }];
        let mut starts = Vec::new();
        let mut at = 0;
        while let Some(block) = blocks.get(at).copied() {
            for (index, stmt) in block.stmts.iter().enumerate() {
                starts.push((stmt.start(), at as u32, index as u32));
                push_inner(stmt, &mut blocks);
            }
            at += 1;
        }
        starts.sort_unstable();
        Blocks { blocks, starts }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Block<'a>> + '_ {
        self.blocks.iter().copied()
    }

    /// The list with a statement that starts at `start`, and the statement's place in it.
    pub(crate) fn find(&self, start: TextSize) -> Option<(Block<'a>, usize)> {
        let at = self.starts.binary_search_by_key(&start, |it| it.0).ok()?;
        let (_, block, index) = self.starts[at];
        Some((self.blocks[block as usize], index as usize))
    }

    /// The statement with exactly this range.
    pub(crate) fn stmt_at(&self, range: TextRange) -> Option<&'a Stmt> {
        let (block, index) = self.find(range.start())?;
        block.stmts.get(index).filter(|it| it.range() == range)
    }

    /// The list of which `range` covers whole statements, from the start of the first to the end of the last, and
    /// the places of these in the list.
    pub(crate) fn cover(&self, range: TextRange) -> Option<(Block<'a>, std::ops::Range<usize>)> {
        let (block, first) = self.find(range.start())?;
        let count = block.stmts[first..]
            .iter()
            .position(|it| it.end() == range.end())?;
        Some((block, first..first + count + 1))
    }
}

fn push_inner<'a>(stmt: &'a Stmt, blocks: &mut Vec<Block<'a>>) {
    let header = stmt.start();
    let mut push = |stmts: &'a [Stmt], header: TextSize| {
        if !stmts.is_empty() {
            blocks.push(Block {
                stmts,
                header: Some(header),
            });
        }
    };
    match stmt {
        Stmt::FunctionDef(it) => push(&it.body, header),
        Stmt::ClassDef(it) => push(&it.body, header),
        Stmt::With(it) => push(&it.body, header),
        Stmt::For(it) => {
            push(&it.body, header);
            push(&it.orelse, header);
        }
        Stmt::While(it) => {
            push(&it.body, header);
            push(&it.orelse, header);
        }
        Stmt::If(it) => {
            push(&it.body, header);
            for clause in &it.elif_else_clauses {
                push(&clause.body, clause.start());
            }
        }
        Stmt::Match(it) => {
            for case in &it.cases {
                push(&case.body, case.start());
            }
        }
        Stmt::Try(it) => {
            push(&it.body, header);
            for ExceptHandler::ExceptHandler(handler) in &it.handlers {
                push(&handler.body, handler.start());
            }
            push(&it.orelse, header);
            push(&it.finalbody, header);
        }
        _ => {}
    }
}
