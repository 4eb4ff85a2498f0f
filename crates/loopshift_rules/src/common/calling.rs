//! Where what a function does comes out: its errors, and the cancellation that reaches it. That is where it is called; where the
//! language calls it, as `async with` calls `__aenter__`; and where a coroutine, a generator or a context manager that was made
//! before is awaited, gone through or entered.

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{FuncId, Node};
use loopshift_python::ast::{AnyNodeRef, Expr};
use rustc_hash::FxHashMap;

use crate::common::code::{definition, own};
use crate::context::{Context, View};

/// All places where what a function does comes out.
pub(crate) fn called_at(cx: &Context<'_>, func: FuncId) -> Vec<Place> {
    let sites = cx.callers.of(func).iter().map(|site| site.place);
    sites.chain(taken_at(cx, func)).collect()
}

/// Those of them that are no calls of it.
pub(crate) fn taken_at(cx: &Context<'_>, func: FuncId) -> Vec<Place> {
    let mut found = by_language(cx, func);
    let taken = cx.once(Taken::new);
    found.extend(taken.0.get(&func).into_iter().flatten());
    found
}

/// Whether `gather` gives the error of what is called at a place among its results, or `as_completed` hands it on.
pub(crate) fn is_result(cx: &Context<'_>, view: &View<'_>, place: Place) -> bool {
    (view.tree.around(place.range)).any(|node| match node {
        AnyNodeRef::ExprCall(call) => match cx.api_of(view, &call.func) {
            Some("asyncio.gather") => call.arguments.find_keyword("return_exceptions").is_some(),
            Some("asyncio.as_completed") => true,
            _ => false,
        },
        _ => false,
    })
}

/// What blocks, loops and `await` are given in the functions where they call this one, and where a property is read.
fn by_language(cx: &Context<'_>, func: FuncId) -> Vec<Place> {
    let mut found = Vec::new();
    let name = cx.program.function(func).name();
    for owner in cx.callers.by_language(func) {
        let Some((view, def)) = definition(cx, *owner) else {
            continue;
        };
        let enters = matches!(name, "__enter__" | "__exit__" | "__aenter__" | "__aexit__");
        let iterates = matches!(name, "__iter__" | "__next__" | "__aiter__" | "__anext__");
        for node in own(&def.body) {
            match node {
                AnyNodeRef::StmtWith(it) if enters => {
                    let items = it.items.iter();
                    found.extend(items.map(|item| view.place(&item.context_expr)));
                }
                AnyNodeRef::StmtFor(it) if iterates => found.push(view.place(&*it.iter)),
                AnyNodeRef::Comprehension(it) if iterates => found.push(view.place(&it.iter)),
                AnyNodeRef::ExprAwait(it) if name == "__await__" => {
                    found.push(view.place(&*it.value));
                }
                AnyNodeRef::ExprAttribute(it) if it.attr.as_str() == name => {
                    found.push(view.place(it));
                }
                _ => {}
            }
        }
    }
    found
}

/// Where coroutines, generators and context managers are used elsewhere than in the call that makes them, by their function.
struct Taken(FxHashMap<FuncId, Vec<Place>>);

impl Taken {
    fn new(cx: &Context<'_>) -> Self {
        let yields = cx.once(generators);
        let made_by = |value: Value| match value {
            Value::Coroutine(func) | Value::Generator(func) => Some(func),
            Value::Manager(node) => yields.get(&node).copied(),
            _ => None,
        };
        let mut found: FxHashMap<FuncId, Vec<Place>> = FxHashMap::default();
        let is_made = |value| {
            let made = matches!(value, Value::Generator(_) | Value::Manager(_));
            made || matches!(value, Value::Coroutine(_))
        };
        for view in cx.views_where(is_made) {
            for expr in view.tree.nodes().flat_map(|node| taking(cx, view, node)) {
                let place = view.place(expr);
                for func in cx.program.values_at(place).filter_map(made_by) {
                    found.entry(func).or_default().push(place);
                }
            }
        }
        Taken(found)
    }
}

/// The generators of the program, by what they yield: a context manager that one makes is known by that.
pub(crate) fn generators(cx: &Context<'_>) -> FxHashMap<Node, FuncId> {
    let generators = (cx.program.functions()).filter(|it| cx.program.function(*it).is_generator);
    generators
        .map(|func| (cx.program.function(func).yields, func))
        .collect()
}

/// What a node awaits, goes through, enters, or hands to a library that does, but for calls.
pub(crate) fn taking<'v>(cx: &Context<'_>, view: &View<'_>, node: AnyNodeRef<'v>) -> Vec<&'v Expr> {
    let mut taken: Vec<&Expr> = match node {
        AnyNodeRef::ExprAwait(it) => vec![&it.value],
        AnyNodeRef::StmtFor(it) => vec![&it.iter],
        AnyNodeRef::Comprehension(it) => vec![&it.iter],
        AnyNodeRef::StmtWith(it) => it.items.iter().map(|item| &item.context_expr).collect(),
        AnyNodeRef::ExprCall(it) => {
            let api = cx.api_of(view, &it.func).unwrap_or_default();
            let waits = api.starts_with("asyncio.") || api.starts_with("anyio.");
            it.arguments.args.iter().filter(|_| waits).collect()
        }
        _ => Vec::new(),
    };
    taken.retain(|expr| !expr.is_call_expr());
    taken
}
