//! `asyncio.to_thread` and `run_in_executor` become `anyio.to_thread.run_sync`.
//!
//! Where a timeout or a cancellation can reach the call, `abandon_on_cancel=True` keeps asyncio's way: the task goes
//! on at once, and the thread ends when it does.

pub(crate) mod drained;
pub(crate) mod executors;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::Target;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::ast::visitor::source_order::{self, SourceOrderVisitor};
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Operator, Stmt};
use loopshift_python::edit::{Edit, Piece, pieces};
use loopshift_python::tree::{FunctionLike, generators};
use loopshift_python::{Ranged, TextRange, TextSize};
use rustc_hash::FxHashSet;

use crate::catalog::Api;
use crate::common::arguments::{with_brackets, written};
use crate::common::cancel::can_be_cancelled;
use crate::common::code::{definition, own};
use crate::common::collected::{Collected, collected, is_quiet, read_of};
use crate::common::order::Order;
use crate::context::{Context, View};

pub(super) const RULE: &str = "anyio-to-thread";

/// What a call of `run_in_executor` is to run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pool {
    /// The threads of the event loop.
    Default,
    /// Threads of the program's own pool.
    Threads,
    /// Processes.
    Processes,
}

impl Pool {
    /// What runs a call there, as a piece of code.
    pub(super) fn run_sync(self) -> &'static str {
        match self {
            Pool::Processes => "{@anyio.to_process}.run_sync",
            Pool::Default | Pool::Threads => "{@anyio.to_thread}.run_sync",
        }
    }
}

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let mut spoken = executors::plan(cx, changes);
    let mut started = Vec::new();
    super::anyio_tasks::plan_offloaded(cx, &mut started);
    for change in &started {
        spoken.extend(change.covers.iter().copied().chain([change.place]));
    }
    changes.extend(started);
    let order = std::cell::LazyCell::new(|| Order::new(cx));
    for (use_, api, view) in cx.uses_for(RULE) {
        if spoken.contains(&use_.place) {
            continue;
        }
        let planned = match use_.api.as_str() {
            "asyncio.to_thread" => to_thread(cx, use_, view),
            _ => run_in_executor(cx, use_, api, view),
        };
        let planned = planned.map(|mut change| {
            if cx
                .uses
                .iter()
                .any(|it| it.api == "asyncio.AbstractEventLoop.set_default_executor")
            {
                change.caveat("the program sets an executor of its own, and AnyIO does not run its threads there");
            }
            change
        });
        let planned = planned.and_then(|change| {
            let many = |call: &ExprCall| {
                may_be_many(view, call) || order.is_run_by_many(use_.place)
            };
            match view.call_of(use_.place.range) {
                Some(call) if measures(cx, view, call) && many(call) => Err(
                    "the function counts how many threads run at once, up to 40 in AnyIO, `min(32, cpus + 4)` in asyncio: give it a `limiter`"
                        .to_owned(),
                ),
                _ => Ok(change),
            }
        });
        changes.push(
            planned.unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason)),
        );
    }
}

/// `asyncio.to_thread(f, a, k=v)`, awaited or not: a coroutine before and after.
fn to_thread(cx: &Context<'_>, use_: &Use, view: &View<'_>) -> Result<Change, String> {
    let call = view
        .call_of(use_.place.range)
        .ok_or("it is passed on as a function, and AnyIO's takes no keywords for what it calls")?;
    if !use_.only || !view.is_direct(&call.func) {
        return Err("it is called through a variable that may hold something else".to_owned());
    }
    let arguments = written(view, call).ok_or("there is no function to call")?;
    let mut change = Change::new(
        RULE,
        use_.place,
        &*use_.api,
        "`asyncio.to_thread` becomes `anyio.to_thread.run_sync`",
    );
    change.edit(Edit::replace(
        call.func.range(),
        "{@anyio.to_thread}.run_sync",
        &[],
    ));
    let mut tail = pieces("", &[]);
    if !call.arguments.keywords.is_empty() {
        change.edit(Edit::insert(
            arguments.start(),
            "{@functools:partial}(",
            &[],
        ));
        tail.push(")".into());
    }
    if can_be_cancelled(cx, view.place(call)) {
        tail.push(abandon(cx));
    }
    if !tail.is_empty() {
        change.edit(Edit::Replace {
            range: TextRange::empty(arguments.end()),
            pieces: tail,
        });
    }
    limit(cx, view, call, call.arguments.args.first(), &mut change);
    Ok(change)
}

/// `loop.run_in_executor(None, f, a)`: a future that runs at once, so it must be awaited where it is made.
fn run_in_executor(
    cx: &Context<'_>,
    use_: &Use,
    api: &Api,
    view: &View<'_>,
) -> Result<Change, String> {
    let call = view
        .call_of(use_.place.range)
        .ok_or("it is passed on as a function, and AnyIO's takes no executor")?;
    if !use_.only {
        return Err("the object may be something else than an event loop".to_owned());
    }
    if !call.arguments.keywords.is_empty() {
        return Err("its arguments are given by keyword: write them in order first".to_owned());
    }
    let bound = cx.bind(api, call).map_err(|error| error.to_string())?;
    let Some(executor) = bound.get("executor") else {
        return Err("there is no function to call".to_owned());
    };
    if !executor.is_none_literal_expr() {
        return Err(
            "it runs in an executor of its own that can't be followed: AnyIO has no executors; where the pool is used \
             for nothing else, `limiter=anyio.CapacityLimiter(n)` bounds the threads"
                .to_owned(),
        );
    }
    let mut change = Change::new(
        RULE,
        use_.place,
        &*use_.api,
        "`run_in_executor` becomes `anyio.to_thread.run_sync`",
    );
    rewrite(cx, view, call, Pool::Default, &mut change)?;
    Ok(change)
}

/// The edits that make a call of `run_in_executor`, awaited in place, one of `run_sync`.
///
/// # Errors
/// Why there is no form.
pub(super) fn rewrite(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    pool: Pool,
    change: &mut Change,
) -> Result<(), String> {
    if !is_awaited_at_once(cx, view, call) {
        return Err(
            "the call starts at once and is not awaited where it is made: start a task for it first".to_owned(),
        );
    }
    // `asyncio.get_running_loop().run_in_executor`: the inner call goes with it.
    let callee = pool.run_sync();
    change
        .edits
        .push((view.file, Edit::replace(call.func.range(), callee, &[])));
    arguments_of(cx, view, call, pool, false, change)?;
    limit(cx, view, call, call.arguments.args.get(1), change);
    Ok(())
}

/// The edits that make the arguments of `run_in_executor` those of `run_sync`.
///
/// # Errors
/// Why there is no form.
pub(super) fn arguments_of(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    pool: Pool,
    abandoned: bool,
    change: &mut Change,
) -> Result<(), String> {
    if !call.arguments.keywords.is_empty() {
        return Err("its arguments are given by keyword: write them in order first".to_owned());
    }
    let [executor, function, ..] = &*call.arguments.args else {
        return Err("there is no function to call".to_owned());
    };
    if executor.is_starred_expr() || function.is_starred_expr() {
        return Err("there is no function to call".to_owned());
    }
    let arguments = written(view, call).ok_or("there is no function to call")?;
    let first = with_brackets(view, call, function);
    let mut front = TextRange::new(arguments.start(), first.start());
    if view.text(front).contains('#')
        && let Some(rest) = view.source.get(executor.end().to_usize()..)
        && let Some(comma) = rest.find(',')
        && let blanks = rest[comma + 1..].len() - rest[comma + 1..].trim_start_matches(' ').len()
        && let Ok(length) = TextSize::try_from(comma + 1 + blanks)
        && let end = executor.end() + length
    {
        // A comment stays where it is.
        front = TextRange::new(arguments.start(), end);
    }
    let isolated = pool != Pool::Processes && reads_context(cx, view.place(function));
    change.edits.push((
        view.file,
        if isolated {
            Edit::replace(front, "{@contextvars:Context}().run, ", &[])
        } else {
            Edit::delete(front)
        },
    ));
    let mut tail: Vec<Piece> = Vec::new();
    if pool != Pool::Default {
        if !matches!(executor, Expr::Name(_) | Expr::Attribute(_)) {
            return Err("its executor is made where it is given".to_owned());
        }
        tail.push(", limiter=".into());
        tail.push(executor.range().into());
    }
    let place = view.place(call);
    if pool == Pool::Processes {
        change.caveat(
            "the processes import the program anew, where those of the executor may be copies of it, with its state",
        );
        if can_be_cancelled(cx, place) {
            tail.push(", cancellable=True".into());
            change.caveat("a process is ended when its call is cancelled, and goes on in asyncio");
        }
    } else if abandoned || can_be_cancelled(cx, place) {
        tail.push(abandon(cx));
    }
    if !tail.is_empty() {
        change.edits.push((
            view.file,
            Edit::Replace {
                range: TextRange::empty(arguments.end()),
                pieces: tail,
            },
        ));
    }
    Ok(())
}

/// What lets the task go on when it is cancelled, as in asyncio.
fn abandon(cx: &Context<'_>) -> Piece {
    if cx.anyio_has(4, 1) {
        ", abandon_on_cancel=True"
    } else {
        ", cancellable=True"
    }
    .into()
}

/// Calls of asyncio that await what they are given, or start it at once.
const AWAITING: &[&str] = &[
    "asyncio.gather",
    "asyncio.wait_for",
    "asyncio.shield",
    "asyncio.as_completed",
];

/// Whether nothing can happen between the start of the call and the wait for it.
pub(super) fn is_awaited_at_once(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    if view.await_of(call.range()).is_some() {
        return true;
    }
    let mut expr: TextRange = call.range();
    for node in view.tree.ancestors(call) {
        match node {
            AnyNodeRef::ExprStarred(_)
            | AnyNodeRef::ExprListComp(_)
            | AnyNodeRef::ExprGenerator(_)
            | AnyNodeRef::ExprList(_)
            | AnyNodeRef::ExprTuple(_)
            | AnyNodeRef::Arguments(_) => expr = node.range(),
            AnyNodeRef::ExprCall(outer) => {
                if let Some(read) = read_of(view, outer) {
                    return is_waited_for(cx, view, read)
                        && match collected(view, read) {
                            Some(Collected::Appended { items, between }) => {
                                is_quiet(cx, view, &between, &items)
                            }
                            _ => false,
                        };
                }
                return cx
                    .api_of(view, &outer.func)
                    .is_some_and(|api| AWAITING.contains(&api));
            }
            AnyNodeRef::StmtAssign(assign) => {
                return assign.value.range() == expr && is_gathered_next(cx, view, assign);
            }
            _ => return false,
        }
    }
    false
}

/// `futures = [loop.run_in_executor(…) for …]`, and the next statement gathers them; nothing else names them.
fn is_gathered_next(
    cx: &Context<'_>,
    view: &View<'_>,
    assign: &loopshift_python::ast::StmtAssign,
) -> bool {
    let [Expr::Name(target)] = assign.targets.as_slice() else {
        return false;
    };
    let Some(stmt) = view.tree.enclosing_statement(assign.range()) else {
        return false;
    };
    let Some((suite, index)) = view.tree.suite_of(stmt) else {
        return false;
    };
    let Some(next) = suite.get(index + 1) else {
        return false;
    };
    let reads = view.tree.nodes_within(next.range());
    let mut reads = reads.filter_map(|node| match node {
        AnyNodeRef::ExprName(it) if it.id == target.id => view.tree.expr_at(it.range()),
        _ => None,
    });
    reads.any(|read| {
        is_waited_for(cx, view, read)
            && matches!(collected(view, read), Some(Collected::Written(it))
                if it.range() == assign.value.range())
    })
}

/// Whether asyncio is given these to wait for, as they are.
fn is_waited_for(cx: &Context<'_>, view: &View<'_>, read: &Expr) -> bool {
    let outer = view.tree.ancestors(read).find_map(|node| match node {
        AnyNodeRef::ExprStarred(_) | AnyNodeRef::Arguments(_) => None,
        AnyNodeRef::ExprCall(outer) => Some(cx.api_of(view, &outer.func)),
        _ => Some(None),
    });
    outer.flatten().is_some_and(|api| AWAITING.contains(&api))
}

/// Whether the function may read a context variable: asyncio does not hand them to the executor, and `AnyIO` does.
pub(super) fn reads_context(cx: &Context<'_>, function: Place) -> bool {
    let has_variables = cx.program.flow.linked.modules.iter().any(|module| {
        module.exprs.iter().any(|(_, node)| {
            cx.program.flow.values_of(*node).any(|value| {
                matches!(value, Value::External(sym)
                    if cx.program.flow.text(sym).starts_with("contextvars."))
            })
        })
    });
    if !has_variables {
        return false;
    }
    let mut any = false;
    let mut todo: Vec<FuncId> = Vec::new();
    for value in cx.program.values_at(function) {
        any = true;
        match value {
            Value::Func(func) | Value::Bound(func, _) => todo.push(func),
            Value::External(sym) => {
                if !is_plain_external(cx.program.flow.text(sym)) {
                    return true;
                }
            }
            _ => return true,
        }
    }
    if !any {
        return true;
    }
    let mut seen: FxHashSet<FuncId> = todo.iter().copied().collect();
    while let Some(func) = todo.pop() {
        for call in cx.program.calls_of(func) {
            let unknown = |value| matches!(value, Value::Unknown(_));
            if cx.program.flow.set(call.callee).is_empty()
                || cx.program.flow.values_of(call.callee).any(unknown)
            {
                return true;
            }
            for target in cx.program.callees(call) {
                match *target {
                    Target::Func(next) => {
                        if seen.insert(next) {
                            todo.push(next);
                        }
                    }
                    Target::External(sym) => {
                        if !is_plain_external(cx.program.flow.text(sym)) {
                            return true;
                        }
                    }
                }
            }
        }
    }
    false
}

/// Whether what a standard function does cannot depend on context variables.
fn is_plain_external(name: &str) -> bool {
    const PLAIN: &[&str] = &[
        "<builtin>.",
        "time.",
        "os.",
        "math.",
        "json.",
        "hashlib.",
        "random.",
        "socket.",
    ];
    PLAIN.iter().any(|prefix| name.starts_with(prefix))
}

/// asyncio runs at least five and at most 32 threads at once, `AnyIO` 40: seen only by a function that keeps count.
fn limit(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    function: Option<&Expr>,
    change: &mut Change,
) {
    if !may_be_many(view, call) {
        return;
    }
    let Some(function) = function else { return };
    let counts = cx.program.values_at(view.place(function)).any(|value| {
        let (Value::Func(func) | Value::Bound(func, _)) = value else {
            return false;
        };
        keeps_count(cx, func)
    });
    if counts {
        change.caveat(
            "AnyIO runs up to 40 threads at once, asyncio `min(32, cpus + 4)`, and the function changes what others see",
        );
    }
}

/// Whether what runs in the thread takes back what it counted up, so that it sees how many there are at once.
fn measures(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    let arguments = call.arguments.args.iter().take(2);
    let functions = arguments.flat_map(|argument| {
        cx.program
            .values_at(view.place(argument))
            .filter_map(|value| match value {
                Value::Func(func) | Value::Bound(func, _) => Some(func),
                _ => None,
            })
    });
    functions.into_iter().any(|func| {
        keeps_count(cx, func)
            && definition(cx, func).is_some_and(|(_, def)| {
                own(&def.body).into_iter().any(
                    |node| matches!(node, AnyNodeRef::StmtAugAssign(it) if it.op == Operator::Sub),
                )
            })
    })
}

/// Whether the calls are started in a loop or comprehension of more than five, or nobody knows how many.
fn may_be_many(view: &View<'_>, call: &ExprCall) -> bool {
    if view.await_of(call.range()).is_some() {
        return false;
    }
    view.tree.around(call.range()).any(|node| {
        generators(node).is_some_and(|list| {
            list.len() > 1
                || list
                    .iter()
                    .any(|part| size_of(&part.iter).is_none_or(|size| size > 5.0))
        })
    })
}

/// How many items `range(n)`, a list or a tuple written out has.
fn size_of(iter: &Expr) -> Option<f64> {
    match iter {
        Expr::List(list) => u32::try_from(list.elts.len()).ok().map(f64::from),
        Expr::Tuple(tuple) => u32::try_from(tuple.elts.len()).ok().map(f64::from),
        Expr::Call(call) => match (&*call.func, &*call.arguments.args) {
            (Expr::Name(name), [stop]) if name.id.as_str() == "range" => {
                crate::common::shared::number(stop)
            }
            _ => None,
        },
        _ => None,
    }
}

/// Whether a function writes to variables outside, or to attributes.
fn keeps_count(cx: &Context<'_>, func: FuncId) -> bool {
    let place = Place {
        file: cx.program.function_file(func),
        range: cx.program.function(func).range,
    };
    let Some(view) = cx.view(place.file) else {
        return true;
    };
    let Some(body) = view
        .tree
        .around(TextRange::empty(place.range.end() - TextSize::new(1)))
        .find_map(|node| match node {
            AnyNodeRef::StmtFunctionDef(def) if def.range() == place.range => {
                Some(FunctionLike::Def(def))
            }
            _ => None,
        })
    else {
        return true;
    };
    let FunctionLike::Def(def) = body else {
        return false;
    };
    let mut counter = Counter(false);
    counter.visit_body(&def.body);
    counter.0
}

struct Counter(bool);

impl<'a> SourceOrderVisitor<'a> for Counter {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Global(_) | Stmt::Nonlocal(_) => self.0 = true,
            Stmt::AugAssign(assign) if assign.target.is_attribute_expr() => self.0 = true,
            _ => source_order::walk_stmt(self, stmt),
        }
    }
}
