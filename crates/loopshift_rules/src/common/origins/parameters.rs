//! What callers give a parameter.

use loopshift_engine::flow::value::Value;
use loopshift_python::ast::{Expr, StmtFunctionDef};
use loopshift_python::{Ranged, TextRange};

use super::{Origin, is_unpacked};
use crate::context::{Context, View};

/// The arguments of all calls of the function, and its default where one gives none; `None` where not all calls are seen.
pub(super) fn given<'c>(
    cx: &Context<'c>,
    view: &'c View<'c>,
    def: &'c StmtFunctionDef,
    binding: TextRange,
) -> Option<Vec<Origin<'c>>> {
    let parameters = &def.parameters;
    let position = parameters
        .posonlyargs
        .iter()
        .chain(&parameters.args)
        .position(|it| it.parameter.name.range() == binding);
    let parameter = parameters
        .iter_non_variadic_params()
        .find(|it| it.parameter.name.range() == binding)?;
    let func = cx.program.function_at(view.place(def.name.range()));
    let function = cx.program.function(func);
    if function.range != def.range() || function.decorated || cx.callers.is_handed_over(func) {
        return None;
    }
    // The call of a method brings its object along.
    let method = function.class.is_some();
    let mut out = Vec::new();
    for site in cx.callers.of(func) {
        let other = cx.view(site.place.file)?;
        let Expr::Call(call) = other.tree.expr_at(site.place.range)? else {
            return None;
        };
        // A call that hands the function over says nothing of its arguments.
        let mut callees = cx.program.values_at(other.place(&*call.func));
        let direct = callees.all(|value| match value {
            Value::Func(it) => it == func && !method,
            Value::Bound(..) | Value::Class(_) => method,
            _ => false,
        });
        if !direct || is_unpacked(call) {
            return None;
        }
        let place = position.and_then(|it| it.checked_sub(usize::from(method)));
        let name = parameter.parameter.name.as_str();
        let value = match place {
            Some(place) => call.arguments.find_argument_value(name, place),
            None => call.arguments.find_keyword(name).map(|it| &it.value),
        };
        out.push(match value {
            Some(value) => Origin::Value(other, value),
            None => Origin::Value(view, parameter.default()?),
        });
    }
    Some(out)
}
