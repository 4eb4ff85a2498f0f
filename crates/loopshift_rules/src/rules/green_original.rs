//! Modules that were asked for unpatched are the plain ones.

use loopshift_engine::change::Change;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::{Edit, Import, Piece};

use crate::catalog::Api;
use crate::common::green::each;
use crate::context::{Context, View};

const RULE: &str = "green-original";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    each(cx, RULE, changes, |use_, api, view| {
        plain(cx, use_, api, view)
    });
}

fn plain<'c>(
    cx: &Context<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
) -> Result<Change, String> {
    let (call, bound) = cx.direct_call(use_, api, view)?;
    let text = |name| match bound.get(name) {
        Some(Expr::StringLiteral(text)) => Some(text.value.to_str().to_owned()),
        _ => None,
    };
    let module = (text("modname").or_else(|| text("mod_name")))
        .ok_or("it is not written here which module it gives")?;
    if bound.get("item_name").is_some() {
        let name = text("item_name").ok_or("it is not written here which name it gives")?;
        let message = format!("`{module}.{name}` is the plain one");
        let mut change = Change::new(RULE, use_.place, &*use_.api, message);
        let import = Import {
            module: module.into(),
            name: None,
        };
        change.edit(Edit::Replace {
            range: call.range(),
            pieces: vec![Piece::Import(import), format!(".{name}").into()],
        });
        return Ok(change);
    }
    let message = format!("`{module}` is imported");
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    if let Some(AnyNodeRef::StmtAssign(assign)) = view.tree.parent(call)
        && let [Expr::Name(name)] = &assign.targets[..]
    {
        let text = if name.id == module {
            format!("import {module}")
        } else {
            format!("import {module} as {}", name.id)
        };
        change.edit(Edit::Replace {
            range: assign.range(),
            pieces: vec![text.into()],
        });
        return Ok(change);
    }
    change.edit(Edit::Replace {
        range: call.range(),
        pieces: vec![Piece::Import(Import {
            module: module.into(),
            name: None,
        })],
    });
    Ok(change)
}
