//! Task groups that are handed down: a task that outlives the function that makes it gets the group of the coroutine that
//! `asyncio.run` runs, through a parameter of every function on the way.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::{Change, Place};
use loopshift_engine::externals::Collected;
use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ClassId, FuncId};
use loopshift_engine::program::CallSite;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Decorator, Expr, ExprCall, StmtReturn};

use super::family::Family;
use super::region::is_context_manager;
use super::{callable, host, served};
use crate::common::arguments::{add_argument, add_parameter, by_name, is_open};
use crate::common::code::{definition, own};
use crate::common::raising::ends_case;
use crate::context::{Context, View};

/// The way of a group from the functions that own it to those that make tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Thread {
    /// The functions that get a parameter.
    pub(super) functions: BTreeSet<FuncId>,
    /// The calls in them that hand it on.
    pub(super) inner_calls: BTreeSet<Place>,
    /// The functions that own a group, with the calls that are given it.
    pub(super) roots: BTreeMap<FuncId, BTreeSet<Place>>,
}

/// The way to the functions that make the tasks of a family. `called_later` are the calls that make the event loop call a
/// function, which are given its arguments too, with the functions that hold them.
///
/// # Errors
/// Why there is none.
pub(super) fn thread(
    cx: &Context<'_>,
    family: &Family<'_>,
    called_later: &BTreeMap<Place, FuncId>,
) -> Result<Thread, String> {
    let mut out = Thread::default();
    let mut todo: Vec<FuncId> = family.spawns.iter().map(|spawn| spawn.function).collect();
    while let Some(function) = todo.pop() {
        if out.functions.contains(&function) || out.roots.contains_key(&function) {
            continue;
        }
        if owns(cx, function)? {
            out.roots.entry(function).or_default();
            continue;
        }
        check(cx, function)?;
        let calls_back = family.callbacks.are_called() || family.callbacks.tells();
        if calls_back && cx.program.function(function).name() == "__init__" {
            return Err(
                "a callback would come before who stops what an object starts where it is made goes on"
                    .to_owned(),
            );
        }
        out.functions.insert(function);
        for site in calls_of(cx, function) {
            let name = cx.program.qualified_name(function);
            let Some(view) = cx.view(site.place.file) else {
                return Err(format!(
                    "`{name}` is called from a file that is not looked at"
                ));
            };
            let call = match view.tree.expr_at(site.place.range) {
                Some(Expr::Call(call)) if can_take(call) => call,
                _ => return Err(cannot_hand_on(&name)),
            };
            if !site.only {
                // Methods that take each other's place in a call get the group together.
                let together = reached(cx, view, call).ok_or_else(|| cannot_hand_on(&name))?;
                todo.extend(together);
            }
            let later = called_later.get(&site.place).copied();
            let caller = match later {
                Some(function) if site.owner == FuncId::NONE => function,
                _ => site.owner,
            };
            if caller == FuncId::NONE {
                return Err(format!(
                    "`{name}` is handed to code that calls it without a task group"
                ));
            }
            let in_order = later.is_some() && served::handler(cx, view, call).is_none();
            if in_order && definition(cx, function).is_some_and(|(_, def)| by_name(def)) {
                return Err(format!(
                    "`{name}` has parameters with defaults, and the loop calls it with arguments in order"
                ));
            }
            let in_body = definition(cx, caller).is_some_and(|(other, def)| {
                other.file == view.file
                    && view
                        .tree
                        .enclosing_function(call.range())
                        .is_some_and(|it| it.range() == def.range())
            });
            if !in_body {
                return Err(format!(
                    "`{name}` is called outside of a function, where there is no task group"
                ));
            }
            if owns(cx, caller)? {
                out.roots.entry(caller).or_default().insert(site.place);
            } else {
                out.inner_calls.insert(site.place);
                todo.push(caller);
            }
        }
    }
    let overridden: Vec<FuncId> = out
        .functions
        .iter()
        .flat_map(|it| overridden(cx, *it))
        .collect();
    out.functions.extend(overridden);
    // A root that makes tasks itself does so in its own block.
    if out.roots.is_empty() {
        return Err("no call of it comes from the coroutine that `asyncio.run` runs".to_owned());
    }
    Ok(out)
}

/// The calls of a function. One that makes an object, or calls one, is known twice: as itself, and as the call of `__init__` or
/// `__call__` behind it.
fn calls_of<'x>(cx: &'x Context<'_>, function: FuncId) -> impl Iterator<Item = &'x CallSite> {
    let sites = cx.callers.of(function);
    let is_behind = ["__init__", "__call__"].contains(&cx.program.function(function).name());
    sites.iter().filter(move |site| {
        let mut others = sites.iter();
        let written = |it: &CallSite| it.place == site.place && it.owner != FuncId::NONE;
        !(is_behind && site.owner == FuncId::NONE && others.any(written))
    })
}

/// The methods of bases in whose place the method stands and that nobody calls: their parameters are the same.
fn overridden(cx: &Context<'_>, function: FuncId) -> Vec<FuncId> {
    let it = cx.program.function(function);
    let Some(class) = it.class else {
        return Vec::new();
    };
    let bases = cx.program.flow.mro[class.0 as usize].iter().skip(1);
    let bases = bases.filter_map(|entry| match entry {
        MroEntry::Class(base) => Some(*base),
        MroEntry::External(_) => None,
    });
    bases
        .flat_map(|base| cx.program.methods(base))
        .copied()
        .filter(|other| {
            cx.program.function(*other).name() == it.name()
                && cx.callers.of(*other).is_empty()
                && definition(cx, *other).is_some()
        })
        .collect()
}

fn cannot_hand_on(name: &str) -> String {
    format!("not every call of `{name}` is one that can hand on a task group")
}

/// Whether the function owns a group, for all that it starts or for what its object does until it is left.
fn owns(cx: &Context<'_>, function: FuncId) -> Result<bool, String> {
    if host::is_entering(cx, function) {
        return host::check(cx, function).map(|()| true);
    }
    Ok(runs_all(cx, function))
}

/// Whether a function owns a group for all that it starts: a root, or what an event loop runs that is made by hand.
pub(super) fn runs_all(cx: &Context<'_>, function: FuncId) -> bool {
    is_root(cx, function)
        || super::entry::is_run(cx, function)
        || super::fixtures::is_left_last(cx, function)
}

/// All functions that a call may reach; `None` where it may reach something else.
fn reached(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> Option<Vec<FuncId>> {
    let callees = cx.program.values_at(view.place(&*call.func));
    let functions: Option<Vec<Vec<FuncId>>> = callees
        .map(|callee| match callee {
            Value::Class(class) => Some(cx.program.flow.constructors(class)),
            Value::Instance(class) => Some(vec![callable::method_of(cx, class)?]),
            other => other.function().map(|function| vec![function]),
        })
        .collect();
    Some(functions?.concat())
}

/// Whether a function owns a group for all that it starts: the coroutine of `asyncio.run`, a test, or a lifespan.
pub(crate) fn is_root(cx: &Context<'_>, function: FuncId) -> bool {
    if super::entry::is_entry(cx, function) {
        return true;
    }
    if cx.once(Lifespans::new).0.contains(&function) {
        return true;
    }
    let Some((_, def)) = definition(cx, function) else {
        return false;
    };
    def.is_async
        && def.name.as_str().starts_with("test")
        && cx.callers.of(function).is_empty()
        && cx
            .program
            .function(function)
            .class
            .is_none_or(|class| is_of_pytest(cx, function, class) || ends_case(cx, function))
        && !share_loops(cx)
}

/// Whether a method is a test of a plain class, which pytest runs as it runs a function.
fn is_of_pytest(cx: &Context<'_>, function: FuncId, class: ClassId) -> bool {
    let is_plain = |base: &MroEntry| match base {
        MroEntry::Class(_) => true,
        MroEntry::External(name) => cx.program.flow.text(*name) == "<builtin>.object",
    };
    cx.program.flow.collected(function) == Some(Collected::Test)
        && cx.program.flow.mro[class.0 as usize].iter().all(is_plain)
}

/// Whether tests share event loops, and the tasks that one leaves go on in the next.
pub(crate) fn share_loops(cx: &Context<'_>) -> bool {
    cx.once(SharedLoops::new).0
}

/// Whether settings or marks of tests say so.
struct SharedLoops(bool);

impl SharedLoops {
    fn new(cx: &Context<'_>) -> Self {
        let said = ["asyncio_default_test_loop_scope", "loop_scope="];
        let mut files = cx.program.files.iter();
        SharedLoops(files.any(|file| said.iter().any(|it| file.text.contains(it))))
    }
}

/// The context managers that frameworks enter for as long as they serve: what is left ends with them.
struct Lifespans(BTreeSet<FuncId>);

impl Lifespans {
    fn new(cx: &Context<'_>) -> Self {
        let mut found = BTreeSet::new();
        for view in cx.views_naming(["lifespan"]) {
            for node in view.tree.nodes() {
                if let AnyNodeRef::Keyword(keyword) = node
                    && keyword
                        .arg
                        .as_ref()
                        .is_some_and(|arg| arg.as_str() == "lifespan")
                {
                    found.extend(
                        (cx.program.values_at(view.place(&keyword.value))).filter_map(|value| {
                            match value {
                                Value::ManagerFactory(function) => Some(function),
                                _ => None,
                            }
                        }),
                    );
                }
            }
        }
        found.retain(|function| cx.callers.of(*function).is_empty());
        Lifespans(found)
    }
}

/// Whether the function can get a parameter.
fn check(cx: &Context<'_>, function: FuncId) -> Result<(), String> {
    let name = cx.program.qualified_name(function);
    let Some((view, def)) = definition(cx, function) else {
        return Err(format!("`{name}` can't take a task group as a parameter"));
    };
    let short = def.name.as_str();
    let is_called = short == "__call__" && callable::is_seen(cx, function);
    if short.starts_with("__") && short.ends_with("__") && short != "__init__" && !is_called {
        return Err(format!(
            "`{name}` is called by Python, which hands on no task group"
        ));
    }
    let entered = def.decorator_list.len() == 1 && is_context_manager(cx, view, def);
    // A parameter more is a parameter more for what makes an object, too.
    let is_of_class = |decorator: &Expr| {
        matches!(
            cx.api_of(view, decorator),
            Some("<builtin>.classmethod" | "<builtin>.staticmethod")
        )
    };
    // It gives the function the name and the text of another one.
    let wraps = |decorator: &Expr| {
        let call = decorator.as_call_expr();
        call.is_some_and(|it| cx.api_of(view, &it.func) == Some("functools.wraps"))
    };
    let stays = |it: &Decorator| {
        let it = &it.expression;
        is_of_class(it) || wraps(it) || hands_back(cx, view, it)
    };
    if !def.decorator_list.iter().all(stays) && !entered {
        return Err(format!("`{name}` is decorated"));
    }
    if !def.parameters.posonlyargs.is_empty() {
        return Err(format!("`{name}` has parameters without names"));
    }
    // Libraries that are known to call it are among its callers.
    if cx.callers.is_lost(function) {
        return Err(format!(
            "`{name}` is handed to code that calls it without a task group"
        ));
    }
    if cx.callers.of(function).is_empty() {
        return Err(format!(
            "`{name}` is called by nobody we see, so that nobody can hand it a task group"
        ));
    }
    if let Some(class) = cx.program.function(function).class {
        let (_, class) = cx.program.class(class);
        let foreign = class.bases.iter().any(|base| {
            cx.program.flow.values_of(*base).any(|value| match value {
                Value::Class(_) => false,
                Value::External(sym) => !matches!(
                    cx.program.flow.text(sym),
                    "<builtin>.object" | "typing.Generic" | "abc.ABC" | "typing.Protocol"
                ),
                _ => true,
            })
        });
        if foreign {
            return Err(format!(
                "`{name}` may override a method of a class that is not ours"
            ));
        }
    }
    Ok(())
}

/// Whether a decorator is one of the program that gives the function back as it is: it may keep it, but who calls it is seen.
fn hands_back(cx: &Context<'_>, view: &View<'_>, decorator: &Expr) -> bool {
    let gives_it = |value: Value| {
        let function = value.function()?;
        let (view, def) = definition(cx, function)?;
        let is_method = matches!(value, Value::Bound(..));
        let given = def
            .parameters
            .iter_non_variadic_params()
            .nth(usize::from(is_method))?;
        let name = given.parameter.name.as_str();
        let scope = view.scopes.at(super::body_range(def).start());
        let bindings = view.scopes.scopes[scope].bindings.get(name)?;
        let is_it = |stmt: &StmtReturn| {
            let value = stmt.value.as_deref().and_then(Expr::as_name_expr);
            value.is_some_and(|value| value.id.as_str() == name)
        };
        let mut returns = own(&def.body).into_iter().filter_map(|node| match node {
            AnyNodeRef::StmtReturn(it) => Some(it),
            _ => None,
        });
        let ends = def.body.last()?.is_return_stmt();
        Some(!def.is_async && ends && bindings.len() == 1 && returns.all(is_it))
    };
    let mut values = cx.program.values_at(view.place(decorator)).peekable();
    values.peek().is_some() && values.all(|value| gives_it(value).unwrap_or(false))
}

/// Whether the call can be given one more argument: a generator without brackets of its own stands alone.
fn can_take(call: &ExprCall) -> bool {
    !call.arguments.args.iter().any(Expr::is_generator_expr)
}

/// A name for the parameter that is free in all the functions, and is not that of a group of their own.
pub(super) fn parameter_name(
    cx: &Context<'_>,
    thread: &Thread,
    grouped: &BTreeMap<FuncId, String>,
) -> String {
    let free = |name: &str| {
        thread.functions.iter().all(|function| {
            definition(cx, *function).is_some_and(|(view, def)| {
                let scope = view.scopes.at(super::body_range(def).start());
                view.scopes.is_free(scope, name)
            }) && grouped.get(function).is_none_or(|own| own != name)
        })
    };
    loopshift_python::scope::fresh("tg", free)
}

/// Adds the parameters, and hands the group on in calls.
pub(super) fn edit(
    cx: &Context<'_>,
    change: &mut Change,
    thread: &Thread,
    parameter: &str,
    group_of: &BTreeMap<FuncId, String>,
) {
    for function in &thread.functions {
        if let Some((view, def)) = definition(cx, *function) {
            add_parameter(change, view, def, parameter);
        }
    }
    let calls = thread
        .inner_calls
        .iter()
        .map(|place| (*place, parameter))
        .chain(thread.roots.iter().flat_map(|(root, places)| {
            let name = group_of.get(root).map_or(parameter, String::as_str);
            places.iter().map(move |place| (*place, name))
        }));
    for (place, value) in calls {
        let Some(view) = cx.view(place.file) else {
            continue;
        };
        let Some(Expr::Call(call)) = view.tree.expr_at(place.range) else {
            continue;
        };
        if let Some(handler) = served::handler(cx, view, call) {
            served::edit(change, view, handler, parameter, value);
            continue;
        }
        // A partial may give the function arguments of its own.
        let named =
            cx.program
                .values_at(view.place(&*call.func))
                .any(|value| match value.function() {
                    Some(func) => definition(cx, func).is_some_and(|(_, def)| by_name(def)),
                    None => match value {
                        Value::Instance(class) => callable::method_of(cx, class)
                            .and_then(|func| definition(cx, func))
                            .is_some_and(|(_, def)| by_name(def)),
                        _ => matches!(value, Value::Partial(_) | Value::Class(_)),
                    },
                });
        let named = named || is_open(call);
        let value = if named {
            format!("{parameter}={value}")
        } else {
            value.to_owned()
        };
        add_argument(change, view, call, value);
    }
}
