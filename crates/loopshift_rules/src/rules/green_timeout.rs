//! Timeouts of green threads.
//!
//! A green thread's timeout is raised where the code waits, and is no `Exception`; that of asyncio is raised at the end of
//! its block, and is the builtin `TimeoutError`, which other code raises, too. Where the program can't tell, a timeout
//! becomes `asyncio.timeout`. Where it could, all timeouts of the program become objects of a class that is written into
//! it, and that behaves as the old one.

mod exact;
mod extent;
mod home;
mod inside;
mod plain;

use std::collections::BTreeMap;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::uses::Use;
use loopshift_python::TextRange;
use loopshift_python::ast::{AnyNodeRef, ExceptHandlerExceptHandler, Expr};
use loopshift_python::edit::{Edit, Piece, pieces};

use crate::catalog::{Api, Kind};
use crate::common::code::{Reach, called_within, own};
use crate::context::{Context, View};
use crate::whole::parts;

const RULE: &str = "green-timeout";

/// A use that the rule speaks for.
type Found<'c> = (&'c Use, &'c Api, &'c View<'c>);

/// What may differ where the name of the class is shown.
const NAMED: &str = "a handler or an `__exit__` reads the name of the class of its error, which is another one for a timeout";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let mut by_part: BTreeMap<usize, Vec<Found<'_>>> = BTreeMap::new();
    let mut uses = cx.uses_for(RULE).peekable();
    if uses.peek().is_none() {
        return;
    }
    // What belongs together moves together, and so in one way.
    let parts = parts(cx.program, cx.catalog, cx.part);
    for found in uses {
        let part = parts[found.0.place.file.0 as usize];
        by_part.entry(part).or_default().push(found);
    }
    let reach = cx.once(Reach::new);
    for (part, uses) in by_part {
        let files = |file: usize| parts[file] == part;
        let raising = raising(cx, &files);
        let first = changes.len();
        match simple(cx, &reach, &uses, &raising) {
            Ok(list) => changes.extend(list),
            Err(_) => {
                let others = passing_on(cx, &files, &raising);
                exact::plan(cx, &reach, &uses, &files, &others, changes);
            }
        }
        let mut moved = changes[first..]
            .iter_mut()
            .filter(|it| it.declined.is_none());
        if let Some(change) = moved.next().filter(|_| inside::names_class(cx, &files)) {
            change.caveat(NAMED);
        }
    }
}

/// All timeouts in the plain form.
///
/// # Errors
/// Why one of them has none.
fn simple(
    cx: &Context<'_>,
    reach: &Reach,
    uses: &[Found<'_>],
    raising: &[Place],
) -> Result<Vec<Change>, String> {
    let mut out = Vec::new();
    let mut caught: Vec<Place> = Vec::new();
    for (use_, api, view) in uses {
        // What handlers catch moves with the block that they belong to.
        if handler_of(view, use_.place.range).is_some() {
            continue;
        }
        let change = match (api.kind, last(&use_.api)) {
            (Kind::Exception, _) => {
                let change = plain::block(cx, reach, use_, api, view)?;
                let around = change.covers.iter().filter_map(|place| {
                    let handler = handler_of(view, place.range)?;
                    view.tree.parent(handler)
                });
                for node in around {
                    reaches(cx, reach, view.place(node), raising)?;
                }
                change
            }
            (_, "with_timeout") => with_timeout(cx, use_, api, view, None)?,
            (_, "is_timeout") => is_timeout(use_, view, None)?,
            _ => return Err("it is a method of a timeout".to_owned()),
        };
        caught.extend(change.covers.iter().copied());
        out.push(change);
    }
    for (use_, _, view) in uses {
        let Some(handler) = handler_of(view, use_.place.range) else {
            continue;
        };
        if caught.contains(&use_.place) {
            continue;
        }
        // Nothing but what waits for a while raises it, and then asyncio's own.
        if raising.is_empty() || view.tree.expr_at(use_.place.range).is_none() {
            return Err("no timeout that it catches was found in its `try`".to_owned());
        }
        first_to_catch(view, handler)?;
        asks_nothing(handler)?;
        let message = format!("`{}` becomes `TimeoutError`", use_.api);
        let mut change = Change::new(RULE, use_.place, &*use_.api, message);
        change.edit(Edit::Replace {
            range: use_.place.range,
            pieces: timeout_error(cx),
        });
        out.push(change);
    }
    Ok(out)
}

/// The last part of a name.
fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// The exception of asyncio's own timeouts.
fn timeout_error(cx: &Context<'_>) -> Vec<Piece> {
    if cx.settings.python_has(3, 11) {
        vec!["TimeoutError".into()]
    } else {
        pieces("{@asyncio}.TimeoutError", &[])
    }
}

/// The handler whose type stands at a range.
fn handler_of<'v>(view: &View<'v>, range: TextRange) -> Option<&'v ExceptHandlerExceptHandler> {
    let expr = view.tree.expr_at(range)?;
    match view.tree.parent(expr)? {
        AnyNodeRef::ExceptHandlerExceptHandler(handler) => Some(handler),
        AnyNodeRef::ExprTuple(tuple) => match view.tree.parent(tuple)? {
            AnyNodeRef::ExceptHandlerExceptHandler(handler) => Some(handler),
            _ => None,
        },
        _ => None,
    }
}

/// A `TimeoutError` is an `Exception`: no handler before this one may catch it.
fn first_to_catch(view: &View<'_>, handler: &ExceptHandlerExceptHandler) -> Result<(), String> {
    let Some(AnyNodeRef::StmtTry(it)) = view.tree.parent(handler) else {
        return Ok(());
    };
    let mut before = it.handlers.iter().take_while(|other| {
        let loopshift_python::ast::ExceptHandler::ExceptHandler(other) = other;
        other.range != handler.range
    });
    if before.any(plain::may_catch_timeout_error) {
        return Err("a handler before it would catch `TimeoutError`".to_owned());
    }
    Ok(())
}

/// A `TimeoutError` has a text, and nothing else of what a timeout has.
fn asks_nothing(handler: &ExceptHandlerExceptHandler) -> Result<(), String> {
    let Some(name) = &handler.name else {
        return Ok(());
    };
    let asks = own(&handler.body).into_iter().any(|node| match node {
        AnyNodeRef::ExprAttribute(it) => {
            matches!(&*it.value, Expr::Name(it) if it.id == name.id)
        }
        _ => false,
    });
    if asks {
        return Err("its handler looks at the exception, which is another one then".to_owned());
    }
    Ok(())
}

/// What waits for a while and raises a timeout of the library where that is over.
const RAISING: &[&str] = &[
    "gevent.Greenlet.get",
    "gevent.event.AsyncResult.get",
    "gevent.event.AsyncResult.get_nowait",
    "gevent.event.AsyncResult.result",
    "gevent.killall",
];

/// The calls of it.
fn raising(cx: &Context<'_>, files: &impl Fn(usize) -> bool) -> Vec<Place> {
    let mut out = Vec::new();
    for use_ in cx.uses.iter().filter(|use_| RAISING.contains(&&*use_.api)) {
        let view = cx
            .view(use_.place.file)
            .filter(|view| files(view.file.0 as usize));
        let Some((view, api)) = view.zip(cx.catalog.get(&use_.api)) else {
            continue;
        };
        let Some(call) = view.call_of(use_.place.range) else {
            continue;
        };
        let given = cx
            .bind(api, call)
            .is_ok_and(|bound| bound.get("timeout").is_some() || bound.get("block").is_some());
        if given || use_.api.ends_with("_nowait") {
            out.push(view.place(call));
        }
    }
    out
}

/// What raises a timeout that stands elsewhere: that of a thread which is waited for, or of what runs in a pool.
const PASSING_ON: &[&str] = &[
    "apply",
    "get",
    "get_nowait",
    "imap",
    "imap_unordered",
    "iwait",
    "joinall",
    "killall",
    "map",
    "result",
    "run",
    "switch",
    "throw",
    "wait",
];

/// The calls that raise asyncio's own timeouts in place of those of the library, if there are any: besides the `raising` ones
/// those that pass on what a thread raised.
fn passing_on(cx: &Context<'_>, files: &impl Fn(usize) -> bool, raising: &[Place]) -> Vec<Place> {
    if raising.is_empty() {
        return Vec::new();
    }
    let passes = |use_: &&Use| {
        PASSING_ON.contains(&last(&use_.api))
            && !use_.api.starts_with("gevent.queue.")
            && files(use_.place.file.0 as usize)
    };
    let passing = cx.uses.iter().filter(passes).map(|use_| use_.place);
    raising.iter().copied().chain(passing).collect()
}

/// A handler of a timeout that asks whose it was can't be that of such calls as well.
fn reaches(cx: &Context<'_>, reach: &Reach, place: Place, raising: &[Place]) -> Result<(), String> {
    let within =
        |other: &Place| other.file == place.file && place.range.contains_range(other.range);
    let called = reach.from(called_within(cx, place));
    let there = |other: &Place| called.contains(&cx.program.function_at(*other));
    if raising.iter().any(|other| within(other) || there(other)) {
        return Err("its handler catches what other calls raise, too".to_owned());
    }
    Ok(())
}

use exact::{is_timeout, with_timeout};
pub(crate) use inside::may_be_timeout;
