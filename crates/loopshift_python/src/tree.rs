//! A side table over a parsed module: who holds whom, and what stands at a range.
//!
//! The parser's tree only points downwards. A rule that found a call wants to know whether it is
//! awaited, in which statement and function it stands, and what follows it in its block.

use std::cmp::Reverse;

use ruff_python_ast::visitor::source_order::{
    SourceOrderVisitor, TraversalSignal, walk_expr, walk_stmt,
};
use ruff_python_ast::{
    AnyNodeRef, Comprehension, Expr, ExprCall, ExprLambda, ModModule, Stmt, StmtFunctionDef,
};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::blocks::Blocks;
use crate::parse::with_deep_stack;

const NO_PARENT: u32 = u32::MAX;

/// Parents and ranges of all nodes of one module.
pub struct Tree<'a> {
    /// All nodes, outer before inner, by start. Equal ranges stay in the order of nesting.
    nodes: Vec<Entry<'a>>,
    /// All expressions in the same order.
    exprs: Vec<&'a Expr>,
    pub(crate) blocks: Blocks<'a>,
}

#[derive(Clone, Copy)]
struct Entry<'a> {
    node: AnyNodeRef<'a>,
    /// That of the node, which would have to be asked for it each time.
    range: TextRange,
    parent: u32,
}

/// A `def` or a `lambda`.
#[derive(Clone, Copy, Debug)]
pub enum FunctionLike<'a> {
    /// `def` or `async def`.
    Def(&'a StmtFunctionDef),
    /// `lambda`.
    Lambda(&'a ExprLambda),
}

impl Ranged for FunctionLike<'_> {
    fn range(&self) -> TextRange {
        match self {
            FunctionLike::Def(def) => def.range(),
            FunctionLike::Lambda(lambda) => lambda.range(),
        }
    }
}

impl FunctionLike<'_> {
    /// Whether `await` may stand in it.
    pub fn is_async(self) -> bool {
        matches!(self, FunctionLike::Def(def) if def.is_async)
    }

    /// Whether `range` is in what runs when the function is called, not in its decorators, defaults or annotations.
    pub fn body_contains(self, range: TextRange) -> bool {
        match self {
            FunctionLike::Def(def) => def.body.first().is_some_and(|first| {
                TextRange::new(first.start(), def.end()).contains_range(range)
            }),
            FunctionLike::Lambda(lambda) => lambda.body.range().contains_range(range),
        }
    }
}

/// The order of all tables here: by start, outer before inner.
fn key(range: TextRange) -> (TextSize, Reverse<TextSize>) {
    (range.start(), Reverse(range.end()))
}

impl<'a> Tree<'a> {
    /// Builds the table in one walk.
    pub fn new(module: &'a ModModule) -> Self {
        let mut builder = Builder::default();
        with_deep_stack(|| {
            let root = AnyNodeRef::ModModule(module);
            builder.enter_node(root);
            builder.visit_body(&module.body);
            builder.leave_node(root);
        });
        let Builder {
            mut nodes,
            mut exprs,
            ..
        } = builder;
        sort_nodes(&mut nodes);
        if !exprs.is_sorted_by_key(|expr| key(expr.range())) {
            exprs.sort_by_key(|expr| key(expr.range()));
        }
        // They are held as long as the file is looked at.
        nodes.shrink_to_fit();
        exprs.shrink_to_fit();
        Tree {
            nodes,
            exprs,
            blocks: Blocks::new(&module.body),
        }
    }

    /// All nodes, outer before inner, by start.
    pub fn nodes(&self) -> impl Iterator<Item = AnyNodeRef<'a>> + '_ {
        self.nodes.iter().map(|it| it.node)
    }

    /// The nodes within a range, outer before inner, by start.
    pub fn nodes_within(&self, range: TextRange) -> impl Iterator<Item = AnyNodeRef<'a>> + '_ {
        let from = self
            .nodes
            .partition_point(|it| it.range.start() < range.start());
        self.nodes[from..]
            .iter()
            .take_while(move |it| it.range.start() <= range.end())
            .filter(move |it| range.contains_range(it.range))
            .map(|it| it.node)
    }

    /// The entries whose node has exactly this range, outermost first.
    fn at(&self, range: TextRange) -> &[Entry<'a>] {
        let from = self.nodes.partition_point(|it| key(it.range) < key(range));
        // Few nodes share a range.
        let same = self.nodes[from..].iter();
        let len = same.take_while(|it| it.range == range).count();
        &self.nodes[from..from + len]
    }

    fn entry(&self, node: AnyNodeRef<'a>) -> Option<Entry<'a>> {
        self.at(node.range())
            .iter()
            .find(|it| it.node.ptr_eq(node) && it.node.kind() == node.kind())
            .copied()
    }

    /// The node that holds `node`; none for the module, and for a node of another tree.
    pub fn parent(&self, node: impl Into<AnyNodeRef<'a>>) -> Option<AnyNodeRef<'a>> {
        let entry = self.entry(node.into())?;
        Some(self.nodes.get(entry.parent as usize)?.node)
    }

    /// The nodes that hold `node`, from its parent to the module.
    pub fn ancestors(
        &self,
        node: impl Into<AnyNodeRef<'a>>,
    ) -> impl Iterator<Item = AnyNodeRef<'a>> + '_ {
        let first = self.entry(node.into()).map(|it| it.parent);
        std::iter::successors(first.and_then(|at| self.nodes.get(at as usize)), |it| {
            self.nodes.get(it.parent as usize)
        })
        .map(|it| it.node)
    }

    /// The smallest node that contains `range`, and everything around it up to the module.
    pub fn around(&self, range: TextRange) -> impl Iterator<Item = AnyNodeRef<'a>> + '_ {
        // The last node that starts at or before `range`: it or one of its ancestors is the smallest one around.
        let after = self
            .nodes
            .partition_point(|it| it.range.start() <= range.start());
        let last = after.checked_sub(1).and_then(|at| self.nodes.get(at));
        std::iter::successors(last, |it| self.nodes.get(it.parent as usize))
            .filter(move |it| it.range.contains_range(range))
            .map(|it| it.node)
    }

    /// The outermost node with exactly this range.
    pub fn node_at(&self, range: TextRange) -> Option<AnyNodeRef<'a>> {
        self.at(range).first().map(|it| it.node)
    }

    /// The outermost expression with exactly this range.
    pub fn expr_at(&self, range: TextRange) -> Option<&'a Expr> {
        let from = self
            .exprs
            .partition_point(|it| key(it.range()) < key(range));
        self.exprs
            .get(from)
            .filter(|it| it.range() == range)
            .copied()
    }

    /// All expressions, outer before inner, by start.
    pub fn exprs(&self) -> impl Iterator<Item = &'a Expr> + '_ {
        self.exprs.iter().copied()
    }

    /// The innermost statement around `range`.
    pub fn enclosing_statement(&self, range: TextRange) -> Option<&'a Stmt> {
        self.around(range)
            .find_map(|node| self.blocks.stmt_at(node.as_stmt_ref()?.range()))
    }

    /// The innermost `def` or `lambda` around `range` in whose *body* it stands: decorators, defaults and annotations
    /// belong to the function outside.
    pub fn enclosing_function(&self, range: TextRange) -> Option<FunctionLike<'a>> {
        self.around(range).find_map(|node| {
            let function = match node {
                AnyNodeRef::StmtFunctionDef(def) => FunctionLike::Def(def),
                AnyNodeRef::ExprLambda(lambda) => FunctionLike::Lambda(lambda),
                _ => return None,
            };
            function.body_contains(range).then_some(function)
        })
    }

    /// The statement list that holds `stmt`, and its place there.
    pub fn suite_of(&self, stmt: &'a Stmt) -> Option<(&'a [Stmt], usize)> {
        let (block, index) = self.blocks.find(stmt.start())?;
        (block.stmts.get(index)?.range() == stmt.range()).then_some((block.stmts, index))
    }

    /// The innermost call around a node: the one it is an argument of, where it is one.
    pub fn call_around(&self, node: impl Into<AnyNodeRef<'a>>) -> Option<&'a ExprCall> {
        self.ancestors(node).find_map(|node| match node {
            AnyNodeRef::ExprCall(call) => Some(call),
            _ => None,
        })
    }

    /// Whether `expr` is the operand of an `await`.
    pub fn is_awaited(&self, expr: &'a Expr) -> bool {
        matches!(self.parent(expr), Some(AnyNodeRef::ExprAwait(_)))
    }

    /// The innermost comprehension around `expr` (a list, set, dict or generator one), without its first iterable, which
    /// is evaluated outside.
    pub fn comprehension_around(&self, expr: &'a Expr) -> Option<AnyNodeRef<'a>> {
        self.ancestors(expr)
            .take_while(|node| !node.is_statement() && !matches!(node, AnyNodeRef::ExprLambda(_)))
            .find(|node| {
                generators(*node).is_some_and(|generators| {
                    generators
                        .first()
                        .is_some_and(|first| !first.iter.range().contains_range(expr.range()))
                })
            })
    }
}

/// The `for` parts of a comprehension.
pub fn generators(node: AnyNodeRef<'_>) -> Option<&[Comprehension]> {
    match node {
        AnyNodeRef::ExprListComp(it) => Some(&it.generators),
        AnyNodeRef::ExprSetComp(it) => Some(&it.generators),
        AnyNodeRef::ExprDictComp(it) => Some(&it.generators),
        AnyNodeRef::ExprGenerator(it) => Some(&it.generators),
        _ => None,
    }
}

/// Puts the nodes in the order of [`key`]. A walk nearly gives that order; what differs (nodes that error recovery made up)
/// is moved, and the parents follow.
fn sort_nodes(nodes: &mut Vec<Entry<'_>>) {
    if nodes.is_sorted_by_key(|it| key(it.range)) {
        return;
    }
    let mut order: Vec<u32> = (0..nodes.len() as u32).collect();
    order.sort_by_key(|&at| key(nodes[at as usize].range));
    let mut place = vec![NO_PARENT; nodes.len()];
    for (new, &old) in order.iter().enumerate() {
        place[old as usize] = new as u32;
    }
    *nodes = order
        .iter()
        .map(|&old| {
            let entry = nodes[old as usize];
            Entry {
                parent: place
                    .get(entry.parent as usize)
                    .copied()
                    .unwrap_or(NO_PARENT),
                ..entry
            }
        })
        .collect();
}

#[derive(Default)]
struct Builder<'a> {
    nodes: Vec<Entry<'a>>,
    exprs: Vec<&'a Expr>,
    open: Vec<u32>,
}

impl<'a> SourceOrderVisitor<'a> for Builder<'a> {
    fn enter_node(&mut self, node: AnyNodeRef<'a>) -> TraversalSignal {
        let parent = self.open.last().copied().unwrap_or(NO_PARENT);
        self.open.push(self.nodes.len() as u32);
        self.nodes.push(Entry {
            node,
            range: node.range(),
            parent,
        });
        TraversalSignal::Traverse
    }

    fn leave_node(&mut self, _node: AnyNodeRef<'a>) {
        self.open.pop();
    }

    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        self.exprs.push(expr);
        walk_expr(self, expr);
    }
}
