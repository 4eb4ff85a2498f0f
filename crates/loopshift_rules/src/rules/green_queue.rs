//! Queues of green threads become queues of asyncio, whose size `None` is no size, and whose size 0 is no limit.

mod counted;
mod derived;
mod exceptions;
mod iteration;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::facts::Cause;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::{Edit, Piece, pieces};
use loopshift_python::{Ranged, TextRange};
use rustc_hash::FxHashMap;

use self::counted::Counted;
use super::green_colour::{call_until, items_until};
use crate::catalog::{Api, Kind};
use crate::common::code::is_plain;
use crate::common::green::{Threads, anchor, bracketed, helper, helper_for, made_in_loop, owners};
use crate::common::objects::{Mention, mention, receiver};
use crate::common::seconds::{Seconds, seconds};
use crate::common::shared::{constant_number, is_statement, number};
use crate::context::{Bound, Context, View};

const RULE: &str = "green-queue";

/// Through so many names the number of a size is followed.
const DEPTH: u8 = 4;

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let owners = cx.once(owners);
    let threads = cx.once(Threads::new);
    for (use_, api, view) in cx.uses_for(RULE) {
        if use_.member
            && let Err(reason) = threads.allow(cx, use_.place)
        {
            changes.push(Change::declined(RULE, use_.place, &*use_.api, reason));
            continue;
        }
        changes.push(
            moved(cx, &owners, use_, api, view)
                .unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason)),
        );
    }
    iteration::plan(cx, changes);
    exceptions::plan(cx, changes);
}

fn moved<'c>(
    cx: &Context<'c>,
    owners: &FxHashMap<Place, FuncId>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
) -> Result<Change, String> {
    match api.kind {
        Kind::Class => class(cx, use_, api, view),
        Kind::Exception => exceptions::named(cx, use_, view),
        _ => member(cx, owners, use_, api, view),
    }
}

/// Whether objects of a class are queues that are moved.
fn is_queue(cx: &Context<'_>, class: &str) -> bool {
    let row = cx.catalog.get(class);
    row.is_some_and(|row| row.rule.as_deref() == Some(RULE) && row.kind == Kind::Class)
}

/// The name of the class in asyncio. A channel has none.
fn counterpart(api: &str) -> Option<&'static str> {
    match api.rsplit('.').next()? {
        "Channel" => None,
        "PriorityQueue" => Some("PriorityQueue"),
        "LifoQueue" => Some("LifoQueue"),
        _ => Some("Queue"),
    }
}

fn class<'c>(
    cx: &Context<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
) -> Result<Change, String> {
    if let Some(change) = derived::moved(cx, use_, view) {
        return change;
    }
    let channel = helper("Channel").ok_or("a helper is missing")?;
    let name: Vec<Piece> = match counterpart(&use_.api) {
        Some(name) => vec![asyncio(), format!(".{name}").into()],
        None => vec![Piece::Helper(channel)],
    };
    let message = match counterpart(&use_.api) {
        Some(name) => format!("`{}` becomes `asyncio.{name}`", use_.api),
        None => format!("`{}` becomes a class of the module", use_.api),
    };
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    let expr = view.tree.expr_at(use_.place.range);
    let direct = expr.is_some_and(|expr| view.is_direct(expr));
    match mention(cx, view, use_.place.range) {
        Mention::Call(call) if !direct && are_classes(cx, use_.place) => {
            let bound = cx.bind(api, call).map_err(|error| error.to_string())?;
            let size = bound.get("maxsize");
            if !bound.only(&["maxsize"]) || size.is_some_and(|it| !is_above_zero(view, it)) {
                return Err(
                    "it is called through a variable, with a size that may be none".to_owned(),
                );
            }
            made_in_loop(cx, use_.place)?;
            return Ok(change);
        }
        Mention::Other if direct && are_classes(cx, use_.place) && is_kept(view, expr) => {
            let range = use_.place.range;
            change.edit(Edit::Replace {
                range,
                pieces: name,
            });
            return Ok(change);
        }
        Mention::Call(_) => {}
        Mention::Annotation(_) | Mention::Test | Mention::Factory(_) if use_.only => {
            let range = use_.place.range;
            change.edit(Edit::Replace {
                range,
                pieces: name,
            });
            return Ok(change);
        }
        _ => return Err("the class is neither called nor named in an annotation".to_owned()),
    }
    let (call, bound) = cx.direct_call(use_, api, view)?;
    made_in_loop(cx, use_.place)?;
    let name = if cx.once(Counted::new).sites.contains(&view.place(call)) {
        vec![Piece::Helper(
            helper("CountedQueue").ok_or("a helper is missing")?,
        )]
    } else {
        name
    };
    let mut text = match size(cx, view, use_, &bound, &mut change)? {
        Some(size) => [name, vec!["(".into()], size, vec![")".into()]].concat(),
        None => vec![Piece::Helper(channel), "()".into()],
    };
    if let Some(items) = bound.get("items") {
        if bound
            .get("maxsize")
            .is_some_and(|it| !it.is_none_literal_expr())
        {
            return Err("it has a size and items to begin with, which may not fit".to_owned());
        }
        let filled = helper("filled").ok_or("a helper is missing")?;
        text.splice(0..0, [Piece::Helper(filled), "(".into()]);
        text.extend([", ".into(), Piece::Source(items.range()), ")".into()]);
    }
    if bound.get("unfinished_tasks").is_some() {
        return Err("a queue of asyncio counts its unfinished tasks itself".to_owned());
    }
    change.edit(Edit::Replace {
        range: call.range(),
        pieces: text,
    });
    Ok(change)
}

/// Whether all that may stand there are classes of queues that asyncio has, too.
fn are_classes(cx: &Context<'_>, place: Place) -> bool {
    let mut values = cx.program.values_at(place).peekable();
    values.peek().is_some()
        && values.all(|value| match value {
            Value::External(sym) => {
                let name = cx.program.flow.text(sym);
                is_queue(cx, name) && counterpart(name).is_some()
            }
            _ => false,
        })
}

/// Whether an expression is given a name, or is a value of a dictionary.
fn is_kept(view: &View<'_>, expr: Option<&Expr>) -> bool {
    let parent = expr.and_then(|expr| view.tree.parent(expr));
    matches!(
        parent,
        Some(
            AnyNodeRef::StmtAssign(_)
                | AnyNodeRef::ExprDict(_)
                | AnyNodeRef::ParameterWithDefault(_)
        )
    )
}

/// Whether a size is known to be a limit.
fn is_above_zero(view: &View<'_>, size: &Expr) -> bool {
    constant_number(view, size).is_some_and(|size| size > 0.0)
}

fn asyncio() -> Piece {
    pieces("{@asyncio}", &[]).remove(0)
}

/// Whether a queue of size 0 hands over what is put to who waits for it. The queues of `eventlet.green.Queue` are those of
/// the standard library.
fn makes_channels(api: &str) -> bool {
    api.starts_with("eventlet.") && !api.contains(".green.")
}

/// What stands for the size. None where it makes a channel.
fn size(
    cx: &Context<'_>,
    view: &View<'_>,
    use_: &Use,
    bound: &Bound<'_>,
    change: &mut Change,
) -> Result<Option<Vec<Piece>>, String> {
    if counterpart(&use_.api).is_none() {
        return Ok(None);
    }
    let channels = makes_channels(&use_.api);
    let Some(size) = bound.get("maxsize").filter(|it| !it.is_none_literal_expr()) else {
        return Ok(Some(Vec::new()));
    };
    if let Some(size) = number(size)
        && size <= 0.0
    {
        let channel = size == 0.0 && channels;
        if channel && counterpart(&use_.api) != Some("Queue") {
            return Err("its size 0 means that `put` waits for a `get`".to_owned());
        }
        return Ok((!channel).then(Vec::new));
    }
    if is_above_zero(view, size) {
        return Ok(Some(vec![Piece::Source(size.range())]));
    }
    // Whatever callers give for it is followed as a number of seconds is, of which `None` is no limit, too.
    let is_limit = matches!(
        seconds(cx, view, size, DEPTH),
        Seconds::Positive | Seconds::NoLimit
    );
    if channels && !is_limit {
        change.caveat(
            "its size may be 0, with which `put` waits for a `get`; in asyncio it means no limit",
        );
    }
    let (open, close) = match size {
        Expr::Name(_) | Expr::Attribute(_) | Expr::Call(_) => ("", " or 0"),
        _ => ("(", ") or 0"),
    };
    Ok(Some(vec![
        open.into(),
        Piece::Source(size.range()),
        close.into(),
    ]))
}

/// The methods that are the same, and wait for nothing.
const SAME: &[&str] = &[
    "put_nowait",
    "get_nowait",
    "qsize",
    "empty",
    "full",
    "task_done",
];

fn member<'c>(
    cx: &Context<'c>,
    owners: &FxHashMap<Place, FuncId>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
) -> Result<Change, String> {
    let method = use_.api.rsplit('.').next().unwrap_or_default();
    if !use_.only && !is_of_queues(cx, use_.place, method) {
        return Err("it is called on what may be something else".to_owned());
    }
    let queue = receiver(view, use_.place.range).ok_or("its queue was not found")?;
    let message = format!("`{method}` of a queue");
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    if cx.once(exceptions::named_errors).contains(&use_.place) {
        change.caveat(exceptions::NAMED);
    }
    if SAME.contains(&method) {
        return Ok(change);
    }
    if method == counted::COUNT {
        if !cx.once(Counted::new).asked.contains(&use_.place) {
            return Err("queues of event loops do not show it".to_owned());
        }
        return Ok(change);
    }
    if method == "get"
        && let Some(call) = call_until(cx, view, use_.place.range)
    {
        let mut next: Vec<Piece> = Vec::new();
        if is_plain(queue) {
            next.extend(["await ".into(), use_.place.range.into(), "()".into()]);
        }
        for edit in items_until(cx, view, call, next)? {
            change.edit(edit);
        }
        let owner = cx.program.function_at(use_.place);
        change.requires.push(anchor(cx, owner));
        return Ok(change);
    }
    if method == "maxsize" {
        let text = pieces("({0}.maxsize or None)", &[Piece::Source(queue.range())]);
        change.edit(Edit::Replace {
            range: use_.place.range,
            pieces: text,
        });
        return Ok(change);
    }
    let call = view
        .call_of(use_.place.range)
        .ok_or("it is passed on as a function")?;
    let bound = cx.bind(api, call).map_err(|error| error.to_string())?;
    let text = match method {
        // It never waits, and stands where nothing can.
        "put" if !is_waited_for(cx, view.place(call)) => at_once(queue, &bound),
        "get" | "put" => transfer(cx, method, queue, &bound)?,
        "join" => join(cx, view, call, queue, &bound)?,
        "peek" | "peek_nowait" => peek(method, queue, &bound)?,
        _ => return Err("queues of asyncio have nothing like it".to_owned()),
    };
    if matches!(&text[0], Piece::Text(text) if text.starts_with("await ")) {
        let owner = owners.get(&view.place(call));
        let owner = owner.ok_or("the function that waits was not found")?;
        change.requires.push(anchor(cx, *owner));
    }
    let expr = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
    change.edit(Edit::Replace {
        range: call.range(),
        pieces: bracketed(view, expr, text),
    });
    Ok(change)
}

/// Whether all that stands there is this method of queues.
fn is_of_queues(cx: &Context<'_>, place: Place, method: &str) -> bool {
    cx.program.values_at(place).all(|value| match value {
        Value::ExternalBound(sym, _) => {
            let name = cx.program.flow.text(sym);
            let class = name
                .strip_suffix(method)
                .and_then(|it| it.strip_suffix('.'));
            class.is_some_and(|class| is_queue(cx, class))
        }
        _ => false,
    })
}

/// Whether a call makes its function wait.
fn is_waited_for(cx: &Context<'_>, call: Place) -> bool {
    let func = cx.program.function_at(call);
    let mut causes = cx.facts().causes(func).iter();
    causes.any(|cause| matches!(cause, Cause::Api { place, .. } if *place == call))
}

/// `put` into a queue without a limit.
fn at_once(queue: &Expr, bound: &Bound<'_>) -> Vec<Piece> {
    let mut text: Vec<Piece> = vec![Piece::Source(queue.range()), ".put_nowait(".into()];
    text.extend(bound.get("item").map(|item| Piece::Source(item.range())));
    text.push(")".into());
    text
}

/// `get` and `put`: with all their arguments a helper.
fn transfer(
    cx: &Context<'_>,
    method: &str,
    queue: &Expr,
    bound: &Bound<'_>,
) -> Result<Vec<Piece>, String> {
    let item = bound.get("item").map(|item| Piece::Source(item.range()));
    let blocks = match bound.get("block") {
        None => Some(true),
        Some(Expr::BooleanLiteral(it)) => Some(it.value),
        Some(_) => None,
    };
    let timeout = bound.get("timeout").filter(|it| !it.is_none_literal_expr());
    let plain = match (blocks, timeout) {
        (Some(true), None) => Some(("await ", "")),
        (Some(false), _) => Some(("", "_nowait")),
        _ => None,
    };
    if let Some((before, after)) = plain {
        let mut text: Vec<Piece> = vec![before.into(), Piece::Source(queue.range())];
        text.push(format!(".{method}{after}(").into());
        text.extend(item);
        text.push(")".into());
        return Ok(text);
    }
    let name = format!("queue_{method}");
    let helper = helper_for(cx.settings, &name).ok_or("a helper is missing")?;
    let mut text: Vec<Piece> = vec!["await ".into(), Piece::Helper(helper), "(".into()];
    text.push(Piece::Source(queue.range()));
    if let Some(item) = item {
        text.extend([", ".into(), item]);
    }
    if let (None, Some(block)) = (blocks, bound.get("block")) {
        text.extend([", ".into(), Piece::Source(block.range())]);
    }
    if let Some(timeout) = timeout {
        text.extend([", timeout=".into(), Piece::Source(timeout.range())]);
    }
    text.push(")".into());
    Ok(text)
}

/// `peek` and `peek_nowait`: the next item, which stays in the queue.
fn peek(method: &str, queue: &Expr, bound: &Bound<'_>) -> Result<Vec<Piece>, String> {
    let blocks = match bound.get("block") {
        None => method == "peek",
        Some(Expr::BooleanLiteral(it)) => it.value,
        Some(_) => return Err("whether it waits is not written there".to_owned()),
    };
    let name = if blocks { "peek" } else { "peek_nowait" };
    let mut text = vec![Piece::Helper(helper(name).ok_or("a helper is missing")?)];
    text.extend(["(".into(), Piece::Source(queue.range())]);
    if blocks {
        text.insert(0, "await ".into());
        let timeout = bound.get("timeout").filter(|it| !it.is_none_literal_expr());
        text.extend(timeout.map(|_| ", timeout=".into()));
        text.extend(timeout.map(|it| Piece::Source(it.range())));
    }
    text.push(")".into());
    Ok(text)
}

/// `join`, which of gevent's queues says whether all was done in time.
fn join(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    queue: &Expr,
    bound: &Bound<'_>,
) -> Result<Vec<Piece>, String> {
    let source = Piece::Source(queue.range());
    let timeout: Option<TextRange> = bound.get("timeout").map(Ranged::range);
    if timeout.is_none() && is_statement(view, call) {
        return Ok(vec!["await ".into(), source, ".join()".into()]);
    }
    let helper = helper_for(cx.settings, "queue_join").ok_or("a helper is missing")?;
    let mut text: Vec<Piece> = vec!["await ".into(), Piece::Helper(helper), "(".into(), source];
    if let Some(timeout) = timeout {
        text.extend([", timeout=".into(), Piece::Source(timeout)]);
    }
    text.push(")".into());
    Ok(text)
}
