//! Queues of green threads become queues of asyncio, whose size `None` is no size, and whose size 0 is no limit.

use loopshift_engine::change::Change;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::Expr;
use loopshift_python::edit::{Edit, Piece};

use super::shared::number;
use crate::catalog::Api;
use crate::context::{Context, View};

const RULE: &str = "green-queue";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for (use_, api, view) in cx.uses_for(RULE) {
        changes.push(
            queue(cx, use_, api, view)
                .unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason)),
        );
    }
}

fn queue<'c>(
    cx: &Context<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
) -> Result<Change, String> {
    let (call, bound) = cx.direct_call(use_, api, view)?;
    if !bound.only(&["maxsize"]) {
        return Err("it is given more than a size: a queue of asyncio starts empty".to_owned());
    }
    let eventlet = use_.api.starts_with("eventlet.");
    let unbounded = |size: f64| size < 0.0 || (size == 0.0 && !eventlet);
    let size: Vec<Piece> = match bound.get("maxsize") {
        None | Some(Expr::NoneLiteral(_)) => Vec::new(),
        Some(size) => match number(size) {
            Some(size) if unbounded(size) => Vec::new(),
            Some(0.0) => {
                return Err(
                    "its size 0 means that `put` waits for a `get`; in asyncio it means no limit"
                        .to_owned(),
                );
            }
            Some(_) => vec![Piece::Source(size.range())],
            None if eventlet => {
                return Err(
                    "its size is not written here: 0 would mean that `put` waits for a `get`"
                        .to_owned(),
                );
            }
            None => vec!["(".into(), Piece::Source(size.range()), ") or 0".into()],
        },
    };
    let message = format!("`{}` becomes `asyncio.Queue`", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    let mut text = loopshift_python::edit::pieces("{@asyncio}.Queue(", &[]);
    text.extend(size);
    text.push(")".into());
    change.edit(Edit::Replace {
        range: call.range(),
        pieces: text,
    });
    Ok(change)
}
