//! What callers give a parameter.

use loopshift_engine::flow::value::Value;
use loopshift_python::ast::{Expr, Identifier, StmtFunctionDef};
use loopshift_python::{Ranged, TextRange};

use super::Origin;
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
        let unpacked = call.arguments.args.iter().any(Expr::is_starred_expr)
            || call.arguments.keywords.iter().any(|it| it.arg.is_none());
        if !direct || unpacked {
            return None;
        }
        let name = parameter.parameter.name.as_str();
        let mut keywords = call.arguments.keywords.iter();
        let by_name = keywords.find(|it| it.arg.as_ref().map(Identifier::as_str) == Some(name));
        let by_place = || {
            let place = position?.checked_sub(usize::from(method))?;
            call.arguments.args.get(place)
        };
        out.push(match by_name.map(|it| &it.value).or_else(by_place) {
            Some(value) => Origin::Value(other, value),
            None => Origin::Value(view, parameter.default()?),
        });
    }
    Some(out)
}
