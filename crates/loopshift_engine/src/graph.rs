//! The call graph, by qualified names.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;

use crate::flow::value::Value;
use crate::flow::{Flow, Target};
use crate::ir::{CallForm, FuncId, Node, Sym};

/// From each caller to its callees. Everything that is called is a caller, too, if only of nothing.
pub type CallGraph = BTreeMap<String, BTreeSet<String>>;

/// Builds the call graph of an analysed program.
pub fn call_graph(flow: &Flow<'_>) -> CallGraph {
    let mut graph = CallGraph::new();
    for index in 0..flow.linked.functions.len() {
        let id = FuncId(u32::try_from(index).unwrap_or(u32::MAX));
        graph.insert(qualified_name(flow, id), BTreeSet::new());
    }
    let abstracts = abstract_methods(flow);
    for call in &flow.linked.calls {
        if call.owner == FuncId::NONE {
            continue;
        }
        for value in flow.values_of(call.callee) {
            for callee in callees(flow, value) {
                for callee in implementations(flow, &abstracts, value, callee) {
                    add(flow, &mut graph, call.owner, callee);
                }
            }
        }
    }
    for (owner, target) in &flow.hidden {
        if *owner != FuncId::NONE {
            add(flow, &mut graph, *owner, *target);
        }
    }
    graph
}

fn add(flow: &Flow<'_>, graph: &mut CallGraph, owner: FuncId, target: Target) {
    let Some(callee) = target_name(flow, target) else {
        return;
    };
    graph.entry(callee.clone()).or_default();
    graph
        .entry(qualified_name(flow, owner))
        .or_default()
        .insert(callee);
}

/// The methods that are decorated as abstract.
fn abstract_methods(flow: &Flow<'_>) -> FxHashSet<FuncId> {
    let is_abstract = |value| match value {
        Value::External(sym) => flow.text(sym) == "abc.abstractmethod",
        _ => false,
    };
    let decorators = flow.linked.calls.iter();
    decorators
        .filter(|call| call.form == CallForm::Decorator)
        .filter(|call| flow.values_of(call.callee).any(is_abstract))
        .filter_map(|call| call.args.first())
        .flat_map(|given| flow.values_of(given.node))
        .filter_map(Value::function)
        .collect()
}

/// What really runs where an abstract method is called of an object of which no more is known than its abstract class: what
/// implements the method in the classes derived from that, since nothing is an object of the abstract class alone.
fn implementations(
    flow: &Flow<'_>,
    abstracts: &FxHashSet<FuncId>,
    value: Value,
    callee: Target,
) -> Vec<Target> {
    let (Value::Bound(func, receiver), Target::Func(called)) = (value, callee) else {
        return vec![callee];
    };
    let Value::Instance(class) = flow.values.get(receiver) else {
        return vec![callee];
    };
    let name = flow.linked.functions[func.0 as usize].name();
    let found = flow.linked.symbols.find(name).and_then(|name| {
        let (_, node) = flow.class_attr(class, name).ok()?;
        let is_own = methods_at(flow, node).contains(&called);
        (is_own && abstracts.contains(&called)).then_some(name)
    });
    let Some(name) = found else {
        return vec![callee];
    };
    let mut seen = FxHashSet::from_iter([class]);
    let mut classes = vec![class];
    let mut targets = Vec::new();
    while let Some(class) = classes.pop() {
        if let Ok((_, node)) = flow.class_attr(class, name) {
            let functions = methods_at(flow, node);
            targets.extend(
                functions
                    .into_iter()
                    .filter(|it| !abstracts.contains(it))
                    .map(Target::Func),
            );
        }
        let derived = flow.subclasses(class).iter().copied();
        classes.extend(derived.filter(|class| seen.insert(*class)));
    }
    if targets.is_empty() {
        targets.push(callee);
    }
    targets
}

/// The functions that what a class binds to the node runs: methods, and what properties read.
fn methods_at(flow: &Flow<'_>, node: Node) -> Vec<FuncId> {
    let read = |value| match value {
        Value::Property(getter, _) => flow.values_of(getter).filter_map(Value::function).collect(),
        _ => Vec::from_iter(value.function()),
    };
    flow.values_of(node).flat_map(read).collect()
}

/// What a call of the value calls.
pub fn callees(flow: &Flow<'_>, value: Value) -> Vec<Target> {
    match value {
        Value::Func(func)
        | Value::Bound(func, _)
        | Value::Static(func)
        | Value::ManagerFactory(func)
        | Value::BoundManager(func, _) => vec![Target::Func(func)],
        Value::Class(class) => flow
            .constructors(class)
            .into_iter()
            .map(Target::Func)
            .collect(),
        Value::External(sym) | Value::ExternalBound(sym, _) => vec![Target::External(sym)],
        _ => Vec::new(),
    }
}

/// The values, with what `functools.partial` calls in the place of what it makes.
pub fn unwrapped(flow: &Flow<'_>, values: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut work: Vec<Value> = values.collect();
    let mut seen = BTreeSet::new();
    let mut out = Vec::new();
    while let Some(value) = work.pop() {
        let Value::Partial(call) = value else {
            out.push(value);
            continue;
        };
        match flow.linked.calls[call.0 as usize].args.first() {
            Some(first) if seen.insert(call) => work.extend(flow.values_of(first.node)),
            Some(_) => {}
            None => out.push(value),
        }
    }
    out
}

/// The functions of the program that calls of the values run.
pub fn functions(
    flow: &Flow<'_>,
    values: impl Iterator<Item = Value>,
) -> impl Iterator<Item = FuncId> {
    unwrapped(flow, values)
        .into_iter()
        .flat_map(|value| callees(flow, value))
        .filter_map(|target| match target {
            Target::Func(func) => Some(func),
            Target::External(_) => None,
        })
}

/// The name of a function: `pkg.mod.Class.method`; the module's own for its body.
pub fn qualified_name(flow: &Flow<'_>, func: FuncId) -> String {
    let file = flow.linked.func_files[func.0 as usize];
    let module = &flow.linked.modules[file.0 as usize].name;
    let qualname = &flow.linked.functions[func.0 as usize].qualname;
    if qualname.is_empty() {
        module.clone()
    } else {
        format!("{module}.{qualname}")
    }
}

fn target_name(flow: &Flow<'_>, target: Target) -> Option<String> {
    match target {
        Target::Func(func) => Some(qualified_name(flow, func)),
        Target::External(sym) => external_name(flow, sym).map(str::to_owned),
    }
}

/// The name of an external callee, where it has one that a reader could look up.
fn external_name<'a>(flow: &'a Flow<'_>, sym: Sym) -> Option<&'a str> {
    let name = flow.text(sym);
    let descriptor = matches!(
        name,
        "<builtin>.property"
            | "<builtin>.staticmethod"
            | "<builtin>.classmethod"
            | "<builtin>.type.__call__"
    );
    (!descriptor && !name.contains("()")).then_some(name)
}
