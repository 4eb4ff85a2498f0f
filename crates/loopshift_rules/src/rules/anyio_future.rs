//! `loop.create_future()` and `asyncio.Future()` become `anyio.Future()`.
//!
//! Its results are properties, and waiting for a failed one raises `FutureFailed` from the error. Where the oldest `AnyIO`
//! has none, a class in the module takes its place, with the methods of asyncio's.

mod invalid;
mod left;
mod timed;

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::objects::{Cluster, Member};
use loopshift_python::ast::{AnyNodeRef, Expr, Stmt, UnaryOp};
use loopshift_python::edit::{Edit, Helper, Piece, Wrap, pieces};
use loopshift_python::{Ranged, TextRange};

use self::invalid::invalid_state;
use self::left::{WAIT, guards_setting, left};
use self::timed::{is_timed, waits_beside};
use super::anyio_event::view;
use super::anyio_run::inside;
use crate::common::objects::moving::{Form, Moving, plan_made};
use crate::common::objects::values::shares_its_line;
use crate::common::objects::{Family, Obstacle, method, takes_comparison};
use crate::context::{Context, View};

const RULE: &str = "anyio-future";

/// What makes futures beside the class.
const MAKERS: &[&str] = &["asyncio.AbstractEventLoop.create_future"];

/// A future of the module's own.
static FUTURE: Helper = Helper {
    name: "_Future",
    source: "class {name}:
    \"\"\"A value that is there later.\"\"\"

    class InvalidStateError(Exception):
        pass

    def __init__(self):
        self._event = {@anyio}.Event()
        self._value = self._error = None

    def __class_getitem__(cls, item):
        return cls

    def __await__(self):
        if not self.done():
            yield from self._event.wait().__await__()
        return self.result()

    def done(self):
        return self._event.is_set()

    def exception(self):
        if not self.done():
            raise self.InvalidStateError(\"the future has not finished yet\")
        return self._error

    def result(self):
        if self.exception() is not None:
            raise self._error
        return self._value

    def set_result(self, value):
        self._finish(value, None)

    def set_exception(self, error):
        self._finish(None, error() if isinstance(error, type) else error)

    def _finish(self, value, error):
        if self.done():
            raise self.InvalidStateError(\"the future has finished already\")
        self._value, self._error = value, error
        self._event.set()
",
};

/// Whether a call of the API makes a future that this rule looks at.
pub(crate) fn makes(api: &str) -> bool {
    api == "asyncio.Future" || MAKERS.contains(&api)
}

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let family = Family::new(cx, "asyncio.Future");
    let mut planned = Vec::new();
    let numbers = plan_made(cx, &mut planned, RULE, &family, MAKERS, |moving, change| {
        future(cx, moving, change)
    });
    let raisers: Vec<(usize, &Cluster)> = numbers
        .iter()
        .zip(&family.clusters)
        .filter_map(|(number, cluster)| Some(((*number)?, cluster)))
        .collect();
    invalid_state(cx, &raisers, &mut planned);
    changes.append(&mut planned);
}

/// The calls that make futures which end as cancelled for all who wait, when the wait of one is cut short: tasks that wait for
/// one which stays would end their task group then.
pub(crate) fn ending_together(cx: &Context<'_>) -> BTreeSet<Place> {
    let clusters = Family::new(cx, "asyncio.Future").clusters;
    let shared = clusters.iter().filter(|it| waits_beside(cx, it).is_some());
    // One that is awaited where it is made (`await asyncio.gather(…)`) nobody else waits for.
    let is_own = |site: &Place| {
        let view = cx.view(site.file);
        view.is_some_and(|view| view.await_of(site.range).is_some())
    };
    let sites = shared.flat_map(|it| it.sites.iter().copied());
    sites.filter(|site| !is_own(site)).collect()
}

fn future(cx: &Context<'_>, moving: &Moving<'_>, change: &mut Change) -> Result<Form, Obstacle> {
    if moving.cluster.from_outside && !moving.cluster.members.is_empty() {
        return Err(Obstacle {
            at: None,
            reason: "it may come from code that is not seen, and a future of asyncio has other members than AnyIO's"
                .to_owned(),
        });
    }
    for site in &moving.sites {
        if let Some(call) = site.call
            && !call.arguments.is_empty()
        {
            change
                .edits
                .push((site.view.file, Edit::delete(inside(call))));
        }
    }
    let members = &moving.cluster.members;
    if !are_there(cx) {
        own(cx, moving, change)?;
        return Ok(Form {
            class: vec![Piece::Helper(&FUTURE)],
            factory: None,
        });
    }
    let fails = members
        .iter()
        .any(|member| method(member) == "set_exception");
    let left = left(cx, moving.cluster);
    let reads = |member: &&Member| matches!(method(member), "result" | "exception");
    if let Some(read) = members.iter().find(|it| reads(it))
        && (is_timed(cx, moving.cluster) || !left.is_empty())
    {
        let line = cx.program.line(read.place);
        change.caveat(format!(
            "line {line} may ask a future that was cancelled with its waiter: asyncio ends who asks as cancelled, and AnyIO has an error for it"
        ));
    }
    let mut wrapped = BTreeSet::new();
    for place in &left {
        let view = view(cx, *place)?;
        let open = vec![Piece::Helper(&WAIT), "(".into()];
        replace(change, view, TextRange::empty(place.range.start()), open);
        let close = vec![")".into()];
        replace(change, view, TextRange::empty(place.range.end()), close);
    }
    for member in members {
        let view = view(cx, member.place)?;
        if !member.only {
            return Err(Obstacle::new(
                member.place,
                "it may be something else than a future here, a task for example",
            ));
        }
        write(
            cx,
            view,
            member,
            (fails, !left.is_empty()),
            &mut wrapped,
            change,
        )?;
    }
    for held in &moving.cluster.places {
        let view = view(cx, held.place)?;
        waits(cx, view, held.place.range, fails, &mut wrapped, change)?;
    }
    let read = |member: &&Member| matches!(method(member), "result" | "exception");
    if members.iter().any(|it| read(&it)) && is_timed(cx, moving.cluster) {
        change.caveat("the result of a future whose time is over is asked for with another error");
    }
    if let Some(place) = waits_beside(cx, moving.cluster) {
        let line = cx.program.line(place);
        change.caveat(format!(
            "when the wait at line {line} is cut short the future is cancelled, and who else waits for it ends as cancelled in asyncio, with an error in AnyIO"
        ));
    }
    Ok(Form::anyio("Future"))
}

/// Whether the oldest `AnyIO` has futures.
pub(crate) fn are_there(cx: &Context<'_>) -> bool {
    cx.anyio_has(4, 15)
}

/// Whether a class of the module can take the place of the futures: it has their methods.
fn own(cx: &Context<'_>, moving: &Moving<'_>, change: &mut Change) -> Result<(), Obstacle> {
    let cluster = moving.cluster;
    let file = moving.sites.first().map(|site| site.view.file);
    let places = cluster.places.iter().map(|held| held.place);
    let members = cluster.members.iter().map(|member| member.place);
    if let Some(place) = places.chain(members).find(|it| Some(it.file) != file) {
        return Err(Obstacle::new(
            place,
            "the future is used in another module: `anyio.Future` needs AnyIO 4.15, and the project allows an older one",
        ));
    }
    for member in &cluster.members {
        if !matches!(
            method(member),
            "set_result" | "set_exception" | "result" | "exception" | "done"
        ) {
            return Err(lacks(member));
        }
    }
    for held in &cluster.places {
        let view = view(cx, held.place)?;
        waits(
            cx,
            view,
            held.place.range,
            false,
            &mut BTreeSet::new(),
            change,
        )?;
    }
    Ok(())
}

/// Why a member has no counterpart.
fn lacks(member: &Member) -> Obstacle {
    let name = method(member);
    let reason = match name {
        "cancel" => {
            "`cancel` is used, and whoever waits for a cancelled future of AnyIO gets an error instead of being cancelled"
                .to_owned()
        }
        "add_done_callback" | "remove_done_callback" => {
            format!("`{name}` is used, and AnyIO's futures have no callbacks")
        }
        _ => format!("`{name}` is used, which AnyIO's future does not have"),
    };
    Obstacle::new(member.place, reason)
}

/// The edits at one member.
fn write(
    cx: &Context<'_>,
    view: &View<'_>,
    member: &Member,
    (fails, is_left): (bool, bool),
    wrapped: &mut BTreeSet<Place>,
    change: &mut Change,
) -> Result<(), Obstacle> {
    let refuse = |reason: String| Obstacle::new(member.place, reason);
    let name = method(member);
    if name == "set_result"
        && let Some(AnyNodeRef::Arguments(_)) = view
            .tree
            .expr_at(member.place.range)
            .and_then(|expr| view.tree.parent(expr))
        && let Some(object) = object(view, member.place.range)
    {
        // Passed on as a function.
        let head = TextRange::empty(object.start());
        replace(
            change,
            view,
            head,
            pieces("{@functools:partial}(setattr, ", &[]),
        );
        let tail = TextRange::new(object.end(), member.place.range.end());
        replace(change, view, tail, vec![", \"return_value\")".into()]);
        return Ok(());
    }
    let call = view.call_of(member.place.range).ok_or_else(|| {
        refuse(format!(
            "`{name}` is passed on, and AnyIO has a property for it"
        ))
    })?;
    let object =
        object(view, member.place.range).ok_or_else(|| refuse("it is no member".to_owned()))?;
    let tail = TextRange::new(object.end(), call.end());
    match name {
        "set_result" | "set_exception" => {
            let value = match (&*call.arguments.args, &*call.arguments.keywords) {
                ([value], []) => value,
                ([], [keyword]) if keyword.arg.is_some() => &keyword.value,
                _ => {
                    return Err(refuse(format!(
                        "`{name}` is called with unpacked arguments"
                    )));
                }
            };
            let alone = view
                .tree
                .enclosing_statement(call.range())
                .is_some_and(|stmt| matches!(stmt, Stmt::Expr(_)) && stmt.range() == call.range());
            if !alone || value.is_starred_expr() || value.is_named_expr() {
                return Err(refuse(format!(
                    "`{name}` stands in an expression, where AnyIO has an assignment"
                )));
            }
            if name == "set_exception" && may_be_class(cx, view, value) {
                return Err(refuse(
                    "it is given a class of exceptions, and AnyIO's needs an exception".to_owned(),
                ));
            }
            let to = if name == "set_result" {
                ".return_value = "
            } else {
                ".exception = "
            };
            let head = TextRange::new(object.end(), value.start());
            replace(change, view, head, vec![to.into()]);
            let end = TextRange::new(value.end(), call.end());
            if view.text(end).contains('#') || view.text(head).contains('#') {
                return Err(refuse("there is a comment among its arguments".to_owned()));
            }
            replace(change, view, end, Vec::new());
        }
        "result" => {
            if fails {
                unpack(view, call.range(), wrapped, change)?;
            }
            replace(change, view, tail, vec![".return_value".into()]);
        }
        "exception" => replace(change, view, tail, vec![".exception".into()]),
        "__await__" if fails || is_left => {
            return Err(refuse(
                "what waits for it is made here, and waits elsewhere".to_owned(),
            ));
        }
        "__await__" => {}
        "done" | "cancelled" => {
            let (status, is, is_not) = match name {
                "done" => ("PENDING", "is not", "is"),
                _ => ("CANCELLED", "is", "is not"),
            };
            if name == "cancelled" && !is_left && !guards_setting(view, call) {
                change.caveat(
                    "when who waits for it is cancelled, the future stays pending, where asyncio cancels it",
                );
            }
            let (whole, op) = match view.tree.parent(call) {
                Some(AnyNodeRef::ExprUnaryOp(unary)) if unary.op == UnaryOp::Not => {
                    let not = TextRange::new(unary.start(), call.start());
                    if view.text(not).trim() == "not" {
                        replace(change, view, not, Vec::new());
                        (unary.range(), is_not)
                    } else {
                        (call.range(), is)
                    }
                }
                _ => (call.range(), is),
            };
            let mut text: Vec<Piece> = vec![format!(".status {op} ").into()];
            text.extend(pieces("{@anyio}.Future.Status", &[]));
            text.push(format!(".{status}").into());
            if !takes_comparison(view, whole) {
                let at = TextRange::empty(whole.start());
                replace(change, view, at, vec!["(".into()]);
                text.push(")".into());
            }
            replace(change, view, tail, text);
        }
        _ => return Err(lacks(member)),
    }
    Ok(())
}

/// What the member is of, with the brackets around it.
fn object(view: &View<'_>, member: TextRange) -> Option<TextRange> {
    let member = view.tree.expr_at(member)?;
    member.is_attribute_expr().then(|| view.object(member))
}

fn may_be_class(cx: &Context<'_>, view: &View<'_>, value: &Expr) -> bool {
    !value.is_call_expr()
        && cx
            .program
            .values_at(view.place(value))
            .any(|value| matches!(value, Value::Class(_) | Value::External(_)))
}

/// What waits for a future.
fn waits(
    cx: &Context<'_>,
    view: &View<'_>,
    range: TextRange,
    fails: bool,
    wrapped: &mut BTreeSet<Place>,
    change: &mut Change,
) -> Result<(), Obstacle> {
    let Some(expr) = view.tree.expr_at(range) else {
        return Ok(());
    };
    let place = view.place(expr);
    let waits = match view.tree.parent(expr) {
        Some(AnyNodeRef::ExprAwait(await_)) => await_.range(),
        // AnyIO's are no iterators of themselves.
        Some(AnyNodeRef::ExprYieldFrom(it)) => {
            if !(expr.is_name_expr() || expr.is_attribute_expr() || expr.is_call_expr()) {
                return Err(Obstacle::new(place, "it is waited for by `yield from`"));
            }
            let end = TextRange::empty(expr.end());
            replace(change, view, end, vec![".__await__()".into()]);
            it.range()
        }
        Some(AnyNodeRef::Arguments(_) | AnyNodeRef::Keyword(_)) => {
            let call = view.tree.call_around(expr);
            let Some(call) = call else { return Ok(()) };
            let Some(api) = cx
                .api_of(view, &call.func)
                .filter(|api| api.starts_with("asyncio."))
            else {
                return Ok(());
            };
            let awaited = view.await_of(call.range());
            match (api, awaited) {
                ("asyncio.wait_for", _) if are_there(cx) => {
                    // It cancels the future, and takes the error out.
                    change.requires.push(view.place(&*call.func));
                    return Ok(());
                }
                ("asyncio.wait_for", Some(await_)) => {
                    change.caveat(
                        "when the time is over, the future stays pending, where asyncio cancels it",
                    );
                    change.requires.push(view.place(&*call.func));
                    await_.range()
                }
                _ => {
                    return Err(Obstacle::new(
                        place,
                        format!("it is passed to `{api}`, which takes a future of asyncio"),
                    ));
                }
            }
        }
        _ => return Ok(()),
    };
    if !fails {
        return Ok(());
    }
    unpack(view, waits, wrapped, change)
}

/// Takes the error of a failed future out of `FutureFailed`, around the statement.
fn unpack(
    view: &View<'_>,
    range: TextRange,
    wrapped: &mut BTreeSet<Place>,
    change: &mut Change,
) -> Result<(), Obstacle> {
    let refuse = || {
        let file = view.file;
        Obstacle::new(
            Place { file, range },
            "the error of a failed future must be taken out of AnyIO's `FutureFailed`; put this into a statement of its own",
        )
    };
    let stmt = view.tree.enclosing_statement(range).ok_or_else(refuse)?;
    let simple = matches!(
        stmt,
        Stmt::Expr(_) | Stmt::Assign(_) | Stmt::AnnAssign(_) | Stmt::AugAssign(_) | Stmt::Return(_)
    );
    if !simple || shares_its_line(view, stmt) {
        return Err(refuse());
    }
    if !wrapped.insert(view.place(stmt)) {
        return Ok(());
    }
    let scope = view.scopes.at(stmt.start());
    let name = view.scopes.fresh_name(scope, "failed");
    let mut except = vec![Piece::from("except ")];
    except.extend(pieces("{@anyio}.FutureFailed", &[]));
    except.push(format!(" as {name}:").into());
    change.edits.push((
        view.file,
        Edit::Wrap(Wrap {
            range: stmt.range(),
            before: Vec::new(),
            header: vec!["try:".into()],
            last: Vec::new(),
            after: vec![
                except,
                vec![format!("    raise {name}.__cause__ from {name}.__cause__.__cause__").into()],
            ],
        }),
    ));
    Ok(())
}

fn replace(change: &mut Change, view: &View<'_>, range: TextRange, pieces: Vec<Piece>) {
    change
        .edits
        .push((view.file, Edit::Replace { range, pieces }));
}
