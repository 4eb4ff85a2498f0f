//! What chooses or sets up eventlet's hub goes: an event loop needs none of it.

use loopshift_engine::change::Change;
use loopshift_engine::flow::value::Value;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, ExprCall};
use loopshift_python::edit::Edit;

use crate::context::{Context, View};

const RULE: &str = "green-hub";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for (use_, api, view) in cx.uses_for(RULE) {
        let call = view.call_of(use_.place.range);
        if call.is_some_and(|call| is_own_hub(cx, view, call)) {
            let reason = "it chooses a hub that the program wrote itself: what that does has to become code for an event loop by hand";
            changes.push(Change::declined(RULE, use_.place, &*use_.api, reason));
            continue;
        }
        let statement = call.and_then(|call| match view.tree.parent(call) {
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

/// Whether a call is given a class or a module of the program, or the name of a module that is not eventlet's.
fn is_own_hub(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    let flow = &cx.program.flow;
    let mut given = call.arguments.args.iter();
    given.any(|given| {
        let mut values = cx.program.values_at(view.place(given));
        values.any(|value| match value {
            Value::Class(_) | Value::Instance(_) | Value::Module(_) => true,
            Value::Str(name) => {
                let name = flow.text(name);
                name.contains(['.', ':']) && !name.starts_with("eventlet.")
            }
            _ => false,
        })
    })
}
