//! The attributes of followed objects, those among them that are no methods, too.

use loopshift_engine::objects::{Cluster, Member};
use loopshift_python::ast::AnyNodeRef;

use crate::context::Context;

/// Every attribute of the objects that is read, by the canonical name of the first class: `asyncio.Server.sockets`.
/// What the engine gives as members are methods; the value of a property is only that value to it.
pub(crate) fn attributes(cx: &Context<'_>, cluster: &Cluster) -> Vec<Member> {
    let mut all = cluster.members.clone();
    let Some(class) = cluster.types.first() else {
        return all;
    };
    for held in &cluster.places {
        let Some(view) = cx.view(held.place.file) else {
            continue;
        };
        let Some(expr) = view.tree.expr_at(held.place.range) else {
            continue;
        };
        let Some(AnyNodeRef::ExprAttribute(attribute)) = view.tree.parent(expr) else {
            continue;
        };
        let place = view.place(attribute);
        if attribute.ctx.is_load() && !all.iter().any(|member| member.place == place) {
            all.push(Member {
                place,
                api: format!("{class}.{}", attribute.attr),
                only: held.only,
            });
        }
    }
    all.sort();
    all.dedup();
    all
}
