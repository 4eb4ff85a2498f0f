//! `with` over an object whose entering waits becomes `async with`.

use loopshift_engine::change::Change;
use loopshift_engine::flow::value::Value;
use loopshift_python::ast::{AnyNodeRef, Expr, StmtWith};
use loopshift_python::edit::{Edit, Piece, Wrap};
use loopshift_python::{Ranged, TextRange};

use super::green_blocking::THREAD;
use super::green_colour::is_ours;
use crate::common::green::{GREENLET_CLASS, helper, is_coloured, is_greenlet, waits_in};
use crate::context::{Context, View};
use crate::recipe::{Cooperation, is_cooperative};

const RULE: &str = "green-with";

/// The ends of the names of what is moved: an object that is entered in another way, and one that waits when it is left.
const ENTER: &str = ".__enter__";
const EXIT: &str = ".__exit__";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let wanted =
        |value| entered_by(cx, value).is_some() || lends(cx, value) || is_joined(cx, value);
    for view in cx.views_where(wanted) {
        for node in view.tree.nodes() {
            let AnyNodeRef::StmtWith(with) = node else {
                continue;
            };
            if with.is_async {
                continue;
            }
            let entered: Vec<Option<String>> = with
                .items
                .iter()
                .map(|item| entered(cx, view, &item.context_expr))
                .collect();
            if let Some(item) = with
                .items
                .iter()
                .find(|it| joins(cx, view, &it.context_expr))
            {
                let place = view.place(item.context_expr.range());
                changes.push(Change::declined(RULE, place, GREENLET_CLASS, JOINS));
                continue;
            }
            let Some(api) = entered.iter().flatten().next() else {
                continue;
            };
            // The rule for pools of items writes it.
            if let [item] = &with.items[..]
                && is_lent(cx, view, &item.context_expr)
            {
                continue;
            }
            let place = view.place(with.items[0].context_expr.range());
            changes.push(
                moved(cx, view, with, &entered, api)
                    .unwrap_or_else(|reason| Change::declined(RULE, place, api.clone(), reason)),
            );
        }
    }
}

/// Why a green thread stays that is entered.
const JOINS: &str = "leaving the block waits for the green thread, or ends it where the block fails, which a task does not do: wait for it behind the block";

/// Whether what is entered may be a green thread.
fn joins(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    let mut values = cx.program.values_at(view.place(expr));
    values.any(|value| is_joined(cx, value))
}

/// Whether a value is a green thread that is entered by what its class has from the library.
fn is_joined(cx: &Context<'_>, value: Value) -> bool {
    let is_own = matches!(value, Value::Instance(_)) && cx.mentions("__enter__");
    !is_own && is_greenlet(cx, value)
}

/// The method that enters the object, where that is of a library that is moved and waits; or the one that leaves it, where
/// that waits for an answer.
fn entered(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> Option<String> {
    if is_lent(cx, view, expr) {
        return Some(format!("{LENDER}{ENTER}"));
    }
    cx.program
        .values_at(view.place(expr))
        .find_map(|value| entered_by(cx, value))
}

/// The method of a pool that lends an item for a block.
const LENDER: &str = "eventlet.pools.Pool.item";

fn lends(cx: &Context<'_>, value: Value) -> bool {
    match value {
        Value::ExternalBound(sym, _) => cx.program.flow.text(sym) == LENDER,
        _ => false,
    }
}

/// Whether an expression is a call that lends an item for a block.
fn is_lent(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    let Expr::Call(call) = expr else { return false };
    let mut values = cx.program.values_at(view.place(&*call.func));
    values.any(|value| lends(cx, value))
}

fn entered_by(cx: &Context<'_>, value: Value) -> Option<String> {
    let Value::Object(class, _) = value else {
        return None;
    };
    let class = cx.program.flow.text(class);
    if let Some(row) = cx.catalog.member(class, "__enter__")
        && waits_in(cx, class, row)
    {
        return Some(format!("{class}{ENTER}"));
    }
    let row = cx.catalog.member(class, "__exit__")?;
    (is_cooperative(row) && Cooperation::of(cx).switches(row)).then(|| format!("{class}{EXIT}"))
}

fn moved(
    cx: &Context<'_>,
    view: &View<'_>,
    with: &StmtWith,
    entered: &[Option<String>],
    api: &str,
) -> Result<Change, String> {
    let same = |other: &Option<String>| {
        let end = |api: &str| api.ends_with(EXIT);
        other.as_deref().is_some_and(|other| end(other) == end(api))
    };
    let in_threads = api.ends_with(EXIT);
    let known = |other: &Option<String>| same(other) || (other.is_none() && !in_threads);
    if !entered.iter().all(known) {
        return Err(TOGETHER.to_owned());
    }
    let only = with.items.iter().zip(entered).all(|(item, entered)| {
        let mut values = cx.program.values_at(view.place(&item.context_expr));
        let is_lent = is_lent(cx, view, &item.context_expr);
        entered.is_none() || is_lent || values.all(|value| matches!(value, Value::Object(..)))
    });
    if !only {
        return Err("it may be something else that is entered there".to_owned());
    }
    let place = view.place(with.items[0].context_expr.range());
    if !is_coloured(cx, cx.program.function_at(place)) {
        return Err("the function around it does not become async".to_owned());
    }
    let mut change = Change::new(RULE, place, api, "`with` becomes `async with`");
    let waits: Vec<bool> = entered.iter().map(Option::is_some).collect();
    match waits.iter().position(|it| *it != waits[0]) {
        None => change.edit(Edit::insert(with.start(), "async ", &[])),
        // What is entered there is written by the rule of colours, which knows more of it.
        Some(_) if !in_threads && is_ours(cx, view, with) => {
            let first = with.items[0].context_expr.range();
            change.edit(Edit::replace(first, "{0}", &[first.into()]));
        }
        Some(at) => split(view, with, &waits, at, &mut change)?,
    }
    if in_threads {
        let helper = helper("in_threads").ok_or("a helper is missing")?;
        for item in &with.items {
            let object = item.context_expr.range();
            change.edit(Edit::insert(
                object.start(),
                "{0}(",
                &[Piece::Helper(helper)],
            ));
            change.edit(Edit::insert(object.end(), ")", &[]));
        }
        change.caveat(THREAD);
    }
    Ok(change)
}

const TOGETHER: &str = "it is entered together with what does not wait";

/// What waits and what does not are entered one inside of the other: `waits` says which do, and `at` is the first that
/// is not as those before it.
fn split(
    view: &View<'_>,
    with: &StmtWith,
    waits: &[bool],
    at: usize,
    change: &mut Change,
) -> Result<(), String> {
    let (first, last, next) = (&with.items[0], &with.items[at - 1], &with.items[at]);
    let between = |start, end| view.text(TextRange::new(start, end)).trim();
    let plain = between(with.start(), first.start()) == "with"
        && between(last.end(), next.start()) == ","
        && waits[at..].iter().all(|it| *it != waits[0]);
    if !plain {
        return Err(TOGETHER.to_owned());
    }
    view.can_wrap(with.range())?;
    let (outer, inner) = if waits[0] {
        ("async with ", "with ")
    } else {
        ("with ", "async with ")
    };
    let entered = TextRange::new(first.start(), last.end());
    change.edit(Edit::Wrap(Wrap {
        range: with.range(),
        before: Vec::new(),
        header: vec![outer.into(), entered.into(), ":".into()],
        last: Vec::new(),
        after: Vec::new(),
    }));
    let head = TextRange::new(with.start(), next.start());
    change.edit(Edit::replace(head, inner, &[]));
    Ok(())
}
