//! What is known of an expression that gives a number of seconds: a timeout, or how long to sleep.

use loopshift_python::ast::Expr;

use crate::common::origins::{Origin, origins};
use crate::common::shared::number;
use crate::context::{Context, View};

/// What is known of a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seconds {
    /// More than none.
    Positive,
    /// `None`.
    NoLimit,
    /// None at all, or less.
    Zero,
    /// Anything.
    Unknown,
}

/// What is known of an expression that gives seconds.
pub(crate) fn seconds(cx: &Context<'_>, view: &View<'_>, expr: &Expr, depth: u8) -> Seconds {
    if expr.is_none_literal_expr() {
        return Seconds::NoLimit;
    }
    if let Some(number) = number(expr) {
        return if number > 0.0 {
            Seconds::Positive
        } else {
            Seconds::Zero
        };
    }
    if depth == 0 {
        return Seconds::Unknown;
    }
    let all = |list: &mut dyn Iterator<Item = Seconds>| {
        let mut any = false;
        for it in list {
            any = true;
            if !matches!(it, Seconds::Positive | Seconds::NoLimit) {
                return Seconds::Unknown;
            }
        }
        if any {
            Seconds::Positive
        } else {
            Seconds::Unknown
        }
    };
    match expr {
        Expr::BinOp(it)
            if matches!(
                it.op,
                loopshift_python::ast::Operator::Add
                    | loopshift_python::ast::Operator::Mult
                    | loopshift_python::ast::Operator::Div
            ) =>
        {
            let sides = [&it.left, &it.right].map(|side| seconds(cx, view, side, depth - 1));
            if sides == [Seconds::Positive, Seconds::Positive] {
                Seconds::Positive
            } else {
                Seconds::Unknown
            }
        }
        Expr::If(it) => all(&mut [&it.body, &it.orelse]
            .into_iter()
            .map(|side| seconds(cx, view, side, depth - 1))),
        Expr::Name(_) | Expr::Attribute(_) => {
            let Some(view) = cx.view(view.file) else {
                return Seconds::Unknown;
            };
            let found = origins(cx, view, expr).unwrap_or_default();
            all(&mut found.into_iter().map(|origin| match origin {
                Origin::Value(view, value) => seconds(cx, view, value, depth - 1),
                Origin::Changed(..) | Origin::Element(..) => Seconds::Unknown,
            }))
        }
        _ => Seconds::Unknown,
    }
}
