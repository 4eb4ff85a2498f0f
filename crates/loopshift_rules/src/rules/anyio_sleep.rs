//! `asyncio.sleep` becomes `anyio.sleep`.
//!
//! `AnyIO` refuses negative delays (on trio always, on asyncio from 4.16) and gives no value.

use loopshift_engine::change::Change;
use loopshift_python::edit::Edit;
use loopshift_python::{Ranged, TextRange};

use super::non_negative::is_non_negative;
use super::shared::is_statement;
use crate::context::Context;

const RULE: &str = "anyio-sleep";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for (use_, api, view) in cx.uses_for(RULE) {
        let decline = |reason: &str| Change::declined(RULE, use_.place, &*use_.api, reason);
        let Some(call) = view.call_of(use_.place.range) else {
            changes.push(decline(
                "it is passed on as a function, and AnyIO's takes no negative delay",
            ));
            continue;
        };
        let bound = match cx.bind(api, call) {
            Ok(bound) => bound,
            Err(error) => {
                changes.push(decline(&error.to_string()));
                continue;
            }
        };
        if !use_.only || !view.is_direct(&call.func) {
            changes.push(decline(
                "it is called through a variable that may hold something else",
            ));
            continue;
        }
        let Some(delay) = bound.get("delay") else {
            changes.push(decline("there is no delay"));
            continue;
        };
        if !bound.only(&["delay", "result"]) {
            changes.push(decline("it is given a loop"));
            continue;
        }
        // Not awaited here, it is a coroutine that travels, and AnyIO's is one as well.
        let await_ = view.await_of(call.range());
        let mut change = named(use_);
        change.edit(Edit::replace(call.func.range(), "{@anyio}.sleep", &[]));
        if !is_non_negative(cx, view, delay) {
            change.edit(Edit::insert(delay.start(), "max(", &[]));
            change.edit(Edit::insert(delay.end(), ", 0)", &[]));
        }
        if let Some(result) = bound.get("result") {
            let Some(await_) = await_ else {
                changes.push(decline("it is not awaited here, and its result is wanted"));
                continue;
            };
            let plain = result.is_literal_expr() || result.is_name_expr();
            if !plain {
                changes.push(decline("its result is computed before the wait"));
                continue;
            }
            if is_statement(view, await_) {
                change.edit(Edit::delete(TextRange::new(delay.end(), result.end())));
            } else {
                // `(await anyio.sleep(0), "value")[1]`
                change.edit(Edit::insert(await_.start(), "(", &[]));
                let between = TextRange::new(delay.end(), result.start());
                change.edit(Edit::replace(between, "), ", &[]));
                change.edit(Edit::insert(call.end(), "[1]", &[]));
            }
        }
        changes.push(change);
    }
}

fn named(use_: &loopshift_engine::uses::Use) -> Change {
    Change::new(
        RULE,
        use_.place,
        &*use_.api,
        "`asyncio.sleep` becomes `anyio.sleep`",
    )
}
