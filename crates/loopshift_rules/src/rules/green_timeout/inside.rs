//! Handlers that may see a timeout while its time runs: the cancellation by which it comes must be raised as what it is
//! before they look at it.

use loopshift_engine::change::Place;
use loopshift_engine::facts::Cause;
use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ClassId, FuncId};
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr, Identifier, Stmt, StmtTry, StmtWith};
use loopshift_python::{Ranged, TextRange};

use super::extent::Extent;
use super::{Found, RULE};
use crate::common::caught::reads_name;
use crate::common::code::{Reach, definition, is_yield, own};
use crate::common::green::{exits, is_coloured, looks_on};
use crate::context::{Context, View};

/// The bodies that a timeout may cut short: of `try` statements whose handlers may be for it, and of `with` statements over
/// what looks at how it is left.
pub(super) fn bodies<'c>(
    cx: &Context<'c>,
    reach: &Reach,
    uses: &[Found<'c>],
    files: &impl Fn(usize) -> bool,
) -> Vec<(&'c View<'c>, TextRange)> {
    let extent = Extent::new(cx, reach, uses);
    let own_exceptions = uses.iter().any(|(use_, api, view)| {
        let call = view.call_of(use_.place.range);
        let bound = call.and_then(|call| cx.bind(api, call).ok());
        bound.is_some_and(|bound| {
            let exception = bound.get("exception");
            exception.is_some_and(|it| !it.is_none_literal_expr() && !it.is_boolean_literal_expr())
        })
    });
    let mut out = Vec::new();
    for view in cx.views().filter(|view| files(view.file.0 as usize)) {
        for node in view.tree.nodes() {
            if let AnyNodeRef::StmtWith(with) = node {
                let place = view.place(with);
                let func = cx.program.function_at(place);
                let covered = matches!(&with.body[..], [Stmt::With(inner)] if enters_timeout(cx, view, inner));
                if looks_on(cx, view, with)
                    && is_coloured(cx, func)
                    && extent.holds(func, place)
                    && !covered
                    && let (Some(first), Some(last)) = (with.body.first(), with.body.last())
                {
                    out.push((view, TextRange::new(first.start(), last.end())));
                }
                continue;
            }
            let AnyNodeRef::StmtTry(it) = node else {
                continue;
            };
            let place = view.place(it);
            let func = cx.program.function_at(place);
            let asks = it.handlers.iter().any(|handler| {
                let ExceptHandler::ExceptHandler(handler) = handler;
                own_exceptions || is_for_timeouts(cx, view, handler.type_.as_deref())
            });
            // A generator that waits nowhere itself may be run by what waits.
            let waits = is_coloured(cx, func) || own(&it.body).into_iter().any(is_yield);
            if waits
                && (asks && extent.holds(func, place) || extent.ends_at(place))
                && !is_covered(cx, view, it)
                && may_wait(cx, view, func, &it.body)
                && let (Some(first), Some(last)) = (it.body.first(), it.body.last())
            {
                out.push((view, TextRange::new(first.start(), last.end())));
            }
        }
    }
    out
}

/// Whether a handler that may catch a timeout, or an `__exit__` that may see one, reads the name of its class.
pub(super) fn names_class(cx: &Context<'_>, files: &impl Fn(usize) -> bool) -> bool {
    let mut views = cx.views().filter(|view| files(view.file.0 as usize));
    views.any(|view| {
        view.tree.nodes().any(|node| match node {
            AnyNodeRef::ExceptHandlerExceptHandler(it) => {
                let caught = it.name.as_ref().map(Identifier::as_str);
                it.type_
                    .as_deref()
                    .is_none_or(|class| catches(cx, view, class))
                    && reads_name(view, it.range(), caught.as_slice())
            }
            AnyNodeRef::StmtWith(with) => exits(cx, view, with).any(|func| {
                definition(cx, func).is_some_and(|(view, def)| {
                    let given = def.parameters.iter().skip(1);
                    let given: Vec<&str> = given.map(|it| it.name().as_str()).collect();
                    reads_name(view, def.range(), &given)
                })
            }),
            _ => false,
        })
    })
}

/// Whether a class in a handler is that of timeouts, or of every error.
fn catches(cx: &Context<'_>, view: &View<'_>, class: &Expr) -> bool {
    match class {
        Expr::Tuple(it) => it.elts.iter().any(|class| catches(cx, view, class)),
        Expr::Name(it) if it.id.as_str() == "BaseException" => true,
        other => {
            let row = cx.api_of(view, other).and_then(|name| cx.catalog.get(name));
            row.is_some_and(|row| row.rule.as_deref() == Some(RULE))
        }
    }
}

/// Whether a `with` enters a timeout.
pub(super) fn enters_timeout(cx: &Context<'_>, view: &View<'_>, with: &StmtWith) -> bool {
    with.items
        .iter()
        .any(|item| may_be_timeout(cx, view.place(&item.context_expr)))
}

/// Whether an expression may be a timeout.
pub(crate) fn may_be_timeout(cx: &Context<'_>, place: Place) -> bool {
    cx.program.values_at(place).any(|value| match value {
        Value::Object(class, _) => {
            let row = cx.catalog.get(cx.program.flow.text(class));
            row.is_some_and(|row| row.rule.as_deref() == Some(RULE))
        }
        Value::Instance(class) => is_timeout(cx, class),
        _ => false,
    })
}

/// A timeout that is given to a call of the library in place of a time. That starts it if need be, ends it in the end,
/// and catches it or not. Only `get` of a green thread has a form for that.
pub(super) fn given(cx: &Context<'_>, files: &impl Fn(usize) -> bool) -> Option<Place> {
    let here = cx
        .uses
        .iter()
        .filter(|use_| files(use_.place.file.0 as usize));
    here.filter(|use_| use_.api != "gevent.Greenlet.get")
        .find_map(|use_| {
            let row = cx.catalog.get(&use_.api)?;
            let view = cx.view(use_.place.file)?;
            let call = view.call_of(use_.place.range)?;
            let bound = cx.bind(row, call).ok()?;
            let time = bound.get("timeout").or_else(|| bound.get("seconds"))?;
            may_be_timeout(cx, view.place(time)).then(|| view.place(call))
        })
}

/// Whether what a handler catches may be a timeout, or what comes as a cancellation as well.
fn is_for_timeouts(cx: &Context<'_>, view: &View<'_>, types: Option<&Expr>) -> bool {
    let is = |expr: &Expr| {
        let name = match expr {
            Expr::Name(it) => it.id.as_str(),
            Expr::Attribute(it) => it.attr.as_str(),
            _ => return true,
        };
        let api = cx.api_of(view, expr).and_then(|api| cx.catalog.get(api));
        matches!(name, "BaseException" | "GreenletExit" | "CancelledError")
            || api.is_some_and(|row| row.rule.as_deref() == Some(RULE))
            || cx
                .program
                .values_at(view.place(expr))
                .any(|value| matches!(value, Value::Class(class) if is_timeout(cx, class)))
    };
    match types {
        None => true,
        Some(Expr::Tuple(tuple)) => tuple.elts.iter().any(is),
        Some(expr) => is(expr),
    }
}

/// Whether a class of the program derives from the timeout.
fn is_timeout(cx: &Context<'_>, class: ClassId) -> bool {
    let flow = &cx.program.flow;
    flow.mro[class.0 as usize].iter().any(|entry| match entry {
        MroEntry::External(sym) => {
            let row = cx.catalog.get(flow.text(*sym));
            row.is_some_and(|row| row.rule.as_deref() == Some(RULE))
        }
        MroEntry::Class(_) => false,
    })
}

/// Whether the body is one `with` that enters a timeout, which raises there what comes.
fn is_covered(cx: &Context<'_>, view: &View<'_>, it: &StmtTry) -> bool {
    matches!(&it.body[..], [Stmt::With(with)] if enters_timeout(cx, view, with))
}

/// Whether statements of a function may wait.
pub(super) fn may_wait(cx: &Context<'_>, view: &View<'_>, func: FuncId, suite: &[Stmt]) -> bool {
    let (Some(first), Some(last)) = (suite.first(), suite.last()) else {
        return false;
    };
    let range = TextRange::new(first.start(), last.end());
    let waits = cx.facts().causes(func).iter().any(|cause| match cause {
        Cause::Api { place, .. } | Cause::Call { place, .. } | Cause::Sibling { place, .. } => {
            place.file == view.file && range.contains_range(place.range)
        }
        // Where that is does not stand there.
        Cause::Operation(_) => true,
        Cause::Override(_) | Cause::Spawned { .. } => false,
    });
    waits
        || own(suite).into_iter().any(|node| {
            let hidden = match node {
                AnyNodeRef::StmtWith(with) => !enters_timeout(cx, view, with),
                AnyNodeRef::StmtFor(_) => true,
                _ => false,
            };
            hidden || is_yield(node)
        })
}
