//! Pools of anything: a small class that lends items, where who asks for one waits.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::AnyNodeRef;
use loopshift_python::edit::Edit;
use rustc_hash::FxHashMap;

use super::green_colour::is_ours;
use crate::catalog::Api;
use crate::common::green::{
    Escaped, anchor, becomes_async, each, is_coloured, is_only, named, owners,
};
use crate::common::timeouts::item_of;
use crate::context::{Context, View};

const RULE: &str = "green-itempool";

const POOLS: &[&str] = &[
    "eventlet.pools.Pool",
    "eventlet.pools.TokenPool",
    "eventlet.db_pool.TpooledConnectionPool",
    "eventlet.db_pool.RawConnectionPool",
];

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let uses: Vec<_> = cx.uses_for(RULE).collect();
    if uses.is_empty() {
        return;
    }
    let owners = cx.once(owners);
    let escaped = Escaped::new(cx, POOLS);
    each(cx, RULE, changes, |use_, api, view| {
        moved(cx, &owners, &escaped, use_, api, view)
    });
}

fn moved<'c>(
    cx: &Context<'c>,
    owners: &FxHashMap<Place, FuncId>,
    escaped: &Escaped,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
) -> Result<Change, String> {
    if api.name.ends_with(".item") {
        return entered(cx, owners, use_, view);
    }
    if let Some(call) = view.call_of(use_.place.range).filter(|_| !use_.member) {
        escaped.check(view.place(call))?;
        let bound = cx.bind(api, call).map_err(|error| error.to_string())?;
        if let Some(create) = bound.get("create")
            && becomes_async(cx, view, create) == Ok(true)
        {
            return Err("what makes its items would have to be async".to_owned());
        }
    }
    if let Some(AnyNodeRef::StmtClassDef(class)) = view
        .tree
        .around(use_.place.range)
        .find(|node| node.is_statement())
    {
        if api.name.starts_with("eventlet.db_pool.") {
            return Err(
                "a class derives from it, which may connect in a way of its own".to_owned(),
            );
        }
        makes_at_once(cx, view.place(class))?;
    }
    named(cx, owners, use_, api, view, RULE)
}

/// A pool makes its items while it is asked for one: what a class that derives from one makes them by must not have to be
/// waited for.
fn makes_at_once(cx: &Context<'_>, class: Place) -> Result<(), String> {
    let mut made = cx.program.functions().filter(|func| {
        let function = cx.program.function(*func);
        cx.program.function_file(*func) == class.file
            && class.range.contains_range(function.range)
            && function.qualname.ends_with(".create")
    });
    if made.any(|func| is_coloured(cx, func)) {
        return Err("what makes its items would have to be async".to_owned());
    }
    Ok(())
}

/// `with pool.item() as x` becomes `async with`.
fn entered(
    cx: &Context<'_>,
    owners: &FxHashMap<Place, FuncId>,
    use_: &Use,
    view: &View<'_>,
) -> Result<Change, String> {
    let call = view
        .call_of(use_.place.range)
        .filter(|_| is_only(cx, use_))
        .ok_or("it is passed on as a function, or may be something else")?;
    let (with, _) = item_of(view, call).ok_or("it is not entered where it is called")?;
    if with.items.len() > 1 && is_ours(cx, view, with) {
        return Err("it is entered together with something else".to_owned());
    }
    let owner = owners
        .get(&view.place(call))
        .ok_or("the function that waits was not found")?;
    let mut change = Change::new(RULE, use_.place, &*use_.api, "`with` becomes `async with`");
    change.requires.push(anchor(cx, *owner));
    debug_assert!(matches!(
        view.tree.parent(call),
        Some(AnyNodeRef::WithItem(_))
    ));
    // Where there is more, the rule for `with` writes it.
    if !with.is_async && with.items.len() == 1 {
        change.edit(Edit::insert(with.start(), "async ", &[]));
    }
    Ok(change)
}
