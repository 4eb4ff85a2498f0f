//! Bridges: the calls by which what is async runs functions that stay sync, and those by which these wait.

use loopshift_engine::change::{FileId, Place};
use loopshift_engine::facts::{Cause, Colour};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{FuncId, FunctionKind};
use loopshift_python::ast::{Expr, ExprCall};
use loopshift_python::edit::{Edit, Import, Piece};
use loopshift_python::{Ranged, TextRange};

use super::Work;
use crate::common::arguments::inside;
use crate::common::green::{awaiting, helper, is_behind, is_outside};
use crate::context::Context;

/// What may differ.
pub(super) const CAVEAT: &str = "it stays sync, and runs in a thread that takes turns with the event loop: what belongs to one thread can't be used there";

impl Work<'_, '_> {
    /// The calls in a function that is async, by which it runs functions that stay sync.
    pub(super) fn bridges(&mut self, func: FuncId) -> Result<(), (Place, String)> {
        let cx = self.all.cx;
        let places: Vec<(Place, FuncId)> = (cx.facts().causes(func).iter())
            .filter_map(|cause| match cause {
                Cause::Call { place, callee }
                    if is_behind(cx, *callee) || is_outside(cx, *callee) =>
                {
                    Some((*place, *callee))
                }
                _ => None,
            })
            .collect();
        for (place, callee) in places {
            if self.waits.get(&func).is_some_and(|it| it.contains(&place)) {
                continue;
            }
            let name = cx.program.qualified_name(callee);
            let outside = is_outside(cx, callee);
            let stays = if outside { "stays" } else { "can't be async" };
            let refuse = |reason: &str| (place, format!("`{name}` {stays}, and {reason}"));
            let (view, expr) = self.expr(place)?;
            let Expr::Call(call) = expr else {
                return Err(refuse("is not called there by a plain call"));
            };
            let mut sites = cx.callers.of(callee).iter();
            let by_library = sites
                .clone()
                .any(|it| it.place == place && it.owner == FuncId::NONE);
            let mut values = cx.program.values_at(view.place(&*call.func));
            let makes = values.all(|value| matches!(value, Value::Class(_)));
            let only = makes || sites.any(|it| it.place == place && it.only);
            if outside && by_library || !by_library && !only {
                return Err(refuse("something else may be called there"));
            }
            if cx.program.function(func).kind == FunctionKind::Lambda {
                return Err(refuse("a lambda calls it"));
            }
            let bridge = helper("Bridge").ok_or_else(|| refuse("a helper is missing"))?;
            let (before, after) = awaiting(view, expr);
            let file = place.file;
            let opens = if outside {
                // A green thread can be awaited, where the event loop is that of its hub.
                let eventlet = Import {
                    module: "eventlet".into(),
                    name: None,
                };
                [before.into(), Piece::Import(eventlet), ".spawn(".into()]
            } else {
                [before.into(), Piece::Helper(bridge), ".run(".into()]
            };
            self.edits
                .push((file, Edit::insert(call.start(), "{0}{1}{2}", &opens)));
            self.edits.extend(separate(call).map(|edit| (file, edit)));
            if !after.is_empty() {
                self.edits
                    .push((file, Edit::insert(call.end(), "{0}", &[after.into()])));
            }
            self.waits.entry(func).or_default().insert(place);
        }
        Ok(())
    }

    /// The calls in a function that stays sync, by which it waits for functions that become async.
    pub(super) fn waits_behind(&mut self, func: FuncId) -> Result<(), (Place, String)> {
        let cx = self.all.cx;
        let mut found: Vec<(FileId, TextRange)> = Vec::new();
        for (place, called) in cx.facts().called(func) {
            let becomes = |func: &FuncId| matches!(cx.facts().colour(*func), Colour::Becomes(_));
            if !called.functions.iter().any(becomes) {
                continue;
            }
            if !called.only || !called.functions.iter().all(becomes) || called.is_decorator {
                let reason =
                    "what is called there may wait or not, in a function that can't be async";
                return Err((place, reason.to_owned()));
            }
            found.push((place.file, place.range));
        }
        // Of those that begin at one place the outer one comes first.
        found.sort_by_key(|(file, range)| (*file, range.start(), std::cmp::Reverse(range.end())));
        for (file, range) in &found {
            let bridge = helper("Bridge").map(Piece::Helper);
            let opens = bridge.into_iter().chain([".wait(".into()]);
            let pieces = opens.collect();
            let range = TextRange::empty(range.start());
            self.edits.push((*file, Edit::Replace { range, pieces }));
        }
        found.sort_by_key(|(file, range)| (*file, range.end(), std::cmp::Reverse(range.start())));
        for (file, range) in found {
            self.edits
                .push((file, Edit::insert(range.end(), "{0}", &[")".into()])));
        }
        Ok(())
    }
}

/// The comma between the function that is called and what it gets: `f(x)` becomes `f, x)`.
fn separate(call: &ExprCall) -> impl Iterator<Item = Edit> + use<> {
    let is_empty = call.arguments.args.is_empty() && call.arguments.keywords.is_empty();
    let open = TextRange::new(call.func.end(), inside(call).start());
    let comma = if is_empty { "" } else { ", " };
    [Edit::replace(open, "{0}", &[comma.into()])].into_iter()
}

/// Why a function can't stay behind a bridge.
pub(super) fn can_stay(cx: &Context<'_>, func: FuncId) -> Result<(), (Place, String)> {
    let place = super::anchor(cx, func);
    let waits = cx.facts().causes(func).iter();
    let by_language = waits
        .clone()
        .any(|cause| matches!(cause, Cause::Operation(_) | Cause::Override(_)));
    if by_language {
        let name = cx.program.qualified_name(func);
        let reason =
            format!("`{name}` can't be async, and waits in a `for`, a `with` or a property");
        return Err((place, reason));
    }
    Ok(())
}
