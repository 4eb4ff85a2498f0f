//! `iter(function, end)`, which calls the function for each item until that is the end.

use loopshift_engine::change::Place;
use loopshift_engine::facts::Cause;
use loopshift_engine::ir::FuncId;
use loopshift_engine::program::CallSite;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, StmtFor};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange};

use super::consumers::{Consumer, consumer};
use super::fresh;
use super::methods::last_name;
use crate::common::code::{can_be_while, definition, is_plain, own};
use crate::common::green::helper;
use crate::context::{Context, View};

/// The call `iter(function, end)` whose function stands at the range.
pub(crate) fn of<'v>(
    cx: &Context<'_>,
    view: &View<'v>,
    function: TextRange,
) -> Option<&'v ExprCall> {
    let expr = view.tree.expr_at(function)?;
    let call = view.tree.call_around(expr)?;
    let is_first = call.arguments.args.first().map(Ranged::range) == Some(function);
    let is_iter = cx.api_of(view, &call.func) == Some("<builtin>.iter");
    (is_first && is_iter && call.arguments.args.len() == 2).then_some(call)
}

/// Whether a method `__iter__` does nothing but give such a call, because of which it waits: an iterator that waits is
/// given without waiting.
pub(super) fn gives(cx: &Context<'_>, func: FuncId) -> bool {
    let function = cx.program.function(func);
    if function.class.is_none() || function.is_generator || last_name(cx, func) != "__iter__" {
        return false;
    }
    let Some((view, def)) = definition(cx, func) else {
        return false;
    };
    let returned = own(&def.body).into_iter().filter_map(|node| match node {
        AnyNodeRef::StmtReturn(it) => Some(it.value.as_deref()),
        _ => None,
    });
    let is_call = |value: Option<&Expr>| match value {
        Some(Expr::Call(call)) => {
            cx.api_of(view, &call.func) == Some("<builtin>.iter") && call.arguments.args.len() == 2
        }
        _ => false,
    };
    let returned: Vec<Option<&Expr>> = returned.collect();
    let within = |place: Place| {
        let mut values = returned.iter().flatten();
        values.any(|value| value.range().contains_range(place.range))
    };
    let is_known = |cause: &Cause| match cause {
        Cause::Api { place, .. } | Cause::Call { place, .. } => within(*place),
        _ => false,
    };
    let is_asked = |site: &CallSite| {
        let expr = cx
            .view(site.place.file)
            .and_then(|view| view.tree.expr_at(site.place.range));
        let call = expr.and_then(Expr::as_call_expr);
        call.is_some_and(
            |call| matches!(&*call.func, Expr::Attribute(it) if it.attr.as_str() == "__iter__"),
        )
    };
    !returned.is_empty()
        && returned.iter().copied().all(is_call)
        && cx.facts().causes(func).iter().all(is_known)
        && !cx.callers.of(func).iter().any(is_asked)
}

/// Whether a loop over it can ask for each item itself.
pub(super) fn is_head(view: &View<'_>, call: &ExprCall) -> bool {
    head(view, call).is_some()
}

/// The loop over it that can ask for each item itself, with the end.
fn head<'v>(view: &View<'v>, call: &'v ExprCall) -> Option<(&'v StmtFor, &'v Expr)> {
    let expr = view.tree.expr_at(call.range())?;
    match view.tree.parent(expr)? {
        AnyNodeRef::StmtFor(it) if it.iter.range() == call.range() => {
            let end = call.arguments.args.get(1)?;
            let again = is_plain(end) || end.is_literal_expr();
            (again && can_be_while(view, it)).then_some((it, end))
        }
        _ => None,
    }
}

/// What becomes of the call where its function waits. `next` waits for one item, if it may be written in the head of a
/// loop.
///
/// # Errors
/// Why what goes through the items can't wait.
pub(crate) fn items(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    next: Vec<Piece>,
) -> Result<Vec<Edit>, &'static str> {
    if let Some((it, end)) = head(view, call).filter(|_| !next.is_empty()) {
        let mut text: Vec<Piece> = vec!["while (".into(), it.target.range().into(), " := ".into()];
        text.extend(next);
        text.push(
            if end.is_none_literal_expr() {
                ") is not "
            } else {
                ") != "
            }
            .into(),
        );
        text.push(end.range().into());
        return Ok(vec![Edit::Replace {
            range: TextRange::new(it.start(), it.iter.end()),
            pieces: text,
        }]);
    }
    let until = helper("until").ok_or("a helper is missing")?;
    let mut out = vec![Edit::Replace {
        range: call.func.range(),
        pieces: vec![Piece::Helper(until)],
    }];
    let listed = |open: &str, close: &'static str| {
        let item = fresh(view);
        let open = format!("{open}{item} async for {item} in ");
        vec![open.into(), call.range().into(), close.into()]
    };
    let expr = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
    match view.tree.parent(expr) {
        Some(AnyNodeRef::StmtFor(it)) if it.iter.range() == call.range() => {
            out.push(Edit::insert(it.start(), "async ", &[]));
        }
        Some(AnyNodeRef::Comprehension(it)) if it.iter.range() == call.range() => {
            if let Some(AnyNodeRef::ExprGenerator(_)) = view.tree.parent(it) {
                return Err("a generator expression can't wait for its items");
            }
            out.push(Edit::insert(it.start(), "async ", &[]));
        }
        Some(AnyNodeRef::StmtReturn(_)) if gives(cx, cx.program.function_at(view.place(call))) => {}
        Some(AnyNodeRef::ExprStarred(_)) => out.push(Edit::Replace {
            range: call.range(),
            pieces: listed("[", "]"),
        }),
        Some(AnyNodeRef::Arguments(_)) => {
            let outer = view.tree.ancestors(expr).find_map(|node| match node {
                AnyNodeRef::ExprCall(outer) => Some(outer),
                _ => None,
            });
            let outer = outer.filter(|it| it.arguments.len() == 1).ok_or(OTHER)?;
            let (range, pieces) = match consumer(cx, view, outer) {
                Some(Consumer::Display(open, close)) => (outer.range(), listed(open, close)),
                Some(Consumer::AtOnce) => (call.range(), listed("[", "]")),
                _ => return Err(OTHER),
            };
            out.push(Edit::Replace { range, pieces });
        }
        _ => return Err(OTHER),
    }
    Ok(out)
}

const OTHER: &str = "it calls a function that waits, and what goes through the items can't wait";
