//! What the constructor of a dataclass or a named tuple gives a field.

use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::ClassId;
use loopshift_python::Ranged;
use loopshift_python::ast::{Expr, ExprCall, StmtClassDef};

use super::{Origin, is_unpacked};
use crate::common::code::class_definition;
use crate::context::{Context, View};

/// The arguments of all calls that make an object of the class, where it has the field and no constructor of its own; `None`
/// where not all of them are seen.
pub(super) fn given<'c>(cx: &Context<'c>, class: ClassId, name: &str) -> Option<Vec<Origin<'c>>> {
    let (_, known) = cx.program.class(class);
    let (view, def) = class_definition(cx, class)?;
    let mut fields = (known.fields.iter()).map(|(sym, _)| cx.program.flow.text(*sym));
    let Some(place) = fields.position(|field| field == name) else {
        // It may be a field of a base.
        return (known.bases.is_empty() || !is_data(view, def)).then(Vec::new);
    };
    if !is_data(view, def) {
        return Some(Vec::new());
    }
    let is_derived = !known.bases.is_empty() && !is_named_tuple(view, def);
    let mut out = Vec::new();
    for other in cx.views_naming([def.name.as_str()]) {
        for expr in other.tree.exprs() {
            let holds_class = |expr: &Expr| {
                let mut values = cx.program.values_at(other.place(expr));
                values.any(|value| value == Value::Class(class))
            };
            let Expr::Call(call) = expr else { continue };
            // Whoever is given the class may make objects of it.
            if call.arguments.args.iter().any(holds_class) && !asks_for_class(call) {
                return None;
            }
            if holds_class(&call.func) {
                if is_unpacked(call) || is_derived && !call.arguments.args.is_empty() {
                    return None;
                }
                let value = call.arguments.find_argument_value(name, place);
                out.extend(value.map(|it| Origin::Value(other, it)));
            }
        }
    }
    Some(out)
}

fn asks_for_class(call: &ExprCall) -> bool {
    call.func.as_name_expr().is_some_and(|it| {
        matches!(
            it.id.as_str(),
            "isinstance" | "issubclass" | "fields" | "print"
        )
    })
}

/// Whether the constructor of the class follows from its fields.
fn is_data(view: &View<'_>, def: &StmtClassDef) -> bool {
    let by_decorator = def.decorator_list.iter().any(|decorator| {
        view.text(decorator.expression.range())
            .contains("dataclass")
    });
    by_decorator || is_named_tuple(view, def)
}

fn is_named_tuple(view: &View<'_>, def: &StmtClassDef) -> bool {
    def.bases()
        .iter()
        .any(|base| view.text(base.range()).ends_with("NamedTuple"))
}
