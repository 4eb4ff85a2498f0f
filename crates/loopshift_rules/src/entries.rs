//! Functions with which code outside of the program starts it, while no event loop runs: console scripts, commands of
//! frameworks for the command line, what runs at exit.

use std::collections::BTreeSet;

use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ArgKind, CallForm, FuncId};
use loopshift_engine::program::Program;

/// Decorators that make a command of a function, by the packages they are of. Each runs one command, and ends.
const FRAMEWORKS: &[&str] = &["click", "typer", "invoke", "cyclopts", "rich_click"];

/// Functions that call what they are given as the whole program, or after it.
const RUNNERS: &[&str] = &[
    "atexit.register",
    "absl.app.run",
    "fire.Fire",
    "plac.call",
    "typer.run",
];

/// The functions with which the program is started.
pub(crate) fn entries(program: &Program<'_>) -> BTreeSet<FuncId> {
    let mut out = scripts(program);
    let flow = &program.flow;
    for (_, call) in program.calls() {
        let starts = flow.values_of(call.callee).any(|value| match value {
            Value::External(sym) | Value::ExternalBound(sym, _) => {
                let name = flow.text(sym);
                let root = name.split(['.', '(']).next().unwrap_or_default();
                RUNNERS.contains(&name)
                    || (call.form == CallForm::Decorator && FRAMEWORKS.contains(&root))
            }
            _ => false,
        });
        let first = call.args.iter().find(|arg| arg.kind == ArgKind::Positional);
        if let (true, Some(first)) = (starts, first) {
            out.extend(flow.values_of(first.node).filter_map(|value| match value {
                Value::Func(func) => Some(func),
                _ => None,
            }));
        }
    }
    out
}

/// The functions that the project's files name as console scripts: `app.cli:main`.
fn scripts(program: &Program<'_>) -> BTreeSet<FuncId> {
    let mut out = BTreeSet::new();
    for file in program.files {
        let name = file.path.rsplit(['/', '\\']).next().unwrap_or_default();
        if !matches!(name, "pyproject.toml" | "setup.cfg" | "setup.py") {
            continue;
        }
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':');
        for word in file.text.split(|c| !is_part(c)) {
            if let Some((module, function)) = word.split_once(':') {
                out.extend(global(program, module, function));
            }
        }
    }
    out
}

/// The functions that a global of a module is.
fn global(program: &Program<'_>, module: &str, name: &str) -> Vec<FuncId> {
    let linked = &program.flow.linked;
    let found = linked.modules.iter().position(|known| known.name == module);
    let node = found.and_then(|index| {
        let name = linked.symbols.find(name)?;
        linked.modules[index].globals.get(&name).copied()
    });
    let values = node
        .into_iter()
        .flat_map(|node| program.flow.values_of(node));
    values
        .filter_map(|value| match value {
            Value::Func(func) => Some(func),
            _ => None,
        })
        .collect()
}

/// The functions that are started by what runs at exit.
pub(crate) fn at_exit(program: &Program<'_>) -> BTreeSet<FuncId> {
    let flow = &program.flow;
    let mut out = BTreeSet::new();
    for (_, call) in program.calls() {
        let registers = flow.values_of(call.callee).any(
            |value| matches!(value, Value::External(sym) if flow.text(sym) == "atexit.register"),
        );
        if !registers {
            continue;
        }
        let given = call.args.iter().flat_map(|arg| flow.values_of(arg.node));
        out.extend(given.filter_map(|value| match value {
            Value::Func(func) => Some(func),
            _ => None,
        }));
    }
    out
}
