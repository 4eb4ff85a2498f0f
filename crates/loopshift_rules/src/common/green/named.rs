//! Uses that the catalog has a counterpart for, awaited where that waits.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::facts::Cause;
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::{Edit, Piece};
use rustc_hash::FxHashMap;

use super::{anchor, awaits, bracketed};
use crate::catalog::Api;
use crate::common::rows;
use crate::context::{Context, View};

/// The change of a use by the row of its API.
///
/// # Errors
/// Why there is none, in words for the user.
pub(crate) fn named(
    cx: &Context<'_>,
    owners: &FxHashMap<Place, FuncId>,
    use_: &Use,
    api: &Api,
    view: &View<'_>,
    rule: &'static str,
) -> Result<Change, String> {
    let mut change = rows::replace(cx, use_, api, view, rule)?;
    let call = view.call_of(use_.place.range);
    if let (Some(call), [(_, Edit::Replace { pieces, .. })]) = (call, &mut change.edits[..])
        && awaits(pieces)
    {
        let expr = view.tree.expr_at(call.range());
        let owner = owners.get(&view.place(call));
        let (Some(owner), Some(expr)) = (owner, expr) else {
            return Err("the function that waits was not found".to_owned());
        };
        *pieces = awaited_there(cx, *owner, view, expr, std::mem::take(pieces))?;
        change.requires.push(anchor(cx, *owner));
    }
    Ok(change)
}

/// What takes the place of an expression and begins with `await`, in brackets where these are needed.
///
/// # Errors
/// Where the expression stands where nothing can be awaited, in words.
pub(crate) fn awaited(
    view: &View<'_>,
    expr: &Expr,
    pieces: Vec<Piece>,
) -> Result<Vec<Piece>, String> {
    if let Some(AnyNodeRef::ExprGenerator(_)) = view.tree.comprehension_around(expr) {
        return Err("it is called in a generator expression, which can't wait".to_owned());
    }
    Ok(bracketed(view, expr, pieces))
}

/// As [`awaited`], where the rule of colours writes the generator expression around it, which waits because of it.
///
/// # Errors
/// As of [`awaited`].
pub(crate) fn awaited_there(
    cx: &Context<'_>,
    owner: FuncId,
    view: &View<'_>,
    expr: &Expr,
    pieces: Vec<Piece>,
) -> Result<Vec<Piece>, String> {
    let waits = cx.facts().causes(owner).iter().any(|cause| match cause {
        Cause::Api { place, .. } => {
            place.file == view.file && expr.range().contains_range(place.range)
        }
        _ => false,
    });
    if waits {
        return Ok(bracketed(view, expr, pieces));
    }
    awaited(view, expr, pieces)
}
