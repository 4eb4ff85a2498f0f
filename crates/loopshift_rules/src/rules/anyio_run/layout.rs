//! The function and the arguments of a coroutine, on as many lines as the call that makes it.

use loopshift_python::ast::ExprCall;
use loopshift_python::edit::{Piece, pieces};
use loopshift_python::{Ranged, TextRange, TextSize};

use super::inside;
use crate::common::arguments::{with_brackets, written};
use crate::common::code::has_comment;
use crate::context::View;

/// What stands between the brackets of `outer` once the coroutine `inner`, its only argument, became a function with its
/// arguments: `main, a`, or `partial(main, a=1)`. Line ends are those of the source.
pub(super) fn laid_out(
    view: &View<'_>,
    outer: Option<&ExprCall>,
    inner: &ExprCall,
    partial: bool,
) -> Vec<Piece> {
    let nothing = TextRange::empty(inner.start());
    let (lead, trail) = outer
        .and_then(|outer| blanks_around(view, outer, inner.range()))
        .unwrap_or((nothing, nothing));
    let mut out = lay_out(view, lead, trail, inner, partial);
    out.retain(|piece| !matches!(piece, Piece::Source(range) if range.is_empty()));
    out
}

fn lay_out(
    view: &View<'_>,
    lead: TextRange,
    trail: TextRange,
    inner: &ExprCall,
    partial: bool,
) -> Vec<Piece> {
    let function = Piece::from(inner.func.range());
    let Some(arguments) = written(view, inner) else {
        return vec![lead.into(), function, trail.into()];
    };
    let own = TextRange::new(inside(inner).start(), arguments.start());
    if !view.text(own).trim().is_empty() {
        // A comment stands before the first argument.
        let rest = TextRange::new(own.start(), arguments.end());
        let (open, close) = around(partial);
        return [open, vec![function, ", ".into(), rest.into()], close].concat();
    }
    let broken = view.text(own).contains('\n');
    let end = if broken {
        inside(inner).end()
    } else {
        arguments.end()
    };
    let all = TextRange::new(arguments.start(), end);
    let (open, close) = around(partial);
    if partial {
        let head = if broken {
            vec![own.into(), function, ",".into(), own.into(), all.into()]
        } else {
            vec![function, ", ".into(), all.into()]
        };
        return [vec![lead.into()], open, head, close, vec![trail.into()]].concat();
    }
    if !broken {
        let comma = if lead.is_empty() { ", " } else { "," };
        let head = vec![lead.into(), function, comma.into(), lead.into()];
        return [head, vec![all.into(), trail.into()]].concat();
    }
    if lead.is_empty() || has_comment(view, all) {
        return vec![own.into(), function, ",".into(), own.into(), all.into()];
    }
    let mut out = vec![lead.into(), function, ",".into()];
    for argument in inner.arguments.iter_source_order() {
        let range = with_brackets(view, inner, argument.range());
        out.extend([lead.into(), range.into(), ",".into()]);
    }
    let comma = u32::from(view.text(trail).starts_with(','));
    out.push(TextRange::new(trail.start() + TextSize::new(comma), trail.end()).into());
    out
}

/// What stands around the function and its arguments.
fn around(partial: bool) -> (Vec<Piece>, Vec<Piece>) {
    if partial {
        let open = pieces("{@functools:partial}(", &[]);
        (open, vec![")".into()])
    } else {
        (Vec::new(), Vec::new())
    }
}

/// The blanks and line ends before the only argument of a call, and what follows it; none where there is more.
fn blanks_around(
    view: &View<'_>,
    call: &ExprCall,
    argument: TextRange,
) -> Option<(TextRange, TextRange)> {
    let all = inside(call);
    let before = TextRange::new(all.start(), argument.start().max(all.start()));
    let after = TextRange::new(argument.end().min(all.end()), all.end());
    let blank = |range| {
        view.text(range)
            .chars()
            .all(|c: char| c.is_whitespace() || c == ',')
    };
    let whole = call.arguments.len() == 1 && view.text(before).contains('\n');
    (whole && blank(before) && blank(after)).then_some((before, after))
}
