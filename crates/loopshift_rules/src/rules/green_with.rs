//! `with` over an object whose entering waits becomes `async with`.

use loopshift_engine::change::Change;
use loopshift_engine::flow::value::Value;
use loopshift_python::ast::{AnyNodeRef, Expr, StmtWith};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextSize};

use super::green::{helper, is_coloured, waits_in};
use super::green_blocking::THREAD;
use crate::context::{Context, View};
use crate::recipe::{Cooperation, is_cooperative};

const RULE: &str = "green-with";

/// The ends of the names of what is moved: an object that is entered in another way, and one that waits when it is left.
const ENTER: &str = ".__enter__";
const EXIT: &str = ".__exit__";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for view in cx.views_where(|value| entered_by(cx, value).is_some()) {
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
            let Some(api) = entered.iter().flatten().next() else {
                continue;
            };
            let place = view.place(with.items[0].context_expr.range());
            changes.push(
                moved(cx, view, with, &entered, api)
                    .unwrap_or_else(|reason| Change::declined(RULE, place, api.clone(), reason)),
            );
        }
    }
}

/// The method that enters the object, where that is of a library that is moved and waits; or the one that leaves it, where
/// that waits for an answer.
fn entered(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> Option<String> {
    cx.program
        .values_at(view.place(expr))
        .find_map(|value| entered_by(cx, value))
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
    let cooperation = || Cooperation::new(cx.program, cx.catalog, cx.settings.bridge);
    (is_cooperative(row) && cooperation().switches(row)).then(|| format!("{class}{EXIT}"))
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
    if !entered.iter().all(same) {
        return Err("it is entered together with what does not wait".to_owned());
    }
    let only = with.items.iter().all(|item| {
        let mut values = cx.program.values_at(view.place(&item.context_expr));
        values.all(|value| matches!(value, Value::Object(..)))
    });
    if !only {
        return Err("it may be something else that is entered there".to_owned());
    }
    let place = view.place(with.items[0].context_expr.range());
    if !is_coloured(cx, cx.program.function_at(place)) {
        return Err("the function around it does not become async".to_owned());
    }
    let mut change = Change::new(RULE, place, api, "`with` becomes `async with`");
    let at: TextSize = with.start();
    change.edit(Edit::insert(at, "async ", &[]));
    if api.ends_with(EXIT) {
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
