//! Replacing a call by what may have to be awaited.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::ir::FuncId;
use loopshift_python::Ranged;
use loopshift_python::ast::ExprCall;
use loopshift_python::edit::{Edit, Piece};
use rustc_hash::FxHashMap;

use super::{anchor, awaited_there, awaits};
use crate::context::{Context, View};

/// Puts `text` in place of a call. Where it begins with `await`, the function around it has to be async, and it gets
/// brackets where these are needed.
///
/// # Errors
/// Where no function is found around it.
pub(crate) fn replace_call(
    cx: &Context<'_>,
    owners: &FxHashMap<Place, FuncId>,
    view: &View<'_>,
    call: &ExprCall,
    mut text: Vec<Piece>,
    change: &mut Change,
) -> Result<(), String> {
    let expr = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
    if awaits(&text) {
        let owner = owners
            .get(&view.place(call))
            .ok_or("the function that waits was not found")?;
        text = awaited_there(cx, *owner, view, expr, text)?;
        change.requires.push(anchor(cx, *owner));
    }
    change.edit(Edit::Replace {
        range: call.range(),
        pieces: text,
    });
    Ok(())
}
