//! Annotations: `asyncio.Queue[int]` becomes the type of one end, or of a tuple of both.

use loopshift_engine::change::Place;
use loopshift_python::ast::AnyNodeRef;
use loopshift_python::edit::{Piece, pieces};
use loopshift_python::{Ranged, TextRange};

use super::slots::{BOTH, SEND};
use crate::context::View;

/// What an annotation is to say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The end to send to.
    Send,
    /// The end to receive from.
    Receive,
    /// A tuple of both.
    Both,
}

impl Kind {
    /// By the ends that are needed.
    pub(super) fn of(needs: u8) -> Self {
        match needs {
            BOTH => Kind::Both,
            SEND => Kind::Send,
            _ => Kind::Receive,
        }
    }
}

/// The replacements within an annotation, in order.
pub(super) fn annotation(
    view: &View<'_>,
    whole: TextRange,
    annotated: &[Place],
    kind: Kind,
) -> Vec<(TextRange, Vec<Piece>)> {
    let mut out = Vec::new();
    for it in annotated {
        if it.file == view.file && whole.contains_range(it.range) {
            out.push(one(view, *it, kind));
        }
    }
    out.sort_by_key(|(range, _)| range.start());
    out
}

/// The replacement of one reference.
pub(super) fn one(view: &View<'_>, annotated: Place, kind: Kind) -> (TextRange, Vec<Piece>) {
    let range = annotated.range;
    let send = || pieces("{@anyio.streams.memory:MemoryObjectSendStream}", &[]);
    let receive = || pieces("{@anyio.streams.memory:MemoryObjectReceiveStream}", &[]);
    match kind {
        Kind::Send => return (range, send()),
        Kind::Receive => return (range, receive()),
        Kind::Both => {}
    }
    let subscript = subscript(view, range);
    let item = subscript.map(|(_, item)| Piece::Source(item));
    let mut text: Vec<Piece> = vec!["tuple[".into()];
    for (index, class) in [send(), receive()].into_iter().enumerate() {
        if index > 0 {
            text.push(", ".into());
        }
        text.extend(class);
        if let Some(item) = &item {
            text.extend(["[".into(), item.clone(), "]".into()]);
        }
    }
    text.push("]".into());
    (subscript.map_or(range, |(whole, _)| whole), text)
}

/// The subscript of a reference, and what stands in its brackets.
fn subscript(view: &View<'_>, range: TextRange) -> Option<(TextRange, TextRange)> {
    let expr = view.tree.expr_at(range)?;
    match view.tree.parent(expr)? {
        AnyNodeRef::ExprSubscript(subscript) if subscript.value.range() == range => {
            Some((subscript.range(), subscript.slice.range()))
        }
        _ => None,
    }
}
