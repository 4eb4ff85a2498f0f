//! What rules do with every use that they speak for.

use loopshift_engine::change::Change;
use loopshift_engine::uses::Use;

use crate::catalog::Api;
use crate::context::{Context, View};

/// Adds what becomes of each use that a rule speaks for: the change that `moved` makes, or the reason why there is none.
pub(crate) fn each<'c>(
    cx: &Context<'c>,
    rule: &'static str,
    changes: &mut Vec<Change>,
    moved: impl Fn(&'c Use, &'c Api, &'c View<'c>) -> Result<Change, String>,
) {
    for (use_, api, view) in cx.uses_for(rule) {
        changes.push(
            moved(use_, api, view)
                .unwrap_or_else(|reason| Change::declined(rule, use_.place, &*use_.api, reason)),
        );
    }
}
