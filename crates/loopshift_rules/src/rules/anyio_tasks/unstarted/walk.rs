//! A way through a function with the tasks that have not started.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::Ranged;
use loopshift_python::ast::{
    AnyNodeRef, ExceptHandler, Expr, ExprAwait, ExprCall, Stmt, StmtTry, StmtWith, WithItem,
};

use super::super::family::held;
use super::super::region::is_context_manager;
use crate::common::code::{definition, own, own_of};
use crate::common::per_function::PerFunction;
use crate::common::raising::Raising;
use crate::context::{Context, View};

/// Tasks that have not started, by the calls that make them; `None` stands for any that was made before the function.
pub(super) type Unstarted = BTreeSet<Option<Place>>;

/// What tells the tasks of a family to stop, and what makes tasks.
pub(super) struct Stops<'w> {
    pub(super) places: BTreeSet<Place>,
    pub(super) functions: BTreeSet<FuncId>,
    pub(super) made: &'w BTreeSet<Place>,
    /// Those in a group of asyncio: an error in its block tells them to stop.
    pub(super) grouped: BTreeSet<Place>,
    /// Whether a wait for all items of a queue is taken to let others run.
    pub(super) joins: bool,
}

/// What a call of a function does to tasks that have not started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    /// Whether it may tell one to stop that was made before.
    pub(super) stops: bool,
    /// Those that it makes and leaves so.
    pub(super) leaves: Unstarted,
}

impl Summary {
    pub(super) fn of(walked: &Walk<'_, '_>) -> Self {
        let mut leaves = walked.returned.clone();
        leaves.extend(walked.raised.iter().copied());
        leaves.remove(&None);
        Summary {
            stops: walked.found.contains(&None),
            leaves,
        }
    }
}

/// How a function is left where nothing in it has let others run.
#[derive(Clone, Copy, Debug)]
struct Leaving {
    /// At its end, or by `return`.
    returns: bool,
    /// By a `raise`.
    raises: bool,
}

/// What is known of [`Leaving`]. A function that is asked for while it is looked at is taken to be left in both ways.
#[derive(Default)]
struct Left(PerFunction<Leaving>);

fn leaving(cx: &Context<'_>, func: FuncId, on_the_way: &[FuncId]) -> Leaving {
    let either = Leaving {
        returns: true,
        raises: true,
    };
    if on_the_way.contains(&func) || on_the_way.len() > 20 {
        return either;
    }
    cx.once(|_| Left::default()).0.of(func, || {
        let mut walk = Walk::new(cx, None);
        walk.on_the_way = [on_the_way, &[func]].concat();
        if !walk.function(func) {
            return either;
        }
        Leaving {
            returns: walk.returned.contains(&None),
            raises: walk.raised.contains(&None),
        }
    })
}

/// Walks through a function, with what is known of those that it calls.
pub(super) fn walk<'w, 'c>(
    cx: &'w Context<'c>,
    func: FuncId,
    stops: &'w Stops<'w>,
    known: &'w BTreeMap<FuncId, Summary>,
) -> Walk<'w, 'c> {
    let mut walk = Walk::new(cx, Some((stops, known)));
    walk.on_the_way.push(func);
    if !walk.function(func) {
        // A `lambda`: what it does is done at once.
        if stops.functions.contains(&func) {
            walk.found.insert(None);
        }
        let made = (stops.made.iter()).filter(|site| cx.program.function_at(**site) == func);
        walk.returned.extend(made.map(|site| Some(*site)));
    }
    walk
}

/// A way through a function.
pub(super) struct Walk<'w, 'c> {
    cx: &'w Context<'c>,
    view: Option<&'w View<'c>>,
    /// None where only [`Leaving`] is asked for.
    family: Option<(&'w Stops<'w>, &'w BTreeMap<FuncId, Summary>)>,
    on_the_way: Vec<FuncId>,
    /// Those that are told to stop.
    pub(super) found: Unstarted,
    /// Those that have not started where the function ends.
    returned: Unstarted,
    raised: Unstarted,
    /// The same for the loops around.
    breaks: Vec<Option<Unstarted>>,
    /// How many blocks of task groups are around.
    groups: usize,
}

/// What holds where one does or the other; `None` is never reached.
fn joined(one: Option<Unstarted>, other: Option<Unstarted>) -> Option<Unstarted> {
    match (one, other) {
        (Some(mut one), Some(other)) => {
            one.extend(other);
            Some(one)
        }
        (one, other) => one.or(other),
    }
}

impl<'w, 'c> Walk<'w, 'c> {
    fn new(
        cx: &'w Context<'c>,
        family: Option<(&'w Stops<'w>, &'w BTreeMap<FuncId, Summary>)>,
    ) -> Self {
        Walk {
            cx,
            view: None,
            family,
            on_the_way: Vec::new(),
            found: Unstarted::new(),
            returned: Unstarted::new(),
            raised: Unstarted::new(),
            breaks: Vec::new(),
            groups: 0,
        }
    }

    /// Walks through a function; false where it has no definition to look at.
    fn function(&mut self, func: FuncId) -> bool {
        let Some((view, def)) = definition(self.cx, func) else {
            return false;
        };
        self.view = Some(view);
        if let Some(state) = self.block(&def.body, [None].into()) {
            self.returned.extend(state);
        }
        true
    }

    fn block(&mut self, stmts: &[Stmt], state: Unstarted) -> Option<Unstarted> {
        let mut state = state;
        for stmt in stmts {
            state = self.stmt(stmt, state)?;
        }
        Some(state)
    }

    fn stmt(&mut self, stmt: &Stmt, mut state: Unstarted) -> Option<Unstarted> {
        match stmt {
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => Some(state),
            Stmt::Return(_) => {
                self.nodes(own(std::slice::from_ref(stmt)), &mut state);
                self.returned.extend(state);
                None
            }
            Stmt::Raise(_) => {
                self.nodes(own(std::slice::from_ref(stmt)), &mut state);
                self.throw(&state);
                None
            }
            Stmt::Break(_) | Stmt::Continue(_) => {
                if let Some(breaks) = self.breaks.last_mut() {
                    *breaks = joined(breaks.take(), Some(state));
                }
                None
            }
            Stmt::If(it) => {
                self.nodes(own_of(&it.test), &mut state);
                let mut out = self.block(&it.body, state.clone());
                let mut rest = Some(state);
                for clause in &it.elif_else_clauses {
                    let Some(mut before) = rest.clone() else {
                        break;
                    };
                    match &clause.test {
                        Some(test) => {
                            self.nodes(own_of(test), &mut before);
                            rest = Some(before.clone());
                        }
                        None => rest = None,
                    }
                    let branch = self.block(&clause.body, before);
                    out = joined(out, branch);
                }
                joined(out, rest)
            }
            Stmt::For(it) => {
                self.nodes(own_of(&it.iter), &mut state);
                if it.is_async {
                    self.hidden(&["__aiter__", "__anext__"], &mut state);
                }
                self.repeat(&it.body, None, &it.orelse, state, false)
            }
            Stmt::While(it) => {
                let forever = matches!(&*it.test, Expr::BooleanLiteral(it) if it.value);
                self.repeat(&it.body, Some(&it.test), &it.orelse, state, forever)
            }
            Stmt::With(it) => self.with(it, state),
            Stmt::Match(it) => {
                self.nodes(own_of(&it.subject), &mut state);
                let mut out = Some(state.clone());
                for case in &it.cases {
                    let branch = self.block(&case.body, state.clone());
                    out = joined(out, branch);
                }
                out
            }
            Stmt::Try(it) => self.try_(it, state),
            _ => {
                let raises = |view| Raising::new(self.cx).is_known_to_raise(view, stmt);
                if self.groups > 0 && self.holds_grouped(&state) && self.view.is_some_and(raises) {
                    self.throw(&state);
                }
                self.nodes(own(std::slice::from_ref(stmt)), &mut state);
                Some(state)
            }
        }
    }

    /// An error leaves the statements.
    fn throw(&mut self, state: &Unstarted) {
        self.raised.extend(state.iter().copied());
        if self.groups > 0
            && let Some((stops, _)) = self.family
        {
            let grouped = |it: &&Option<Place>| it.is_some_and(|it| stops.grouped.contains(&it));
            self.found.extend(state.iter().filter(grouped).copied());
        }
    }

    fn repeat(
        &mut self,
        body: &[Stmt],
        test: Option<&Expr>,
        orelse: &[Stmt],
        state: Unstarted,
        forever: bool,
    ) -> Option<Unstarted> {
        let mut top = state;
        let mut left = None;
        // A second turn begins with what the first one leaves.
        for _ in 0..2 {
            if let Some(test) = test {
                self.nodes(own_of(test), &mut top);
            }
            self.breaks.push(None);
            let out = self.block(body, top.clone());
            left = joined(left, self.breaks.pop().flatten());
            top.extend(out.into_iter().flatten());
            top.extend(left.iter().flatten().copied());
        }
        if forever {
            return left;
        }
        joined(self.block(orelse, top), left)
    }

    fn with(&mut self, it: &StmtWith, mut state: Unstarted) -> Option<Unstarted> {
        let mut groups = 0;
        for item in &it.items {
            self.nodes(own_of(&item.context_expr), &mut state);
            groups += usize::from(self.is_group(&item.context_expr));
        }
        self.hidden(&["__aenter__", "__enter__"], &mut state);
        self.groups += groups;
        let returned = std::mem::take(&mut self.returned);
        let mut out = self.block(&it.body, state);
        let mut left = std::mem::replace(&mut self.returned, returned);
        self.groups -= groups;
        for state in out.iter_mut().chain([&mut left]) {
            if groups > 0 && self.holds_grouped(state) {
                state.clear();
            }
            if !state.is_empty() {
                self.hidden(&["__aexit__", "__exit__"], state);
            }
        }
        self.returned.extend(left);
        out
    }

    fn try_(&mut self, it: &StmtTry, state: Unstarted) -> Option<Unstarted> {
        let returned = std::mem::take(&mut self.returned);
        // An error may be raised by each of the statements: while it lets others run, if it does.
        let mut caught = Unstarted::new();
        let mut current = Some(state);
        let raised = std::mem::take(&mut self.raised);
        for stmt in &it.body {
            let Some(before) = current.take() else { break };
            current = self.stmt(stmt, before.clone());
            caught.extend(current.clone().unwrap_or(before));
        }
        let inner = std::mem::replace(&mut self.raised, raised);
        caught.extend(inner.iter().copied());
        if it.handlers.is_empty() {
            self.raised.extend(inner);
        }
        let mut out = current.and_then(|state| self.block(&it.orelse, state));
        for ExceptHandler::ExceptHandler(handler) in &it.handlers {
            let branch = self.block(&handler.body, caught.clone());
            out = joined(out, branch);
        }
        let left = std::mem::replace(&mut self.returned, returned);
        if it.finalbody.is_empty() {
            self.returned.extend(left);
            return out;
        }
        if !left.is_empty() {
            let left = self.block(&it.finalbody, left);
            self.returned.extend(left.into_iter().flatten());
        }
        let ends = out.is_some();
        let last = self.block(&it.finalbody, joined(out, Some(caught)).unwrap_or_default());
        if ends { last } else { None }
    }

    /// What the expressions of a statement do, in the order in which they are evaluated.
    fn nodes(&mut self, mut nodes: Vec<AnyNodeRef<'_>>, state: &mut Unstarted) {
        if state.is_empty() && self.family.is_none() {
            return;
        }
        let whole = nodes.first().map(Ranged::range).unwrap_or_default();
        nodes.sort_by_key(|node| (node.end(), std::cmp::Reverse(node.start())));
        for node in nodes {
            match node {
                AnyNodeRef::ExprCall(call) => self.call(call, state),
                AnyNodeRef::ExprAwait(it) => {
                    let always = self.view.is_some_and(|view| {
                        (view.tree.ancestors(it))
                            .take_while(|node| whole.contains_range(node.range()))
                            .all(|node| !is_conditional(node))
                    });
                    if always && self.lets_others_run(it, state) {
                        state.clear();
                        self.leave_from(it, state);
                    }
                }
                AnyNodeRef::ExprYield(_) => {
                    let func = self.on_the_way.last();
                    if func.is_some_and(|func| holds_switching_blocks(self.cx, *func)) {
                        state.clear();
                    }
                }
                AnyNodeRef::ExprAttribute(member) => {
                    let place = self.view.map(|view| view.place(member));
                    if let (Some((stops, _)), Some(place)) = (self.family, place) {
                        if stops.places.contains(&place) {
                            self.found.extend(state.iter().copied());
                        }
                        if stops.made.contains(&place) {
                            state.insert(Some(place));
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn call(&mut self, call: &ExprCall, state: &mut Unstarted) {
        let Some(view) = self.view else { return };
        let place = view.place(call);
        if let Some((stops, _)) = self.family {
            if stops.places.contains(&place) {
                self.found.extend(state.iter().copied());
                return;
            }
            if stops.made.contains(&place) {
                state.insert(Some(place));
                return;
            }
        }
        let awaited = view.await_of(call.range()).is_some();
        for func in self.called(place) {
            // What a task runs is not run here.
            if self.cx.program.function(func).is_async && !awaited && self.is_of_task(view, call) {
                continue;
            }
            self.run(func, state);
            let on_the_way = self.on_the_way.clone();
            if !state.is_empty() && leaving(self.cx, func, &on_the_way).raises {
                self.throw(&state.clone());
            }
        }
    }

    /// Runs a function of the program.
    fn run(&mut self, func: FuncId, state: &mut Unstarted) {
        let Some((_, known)) = self.family else {
            return;
        };
        if let Some(summary) = known.get(&func) {
            if summary.stops {
                self.found.extend(state.iter().copied());
            }
            state.extend(summary.leaves.iter().copied());
        }
    }

    /// The tasks that an awaited function of the program makes and leaves.
    fn leave_from(&mut self, it: &ExprAwait, state: &mut Unstarted) {
        let (Some(view), Some((_, known))) = (self.view, self.family) else {
            return;
        };
        if let Expr::Call(call) = &*it.value {
            for func in self.called(view.place(call)) {
                state.extend(known.get(&func).iter().flat_map(|it| &it.leaves).copied());
            }
        }
    }

    /// The functions of ours that a call reaches.
    fn called(&self, place: Place) -> Vec<FuncId> {
        let calls = self.cx.program.calls_within(place);
        let own = calls.filter(|call| call.range == place.range);
        own.flat_map(|call| self.cx.program.callees(call))
            .filter_map(|target| target.function())
            .collect()
    }

    /// What `with` and `for` call by themselves, by their names.
    fn hidden(&mut self, names: &[&str], state: &mut Unstarted) {
        let Some(owner) = self.on_the_way.last() else {
            return;
        };
        let calls = self.cx.program.hidden_calls_of(*owner);
        let targets: Vec<FuncId> = calls
            .flat_map(|call| self.cx.program.callees(call))
            .filter_map(|target| target.function())
            .filter(|func| names.contains(&self.cx.program.function(*func).name()))
            .collect();
        for func in targets {
            self.run(func, state);
        }
    }

    /// Whether the coroutine of a call becomes a task of its own.
    fn is_of_task(&self, view: &View<'_>, call: &ExprCall) -> bool {
        let outer = (view.tree.ancestors(call)).find_map(|node| match node {
            AnyNodeRef::ExprCall(outer) if outer.range() != call.range() => Some(outer),
            _ => None,
        });
        outer
            .and_then(|outer| self.cx.api_of(view, &outer.func))
            .is_some_and(|api| api.ends_with(".create_task") || api == "asyncio.ensure_future")
    }

    /// Whether an `await` surely lets the tasks run that have not started.
    fn lets_others_run(&self, it: &ExprAwait, state: &Unstarted) -> bool {
        let Some(view) = self.view else { return false };
        let waits_for = |expr: &Expr| {
            let sites = held(self.cx, view.place(expr)).sites;
            !sites.is_empty() && sites.iter().any(|site| state.contains(&Some(*site)))
        };
        let Expr::Call(call) = &*it.value else {
            return waits_for(&it.value);
        };
        let funcs = self.called(view.place(call));
        if !funcs.is_empty() {
            return (funcs.iter()).all(|func| !leaving(self.cx, *func, &self.on_the_way).returns);
        }
        match self.cx.api_of(view, &call.func) {
            Some("asyncio.gather") => call.arguments.args.iter().any(|argument| match argument {
                Expr::Starred(it) => waits_for(&it.value),
                _ => true,
            }),
            Some("asyncio.Queue.join") => self.family.is_some_and(|(stops, _)| stops.joins),
            Some(api) if api.starts_with("asyncio.") => SWITCHES.contains(&api),
            Some(_) => true,
            None => {
                let mut values = self.cx.program.values_at(view.place(&*call.func));
                values.any(|value| matches!(value, Value::Unknown(_) | Value::External(_)))
            }
        }
    }

    fn holds_grouped(&self, state: &Unstarted) -> bool {
        let Some((stops, _)) = self.family else {
            return false;
        };
        (state.iter().flatten()).any(|site| stops.grouped.contains(site))
    }

    fn is_group(&self, expr: &Expr) -> bool {
        let (Some(view), Expr::Call(call)) = (self.view, expr) else {
            return false;
        };
        self.cx.api_of(view, &call.func) == Some("asyncio.TaskGroup")
    }
}

/// Whether the function is a context manager, and others surely run in each block that it holds open.
fn holds_switching_blocks(cx: &Context<'_>, func: FuncId) -> bool {
    let sites = cx.callers.of(func);
    let is_manager =
        definition(cx, func).is_some_and(|(view, def)| is_context_manager(cx, view, def));
    is_manager
        && !sites.is_empty()
        && !cx.callers.is_handed_over(func)
        && sites.iter().all(|site| {
            let Some(view) = cx.view(site.place.file) else {
                return false;
            };
            let with = view
                .tree
                .around(site.place.range)
                .find_map(|node| match node {
                    AnyNodeRef::StmtWith(with) => Some(with),
                    _ => None,
                });
            with.is_some_and(|with| {
                let is_item = |item: &WithItem| item.context_expr.range() == site.place.range;
                let mut walk = Walk::new(cx, None);
                walk.view = Some(view);
                walk.on_the_way.extend([func, site.owner]);
                let end = walk.block(&with.body, [None].into());
                with.items.iter().any(is_item)
                    && end.is_none_or(|state| state.is_empty())
                    && walk.returned.is_empty()
                    && walk.raised.is_empty()
            })
        })
}

/// What always waits for something, and so lets others run.
const SWITCHES: &[&str] = &[
    "asyncio.AbstractEventLoop.run_in_executor",
    "asyncio.Condition.wait",
    "asyncio.create_subprocess_exec",
    "asyncio.create_subprocess_shell",
    "asyncio.open_connection",
    "asyncio.open_unix_connection",
    "asyncio.sleep",
    "asyncio.to_thread",
    "asyncio.wait",
];

/// Whether what stands within may be left out.
fn is_conditional(node: AnyNodeRef<'_>) -> bool {
    matches!(
        node,
        AnyNodeRef::ExprIf(_)
            | AnyNodeRef::ExprBoolOp(_)
            | AnyNodeRef::ExprListComp(_)
            | AnyNodeRef::ExprSetComp(_)
            | AnyNodeRef::ExprDictComp(_)
            | AnyNodeRef::ExprGenerator(_)
    )
}
