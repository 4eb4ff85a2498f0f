//! `asyncio.TimeoutError` becomes the builtin `TimeoutError`, which it is from Python 3.11.
//!
//! Below, it is a class of its own: whatever waits must raise the builtin one first, or handlers name both.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr, StmtTry};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange};

use crate::common::cancellation::{Role, role};
use crate::common::code::{Reach, called_within};
use crate::common::timeouts::RAISING;
use crate::context::{Context, View};

const RULE: &str = "anyio-timeout-error";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let mut uses = cx.uses_for(RULE).peekable();
    if uses.peek().is_none() {
        return;
    }
    let old = !cx.settings.python_has(3, 11);
    let waits: Vec<Place> = if old {
        cx.uses
            .iter()
            .filter(|use_| RAISING.contains(&use_.api.as_str()))
            .map(|use_| use_.place)
            .collect()
    } else {
        Vec::new()
    };
    let staying = if old {
        staying_waits(cx)
    } else {
        BTreeSet::new()
    };
    let all_move = old && staying.is_empty();
    let facts = Facts {
        old,
        moving: waits
            .iter()
            .copied()
            .filter(|place| !staying.contains(place))
            .collect(),
        staying,
        reach: if old && !all_move {
            Some(Reach::new(cx))
        } else {
            None
        },
    };
    for (use_, _, view) in uses {
        changes.push(match moved(cx, use_, view, &facts) {
            Ok(mut change) => {
                if all_move {
                    change.requires.clone_from(&waits);
                }
                change
            }
            Err(reason) => Change::declined(RULE, use_.place, &*use_.api, reason),
        });
    }
}

/// What is known of the waits that raise the exception.
struct Facts {
    /// Whether the program may run on a Python where it is a class of its own.
    old: bool,
    /// The waits that the rules move.
    moving: BTreeSet<Place>,
    /// The waits that stay.
    staying: BTreeSet<Place>,
    /// Who calls whom, where some wait stays.
    reach: Option<Reach>,
}

/// The waits that raise the exception and that the rules have no change for.
fn staying_waits(cx: &Context<'_>) -> BTreeSet<Place> {
    let mut changes = Vec::new();
    super::anyio_wait_for::plan(cx, &mut changes);
    super::anyio_timeout::plan(cx, &mut changes);
    changes
        .iter()
        .filter(|change| change.declined.is_some())
        .map(|change| change.place)
        .collect()
}

/// Whether all that a `try` waits for with a timeout stays, so that its handler has nothing new to catch.
fn waits_stay(cx: &Context<'_>, view: &View<'_>, facts: &Facts, stmt: &StmtTry) -> bool {
    let (Some(first), Some(last), Some(reach)) =
        (stmt.body.first(), stmt.body.last(), facts.reach.as_ref())
    else {
        return false;
    };
    let body = view.place(TextRange::new(first.start(), last.end()));
    let within = |place: &Place| place.file == body.file && body.range.contains_range(place.range);
    if facts.moving.iter().any(within) || !facts.staying.iter().any(within) {
        return false;
    }
    let called = reach.from(called_within(cx, body));
    !facts
        .moving
        .iter()
        .any(|place| called.contains(&cx.program.function_at(*place)))
}

fn moved(cx: &Context<'_>, use_: &Use, view: &View<'_>, facts: &Facts) -> Result<Change, String> {
    let old = facts.old;
    let all_move = facts.staying.is_empty();
    let message = "`asyncio.TimeoutError` becomes the builtin `TimeoutError`";
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    let expr = view
        .tree
        .expr_at(use_.place.range)
        .ok_or("it can't be found")?;
    if !use_.only || !view.is_direct(expr) {
        return Err("it is used through a variable that may hold something else".to_owned());
    }
    let import = own_import(cx, view);
    if import.is_none() && view.scopes.is_bound_anywhere("TimeoutError") {
        return Err("the file has a `TimeoutError` of its own".to_owned());
    }
    let role = role(cx, view, expr);
    if old && let Role::Handler(stmt, _) = role {
        check_order(view, stmt, expr)?;
    }
    if old && !all_move {
        // Something still raises the old one.
        let handler = matches!(role, Role::Handler(..) | Role::Suppress(_) | Role::Test);
        if !handler || import.is_some() {
            return Err(
                "below Python 3.11 it is a class of its own, and some wait that raises it stays"
                    .to_owned(),
            );
        }
        if let Role::Handler(stmt, _) = role
            && waits_stay(cx, view, facts, stmt)
        {
            return Err("the wait that raises it stays".to_owned());
        }
        let beside: &[Expr] = match view.tree.parent(expr) {
            Some(AnyNodeRef::ExprTuple(tuple)) => &tuple.elts,
            Some(AnyNodeRef::Arguments(arguments)) => &arguments.args,
            _ => &[],
        };
        if beside
            .iter()
            .any(|other| matches!(other, Expr::Name(name) if name.id == "TimeoutError"))
        {
            // It names both already.
            return Ok(change);
        }
        let in_tuple = matches!(view.tree.parent(expr), Some(AnyNodeRef::ExprTuple(_)))
            || matches!(role, Role::Suppress(_));
        let (open, close) = if in_tuple { ("", "") } else { ("(", ")") };
        change.edit(Edit::Replace {
            range: expr.range(),
            pieces: vec![
                format!("{open}TimeoutError, ").into(),
                Piece::Source(expr.range()),
                close.into(),
            ],
        });
        return Ok(change);
    }
    if let Some(alias) = import {
        change.edit(alias);
    }
    if view.text(expr.range()) != "TimeoutError" {
        change.edit(Edit::replace(expr.range(), "TimeoutError", &[]));
    }
    Ok(change)
}

/// Where asyncio's is imported as `TimeoutError` itself, the import goes, so that the name means the builtin one.
fn own_import(cx: &Context<'_>, view: &View<'_>) -> Option<Edit> {
    let scopes = &view.scopes;
    let mut binding = None;
    for scope in &scopes.scopes {
        for found in scope.bindings.get("TimeoutError").into_iter().flatten() {
            if binding.is_some() {
                return None;
            }
            binding = Some(found);
        }
    }
    let binding = binding?;
    let whole = view
        .tree
        .around(binding.range)
        .find(|node| matches!(node, AnyNodeRef::Alias(_)))?;
    let is_asyncio = |range: TextRange| {
        let place = Place {
            file: view.file,
            range,
        };
        cx.program.api_at(place) == Some("asyncio.TimeoutError")
    };
    if !is_asyncio(binding.range) && !is_asyncio(whole.range()) {
        return None;
    }
    view.tree.around(binding.range).find_map(|node| match node {
        AnyNodeRef::StmtImportFrom(import) => {
            let at = import
                .names
                .iter()
                .position(|alias| alias.range().contains_range(binding.range))?;
            Some(match (at.checked_sub(1), import.names.get(at + 1)) {
                (_, Some(next)) => {
                    Edit::delete(TextRange::new(import.names[at].start(), next.start()))
                }
                (Some(before), None) => Edit::delete(TextRange::new(
                    import.names[before].end(),
                    import.names[at].end(),
                )),
                (None, None) => Edit::DeleteStatement {
                    range: import.range(),
                },
            })
        }
        _ => None,
    })
}

/// Below Python 3.11 an `except OSError` in front starts to catch the timeout.
fn check_order(view: &View<'_>, stmt: &StmtTry, expr: &Expr) -> Result<(), String> {
    for ExceptHandler::ExceptHandler(handler) in &stmt.handlers {
        if handler.range().contains_range(expr.range()) {
            return Ok(());
        }
        let caught = handler
            .type_
            .as_deref()
            .map_or("", |it| view.text(it.range()));
        let words = caught.split(|c: char| !c.is_alphanumeric() && c != '_');
        if words
            .into_iter()
            .any(|word| matches!(word, "OSError" | "IOError" | "EnvironmentError"))
        {
            return Err(
                "an `except OSError` stands before it, and would catch the builtin `TimeoutError`: put it behind"
                    .to_owned(),
            );
        }
    }
    Ok(())
}
