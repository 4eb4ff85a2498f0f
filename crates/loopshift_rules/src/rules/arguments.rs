//! Where the arguments of a call begin and end in the text, brackets around them included.

use loopshift_python::ast::ExprCall;
use loopshift_python::{Ranged, TextRange, TextSize};

use crate::context::View;

/// What stands between the brackets of a call.
pub(crate) fn inside(call: &ExprCall) -> TextRange {
    let range = call.arguments.range();
    TextRange::new(
        range.start() + TextSize::new(1),
        range.end() - TextSize::new(1),
    )
}

/// From the first argument of a call to the last, without a comma at the end; none where there are no arguments.
pub(crate) fn written(view: &View<'_>, call: &ExprCall) -> Option<TextRange> {
    let inner = inside(call);
    let first = call
        .arguments
        .iter_source_order()
        .map(|argument| argument.range().start())
        .min()?
        .clamp(inner.start(), inner.end());
    let last = call
        .arguments
        .iter_source_order()
        .map(|argument| argument.range().end())
        .max()?
        .clamp(first, inner.end());
    let before = view.text(TextRange::new(inner.start(), first));
    let start = inner.start() + size(code_start(before));
    let after = view.text(TextRange::new(last, inner.end()));
    Some(TextRange::new(start, last + size(closed(after))))
}

/// What to delete to take an argument out of a call: the argument with one comma; none where a comment stands there.
pub(crate) fn without(
    view: &View<'_>,
    call: &ExprCall,
    argument: impl Ranged,
) -> Option<TextRange> {
    let argument = argument.range();
    let others = || call.arguments.iter_source_order();
    let after = others()
        .map(|it| it.range().start())
        .find(|start| *start >= argument.end());
    let before = others()
        .map(|it| it.range().end())
        .filter(|end| *end <= argument.start())
        .max();
    let gone = match (before, after) {
        (_, Some(after)) => TextRange::new(argument.start(), after),
        (Some(before), None) => {
            let comma = view
                .text(TextRange::new(before, argument.start()))
                .rfind(',')?;
            TextRange::new(before + size(comma), argument.end())
        }
        (None, None) => argument,
    };
    (!view.text(gone).contains('#')).then_some(gone)
}

/// The range of one argument with the brackets around it, which the tree leaves out.
pub(crate) fn with_brackets(view: &View<'_>, call: &ExprCall, argument: impl Ranged) -> TextRange {
    let inner = inside(call);
    let after = view.text(TextRange::new(argument.end().min(inner.end()), inner.end()));
    let end = closed(after);
    let brackets = after[..end].matches(')').count();
    let mut start = argument.start().to_usize();
    let text = view.source;
    for _ in 0..brackets {
        match text[..start].rfind('(') {
            Some(at) => start = at,
            None => break,
        }
    }
    TextRange::new(
        size(start).clamp(inner.start(), argument.start().max(inner.start())),
        argument.end().max(inner.start()) + size(end),
    )
}

/// How far blanks, line ends and comments go from the start.
fn code_start(text: &str) -> usize {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c == '#' {
            at += text[at..].find('\n').unwrap_or(text.len() - at);
        } else if c.is_whitespace() || c == '\\' {
            at += c.len_utf8();
        } else {
            break;
        }
    }
    at
}

/// How far the brackets go that close what stands before the text: to the last `)` before a comma.
fn closed(text: &str) -> usize {
    let mut end = 0;
    let mut at = 0;
    loop {
        at += code_start(&text[at..]);
        if text[at..].starts_with(')') {
            at += 1;
            end = at;
        } else {
            return end;
        }
    }
}

fn size(at: usize) -> TextSize {
    TextSize::try_from(at).unwrap_or_default()
}
