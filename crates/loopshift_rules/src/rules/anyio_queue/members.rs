//! The members of a queue, and the calls that make one, in the form of streams.

use loopshift_engine::change::Change;
use loopshift_python::ast::{self, AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::{Piece, pieces};
use loopshift_python::scope::BindingKind;
use loopshift_python::{Ranged, TextRange};

use super::slots::{RECEIVE, SEND};
use super::write::{Writer, Written, replace};
use crate::common::objects::{Obstacle, method, takes_comparison};
use crate::common::shared::constant_number;
use crate::context::{Context, View};

/// Whether a queue has a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// It has none.
    Unbounded,
    /// It has one.
    Bounded,
    /// It may have one.
    Unknown,
}

impl<'v> Writer<'_, 'v> {
    /// A member of a queue, at one end.
    pub(super) fn member(
        &self,
        view: &View<'v>,
        member: &loopshift_engine::objects::Member,
        receiver: &Expr,
        slot: usize,
        change: &mut Change,
    ) -> Written {
        let refuse = |reason: &str| Obstacle::new(member.place, reason);
        let name = method(member);
        let Some(Expr::Attribute(attribute)) = view.tree.expr_at(member.place.range) else {
            return Err(refuse("it is no attribute"));
        };
        let call = view.call_of(member.place.range);
        let end = match name {
            "put" | "put_nowait" => SEND,
            "get" | "get_nowait" => RECEIVE,
            "full" | "maxsize" => self.either(slot, SEND),
            _ => self.either(slot, RECEIVE),
        };
        self.rename(view, receiver, slot, end, change);
        let renamed = |change: &mut Change, to: &'static str| {
            replace(change, view, attribute.attr.range(), vec![to.into()]);
        };
        match name {
            "put" => {
                let at_once = call
                    .filter(|_| self.bound == Bound::Unbounded)
                    .and_then(|call| Some((call, view.await_of(call.range())?)))
                    .map(|(call, await_)| TextRange::new(await_.start(), call.start()))
                    .filter(|range| view.text(*range).trim() == "await");
                match at_once {
                    Some(await_) => {
                        replace(change, view, await_, Vec::new());
                        renamed(change, "send_nowait");
                    }
                    None => renamed(change, "send"),
                }
            }
            "put_nowait" => renamed(change, "send_nowait"),
            "get" => renamed(change, "receive"),
            "get_nowait" => renamed(change, "receive_nowait"),
            "maxsize" => {
                if self.bound != Bound::Bounded {
                    return Err(refuse(
                        "`maxsize` of a queue without a bound is 0, that of a stream is infinite",
                    ));
                }
                renamed(change, "statistics().max_buffer_size");
            }
            _ => {
                let call = call.ok_or_else(|| {
                    refuse("a method that a memory object stream does not have is passed on")
                })?;
                self.size(view, attribute, call, receiver, end, change)?;
            }
        }
        Ok(())
    }

    /// `qsize()`, `empty()`, `full()`.
    fn size(
        &self,
        view: &View<'v>,
        attribute: &ast::ExprAttribute,
        call: &ExprCall,
        receiver: &Expr,
        end: u8,
        change: &mut Change,
    ) -> Written {
        const USED: &str = "statistics().current_buffer_used";
        let tail = TextRange::new(attribute.attr.start(), call.end());
        if attribute.attr.as_str() == "qsize" {
            replace(change, view, tail, vec![USED.into()]);
            return Ok(());
        }
        let not = match view.tree.parent(call) {
            Some(AnyNodeRef::ExprUnaryOp(unary))
                if unary.op == ast::UnaryOp::Not
                    && view
                        .text(TextRange::new(unary.start(), call.start()))
                        .trim()
                        == "not" =>
            {
                Some(unary)
            }
            _ => None,
        };
        let whole = not.map_or(call.range(), Ranged::range);
        if let Some(unary) = not {
            let range = TextRange::new(unary.start(), call.start());
            replace(change, view, range, Vec::new());
        }
        let mut text: Vec<Piece> = vec![USED.into()];
        if attribute.attr.as_str() == "empty" {
            text.push(if not.is_some() { " != 0" } else { " == 0" }.into());
        } else {
            text.push(if not.is_some() { " < " } else { " >= " }.into());
            text.extend(self.one(view, receiver, end)?);
            text.push(".statistics().max_buffer_size".into());
        }
        if !takes_comparison(view, whole) {
            replace(
                change,
                view,
                TextRange::empty(whole.start()),
                vec!["(".into()],
            );
            text.push(")".into());
        }
        replace(change, view, tail, text);
        Ok(())
    }

    /// A call that makes a queue makes two streams.
    pub(super) fn site(
        &self,
        view: &View<'v>,
        class: TextRange,
        call: Option<&ExprCall>,
        items: Option<TextRange>,
        change: &mut Change,
    ) -> Written {
        let mut callee = Vec::new();
        if call.is_none() {
            callee.push("lambda: ".into());
        }
        callee.extend(pieces("{@anyio}.create_memory_object_stream", &[]));
        if let Some(items) = items {
            callee.extend(["[".into(), items.into(), "]".into()]);
        }
        let Some(call) = call else {
            callee.extend(pieces("({@math}.inf)", &[]));
            replace(change, view, class, callee);
            return Ok(());
        };
        replace(change, view, call.func.range(), callee);
        let inside = crate::rules::anyio_run::inside(call);
        let Some((size, keyword)) = size_argument(call) else {
            replace(change, view, inside, pieces("{@math}.inf", &[]));
            return Ok(());
        };
        let mut text = Vec::new();
        if keyword {
            text.push("max_buffer_size=".into());
        }
        match bound_of(self.cx, view, Some(size)) {
            Bound::Unbounded => text.extend(pieces("{@math}.inf", &[])),
            Bound::Bounded => text.push(size.range().into()),
            Bound::Unknown => {
                if !is_plain(size) {
                    return Err(Obstacle::new(
                        view.place(size),
                        "its size is computed, and must be tested for being positive; keep it in a variable",
                    ));
                }
                text.extend(pieces(
                    "{0} if {0} > 0 else {@math}.inf",
                    &[size.range().into()],
                ));
            }
        }
        replace(change, view, inside, text);
        Ok(())
    }
}

fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Name(_) => true,
        Expr::Attribute(attribute) => is_plain(&attribute.value),
        _ => false,
    }
}

/// The size that a queue is given, and whether by name.
pub(super) fn size_argument(call: &ExprCall) -> Option<(&Expr, bool)> {
    if let Some(first) = call.arguments.args.first() {
        return Some((first, false));
    }
    call.arguments
        .keywords
        .iter()
        .find(|keyword| keyword.arg.as_ref().is_some_and(|name| name == "maxsize"))
        .map(|keyword| (&keyword.value, true))
}

/// Whether a queue of that size has a bound.
pub(super) fn bound_of(cx: &Context<'_>, view: &View<'_>, size: Option<&Expr>) -> Bound {
    use loopshift_engine::flow::value::Value;
    let Some(size) = size else {
        return Bound::Unbounded;
    };
    if let Some(number) = constant_number(view, size) {
        return if number > 0.0 {
            Bound::Bounded
        } else {
            Bound::Unbounded
        };
    }
    let mut known = None;
    for value in cx.program.values_at(view.place(size)) {
        let bound = match value {
            Value::Int(value) if value > 0 => Bound::Bounded,
            Value::Int(_) => Bound::Unbounded,
            _ => return Bound::Unknown,
        };
        if known.is_some_and(|known| known != bound) {
            return Bound::Unknown;
        }
        known = Some(bound);
    }
    // A parameter with no caller that we see has no value here, and may get any.
    known
        .filter(|_| is_imported(view, size))
        .unwrap_or(Bound::Unknown)
}

/// Whether a name is one that the module imports, and nothing else.
fn is_imported(view: &View<'_>, expr: &Expr) -> bool {
    let Expr::Name(name) = expr else { return false };
    let scope = view.scopes.at(name.start());
    view.scopes.resolve(name.id.as_str(), scope) == Some(0)
        && (view.scopes.scopes[0].bindings.get(name.id.as_str()))
            .is_some_and(|it| matches!(&it[..], [only] if only.kind == BindingKind::Import))
}
