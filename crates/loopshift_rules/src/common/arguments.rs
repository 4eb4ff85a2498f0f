//! Where the arguments of a call begin and end in the text, brackets around them included; one more argument, and the parameter
//! for it.

use loopshift_engine::change::Change;
use loopshift_python::ast::{Expr, ExprCall, StmtFunctionDef};
use loopshift_python::edit::{Edit, Piece, pieces};
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

/// Whether it is not known how many arguments the call has, so that one more has to be named.
pub(crate) fn is_open(call: &ExprCall) -> bool {
    let arguments = &call.arguments;
    arguments.args.iter().any(Expr::is_starred_expr) || !arguments.keywords.is_empty()
}

/// Whether the parameter can only be given by name: others have defaults.
pub(crate) fn by_name(def: &StmtFunctionDef) -> bool {
    let parameters = &def.parameters;
    parameters.vararg.is_some()
        || parameters.kwarg.is_some()
        || !parameters.kwonlyargs.is_empty()
        || parameters
            .posonlyargs
            .iter()
            .chain(&parameters.args)
            .any(|it| it.default.is_some())
}

/// Adds the parameter for a task group to a function.
pub(crate) fn add_parameter(
    change: &mut Change,
    view: &View<'_>,
    def: &StmtFunctionDef,
    name: &str,
) {
    let parameters = &def.parameters;
    let annotated = def.returns.is_some()
        || parameters
            .iter()
            .any(|parameter| parameter.annotation().is_some());
    let last = parameters
        .iter()
        .filter(|it| {
            parameters
                .kwarg
                .as_ref()
                .is_none_or(|kwarg| kwarg.range() != it.range())
        })
        .map(|it| it.range().end())
        .max();
    let star = by_name(def) && parameters.vararg.is_none() && parameters.kwonlyargs.is_empty();
    let mut text: Vec<Piece> = Vec::new();
    let at = match last {
        Some(end) => {
            text.push(", ".into());
            end
        }
        None => parameters.start() + TextSize::new(1),
    };
    if star {
        text.push("*, ".into());
    }
    text.push(Piece::from(name.to_owned()));
    if annotated {
        text.extend(pieces(": {@anyio.abc}.TaskGroup", &[]));
    }
    if last.is_none() && parameters.kwarg.is_some() {
        text.push(", ".into());
    }
    change.edits.push((
        view.file,
        Edit::Replace {
            range: TextRange::empty(at),
            pieces: text,
        },
    ));
}

/// Adds an argument to a call, behind the others.
pub(crate) fn add_argument(change: &mut Change, view: &View<'_>, call: &ExprCall, value: String) {
    let last = call
        .arguments
        .iter_source_order()
        .map(|it| match it {
            loopshift_python::ast::ArgOrKeyword::Arg(arg) => {
                let parenthesised = view
                    .tree
                    .node_at(arg.range())
                    .map_or(arg.range(), |node| node.range());
                parenthesised.end()
            }
            loopshift_python::ast::ArgOrKeyword::Keyword(keyword) => keyword.end(),
        })
        .max();
    let inside = TextRange::new(
        call.arguments.start() + TextSize::new(1),
        call.arguments.end() - TextSize::new(1),
    );
    let (at, text) = match last {
        Some(end) => {
            // Brackets around the last argument end behind it.
            let rest = view.text(TextRange::new(end, inside.end()));
            let closed = rest.rfind(')').map_or(0, |at| at + 1);
            (
                end + TextSize::try_from(closed).unwrap_or_default(),
                format!(", {value}"),
            )
        }
        None => (inside.start(), value),
    };
    change.edits.push((
        view.file,
        Edit::Replace {
            range: TextRange::empty(at),
            pieces: vec![Piece::from(text)],
        },
    ));
}
