//! `async with asyncio.timeout(t)` becomes `with anyio.fail_after(t)`.

use std::collections::BTreeMap;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::ir::FuncId;
use loopshift_engine::objects::{Cluster, clusters};
use loopshift_engine::uses::Use;
use loopshift_python::ast::{Expr, ExprCall, StmtWith};
use loopshift_python::edit::{Edit, Wrap, pieces};
use loopshift_python::{Ranged, TextRange, TextSize};

use crate::catalog::Api;
use crate::common::cancellation::handlers_by_function;
use crate::common::code::{Reach, called_within, definition, has_comment, is_yield, own};
use crate::common::shared::is_statement;
use crate::context::{Context, View};

const RULE: &str = "anyio-timeout";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let uses: Vec<_> = cx.uses_for(RULE).collect();
    if uses.is_empty() {
        return;
    }
    let reach = cx.once(Reach::new);
    let handlers = handlers_by_function(cx);
    let all = clusters(cx.program, |ty| ty == "asyncio.Timeout");
    for (use_, api, view) in uses {
        if use_.api == "asyncio.Timeout" {
            changes.push(annotation(use_, view));
            continue;
        }
        let change = moved(cx, use_, api, view, &all, &reach, &handlers)
            .unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason));
        changes.push(change);
    }
}

/// The class in an annotation.
fn annotation(use_: &Use, view: &View<'_>) -> Change {
    let decline = |reason: &str| Change::declined(RULE, use_.place, &*use_.api, reason);
    let Some(expr) = view.tree.expr_at(use_.place.range) else {
        return decline("it can't be found");
    };
    if view.call_of(use_.place.range).is_some() || !use_.only || !view.is_direct(expr) {
        return decline("the class of timeouts is used by itself; AnyIO has cancel scopes");
    }
    let message = "`asyncio.Timeout` becomes `anyio.CancelScope`";
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    change.edit(Edit::replace(expr.range(), "{@anyio}.CancelScope", &[]));
    change
}

#[allow(clippy::too_many_arguments)]
fn moved<'c>(
    cx: &Context<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
    all: &[Cluster],
    reach: &Reach,
    handlers: &BTreeMap<FuncId, Vec<Place>>,
) -> Result<Change, String> {
    let message = format!("`{}` becomes `anyio.fail_after`", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    let (call, bound) = cx.direct_call(use_, api, view)?;
    let at = use_.api == "asyncio.timeout_at";
    let limit = bound
        .get(if at { "when" } else { "delay" })
        .ok_or("there is no timeout")?;
    let (with, index) = item_of(view, call).ok_or(
        "it is made apart from the `async with` that enters it; AnyIO's is another object once it is entered",
    )?;
    check_generator(cx, view, with)?;
    rename(cx, &mut change, view, call, limit, at);
    if !at && crate::common::over::may_be_over(cx, view, limit) {
        change.caveat(
            "a time that is over at once ends in AnyIO what would not have had to wait, too, as an item that is there",
        );
    }
    split(&mut change, view, with, index)?;
    // The code in the block is cancelled: handlers in it must have moved.
    let within = called_within(cx, view.place(with));
    for func in reach.from(within) {
        if let Some(places) = handlers.get(&func) {
            change.requires.extend(places.iter().copied());
        }
    }
    if let Some(places) = handlers.get(&cx.program.function_at(use_.place)) {
        let body = |place: &&Place| with.range().contains_range(place.range);
        change.requires.extend(places.iter().filter(body));
    }
    let place = view.place(call);
    if let Some(cluster) = all.iter().find(|cluster| cluster.sites.contains(&place)) {
        members(cx, &mut change, view, with, limit, cluster)?;
    } else if with.items[index].optional_vars.is_some() {
        return Err("the variable behind `as` can't be followed".to_owned());
    }
    change
        .requires
        .extend(crate::common::timeouts::handlers_to_move(cx));
    Ok(change)
}

/// The `async with` of which the call is an item.
fn item_of<'v>(view: &View<'v>, call: &'v ExprCall) -> Option<(&'v StmtWith, usize)> {
    crate::common::timeouts::item_of(view, call).filter(|(with, _)| with.is_async)
}

/// A scope must not be open over a `yield` of a plain asynchronous generator.
fn check_generator(cx: &Context<'_>, view: &View<'_>, with: &StmtWith) -> Result<(), String> {
    if !own(&with.body).into_iter().any(is_yield) {
        return Ok(());
    }
    let func = cx.program.function_at(view.place(with));
    let managed = definition(cx, func).is_some_and(|(view, def)| {
        def.decorator_list.iter().any(|decorator| {
            cx.api_of(view, &decorator.expression) == Some("contextlib.asynccontextmanager")
        })
    });
    if managed {
        return Ok(());
    }
    Err(
        "there is a `yield` in the block: in AnyIO the timeout would reach into the code that uses the generator"
            .to_owned(),
    )
}

fn rename(
    cx: &Context<'_>,
    change: &mut Change,
    view: &View<'_>,
    call: &ExprCall,
    limit: &Expr,
    at: bool,
) {
    if !at {
        change.edit(Edit::replace(call.func.range(), "{@anyio}.fail_after", &[]));
    } else if cx.anyio_has(4, 15) {
        change.edit(Edit::replace(call.func.range(), "{@anyio}.fail_at", &[]));
    } else {
        change.edit(Edit::replace(call.func.range(), "{@anyio}.fail_after", &[]));
        if !limit.is_none_literal_expr() {
            let atom = crate::common::awaited::can_be_awaited(view, limit)
                || matches!(limit, Expr::BinOp(it) if matches!(
                    it.op,
                    loopshift_python::ast::Operator::Add | loopshift_python::ast::Operator::Sub
                ));
            if !atom {
                change.edit(Edit::insert(limit.start(), "(", &[]));
                change.edit(Edit::insert(limit.end(), ")", &[]));
            }
            change.edit(Edit::insert(limit.end(), " - {@anyio}.current_time()", &[]));
        }
    }
    // The parameter has another name there.
    if let Some(keyword) = call.arguments.keywords.first() {
        change.edit(Edit::delete(TextRange::new(
            keyword.start(),
            keyword.value.start(),
        )));
    }
}

/// Takes the item out of an `async with`, which stays for the other items.
fn split(
    change: &mut Change,
    view: &View<'_>,
    with: &StmtWith,
    index: usize,
) -> Result<(), String> {
    let items = &with.items;
    let item = items.get(index).ok_or("it can't be found")?;
    if let [_] = items.as_slice() {
        let header = TextRange::new(with.start(), item.start());
        let text = view.text(header);
        let end = text.find("with").ok_or("it can't be found")?;
        change.edit(Edit::delete(TextRange::new(
            with.start(),
            with.start() + TextSize::try_from(end).map_err(|_| "the line is too long")?,
        )));
        return Ok(());
    }
    let header = pieces("with {0}:", &[item.range().into()]);
    let (range, gone) = if index == 0 {
        let next = items.get(1).ok_or("it can't be found")?;
        (with.range(), TextRange::new(item.start(), next.start()))
    } else if index + 1 == items.len() {
        let before = items.get(index - 1).ok_or("it can't be found")?;
        let (Some(first), Some(last)) = (with.body.first(), with.body.last()) else {
            return Err("the block is empty".to_owned());
        };
        (
            TextRange::new(first.start(), last.end()),
            TextRange::new(before.end(), item.end()),
        )
    } else {
        return Err(
            "it stands between other items of one `async with`: give it one of its own".to_owned(),
        );
    };
    if has_comment(view, gone) {
        return Err("a comment stands between the items of the `async with`".to_owned());
    }
    change.edit(Edit::Wrap(Wrap {
        range,
        before: Vec::new(),
        header,
        last: Vec::new(),
        after: Vec::new(),
    }));
    change.edit(Edit::delete(gone));
    Ok(())
}

/// Moves what is done with the object behind `as`.
fn members(
    cx: &Context<'_>,
    change: &mut Change,
    view: &View<'_>,
    with: &StmtWith,
    limit: &Expr,
    cluster: &Cluster,
) -> Result<(), String> {
    if let Some((_, reason)) = cluster.escapes.first()
        && !cluster.members.is_empty()
    {
        return Err(format!("the timeout is used elsewhere: {reason}"));
    }
    // Several timeouts under one name: all of them move, or none, and the first takes the members along.
    let here = change.place;
    let mut blocks = vec![view.place(with)];
    for site in &cluster.sites {
        if let Some(view) = cx.view(site.file)
            && let Some(Expr::Call(call)) = view.tree.expr_at(site.range)
            && view.place(&*call.func) != here
        {
            change.requires.push(view.place(&*call.func));
            blocks.extend(item_of(view, call).map(|(with, _)| view.place(with)));
        }
    }
    if cluster
        .sites
        .first()
        .is_some_and(|first| !first.range.contains_range(here.range))
    {
        return Ok(());
    }
    let mut may_be_none = cluster.sites.len() > 1 || !is_time(limit);
    let mut calls = Vec::new();
    for member in &cluster.members {
        let reason = || {
            let name = member.api.rsplit('.').next().unwrap_or_default();
            format!("`{name}` of the timeout is not called in place")
        };
        if !member.only {
            return Err("a variable may hold the timeout or something else".to_owned());
        }
        let other = cx.view(member.place.file).ok_or_else(reason)?;
        let call = other.call_of(member.place.range).ok_or_else(reason)?;
        let Expr::Attribute(attribute) = &*call.func else {
            return Err(reason());
        };
        let name = attribute.attr.as_str();
        if name == "reschedule" && argument(call).is_none_or(|it| !is_time(it)) {
            may_be_none = true;
        }
        calls.push((other, call, attribute));
    }
    for (other, call, attribute) in calls {
        let file = other.file;
        let place = other.place(attribute);
        if file == change.place.file && place == change.place {
            continue;
        }
        let tail = TextRange::new(other.object(attribute).end(), call.end());
        match attribute.attr.as_str() {
            "reschedule" => {
                let value = argument(call).ok_or("`reschedule` is called without a time")?;
                if !is_statement(other, call) {
                    return Err("the value of `reschedule` is used".to_owned());
                }
                let pieces = if value.is_none_literal_expr() {
                    pieces(".deadline = {@math}.inf", &[])
                } else if is_time(value) {
                    pieces(".deadline = {0}", &[value.range().into()])
                } else if crate::common::awaited::is_plain(value) {
                    pieces(
                        ".deadline = {@math}.inf if {0} is None else {0}",
                        &[value.range().into()],
                    )
                } else {
                    return Err("`reschedule` is given a computed time that may be None".to_owned());
                };
                change.edits.push((
                    file,
                    Edit::Replace {
                        range: tail,
                        pieces,
                    },
                ));
            }
            "when" => {
                if may_be_none {
                    if !crate::common::awaited::is_plain(&attribute.value) {
                        return Err("`when` is called on a computed object".to_owned());
                    }
                    let edit = Edit::Replace {
                        range: call.range(),
                        pieces: pieces(
                            "(None if {0}.deadline == {@math}.inf else {0}.deadline)",
                            &[attribute.value.range().into()],
                        ),
                    };
                    change.edits.push((file, edit));
                } else {
                    change
                        .edits
                        .push((file, Edit::replace(tail, ".deadline", &[])));
                }
            }
            "expired" => {
                let inside = blocks
                    .iter()
                    .any(|block| file == block.file && block.range.contains_range(call.range()));
                let func = cx.program.function_at(place);
                let same = blocks
                    .iter()
                    .any(|block| func == cx.program.function_at(*block));
                let text = if inside || !same {
                    ".cancel_called"
                } else {
                    ".cancelled_caught"
                };
                change.edits.push((file, Edit::replace(tail, text, &[])));
            }
            other => return Err(format!("`{other}` of the timeout has no counterpart")),
        }
        change.covers.push(place);
    }
    Ok(())
}

fn argument(call: &ExprCall) -> Option<&Expr> {
    match (&*call.arguments.args, &*call.arguments.keywords) {
        ([value], []) => Some(value),
        ([], [keyword]) => Some(&keyword.value),
        _ => None,
    }
}

/// Whether the expression is a number for sure, and not None.
fn is_time(expr: &Expr) -> bool {
    matches!(expr, Expr::BinOp(_) | Expr::NumberLiteral(_))
}
