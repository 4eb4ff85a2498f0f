//! Generator expressions in which something waits: they become lists where all of them is gone through at once.

use loopshift_engine::change::Place;
use loopshift_engine::facts::Cause;
use loopshift_python::ast::{AnyNodeRef, ExprCall, ExprGenerator};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange};

use super::consumers::{Consumer, consumer};
use crate::common::green::helper;
use crate::context::{Context, View};

/// The edits that await a call.
fn around((range, before, after): (TextRange, String, String)) -> [Edit; 2] {
    [
        Edit::insert(range.start(), "{0}", &[before.into()]),
        Edit::insert(range.end(), "{0}", &[after.into()]),
    ]
}

/// The generator expression in whose lazy part the place stands.
pub(super) fn holds<'v>(view: &View<'v>, place: Place) -> Option<&'v ExprGenerator> {
    let expr = view.tree.expr_at(place.range)?;
    match view.tree.comprehension_around(expr)? {
        AnyNodeRef::ExprGenerator(generator) => Some(generator),
        _ => None,
    }
}

/// The edits of a generator expression whose first items are waited for, where nothing else waits in it.
///
/// # Errors
/// As of [`edits`].
pub(crate) fn over_waiting(
    cx: &Context<'_>,
    view: &View<'_>,
    generator: &ExprGenerator,
) -> Result<Vec<Edit>, String> {
    let place = view.place(generator);
    let mut causes = (cx.facts().causes(cx.program.function_at(place))).iter();
    // That makes it async by itself.
    let waits = causes.any(|cause| match cause {
        Cause::Api { place, .. } | Cause::Call { place, .. } => {
            let held = holds(view, *place).filter(|_| place.file == view.file);
            held.map(Ranged::range) == Some(generator.range())
        }
        _ => false,
    });
    if waits {
        return Ok(Vec::new());
    }
    edits(cx, view, generator)
}

/// The edits of a generator expression in which something waits.
///
/// # Errors
/// Why it can't wait there.
pub(super) fn edits(
    cx: &Context<'_>,
    view: &View<'_>,
    generator: &ExprGenerator,
) -> Result<Vec<Edit>, String> {
    const REASON: &str =
        "it is called in a generator expression, and what goes through that can't wait";
    let expr = view
        .tree
        .expr_at(generator.range())
        .ok_or("the generator expression was not found")?;
    match view.tree.parent(expr) {
        Some(AnyNodeRef::StmtFor(it)) => Ok(vec![Edit::insert(it.start(), "async ", &[])]),
        Some(AnyNodeRef::Comprehension(it)) => match view.tree.parent(it) {
            Some(AnyNodeRef::ExprGenerator(_)) | None => Err(REASON.to_owned()),
            Some(_) => Ok(vec![Edit::insert(it.start(), "async ", &[])]),
        },
        Some(AnyNodeRef::ExprStarred(_)) => Ok(brackets(view, generator, "[", "]")),
        Some(AnyNodeRef::StmtAssign(it))
            if it
                .targets
                .iter()
                .all(|it| it.is_tuple_expr() || it.is_list_expr()) =>
        {
            Ok(brackets(view, generator, "[", "]"))
        }
        Some(AnyNodeRef::Arguments(_)) => {
            let call = view.tree.call_around(expr).ok_or(REASON)?;
            given(cx, view, generator, call).ok_or_else(|| REASON.to_owned())
        }
        _ => Err(REASON.to_owned()),
    }
}

fn given(
    cx: &Context<'_>,
    view: &View<'_>,
    generator: &ExprGenerator,
    call: &ExprCall,
) -> Option<Vec<Edit>> {
    let alone = call.arguments.args.len() == 1 && call.arguments.keywords.is_empty();
    let first = call.arguments.args.first().map(Ranged::range);
    if first != Some(generator.range()) {
        return None;
    }
    match consumer(cx, view, call)? {
        Consumer::Display(open, close) if alone => {
            let inner = inner(view, generator);
            Some(vec![
                Edit::replace(
                    TextRange::new(call.start(), inner.start()),
                    "{0}",
                    &[open.into()],
                ),
                Edit::replace(
                    TextRange::new(inner.end(), call.end()),
                    "{0}",
                    &[close.into()],
                ),
            ])
        }
        Consumer::Display(..) | Consumer::AtOnce => Some(brackets(view, generator, "[", "]")),
        Consumer::Helper(name) => {
            let mut out = vec![Edit::Replace {
                range: call.func.range(),
                pieces: vec![Piece::Helper(helper(name)?)],
            }];
            out.extend(around(super::awaited(view, call)));
            Some(out)
        }
        Consumer::Next if cx.settings.python_has(3, 10) => {
            let mut out = vec![Edit::replace(call.func.range(), "anext", &[])];
            out.extend(around(super::awaited(view, call)));
            out.extend(super::stop_iteration(view, call));
            Some(out)
        }
        _ => None,
    }
}

/// The generator expression without its brackets.
fn inner(view: &View<'_>, generator: &ExprGenerator) -> TextRange {
    let range = generator.range();
    let last = generator.generators.last().map_or(range.end(), Ranged::end);
    let text = view.text(range);
    if generator.parenthesized && text.starts_with('(') {
        let before = text[1..].len() - text[1..].trim_start().len();
        let start =
            range.start() + loopshift_python::TextSize::try_from(1 + before).unwrap_or_default();
        TextRange::new(start, last)
    } else {
        TextRange::new(range.start(), last)
    }
}

/// Other brackets around the generator expression.
pub(super) fn brackets(
    view: &View<'_>,
    generator: &ExprGenerator,
    open: &'static str,
    close: &'static str,
) -> Vec<Edit> {
    let range = generator.range();
    let one = loopshift_python::TextSize::new(1);
    if generator.parenthesized && view.text(range).starts_with('(') {
        vec![
            Edit::replace(TextRange::at(range.start(), one), "{0}", &[open.into()]),
            Edit::replace(
                TextRange::new(range.end() - one, range.end()),
                "{0}",
                &[close.into()],
            ),
        ]
    } else {
        vec![
            Edit::insert(range.start(), "{0}", &[open.into()]),
            Edit::insert(range.end(), "{0}", &[close.into()]),
        ]
    }
}
