//! The calls of functions that become async, in functions that do.

use loopshift_engine::change::Place;
use loopshift_engine::facts::{Called, Colour};
use loopshift_engine::ir::FuncId;
use loopshift_python::Ranged;
use loopshift_python::ast::Expr;
use loopshift_python::edit::{Edit, Piece};

use super::{Failure, Lambda, Work, factory, lambda};
use crate::common::green::{awaiting, helper, is_outside};

impl Work<'_, '_> {
    /// The calls that a function makes, where what they run becomes async.
    pub(super) fn calls(&mut self, func: FuncId) -> Result<(), Failure> {
        let cx = self.all.cx;
        let lambda = lambda::lambda(cx, func);
        let stays = lambda
            .is_some_and(|(view, it)| matches!(lambda::becomes(cx, func, it, view), Lambda::Stays));
        for (place, called) in cx.facts().called(func) {
            let becomes = |func: &FuncId| matches!(cx.facts().colour(*func), Colour::Becomes(_));
            if !called.functions.iter().any(becomes) {
                continue;
            }
            if called.is_decorator {
                return Err((place, "a decorator would have to be async".to_owned()));
            }
            let only = called.only && called.functions.iter().all(becomes);
            self.call(func, place, called, only, stays)?;
        }
        Ok(())
    }

    fn call(
        &mut self,
        func: FuncId,
        place: Place,
        called: &Called,
        only: bool,
        in_lambda: bool,
    ) -> Result<(), Failure> {
        let cx = self.all.cx;
        if called.functions.iter().any(|func| is_outside(cx, *func)) {
            let reason =
                "what is called there may become async, or stay a function for green threads";
            return Err((place, reason.to_owned()));
        }
        let (view, expr) = self.expr(place)?;
        if let Expr::Call(call) = expr {
            let functions = called.functions.iter().copied();
            let made = factory::made(cx, view, call, functions);
            let edit = made.map_err(|reason| (place, reason.to_owned()))?;
            self.edits.extend(edit.map(|edit| (place.file, edit)));
        }
        if view.await_of(expr.range()).is_some() {
            return Ok(());
        }
        if in_lambda {
            if !only {
                self.edits
                    .extend(asked(expr).map(|edit| (place.file, edit)));
            }
            return Ok(());
        }
        let (before, after) = awaiting(view, expr);
        if !only {
            // What gives no coroutine is handed on.
            self.asked.insert(place);
            self.edits
                .extend(asked(expr).map(|edit| (place.file, edit)));
        }
        self.awaits
            .insert(place, (before.to_owned(), after.to_owned()));
        self.waits.entry(func).or_default().insert(place);
        Ok(())
    }
}

/// A call that gives a coroutine or not: a helper waits for what it gives if it is one.
fn asked(expr: &Expr) -> impl Iterator<Item = Edit> + use<> {
    let helper = helper("awaited").map(Piece::Helper);
    let range = expr.range();
    helper.into_iter().map(move |helper| Edit::Replace {
        range,
        pieces: vec![helper, "(".into(), range.into(), ")".into()],
    })
}
