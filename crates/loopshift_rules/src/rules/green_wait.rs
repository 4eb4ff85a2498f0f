//! Waiting for several green threads, or ending them, becomes the same for tasks.

mod just_started;

use loopshift_engine::change::Change;
use loopshift_engine::flow::value::Value;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{Comprehension, Expr, ExprCall, Number};
use loopshift_python::edit::{Piece, pieces};

use crate::catalog::Api;
use crate::common::green::{
    Ending, each, ends_later, helper, is_greenlet, items, owners, replace_call,
};
use crate::common::shared::is_statement;
use crate::context::{Bound, Context, View};
use just_started::just_started;

const RULE: &str = "green-wait";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    each(cx, RULE, changes, |use_, api, view| {
        let message = format!("`{}` is one of tasks", use_.api);
        let mut change = Change::new(RULE, use_.place, &*use_.api, message);
        let (call, text) = form(cx, use_, api, view, &mut change)?;
        replace_call(cx, &cx.once(owners), view, call, text, &mut change)?;
        Ok(change)
    });
}

fn form<'c>(
    cx: &Context<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
    change: &mut Change,
) -> Result<(&'c ExprCall, Vec<Piece>), String> {
    let (call, bound) = cx.direct_call(use_, api, view)?;
    let text = match &*use_.api {
        "gevent.joinall" => joinall(cx, view, call, &bound)?,
        "gevent.wait" => match bound.get("objects") {
            None if cx.mentions("hreadpool") || cx.mentions("ThreadPool") => {
                return Err("it waits for threads, too, which are no tasks".to_owned());
            }
            None => {
                change.caveat(
                    "it waits for what waits for ever; a program of green threads ends then",
                );
                with(vec!["await ".into()], "wait_all", &bound, &["timeout"])?
            }
            Some(objects) => {
                let name = if only_greenlets(cx, view, objects)? {
                    "wait"
                } else {
                    "wait_objects"
                };
                let arguments = ["objects", "timeout", "count"];
                with(vec!["await ".into()], name, &bound, &arguments)?
            }
        },
        "gevent.iwait" => {
            let objects = bound.get("objects").ok_or("it is given nothing")?;
            let name = if only_greenlets(cx, view, objects)? {
                "iwait"
            } else {
                "iwait_objects"
            };
            let arguments = ["objects", "timeout", "count"];
            with(Vec::new(), name, &bound, &arguments)?
        }
        "gevent.killall" => {
            plain_exit(cx, view, &bound)?;
            let ending = cx.once(Ending::new);
            ending.caveat(cx, view, call, change);
            let helper = ending.kill_all().ok_or("a helper is missing")?;
            let mut text: Vec<Piece> = vec!["await ".into(), Piece::Helper(helper), "(".into()];
            text.extend(arguments(&bound, &["greenlets", "block", "timeout"]));
            text.push(")".into());
            text
        }
        "gevent.kill" => {
            plain_exit(cx, view, &bound)?;
            let ending = cx.once(Ending::new);
            ending.caveat(cx, view, call, change);
            let greenlet = bound.get("greenlet").ok_or("it is given nothing")?;
            ends_later(cx, view, greenlet)?;
            ending.end(greenlet).ok_or("a helper is missing")?
        }
        _ => return Err("it has no counterpart".to_owned()),
    };
    Ok((call, text))
}

/// `joinall`: where nobody looks at the result, and one of the green threads has just been started, asyncio has it.
fn joinall(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    bound: &Bound<'_>,
) -> Result<Vec<Piece>, String> {
    let greenlets = bound.get("greenlets").ok_or("it is given nothing")?;
    if !only_tasks(cx, view, greenlets) {
        return Err("it waits for more than green threads".to_owned());
    }
    if !bound.only(&["greenlets", "timeout"]) {
        let arguments = ["greenlets", "timeout", "count", "raise_error"];
        return with(vec!["await ".into()], "wait", bound, &arguments);
    }
    let named = ["greenlets", "timeout"];
    if !is_statement(view, call) {
        return with(vec!["await ".into()], "joined", bound, &named);
    }
    if starts_one(cx, view, greenlets) || just_started(cx, view, call, greenlets) {
        let mut text = pieces("await {@asyncio}.wait(", &[]);
        text.extend(arguments(bound, &named));
        text.push(")".into());
        return Ok(text);
    }
    with(vec!["await ".into()], "joinall", bound, &named)
}

/// Whether nothing else than green threads is known to be in a list: an event is no task.
fn only_tasks(cx: &Context<'_>, view: &View<'_>, list: &Expr) -> bool {
    let held = items(cx, cx.program.node_at(view.place(list)));
    let is_task = |value| match value {
        Value::Object(class, _) => {
            let name = cx.program.flow.text(class);
            is_greenlet(cx, value)
                || cx
                    .catalog
                    .get(name)
                    .is_none_or(|row| !cx.recipe.moves(&row.name))
        }
        _ => true,
    };
    held.into_iter().all(is_task)
}

/// Whether a list is written out there, and something in it starts a green thread.
fn starts_one(cx: &Context<'_>, view: &View<'_>, list: &Expr) -> bool {
    let starts = |item: &Expr| starts(cx, view, item);
    match list {
        Expr::List(list) => list.elts.iter().any(starts),
        Expr::ListComp(list) => {
            let has_turns = |it: &Comprehension| {
                it.ifs.is_empty() && !it.is_async && has_items(cx, view, &it.iter)
            };
            starts(&list.elt) && list.generators.iter().all(has_turns)
        }
        _ => false,
    }
}

/// Whether an expression is a call that starts a green thread.
fn starts(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    let Expr::Call(call) = expr else { return false };
    let name = cx.api_of(view, &call.func);
    let row = name.and_then(|name| cx.catalog.get(name));
    row.is_some_and(|row| row.rule.as_deref() == Some("green-spawn"))
}

/// Whether what is written there has at least one item.
fn has_items(cx: &Context<'_>, view: &View<'_>, items: &Expr) -> bool {
    match items {
        Expr::List(list) => list.elts.iter().any(|it| !it.is_starred_expr()),
        Expr::Tuple(tuple) => tuple.elts.iter().any(|it| !it.is_starred_expr()),
        Expr::StringLiteral(text) => !text.value.is_empty(),
        Expr::Call(call) => {
            let number = |it: &Expr| match it {
                Expr::NumberLiteral(number) => match &number.value {
                    Number::Int(value) => value.as_i64(),
                    _ => None,
                },
                _ => None,
            };
            let numbers: Option<Vec<i64>> = call.arguments.args.iter().map(number).collect();
            let is_range = cx.api_of(view, &call.func) == Some("<builtin>.range");
            is_range
                && call.arguments.keywords.is_empty()
                && match numbers.as_deref() {
                    Some([end]) => *end > 0,
                    Some([start, end]) => start < end,
                    _ => false,
                }
        }
        _ => false,
    }
}

/// A call of a helper: the first argument by its place, the others by their names.
fn with(
    mut text: Vec<Piece>,
    name: &str,
    bound: &Bound<'_>,
    names: &[&str],
) -> Result<Vec<Piece>, String> {
    let helper = helper(name).ok_or("a helper is missing")?;
    text.push(Piece::Helper(helper));
    text.push("(".into());
    text.extend(arguments(bound, names));
    text.push(")".into());
    Ok(text)
}

fn arguments(bound: &Bound<'_>, names: &[&str]) -> Vec<Piece> {
    let mut text: Vec<Piece> = Vec::new();
    for name in names {
        let Some(value) = bound.get(name) else {
            continue;
        };
        if !text.is_empty() {
            text.push(", ".into());
        }
        let is_list = matches!(*name, "greenlets" | "objects");
        if !is_list {
            text.push(format!("{name}=").into());
        }
        text.push(Piece::Source(value.range()));
    }
    text
}

/// A member of what an expression gives, in brackets where the expression needs them.
pub(crate) fn receiver(expr: &Expr, member: &'static str) -> Vec<Piece> {
    let is_primary = matches!(
        expr,
        Expr::Name(_) | Expr::Attribute(_) | Expr::Call(_) | Expr::Subscript(_)
    );
    if is_primary {
        return vec![Piece::Source(expr.range()), member.into()];
    }
    vec![
        "(".into(),
        Piece::Source(expr.range()),
        ")".into(),
        member.into(),
    ]
}

/// Whether nothing else than green threads is waited for.
///
/// # Errors
/// Where what is waited for may neither be that, nor an event or a result.
fn only_greenlets(cx: &Context<'_>, view: &View<'_>, objects: &Expr) -> Result<bool, String> {
    let items = items(cx, cx.program.node_at(view.place(objects)));
    let has_wait = |value: &Value| match value {
        Value::Object(class, _) => {
            let class = cx.program.flow.text(*class);
            matches!(class, "gevent.event.Event" | "gevent.event.AsyncResult")
        }
        _ => false,
    };
    let is_green = |value: &Value| is_greenlet(cx, *value);
    if items.is_empty() || !items.iter().all(|value| is_green(value) || has_wait(value)) {
        return Err(
            "it may wait for something else than green threads, events and results".to_owned(),
        );
    }
    Ok(items.iter().all(is_green))
}

/// That a kill raises nothing else than usual: a task can only be cancelled.
pub(crate) fn plain_exit(
    cx: &Context<'_>,
    view: &View<'_>,
    bound: &Bound<'_>,
) -> Result<(), String> {
    let Some(given) = bound.get("exception") else {
        return Ok(());
    };
    let class = match given {
        Expr::Call(call) => &*call.func,
        other => other,
    };
    let name = cx
        .api_of(view, class)
        .map(|name| cx.catalog.canonical(name));
    if name.is_some_and(|name| name.ends_with(".GreenletExit")) {
        return Ok(());
    }
    Err(
        "it raises an exception of its own in the green thread; a task can only be cancelled"
            .to_owned(),
    )
}
