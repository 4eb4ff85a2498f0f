//! What chooses or sets up eventlet's hub goes: an event loop needs none of it.

use loopshift_engine::change::Change;
use loopshift_python::Ranged;
use loopshift_python::ast::AnyNodeRef;
use loopshift_python::edit::Edit;

use crate::context::Context;

const RULE: &str = "green-hub";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for (use_, api, view) in cx.uses_for(RULE) {
        let statement =
            view.call_of(use_.place.range)
                .and_then(|call| match view.tree.parent(call) {
                    Some(AnyNodeRef::StmtExpr(stmt)) => Some(stmt),
                    _ => None,
                });
        let Some(statement) = statement.filter(|_| use_.only) else {
            let reason = "it is no statement of its own";
            changes.push(Change::declined(RULE, use_.place, &*use_.api, reason));
            continue;
        };
        let mut change = Change::new(RULE, use_.place, &*use_.api, format!("`{}` goes", use_.api));
        if let Some(note) = &api.note {
            change.caveat(note.as_ref());
        }
        change.edit(Edit::DeleteStatement {
            range: statement.range(),
        });
        changes.push(change);
    }
}
