//! The code of functions as rules look at it: what belongs to a function itself, where it may switch tasks, and which
//! functions it reaches.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::flow::Target;
use loopshift_engine::ir::{ClassId, FuncId};
use loopshift_engine::program::Program;
use loopshift_python::ast::visitor::source_order::{
    SourceOrderVisitor, TraversalSignal, walk_expr, walk_stmt,
};
use loopshift_python::ast::{AnyNodeRef, Expr, Stmt, StmtClassDef, StmtFor, StmtFunctionDef};
use loopshift_python::parse::with_deep_stack;
use loopshift_python::{Ranged, TextRange};
use rustc_hash::FxHashMap;

use crate::context::{Context, View, ends_line_with_comment};

/// All nodes of the statements that run with them: not those of functions, lambdas and classes defined there.
pub(crate) fn own(body: &[Stmt]) -> Vec<AnyNodeRef<'_>> {
    let mut collector = Own { nodes: Vec::new() };
    with_deep_stack(|| collector.visit_body(body));
    collector.nodes
}

/// All nodes of the expression that run with it, itself among them.
pub(crate) fn own_of(expr: &Expr) -> Vec<AnyNodeRef<'_>> {
    let mut collector = Own { nodes: Vec::new() };
    with_deep_stack(|| collector.visit_expr(expr));
    collector.nodes
}

/// Whether a loop or a comprehension around it, within the function, may run a place more than once.
pub(crate) fn is_in_loop(view: &View<'_>, place: TextRange) -> bool {
    (view.tree.around(place))
        .take_while(|node| !matches!(node, AnyNodeRef::StmtFunctionDef(_)))
        .any(|node| {
            matches!(
                node,
                AnyNodeRef::StmtFor(_)
                    | AnyNodeRef::StmtWhile(_)
                    | AnyNodeRef::ExprListComp(_)
                    | AnyNodeRef::ExprSetComp(_)
                    | AnyNodeRef::ExprDictComp(_)
                    | AnyNodeRef::ExprGenerator(_)
            )
        })
}

struct Own<'a> {
    nodes: Vec<AnyNodeRef<'a>>,
}

impl<'a> SourceOrderVisitor<'a> for Own<'a> {
    fn enter_node(&mut self, node: AnyNodeRef<'a>) -> TraversalSignal {
        self.nodes.push(node);
        match node {
            AnyNodeRef::StmtFunctionDef(_)
            | AnyNodeRef::StmtClassDef(_)
            | AnyNodeRef::ExprLambda(_) => TraversalSignal::Skip,
            _ => TraversalSignal::Traverse,
        }
    }

    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        walk_expr(self, expr);
    }
}

/// Whether other tasks may run at this node.
pub(crate) fn is_switch(node: AnyNodeRef<'_>) -> bool {
    match node {
        AnyNodeRef::ExprAwait(_) => true,
        AnyNodeRef::StmtFor(it) => it.is_async,
        AnyNodeRef::StmtWith(it) => it.is_async,
        AnyNodeRef::Comprehension(it) => it.is_async,
        _ => false,
    }
}

/// Whether the node is a `yield`.
pub(crate) fn is_yield(node: AnyNodeRef<'_>) -> bool {
    matches!(
        node,
        AnyNodeRef::ExprYield(_) | AnyNodeRef::ExprYieldFrom(_)
    )
}

/// Whether other tasks may run in these statements.
pub(crate) fn switches(body: &[Stmt]) -> bool {
    own(body).into_iter().any(is_switch)
}

/// Whether a comment stands in the range.
pub(crate) fn has_comment(view: &View<'_>, range: TextRange) -> bool {
    view.text(range).contains('#')
        && loopshift_python::comments::comment_ranges(view.parsed)
            .iter()
            .any(|comment| range.contains_range(*comment))
}

/// The definition of a function, with the view of its file. None for lambdas, and for files without one.
pub(crate) fn definition<'c>(
    cx: &Context<'c>,
    func: FuncId,
) -> Option<(&'c View<'c>, &'c StmtFunctionDef)> {
    let view = cx.view(cx.program.function_file(func))?;
    let range = cx.program.function(func).range;
    view.tree.around(range).find_map(|node| match node {
        AnyNodeRef::StmtFunctionDef(def) if def.range() == range => Some((view, def)),
        _ => None,
    })
}

/// The definition of a class, with the view of its file. None for files without one.
pub(crate) fn class_definition<'c>(
    cx: &Context<'c>,
    class: ClassId,
) -> Option<(&'c View<'c>, &'c StmtClassDef)> {
    let (file, class) = cx.program.class(class);
    let view = cx.view(file)?;
    (view.tree.around(class.name_range)).find_map(|node| match node {
        AnyNodeRef::StmtClassDef(def) if def.range() == class.range => Some((view, def)),
        _ => None,
    })
}

/// Which functions call which.
pub(crate) struct Reach {
    edges: FxHashMap<FuncId, Vec<FuncId>>,
}

impl Reach {
    /// Collects the calls of the program that rules look at.
    pub(crate) fn new(cx: &Context<'_>) -> Self {
        Reach::of(cx.program)
    }

    /// Collects the calls of a program.
    pub(crate) fn of(program: &Program<'_>) -> Self {
        let mut edges: FxHashMap<FuncId, Vec<FuncId>> = FxHashMap::default();
        let written = program.calls().map(|(_, call)| call);
        for call in written.chain(program.hidden_calls()) {
            for target in program.callees(call) {
                if let Target::Func(func) = target {
                    edges.entry(call.owner).or_default().push(*func);
                }
            }
        }
        for (owner, target) in &program.flow.hidden {
            if let Target::Func(func) = target {
                edges.entry(*owner).or_default().push(*func);
            }
        }
        for list in edges.values_mut() {
            list.sort_unstable();
            list.dedup();
        }
        Reach { edges }
    }

    /// The functions that run when one of these does, themselves among them.
    pub(crate) fn from(&self, start: impl IntoIterator<Item = FuncId>) -> BTreeSet<FuncId> {
        self.until(start, |_| false)
    }

    /// The same without those where it stops, and what only they run.
    pub(crate) fn until(
        &self,
        start: impl IntoIterator<Item = FuncId>,
        stops: impl Fn(FuncId) -> bool,
    ) -> BTreeSet<FuncId> {
        let mut seen = BTreeSet::new();
        let mut work: Vec<FuncId> = start.into_iter().collect();
        while let Some(func) = work.pop() {
            if !stops(func)
                && seen.insert(func)
                && let Some(next) = self.edges.get(&func)
            {
                work.extend(next.iter().copied());
            }
        }
        seen
    }

    /// The functions of ours that run one of these, themselves among them.
    pub(crate) fn to(&self, end: impl IntoIterator<Item = FuncId>) -> BTreeSet<FuncId> {
        let mut callers: FxHashMap<FuncId, Vec<FuncId>> = FxHashMap::default();
        let ours = self.edges.iter().filter(|edge| *edge.0 != FuncId::NONE);
        for (caller, called) in ours {
            for func in called {
                callers.entry(*func).or_default().push(*caller);
            }
        }
        let back = Reach { edges: callers };
        back.from(end)
    }
}

/// The functions of ours that the calls within a range may reach. Of what `with` and `for` call by themselves only the
/// function is known in which they stand: where the range has such statements, all of that function's count.
pub(crate) fn called_within(cx: &Context<'_>, place: Place) -> BTreeSet<FuncId> {
    let written = cx.program.calls_within(place);
    let protocols = cx.view(place.file).is_none_or(|view| {
        view.tree.nodes_within(place.range).any(|node| match node {
            AnyNodeRef::StmtWith(it) => it.range() != place.range || it.items.len() > 1,
            AnyNodeRef::StmtFor(_) => true,
            _ => false,
        })
    });
    let owner = cx.program.function_at(place);
    let hidden = protocols.then(|| cx.program.hidden_calls_of(owner));
    written
        .chain(hidden.into_iter().flatten())
        .flat_map(|call| cx.program.callees(call))
        .filter_map(|target| target.function())
        .collect()
}

/// Whether a loop can ask for each item in the head of a `while`: that has one name, and nobody looks at it afterwards.
pub(crate) fn can_be_while(view: &View<'_>, it: &StmtFor) -> bool {
    let Expr::Name(target) = &*it.target else {
        return false;
    };
    let Some(first) = it.body.first() else {
        return false;
    };
    let colon = view.text(TextRange::new(it.iter.end(), first.start()));
    let scope = view.scopes.at(target.start());
    let read_after = view.scopes.references.iter().any(|reference| {
        reference.name == target.id.as_str()
            && reference.range.start() > it.end()
            && view.scopes.resolve(reference.name, reference.scope)
                == view.scopes.resolve(target.id.as_str(), scope)
    });
    let in_loop = view
        .tree
        .ancestors(it)
        .any(|node| matches!(node, AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtWhile(_)));
    let read_before = in_loop
        && view.scopes.references.iter().any(|reference| {
            reference.name == target.id.as_str() && reference.range.start() < it.start()
        });
    colon.starts_with(':') && !read_after && !read_before
}

/// Whether looking at the expression again gives the same, and does nothing.
pub(crate) fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Name(_) => true,
        Expr::Attribute(it) => is_plain(&it.value),
        _ => false,
    }
}

/// Whether `await` may stand before an expression, by the text: there is nothing between them but brackets, and comments
/// in these.
pub(crate) fn may_be_awaited(cx: &Context<'_>, place: Place) -> bool {
    let text = &cx.program.file(place.file).text;
    let before = &text[..place.range.start().to_usize()];
    let outer = before.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '(' | '\\'));
    outer.ends_with("await") || ends_line_with_comment(outer, before)
}
