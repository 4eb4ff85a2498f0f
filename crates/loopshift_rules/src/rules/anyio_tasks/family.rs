//! Tasks that belong together, and everything that is done with them.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ContainerId, FuncId};
use loopshift_engine::objects::{Cluster, made_clusters};
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprAttribute, ExprAwait, ExprCall};

use super::keep::Keeping;
use crate::context::{Context, View};

const TASK: &str = "asyncio.Task";

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
    /// The coroutine.
    pub(super) coro: &'c Expr,
    /// Whether it is made in a task group of asyncio.
    pub(super) in_group: bool,
}

impl Spawn<'_> {
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
    /// `await asyncio.wait_for(asyncio.shield(t), …)`
    ShieldedFor,
    /// `await asyncio.shield(t)`
    Shield,
    /// `await asyncio.wait(ts)`
    All,
    /// `await asyncio.wait(ts, timeout=…)`
    AllTimeout,
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
    /// Why it stays, where that is clear already.
    pub(super) refusal: Option<String>,
}

/// All tasks of the program.
pub(super) struct Model<'c> {
    pub(super) families: Vec<Family<'c>>,
    pub(super) waits: Vec<Wait<'c>>,
    /// The family of each call that makes a task.
    pub(super) by_site: BTreeMap<Place, usize>,
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

/// What an expression, or the containers it is, may hold.
pub(super) fn held(cx: &Context<'_>, place: Place) -> Held {
    let mut out = Held::default();
    let mut seen: BTreeSet<ContainerId> = BTreeSet::new();
    let mut todo: Vec<Value> = cx.program.values_at(place).collect();
    while let Some(value) = todo.pop() {
        let flow = &cx.program.flow;
        match value {
            Value::Object(ty, site) if flow.text(ty) == TASK => {
                let written = flow.written(site).0 as usize;
                // Where no call makes it, only an annotation says so.
                if let (Some(file), Some(call)) = (
                    flow.linked.call_files.get(written),
                    flow.linked.calls.get(written),
                ) {
                    out.sites.insert(Place {
                        file: *file,
                        range: call.range,
                    });
                }
            }
            Value::Container(id) => {
                if seen.insert(id)
                    && let Some(container) = flow.linked.containers.get(id.0 as usize)
                {
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
    let spawns = spawns(cx);
    let mut model = Model {
        families: Vec::new(),
        waits: Vec::new(),
        by_site: BTreeMap::new(),
    };
    let mut spawns: BTreeMap<Place, Spawn<'c>> = spawns
        .into_iter()
        .map(|spawn| (spawn.site(), spawn))
        .collect();
    let foreign = foreign(cx);
    for cluster in made_clusters(cx.program, |ty| ty == TASK) {
        let mut family = Family {
            cluster,
            spawns: Vec::new(),
            members: Vec::new(),
            keeping: Keeping::default(),
            refusal: None,
        };
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
    collect_waits(cx, &mut model);
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
        let asked = cx.view(file).is_some_and(|view| {
            view.tree.expr_at(call.range).is_some_and(|expr| {
                matches!(
                    view.tree.parent(expr),
                    Some(AnyNodeRef::ExprAttribute(_) | AnyNodeRef::ExprCompare(_))
                )
            })
        });
        external && gives && !asked
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
        let maybe_future = use_.api == "asyncio.ensure_future" && {
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
            in_group,
        });
    }
    out
}

fn collect_members<'c>(cx: &Context<'c>, family: &mut Family<'c>) {
    for member in &family.cluster.members {
        let Some(view) = cx.view(member.place.file) else {
            continue;
        };
        let Some(Expr::Attribute(attribute)) = view.tree.expr_at(member.place.range) else {
            continue;
        };
        let name = member.api.rsplit('.').next().unwrap_or_default().to_owned();
        if !member.only {
            family.refusal = Some(format!(
                "`{}` may be that of something else than a task",
                view.text(attribute.range)
            ));
        }
        family.members.push(MemberUse {
            view,
            function: cx.program.function_at(member.place),
            attribute,
            call: view.call_of(member.place.range),
            name,
        });
    }
}

/// Waits: awaits of tasks, and calls of asyncio that are given tasks.
fn collect_waits<'c>(cx: &Context<'c>, model: &mut Model<'c>) {
    let mut waits: Vec<Wait<'c>> = Vec::new();
    for family in &model.families {
        for place in &family.cluster.places {
            let Some(view) = cx.view(place.place.file) else {
                continue;
            };
            let Some(expr) = view.tree.expr_at(place.place.range) else {
                continue;
            };
            if let Some(AnyNodeRef::ExprAwait(await_)) = view.tree.parent(expr) {
                waits.push(Wait {
                    view,
                    function: cx.program.function_at(place.place),
                    kind: WaitKind::Await,
                    await_,
                    call: None,
                    operands: vec![expr],
                    sites: held(cx, place.place).sites,
                    uses: Vec::new(),
                });
            }
        }
    }
    for use_ in cx.uses {
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        let Some(call) = view.call_of(use_.place.range) else {
            continue;
        };
        if !matches!(
            use_.api.as_str(),
            "asyncio.gather" | "asyncio.wait" | "asyncio.wait_for" | "asyncio.shield"
        ) {
            continue;
        }
        let wait = wait_of(cx, view, &use_.api, use_.place, call);
        let touched = touched(cx, view, call);
        match wait {
            Ok(Some(wait)) => waits.push(wait),
            Ok(None) => {}
            Err(reason) => {
                for site in touched {
                    if let Some(family) = model.by_site.get(&site) {
                        model.families[*family].refusal = Some(reason.clone());
                    }
                }
            }
        }
    }
    waits.sort_by_key(|wait| wait.view.place(wait.await_));
    waits.dedup_by_key(|wait| wait.view.place(wait.await_));
    model.waits = waits;
}

/// The tasks among the arguments of a call.
fn touched(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> BTreeSet<Place> {
    let mut out = BTreeSet::new();
    for argument in call.arguments.iter_source_order() {
        let expr = match argument.value() {
            Expr::Starred(starred) => &*starred.value,
            other => other,
        };
        out.extend(held(cx, view.place(expr)).sites);
        if let Expr::Call(inner) = expr
            && cx.api_of(view, &inner.func) == Some("asyncio.shield")
        {
            out.extend(touched(cx, view, inner));
        }
    }
    out
}

/// What a call of asyncio does with the tasks it is given; none where it is given none.
fn wait_of<'c>(
    cx: &Context<'c>,
    view: &'c View<'c>,
    api: &str,
    use_: Place,
    call: &'c ExprCall,
) -> Result<Option<Wait<'c>>, String> {
    let sites = touched(cx, view, call);
    if sites.is_empty() {
        return Ok(None);
    }
    let short = api.strip_prefix("asyncio.").unwrap_or(api);
    let row = cx.catalog.get(api).ok_or("it is not in the catalog")?;
    let bound = cx
        .bind(row, call)
        .map_err(|error| format!("the call of `{short}`: {error}"))?;
    // A shield within `wait_for` is spoken of there.
    let parent_call = match view.tree.parent(call) {
        Some(AnyNodeRef::Arguments(arguments)) => match view.tree.parent(arguments) {
            Some(AnyNodeRef::ExprCall(outer)) => Some(outer),
            _ => None,
        },
        _ => None,
    };
    if api == "asyncio.shield"
        && let Some(outer) = parent_call
        && cx.api_of(view, &outer.func) == Some("asyncio.wait_for")
    {
        return Ok(None);
    }
    let Some(await_) = view.await_of(call.range()) else {
        return Err(format!(
            "it is passed to `asyncio.{short}`, which is not awaited in place"
        ));
    };
    let make = |kind, operands: Vec<&'c Expr>, uses: Vec<Place>| {
        Ok(Some(Wait {
            view,
            function: cx.program.function_at(use_),
            kind,
            await_,
            call: Some(call),
            operands,
            sites: sites.clone(),
            uses,
        }))
    };
    match api {
        "asyncio.gather" => {
            let operands = bound.all("coros_or_futures").to_vec();
            let exceptions = match bound.get("return_exceptions") {
                None => false,
                Some(Expr::BooleanLiteral(literal)) => literal.value,
                Some(_) => {
                    return Err("`return_exceptions` of `gather` is not a literal".to_owned());
                }
            };
            for operand in &operands {
                let inner = match operand {
                    Expr::Starred(starred) => &*starred.value,
                    other => other,
                };
                let held = held(cx, view.place(inner));
                let plain_call = inner.is_call_expr() && held.sites.is_empty();
                if operand.is_starred_expr()
                    && (held.coroutine || held.other || held.sites.is_empty())
                {
                    return Err(
                        "it is gathered together with something that is not known to be a task"
                            .to_owned(),
                    );
                }
                if !plain_call && (held.coroutine || held.other || held.sites.is_empty()) {
                    return Err(
                        "it is gathered together with something that is not known to be a task"
                            .to_owned(),
                    );
                }
            }
            make(WaitKind::Gather { exceptions }, operands, vec![use_])
        }
        "asyncio.shield" => {
            let Some(task) = bound.get("arg") else {
                return Err("the call of `shield` has no argument".to_owned());
            };
            make(WaitKind::Shield, vec![task], vec![use_])
        }
        "asyncio.wait_for" => {
            let (Some(task), Some(_)) = (bound.get("fut"), bound.get("timeout")) else {
                return Err("the arguments of `wait_for` are not known".to_owned());
            };
            if let Expr::Call(inner) = task
                && cx.api_of(view, &inner.func) == Some("asyncio.shield")
            {
                let Some(task) = inner.arguments.args.first() else {
                    return Err("the call of `shield` has no argument".to_owned());
                };
                let uses = vec![use_, view.place(&*inner.func)];
                return make(WaitKind::ShieldedFor, vec![task], uses);
            }
            make(WaitKind::For, vec![task], vec![use_])
        }
        _ => {
            let Some(tasks) = bound.get("fs") else {
                return Err("the arguments of `wait` are not known".to_owned());
            };
            let held = held(cx, view.place(tasks));
            if held.coroutine || held.other {
                return Err(
                    "it is waited for together with something that is not known to be a task"
                        .to_owned(),
                );
            }
            let mut uses = vec![use_];
            if let Some(when) = bound.get("return_when") {
                if cx.api_of(view, when) != Some("asyncio.ALL_COMPLETED") {
                    return Err(
                        "it is waited for by `asyncio.wait` until the first is ready; \
                         `anyio.as_completed` does that, in another shape"
                            .to_owned(),
                    );
                }
                uses.push(view.place(when));
            }
            let timeout = bound
                .get("timeout")
                .is_some_and(|timeout| !timeout.is_none_literal_expr());
            let kind = if timeout {
                WaitKind::AllTimeout
            } else {
                WaitKind::All
            };
            make(kind, vec![tasks], uses)
        }
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
            !known.contains(place) && !(reason.starts_with("it is passed to `<builtin>"))
        });
        if let Some((_, reason)) = escape {
            family.refusal = Some(format!("the task leaves what is seen: {reason}"));
            continue;
        }
        for place in &family.cluster.places {
            if !place.only {
                family.refusal = Some(format!(
                    "`{}` may be something else than a task",
                    cx.program.text(place.place).lines().next().unwrap_or("")
                ));
                break;
            }
        }
    }
}
