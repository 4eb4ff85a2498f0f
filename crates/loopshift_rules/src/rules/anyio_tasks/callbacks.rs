//! Callbacks of tasks, `task.add_done_callback(f)`: a handle takes none, so the task itself calls back when its coroutine
//! has ended, with an object that tells what became of it.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Stmt};
use loopshift_python::edit::{Edit, Helper, Piece, pieces};
use loopshift_python::{Ranged, TextRange};

use super::emit::Errors;
use super::family::{Family, MemberUse, Spawn};
use super::spawning::{enclose, look_first};
use super::{handles, helpers};
use crate::context::{Context, View};
use crate::rules::code::{is_switch, own, own_of};
use crate::rules::shared::is_statement;

/// What callbacks may ask of the task that they are given.
const ASKED: &[&str] = &["result", "exception", "cancelled", "done"];

/// What callbacks are given.
pub(super) static ENDED: Helper = Helper {
    name: "_Ended",
    source: "class {name}:
    \"\"\"What became of a task, for its callbacks.\"\"\"

    def __init__(self, value, error):
        self._value = value
        self._error = error

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

    def tell(self, callbacks):
        for callback in callbacks:
            try:
                callback(self)
            except Exception:
                {@logging}.getLogger(__name__).exception(\"Exception in callback %r\", callback)

    @classmethod
    async def run(cls, coro, *callbacks):
        \"\"\"Run the coroutine of a task, then its callbacks.\"\"\"
        try:
            value = await coro
        except BaseException as exc:
            cls(None, exc).tell(callbacks)
            raise
        cls(value, None).tell(callbacks)
        return value
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
    pub(super) func: TextRange,
    /// The statement that registers it.
    pub(super) statement: Place,
    /// The task, as written there.
    task: TextRange,
}

/// The callbacks of a family.
#[derive(Clone, Debug, Default)]
pub(super) struct Callbacks {
    /// Those that the task calls itself, with what tells what became of it.
    pub(super) all: Vec<Callback>,
    /// Those that are given the task, by another one that waits for its end.
    pub(super) watched: Vec<Callback>,
    /// Whether one of these is a function of ours, and not a set that the task leaves.
    pub(super) tells: bool,
    /// The functions that are called back.
    pub(super) functions: BTreeSet<FuncId>,
    /// What they ask of the task: members that stay as they are.
    pub(super) asked: Vec<Place>,
    /// Whether they look for the error of the task.
    pub(super) look: bool,
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
        let callback = callback(cx, family, member, call, statement)?;
        if leaves_set(cx, member.view.file, callback.func) {
            out.watched.push(callback);
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
    let asks_more = family.cluster.places.iter().any(|held| {
        let function = cx.program.function_at(held.place);
        out.functions.contains(&function) && !is_asked(cx, held.place)
    });
    if asks_more {
        out.tells = true;
        out.functions.clear();
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
    cx: &Context<'_>,
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
    let plain = match callback {
        Expr::Name(_) | Expr::Attribute(_) | Expr::Lambda(_) => true,
        Expr::Call(made) => cx.api_of(view, &made.func) == Some("functools.partial"),
        _ => false,
    };
    let mentions = !callback.is_lambda_expr()
        && own_of(callback)
            .into_iter()
            .any(|node| node.is_expression() && view.text(node.range()) == name);
    if !plain || mentions {
        return Err(
            "`add_done_callback`: the callback is made where it is registered, in a way that can't go before the task"
                .to_owned(),
        );
    }
    Ok(Callback {
        site,
        func: callback.range(),
        statement: view.place(statement),
        task: member.attribute.value.range(),
    })
}

/// Whether the callback takes the task out of a set, and is nothing else.
fn leaves_set(cx: &Context<'_>, file: FileId, range: TextRange) -> bool {
    let mut values = cx.program.values_at(Place { file, range }).peekable();
    values.peek().is_some()
        && values.all(|value| match value {
            Value::ExternalBound(method, _) => matches!(
                cx.program.flow.text(method),
                "<builtin>.set.discard" | "<builtin>.set.remove"
            ),
            _ => false,
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

/// Whether the place is a parameter, or only asked for what is known of an ended task.
fn is_asked(cx: &Context<'_>, place: Place) -> bool {
    let Some(view) = cx.view(place.file) else {
        return false;
    };
    let Some(expr) = view.tree.expr_at(place.range) else {
        return true;
    };
    match view.tree.parent(expr) {
        Some(AnyNodeRef::ExprAttribute(member)) => {
            ASKED.contains(&member.attr.as_str()) && view.call_of(member.range()).is_some()
        }
        _ => false,
    }
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
    let all = family.callbacks.all.iter();
    let callbacks: Vec<&Callback> = all.filter(|it| it.site == spawn.site()).collect();
    if callbacks.is_empty() || spawn.offloaded {
        return false;
    }
    let file = spawn.view.file;
    let (maker, mut front) = handles::maker(cx, group);
    change.edits.push((
        file,
        Edit::Replace {
            range: spawn.call.func.range(),
            pieces: maker,
        },
    ));
    let ended = Piece::Helper(&ENDED);
    let kept = match errors {
        Errors::Kept => Some(Piece::Helper(&helpers::OUTCOME)),
        Errors::Logged => Some(Piece::Helper(&helpers::LOG_ERRORS)),
        Errors::None | Errors::Leave | Errors::Fatal => None,
    };
    let mut first: Vec<Piece> = Vec::new();
    let mut back = look_first(spawn, &mut first);
    for callback in callbacks {
        back.push(", ".into());
        back.push(callback.func.into());
    }
    back.push(")".into());
    if let Some(helper) = kept {
        front.push(helper);
        front.push("(".into());
        back.push(")".into());
    }
    front.extend(pieces("{0}.run(", &[ended]));
    front.extend(first);
    enclose(change, spawn, front, back);
    true
}
