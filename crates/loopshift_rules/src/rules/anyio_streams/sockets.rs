//! The sockets of a server, in terms of its listener.

use loopshift_engine::change::Place;
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::{Edit, Piece, pieces};
use loopshift_python::{Ranged, TextRange};

use super::Obstacle;
use crate::context::View;

/// `server.sockets[0].getsockname()[1]` and its parts.
///
/// # Errors
/// Where the sockets are no attribute.
pub(super) fn sockets(view: &View<'_>, place: Place, is_unix: bool) -> Result<Edit, Obstacle> {
    let Some(Expr::Attribute(sockets)) = view.tree.expr_at(place.range) else {
        return Err((place, "its sockets are passed on".to_owned()));
    };
    let server = Piece::Source(sockets.value.range());
    let simple = |range: TextRange, attribute: &'static str| {
        let mut pieces_ = vec![server.clone(), ".extra(".into()];
        pieces_.extend(pieces("{@anyio.abc}.SocketAttribute.", &[]));
        pieces_.push(attribute.into());
        pieces_.push(")".into());
        Edit::Replace {
            range,
            pieces: pieces_,
        }
    };
    let parents: Vec<AnyNodeRef<'_>> = view
        .tree
        .ancestors(sockets)
        .filter(|node| !matches!(node, AnyNodeRef::Arguments(_)))
        .take(4)
        .collect();
    if let Some(AnyNodeRef::ExprSubscript(first)) = parents.first()
        && index_of(first) == Some(0)
    {
        if let [
            _,
            AnyNodeRef::ExprAttribute(name),
            AnyNodeRef::ExprCall(call),
            rest @ ..,
        ] = parents.as_slice()
            && name.attr.as_str() == "getsockname"
        {
            return Ok(match rest.first() {
                Some(AnyNodeRef::ExprSubscript(part)) if index_of(part) == Some(1) && !is_unix => {
                    simple(part.range(), "local_port")
                }
                _ => simple(call.range(), "local_address"),
            });
        }
        return Ok(simple(first.range(), "raw_socket"));
    }
    let mut list: Vec<Piece> = pieces("[", &[]);
    if is_unix {
        list.push(server);
        list.extend(pieces(
            ".extra({@anyio.abc}.SocketAttribute.raw_socket)]",
            &[],
        ));
    } else {
        list.extend(pieces(
            "listener.extra({@anyio.abc}.SocketAttribute.raw_socket) for listener in ",
            &[],
        ));
        list.push(server);
        list.push(".listeners]".into());
    }
    Ok(Edit::Replace {
        range: place.range,
        pieces: list,
    })
}

fn index_of(subscript: &loopshift_python::ast::ExprSubscript) -> Option<u32> {
    match crate::common::shared::number(&subscript.slice) {
        Some(0.0) => Some(0),
        Some(1.0) => Some(1),
        _ => None,
    }
}
