//! What is called, or found, by a name in a string.

use std::collections::BTreeSet;

use crate::change::FileId;
use crate::flow::Target;
use crate::flow::value::Value;
use crate::ir::{Call, ClassId, FuncId, FunctionKind};
use crate::program::{Input, Program};

/// The methods whose names `operator.methodcaller` and `operator.attrgetter` get.
pub(super) fn called_by_name(program: &Program<'_>) -> Vec<FuncId> {
    let names = strings_given(program, &["operator.methodcaller", "operator.attrgetter"]);
    if names.is_empty() {
        return Vec::new();
    }
    let is_named = |func: &FuncId| {
        let function = program.function(*func);
        function.class.is_some() && names.contains(function.name())
    };
    program.functions().filter(is_named).collect()
}

/// The strings that calls of these APIs are given.
pub fn strings_given<'p>(program: &'p Program<'_>, apis: &[&str]) -> BTreeSet<&'p str> {
    let flow = &program.flow;
    let is_one = |target: &Target| match target {
        Target::External(sym) => apis.contains(&flow.text(*sym)),
        Target::Func(_) => false,
    };
    let calls = flow.linked.calls.iter();
    calls
        .filter(|call| program.callees(call).iter().any(is_one))
        .flat_map(|call| &call.args)
        .flat_map(|arg| flow.values_of(arg.node))
        .filter_map(|value| match value {
            Value::Str(sym) => Some(flow.text(sym)),
            _ => None,
        })
        .collect()
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
    /// The files that no statement imports, and that may be what is imported so: plugins.
    pub files: BTreeSet<FileId>,
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
            files: unnamed(program, &importing),
            importing,
            functions: functions.collect(),
            classes: classes
                .map(|(index, _)| ClassId(u32::try_from(index).unwrap_or(u32::MAX)))
                .collect(),
        }
    }
}

/// The files that no statement imports: neither scripts nor tests, and not what imports modules itself.
fn unnamed(program: &Program<'_>, importing: &BTreeSet<FileId>) -> BTreeSet<FileId> {
    let linked = &program.flow.linked;
    let mut named: BTreeSet<FileId> = importing.clone();
    for (_, import) in &linked.imports {
        let module = linked.symbols.text(import.module);
        named.extend(linked.module(import.module));
        let member = import.name.and_then(|name| {
            let full = format!("{module}.{}", linked.symbols.text(name));
            linked.module(linked.symbols.find(&full)?)
        });
        named.extend(member);
    }
    for module in &linked.modules {
        named.extend(module.stars.iter().filter_map(|star| linked.module(*star)));
    }
    let files = program.files.iter().enumerate();
    let is_plugin = |input: &Input| {
        let name = input.module.rsplit('.').next().unwrap_or_default();
        let is_test = name.starts_with("test") || name.ends_with("_test") || name == "conftest";
        input.is_python() && !is_test && !input.text.contains("__main__")
    };
    files
        .filter(|(_, input)| is_plugin(input))
        .map(|(index, _)| FileId(u32::try_from(index).unwrap_or(u32::MAX)))
        .filter(|file| !named.contains(file))
        .collect()
}

/// The calls that import a module, or find something in one, by a name that they are given, each with its file.
pub fn imports_by_name<'p>(program: &'p Program<'_>) -> impl Iterator<Item = (FileId, &'p Call)> {
    let imports = |target: &Target| match target {
        Target::External(sym) => matches!(
            program.flow.text(*sym),
            "importlib.import_module"
                | "<builtin>.__import__"
                | "pkgutil.resolve_name"
                | "pydoc.locate"
        ),
        Target::Func(_) => false,
    };
    (program.calls()).filter(move |(_, call)| program.callees(call).iter().any(imports))
}

/// The files that import modules by names that are not known.
fn importing(program: &Program<'_>) -> BTreeSet<FileId> {
    let flow = &program.flow;
    let calls = imports_by_name(program).filter(|(_, call)| {
        call.args.first().is_none_or(|name| {
            let mut names = flow.values_of(name.node).peekable();
            names.peek().is_none() || !names.all(|it| matches!(it, Value::Str(_)))
        })
    });
    calls.map(|(file, _)| file).collect()
}
