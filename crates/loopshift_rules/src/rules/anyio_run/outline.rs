//! Plain code that works with an event loop between its runs: `tasks = [loop.create_task(f(x)) for x in xs]`, and then
//! `loop.run_until_complete(asyncio.wait(tasks))`. It becomes the body of an `async def`, which `anyio.run` runs: what is in
//! it moves in the next round.

mod names;

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{FuncId, FunctionKind};
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Stmt};
use loopshift_python::edit::{Edit, Piece, Wrap, pieces};
use loopshift_python::{Ranged, TextRange, TextSize};
use rustc_hash::FxHashSet;

use self::names::{Shared, shared};
use super::RULE;
use super::entry::{Several, call_at, delete, is_shutdown, of_running, resets, whole_statement};
use super::several::{Run, clean_up, ends_tasks};
use crate::common::arguments::without;
use crate::common::awaited::coroutines;
use crate::common::code::{Reach, called_within, definition, is_in_loop};
use crate::common::green::{awaiting, blank_lines, main_name};
use crate::common::loops::LoopObjects;
use crate::common::order::{Order, effects};
use crate::context::{Context, View};
use crate::rules::anyio_tasks::suites::{self, hull};

/// What makes tasks that run as soon as the loop does.
pub(super) const MAKING: &[&str] = &[
    "asyncio.create_task",
    "asyncio.ensure_future",
    "asyncio.AbstractEventLoop.create_task",
];

/// What waits for several, and belongs to the loop from where it is called.
const WAITING: &[&str] = &[
    "asyncio.gather",
    "asyncio.wait",
    "asyncio.wait_for",
    "asyncio.shield",
    "asyncio.as_completed",
];

/// What runs an event loop.
const RUNNING: &[&str] = &[
    "anyio.run",
    "asyncio.run",
    "asyncio.Runner.run",
    "asyncio.AbstractEventLoop.run_forever",
    "asyncio.AbstractEventLoop.run_until_complete",
];

/// What asks for the loop that runs, or for its tasks.
const ASKING: &[&str] = &[
    "asyncio.all_tasks",
    "asyncio.current_task",
    "asyncio.get_running_loop",
];

/// The members that go with the loop.
const GOING: &[&str] = &[
    "asyncio.AbstractEventLoop.close",
    "asyncio.AbstractEventLoop.shutdown_asyncgens",
    "asyncio.AbstractEventLoop.shutdown_default_executor",
];

/// Members that mean something else while the loop runs.
pub(super) const OUTER: &[&str] = &[
    "asyncio.AbstractEventLoop.is_closed",
    "asyncio.AbstractEventLoop.is_running",
    "asyncio.AbstractEventLoop.run_forever",
    "asyncio.AbstractEventLoop.stop",
];

/// The statements that become a function.
struct Stretch<'c> {
    view: &'c View<'c>,
    run: suites::Run<'c>,
    /// The function they stand in.
    owner: FuncId,
    /// Whether that is a module.
    is_module: bool,
}

/// Puts all code that works with the loop into a function that `anyio.run` runs. `runs` are those of the loop, and of others in
/// the same functions.
///
/// # Errors
/// Why that can't be done.
pub(super) fn outlined(
    cx: &Context<'_>,
    objects: &LoopObjects,
    runs: &[&Run],
    several: &Several<'_>,
) -> Result<Change, String> {
    let order = &several.order;
    if objects.obstacle.is_some() && !objects.is_only_named {
        return Err("the event loop goes elsewhere".to_owned());
    }
    let [(source, api)] = &objects.sources[..] else {
        return Err("the event loop comes from several places".to_owned());
    };
    let (view, _) = call_at(cx, *source)?;
    let owner = cx.program.function_at(*source);
    let here = |place: &Place| cx.program.function_at(*place) == owner;
    let is_inside = |place: &Place| several.inside.contains(place);
    let mut used = objects.members.iter().chain(&objects.handed);
    if !used.all(|(place, _)| here(place) || is_inside(place))
        || !runs.iter().all(|run| here(&run.place))
    {
        return Err("the event loop is used in several functions".to_owned());
    }
    let mut going: Vec<Place> = Vec::new();
    for (place, api) in &objects.handed {
        if api != "asyncio.set_event_loop" {
            return Err("the event loop is used from a thread".to_owned());
        }
        going.push(whole_statement(cx, *place)?);
    }
    let name = variable(view, objects)?;
    going.extend(&objects.holding);
    let mut anchors: Vec<TextRange> = objects.named.iter().map(|it| it.range).collect();
    let (mut started, mut needs_loop) = (Vec::new(), false);
    for (place, api) in &objects.members {
        match api.as_str() {
            _ if is_inside(place) => {}
            api if OUTER.contains(&api) => return Err("the loop is asked from outside".to_owned()),
            "asyncio.AbstractEventLoop.close" => going.push(whole_statement(cx, *place)?),
            api if GOING.contains(&api) => {}
            "asyncio.AbstractEventLoop.run_until_complete" if is_shutdown(cx, *place) => {
                going.push(whole_statement(cx, *place)?);
            }
            "asyncio.AbstractEventLoop.run_until_complete" => {
                started.push(*place);
                anchors.push(place.range);
            }
            _ => {
                needs_loop = true;
                anchors.push(place.range);
            }
        }
    }
    for use_ in cx.uses {
        let api = &&*use_.api;
        let after = use_.place.file == source.file && use_.place.range.start() > source.range.end();
        if after && here(&use_.place) && (MAKING.contains(api) || WAITING.contains(api)) {
            anchors.push(use_.place.range);
        }
    }
    let ends = started.iter().filter_map(|run| view.call_of(run.range));
    let Some(end) = ends.map(Ranged::end).max() else {
        return Err("the event loop runs nothing".to_owned());
    };
    if anchors.iter().any(|anchor| anchor.start() > end) {
        return Err("something is put into the event loop behind its last run".to_owned());
    }
    let (stretch, names) = stretch(cx, view, owner, anchors, &going)?;
    let range = stretch.run.range();
    is_alone(cx, &stretch, objects)?;
    catches_no_interrupt(&stretch)?;
    let mut change = Change::new(
        RULE,
        *source,
        api.clone(),
        "what works with the event loop made by hand becomes a function for `anyio.run`",
    );
    of_running(cx, objects, several, &mut change)?;
    resets(cx, &started, &mut going, &mut change);
    for place in &started {
        await_run(cx, &stretch, *place, &started, runs, order, &mut change)?;
    }
    for place in &objects.named {
        change.edit(unnamed(view, *place)?);
    }
    let left = runs.iter().any(|run| ends_tasks(cx, order, run));
    let mut unwaited = unwaited(cx, &stretch, &started, range.end());
    if left || unwaited.any(|runs| runs.is_none_or(|runs| runs.is_empty() || clean_up(cx, runs))) {
        change.caveat(
            "tasks that are left at the end are cancelled, as by `asyncio.run`, and clean up",
        );
    }
    let mut lines: Vec<Piece> = Vec::new();
    for (keyword, names) in names.lines {
        lines.push(format!("{keyword} {names}\n").into());
    }
    if needs_loop {
        let name = name.ok_or("the event loop has no name")?;
        lines.push(format!("{name} = ").into());
        lines.extend(pieces("{@asyncio}.get_running_loop()\n", &[]));
    }
    wrap(&stretch, lines, &mut change)?;
    delete(cx, going, &mut change);
    let inner = cx.uses.iter().filter(|it| {
        it.place.file == view.file && range.contains_range(it.place.range) && here(&it.place)
    });
    let known = [MAKING, WAITING].concat();
    change.covers.extend(
        inner
            .filter(|it| known.contains(&&*it.api))
            .map(|it| it.place),
    );
    Ok(change)
}

/// The variable that holds the loop.
fn variable<'c>(view: &View<'c>, objects: &LoopObjects) -> Result<Option<&'c str>, String> {
    let several = || "the event loop is held in several places".to_owned();
    match &objects.holding[..] {
        [] => Ok(None),
        [one] => match view.tree.enclosing_statement(one.range) {
            Some(Stmt::Assign(it)) => match &it.targets[..] {
                [Expr::Name(name)] => Ok(Some(view.text(name.range()))),
                _ => Err(several()),
            },
            _ => Err(several()),
        },
        _ => Err(several()),
    }
}

/// The smallest run of statements around all anchors that can be a function, and the names that it shares with the rest.
fn stretch<'c>(
    cx: &'c Context<'_>,
    view: &'c View<'c>,
    owner: FuncId,
    mut anchors: Vec<TextRange>,
    going: &[Place],
) -> Result<(Stretch<'c>, Shared), String> {
    let function = cx.program.function(owner);
    if function.is_async || function.is_generator || function.kind == FunctionKind::Lambda {
        return Err("it runs where an event loop runs already".to_owned());
    }
    let is_module = function.kind == FunctionKind::Module;
    let body: &[Stmt] = if is_module {
        &view.parsed.syntax().body
    } else {
        let (_, def) = definition(cx, owner).ok_or("the function can't be found")?;
        &def.body
    };
    // A `try` whose `finally` closes the loop belongs to it as a whole.
    for gone in going {
        let stmt = view.tree.enclosing_statement(gone.range);
        if let Some(AnyNodeRef::StmtTry(it)) = stmt.and_then(|stmt| view.tree.parent(stmt))
            && it.finalbody.iter().any(|stmt| stmt.range() == gone.range)
            && (anchors.iter()).any(|anchor| it.range().contains_range(*anchor))
        {
            anchors.push(it.range());
        }
    }
    let mut run = hull(body, &anchors).ok_or("what uses the event loop has no block in common")?;
    let mut is_tail = std::ptr::eq(run.suite, body) && run.end == body.len();
    let mut names = shared(cx, view, run.range(), is_module, going)?;
    if names.needs_rest && !is_module && std::ptr::eq(run.suite, body) {
        run.end = body.len();
        is_tail = true;
        names = shared(cx, view, run.range(), is_module, going)?;
    }
    if names.needs_rest {
        return Err("what is set there is read elsewhere".to_owned());
    }
    let defines = |stmt: &Stmt| {
        stmt.is_function_def_stmt()
            || stmt.is_class_def_stmt()
            || stmt.is_import_stmt()
            || stmt.is_import_from_stmt()
    };
    if is_module && run.stmts().iter().any(defines) {
        return Err("what the module defines stands between what uses the event loop".to_owned());
    }
    let range = run.range();
    if is_in_loop(view, range) {
        return Err("the event loop is used again and again".to_owned());
    }
    view.can_wrap(range).map_err(str::to_owned)?;
    let stretch = Stretch {
        view,
        run,
        owner,
        is_module,
    };
    if stretch.returns() && !is_tail {
        return Err("it returns from the midst of what uses the event loop".to_owned());
    }
    Ok((stretch, names))
}

impl Stretch<'_> {
    /// Whether a `return` of the function stands in it.
    fn returns(&self) -> bool {
        let mut nodes = self.view.tree.nodes_within(self.run.range());
        nodes.any(|node| {
            let AnyNodeRef::StmtReturn(it) = node else {
                return false;
            };
            let inner = self.view.tree.enclosing_function(it.range());
            inner.is_some_and(|it| it.range().contains_range(self.run.range()))
        })
    }
}

/// Ctrl-C raises in what stands around a run, and cancels what runs: a handler can't go inside.
fn catches_no_interrupt(stretch: &Stretch<'_>) -> Result<(), String> {
    let view = stretch.view;
    let mut nodes = view.tree.nodes_within(stretch.run.range());
    let catches = nodes.any(|node| {
        let AnyNodeRef::ExceptHandlerExceptHandler(it) = node else {
            return false;
        };
        let kept = |class: &str| !["KeyboardInterrupt", "BaseException"].contains(&class);
        match it.type_.as_deref() {
            None => true,
            Some(Expr::Tuple(classes)) => {
                !classes.elts.iter().all(|it| kept(view.text(it.range())))
            }
            Some(class) => !kept(view.text(class.range())),
        }
    });
    if catches {
        return Err("Ctrl-C is handled there, which raises outside of what runs".to_owned());
    }
    Ok(())
}

/// Whether nothing else runs an event loop in the statements, nor in what they call, and nothing there asks for one.
fn is_alone(cx: &Context<'_>, stretch: &Stretch<'_>, objects: &LoopObjects) -> Result<(), String> {
    let range = stretch.run.range();
    let reach = cx.once(Reach::new);
    let reached = reach.from(called_within(cx, stretch.view.place(range)));
    for use_ in cx.uses {
        let own = objects.members.iter().any(|(it, _)| *it == use_.place);
        let owner = cx.program.function_at(use_.place);
        let asks = ASKING.contains(&&*use_.api) && !cx.program.function(owner).is_async;
        if own || !asks && !RUNNING.contains(&&*use_.api) {
            continue;
        }
        let inside = use_.place.file == stretch.view.file && range.contains_range(use_.place.range);
        if inside || reached.contains(&owner) {
            return Err(
                "what is called there asks for an event loop, or runs one of its own".to_owned(),
            );
        }
    }
    Ok(())
}

/// `loop.run_until_complete(x)` becomes `await x`. A coroutine gets a task where others have been made before: they begin first.
/// Where others go on behind it, those that are ready when it ends run before what stands behind it.
fn await_run(
    cx: &Context<'_>,
    stretch: &Stretch<'_>,
    place: Place,
    started: &[Place],
    runs: &[&Run],
    order: &Order<'_>,
    change: &mut Change,
) -> Result<(), String> {
    let (view, owner, range) = (stretch.view, stretch.owner, stretch.run.range());
    let (_, call) = call_at(cx, place)?;
    let ([main], true) = (&*call.arguments.args, call.arguments.keywords.is_empty()) else {
        return Err("it is not known what it runs".to_owned());
    };
    let in_generator = |node: AnyNodeRef<'_>| node.is_expr_generator();
    if (view.tree.around(call.range()))
        .take_while(|node| node.as_stmt_ref().is_none())
        .any(in_generator)
    {
        return Err("it runs within a generator".to_owned());
    }
    let again = is_in_loop(view, call.range());
    let made = cx.uses.iter().any(|it| {
        let member = it.api.strip_prefix("asyncio.AbstractEventLoop.");
        let of_loop = member.is_some() && !RUNNING.contains(&&*it.api);
        it.place.file == view.file
            && cx.program.function_at(it.place) == owner
            && range.contains_range(it.place.range)
            && (again || it.place.range.start() < call.start())
            && (of_loop || MAKING.contains(&&*it.api))
    });
    let left = runs
        .iter()
        .any(|run| run.place.range.start() < place.range.start() && run.leaves_tasks(order));
    let (before, after) = view
        .tree
        .expr_at(call.range())
        .map_or(("await ", ""), |expr| awaiting(view, expr));
    let mut head: Vec<Piece> = vec![before.into()];
    let mut tail = after.to_owned();
    let is_coroutine = begins_late(cx, view, main)?;
    if is_coroutine && (made || left) {
        head.extend(pieces("{@asyncio}.create_task(", &[]));
        tail.insert(0, ')');
    }
    let by_then = if again { range.end() } else { call.end() };
    let shows = |runs: &FxHashSet<FuncId>| runs.iter().any(|func| is_visible(cx, *func));
    let goes_on = unwaited(cx, stretch, started, by_then).any(|runs| {
        runs.is_none_or(|runs| runs.is_empty() || runs.iter().any(|it| is_visible(cx, *it)))
    }) || runs
        .iter()
        .filter(|run| again || run.place.range.start() <= place.range.start())
        .any(|run| run.left(order).any(|runs| shows(&runs)));
    if goes_on {
        // On trio, what is ready at once runs in any order.
        let turns = if is_coroutine && !made && !left { 2 } else { 1 };
        let_others_run(view, call, range, turns, change)?;
    }
    change.edit(Edit::Replace {
        range: TextRange::new(call.start(), main.start()),
        pieces: head,
    });
    change.edit(Edit::Replace {
        range: TextRange::new(main.end(), call.end()),
        pieces: vec![tail.into()],
    });
    Ok(())
}

/// Whether what is run is a coroutine, which begins in a task of its own, behind those that were made before.
fn begins_late(cx: &Context<'_>, view: &View<'_>, main: &Expr) -> Result<bool, String> {
    let unknown = || "it is not known what it runs".to_owned();
    if let Expr::Call(call) = main
        && let Some("asyncio.gather" | "asyncio.wait" | "asyncio.shield") =
            cx.api_of(view, &call.func)
    {
        return Ok(false);
    }
    let mut values = cx.program.values_at(view.place(main)).peekable();
    if values.peek().is_none() {
        return Err(unknown());
    }
    let kinds: Option<Vec<bool>> = values
        .map(|value| match value {
            Value::Coroutine(_) | Value::Awaitable(_) => Some(true),
            Value::Object(class, _) => {
                let class = cx.program.flow.text(class);
                matches!(class, "asyncio.Task" | "asyncio.Future").then_some(false)
            }
            _ => None,
        })
        .collect();
    let kinds = kinds.ok_or_else(unknown)?;
    Ok(kinds.contains(&true))
}

/// Takes out `loop=loop`, which names the loop that runs.
fn unnamed(view: &View<'_>, place: Place) -> Result<Edit, String> {
    let expr = view.tree.expr_at(place.range);
    let call = expr.and_then(|expr| view.tree.call_around(expr));
    let keyword = call.and_then(|call| {
        let mut keywords = call.arguments.keywords.iter();
        Some((call, keywords.find(|it| it.value.range() == place.range)?))
    });
    let (call, keyword) = keyword.ok_or("the event loop is used as an object here")?;
    let gone = without(view, call, keyword).ok_or("a comment stands beside the event loop")?;
    Ok(Edit::delete(gone))
}

/// Whether somebody can see that a task ran the function.
fn is_visible(cx: &Context<'_>, func: FuncId) -> bool {
    effects(cx, func)
        .iter()
        .any(|(_, effect)| effect.is_visible())
}

/// Lets those run that are ready, behind the statement that runs the loop, unless it is the last one there.
fn let_others_run(
    view: &View<'_>,
    call: &ExprCall,
    stretch: TextRange,
    turns: usize,
    change: &mut Change,
) -> Result<(), String> {
    let stmt = view
        .tree
        .enclosing_statement(call.range())
        .ok_or("it can't be found")?;
    if stmt.end() == stretch.end() {
        return Ok(());
    }
    let value = match stmt {
        Stmt::Expr(it) => Some(&*it.value),
        Stmt::Assign(it) => Some(&*it.value),
        Stmt::AnnAssign(it) => it.value.as_deref(),
        Stmt::AugAssign(it) => Some(&*it.value),
        _ => None,
    };
    if value.map(Ranged::range) != Some(call.range()) {
        return Err("a task goes on behind a run, and what is ready when that ends would have to run before the rest of the line".to_owned());
    }
    let turn = pieces("\nawait {@asyncio}.sleep(0)", &[]);
    change.edit(Edit::Replace {
        range: TextRange::empty(stmt.end()),
        pieces: std::iter::repeat_n(turn, turns).flatten().collect(),
    });
    Ok(())
}

/// What runs in the tasks that are made there before `until`, and that no run waits for by then; none where that is not known.
fn unwaited<'s>(
    cx: &'s Context<'_>,
    stretch: &'s Stretch<'_>,
    started: &[Place],
    until: TextSize,
) -> impl Iterator<Item = Option<BTreeSet<FuncId>>> + 's {
    let view = stretch.view;
    let range = stretch.run.range();
    let runs: Vec<TextRange> = started
        .iter()
        .filter_map(|place| view.call_of(place.range).map(Ranged::range))
        .filter(|run| run.end() <= until)
        .collect();
    let made = cx.uses.iter().filter(move |it| {
        it.place.file == view.file
            && range.contains_range(it.place.range)
            && it.place.range.start() < until
            && MAKING.contains(&&*it.api)
            && cx.program.function_at(it.place) == stretch.owner
    });
    let reach = cx.once(Reach::new);
    made.filter_map(|it| view.call_of(it.place.range))
        .filter(move |call| {
            !runs.iter().any(|run| {
                run.contains_range(call.range())
                    || kept_in(view, call).is_some_and(|name| {
                        let mut read = view.scopes.references_of(name);
                        read.any(|it| run.contains_range(it.range))
                    })
            })
        })
        .map(move |call| {
            let coroutine = call.arguments.args.first();
            coroutine.map(|it| reach.from(coroutines(cx, view, it)))
        })
}

/// The variable in which a statement keeps what the call makes: it is assigned to it, or put into it.
fn kept_in<'c>(view: &View<'c>, call: &ExprCall) -> Option<&'c str> {
    match view.tree.enclosing_statement(call.range())? {
        Stmt::Assign(it) => match &it.targets[..] {
            [Expr::Name(name)] => Some(view.text(name.range())),
            _ => None,
        },
        Stmt::Expr(it) => {
            let method = it.value.as_call_expr()?.func.as_attribute_expr()?;
            let name = method.value.as_name_expr()?;
            matches!(method.attr.as_str(), "append" | "add").then(|| view.text(name.range()))
        }
        _ => None,
    }
}

/// The statements into `async def main():`, and `anyio.run(main)` behind them.
fn wrap(stretch: &Stretch<'_>, lines: Vec<Piece>, change: &mut Change) -> Result<(), String> {
    let (view, range) = (stretch.view, stretch.run.range());
    let name = main_name(view).ok_or("all names for a main function are taken")?;
    let in_block = |node: AnyNodeRef| node.range() != range && node.is_stmt_if();
    let apart = stretch.is_module && !view.tree.around(range).any(in_block);
    let mut run = Vec::new();
    if stretch.returns() {
        run.push("return ".into());
    }
    run.extend(pieces("{@anyio}.run({0})", &[name.into()]));
    let missing = blank_lines(view, range);
    let is_first = stretch.run.first == 0;
    let before = match (apart, is_first) {
        (true, _) => missing,
        (false, true) => 0,
        (false, false) => missing.min(1),
    };
    if !lines.is_empty() {
        change.edit(Edit::Replace {
            range: TextRange::empty(range.start()),
            pieces: lines,
        });
    }
    change.edit(Edit::Wrap(Wrap {
        range,
        before: vec![Vec::new(); before],
        header: vec![format!("async def {name}():").into()],
        last: Vec::new(),
        after: [vec![Vec::new(); if apart { 2 } else { 1 }], vec![run]].concat(),
    }));
    Ok(())
}
