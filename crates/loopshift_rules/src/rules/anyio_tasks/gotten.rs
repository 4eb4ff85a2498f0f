//! Tasks that `operator.attrgetter` gets by the name of the attribute that holds them: what it gives is not followed.

use std::collections::BTreeSet;

use loopshift_engine::program::strings_given;
use loopshift_python::ast::Expr;

use super::family::Model;
use crate::context::Context;

/// Refuses the tasks that are kept in such attributes.
pub(super) fn check(cx: &Context<'_>, model: &mut Model<'_>) {
    let paths = strings_given(cx.program, &["operator.attrgetter"]);
    let names: BTreeSet<&str> = paths.iter().flat_map(|path| path.split('.')).collect();
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
