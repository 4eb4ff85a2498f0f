//! Classes of the program that derive from a queue, whose base becomes that of asyncio.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::MroEntry;
use loopshift_engine::ir::ClassId;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::Expr;
use loopshift_python::edit::Edit;

use super::{DEPTH, RULE, asyncio, counterpart, is_above_zero, is_queue, makes_channels};
use crate::common::green::{
    Making, bound_name, class_of_base, derived, is_init, made_in_loop, making, name_on_object,
};
use crate::common::seconds::{Seconds, seconds};
use crate::context::{Context, View};

/// What a queue of asyncio has for itself, and calls itself: `Lib/asyncio/queues.py` of Python.
const OF_ASYNCIO: &[&str] = &[
    "_format",
    "_finished",
    "_get",
    "_get_loop",
    "_getters",
    "_init",
    "_is_shutdown",
    "_loop",
    "_maxsize",
    "_put",
    "_putters",
    "_queue",
    "_shutdown",
    "_unfinished_tasks",
    "_wakeup_next",
    "shutdown",
];

/// What the queues of the libraries and of Python have for themselves, where classes that derive from them may reach it.
const OF_LIBRARIES: &[&str] = &[
    "_peek",
    "_qsize",
    "all_tasks_done",
    "getters",
    "mutex",
    "not_empty",
    "not_full",
    "putters",
    "queue",
    "unfinished_tasks",
];

/// The queue of the library that a class derives from, where it does not say itself what it gives for `method`.
pub(super) fn base_of<'c>(cx: &Context<'c>, class: ClassId, method: &str) -> Option<&'c str> {
    let flow = &cx.program.flow;
    for entry in &flow.mro[class.0 as usize] {
        match entry {
            MroEntry::Class(class) => {
                let mut attrs = cx.program.class(*class).1.attrs.iter();
                if attrs.any(|(name, _)| flow.text(*name) == method) {
                    return None;
                }
            }
            MroEntry::External(sym) if is_queue(cx, flow.text(*sym)) => {
                return Some(flow.text(*sym));
            }
            MroEntry::External(_) => {}
        }
    }
    None
}

/// The classes that derive from a queue.
fn classes(cx: &Context<'_>) -> BTreeSet<ClassId> {
    derived(cx, |name| is_queue(cx, name))
}

/// The class of a queue that is the base of another, or whose `__init__` that calls. None where it is neither.
///
/// # Errors
/// Why it stays, in words.
pub(super) fn moved(
    cx: &Context<'_>,
    use_: &Use,
    view: &View<'_>,
) -> Option<Result<Change, String>> {
    let range = use_.place.range;
    let is_base = class_of_base(view, range).is_some();
    if !is_base && (view.call_of(range).is_some() || !is_init(cx, view, range, &cx.once(classes))) {
        return None;
    }
    Some(based(cx, use_, view))
}

fn based(cx: &Context<'_>, use_: &Use, view: &View<'_>) -> Result<Change, String> {
    let name = counterpart(&use_.api).filter(|_| use_.only);
    let name = name.ok_or("asyncio has no such queue to derive from")?;
    if let Some(name) = clash(cx, &cx.once(classes)) {
        return Err(format!(
            "a class that derives from it has or asks for a `{name}`, which is another one in asyncio"
        ));
    }
    let message = format!("`{}` becomes `asyncio.{name}`", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    change.edit(Edit::Replace {
        range: use_.place.range,
        pieces: vec![asyncio(), format!(".{name}").into()],
    });
    if let Some(class) = class_of_base(view, use_.place.range) {
        for made in making(cx, &heirs(cx, view.place(class)))? {
            made_in_loop(cx, made.view.place(made.call))?;
            limit(cx, use_, &made, &mut change)?;
        }
    }
    Ok(change)
}

/// A class and those that derive from it.
fn heirs(cx: &Context<'_>, place: Place) -> BTreeSet<ClassId> {
    let is_it = |class: &ClassId| {
        let (file, class) = cx.program.class(*class);
        file == place.file && class.range == place.range
    };
    let heirs = |class: &ClassId| {
        let mut bases = cx.program.flow.mro[class.0 as usize].iter();
        is_it(class) || bases.any(|entry| matches!(entry, MroEntry::Class(base) if is_it(base)))
    };
    let all = cx.once(classes);
    all.iter().copied().filter(heirs).collect()
}

/// The size that such a queue is made with, of which `None` is none to the libraries.
fn limit(
    cx: &Context<'_>,
    use_: &Use,
    made: &Making<'_>,
    change: &mut Change,
) -> Result<(), String> {
    let size = match (made.count(), made.argument(0, "maxsize")) {
        (Some(0), _) => return Ok(()),
        (Some(1), Some(size)) => size,
        _ => {
            return Err(
                "a class derives from it, whose objects are made with more than a size".to_owned(),
            );
        }
    };
    if is_above_zero(made.view, size) {
        return Ok(());
    }
    let is_limit = matches!(
        seconds(cx, made.view, size, DEPTH),
        Seconds::Positive | Seconds::NoLimit
    );
    if makes_channels(&use_.api) && !is_limit {
        return Err(
            "a class derives from it, whose size may be 0, with which `put` waits for a `get`"
                .to_owned(),
        );
    }
    let (open, close) = match size {
        Expr::Name(_) | Expr::Attribute(_) | Expr::Call(_) => ("", " or 0"),
        _ => ("(", ") or 0"),
    };
    for (at, text) in [(size.start(), open), (size.end(), close)] {
        if !text.is_empty() {
            change
                .edits
                .push((made.view.file, Edit::insert(at, text, &[])));
        }
    }
    Ok(())
}

/// A name by which such classes mean something else than a queue of asyncio would.
fn clash(cx: &Context<'_>, classes: &BTreeSet<ClassId>) -> Option<String> {
    let is_taken = |name: &str| OF_ASYNCIO.contains(&name) || OF_LIBRARIES.contains(&name);
    // Of these a queue of asyncio makes use itself.
    let methods = [
        "empty",
        "full",
        "get",
        "get_nowait",
        "join",
        "maxsize",
        "put",
        "put_nowait",
        "qsize",
        "task_done",
    ];
    let bound = bound_name(cx, classes, |name| {
        is_taken(name) || methods.contains(&name)
    });
    bound
        .map(str::to_owned)
        .or_else(|| name_on_object(cx, classes, |it| is_taken(&it.attr)))
}
