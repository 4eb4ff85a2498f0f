//! What a task runs: the coroutine of a function that is handed to what starts it.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::facts::Colour;
use loopshift_engine::flow::value::Value;
use loopshift_engine::flow::{MroEntry, Target};
use loopshift_engine::graph::{callees, unwrapped};
use loopshift_engine::ir::{ClassId, FuncId};
use loopshift_python::ast::{Expr, ExprCall};
use loopshift_python::edit::{Piece, pieces};
use loopshift_python::stdlib::is_stdlib;
use loopshift_python::{Ranged, TextRange};

use super::{awaits, helper, is_awaited, is_coloured, is_only, waits};
use crate::catalog::{self, Api};
use crate::common::arguments::inside;
use crate::common::rows;
use crate::common::shared::constant_number;
use crate::context::{Context, View};
use crate::recipe::root;
use crate::rules::green_blocking::{becomes_threaded, threaded};
use crate::rules::green_colour::{Lambda, becomes_of, lambda_of};

/// The coroutine that the task runs: `f(x)` for `spawn(f, x)`. Where `is_later`, the first argument is a time, after
/// which it is called.
///
/// # Errors
/// Why there is none, in words for the user.
pub(crate) fn coroutine(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    is_later: bool,
) -> Result<Vec<Piece>, String> {
    if !is_later {
        return coroutine_from(cx, view, call, 0);
    }
    let seconds = &call.arguments.args[0];
    let known = constant_number(view, seconds);
    // In eventlet no time is none: it starts with those that are started around it.
    let may_be_now = known.is_none_or(|it| it <= 0.0) && is_of(cx, view, call, "eventlet");
    if may_be_now && known.is_some() {
        return coroutine_from(cx, view, call, 1);
    }
    let later = if may_be_now { "later_or_now" } else { "later" };
    let (function, rest) = arguments(view, call, 1)?;
    let mut out = vec![
        Piece::Helper(helper(later).ok_or("a helper is missing")?),
        "(".into(),
        Piece::Source(seconds.range()),
        ", ".into(),
    ];
    let runs = match of_library(cx, view, call, 1) {
        Some(Counterpart::Function { is_async }) => Runs::of(is_async),
        Some(Counterpart::Kill(task)) => {
            let kill = helper("kill").ok_or("a helper is missing")?;
            out.extend([Piece::Helper(kill), ", ".into(), task.into(), ")".into()]);
            return Ok(out);
        }
        _ => runs(cx, view, function)?,
    };
    if let Some(call) = runs.caller() {
        let call = helper(call).ok_or("a helper is missing")?;
        out.extend([Piece::Helper(call), ", ".into()]);
    }
    out.push(Piece::Source(function.range()));
    out.extend(
        rest.into_iter()
            .flat_map(|rest| [", ".into(), Piece::Source(rest)]),
    );
    out.push(")".into());
    Ok(out)
}

/// Whether a call is one of a function of a library.
fn is_of(cx: &Context<'_>, view: &View<'_>, call: &ExprCall, library: &str) -> bool {
    let mut values = cx.program.values_at(view.place(&*call.func));
    values.any(|value| match value {
        Value::External(sym) => root(cx.program.flow.text(sym)) == library,
        _ => false,
    })
}

/// The coroutine of the function that is argument `skip` of a call, with the arguments behind it.
///
/// # Errors
/// Why there is none, in words for the user.
pub(crate) fn coroutine_from(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    skip: usize,
) -> Result<Vec<Piece>, String> {
    let (function, rest) = arguments(view, call, skip)?;
    let runs = match of_library(cx, view, call, skip) {
        Some(Counterpart::Call(text)) => return Ok(text),
        Some(Counterpart::Function { is_async }) => Runs::of(is_async),
        Some(Counterpart::Kill(task)) => {
            let kill = helper("kill").ok_or("a helper is missing")?;
            return Ok(vec![
                Piece::Helper(kill),
                "(".into(),
                task.into(),
                ")".into(),
            ]);
        }
        None => runs(cx, view, function)?,
    };
    let mut out = Vec::new();
    if let Some(function) = threaded(cx, view, function) {
        out.extend(pieces("{@asyncio}.to_thread(", &[]));
        out.extend(function);
        out.extend(rest.map(|_| ", ".into()));
    } else if let Some(call) = runs.caller() {
        let call = helper(call).ok_or("a helper is missing")?;
        out.extend([
            Piece::Helper(call),
            "(".into(),
            Piece::Source(function.range()),
        ]);
        out.extend(rest.map(|_| ", ".into()));
    } else if stays_lambda(cx, view, function) || is_awaited(cx, view, function) {
        out.extend(["(".into(), Piece::Source(function.range()), ")(".into()]);
    } else {
        out.extend([Piece::Source(function.range()), "(".into()]);
    }
    out.extend(rest.map(Piece::Source));
    out.push(")".into());
    Ok(out)
}

/// Whether the function is a lambda that stays one.
fn stays_lambda(cx: &Context<'_>, view: &View<'_>, function: &Expr) -> bool {
    let mut values = cx.program.values_at(view.place(function));
    function.is_lambda_expr()
        && values.any(|value| match value {
            Value::Func(func) => lambda_of(cx, func).is_some_and(|(view, it)| {
                let becomes = becomes_of(cx, func, it, view);
                matches!(becomes, Lambda::Stays | Lambda::Calls)
            }),
            _ => false,
        })
}

/// The function that is argument `skip` of a call, and what is written behind it.
fn arguments<'v>(
    view: &View<'_>,
    call: &'v ExprCall,
    skip: usize,
) -> Result<(&'v Expr, Option<TextRange>), String> {
    let arguments = &call.arguments;
    let starred = (arguments.args.iter().take(skip + 1)).find(|it| it.is_starred_expr());
    if let Some(starred) = starred {
        let (all, called) = (view.text(starred.range()), view.text(call.func.range()));
        return Err(format!(
            "the function that it runs is somewhere in `{all}`, and it is not known which one it is: give it an argument of its own, as in `{called}(function, {all})`"
        ));
    }
    let function = arguments
        .args
        .get(skip)
        .ok_or("the function is not its plain argument")?;
    let next = arguments
        .args
        .get(skip + 1)
        .map(Ranged::start)
        .into_iter()
        .chain(arguments.keywords.iter().map(Ranged::start))
        .min();
    let rest = next.map(|start| TextRange::new(start, inside(call).end()));
    Ok((function, rest.filter(|rest| !rest.is_empty())))
}

/// What becomes of a function or method of a library that is moved, where it is handed over to be run.
enum Counterpart {
    /// It keeps its name.
    Function { is_async: bool },
    /// The coroutine of its call: `asyncio.sleep(1)`.
    Call(Vec<Piece>),
    /// The end of a task.
    Kill(TextRange),
}

fn of_library(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    skip: usize,
) -> Option<Counterpart> {
    let function = call.arguments.args.get(skip)?;
    let place = view.place(function);
    let use_ = cx
        .uses
        .iter()
        .find(|use_| use_.place == place && is_only(cx, use_))?;
    let api = cx
        .catalog
        .get(&use_.api)
        .filter(|api| cx.recipe.moves(&use_.api) || has_form(cx, api))?;
    let receiver = match function {
        Expr::Attribute(it) if use_.member => Some(it),
        _ => None,
    };
    let object = receiver.map(|it| it.value.range());
    let alone = call.arguments.args.len() == skip + 1 && call.arguments.keywords.is_empty();
    if let (Some(task), "gevent.Greenlet.kill", true) = (object, &*api.name, alone) {
        return Some(Counterpart::Kill(task));
    }
    // The objects in its place have it by the same name.
    if object.is_some() && api.rule.as_deref() == Some("green-lock") && !waits(api) {
        return Some(Counterpart::Function { is_async: false });
    }
    if let (Some(pool), "eventlet.GreenPool.spawn" | "eventlet.GreenPool.spawn_n") =
        (object, &*api.name)
    {
        let method = api.name.rsplit('.').next()?;
        let mut text = vec![Piece::Source(pool), format!(".{method}(").into()];
        text.extend(coroutine_from(cx, view, call, skip + 1).ok()?);
        text.push(")".into());
        return Some(Counterpart::Call(text));
    }
    let mut text = rows::called_later(cx, api, object, call, skip + 1)?;
    let is_async = awaits(&text);
    if let Some(Piece::Text(first)) = text.first_mut() {
        *first = first.trim_start_matches("await ").to_owned().into();
    }
    let name = receiver.map(|it| format!(".{}(", it.attr));
    let keeps_name = text.iter().find_map(|piece| match piece {
        Piece::Text(text) if !text.is_empty() => {
            Some(Some(text.trim_end_matches(')')) == name.as_deref())
        }
        _ => None,
    });
    if keeps_name == Some(true) {
        return Some(Counterpart::Function { is_async });
    }
    is_async.then_some(Counterpart::Call(text))
}

/// Whether it blocks, and asyncio has a function of its own for it.
fn has_form(cx: &Context<'_>, api: &Api) -> bool {
    !api.forms(catalog::Target::Asyncio).is_empty() && becomes_threaded(cx, api)
}

/// The place of the function that a call is handed to run, for the change that speaks for it. Of a server the rule speaks
/// that knows what it can be given.
pub(crate) fn handed(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    is_later: bool,
) -> Option<Place> {
    let place = view.place(call.arguments.args.get(usize::from(is_later))?);
    let is_server = cx.uses.iter().any(|use_| {
        let row = cx.catalog.get(&use_.api).filter(|_| use_.place == place);
        let rule = row.and_then(|row| row.rule.as_deref());
        matches!(rule, Some("green-wsgi" | "green-server"))
    });
    (!is_server).then_some(place)
}

/// What a task runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Runs {
    /// Coroutine functions.
    Waiting,
    /// Plain functions.
    Plain,
    /// Some of both.
    Either,
}

impl Runs {
    fn of(is_async: bool) -> Self {
        if is_async { Runs::Waiting } else { Runs::Plain }
    }

    /// The helper that makes a coroutine of its call, where it gives none itself.
    fn caller(self) -> Option<&'static str> {
        match self {
            Runs::Waiting => None,
            Runs::Plain => Some("call"),
            Runs::Either => Some("call_either"),
        }
    }
}

/// Whether what is run is async after the migration.
///
/// # Errors
/// Where it is not known what is run, or where it is some of both, in words for the user.
pub(crate) fn becomes_async(
    cx: &Context<'_>,
    view: &View<'_>,
    function: &Expr,
) -> Result<bool, String> {
    match runs(cx, view, function)? {
        Runs::Waiting => Ok(true),
        Runs::Plain => Ok(false),
        Runs::Either => Err("it runs functions of which some wait and some don't".to_owned()),
    }
}

/// What is run, where a task is made of it.
///
/// # Errors
/// As of [`becomes_async`].
fn runs(cx: &Context<'_>, view: &View<'_>, function: &Expr) -> Result<Runs, String> {
    let mut answers = BTreeSet::new();
    let values = cx.program.values_at(view.place(function));
    for value in unwrapped(&cx.program.flow, values) {
        let unknown = || unknown(view, function);
        let targets = match value {
            Value::Instance(class) => called(cx, class).into_iter().map(Target::Func).collect(),
            _ => callees(&cx.program.flow, value),
        };
        if targets.is_empty() && !matches!(value, Value::Class(_)) {
            return Err(unknown());
        }
        answers.extend(targets.is_empty().then_some(false));
        for target in targets {
            answers.insert(match target {
                Target::Func(func) if matches!(value, Value::Class(_)) && is_coloured(cx, func) => {
                    return Err("it makes an object, which waits".to_owned());
                }
                Target::Func(func) => match cx.facts().colour(func) {
                    Colour::Async | Colour::Becomes(_) => true,
                    Colour::Sync | Colour::Enters(_) | Colour::Behind(_) => false,
                    Colour::Outside(_) => {
                        let name = cx.program.qualified_name(func);
                        return Err(format!("`{name}` stays a function for green threads"));
                    }
                    Colour::Unknown(reason) => {
                        let name = cx.program.qualified_name(func);
                        return Err(format!("`{name}` would have to be async: {reason}"));
                    }
                },
                Target::External(sym) => {
                    let name = cx.program.flow.text(sym);
                    // What takes its place is a coroutine function.
                    let becomes = |api: &Api| becomes_coroutine(api) || becomes_threaded(cx, api);
                    if cx.catalog.get(name).is_some_and(becomes) {
                        answers.insert(true);
                        continue;
                    }
                    // What takes its place is a plain function, too.
                    let stays_plain = |api: &Api| {
                        let has_form = !api.forms(catalog::Target::Asyncio).is_empty();
                        !waits(api) && (has_form || keeps_names(api))
                    };
                    if may_wait(cx, name) && !cx.catalog.get(name).is_some_and(stays_plain) {
                        return Err(format!(
                            "it runs `{name}`, which is no function of the program"
                        ));
                    }
                    false
                }
            });
        }
    }
    match answers.into_iter().collect::<Vec<_>>()[..] {
        [one] => Ok(Runs::of(one)),
        [] => Err(unknown(view, function)),
        _ => Ok(Runs::Either),
    }
}

/// That nothing tells what is run.
fn unknown(view: &View<'_>, function: &Expr) -> String {
    format!(
        "it is not known which function it runs: nothing that is seen says what `{}` may be; a function of the program that calls it, where it can be seen which one that is, could be started instead",
        view.text(function.range())
    )
}

/// Whether a function of a library may wait, or is moved itself. What the standard library has without a row does not.
fn may_wait(cx: &Context<'_>, name: &str) -> bool {
    match cx.catalog.get(name) {
        // What blocked all green threads blocks all tasks.
        Some(api) => {
            let library = if super::is_of_eventlet(cx, name) {
                "eventlet"
            } else {
                "gevent"
            };
            let cooperative = api.cooperative.iter().any(|it| **it == *library);
            api.suspends || cooperative || cx.recipe.moves(name)
        }
        None => !name.starts_with("<builtin>.") && !is_stdlib(root(name)),
    }
}

/// That a function which is handed to what runs it as a task is none of a library that would block all tasks.
///
/// # Errors
/// Where it may be one, in words for the user.
pub(crate) fn runs_no_library(
    cx: &Context<'_>,
    view: &View<'_>,
    function: &Expr,
) -> Result<(), String> {
    for value in cx.program.values_at(view.place(function)) {
        let (Value::External(sym) | Value::ExternalBound(sym, _)) = value else {
            continue;
        };
        let name = cx.program.flow.text(sym);
        let moved = |api: &Api| becomes_coroutine(api) || becomes_threaded(cx, api);
        let is_sleep = cx.recipe.moves(name) || name == "time.sleep";
        if may_wait(cx, name) && !is_sleep && !cx.catalog.get(name).is_some_and(moved) {
            return Err(format!("it runs `{name}`, which would block all tasks"));
        }
    }
    Ok(())
}

/// Whether the rules of queues, sockets and servers put an async function in the place of the API.
fn becomes_coroutine(api: &Api) -> bool {
    waits(api) && keeps_names(api)
}

/// Whether it is one of queues, sockets and servers, whose methods keep their names.
fn keeps_names(api: &Api) -> bool {
    let rules = ["green-queue", "green-server", "green-socket", "green-wsgi"];
    let rule = api.rule.as_deref();
    api.why_not.is_none() && rule.is_some_and(|rule| rules.contains(&rule))
}

/// The method `__call__` of a class of the program.
pub(crate) fn called(cx: &Context<'_>, class: ClassId) -> Option<FuncId> {
    method(cx, class, ".__call__")
}

/// The method of a class, or of a base in the program, whose qualified name ends so.
pub(crate) fn method(cx: &Context<'_>, class: ClassId, end: &str) -> Option<FuncId> {
    let bases = cx.program.flow.mro.get(class.0 as usize)?;
    bases.iter().find_map(|entry| match entry {
        MroEntry::Class(base) => (cx.program.methods(*base).iter().copied())
            .find(|func| cx.program.function(*func).qualname.ends_with(end)),
        MroEntry::External(_) => None,
    })
}
