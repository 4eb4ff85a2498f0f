//! Callbacks of tasks, `task.add_done_callback(f)`: a handle takes none, so the task itself calls back when its coroutine
//! has ended, with an object that tells what became of it.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Stmt};
use loopshift_python::edit::{Edit, Helper, Piece, pieces};
use loopshift_python::{Ranged, TextRange};

use super::emit::Errors;
use super::family::{Family, MemberUse, Spawn};
use super::members::are_named;
use super::spawning::{enclose, look_first};
use super::{handles, helpers};
use crate::common::arguments::inside;
use crate::common::code::{is_switch, own};
use crate::common::shared::is_statement;
use crate::context::{Context, View};

/// What callbacks may ask of the task that they are given.
const ASKED: &[&str] = &["result", "exception", "cancelled", "done"];

/// What takes out of a container what is equal to the argument.
const LOOKING: &[&str] = &[
    "<builtin>.dict.pop",
    "<builtin>.list.remove",
    "<builtin>.set.discard",
    "<builtin>.set.remove",
];

/// What callbacks are given. It is equal to the task, so that what keeps tasks finds it.
pub(super) static ENDED: Helper = Helper {
    name: "_Ended",
    source: "class {name}:
    \"\"\"What became of a task, for its callbacks: equal to the task, so that a set of tasks finds it.\"\"\"

    def __init__(self):
        self._callbacks = []
        self._task = self._value = self._error = None

    def __eq__(self, other):
        return other is self or other is self._task

    def __hash__(self):
        return hash(self._task)

    def __class_getitem__(cls, result):
        return cls

    def get_name(self):
        return self._task.name

    def done(self):
        return True

    def cancelled(self):
        return isinstance(self._error, {@anyio}.get_cancelled_exc_class())

    def exception(self):
        if self.cancelled():
            raise self._error
        return self._error

    def result(self):
        if self._error is not None:
            raise self._error
        return self._value

    def call_back(self, task, callback):
        self._task = task
        self._callbacks.append(callback)

    async def run(self, coro):
        \"\"\"Run the coroutine of a task, then its callbacks.\"\"\"
        try:
            self._value = await coro
        except BaseException as exc:
            self._error = exc
            raise
        finally:
            for callback in self._callbacks:
                try:
                    callback(self)
                except Exception:
                    {@logging}.getLogger(__name__).exception(\"Exception in callback %r\", callback)
        return self._value
",
};

/// The same for callbacks that ask nothing of the task, as those that only take it out of a set.
static LEAVING: Helper = Helper {
    name: "_Leaving",
    source: "class {name}:
    \"\"\"Runs a task, and calls back when it has ended.\"\"\"

    def __init__(self):
        self._callbacks = []

    def call_back(self, task, callback):
        self._callbacks.append((callback, task))

    async def run(self, coro):
        try:
            return await coro
        finally:
            for callback, task in self._callbacks:
                try:
                    callback(task)
                except Exception:
                    {@logging}.getLogger(__name__).exception(\"Exception in callback %r\", callback)
",
};

/// Calls back with a task that has ended: for callbacks that need the task itself.
static WHEN_DONE: Helper = Helper {
    name: "_when_done",
    source: "async def {name}(task, callback):
    \"\"\"Call back when a task has ended.\"\"\"
    with {@anyio}.CancelScope(shield=True):
        await task.wait()
    try:
        callback(task)
    except Exception:
        {@logging}.getLogger(__name__).exception(\"Exception in callback %r\", callback)
",
};

/// A callback of a task.
#[derive(Clone, Debug)]
pub(super) struct Callback {
    /// The call that makes the task.
    pub(super) site: Place,
    /// What is called, as written.
    func: TextRange,
    /// The statement that registers it.
    statement: Place,
    /// What stands before the callback in it.
    front: TextRange,
    /// The task, as written there.
    task: TextRange,
    /// The variable of what runs the task.
    runner: String,
}

/// The callbacks of a family.
#[derive(Clone, Debug, Default)]
pub(super) struct Callbacks {
    /// Those that the task calls itself, with what tells what became of it.
    pub(super) all: Vec<Callback>,
    /// Those that take the task out of a set, which it does itself.
    leaving: Vec<Callback>,
    /// Those that are given the task, by another one that waits for its end.
    pub(super) watched: Vec<Callback>,
    /// The functions that are called back.
    pub(super) functions: BTreeSet<FuncId>,
    /// What they ask of the task: members that stay as they are.
    pub(super) asked: Vec<Place>,
    /// Whether they ask anything of the task.
    pub(super) ask: bool,
    /// Whether they look for the error of the task.
    pub(super) look: bool,
    /// Whether the tasks may leave what keeps them when they end.
    pub(super) leave: bool,
}

impl Callbacks {
    /// Whether another task tells a function of ours that one has ended.
    pub(super) fn tells(&self) -> bool {
        !self.watched.is_empty()
    }

    /// Whether the tasks call back, or leave a set.
    pub(super) fn are_called(&self) -> bool {
        !(self.all.is_empty() && self.leaving.is_empty())
    }
}

/// The callbacks of a family, but for those whose registrations are among `kept`.
///
/// # Errors
/// Why one of them has no form.
pub(super) fn callbacks(
    cx: &Context<'_>,
    family: &Family<'_>,
    kept: &BTreeSet<Place>,
) -> Result<Callbacks, String> {
    let mut out = Callbacks::default();
    let mut registrations: BTreeSet<Place> = BTreeSet::new();
    for member in &family.members {
        if member.name != "add_done_callback" {
            continue;
        }
        let call = member
            .call
            .ok_or("`add_done_callback` is handed on as a function")?;
        let statement = member
            .view
            .tree
            .enclosing_statement(call.range())
            .filter(|_| is_statement(member.view, call))
            .ok_or("`add_done_callback` is not a statement of its own")?;
        if kept.contains(&member.view.place(statement)) {
            continue;
        }
        registrations.insert(member.view.place(call));
        let callback = callback(family, member, call, statement)?;
        if is_looking(
            cx,
            Place {
                file: member.view.file,
                range: callback.func,
            },
        ) {
            out.leaving.push(callback);
            continue;
        }
        out.functions
            .extend(functions(cx, member.view, callback.func)?);
        out.all.push(callback);
    }
    for function in &out.functions {
        let others = cx
            .callers
            .of(*function)
            .iter()
            .any(|site| !registrations.contains(&site.place));
        if others {
            return Err(format!(
                "`{}` is called with the task when it ends, and from elsewhere, too",
                cx.program.qualified_name(*function)
            ));
        }
    }
    let mut asks_more = false;
    out.leave = !out.leaving.is_empty();
    for held in &family.cluster.places {
        if out.functions.contains(&cx.program.function_at(held.place)) {
            asks_more |= !is_asked(cx, family, held.place);
            out.ask |= has_members(cx, held.place);
            out.leave |= is_looked_for(cx, held.place);
        }
    }
    if asks_more {
        out.leave = true;
        out.functions.clear();
        out.ask = false;
        out.watched.append(&mut out.all);
    }
    out.look = !out.all.is_empty()
        && family.members.iter().any(|member| {
            out.functions.contains(&member.function)
                && matches!(member.name.as_str(), "result" | "exception")
        });
    Ok(out)
}

fn callback(
    family: &Family<'_>,
    member: &MemberUse<'_>,
    call: &ExprCall,
    statement: &Stmt,
) -> Result<Callback, String> {
    let view = member.view;
    let ([callback], []) = (&*call.arguments.args, &*call.arguments.keywords) else {
        return Err("`add_done_callback` is given more than a function".to_owned());
    };
    let far = || {
        "`add_done_callback`: a task handle takes no callbacks, and the task is not made right before".to_owned()
    };
    let (suite, at) = view.tree.suite_of(statement).ok_or_else(far)?;
    let name = view.text(member.attribute.value.range());
    let (from, site) = suite[..at]
        .iter()
        .enumerate()
        .rev()
        .find_map(|(from, stmt)| {
            let Stmt::Assign(assign) = stmt else {
                return None;
            };
            let bound = assign
                .targets
                .iter()
                .any(|it| view.text(it.range()) == name);
            let site = view.place(&*assign.value);
            let mut spawns = family.spawns.iter();
            let made = spawns.any(|spawn| spawn.site() == site && !spawn.offloaded);
            (bound && made).then_some((from, site))
        })
        .ok_or_else(far)?;
    if own(&suite[from..at]).into_iter().any(is_switch)
        || suite[from + 1..at].iter().any(|stmt| {
            matches!(stmt, Stmt::Assign(it) if it.targets.iter().any(|it| view.text(it.range()) == name))
        })
    {
        return Err(far());
    }
    let scope = view.scopes.at(call.start());
    let runner = match &*member.attribute.value {
        Expr::Name(it) => format!("{}_ending", it.id),
        // Another task between would take the name of this one's.
        _ if made_between(view, family, &suite[from + 1..at]) => return Err(far()),
        _ => "ending".to_owned(),
    };
    Ok(Callback {
        site,
        func: callback.range(),
        statement: view.place(statement),
        front: TextRange::new(call.start(), inside(call).start()),
        task: member.attribute.value.range(),
        runner: view.scopes.fresh_name(scope, &runner),
    })
}

/// Whether the statements make a task of the family.
fn made_between(view: &View<'_>, family: &Family<'_>, stmts: &[Stmt]) -> bool {
    let mut spawns = family.spawns.iter();
    spawns.any(|spawn| {
        spawn.view.file == view.file
            && (stmts.iter()).any(|stmt| stmt.range().contains_range(spawn.call.range()))
    })
}

/// The functions that a callback may be.
fn functions(
    cx: &Context<'_>,
    view: &View<'_>,
    callback: TextRange,
) -> Result<BTreeSet<FuncId>, String> {
    let place = Place {
        file: view.file,
        range: callback,
    };
    let mut out = BTreeSet::new();
    let unknown = || "its callback is not a function that is seen".to_owned();
    for value in cx.program.values_at(place) {
        match value {
            Value::Func(func) | Value::Bound(func, _) => {
                out.insert(func);
            }
            // What a partial calls is known by the call of the library.
            _ => {
                let call = view.tree.expr_at(callback).and_then(Expr::as_call_expr);
                let first = call.and_then(|call| call.arguments.args.first());
                let inner = first.ok_or_else(unknown)?;
                for value in cx.program.values_at(view.place(inner)) {
                    let (Value::Func(func) | Value::Bound(func, _)) = value else {
                        return Err(unknown());
                    };
                    out.insert(func);
                }
            }
        }
    }
    if out.is_empty() {
        return Err(unknown());
    }
    Ok(out)
}

/// Whether the place is a parameter, or only asked for what is known of an ended task, or looked for among tasks, or nobody
/// looks at it: what the callback returns is dropped.
fn is_asked(cx: &Context<'_>, family: &Family<'_>, place: Place) -> bool {
    let Some(view) = cx.view(place.file) else {
        return false;
    };
    let Some(expr) = view.tree.expr_at(place.range) else {
        return true;
    };
    match view.tree.parent(expr) {
        Some(AnyNodeRef::ExprAttribute(member)) => {
            let name = member.attr.as_str();
            let is_call = view.call_of(member.range()).is_some();
            let is_known = ASKED.contains(&name) || name == "get_name" && are_named(family);
            is_call && (is_known || is_looking(cx, view.place(member)))
        }
        Some(AnyNodeRef::StmtExpr(_) | AnyNodeRef::ExprLambda(_)) => true,
        _ => is_looked_for(cx, place),
    }
}

/// Whether a member of what stands at the place is read.
fn has_members(cx: &Context<'_>, place: Place) -> bool {
    cx.view(place.file).is_some_and(|view| {
        let expr = view.tree.expr_at(place.range);
        expr.and_then(|it| view.tree.parent(it))
            .is_some_and(|it| it.is_expr_attribute())
    })
}

/// Whether the place is an argument of what looks for it, and takes it out.
fn is_looked_for(cx: &Context<'_>, place: Place) -> bool {
    let callee = cx.view(place.file).and_then(|view| {
        let expr = view.tree.expr_at(place.range)?;
        let given = matches!(view.tree.parent(expr)?, AnyNodeRef::Arguments(_));
        let call = view.tree.call_around(expr).filter(|_| given)?;
        Some(view.place(&*call.func))
    });
    callee.is_some_and(|callee| is_looking(cx, callee))
}

/// Whether a callee only looks for something among what it belongs to.
fn is_looking(cx: &Context<'_>, callee: Place) -> bool {
    let mut values = cx.program.values_at(callee).peekable();
    values.peek().is_some()
        && values.all(|value| match value {
            Value::ExternalBound(method, _) => LOOKING.contains(&cx.program.flow.text(method)),
            _ => false,
        })
}

/// Lets others of the group wait for the end of a task that was just made, and call back.
pub(super) fn edit_watched(
    change: &mut Change,
    spawn: &Spawn<'_>,
    family: &Family<'_>,
    group: &str,
) {
    let watched = family.callbacks.watched.iter();
    for callback in watched.filter(|it| it.site == spawn.site()) {
        let mut text = vec![Piece::from(format!("{group}.start_soon("))];
        text.extend(pieces(
            "{0}, {1}, {2})",
            &[
                Piece::Helper(&WHEN_DONE),
                callback.task.into(),
                callback.func.into(),
            ],
        ));
        change.edits.push((
            callback.statement.file,
            Edit::Replace {
                range: callback.statement.range,
                pieces: text,
            },
        ));
    }
}

/// Lets the task call back when its coroutine has ended; tells whether it has callbacks.
pub(super) fn edit_spawn(
    cx: &Context<'_>,
    change: &mut Change,
    spawn: &Spawn<'_>,
    family: &Family<'_>,
    errors: Errors,
    group: &str,
) -> bool {
    let Callbacks { all, leaving, .. } = &family.callbacks;
    let mut callbacks = (all.iter().chain(leaving)).filter(|it| it.site == spawn.site());
    let (Some(first), false) = (callbacks.next(), spawn.offloaded) else {
        return false;
    };
    let view = spawn.view;
    let Some(stmt) = view.tree.enclosing_statement(spawn.call.range()) else {
        return false;
    };
    let mut replace = |range, pieces| {
        let edit = Edit::Replace { range, pieces };
        change.edits.push((view.file, edit));
    };
    let class = Piece::Helper(if family.callbacks.ask {
        &ENDED
    } else {
        &LEAVING
    });
    let made = pieces("{0} = {1}()\n", &[first.runner.clone().into(), class]);
    replace(TextRange::empty(stmt.start()), made);
    for callback in std::iter::once(first).chain(callbacks) {
        let registers = pieces(
            "{0}.call_back({1}, ",
            &[callback.runner.clone().into(), callback.task.into()],
        );
        replace(callback.front, registers);
    }
    let (maker, mut front) = handles::maker(cx, group);
    replace(spawn.call.func.range(), maker);
    let kept = match errors {
        Errors::Kept => Some(Piece::Helper(&helpers::OUTCOME)),
        Errors::Logged => Some(Piece::Helper(helpers::log_errors(cx))),
        Errors::None | Errors::Leave | Errors::Fatal => None,
    };
    let is_kept = kept.is_some();
    front.extend(kept.into_iter().flat_map(|helper| [helper, "(".into()]));
    front.push(format!("{}.run(", first.runner).into());
    let mut back = look_first(spawn, &mut front);
    back.push(if is_kept { "))" } else { ")" }.into());
    enclose(change, spawn, front, back);
    true
}
