//! The patching of the standard library goes: what it made cooperative is moved by other rules.

use loopshift_engine::change::Change;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::Edit;

use crate::context::Context;

const RULE: &str = "green-patch";

fn is_true(expr: &Expr) -> bool {
    matches!(expr, Expr::BooleanLiteral(it) if it.value)
}

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for (use_, _, view) in cx.uses_for(RULE) {
        let decline = |reason: &str| Change::declined(RULE, use_.place, &*use_.api, reason);
        let all = view.call_of(use_.place.range).is_some_and(|call| {
            let keywords = call.arguments.keywords.iter();
            call.arguments.args.is_empty() && keywords.map(|it| &it.value).all(is_true)
        });
        if !all {
            changes.push(decline(
                "it leaves parts of the standard library as they are",
            ));
            continue;
        }
        let statement =
            view.call_of(use_.place.range)
                .and_then(|call| match view.tree.parent(call) {
                    Some(AnyNodeRef::StmtExpr(stmt)) => Some(stmt),
                    _ => None,
                });
        let Some(statement) = statement.filter(|_| use_.only) else {
            changes.push(decline("it is no statement of its own"));
            continue;
        };
        let mut change = Change::new(RULE, use_.place, &*use_.api, format!("`{}` goes", use_.api));
        change.edit(Edit::DeleteStatement {
            range: statement.range(),
        });
        changes.push(change);
    }
}
