//! `open_connection` and `open_unix_connection`.

use loopshift_engine::change::Change;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::{Edit, Helper, Piece, pieces};
use loopshift_python::{Ranged, TextRange};

use super::Obstacle;
use super::errors::tells_refused;
use super::wrapping::Wrapping;
use crate::common::arguments::inside;
use crate::context::{Context, View};

/// `open_connection` where its pair travels as one.
static PAIR: Helper = Helper {
    name: "_as_pair",
    source: "\
async def {name}(wrap, connecting):
    \"\"\"The stream that is being connected, as reader and as writer.\"\"\"
    stream = wrap(await connecting)
    return stream, stream
",
};

/// `open_connection` where somebody can tell why there is no connection: `asyncio.base_events` raises the error of the only address
/// that was tried, or one that has the texts of all, and `AnyIO` raises one of its own from these.
static CONNECT: Helper = Helper {
    name: "_connect_tcp",
    source: "\
async def {name}(*args, **kwargs):
    \"\"\"The stream of a connection, or the error of the addresses that were tried.\"\"\"
    try:
        return await {@anyio}.connect_tcp(*args, **kwargs)
    except OSError as exc:
        if exc.__cause__ is None:
            raise
        errors = getattr(exc.__cause__, \"exceptions\", [exc.__cause__])
        texts = [str(error) for error in errors]
        if len(set(texts)) == 1:
            raise errors[0] from None
        raise OSError(\"Multiple exceptions: \" + \", \".join(texts)) from None
",
};

pub(super) fn convert(
    cx: &Context<'_>,
    wrapping: Wrapping,
    change: &mut Change,
) -> Result<(), Obstacle> {
    let told = tells_refused(cx);
    for use_ in cx.uses {
        let (callee, positional) = match use_.api.as_str() {
            "asyncio.open_connection" if told => (vec![Piece::Helper(&CONNECT)], 2),
            "asyncio.open_connection" => (pieces("{@anyio}.connect_tcp", &[]), 2),
            "asyncio.open_unix_connection" => (pieces("{@anyio}.connect_unix", &[]), 1),
            _ => continue,
        };
        let at = |reason: &str| (use_.place, reason.to_owned());
        let view = cx
            .view(use_.place.file)
            .ok_or_else(|| at("the file can't be edited"))?;
        let call = view
            .call_of(use_.place.range)
            .ok_or_else(|| at("the function is passed on"))?;
        if !use_.only || !view.is_direct(&call.func) {
            return Err(at("it is called through a variable"));
        }
        let mut edits = arguments(call, positional).map_err(|reason| at(&reason))?;
        match pair(view, call) {
            Some((targets, await_)) => {
                edits.extend(targets);
                edits.push(Edit::Replace {
                    range: TextRange::empty(await_.start()),
                    pieces: [wrapping.class(), vec!["(".into()]].concat(),
                });
                edits.push(Edit::insert(await_.end(), ")", &[]));
                edits.push(Edit::Replace {
                    range: call.func.range(),
                    pieces: callee,
                });
            }
            None => {
                let mut front: Vec<Piece> = vec![Piece::Helper(&PAIR), "(".into()];
                front.extend(wrapping.class());
                front.push(", ".into());
                front.extend(callee);
                edits.push(Edit::Replace {
                    range: call.func.range(),
                    pieces: front,
                });
                edits.push(Edit::insert(call.end(), ")", &[]));
            }
        }
        change
            .edits
            .extend(edits.into_iter().map(|edit| (use_.place.file, edit)));
    }
    Ok(())
}

/// The keywords' new names.
fn arguments(call: &ExprCall, positional: usize) -> Result<Vec<Edit>, String> {
    if call.arguments.args.len() > positional
        || call.arguments.args.iter().any(Expr::is_starred_expr) && positional != 2
    {
        return Err("the connection has options that AnyIO's has not".to_owned());
    }
    let mut edits = Vec::new();
    for keyword in &call.arguments.keywords {
        let Some(name) = &keyword.arg else {
            return Err("its options are unpacked from a dictionary".to_owned());
        };
        let new = match name.as_str() {
            "host" => "remote_host",
            "port" => "remote_port",
            "path" => "path",
            other => {
                return Err(format!(
                    "the connection has the option `{other}`: move it by hand"
                ));
            }
        };
        edits.push(Edit::replace(name.range(), new, &[]));
    }
    if inside(call).is_empty() {
        return Err("it is not said where to connect".to_owned());
    }
    Ok(edits)
}

/// `reader, writer = await …`: the edits of the targets, and the `await`.
fn pair<'v>(view: &View<'v>, call: &'v ExprCall) -> Option<(Vec<Edit>, TextRange)> {
    let await_ = view.await_of(call.range())?;
    let AnyNodeRef::StmtAssign(assign) = view.tree.parent(await_)? else {
        return None;
    };
    let [Expr::Tuple(tuple)] = assign.targets.as_slice() else {
        return None;
    };
    let [first, second] = tuple.elts.as_slice() else {
        return None;
    };
    let plain = |expr: &Expr| expr.is_name_expr() || expr.is_attribute_expr();
    if tuple.parenthesized || !plain(first) || !plain(second) {
        return None;
    }
    let comma = TextRange::new(first.end(), second.start());
    if view.text(comma).trim() != "," {
        return None;
    }
    Some((vec![Edit::replace(comma, " = ", &[])], await_.range()))
}
