//! Tasks that belong together, and everything that is done with them.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::{FileId, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ContainerKind, FuncId};
use loopshift_engine::objects::{Cluster, Member, made_clusters};
use loopshift_python::ast::{AnyNodeRef, Expr, ExprAttribute, ExprAwait, ExprCall};
use loopshift_python::{Ranged, TextRange};
use rustc_hash::FxHashSet;

use super::callbacks::Callbacks;
use super::keep::Keeping;
use super::timers::{self, Timer};
use super::{gathered, offload, shielded, waiting};
use crate::common::in_place::Sites;
use crate::common::raising::Raising;
use crate::common::what_else::with_other;
use crate::context::{Context, View};
use crate::rules::anyio_shield;

pub(super) const TASK: &str = "asyncio.Task";

/// A call that makes a task.
pub(super) struct Spawn<'c> {
    /// The callee: the use.
    pub(super) callee: Place,
    /// Its API.
    pub(super) api: String,
    /// The call.
    pub(super) call: &'c ExprCall,
    pub(super) view: &'c View<'c>,
    /// Who makes it.
    pub(super) function: FuncId,
    /// The coroutine; what is called, for a timer.
    pub(super) coro: &'c Expr,
    /// The other coroutines, where one call starts several.
    pub(super) beside: Vec<&'c Expr>,
    /// Whether it is made in a task group of asyncio.
    pub(super) in_group: bool,
    /// When the loop is to call, where it makes no task.
    pub(super) timer: Option<Timer>,
    /// Whether it is a call that runs in a thread, and `coro` its function.
    pub(super) offloaded: bool,
    /// Whether it may be told to stop before it starts, and somebody would see that it started.
    pub(super) looks_first: bool,
}

impl Family<'_> {
    /// The statements that go: those that keep its tasks alive.
    pub(super) fn gone(&self) -> impl Iterator<Item = Place> {
        self.keeping.statements.iter().copied()
    }
}

impl<'c> Spawn<'c> {
    /// The rule that speaks for it.
    pub(super) fn rule(&self) -> &'static str {
        match self.timer {
            Some(_) => timers::RULE,
            None if self.offloaded => offload::RULE,
            None if self.is_shielded() => shielded::RULE,
            None if self.is_gathered() => gathered::RULE,
            None => super::RULE,
        }
    }

    /// Whether it is a call in a shield, which goes on when who waits for it does not.
    pub(super) fn is_shielded(&self) -> bool {
        self.api == anyio_shield::API
    }

    /// Whether it is a call of `gather` that starts several, which go on when one of them fails.
    pub(super) fn is_gathered(&self) -> bool {
        self.api == gathered::API
    }

    /// What it runs, as written.
    pub(super) fn coros(&self) -> impl Iterator<Item = &'c Expr> {
        std::iter::once(self.coro).chain(self.beside.iter().copied())
    }

    /// What it runs, as places.
    pub(super) fn runs(&self) -> impl Iterator<Item = Place> {
        self.coros().map(|coro| self.view.place(coro))
    }

    /// Whether what it runs may raise an error that the call does not hand on.
    pub(super) fn may_raise(&self, raising: &Raising<'_, '_>) -> bool {
        if self.offloaded {
            raising.calling(self.view, self.coro)
        } else {
            !self.is_gathered() && raising.awaiting(self.view, self.coro)
        }
    }

    /// The call as a place, by which values know it.
    pub(super) fn site(&self) -> Place {
        self.view.place(self.call)
    }
}

/// How tasks are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitKind {
    /// `await t`
    Await,
    /// `await asyncio.gather(…)`
    Gather {
        /// `return_exceptions=True`
        exceptions: bool,
    },
    /// `await asyncio.wait_for(t, …)`
    For,
    /// `await asyncio.wait_for(asyncio.gather(…), …)`
    GatherFor,
    /// `await asyncio.wait_for(asyncio.shield(t), …)`
    ShieldedFor,
    /// `await asyncio.shield(t)`
    Shield,
    /// `await f`, in `for f in asyncio.as_completed(ts)`
    Next,
    /// `await asyncio.wait(ts)`
    All,
    /// `await asyncio.wait(ts, timeout=…)`
    AllTimeout,
    /// `await asyncio.wait(ts, return_when=asyncio.FIRST_COMPLETED)`
    First,
    /// `await asyncio.wait(ts, return_when=asyncio.FIRST_EXCEPTION)`
    FirstError,
}

impl WaitKind {
    /// Whether it is one of `asyncio.wait` that may leave tasks running.
    pub(super) fn is_partial(self) -> bool {
        matches!(
            self,
            WaitKind::AllTimeout | WaitKind::First | WaitKind::FirstError
        )
    }

    /// Whether it raises how a task ended.
    pub(super) fn raises(self) -> bool {
        !self.is_wait() && self != WaitKind::Gather { exceptions: true }
    }

    /// Whether it is one of `asyncio.wait`, which raises nothing.
    pub(super) fn is_wait(self) -> bool {
        self == WaitKind::All || self.is_partial()
    }
}

/// A place where tasks are waited for.
pub(super) struct Wait<'c> {
    pub(super) view: &'c View<'c>,
    pub(super) function: FuncId,
    pub(super) kind: WaitKind,
    pub(super) await_: &'c ExprAwait,
    /// The call of asyncio that waits.
    pub(super) call: Option<&'c ExprCall>,
    /// The tasks, as written.
    pub(super) operands: Vec<&'c Expr>,
    /// The calls that make the tasks.
    pub(super) sites: BTreeSet<Place>,
    /// Uses of APIs that it takes care of.
    pub(super) uses: Vec<Place>,
}

/// A member of a task that is read.
pub(super) struct MemberUse<'c> {
    pub(super) view: &'c View<'c>,
    pub(super) function: FuncId,
    pub(super) attribute: &'c ExprAttribute,
    /// The call, where it is called.
    pub(super) call: Option<&'c ExprCall>,
    /// Its API.
    pub(super) api: String,
    /// Its plain name: `cancel`.
    pub(super) name: String,
}

/// Tasks that can only be moved together.
pub(super) struct Family<'c> {
    pub(super) cluster: Cluster,
    pub(super) spawns: Vec<Spawn<'c>>,
    pub(super) members: Vec<MemberUse<'c>>,
    /// The idiom that keeps its tasks alive.
    pub(super) keeping: Keeping,
    /// What its tasks call when they end.
    pub(super) callbacks: Callbacks,
    /// Why it stays, where that is clear already.
    pub(super) refusal: Option<String>,
    /// Whether nobody tells its tasks to stop, but they may end as if somebody did.
    pub(super) ends_cancelled: bool,
    /// The waits behind which the tasks look whether they were told to stop.
    pub(super) looking: Vec<Place>,
    /// The waits that end its tasks as cancelled where their time is over.
    pub(super) cut_short: Vec<Place>,
    /// Whether its task is awaited where it is made, and need not be one.
    pub(super) is_direct: bool,
}

impl<'c> Family<'c> {
    /// Tasks of these calls, of which nothing else is known yet.
    fn of(cluster: Cluster, spawns: Vec<Spawn<'c>>) -> Self {
        Family {
            cluster,
            spawns,
            members: Vec::new(),
            keeping: Keeping::default(),
            callbacks: Callbacks::default(),
            refusal: None,
            ends_cancelled: false,
            looking: Vec::new(),
            cut_short: Vec::new(),
            is_direct: false,
        }
    }

    /// What one call starts that meets nothing else.
    pub(super) fn alone(spawn: Spawn<'c>) -> Self {
        let cluster = Cluster {
            types: vec![TASK.to_owned()],
            sites: vec![spawn.site()],
            ..Cluster::default()
        };
        Family::of(cluster, vec![spawn])
    }

    /// What its tasks run, as places.
    pub(super) fn runs(&self) -> Vec<Place> {
        self.spawns.iter().flat_map(Spawn::runs).collect()
    }

    /// Whether its members are no tasks but calls that the loop makes later.
    pub(super) fn is_of_timers(&self) -> bool {
        self.spawns.iter().any(|spawn| spawn.timer.is_some())
    }
}

/// All tasks of the program.
pub(super) struct Model<'c> {
    pub(super) families: Vec<Family<'c>>,
    pub(super) waits: Vec<Wait<'c>>,
    /// Calls of `asyncio.wait` that are none of the known forms, with the reason.
    pub(super) odd_waits: Vec<(Place, String)>,
    /// The family of each call that makes a task.
    pub(super) by_site: BTreeMap<Place, usize>,
    /// The places in `waits` of those that wait for each family: it is asked for once for each.
    pub(super) waits_by_family: BTreeMap<usize, Vec<usize>>,
}

impl<'c> Model<'c> {
    /// What waits for one of these families, in order.
    pub(super) fn waits_of<'m>(
        &'m self,
        families: impl IntoIterator<Item = &'m usize>,
    ) -> impl Iterator<Item = &'m Wait<'c>> {
        let families = families.into_iter();
        let places: BTreeSet<usize> = families
            .filter_map(|index| self.waits_by_family.get(index))
            .flatten()
            .copied()
            .collect();
        places.into_iter().map(|place| &self.waits[place])
    }

    /// The waits within a range of a file.
    pub(super) fn waits_within(
        &self,
        file: FileId,
        range: TextRange,
    ) -> impl Iterator<Item = &Wait<'c>> {
        let start = |wait: &Wait<'_>| (wait.view.file, wait.await_.start());
        let from = (self.waits).partition_point(|wait| start(wait) < (file, range.start()));
        let to = (self.waits).partition_point(|wait| start(wait) <= (file, range.end()));
        let waits = self.waits[from..to].iter();
        waits.filter(move |wait| range.contains_range(wait.await_.range()))
    }
}

/// What an expression may hold, as far as tasks are concerned.
#[derive(Default)]
pub(super) struct Held {
    /// The calls that make the tasks.
    pub(super) sites: BTreeSet<Place>,
    /// Whether it may be a coroutine.
    pub(super) coroutine: bool,
    /// Whether it may be anything else.
    pub(super) other: bool,
}

/// Whether objects of this class are looked for where tasks may be held.
pub(super) fn is_held(class: &str) -> bool {
    matches!(class, TASK | offload::FUTURE) || timers::HANDLES.contains(&class)
}

/// What an expression, or the containers it is, may hold.
pub(super) fn held(cx: &Context<'_>, place: Place) -> Held {
    let mut out = Held::default();
    // A container or an iterator may hold itself.
    let mut seen: FxHashSet<Value> = FxHashSet::default();
    let mut todo: Vec<Value> = cx.program.values_at(place).collect();
    while let Some(value) = todo.pop() {
        if !seen.insert(value) {
            continue;
        }
        let flow = &cx.program.flow;
        match value {
            Value::Object(ty, site) if is_held(flow.text(ty)) => {
                let written = flow.written(site).0 as usize;
                // Where no call makes it, only an annotation says so.
                if let (Some(file), Some(call)) = (
                    flow.linked.call_files.get(written),
                    flow.linked.calls.get(written),
                ) {
                    let place = Place {
                        file: *file,
                        range: call.range,
                    };
                    if cx.once(Sites::new).has(place) {
                        out.coroutine = true;
                    } else if flow.text(ty) != offload::FUTURE || offload::starts_now(cx, place) {
                        out.sites.insert(place);
                    } else {
                        out.other = true;
                    }
                } else if flow.text(ty) == offload::FUTURE {
                    out.other = true;
                }
            }
            Value::Container(id) => {
                if let Some(container) = flow.linked.containers.get(id.0 as usize) {
                    // A dict with tasks for keys is a collection of them.
                    let keys: Vec<Value> = flow.values_of(container.keys).collect();
                    let is_task = |value: &Value| matches!(value, Value::Object(ty, _) if flow.text(*ty) == TASK);
                    if container.kind == ContainerKind::Dict && keys.iter().any(is_task) {
                        todo.extend(keys);
                        continue;
                    }
                    todo.extend(flow.values_of(container.elements));
                    for (_, node) in &container.items {
                        todo.extend(flow.values_of(*node));
                    }
                }
            }
            Value::Iterator(node) => todo.extend(flow.values_of(node)),
            Value::Coroutine(_) => out.coroutine = true,
            _ => out.other = true,
        }
    }
    out
}

/// Finds the tasks of the program and what is done with them.
pub(super) fn model<'c>(cx: &Context<'c>) -> Model<'c> {
    let mut spawns = spawns(cx);
    spawns.extend(timers::spawns(cx));
    spawns.extend(offload::spawns(cx));
    let mut model = Model {
        families: Vec::new(),
        waits: Vec::new(),
        odd_waits: Vec::new(),
        by_site: BTreeMap::new(),
        waits_by_family: BTreeMap::new(),
    };
    let mut spawns: BTreeMap<Place, Spawn<'c>> = spawns
        .into_iter()
        .map(|spawn| (spawn.site(), spawn))
        .collect();
    let foreign = foreign(cx);
    let in_place = cx.once(Sites::new);
    let mut clusters = made_clusters(cx.program, |ty| ty == TASK);
    clusters.retain(|it| it.sites.is_empty() || !it.sites.iter().all(|site| in_place.has(*site)));
    clusters.extend(made_clusters(cx.program, |ty| {
        timers::HANDLES.contains(&ty)
    }));
    let futures = made_clusters(cx.program, |ty| ty == offload::FUTURE);
    clusters.extend(
        futures
            .into_iter()
            .filter(|it| it.sites.iter().any(|site| offload::starts_now(cx, *site))),
    );
    for cluster in clusters {
        let mut family = Family::of(cluster, Vec::new());
        for site in family.cluster.sites.clone() {
            model.by_site.insert(site, model.families.len());
            match spawns.remove(&site) {
                Some(spawn) => family.spawns.push(spawn),
                None => {
                    family.refusal =
                        Some("it meets tasks that are made in a way that is not known".to_owned());
                }
            }
        }
        if meets_foreign(cx, &family, foreign) {
            family.refusal =
                Some("it meets tasks that do not come from a call in the program".to_owned());
        }
        collect_members(cx, &mut family);
        if !family.cluster.sites.is_empty() {
            model.families.push(family);
        }
    }
    gathered::collect(cx, &mut model);
    waiting::collect(cx, &mut model);
    check_places(cx, &mut model);
    model
}

/// Whether calls of libraries give tasks that they did not make: `asyncio.current_task()`, `asyncio.all_tasks()`, … Those
/// whose result is only asked for its name are left out.
fn foreign(cx: &Context<'_>) -> bool {
    cx.program.calls().any(|(file, call)| {
        let flow = &cx.program.flow;
        let external = flow
            .values_of(call.callee)
            .any(|value| matches!(value, Value::External(_) | Value::ExternalBound(..)));
        let gives = flow.values_of(call.result).any(|value| {
            matches!(value, Value::Object(ty, loopshift_engine::flow::value::CallId::NONE)
                if flow.text(ty) == TASK)
        });
        let asked = || {
            cx.view(file).is_some_and(|view| {
                view.tree.expr_at(call.range).is_some_and(|expr| {
                    matches!(
                        view.tree.parent(expr),
                        Some(AnyNodeRef::ExprAttribute(_) | AnyNodeRef::ExprCompare(_))
                    )
                })
            })
        };
        external && gives && !asked()
    })
}

/// Whether a task from outside may stand where one of the family does.
fn meets_foreign(cx: &Context<'_>, family: &Family<'_>, foreign: bool) -> bool {
    foreign
        && family.cluster.places.iter().any(|held| {
            cx.program.values_at(held.place).any(|value| {
                matches!(value, Value::Object(ty, loopshift_engine::flow::value::CallId::NONE)
                    if cx.program.flow.text(ty) == TASK)
            })
        })
}

/// All calls that make tasks.
fn spawns<'c>(cx: &Context<'c>) -> Vec<Spawn<'c>> {
    let mut out = Vec::new();
    for use_ in cx.uses {
        let (in_group, parameter) = match use_.api.as_str() {
            "asyncio.create_task" | "asyncio.AbstractEventLoop.create_task" => (false, "coro"),
            "asyncio.ensure_future" => (false, "coro_or_future"),
            "asyncio.TaskGroup.create_task" => (true, "coro"),
            _ => continue,
        };
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        let Some(call) = view.call_of(use_.place.range) else {
            continue;
        };
        if !use_.only {
            continue;
        }
        let Some(bound) = cx
            .catalog
            .get(&use_.api)
            .and_then(|api| cx.bind(api, call).ok())
        else {
            continue;
        };
        let Some(coro) = bound.get(parameter) else {
            continue;
        };
        if !bound.only(&[parameter, "name", "context"]) {
            continue;
        }
        let is_coroutine = match coro {
            // A call of something that is not known makes a coroutine, or asyncio would refuse it.
            Expr::Call(_) => !held(cx, view.place(coro)).sites.iter().any(|_| true),
            _ => {
                let held = held(cx, view.place(coro));
                held.coroutine && held.sites.is_empty() && !held.other
            }
        };
        let maybe_future =
            use_.api == "asyncio.ensure_future" && !is_library_coroutine(cx, view, coro) && {
                let held = held(cx, view.place(coro));
                !held.coroutine || held.other
            };
        if !is_coroutine || maybe_future {
            continue;
        }
        out.push(Spawn {
            callee: use_.place,
            api: use_.api.clone(),
            call,
            view,
            function: cx.program.function_at(use_.place),
            coro,
            beside: Vec::new(),
            in_group,
            timer: None,
            offloaded: false,
            looks_first: false,
        });
    }
    out
}

/// Whether the expression calls a coroutine function of asyncio: `event.wait()`, `queue.get()`. Those that give futures
/// are described as such in the catalog.
fn is_library_coroutine(cx: &Context<'_>, view: &View<'_>, coro: &Expr) -> bool {
    let Expr::Call(call) = coro else { return false };
    let of_library = cx
        .api_of(view, &call.func)
        .is_some_and(|api| api.starts_with("asyncio."));
    let mut values = cx.program.values_at(view.place(coro)).peekable();
    of_library && values.peek().is_some() && values.all(|it| matches!(it, Value::Awaitable(_)))
}

fn collect_members<'c>(cx: &Context<'c>, family: &mut Family<'c>) {
    // Where other objects may stand, a member that tasks don't have is theirs.
    let has = |member: &&Member| member.only || cx.catalog.get(&member.api).is_some();
    for member in family.cluster.members.iter().filter(has) {
        let Some(view) = cx.view(member.place.file) else {
            continue;
        };
        let Some(Expr::Attribute(attribute)) = view.tree.expr_at(member.place.range) else {
            continue;
        };
        let name = member.api.rsplit('.').next().unwrap_or_default().to_owned();
        if !member.only {
            let text = view.text(attribute.range);
            let reason = format!("`{text}` may be that of something else than a task");
            family.refusal = Some(with_other(cx, member.place, |it| it == TASK, &reason));
        }
        family.members.push(MemberUse {
            view,
            function: cx.program.function_at(member.place),
            attribute,
            call: view.call_of(member.place.range),
            api: member.api.clone(),
            name,
        });
    }
}

/// Refuses families with a use that is none of the known ones.
fn check_places(cx: &Context<'_>, model: &mut Model<'_>) {
    let known: BTreeSet<Place> = model
        .waits
        .iter()
        .filter_map(|wait| Some(wait.view.place(wait.call?)))
        .chain(model.waits.iter().filter_map(|wait| {
            // The shield within a `wait_for`.
            let call = wait.call?;
            let first = call.arguments.args.first()?;
            Some(wait.view.place(first))
        }))
        .collect();
    for family in &mut model.families {
        if family.refusal.is_some() {
            continue;
        }
        let escape = family.cluster.escapes.iter().find(|(place, reason)| {
            let followed = reason.starts_with("it is passed to `<builtin>") && is_named(cx, *place);
            !followed && !known.contains(place)
        });
        if let Some((_, reason)) = escape {
            family.refusal = Some(format!("the task leaves what is seen: {reason}"));
            continue;
        }
        for place in &family.cluster.places {
            if !place.only {
                let text = cx.program.text(place.place).lines().next().unwrap_or("");
                let reason = format!("`{text}` may be something else than a task");
                family.refusal = Some(with_other(cx, place.place, |it| it == TASK, &reason));
                break;
            }
        }
    }
}

/// Whether the name of the attribute that a `setattr` sets is written there: then it is followed.
fn is_named(cx: &Context<'_>, place: Place) -> bool {
    let call = cx.view(place.file).and_then(|view| {
        let expr = view.tree.expr_at(place.range)?;
        expr.as_call_expr()
    });
    call.is_some_and(|call| (call.arguments.args.get(1)).is_some_and(Expr::is_string_literal_expr))
}
