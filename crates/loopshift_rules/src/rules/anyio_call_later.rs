//! `loop.call_later`, `call_at` and `call_soon` become tasks that wait, then call; see [`super::anyio_tasks`] for where their
//! task groups are.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::uses::Use;

use crate::catalog::Api;
use crate::context::{Context, View};

const RULE: &str = "anyio-call-later";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let mut found = Vec::new();
    super::anyio_tasks::plan_timers(cx, &mut found);
    let spoken: BTreeSet<Place> = found
        .iter()
        .flat_map(|change| change.covers.iter().copied().chain([change.place]))
        .collect();
    for (use_, api, view) in cx.uses_for(RULE) {
        if !spoken.contains(&use_.place) {
            let reason = reason(cx, use_, api, view);
            found.push(Change::declined(RULE, use_.place, &*use_.api, reason));
        }
    }
    changes.extend(found);
}

/// Why a use stays that is none of the calls that are followed.
fn reason(cx: &Context<'_>, use_: &Use, api: &Api, view: &View<'_>) -> String {
    if !use_.api.starts_with("asyncio.AbstractEventLoop.") {
        return "it is not known which call gives the handle".to_owned();
    }
    if !use_.only {
        return "the object may be something else than an event loop".to_owned();
    }
    let Some(call) = view.call_of(use_.place.range) else {
        return "it is passed on as a function; a task group must be at hand where it is called"
            .to_owned();
    };
    let bound = match cx.bind(api, call) {
        Ok(bound) => bound,
        Err(error) => return error.to_string(),
    };
    if bound.get("context").is_some() {
        return "the callback gets a context of its own, and a task copies the one it is started in"
            .to_owned();
    }
    if !call.arguments.keywords.is_empty() {
        return "its arguments are given by keyword: write them in order first".to_owned();
    }
    "what becomes of the handle is not known".to_owned()
}
