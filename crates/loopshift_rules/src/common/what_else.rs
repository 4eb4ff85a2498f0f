//! What an expression may be beside the objects that a rule moves: the reason why they stay names it.

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::Reason;
use loopshift_python::Ranged;
use loopshift_python::ast::Expr;

use crate::context::Context;

/// The reason, with what the expression at the place may be beside objects of the external classes that are `known`, as far as
/// that can be told. A member is what it is for its object: the one before the dot.
pub(crate) fn with_other(
    cx: &Context<'_>,
    place: Place,
    known: impl Fn(&str) -> bool,
    reason: &str,
) -> String {
    let view = cx.view(place.file);
    let expr = view.and_then(|view| view.tree.expr_at(place.range));
    let mut values = cx.program.values_at(place);
    let range = match expr {
        Some(Expr::Attribute(member))
            if values.any(|it| matches!(it, Value::ExternalBound(..))) =>
        {
            member.value.range()
        }
        _ => place.range,
    };
    let mut values = cx.program.values_at(Place { range, ..place });
    let other = values.find_map(|it| described(cx, it, &known));
    other.map_or_else(|| reason.to_owned(), |other| format!("{reason}: {other}"))
}

/// In words what a value is, unless it is of a known class.
fn described(cx: &Context<'_>, value: Value, known: impl Fn(&str) -> bool) -> Option<String> {
    let text = match value {
        Value::Object(class, _) => {
            let class = cx.program.flow.text(class);
            if known(class) {
                return None;
            }
            format!("an object of `{}`", class.trim_start_matches("<builtin>."))
        }
        Value::Instance(class) => {
            let (file, class) = cx.program.class(class);
            let module = &cx.program.file(file).module;
            format!("an object of `{module}.{}`", class.qualname)
        }
        Value::Str(_) | Value::Start(_) => "a string".to_owned(),
        Value::Int(_) => "a number".to_owned(),
        Value::Container(_) => "a container".to_owned(),
        Value::Unknown(Reason::Parameter) => "what a caller that is not seen passes".to_owned(),
        Value::Unknown(Reason::Opaque) => "what code that is not known gives".to_owned(),
        Value::Unknown(Reason::Attribute) => "an attribute that nothing in sight sets".to_owned(),
        _ => return None,
    };
    Some(text)
}
