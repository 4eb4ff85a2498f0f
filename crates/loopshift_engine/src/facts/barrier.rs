//! Why a function can't become async.

use crate::flow::MroEntry;
use crate::flow::value::Value;
use crate::ir::FuncId;
use crate::ir::{Function, FunctionKind};
use crate::program::{Callers, Program};

/// Why a function can't become `async def`; `None` where it can.
pub fn barrier(program: &Program<'_>, callers: &Callers, func: FuncId) -> Option<String> {
    let function = program.function(func);
    match function.kind {
        FunctionKind::Module => return Some("it is the body of a module".to_owned()),
        FunctionKind::Lambda => return Some("it is a lambda".to_owned()),
        FunctionKind::Def => {}
    }
    let name = last_name(function);
    if function.class.is_some()
        && name.starts_with("__")
        && name.ends_with("__")
        && name != "__call__"
    {
        return Some(format!(
            "the language calls `{name}`, and does not await it"
        ));
    }
    if function.is_generator {
        return Some("it is a generator".to_owned());
    }
    if function.decorated && is_property(program, function) {
        return Some("it is a property".to_owned());
    }
    if let Some(base) = foreign_base(program, function) {
        return Some(format!(
            "`{base}`, from which its class derives, may call it"
        ));
    }
    if callers.is_handed_over(func) {
        return Some("code that can't be seen calls it".to_owned());
    }
    None
}

/// Whether the name of a method is that of a property in its class.
fn is_property(program: &Program<'_>, function: &Function) -> bool {
    let Some(class) = function.class else {
        return false;
    };
    let (_, class) = program.class(class);
    let name = last_name(function);
    class.attrs.iter().any(|(attr, node)| {
        program.flow.text(*attr) == name
            && program
                .flow
                .values_of(*node)
                .any(|value| matches!(value, Value::Property(..)))
    })
}

pub(super) fn last_name(function: &Function) -> &str {
    function.qualname.rsplit('.').next().unwrap_or_default()
}

/// A class outside of the program from which the class of a method derives, and which may call it.
fn foreign_base<'p>(program: &'p Program<'_>, function: &Function) -> Option<&'p str> {
    let bases = program.flow.mro.get(function.class?.0 as usize)?;
    bases.iter().find_map(|entry| match entry {
        MroEntry::Class(_) => None,
        MroEntry::External(sym) => {
            let name = program.flow.text(*sym);
            // These call nothing of their own accord.
            let last = name.rsplit('.').next().unwrap_or(name);
            let plain = matches!(
                last,
                "object" | "ABC" | "Generic" | "Protocol" | "NamedTuple"
            );
            (!plain && !leaves(program, name, last_name(function))).then_some(name)
        }
    })
}

/// Whether it is known of an external base that it does not call this method of a derived class, or calls it as a task.
fn leaves(program: &Program<'_>, base: &str, method: &str) -> bool {
    let api = |name: &str| program.flow.externals.api(name);
    let hooks = api(base).map_or(&[][..], |api| &api.hooks);
    let is_hook = hooks.iter().any(|hook| hook.method == method);
    let is_own = api(&format!("{base}.{method}")).is_some();
    is_hook || (!hooks.is_empty() && !is_own)
}
