//! Variables that only collect what is waited for: `calls = [f(x) for x in xs]`, or an empty list and `calls.append(…)`, and
//! then one place that reads it, `await asyncio.gather(*calls)`.

use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, ExprName, Stmt, StmtAssign};
use loopshift_python::scope::ScopeId;
use loopshift_python::{Ranged, TextRange};

use crate::common::code::{Reach, called_within, is_switch, is_yield, own};
use crate::common::order::{Effect, effects};
use crate::context::{Context, View};

/// What a variable collects.
pub(crate) enum Collected<'v> {
    /// What a comprehension gives, or a list that is written out.
    Written(&'v Expr),
    /// What a list is filled with between where it is made and where it is read, in the same block or a `with` within it.
    Appended {
        /// What is put into it.
        items: Vec<&'v Expr>,
        /// From making the list to the statement that reads it, without it.
        between: Vec<&'v Stmt>,
    },
}

/// What a variable collects that is read here, and nowhere else.
pub(crate) fn collected<'v>(view: &View<'v>, read: &Expr) -> Option<Collected<'v>> {
    let Expr::Name(name) = read else { return None };
    let id = name.id.as_str();
    let (scope, references) = references(view, name)?;
    let others: Vec<TextRange> = references
        .into_iter()
        .filter(|range| *range != name.range())
        .collect();
    let [bound] = view.scopes.scopes[scope].bindings.get(id)?.as_slice() else {
        return None;
    };
    let made = view.tree.enclosing_statement(bound.range)?;
    let (target, value) = match made {
        Stmt::Assign(it) => match &it.targets[..] {
            [target] => (target, &*it.value),
            _ => return None,
        },
        Stmt::AnnAssign(it) => (&*it.target, it.value.as_deref()?),
        _ => return None,
    };
    if target.range() != bound.range {
        return None;
    }
    match value {
        Expr::ListComp(_) | Expr::SetComp(_) | Expr::Generator(_) if others.is_empty() => {
            view.tree.expr_at(value.range()).map(Collected::Written)
        }
        Expr::List(it)
            if others.is_empty()
                && !it.elts.is_empty()
                && !it.elts.iter().any(Expr::is_starred_expr) =>
        {
            view.tree.expr_at(value.range()).map(Collected::Written)
        }
        Expr::List(it) if it.elts.is_empty() => {
            let (block, first) = view.tree.suite_of(made)?;
            let between = before(&block[first..], name.range())?;
            let function = |range| view.tree.enclosing_function(range).map(|it| it.range());
            let within = TextRange::new(made.start(), between.last()?.end());
            let mut items = Vec::new();
            for other in others {
                let (call, item) = append(view, other)?;
                let here = within.contains_range(call.range())
                    && function(other) == function(name.range());
                items.push(here.then_some(item)?);
            }
            Some(Collected::Appended { items, between })
        }
        _ => None,
    }
}

/// The statements of a block before what reads at the place, also in a `with` of the block.
fn before(block: &[Stmt], read: TextRange) -> Option<Vec<&Stmt>> {
    let reads = |stmt: &Stmt| stmt.range().contains_range(read);
    let length = block.iter().position(reads)?;
    let mut found: Vec<&Stmt> = block[..length].iter().collect();
    if let Stmt::With(with) = &block[length]
        && !with.is_async
        && with.body.iter().any(reads)
    {
        found.extend(before(&with.body, read)?);
    }
    Some(found)
}

/// Where the variable that a list is kept in is read, where this call puts something into it; none where it is read more
/// than once.
pub(crate) fn read_of<'v>(view: &View<'v>, call: &ExprCall) -> Option<&'v Expr> {
    let Expr::Attribute(method) = &*call.func else {
        return None;
    };
    let name = method.value.as_name_expr()?;
    append(view, name.range())?;
    let (_, references) = references(view, name)?;
    let mut reads = (references.into_iter()).filter(|range| append(view, *range).is_none());
    let read = reads.next()?;
    if reads.next().is_some() {
        return None;
    }
    view.tree.expr_at(read)
}

/// Whether nothing can be seen to happen between these statements and what they start: nothing waits in them, and they do
/// nothing but fill the list.
pub(crate) fn is_quiet(
    cx: &Context<'_>,
    view: &View<'_>,
    between: &[&Stmt],
    items: &[&Expr],
) -> bool {
    let waits = |node: AnyNodeRef<'_>| is_switch(node) || is_yield(node);
    let mut nodes = between.iter().flat_map(|it| own(std::slice::from_ref(*it)));
    if nodes.any(waits) {
        return false;
    }
    let (Some(first), Some(last)) = (between.first(), between.last()) else {
        return true;
    };
    let range = TextRange::new(first.start(), last.end());
    let place = loopshift_engine::program::place(view.file, range);
    // Putting something into the list, or the very call that starts it.
    let is_filling = |at: TextRange| {
        items.iter().any(|item| {
            let callee = item.as_call_expr().map(|it| it.func.range());
            at == item.range()
                || Some(at) == callee
                || view.tree.around(item.range()).any(|node| {
                    matches!(node, AnyNodeRef::ExprCall(call) if call.range() == at && call.range() != item.range())
                })
        })
    };
    // A pool that the `with` around enters starts its threads when it is given something to do. Who leaves one waits for it.
    let makes_pool = |at: TextRange| {
        let is_left = between.iter().any(|it| it.range().contains_range(at));
        let made = view.tree.expr_at(at).filter(|_| !is_left);
        made.is_some_and(|made| {
            let callee = made.as_call_expr().map_or(made, |it| &*it.func);
            matches!(
                cx.api_of(view, callee),
                Some(
                    "concurrent.futures.ThreadPoolExecutor"
                        | "concurrent.futures.ProcessPoolExecutor"
                )
            )
        })
    };
    let here = effects(cx, cx.program.function_at(place));
    let mut here = here.into_iter().filter(|(at, _)| range.contains_range(*at));
    let is_seen = |effect: &Effect| effect.is_visible() || *effect == Effect::Cancel;
    let called = cx.once(Reach::new).from(called_within(cx, place));
    !here.any(|(at, effect)| is_seen(&effect) && !is_filling(at) && !makes_pool(at))
        && !(called.into_iter()).any(|func| effects(cx, func).iter().any(|(_, it)| is_seen(it)))
}

/// The call of `append` whose list is at the place, and what it appends, as a statement of its own.
fn append<'v>(view: &View<'v>, list: TextRange) -> Option<(&'v ExprCall, &'v Expr)> {
    let expr = view.tree.expr_at(list)?;
    let AnyNodeRef::ExprAttribute(method) = view.tree.parent(expr)? else {
        return None;
    };
    let call = view.call_of(method.range())?;
    let stmt = view.tree.enclosing_statement(call.range())?;
    match &call.arguments.args[..] {
        [item]
            if method.attr.as_str() == "append"
                && call.arguments.keywords.is_empty()
                && stmt.range() == call.range() =>
        {
            Some((call, item))
        }
        _ => None,
    }
}

/// The scope of a variable, and where it is read.
pub(crate) fn references(view: &View<'_>, name: &ExprName) -> Option<(ScopeId, Vec<TextRange>)> {
    let id = name.id.as_str();
    let scopes = &view.scopes;
    let scope = scopes.resolve(id, scopes.at(name.start()))?;
    let found = (scopes.references.iter())
        .filter(|it| it.name == id && scopes.resolve(id, it.scope) == Some(scope))
        .map(|it| it.range)
        .collect();
    Some((scope, found))
}

/// The only place where a variable is read, of the function that it is bound in, once.
pub(crate) fn only_read(view: &View<'_>, assign: &StmtAssign) -> Option<TextRange> {
    let [Expr::Name(target)] = &*assign.targets else {
        return None;
    };
    let (scope, reads) = references(view, target)?;
    let [read] = reads.as_slice() else {
        return None;
    };
    let is_own = view.scopes.at(read.start()) == scope;
    let bound = view.scopes.scopes[scope].bindings.get(target.id.as_str());
    (is_own && bound.is_some_and(|it| it.len() == 1)).then_some(*read)
}
