//! The tasks of a program: what each runs, where it starts, and how long it lives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use loopshift_engine::change::{FileId, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{CallForm, FuncId};
use loopshift_python::ast::{AnyNodeRef, Expr, ExprAwait, ExprName, Stmt};
use loopshift_python::{Ranged, TextRange};
use rustc_hash::{FxHashMap, FxHashSet};

use super::effects::functions;
use crate::common::code::{definition, is_switch, may_be_awaited, own, own_of};
use crate::context::{Context, View};

/// How a task comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// `asyncio.run` runs it.
    Entry,
    /// The program starts it beside others.
    Spawned,
    /// Nobody that we see calls it.
    Outside,
}

/// One function that runs as a task.
pub(super) struct Task {
    pub(super) func: FuncId,
    pub(super) start: Start,
    /// Where it is started.
    pub(super) spawns: Vec<Spawn>,
    /// Whether several may run at once, once somebody has asked.
    many: OnceLock<bool>,
}

/// A place that starts a task.
pub(super) struct Spawn {
    /// The function that does.
    pub(super) owner: FuncId,
    /// The call; none where a library makes it.
    place: Option<Place>,
    /// Once somebody has asked. Of most tasks nobody does, and the trees of their files are not needed.
    window: OnceLock<Option<Window>>,
}

impl Spawn {
    fn new(owner: FuncId, place: Option<Place>) -> Self {
        Spawn {
            owner,
            place,
            window: OnceLock::new(),
        }
    }

    /// Where in the function the task may run; none where nobody waits for its end.
    pub(super) fn window(&self, cx: &Context<'_>) -> Option<Window> {
        let find = || self.place.and_then(|place| window(cx, place));
        *self.window.get_or_init(find)
    }
}

/// A part of a function in which a task that it starts may run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    whole: TextRange,
    /// The statement that starts it, which is through when it runs.
    start: TextRange,
}

impl Window {
    /// Whether what stands at the place may run while the task does.
    pub(super) fn holds(self, at: TextRange) -> bool {
        self.whole.contains_range(at) && !self.start.contains_range(at)
    }
}

/// Who calls whom within one task, and the tasks.
pub(super) struct Tasks {
    pub(super) all: Vec<Task>,
    /// What a function runs as part of itself, with the place of the call.
    pub(super) calls: BTreeMap<FuncId, Vec<(TextRange, FuncId)>>,
    /// The same, from what is called.
    callers: FxHashMap<FuncId, Vec<FuncId>>,
    roots: Roots,
    /// What libraries call.
    handed: BTreeSet<FuncId>,
}

/// How a coroutine that a call makes is used.
enum Used {
    Here,
    Entry,
    Beside,
}

impl Tasks {
    /// Collects them.
    pub(super) fn new(cx: &Context<'_>) -> Self {
        let mut calls: BTreeMap<FuncId, Vec<(TextRange, FuncId)>> = BTreeMap::new();
        let mut roots: Roots = BTreeMap::new();
        let entering = entering(cx);
        for (file, call) in cx.program.calls() {
            for func in functions(cx, call) {
                let function = cx.program.function(func);
                let place = Place {
                    file,
                    range: call.range,
                };
                let used = if !function.is_async || function.is_generator {
                    Used::Here
                } else {
                    used(cx, place, call.form, &entering)
                };
                let start = match used {
                    Used::Here => {
                        calls
                            .entry(call.owner)
                            .or_default()
                            .push((call.range, func));
                        continue;
                    }
                    Used::Entry => Start::Entry,
                    Used::Beside => Start::Spawned,
                };
                let root = roots.entry(func).or_insert((start, Vec::new()));
                if start == Start::Spawned {
                    root.0 = start;
                }
                root.1.push((place, call.owner));
            }
        }
        for (owner, target) in &cx.program.flow.hidden {
            if let loopshift_engine::flow::Target::Func(func) = target {
                let range = cx.program.function(*owner).range;
                calls.entry(*owner).or_default().push((range, *func));
            }
        }
        for calls in calls.values_mut() {
            calls.sort_unstable_by_key(|(range, func)| (range.start(), range.end(), *func));
            calls.dedup();
        }
        let mut handed: BTreeSet<FuncId> = BTreeSet::new();
        for func in cx.program.functions() {
            let sites = cx.callers.of(func);
            let by_library = cx.callers.is_handed_over(func)
                || sites.iter().any(|site| site.owner == FuncId::NONE);
            let function = cx.program.function(func);
            if by_library {
                handed.insert(func);
                roots.entry(func).or_insert((Start::Spawned, Vec::new())).0 = Start::Spawned;
            } else if sites.is_empty() && function.is_async && !roots.contains_key(&func) {
                roots.insert(func, (Start::Outside, Vec::new()));
            }
        }
        let mut tasks: Vec<Task> = Vec::new();
        for (func, (start, spawns)) in &roots {
            let mut all: Vec<Spawn> = spawns
                .iter()
                .map(|(place, owner)| Spawn::new(*owner, Some(*place)))
                .collect();
            if handed.contains(func) {
                all.push(Spawn::new(FuncId::NONE, None));
            }
            tasks.push(Task {
                func: *func,
                start: *start,
                spawns: all,
                many: OnceLock::new(),
            });
        }
        let mut callers: FxHashMap<FuncId, Vec<FuncId>> = FxHashMap::default();
        for (caller, called) in &calls {
            for (_, called) in called {
                callers.entry(*called).or_default().push(*caller);
            }
        }
        Tasks {
            all: tasks,
            calls,
            callers,
            roots,
            handed,
        }
    }

    /// Whether several of a task may run at once.
    pub(super) fn are_many(&self, cx: &Context<'_>, task: &Task) -> bool {
        *task.many.get_or_init(|| match task.start {
            Start::Entry => false,
            Start::Outside => !is_test(cx, task.func),
            Start::Spawned => {
                let spawns = self.roots.get(&task.func).map_or(&[][..], |root| &root.1);
                let often = |owner| runs_often(cx, &self.roots, owner, &mut BTreeSet::new());
                self.handed.contains(&task.func)
                    || spawns.len() != 1
                    || (spawns.iter()).any(|(place, owner)| in_loop(cx, *place) || often(*owner))
            }
        })
    }

    /// What runs as part of these functions, themselves among them.
    pub(super) fn from(&self, start: impl IntoIterator<Item = FuncId>) -> FxHashSet<FuncId> {
        closure(start, |func| {
            let called = self.calls.get(&func).into_iter().flatten();
            called.map(|(_, func)| *func)
        })
    }

    /// Whether some function runs this one as part of itself.
    pub(super) fn is_part_of_another(&self, func: FuncId) -> bool {
        self.callers.contains_key(&func)
    }

    /// What runs one of these functions as part of itself, themselves among them.
    pub(super) fn to(&self, end: impl IntoIterator<Item = FuncId>) -> FxHashSet<FuncId> {
        closure(end, |func| {
            let callers = self.callers.get(&func).into_iter().flatten();
            callers.copied()
        })
    }
}

/// All that can be reached from these, themselves among them.
fn closure<I: Iterator<Item = FuncId>>(
    start: impl IntoIterator<Item = FuncId>,
    next: impl Fn(FuncId) -> I,
) -> FxHashSet<FuncId> {
    let mut seen = FxHashSet::default();
    let mut work: Vec<FuncId> = start.into_iter().collect();
    while let Some(func) = work.pop() {
        if seen.insert(func) {
            work.extend(next(func));
        }
    }
    seen
}

/// Whether the function is a test: the next one starts when it has ended.
pub(super) fn is_test(cx: &Context<'_>, func: FuncId) -> bool {
    let name = &cx.program.function(func).qualname;
    let name = name.rsplit('.').next().unwrap_or(name);
    name.starts_with("test")
}

/// The files with a name of what runs a coroutine that it is given, or waits for it.
fn entering(cx: &Context<'_>) -> FxHashSet<FileId> {
    let flow = &cx.program.flow;
    let files = cx.files_where(|value| match value {
        Value::External(sym) | Value::ExternalBound(sym, _) => {
            let name = flow.text(sym);
            name == WAIT_FOR || runs(name)
        }
        _ => false,
    });
    files.collect()
}

const WAIT_FOR: &str = "asyncio.wait_for";

fn runs(api: &str) -> bool {
    ["asyncio.run", "asyncio.Runner.run"].contains(&api) || api.ends_with(".run_until_complete")
}

fn used(cx: &Context<'_>, place: Place, form: CallForm, entering: &FxHashSet<FileId>) -> Used {
    if form == CallForm::Awaited {
        return Used::Here;
    }
    // In most files nothing else is to be found.
    if !entering.contains(&place.file) && !may_be_awaited(cx, place) {
        return Used::Beside;
    }
    let Some(view) = cx.view(place.file) else {
        return Used::Beside;
    };
    let Some(expr) = view.tree.expr_at(place.range) else {
        return Used::Beside;
    };
    match view.tree.parent(expr) {
        Some(AnyNodeRef::ExprAwait(_)) => Used::Here,
        Some(AnyNodeRef::Arguments(_) | AnyNodeRef::ExprCall(_)) => {
            let outer = view
                .tree
                .ancestors(expr)
                .take(2)
                .find_map(|node| match node {
                    AnyNodeRef::ExprCall(call) => Some(call),
                    _ => None,
                });
            let api = outer.and_then(|call| cx.api_of(view, &call.func));
            match (api, outer) {
                (Some(WAIT_FOR), Some(outer)) if view.await_of(outer.range()).is_some() => {
                    Used::Here
                }
                (Some(api), _) if runs(api) => Used::Entry,
                _ => Used::Beside,
            }
        }
        _ => Used::Beside,
    }
}

type Roots = BTreeMap<FuncId, (Start, Vec<(Place, FuncId)>)>;

fn runs_often(cx: &Context<'_>, roots: &Roots, func: FuncId, seen: &mut BTreeSet<FuncId>) -> bool {
    if func == FuncId::NONE || !seen.insert(func) {
        return true;
    }
    if let Some((start, _)) = roots.get(&func) {
        match start {
            Start::Entry => return false,
            Start::Outside => return !is_test(cx, func),
            Start::Spawned => {}
        }
    }
    match cx.callers.of(func) {
        [] => false,
        [site] => in_loop(cx, site.place) || runs_often(cx, roots, site.owner, seen),
        _ => true,
    }
}

/// Whether the place runs more than once when its function does.
fn in_loop(cx: &Context<'_>, place: Place) -> bool {
    let Some(view) = cx.view(place.file) else {
        return true;
    };
    view.tree
        .around(place.range)
        .take_while(|node| {
            !matches!(
                node,
                AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_)
            )
        })
        .any(|node| match node {
            AnyNodeRef::StmtFor(it) => !it.iter.range().contains_range(place.range),
            AnyNodeRef::StmtWhile(_) => true,
            node => loopshift_python::tree::generators(node).is_some(),
        })
}

/// From the start of a task to the place where its function waits for its end.
fn window(cx: &Context<'_>, place: Place) -> Option<Window> {
    let view = cx.view(place.file)?;
    let expr = view.tree.expr_at(place.range)?;
    for node in view.tree.ancestors(expr) {
        match node {
            AnyNodeRef::ExprAwait(it) => {
                let (whole, start) = (node.range(), node.range());
                return waits(cx, view, it).then_some(Window { whole, start });
            }
            AnyNodeRef::ExprLambda(_) => return None,
            node if node.is_statement() => break,
            _ => {}
        }
    }
    let stmt = view.tree.enclosing_statement(place.range)?.range();
    let end = in_group(cx, view, place.range).or_else(|| waited_for(cx, view, place.range))?;
    // The turns of a loop before started some already.
    let first = view
        .tree
        .around(place.range)
        .take_while(|node| !node.range().contains_range(end))
        .filter(|node| matches!(node, AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtWhile(_)))
        .last()
        .map_or(stmt, |node| node.range());
    let switches = view
        .tree
        .nodes()
        .any(|node| is_switch(node) && stmt.contains_range(node.range()));
    Some(Window {
        whole: TextRange::new(first.start(), end.end()),
        start: if switches {
            TextRange::empty(stmt.start())
        } else {
            stmt
        },
    })
}

/// Whether the `await` ends when all that is given to it has ended.
fn waits(cx: &Context<'_>, view: &View<'_>, it: &ExprAwait) -> bool {
    match &*it.value {
        Expr::Call(call) => match cx.api_of(view, &call.func) {
            Some(api) => matches!(
                api,
                "asyncio.gather"
                    | "asyncio.wait_for"
                    | "asyncio.create_task"
                    | "asyncio.ensure_future"
                    | "asyncio.AbstractEventLoop.create_task"
            ),
            None => false,
        },
        Expr::Name(_) | Expr::Attribute(_) | Expr::Subscript(_) => true,
        _ => false,
    }
}

/// The end of the group in whose block `tg.create_task(…)` stands.
fn in_group(cx: &Context<'_>, view: &View<'_>, spawn: TextRange) -> Option<TextRange> {
    let expr = view.tree.expr_at(spawn)?;
    let call = view.tree.call_around(expr)?;
    let Expr::Attribute(callee) = &*call.func else {
        return None;
    };
    let Expr::Name(group) = &*callee.value else {
        return None;
    };
    view.tree
        .around(spawn)
        .take_while(|node| !matches!(node, AnyNodeRef::StmtFunctionDef(_)))
        .find_map(|node| {
            let AnyNodeRef::StmtWith(with) = node else {
                return None;
            };
            let its = with.items.iter().any(|item| {
                let named = item.optional_vars.as_deref().is_some_and(
                    |target| matches!(target, Expr::Name(name) if name.id == group.id),
                );
                let made = match &item.context_expr {
                    Expr::Call(call) => cx.api_of(view, &call.func) == Some("asyncio.TaskGroup"),
                    _ => false,
                };
                named && made
            });
            its.then(|| TextRange::empty(with.end()))
        })
}

/// What waits for a task, or list of tasks, that is kept in a variable, later in the same function.
fn waited_for(cx: &Context<'_>, view: &View<'_>, spawn: TextRange) -> Option<TextRange> {
    let stmt = view.tree.enclosing_statement(spawn)?;
    let target = match stmt {
        Stmt::Assign(it) => match &it.targets[..] {
            [Expr::Name(name)] => name,
            _ => return None,
        },
        Stmt::AnnAssign(it) => it.target.as_name_expr()?,
        Stmt::Expr(it) => match &*it.value {
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(callee) if matches!(callee.attr.as_str(), "append" | "add") => {
                    callee.value.as_name_expr()?
                }
                _ => return None,
            },
            _ => return None,
        },
        _ => return None,
    };
    let func = cx.program.function_at(Place {
        file: view.file,
        range: spawn,
    });
    let (_, def) = definition(cx, func)?;
    let end = own(&def.body)
        .into_iter()
        .filter(|node| node.start() > spawn.end())
        .find(|node| match node {
            AnyNodeRef::ExprAwait(it) => names(own_of(&it.value), target) && waits(cx, view, it),
            AnyNodeRef::StmtFor(it) => {
                names(own_of(&it.iter), target)
                    && it.target.as_name_expr().is_some_and(|each| {
                        own(&it.body).into_iter().any(|node| {
                            matches!(node, AnyNodeRef::ExprAwait(it)
                                if matches!(&*it.value, Expr::Name(name) if name.id == each.id))
                        })
                    })
            }
            _ => false,
        })?;
    // It is waited for wherever it was started.
    let conditional = view
        .tree
        .around(end.range())
        .skip_while(|node| node.range() == end.range())
        .take_while(|node| !node.range().contains_range(spawn))
        .any(|node| {
            matches!(
                node,
                AnyNodeRef::StmtIf(_)
                    | AnyNodeRef::StmtWhile(_)
                    | AnyNodeRef::ExceptHandlerExceptHandler(_)
            )
        });
    (!conditional).then(|| end.range())
}

fn names(nodes: Vec<AnyNodeRef<'_>>, target: &ExprName) -> bool {
    nodes
        .into_iter()
        .any(|node| matches!(node, AnyNodeRef::ExprName(name) if name.id == target.id))
}
