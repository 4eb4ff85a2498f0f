//! Iterating over what waits for its next item: `for` becomes `async for`, and builtins get what it gave.

use loopshift_engine::change::Change;
use loopshift_engine::flow::value::Value;
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr, ExprCall};
use loopshift_python::edit::{Edit, Piece, pieces};
use loopshift_python::{Ranged, TextRange, TextSize};

use super::green_blocking;
use super::green_colour::{goes_through_waiting, over_waiting};
use super::green_subprocess;
use crate::catalog::Api;
use crate::common::code::own;
use crate::common::green::{
    anchor, awaited, calls_coloured, given_to, helper, is_awaited, is_coloured, may_be_many,
    reads_apart, waits_in,
};
use crate::context::{Context, View};

const RULE: &str = "green-for";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for view in cx.views_where(|value| next_of(cx, value).is_some()) {
        for expr in view.tree.exprs() {
            let Some(items) = items(cx, view, expr) else {
                continue;
            };
            let Some(place) = consumer(cx, view, expr) else {
                continue;
            };
            // A generator of the program that becomes async may be there, too: the rule for those goes through both.
            if items.lines.is_none() && !items.only && goes_through_waiting(cx, view, expr) {
                continue;
            }
            changes.push(
                moved(cx, view, expr, &items, &place).unwrap_or_else(|reason| {
                    Change::declined(RULE, view.place(expr), &*items.api, reason)
                }),
            );
        }
    }
}

/// An object whose items are waited for.
struct Items {
    api: String,
    /// Whether it can't be anything else.
    only: bool,
    /// Whether it is something else that is known not to wait, or it: a helper goes through either.
    either: bool,
    /// Whether they are lines that are read in a thread.
    lines: Option<Lines>,
}

/// What gives lines that are read in a thread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    /// The pipe of a child process.
    Pipe,
    /// What a server answers.
    Answer,
}

fn items(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> Option<Items> {
    let mut api = None;
    let (mut only, mut either) = (true, true);
    for value in cx.program.values_at(view.place(expr)) {
        let found = next_of(cx, value);
        only &= found.is_some();
        either &= found.is_some() || is_plain(value);
        api = api.or(found);
    }
    let api = api?;
    let row = cx.catalog.get(&api);
    let lines = match row.map(|row| row.rule.as_deref()) {
        None | Some(Some("green-subprocess")) => Some(Lines::Pipe),
        Some(Some("green-blocking")) => Some(Lines::Answer),
        Some(_) => None,
    };
    Some(Items {
        api,
        only,
        either,
        lines,
    })
}

/// Whether nothing is waited for where a value is gone through.
fn is_plain(value: Value) -> bool {
    matches!(
        value,
        Value::Container(_) | Value::Iterator(_) | Value::Generator(_) | Value::Str(_)
    )
}

/// What gives the next item of an object whose items are waited for.
fn next_of(cx: &Context<'_>, value: Value) -> Option<String> {
    let Value::Object(class, _) = value else {
        return None;
    };
    let class = cx.program.flow.text(class);
    let row = cx.catalog.member(class, "__next__");
    // Queues of asyncio can't be iterated over: what takes their items has a rule of its own.
    let is_queue = |row: &Api| row.rule.as_deref() == Some("green-queue");
    let waits = row.is_some_and(|row| waits_in(cx, class, row) && !is_queue(row));
    waits.then(|| format!("{class}.__next__"))
}

/// What goes through an iterable.
enum Consumer<'v> {
    /// `for x in …`, by the place of its `for`.
    For(TextSize),
    /// `for x in …` of a comprehension, by the place of its `for`.
    Comprehension(TextSize, AnyNodeRef<'v>),
    /// `list(…)`.
    List(&'v ExprCall),
    /// A call that takes all items: `sorted(…)`. Also `*…`.
    All,
    /// `zip(…)` and others that hand items on, by the helper that does the same, and by what goes through that.
    Pairs(&'v ExprCall, &'static str, Box<Consumer<'v>>),
    /// `any(…)` or `all(…)`, by the helper that does the same.
    Test(&'v ExprCall, &'static str),
    /// `next(…)`.
    Next(&'v ExprCall),
    /// `json.load(…)`, which reads all at once.
    Whole(&'v ExprCall),
    /// Something else, in words.
    Other(String),
}

fn consumer<'v>(cx: &Context<'_>, view: &View<'v>, expr: &'v Expr) -> Option<Consumer<'v>> {
    let range = expr.range();
    Some(match view.tree.parent(expr)? {
        AnyNodeRef::StmtFor(it) if it.iter.range() == range && !it.is_async => {
            Consumer::For(it.start())
        }
        AnyNodeRef::Comprehension(it) if it.iter.range() == range && !it.is_async => {
            Consumer::Comprehension(it.start(), view.tree.parent(it)?)
        }
        AnyNodeRef::ExprStarred(_) => Consumer::All,
        AnyNodeRef::ExprYieldFrom(_) => {
            Consumer::Other("`yield from` can't wait for items".to_owned())
        }
        AnyNodeRef::Arguments(arguments) => {
            let AnyNodeRef::ExprCall(call) = view.tree.parent(arguments)? else {
                return None;
            };
            return of_call(cx, view, call, expr);
        }
        AnyNodeRef::ExprCall(call) if call.func.range() != range => {
            return of_call(cx, view, call, expr);
        }
        _ => return None,
    })
}

/// What a call does with an iterable that it is given; none where it only hands it on.
fn of_call<'v>(
    cx: &Context<'_>,
    view: &View<'v>,
    call: &'v ExprCall,
    given: &'v Expr,
) -> Option<Consumer<'v>> {
    let api = cx.api_of(view, &call.func)?;
    let Some(name) = api.strip_prefix("<builtin>.") else {
        // What only says what it is, or closes it, takes no item.
        let takes = !api.starts_with("logging.") && !api.starts_with("contextlib.");
        let is_library = takes && !cx.recipe.moves(api);
        if !is_library {
            return None;
        }
        return match api {
            "json.load" => Some(Consumer::Whole(call)),
            "collections.Counter" | "collections.deque" | "functools.reduce" => Some(Consumer::All),
            "itertools.chain" | "itertools.chain.from_iterable" | "itertools.islice" => {
                lazily(cx, view, call, given, api)
            }
            _ => Some(Consumer::Other(format!("`{api}` can't wait for items"))),
        };
    };
    let single = call.arguments.args.len() == 1;
    Some(match name {
        "list" if single => Consumer::List(call),
        "tuple" | "set" | "frozenset" | "sorted" | "sum" | "dict" | "min" | "max" if single => {
            Consumer::All
        }
        "sum" => Consumer::All,
        "next" => Consumer::Next(call),
        "enumerate" | "zip" | "map" | "filter" => lazily(cx, view, call, given, name)?,
        "any" => Consumer::Test(call, "any"),
        "all" => Consumer::Test(call, "all"),
        "iter" | "reversed" => Consumer::Other(format!("`{name}` can't wait for items")),
        _ => match name.rsplit_once('.') {
            Some((_, "join" | "extend")) => Consumer::All,
            _ => return None,
        },
    })
}

/// A call that hands on items one by one, as they are asked for. None where another of its arguments speaks for all.
fn lazily<'v>(
    cx: &Context<'_>,
    view: &View<'v>,
    call: &'v ExprCall,
    given: &'v Expr,
    name: &str,
) -> Option<Consumer<'v>> {
    let arguments = &call.arguments.args;
    let mut before = arguments
        .iter()
        .take_while(|it| it.range() != given.range());
    if before.any(|it| items(cx, view, it).is_some()) {
        return None;
    }
    let function = arguments
        .first()
        .filter(|_| matches!(name, "map" | "filter"));
    let waits = function.is_some_and(|function| calls_coloured(cx, view, function));
    let single = arguments.len() == 2 && call.arguments.keywords.is_empty();
    if waits || (function.is_some() && !single) {
        return Some(Consumer::Other(format!("`{name}` can't wait for items")));
    }
    let helper = match name {
        "zip" => "zip_waiting",
        "enumerate" => "enumerate_waiting",
        "map" => "map",
        "filter" => "filter",
        "itertools.islice" => "islice",
        "itertools.chain" => "chain",
        _ => "flat",
    };
    let outer = view.tree.expr_at(call.range());
    Some(match outer.and_then(|it| consumer(cx, view, it)) {
        Some(
            outer @ (Consumer::For(_)
            | Consumer::Comprehension(..)
            | Consumer::List(_)
            | Consumer::All
            | Consumer::Pairs(..)
            | Consumer::Test(..)),
        ) => Consumer::Pairs(call, helper, Box::new(outer)),
        _ => Consumer::Other(format!("what `{name}` gives is not gone through here")),
    })
}

fn moved(
    cx: &Context<'_>,
    view: &View<'_>,
    expr: &Expr,
    items: &Items,
    consumer: &Consumer<'_>,
) -> Result<Change, String> {
    let by_helper = items.either && items.lines.is_none() && takes_each(consumer);
    if !items.only && !by_helper {
        return Err("it may be something else that is gone through there".to_owned());
    }
    if let Consumer::Other(reason) = consumer {
        return Err(match items.lines {
            Some(_) => {
                format!("{reason}, and would block all tasks: read it before, as by `read()`")
            }
            None => reason.clone(),
        });
    }
    let place = view.place(expr);
    let owner = cx.program.function_at(place);
    if !is_coloured(cx, owner) {
        return Err("the function around it does not become async".to_owned());
    }
    let message = "items are waited for";
    let mut change = Change::new(RULE, place, &*items.api, message);
    change.requires.push(anchor(cx, owner));
    if let Consumer::Whole(call) = consumer {
        whole(cx, view, items, call, expr, &mut change)?;
        return Ok(change);
    }
    if let Some(from) = items.lines {
        lines(cx, view, from, expr, consumer, &mut change)?;
    }
    if items.only {
        write(cx, view, expr, consumer, &mut change)?;
    } else {
        by_each(cx, view, expr, consumer, &mut change)?;
    }
    Ok(change)
}

/// Goes through items that are waited for, or are not, by a helper.
fn by_each(
    cx: &Context<'_>,
    view: &View<'_>,
    items: &Expr,
    consumer: &Consumer<'_>,
    change: &mut Change,
) -> Result<(), String> {
    let each = Piece::Helper(helper("each").ok_or("a helper is missing")?);
    let source = vec![each.clone(), "(".into(), items.range().into(), ")".into()];
    match consumer {
        Consumer::List(call) => change.edit(Edit::Replace {
            range: call.range(),
            pieces: list_of(source),
        }),
        Consumer::All => change.edit(listed(view, items, source)?),
        _ => {
            write(cx, view, items, consumer, change)?;
            for edit in given_to(cx, view, each, items)? {
                change.edit(edit);
            }
        }
    }
    Ok(())
}

const ITEMS: &str = "[item async for item in ";

/// A list of what an asynchronous iteration gives.
fn list_of(source: Vec<Piece>) -> Vec<Piece> {
    let mut pieces = vec![ITEMS.into()];
    pieces.extend(source);
    pieces.push("]".into());
    pieces
}

/// A list of the items in the place of what a call is given, or of what is unpacked: what is around that is replaced, as
/// within it `await` may be put before the items.
fn listed(view: &View<'_>, items: &Expr, source: Vec<Piece>) -> Result<Edit, String> {
    let range = items.range();
    let mut list = list_of(source);
    match view.tree.parent(items) {
        Some(AnyNodeRef::ExprStarred(it)) => {
            let mut pieces = vec!["*".into()];
            pieces.extend(list);
            let range = it.range();
            Ok(Edit::Replace { range, pieces })
        }
        Some(AnyNodeRef::Arguments(it)) => {
            let given = it.iter_source_order().map(|arg| arg.range());
            let whole = it.range();
            let mut pieces = Vec::new();
            let mut end = whole.start();
            for given in given {
                let between = view.text(TextRange::new(end, given.start()));
                if between.contains('#') {
                    return Err("a comment stands between what the call is given".to_owned());
                }
                pieces.push(between.to_owned().into());
                if given == range {
                    pieces.append(&mut list);
                } else {
                    pieces.push(given.into());
                }
                end = given.end();
            }
            let last = view.text(TextRange::new(end, whole.end()));
            if last.contains('#') {
                return Err("a comment stands between what the call is given".to_owned());
            }
            pieces.push(last.to_owned().into());
            let range = whole;
            Ok(Edit::Replace { range, pieces })
        }
        _ => Err("it may be something else that is gone through there".to_owned()),
    }
}

/// Whether a consumer may be given what goes through its items for it.
fn takes_each(consumer: &Consumer<'_>) -> bool {
    matches!(
        consumer,
        Consumer::For(_) | Consumer::Comprehension(..) | Consumer::List(_) | Consumer::All
    )
}

/// Whether a consumer takes all items where it stands.
fn goes_through(consumer: &Consumer<'_>) -> bool {
    match consumer {
        Consumer::For(_) | Consumer::List(_) | Consumer::All => true,
        Consumer::Comprehension(_, around) => !matches!(around, AnyNodeRef::ExprGenerator(_)),
        Consumer::Pairs(_, _, outer) => goes_through(outer),
        Consumer::Test(..) | Consumer::Next(_) | Consumer::Whole(_) | Consumer::Other(_) => false,
    }
}

/// `json.load(reply)`: what a server answers is read in a thread, and then taken apart.
fn whole(
    cx: &Context<'_>,
    view: &View<'_>,
    items: &Items,
    call: &ExprCall,
    reply: &Expr,
    change: &mut Change,
) -> Result<(), String> {
    let first = call.arguments.args.first();
    if items.lines != Some(Lines::Answer) || first.is_none_or(|it| it.range() != reply.range()) {
        return Err("it would block all tasks there: read it before, as by `read()`".to_owned());
    }
    let loads = Edit::Replace {
        range: call.func.range(),
        pieces: pieces("{@json}.loads", &[]),
    };
    change.edit(match &*call.func {
        Expr::Attribute(it) if it.value.is_name_expr() => {
            Edit::replace(it.attr.range(), "loads", &[])
        }
        _ => loads,
    });
    let mut opens = if reads_apart(cx, view, reply) {
        green_blocking::opens(cx, change.place)?
    } else {
        change.caveat(green_blocking::THREAD);
        pieces(green_blocking::TO_THREAD, &[])
    };
    // What is opened there is waited for before its method is taken.
    let (before, after) = match reply {
        Expr::Call(_) => ("(", ").read)"),
        _ => ("", ".read)"),
    };
    opens.push(before.into());
    change.edit(Edit::Replace {
        range: TextRange::empty(reply.start()),
        pieces: opens,
    });
    change.edit(Edit::insert(reply.end(), after, &[]));
    Ok(())
}

/// Lines each of which is read in a thread.
fn lines(
    cx: &Context<'_>,
    view: &View<'_>,
    from: Lines,
    pipe: &Expr,
    consumer: &Consumer<'_>,
    change: &mut Change,
) -> Result<(), String> {
    if !goes_through(consumer) {
        return Err("its lines are read in threads: only a `for` can go through them".to_owned());
    }
    let lines = Piece::Helper(helper("lines").ok_or("a helper is missing")?);
    if is_awaited(cx, view, pipe) {
        for edit in given_to(cx, view, lines, pipe)? {
            change.edit(edit);
        }
    } else {
        change.edit(Edit::Replace {
            range: TextRange::empty(pipe.start()),
            pieces: vec![lines, "(".into()],
        });
        change.edit(Edit::insert(pipe.end(), ")", &[]));
    }
    match from {
        Lines::Answer if reads_apart(cx, view, pipe) && !may_be_many(cx, change.place) => {}
        Lines::Answer => change.caveat(green_blocking::THREAD),
        Lines::Pipe => green_subprocess::goes_on(cx, change.place, change),
    }
    Ok(())
}

fn write(
    cx: &Context<'_>,
    view: &View<'_>,
    items: &Expr,
    consumer: &Consumer<'_>,
    change: &mut Change,
) -> Result<(), String> {
    match consumer {
        Consumer::For(at) => change.edit(Edit::insert(*at, "async ", &[])),
        Consumer::Comprehension(at, around) => {
            change.edit(Edit::insert(*at, "async ", &[]));
            if let AnyNodeRef::ExprGenerator(it) = around {
                for edit in over_waiting(cx, view, it)? {
                    change.edit(edit);
                }
            }
        }
        Consumer::List(call) => change.edit(Edit::Replace {
            range: call.range(),
            pieces: list_of(vec![items.range().into()]),
        }),
        Consumer::All if is_awaited(cx, view, items) => {
            change.edit(listed(view, items, vec![items.range().into()])?);
        }
        Consumer::All => {
            change.edit(Edit::insert(items.start(), ITEMS, &[]));
            change.edit(Edit::insert(items.end(), "]", &[]));
        }
        Consumer::Pairs(call, name, outer) => {
            let helper = helper(name).ok_or("a helper is missing")?;
            change.edit(Edit::Replace {
                range: call.func.range(),
                pieces: vec![Piece::Helper(helper)],
            });
            let whole = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
            write(cx, view, whole, outer, change)?;
        }
        Consumer::Test(call, name) => {
            let helper = helper(name).ok_or("a helper is missing")?;
            let whole = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
            let arguments = Piece::Source(call.arguments.range());
            let text = vec!["await ".into(), Piece::Helper(helper), arguments];
            change.edit(Edit::Replace {
                range: call.range(),
                pieces: awaited(view, whole, text)?,
            });
        }
        Consumer::Next(call) => {
            if !cx.settings.python_has(3, 10) {
                return Err("`anext` needs Python 3.10".to_owned());
            }
            if call.arguments.args.len() == 1 && cx.mentions("StopIteration") {
                let caught = end_caught(view, call)
                    .ok_or("its end is a `StopIteration`, whose handler was not found around it")?;
                change.edit(Edit::replace(caught, "StopAsyncIteration", &[]));
            }
            let whole = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
            let text = pieces("await anext{0}", &[Piece::Source(call.arguments.range())]);
            change.edit(Edit::Replace {
                range: call.range(),
                pieces: awaited(view, whole, text)?,
            });
        }
        Consumer::Whole(_) => return Err("it is read as a whole there".to_owned()),
        Consumer::Other(reason) => return Err(reason.clone()),
    }
    Ok(())
}

/// The name `StopIteration` of the handler around a call of `next` that is the only one in its `try`.
fn end_caught(view: &View<'_>, call: &ExprCall) -> Option<TextRange> {
    let around = view.tree.around(call.range()).find_map(|node| match node {
        AnyNodeRef::StmtTry(it) => Some(it),
        _ => None,
    })?;
    let body = own(&around.body);
    let is_next = |node: &AnyNodeRef<'_>| match node {
        AnyNodeRef::ExprCall(it) => it.func.as_name_expr().is_some_and(|it| it.id == "next"),
        AnyNodeRef::ExprName(it) => it.id == "StopIteration",
        _ => false,
    };
    let mut ends = body.into_iter().filter(is_next);
    if ends.next()?.range() != call.range() || ends.next().is_some() {
        return None;
    }
    around.handlers.iter().find_map(|handler| {
        let ExceptHandler::ExceptHandler(handler) = handler;
        match handler.type_.as_deref()? {
            Expr::Name(name) if name.id == "StopIteration" => Some(name.range()),
            _ => None,
        }
    })
}
