//! Names that have a counterpart one to one, by the rows of the catalog.

use loopshift_engine::change::Change;

use super::rows;
use crate::catalog::Target;
use crate::context::Context;

const RULE: &str = "anyio-names";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for use_ in cx.uses {
        let Some(api) = cx.catalog.get(&use_.api) else {
            continue;
        };
        if api.rule.is_some() || api.forms(Target::Anyio).is_empty() {
            continue;
        }
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        changes.push(
            rows::replace(cx, use_, api, view, RULE)
                .unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason)),
        );
    }
}
