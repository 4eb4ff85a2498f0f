//! What earlier, careless moves left: names that `AnyIO` does not have, coroutines given to `anyio.run`, keywords given to
//! `run_sync`, timeouts entered with `async with`, and modules used without an import.
//!
//! A name of asyncio's that was only written with `anyio.` before it counts as asyncio's: the rules move it like any
//! other use. What no rule moves gets its old name back.

use loopshift_engine::change::{Change, Outcome, Place, Plan};
use loopshift_engine::flow::value::Value;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, ExprName};
use loopshift_python::edit::{Edit, pieces};
use loopshift_python::{Ranged, TextRange, TextSize};
use rustc_hash::FxHashSet;

use super::anyio_run::runnable;
use crate::common::arguments::inside;
use crate::context::{Context, View};

const RULE: &str = "anyio-repair";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for use_ in cx.uses {
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        if !use_.only || !use_.api.starts_with("anyio.") {
            continue;
        }
        let found = match use_.api.as_str() {
            "anyio.run" => coroutine_given(cx, view, use_),
            "anyio.to_thread.run_sync" => keywords_given(view, use_),
            "anyio.fail_after" | "anyio.move_on_after" | "anyio.CancelScope" => {
                entered_async(cx, view, use_)
            }
            _ => missing(cx, use_).map(Err),
        };
        changes.extend(found.map(|result| {
            result.unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason))
        }));
    }
    for view in cx.views_naming(["anyio"]) {
        changes.extend(forgotten_import(view));
    }
}

/// A change, or why there is none.
type Found = Option<Result<Change, String>>;

fn change(use_: &Use, message: &'static str) -> Change {
    Change::new(RULE, use_.place, &*use_.api, message)
}

/// `anyio.run(main())`.
fn coroutine_given(cx: &Context<'_>, view: &View<'_>, use_: &Use) -> Found {
    let call = view.call_of(use_.place.range)?;
    let [main] = &*call.arguments.args else {
        return None;
    };
    let mut values = cx.program.values_at(view.place(main)).peekable();
    values.peek()?;
    if !values.all(|value| matches!(value, Value::Coroutine(_) | Value::Awaitable(_))) {
        return None;
    }
    let mut change = change(use_, "`anyio.run` gets the function, not its coroutine");
    if !call.arguments.keywords.is_empty() {
        return Some(Err(
            "it is given a coroutine, where it takes the function, and has keywords as well"
                .to_owned(),
        ));
    }
    match runnable(cx, view, None, main) {
        Ok(pieces) => {
            change.edit(Edit::Replace {
                range: inside(call),
                pieces,
            });
            Some(Ok(change))
        }
        Err(reason) => Some(Err(format!("it is given a coroutine: {reason}"))),
    }
}

/// `anyio.to_thread.run_sync(f, key=1)`.
fn keywords_given(view: &View<'_>, use_: &Use) -> Found {
    const OWN: &[&str] = &["abandon_on_cancel", "cancellable", "limiter"];
    let call: &ExprCall = view.call_of(use_.place.range)?;
    let is_own = |name: &str| OWN.contains(&name);
    let keywords = &call.arguments.keywords;
    let foreign = |keyword: &&loopshift_python::ast::Keyword| {
        keyword
            .arg
            .as_ref()
            .is_none_or(|name| !is_own(name.as_str()))
    };
    let last = keywords.iter().rfind(foreign)?;
    let first = call.arguments.args.first()?;
    let mixed = keywords
        .iter()
        .take_while(|keyword| keyword.range() != last.range())
        .any(|keyword| !foreign(&keyword));
    let after = call
        .arguments
        .args
        .iter()
        .any(|it| it.start() > last.start());
    if mixed || after {
        return Some(Err(
            "keywords of `run_sync` stand between those of the function".to_owned(),
        ));
    }
    let mut change = change(use_, "`run_sync` takes no keywords for the function");
    change.edit(Edit::insert(first.start(), "{@functools:partial}(", &[]));
    change.edit(Edit::insert(last.end(), ")", &[]));
    Some(Ok(change))
}

/// `async with anyio.fail_after(1):`.
fn entered_async(cx: &Context<'_>, view: &View<'_>, use_: &Use) -> Found {
    let call = view.call_of(use_.place.range)?;
    let AnyNodeRef::WithItem(item) = view.tree.parent(call)? else {
        return None;
    };
    let AnyNodeRef::StmtWith(with) = view.tree.parent(item)? else {
        return None;
    };
    if !with.is_async {
        return None;
    }
    let is_scope = |expr: &Expr| {
        let callee = expr.as_call_expr().map(|call| &*call.func);
        callee
            .and_then(|it| cx.api_of(view, it))
            .is_some_and(|api| {
                matches!(
                    api,
                    "anyio.fail_after" | "anyio.move_on_after" | "anyio.CancelScope"
                )
            })
    };
    if !with.items.iter().all(|item| is_scope(&item.context_expr)) {
        return Some(Err(
            "it is entered with a plain `with`, and stands beside others that need `async with`"
                .to_owned(),
        ));
    }
    // One of several in one statement speaks for all.
    if with
        .items
        .first()
        .is_none_or(|first| first.range() != item.range())
    {
        return None;
    }
    let text = view.text(TextRange::new(with.start(), item.start()));
    let at = TextSize::try_from(text.find("with")?).ok()?;
    let mut change = change(use_, "a cancel scope is entered with a plain `with`");
    change.edit(Edit::delete(TextRange::at(with.start(), at)));
    Some(Ok(change))
}

/// Why a name can't be used.
fn missing(cx: &Context<'_>, use_: &Use) -> Option<String> {
    match cx.catalog.get(&use_.api) {
        None if !use_.member => Some(format!("AnyIO has no `{}`", use_.api)),
        Some(api) => {
            let since = api.since.filter(|since| *since > cx.settings.anyio)?;
            Some(format!(
                "`{}` came with AnyIO {since}, and the project allows {}",
                use_.api, cx.settings.anyio
            ))
        }
        None => None,
    }
}

/// `anyio.sleep(1)` in a module that does not import `anyio`.
fn forgotten_import(view: &View<'_>) -> Option<Change> {
    let ranges = unbound(view, "anyio");
    let first = *ranges.first()?;
    let mut change = Change::new(RULE, view.place(first), "anyio", "`anyio` is imported");
    for range in ranges {
        change.edit(Edit::replace(range, "{@anyio}", &[]));
    }
    Some(change)
}

/// Where a module reads a name that it binds nowhere.
fn unbound(view: &View<'_>, name: &str) -> Vec<TextRange> {
    if view.scopes.has_star_import {
        return Vec::new();
    }
    view.scopes
        .references_of(name)
        .filter(|it| view.scopes.resolve(name, it.scope).is_none())
        .map(|it| it.range)
        .collect()
}

/// Whether a module binds the name nowhere.
fn is_unbound(view: &View<'_>, name: &ExprName) -> bool {
    let scope = view.scopes.at(name.start());
    !view.scopes.has_star_import && view.scopes.resolve(name.id.as_str(), scope).is_none()
}

/// Whether a change only gives a name of asyncio's its module back.
pub(crate) fn keeps(change: &Change) -> bool {
    change.rule == RULE && change.api.starts_with("asyncio.")
}

/// The changes that give names of asyncio's back what they need, where the plan does not move them: their module, and
/// its import.
pub(crate) fn restore(cx: &Context<'_>, plan: &Plan) -> Vec<Change> {
    let moved: FxHashSet<Place> = plan
        .changes
        .iter()
        .filter(|(_, outcome)| *outcome == Outcome::Applied)
        .flat_map(|(change, _)| change.covers.iter().copied().chain([change.place]))
        .collect();
    cx.uses
        .iter()
        .filter(|use_| !use_.member && use_.api.starts_with("asyncio."))
        .filter(|use_| !moved.contains(&use_.place))
        .filter_map(|use_| {
            let view = cx.view(use_.place.file)?;
            let expr = view.tree.expr_at(use_.place.range)?;
            let edit = restored(view, expr)?;
            let mut change = change(use_, "a name of asyncio's gets its module back");
            change.edit(edit);
            Some(change)
        })
        .collect()
}

fn restored(view: &View<'_>, expr: &Expr) -> Option<Edit> {
    match expr {
        Expr::Attribute(attribute) => {
            let Expr::Name(head) = &*attribute.value else {
                return None;
            };
            let is_unbound = head.id == "asyncio" && is_unbound(view, head);
            (is_unbound || imported_from(view, expr)? == "anyio")
                .then(|| Edit::replace(head.range(), "{@asyncio}", &[]))
        }
        Expr::Name(name) => {
            // `from anyio import wait_for`: the name stays, behind its module.
            (imported_from(view, expr)? == "anyio").then(|| {
                let mut new = pieces("{@asyncio}.", &[]);
                new.push(name.range().into());
                Edit::Replace {
                    range: name.range(),
                    pieces: new,
                }
            })
        }
        _ => None,
    }
}

/// The module that the first name of an expression is imported from, where all its bindings are imports from it.
fn imported_from<'v>(view: &View<'v>, expr: &Expr) -> Option<&'v str> {
    let mut head = expr;
    while let Expr::Attribute(attribute) = head {
        head = &attribute.value;
    }
    let name = head.as_name_expr()?.id.as_str();
    let scope = view.scopes.resolve(name, view.scopes.at(head.start()))?;
    let mut found = None;
    for binding in view.scopes.scopes[scope].bindings.get(name)? {
        let module = view
            .tree
            .around(binding.range)
            .find_map(|node| match node {
                AnyNodeRef::StmtImportFrom(import) => import.module.as_deref(),
                AnyNodeRef::Alias(alias)
                    if matches!(view.tree.parent(alias), Some(AnyNodeRef::StmtImport(_))) =>
                {
                    Some(alias.name.as_str())
                }
                _ => None,
            })?;
        if found.is_some_and(|known| known != module) {
            return None;
        }
        found = Some(module);
    }
    found
}
