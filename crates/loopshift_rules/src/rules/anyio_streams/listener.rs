//! What listens for a server.

use loopshift_python::ast::{Expr, ExprCall};
use loopshift_python::edit::Edit;
use loopshift_python::{Ranged, TextRange};

use super::Obstacle;
use crate::common::arguments::inside;
use crate::context::View;

/// `asyncio.start_server(handle, host, port)` as `anyio.create_tcp_listener(local_host=host, local_port=port)`.
///
/// # Errors
/// An argument that a listener does not take.
pub(super) fn listener(
    view: &View<'_>,
    call: &ExprCall,
    handler: &Expr,
    is_unix: bool,
) -> Result<Vec<Edit>, Obstacle> {
    let at = |range: TextRange, reason: String| (view.place(range), reason);
    let names: &[&str] = if is_unix {
        &["path"]
    } else {
        &["local_host", "local_port"]
    };
    let mut edits: Vec<Edit> = Vec::new();
    let next = call
        .arguments
        .iter_source_order()
        .map(|argument| argument.range().start())
        .find(|start| *start > handler.end());
    // The handler goes to where the server serves.
    let front = TextRange::new(inside(call).start(), next.unwrap_or(inside(call).end()));
    let handler = handler.range();
    let around = [
        TextRange::new(front.start(), handler.start()),
        TextRange::new(handler.end(), front.end()),
    ];
    if around.iter().any(|range| view.text(*range).contains('#')) {
        return Err(at(front, "a comment stands beside the handler".to_owned()));
    }
    edits.push(Edit::delete(TextRange::new(handler.start(), front.end())));
    for (index, value) in call.arguments.args.iter().skip(1).enumerate() {
        let Some(name) = names.get(index).filter(|_| !value.is_starred_expr()) else {
            return Err(at(
                value.range(),
                "the server has options that can't be told apart".to_owned(),
            ));
        };
        if *name != "path" {
            edits.push(Edit::Replace {
                range: TextRange::empty(value.start()),
                pieces: vec![format!("{name}=").into()],
            });
        }
    }
    for keyword in &call.arguments.keywords {
        let name = keyword
            .arg
            .as_ref()
            .map(loopshift_python::ast::Identifier::as_str);
        let range = keyword.arg.as_ref().map_or(keyword.range(), Ranged::range);
        match (name, is_unix) {
            (Some("host"), false) => edits.push(Edit::replace(range, "local_host", &[])),
            (Some("port"), false) => edits.push(Edit::replace(range, "local_port", &[])),
            (Some("path"), true) | (Some("backlog"), _) | (Some("reuse_port"), false) => {}
            _ => {
                return Err(at(
                    keyword.range(),
                    format!(
                        "the server has the option `{}`: move it by hand",
                        name.unwrap_or("**")
                    ),
                ));
            }
        }
    }
    let callee = if is_unix {
        "{@anyio}.create_unix_listener"
    } else {
        "{@anyio}.create_tcp_listener"
    };
    edits.push(Edit::replace(call.func.range(), callee, &[]));
    Ok(edits)
}
