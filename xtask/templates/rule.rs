//! What the rule does, in one sentence. Its page is `docs/rules/{name}.md`.

use loopshift_engine::change::Change;

use crate::context::Context;

const RULE: &str = "{name}";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for (use_, _api, _view) in cx.uses_for(RULE) {
        let reason = "no form of it is known yet";
        changes.push(Change::declined(RULE, use_.place, &*use_.api, reason));
    }
}
