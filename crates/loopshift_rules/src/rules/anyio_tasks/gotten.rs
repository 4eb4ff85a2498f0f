//! Tasks that `operator.attrgetter` gets by the name of the attribute that holds them: what it gives is not followed.

use std::collections::BTreeSet;

use loopshift_engine::flow::Target;
use loopshift_engine::flow::value::Value;
use loopshift_python::ast::Expr;

use super::family::Model;
use crate::context::Context;

/// Refuses the tasks that are kept in such attributes.
pub(super) fn check(cx: &Context<'_>, model: &mut Model<'_>) {
    let names = names(cx);
    if names.is_empty() {
        return;
    }
    for family in &mut model.families {
        let mut places = family.cluster.places.iter();
        let found = places.find_map(|held| {
            let view = cx.view(held.place.file)?;
            match view.tree.expr_at(held.place.range)? {
                Expr::Attribute(it) if names.contains(it.attr.as_str()) => Some(it.attr.as_str()),
                _ => None,
            }
        });
        if let Some(name) = found
            && family.refusal.is_none()
        {
            family.refusal = Some(format!(
                "`operator.attrgetter` gets `{name}`, and what becomes of it is not followed: read the attribute in a function of your own"
            ));
        }
    }
}

/// The attributes that it gets.
fn names<'c>(cx: &Context<'c>) -> BTreeSet<&'c str> {
    let flow = &cx.program.flow;
    let gets = |target: &Target| match target {
        Target::External(sym) => flow.text(*sym) == "operator.attrgetter",
        Target::Func(_) => false,
    };
    let calls = cx.program.calls().map(|(_, call)| call);
    calls
        .filter(|call| cx.program.callees(call).iter().any(gets))
        .flat_map(|call| &call.args)
        .flat_map(|given| flow.values_of(given.node))
        .filter_map(|value| match value {
            Value::Str(sym) => Some(flow.text(sym)),
            _ => None,
        })
        .flat_map(|path| path.split('.'))
        .collect()
}
