//! What is called, or found, by a name in a string.

use std::collections::BTreeSet;

use crate::change::FileId;
use crate::flow::Target;
use crate::flow::value::Value;
use crate::ir::{ClassId, FuncId, FunctionKind};
use crate::program::Program;

/// The methods whose names `operator.methodcaller` and `operator.attrgetter` get.
pub(super) fn called_by_name(program: &Program<'_>) -> Vec<FuncId> {
    let flow = &program.flow;
    let reads = |target: &Target| match target {
        Target::External(sym) => {
            matches!(
                flow.text(*sym),
                "operator.methodcaller" | "operator.attrgetter"
            )
        }
        Target::Func(_) => false,
    };
    let calls = flow.linked.calls.iter();
    let names: BTreeSet<&str> = calls
        .filter(|call| program.callees(call).iter().any(reads))
        .flat_map(|call| &call.args)
        .flat_map(|arg| flow.values_of(arg.node))
        .filter_map(|value| match value {
            Value::Str(sym) => Some(flow.text(sym)),
            _ => None,
        })
        .collect();
    if names.is_empty() {
        return Vec::new();
    }
    let is_named = |func: &FuncId| {
        let function = program.function(*func);
        function.class.is_some() && names.contains(function.name())
    };
    program.functions().filter(is_named).collect()
}

/// What the program may find by names that are not known: `importlib.import_module(name)`.
#[derive(Debug, Default)]
pub struct ByName {
    /// The files that import modules so.
    pub importing: BTreeSet<FileId>,
    /// The functions whose full names stand in strings: `package.module.function`, `package.module:function`.
    pub functions: Vec<FuncId>,
    /// The same of classes.
    pub classes: Vec<ClassId>,
}

impl ByName {
    /// Finds them.
    pub fn new(program: &Program<'_>) -> Self {
        let importing = importing(program);
        if importing.is_empty() {
            return ByName::default();
        }
        let linked = &program.flow.linked;
        let is_named = |file: FileId, name: &str| {
            let module = &linked.modules[file.0 as usize].name;
            let stands = |full: String| linked.symbols.find(&full).is_some();
            stands(format!("{module}.{name}")) || stands(format!("{module}:{name}"))
        };
        let functions = program.functions().filter(|func| {
            let function = program.function(*func);
            function.kind == FunctionKind::Def
                && is_named(program.function_file(*func), &function.qualname)
        });
        let classes = linked.class_files.iter().enumerate();
        let classes =
            classes.filter(|(index, file)| is_named(**file, &linked.classes[*index].qualname));
        ByName {
            importing,
            functions: functions.collect(),
            classes: classes
                .map(|(index, _)| ClassId(u32::try_from(index).unwrap_or(u32::MAX)))
                .collect(),
        }
    }
}

/// The files that import modules by names that are not known.
fn importing(program: &Program<'_>) -> BTreeSet<FileId> {
    let flow = &program.flow;
    let imports = |target: &Target| match target {
        Target::External(sym) => matches!(
            flow.text(*sym),
            "importlib.import_module"
                | "<builtin>.__import__"
                | "pkgutil.resolve_name"
                | "pydoc.locate"
        ),
        Target::Func(_) => false,
    };
    let calls = program.calls().filter(|(_, call)| {
        program.callees(call).iter().any(imports)
            && call.args.first().is_none_or(|name| {
                let mut names = flow.values_of(name.node).peekable();
                names.peek().is_none() || !names.all(|it| matches!(it, Value::Str(_)))
            })
    });
    calls.map(|(file, _)| file).collect()
}
