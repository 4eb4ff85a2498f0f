//! What the coroutines of a `gather`, or the like, do after one of them failed: asyncio lets them run on.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr, ExprCall, Stmt, WithItem};
use loopshift_python::edit::{Edit, Wrap, pieces};
use loopshift_python::{Ranged, TextRange, TextSize};

use crate::common::awaited::{coroutines, offloaded};
use crate::common::cancellation::is_cancelled_error;
use crate::common::code::{Reach, definition, is_switch, is_yield, own};
use crate::common::in_place::Sites;
use crate::common::offloaded::{has_pool, is_seen as is_seen_elsewhere};
use crate::common::order::{Effect, effects};
use crate::common::per_function::PerFunction;
use crate::common::raising::{Passed, caught_around, is_still, passed, passed_or_failing};
use crate::common::runners::runners;
use crate::context::{Context, View};

/// Whether somebody can see what the coroutines of the call do after their first wait.
pub(crate) fn is_seen(cx: &Context<'_>, reach: &Reach, view: &View<'_>, call: &ExprCall) -> bool {
    are_seen(cx, reach, &roots(cx, view, call))
}

/// Whether somebody can see what coroutines of these functions do after their first wait.
fn are_seen(cx: &Context<'_>, reach: &Reach, roots: &BTreeSet<FuncId>) -> bool {
    if roots.is_empty() {
        return true;
    }
    reach.from(roots.iter().copied()).into_iter().any(|func| {
        let from = if roots.contains(&func) {
            definition(cx, func).and_then(|(_, def)| first_wait(&def.body))
        } else {
            None
        };
        effects(cx, func).into_iter().any(|(at, effect)| {
            from.is_none_or(|from| at.start() >= from) && !matches!(effect, Effect::Read(_))
        })
    })
}

/// Whether it makes no difference that an error that is raised at a place cancels what the call runs: what it does cannot be
/// seen, or the error ends the program, which asyncio cancels it for, too, or a test.
pub(crate) fn ends_alike(
    cx: &Context<'_>,
    reach: &Reach,
    view: &View<'_>,
    call: &ExprCall,
    error: Place,
) -> bool {
    let roots = roots(cx, view, call);
    match in_executors(cx, view, call) {
        Elsewhere::Seen => return false,
        Elsewhere::Unseen if roots.is_empty() => return true,
        Elsewhere::Unseen | Elsewhere::Nothing => {}
    }
    ends_program(cx, reach, &roots, error)
        || is_left_unseen(cx, reach, view, call)
        || passed_or_failing(cx, error).is_some_and(|passed| passed < Passed::Waits)
            && !clean_up(cx, reach, &roots)
}

/// What a call waits for that runs in executors.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Elsewhere {
    Nothing,
    /// Nobody can see it run.
    Unseen,
    /// Somebody can, in an executor that runs all that it was given, whatever becomes of those who wait.
    Seen,
}

fn in_executors(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> Elsewhere {
    let places = offloaded(cx, view, call);
    let calls = || places.iter().filter_map(|it| view.call_of(it.range));
    if calls().any(|it| has_pool(it) && is_seen_elsewhere(cx, view, it)) {
        Elsewhere::Seen
    } else if places.is_empty() || calls().any(|it| is_seen_elsewhere(cx, view, it)) {
        Elsewhere::Nothing
    } else {
        Elsewhere::Unseen
    }
}

/// Whether the call starts something in an executor of the program's own that somebody can see run.
pub(crate) fn is_seen_in_pool(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    in_executors(cx, view, call) == Elsewhere::Seen
}

/// Whether an error that is raised at a place ends the program, and what it cancels then can't tell a task group from asyncio.
pub(crate) fn ends_program(
    cx: &Context<'_>,
    reach: &Reach,
    cancelled: &BTreeSet<FuncId>,
    error: Place,
) -> bool {
    let cleaning_up = || cleaning_up(cx, &reach.from(cancelled.iter().copied()));
    match passed(cx, error) {
        Some(Passed::Nothing) => cleaning_up() < Passed::Waits || runs_alone(cx),
        Some(Passed::AtOnce) => cleaning_up() == Passed::Nothing,
        Some(Passed::Waits) | None => false,
    }
}

/// Whether one of the functions, or what they call, does something where it is cancelled.
pub(crate) fn clean_up(cx: &Context<'_>, reach: &Reach, cancelled: &BTreeSet<FuncId>) -> bool {
    cleaning_up(cx, &reach.from(cancelled.iter().copied())) != Passed::Nothing
}

/// Whether one of the functions waits where it is cancelled.
pub(crate) fn waits_cleaning_up(cx: &Context<'_>, functions: &BTreeSet<FuncId>) -> bool {
    cleaning_up(cx, functions) == Passed::Waits
}

/// Whether nobody can see that what the call runs is cancelled after its first wait.
pub(crate) fn is_left_unseen(
    cx: &Context<'_>,
    reach: &Reach,
    view: &View<'_>,
    call: &ExprCall,
) -> bool {
    let roots = roots(cx, view, call);
    match in_executors(cx, view, call) {
        Elsewhere::Seen => false,
        Elsewhere::Unseen if roots.is_empty() => true,
        Elsewhere::Unseen | Elsewhere::Nothing => are_left_unseen(cx, reach, &roots),
    }
}

/// Whether nobody can see that coroutines of these functions are cancelled after their first wait.
pub(crate) fn are_left_unseen(cx: &Context<'_>, reach: &Reach, roots: &BTreeSet<FuncId>) -> bool {
    !clean_up(cx, reach, roots) && !are_seen(cx, reach, roots)
}

/// Whether the program has no tasks but those of `gather`.
pub(crate) fn runs_alone(cx: &Context<'_>) -> bool {
    let is_in_place = |use_: &Use| {
        cx.view(use_.place.file).is_some_and(|view| {
            let call = view.call_of(use_.place.range);
            call.is_some_and(|call| cx.once(Sites::new).has(view.place(call)))
        })
    };
    cx.uses
        .iter()
        .all(|use_| !starts_beside(&use_.api) || is_in_place(use_))
}

/// Whether an API starts something that runs beside who calls it.
pub(crate) fn starts_beside(api: &str) -> bool {
    matches!(
        api.rsplit('.').next().unwrap_or_default(),
        "create_task"
            | "ensure_future"
            | "as_completed"
            | "start_server"
            | "start_unix_server"
            | "create_server"
            | "call_later"
            | "call_at"
            | "call_soon"
            | "to_thread"
            | "run_in_executor"
            | "add_signal_handler"
            | "start_soon"
            | "serve"
            | "create_tcp_listener"
            | "create_unix_listener"
    ) || api == "anyio.abc.TaskGroup.start"
}

/// Whether a place is in a function that stands in for `gather`, whose name begins so, as an earlier round wrote it.
pub(crate) fn is_within(cx: &Context<'_>, place: Place, name: &str) -> bool {
    let found = definition(cx, cx.program.function_at(place));
    found.is_some_and(|(_, def)| def.name.starts_with(name))
}

/// The functions whose coroutines the call waits for.
fn roots(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> BTreeSet<FuncId> {
    let arguments = call.arguments.args.iter().map(|argument| match argument {
        Expr::Starred(starred) => &starred.value,
        plain => plain,
    });
    arguments
        .flat_map(|argument| coroutines(cx, view, argument))
        .collect()
}

/// Where a function waits first, or the loop begins in which it does.
pub(crate) fn first_wait(body: &[Stmt]) -> Option<TextSize> {
    let nodes = own(body);
    let first = nodes.iter().filter(|node| is_switch(**node));
    let first = first.map(Ranged::start).min()?;
    let loops = nodes.iter().filter(|node| {
        matches!(node, AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtWhile(_))
            && node.range().contains(first)
    });
    Some(loops.map(Ranged::start).min().unwrap_or(first))
}

/// What functions do where they are cancelled.
fn cleaning_up(cx: &Context<'_>, functions: &BTreeSet<FuncId>) -> Passed {
    // A thread is waited for.
    let in_thread = cx.uses.iter().any(|use_| {
        matches!(
            use_.api.as_str(),
            "asyncio.to_thread" | "asyncio.AbstractEventLoop.run_in_executor"
        ) && functions.contains(&cx.program.function_at(use_.place))
    });
    let threads = if in_thread {
        Passed::AtOnce
    } else {
        Passed::Nothing
    };
    let known = cx.once(cleanups);
    let by = |func: FuncId| {
        known.of(func, || match definition(cx, func) {
            Some((view, def)) => cleaning_up_in(cx, view, &def.body),
            None => match cx.view(cx.program.function_file(func)) {
                Some(_) => Passed::Nothing,
                None => Passed::Waits,
            },
        })
    };
    functions
        .iter()
        .map(|func| by(*func))
        .fold(threads, Passed::max)
}

/// What functions do where they are cancelled, as far as it was asked.
fn cleanups(_: &Context<'_>) -> PerFunction<Passed> {
    PerFunction::default()
}

fn cleaning_up_in(cx: &Context<'_>, view: &View<'_>, body: &[Stmt]) -> Passed {
    let waits = |body: &[Stmt]| {
        own(body)
            .into_iter()
            .any(|it| is_switch(it) || is_yield(it))
    };
    let by = |body: &[Stmt]| match body {
        [] => Passed::Nothing,
        body if waits(body) => Passed::Waits,
        _ => Passed::AtOnce,
    };
    let of = |node: AnyNodeRef<'_>| match node {
        AnyNodeRef::StmtTry(it) => {
            let mut found = by(&it.finalbody);
            for ExceptHandler::ExceptHandler(handler) in &it.handlers {
                if catches_cancellation(cx, view, handler.type_.as_deref()) {
                    found = found.max(by(&handler.body));
                }
            }
            found
        }
        AnyNodeRef::StmtWith(it) => {
            let is_still = |item: &WithItem| is_still(cx, view, &item.context_expr);
            match it.items.iter().all(is_still) {
                true => Passed::Nothing,
                false if it.is_async => Passed::Waits,
                false => Passed::AtOnce,
            }
        }
        _ => Passed::Nothing,
    };
    let found = own(body).into_iter().map(of).max();
    found.unwrap_or(Passed::Nothing)
}

/// Whether a handler catches the cancellation of its task.
pub(crate) fn catches_cancellation(
    cx: &Context<'_>,
    view: &View<'_>,
    class: Option<&Expr>,
) -> bool {
    match class {
        None => true,
        Some(Expr::Tuple(classes)) => {
            let mut classes = classes.elts.iter();
            classes.any(|class| catches_cancellation(cx, view, Some(class)))
        }
        Some(class) => {
            let mut values = cx.program.values_at(view.place(class)).peekable();
            let known = values.peek().is_some();
            // No class of the program is a base of that of a cancellation.
            let ours = known && values.all(|it| matches!(it, Value::Class(_)));
            is_cancelled_error(cx, view, class)
                || !ours
                    && matches!(
                        cx.api_of(view, class),
                        None | Some("<builtin>.BaseException")
                    )
        }
    }
}

/// What a task group stands around.
pub(crate) enum Around {
    /// A block, at the end of which nothing runs in it, unless an error leaves the block.
    Block(TextRange),
    /// Statements, behind which it ends what runs in it.
    Rest(TextRange),
}

impl Around {
    /// The group.
    pub(crate) fn group(&self, name: &str) -> Edit {
        let (range, last) = match *self {
            Around::Block(range) => (range, Vec::new()),
            Around::Rest(range) => {
                let end = format!("{name}.cancel_scope.cancel()").into();
                (range, vec![vec![end]])
            }
        };
        let mut header = pieces("async with {@anyio}.create_task_group() as ", &[]);
        header.push(format!("{name}:").into());
        Edit::Wrap(Wrap {
            range,
            before: Vec::new(),
            header,
            last,
            after: Vec::new(),
        })
    }
}

/// The block in which an error of the call is not caught, where a group around it changes nothing else: the error then ends
/// the program, and takes what is left in the group along.
pub(crate) fn block_around(
    cx: &Context<'_>,
    reach: &Reach,
    view: &View<'_>,
    call: &ExprCall,
) -> Option<TextRange> {
    let func = cx.program.function_at(view.place(call));
    let (_, def) = definition(cx, func)?;
    let holds = |it: &&Stmt| it.range().contains_range(call.range());
    let block = def.body.iter().find(holds)?;
    let is_block = matches!(block, Stmt::With(with) if with.is_async);
    let hindered = || {
        own(std::slice::from_ref(block))
            .into_iter()
            .any(is_hindered)
    };
    (is_block
        && runs_alone(cx)
        && ends_program(cx, reach, &roots(cx, view, call), view.place(block))
        && !hindered()
        && view.can_wrap(block.range()).is_ok())
    .then_some(block.range())
}

/// Whether a task group must not be around a node.
fn is_hindered(node: AnyNodeRef<'_>) -> bool {
    is_yield(node)
        || matches!(node, AnyNodeRef::ExprName(name)
            if matches!(name.id.as_str(), "exit" | "quit" | "SystemExit" | "sys" | "os"))
}

/// The rest of the function from the statement on in which the `await` stands, where the function is what the program
/// runs and a group around that rest changes nothing else.
pub(crate) fn rest_of_entry(cx: &Context<'_>, view: &View<'_>, await_: &Expr) -> Option<TextRange> {
    let func = cx.program.function_at(view.place(await_));
    let (_, def) = definition(cx, func)?;
    let sites = cx.callers.of(func);
    if sites.is_empty() || cx.callers.is_handed_over(func) {
        return None;
    }
    for site in sites {
        let other = cx.view(site.place.file)?;
        let run = runners(cx, other, site.place.range)?;
        let caught = run.into_iter().chain([site.place]).any(|place| {
            cx.view(place.file)
                .is_none_or(|view| caught_around(cx, view, place.range))
        });
        if caught {
            return None;
        }
    }
    let at = def
        .body
        .iter()
        .position(|stmt| stmt.range().contains_range(await_.range()))?;
    let rest = def.body.get(at..)?;
    let is_return = |node: AnyNodeRef<'_>| matches!(node, AnyNodeRef::StmtReturn(_));
    let hindered = own(rest)
        .into_iter()
        .any(|node| is_hindered(node) || is_return(node));
    let (first, last) = (rest.first()?, rest.last()?);
    let range = TextRange::new(first.start(), last.end());
    let plain = !matches!(last, Stmt::Return(_) | Stmt::Raise(_));
    (!hindered && plain && view.can_wrap(range).is_ok()).then_some(range)
}
