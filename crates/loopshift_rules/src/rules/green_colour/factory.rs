//! Objects whose making waits: they are made by a class method.

use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ClassId, FuncId};
use loopshift_python::Ranged;
use loopshift_python::ast::{ExprCall, StmtFunctionDef};
use loopshift_python::edit::Edit;

use super::methods::{last_name, method};
use crate::common::green::{is_behind, is_coloured};
use crate::context::{Context, View};

/// The name that `__init__` gets.
pub(super) fn initializer(cx: &Context<'_>) -> &'static str {
    first_free(cx, &["_init", "_async_init", "_init_by_waiting"])
}

/// The name of the class method.
fn maker(cx: &Context<'_>) -> &'static str {
    first_free(cx, &["create", "create_async", "make_by_waiting"])
}

fn first_free(cx: &Context<'_>, names: &[&'static str]) -> &'static str {
    let mut free = names.iter().copied();
    let found = free.find(|name| !cx.mentions(name));
    found.unwrap_or(names[names.len() - 1])
}

/// Whether making an object of the class waits.
fn waits(cx: &Context<'_>, class: ClassId) -> bool {
    method(cx, class, "__init__").is_some_and(|init| is_coloured(cx, init) && !is_behind(cx, init))
}

/// The class method that makes objects, before the `__init__` of the class that is a base of all the others.
pub(super) fn definition(cx: &Context<'_>, init: FuncId, def: &StmtFunctionDef) -> Option<Edit> {
    let class = cx.program.function(init).class?;
    let bases = cx.program.flow.mro.get(class.0 as usize)?;
    let inherits = bases.iter().any(|entry| match entry {
        MroEntry::Class(base) => *base != class && waits(cx, *base),
        MroEntry::External(_) => false,
    });
    let (maker, initializer) = (maker(cx), initializer(cx));
    let text = format!(
        "@classmethod\nasync def {maker}(cls, *args, **kwargs):\n    self = cls.__new__(cls)\n    \
         await self.{initializer}(*args, **kwargs)\n    return self\n\n"
    );
    (!inherits).then(|| Edit::insert(def.start(), "{0}", &[text.into()]))
}

/// The edit of a call that makes such an object; none where it makes none.
///
/// # Errors
/// Where it may be something else that is called.
pub(super) fn made(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    functions: impl Iterator<Item = FuncId>,
) -> Result<Option<Edit>, &'static str> {
    let values: Vec<Value> = cx.program.values_at(view.place(&*call.func)).collect();
    let makes = |value: &Value| matches!(value, Value::Class(class) if waits(cx, *class));
    if values.iter().all(makes) && !values.is_empty() {
        let text = format!(".{}", maker(cx));
        let edit = Edit::insert(call.func.end(), "{0}", &[text.into()]);
        return Ok(Some(edit));
    }
    let by_name = |value: &Value| matches!(value, Value::Func(_) | Value::Bound(..));
    let inits = functions
        .filter(|func| last_name(cx, *func) == "__init__")
        .count();
    if values.iter().any(makes) || (inits > 0 && !values.iter().all(by_name)) {
        return Err("what is made there waits, or it is something else that is called");
    }
    Ok(None)
}
