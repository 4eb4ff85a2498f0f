//! Timeouts of one block, whose handler stands around it: `asyncio.timeout`.

use loopshift_engine::change::Change;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{
    AnyNodeRef, CmpOp, ExceptHandler, ExceptHandlerExceptHandler, Expr, ExprCall, Stmt, StmtTry,
    StmtWith,
};
use loopshift_python::edit::{Edit, Piece, Wrap, pieces};
use loopshift_python::{Ranged, TextRange};

use super::RULE;
use crate::catalog::Api;
use crate::common::code::{Reach, called_within, definition, is_yield, own};
use crate::common::green::{is_coloured, looks_on};
use crate::common::timeouts::item_of;
use crate::context::{Context, View};

/// The names that the scope may get.
const NAMES: &[&str] = &["scope", "timeout_scope", "_scope"];

/// What happens when the time is over.
enum Expiry<'v> {
    /// The timeout itself is raised.
    Raises,
    /// Nothing: the block ends.
    Silent,
    /// Another exception is raised.
    Other(&'v Expr),
}

/// The form of a timeout that `with` enters.
///
/// # Errors
/// Why it has none that is the same.
pub(super) fn block<'c>(
    cx: &Context<'c>,
    reach: &Reach,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
) -> Result<Change, String> {
    if !cx.settings.python_has(3, 11) {
        return Err("`asyncio.timeout` needs Python 3.11".to_owned());
    }
    let (call, bound) = cx.direct_call(use_, api, view)?;
    let with = with_of(view, call)
        .ok_or("it is made apart from the `with` that enters it, or is one of several there")?;
    let owner = cx.program.function_at(use_.place);
    if !is_coloured(cx, owner) {
        return Err("nothing in its function waits, so that it never ends a wait".to_owned());
    }
    let expiry = match bound.get("exception") {
        None => Expiry::Raises,
        Some(Expr::BooleanLiteral(it)) if !it.value => Expiry::Silent,
        Some(Expr::NoneLiteral(_)) => Expiry::Raises,
        Some(expr @ (Expr::Name(_) | Expr::Attribute(_) | Expr::Call(_))) => Expiry::Other(expr),
        Some(_) => return Err("its text would be lost with it".to_owned()),
    };
    let other = matches!(expiry, Expiry::Other(_));
    catches_inside(cx, reach, view, with, other)?;
    let message = format!("`{}` becomes `asyncio.timeout`", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    let handling = match expiry {
        Expiry::Raises => handling(cx, view, with, &mut change)?,
        Expiry::Silent | Expiry::Other(_) => None,
    };
    if matches!(expiry, Expiry::Raises) && handling.is_none() {
        return Err(
            "its handler was not found around it, and what catches it elsewhere catches another exception then"
                .to_owned(),
        );
    }
    let name = scope_name(view, with)?;
    let seconds = bound.get("seconds").map(Ranged::range);
    let head = TextRange::new(with.start(), call.start());
    change.edit(Edit::replace(head, "async with ", &[]));
    let limit = seconds.map_or(Piece::from("None"), Piece::Source);
    change.edit(Edit::replace(
        call.range(),
        "{@asyncio}.timeout({0})",
        &[limit],
    ));
    if with.items[0].optional_vars.is_none() {
        let alias = format!(" as {name}");
        change.edit(Edit::insert(call.end(), "{0}", &[alias.into()]));
    }
    let asks = format!("    if not {name}.expired():");
    match (expiry, handling) {
        (Expiry::Raises, Some(handling)) => ask(view, &name, handling, &mut change)?,
        (Expiry::Raises, None) => {}
        (Expiry::Silent, _) => around(view, with, vec![asks.into()], &mut change)?,
        (Expiry::Other(expr), _) => {
            let mut raise: Vec<Piece> = vec!["    raise ".into()];
            raise.extend([Piece::Source(expr.range()), " from None".into()]);
            let lines = vec![asks.into()];
            around_raising(view, with, lines, raise, &mut change)?;
        }
    }
    Ok(change)
}

/// The `with` whose only item is the call.
fn with_of<'v>(view: &View<'v>, call: &'v ExprCall) -> Option<&'v StmtWith> {
    let (with, _) = item_of(view, call)?;
    (with.items.len() == 1 && !with.is_async).then_some(with)
}

/// The name of the scope: that of the old timeout, or a fresh one.
fn scope_name(view: &View<'_>, with: &StmtWith) -> Result<String, String> {
    match with.items[0].optional_vars.as_deref() {
        Some(Expr::Name(name)) => Ok(name.id.to_string()),
        Some(_) => Err("it is bound to more than a name".to_owned()),
        None => NAMES
            .iter()
            .find(|name| view.is_fresh(name))
            .map(|name| (*name).to_owned())
            .ok_or_else(|| "all names for its scope are taken".to_owned()),
    }
}

/// Handlers inside of the block, in the functions that it calls too, would have caught the timeout, and don't any more.
fn catches_inside(
    cx: &Context<'_>,
    reach: &Reach,
    view: &View<'_>,
    with: &StmtWith,
    other: bool,
) -> Result<(), String> {
    // An exception of the program's own may be what any handler is for.
    let catches = |view: &View<'_>, node: AnyNodeRef<'_>| {
        (other && node.is_except_handler_except_handler())
            || catches(cx, view, node)
            || catches_kills(node)
            || matches!(node, AnyNodeRef::StmtWith(it) if looks_on(cx, view, it))
    };
    if own(&with.body).into_iter().any(is_yield) {
        return Err(
            "its generator yields within the time, and other handlers may catch it".to_owned(),
        );
    }
    let here = own(&with.body).into_iter().any(|node| catches(view, node));
    let called = reach.from(called_within(cx, view.place(with)));
    let there = called.into_iter().any(|func| {
        definition(cx, func)
            .is_some_and(|(view, def)| own(&def.body).into_iter().any(|node| catches(view, node)))
    });
    if here || there {
        return Err(
            "a handler inside of the block catches timeouts, which come at its end then".to_owned(),
        );
    }
    Ok(())
}

pub(super) fn catches(cx: &Context<'_>, view: &View<'_>, node: AnyNodeRef<'_>) -> bool {
    let AnyNodeRef::ExceptHandlerExceptHandler(handler) = node else {
        return false;
    };
    let Some(types) = handler.type_.as_deref() else {
        return false;
    };
    let names = |expr: &Expr| {
        let api = cx.api_of(view, expr);
        api.is_some_and(|api| {
            cx.catalog
                .get(api)
                .is_some_and(|row| row.rule.as_deref() == Some(RULE))
        })
    };
    match types {
        Expr::Tuple(tuple) => tuple.elts.iter().any(names),
        expr => names(expr),
    }
}

/// The handler of the `try` around a block that catches its timeout.
fn handling<'v>(
    cx: &Context<'_>,
    view: &View<'v>,
    with: &StmtWith,
    change: &mut Change,
) -> Result<Option<&'v ExceptHandlerExceptHandler>, String> {
    let Some(around) = try_around(view, with) else {
        return Ok(None);
    };
    let mut found = None;
    for handler in &around.handlers {
        let ExceptHandler::ExceptHandler(handler) = handler;
        let Some(types) = handler.type_.as_deref() else {
            continue;
        };
        if catches(cx, view, AnyNodeRef::ExceptHandlerExceptHandler(handler)) {
            if types.is_tuple_expr() {
                return Err("its handler catches other exceptions as well".to_owned());
            }
            change.covers.push(view.place(types));
            found = Some(handler);
        }
    }
    let Some(handler) = found else {
        return Ok(None);
    };
    if around.handlers.len() > 1 {
        let before = around
            .handlers
            .iter()
            .any(|other| other.start() < handler.start() && may_catch_timeout_error(other));
        if before {
            return Err("a handler before its own would catch `TimeoutError`".to_owned());
        }
        if around.handlers.iter().any(may_catch_timeout_error) {
            return Err("a handler beside its own would catch `TimeoutError`".to_owned());
        }
    }
    let mut timeouts = own(&around.body).into_iter().filter(|node| {
        let AnyNodeRef::StmtWith(it) = node else {
            return false;
        };
        it.items.iter().any(|item| {
            matches!(&item.context_expr, Expr::Call(call) if cx.api_of(view, &call.func)
                .and_then(|api| cx.catalog.get(api))
                .is_some_and(|row| row.rule.as_deref() == Some(RULE)))
        })
    });
    if timeouts.nth(1).is_some() {
        return Err("its handler is that of several timeouts".to_owned());
    }
    Ok(Some(handler))
}

/// Whether a handler may catch the builtin `TimeoutError`, by its name.
pub(super) fn may_catch_timeout_error(handler: &ExceptHandler) -> bool {
    let ExceptHandler::ExceptHandler(handler) = handler;
    let catches = |expr: &Expr| match expr {
        Expr::Name(name) => matches!(
            name.id.as_str(),
            "Exception"
                | "BaseException"
                | "OSError"
                | "IOError"
                | "EnvironmentError"
                | "TimeoutError"
        ),
        Expr::Attribute(it) => matches!(it.attr.as_str(), "error" | "timeout"),
        _ => true,
    };
    match handler.type_.as_deref() {
        None => true,
        Some(Expr::Tuple(tuple)) => tuple.elts.iter().any(catches),
        Some(expr) => catches(expr),
    }
}

/// The innermost `try` whose body holds the statement.
fn try_around<'v>(view: &View<'v>, with: &StmtWith) -> Option<&'v StmtTry> {
    for node in view.tree.around(with.range()) {
        match node {
            AnyNodeRef::StmtTry(it) => {
                let body = it
                    .body
                    .iter()
                    .any(|stmt| stmt.range().contains_range(with.range()));
                if body && !it.handlers.is_empty() {
                    return Some(it);
                }
            }
            AnyNodeRef::StmtFunctionDef(_) => return None,
            _ => {}
        }
    }
    None
}

/// Makes a handler ask whether it was this timeout.
fn ask(
    view: &View<'_>,
    name: &str,
    handler: &ExceptHandlerExceptHandler,
    change: &mut Change,
) -> Result<(), String> {
    let (Some(types), Some(first)) = (handler.type_.as_deref(), handler.body.first()) else {
        return Err("its handler has no type".to_owned());
    };
    let test = format!("{name}.expired()");
    let mut end = types.end();
    if let Some(alias) = &handler.name {
        let asked = identity_test(first, alias.as_str(), name)
            .ok_or("its handler looks at the exception, which is another one then")?;
        let uses = own(&handler.body).into_iter().filter(
            |node| matches!(node, AnyNodeRef::ExprName(it) if it.id.as_str() == alias.as_str()),
        );
        if uses.count() > 1 {
            return Err("its handler looks at the exception, which is another one then".to_owned());
        }
        end = alias.end();
        change.edit(Edit::replace(asked, "not {0}", &[test.into()]));
    } else {
        begins_line(view, first)?;
        let text = format!("if not {test}:\n    raise\n");
        change.edit(Edit::insert(first.start(), "{0}", &[text.into()]));
    }
    let range = TextRange::new(types.start(), end);
    change.edit(Edit::replace(range, "TimeoutError", &[]));
    Ok(())
}

/// The test of `if caught is not timeout: raise`.
fn identity_test(stmt: &Stmt, caught: &str, timeout: &str) -> Option<TextRange> {
    let Stmt::If(it) = stmt else { return None };
    let Expr::Compare(compare) = &*it.test else {
        return None;
    };
    let is_name =
        |expr: &Expr, name: &str| matches!(expr, Expr::Name(it) if it.id.as_str() == name);
    let [right] = &compare.comparators[..] else {
        return None;
    };
    let both = (is_name(&compare.left, caught) && is_name(right, timeout))
        || (is_name(&compare.left, timeout) && is_name(right, caught));
    let raises = matches!(&it.body[..], [Stmt::Raise(raise)] if raise.exc.is_none());
    let plain = it.elif_else_clauses.is_empty() && compare.ops[..] == [CmpOp::IsNot];
    (both && raises && plain).then(|| compare.range())
}

/// A statement behind the colon of its handler has no line of its own.
fn begins_line(view: &View<'_>, stmt: &Stmt) -> Result<(), &'static str> {
    let start = stmt.start().to_usize();
    let line = view.source[..start].rfind('\n').map_or(0, |at| at + 1);
    if view.source[line..start].trim().is_empty() {
        Ok(())
    } else {
        Err("its handler stands on one line")
    }
}

/// A `try` around the block, whose handler asks whether it was this timeout.
fn around(
    view: &View<'_>,
    with: &StmtWith,
    asks: Vec<Piece>,
    change: &mut Change,
) -> Result<(), String> {
    wrap(view, with, vec![asks, vec!["        raise".into()]], change)
}

/// The same, and another exception is raised in its place.
fn around_raising(
    view: &View<'_>,
    with: &StmtWith,
    asks: Vec<Piece>,
    raise: Vec<Piece>,
    change: &mut Change,
) -> Result<(), String> {
    wrap(
        view,
        with,
        vec![asks, vec!["        raise".into()], raise],
        change,
    )
}

fn wrap(
    view: &View<'_>,
    with: &StmtWith,
    lines: Vec<Vec<Piece>>,
    change: &mut Change,
) -> Result<(), String> {
    view.can_wrap(with.range())?;
    let mut after = vec![pieces("except TimeoutError:", &[])];
    after.extend(lines);
    change.edit(Edit::Wrap(Wrap {
        range: with.range(),
        before: Vec::new(),
        header: pieces("try:", &[]),
        last: Vec::new(),
        after,
    }));
    Ok(())
}

/// Whether a handler is for green threads that are killed, which catches what a timeout cancels, too.
fn catches_kills(node: AnyNodeRef<'_>) -> bool {
    let AnyNodeRef::ExceptHandlerExceptHandler(handler) = node else {
        return false;
    };
    let is_kill = |expr: &Expr| match expr {
        Expr::Name(it) => it.id.as_str() == "GreenletExit",
        Expr::Attribute(it) => it.attr.as_str() == "GreenletExit",
        _ => false,
    };
    match handler.type_.as_deref() {
        Some(Expr::Tuple(tuple)) => tuple.elts.iter().any(is_kill),
        Some(expr) => is_kill(expr),
        None => false,
    }
}
