//! Locks and semaphores of green threads.
//!
//! Whoever asks for a lock of gevent right after its release gets it, before those who wait; asyncio's go to who asked
//! first. Where the program could tell the difference a class of its own keeps the order.

mod fairness;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::objects::{Cluster, Member, clusters};
use loopshift_python::ast::{Expr, ExprCall};
use loopshift_python::edit::{Edit, Piece, pieces};
use loopshift_python::{Ranged, TextRange};
use rustc_hash::FxHashMap;

use crate::catalog::{Api, Kind};
use crate::common::caught;
use crate::common::green::{Threads, anchor, bracketed, helper, helper_for, made_in_loop, owners};
use crate::common::held::attributes;
use crate::common::objects::{Mention, Obstacle, decline, mention, method, receiver};
use crate::common::shared::is_statement;
use crate::context::{Context, View};

const RULE: &str = "green-lock";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let all = clusters(cx.program, |name| is_lock(cx, name));
    if all.is_empty() {
        return;
    }
    let owners = cx.once(owners);
    for cluster in &all {
        plan_cluster(cx, &owners, cluster, changes);
    }
}

/// Whether a class is one of locks.
fn is_lock(cx: &Context<'_>, class: &str) -> bool {
    let row = cx.catalog.get(class);
    row.is_some_and(|row| row.rule.as_deref() == Some(RULE) && row.kind == Kind::Class)
}

fn plan_cluster(
    cx: &Context<'_>,
    owners: &FxHashMap<Place, FuncId>,
    cluster: &Cluster,
    changes: &mut Vec<Change>,
) {
    let class = cluster.types.first().cloned().unwrap_or_default();
    let Some(place) = cluster.sites.first().copied() else {
        // Its uses are declined one by one.
        return;
    };
    let members = attributes(cx, cluster);
    let mut covers: Vec<Place> = members.iter().map(|member| member.place).collect();
    covers.extend(mentions(cx, cluster));
    let message = "a lock of asyncio takes its place";
    let mut change = Change::new(RULE, place, class.as_str(), message);
    change.covers.clone_from(&covers);
    let result = cluster_edits(cx, owners, cluster, &members, &mut change);
    changes.push(match result {
        Ok(()) => change,
        Err(because) => decline(cx, RULE, &class, place, covers, &because),
    });
}

/// Where classes of locks are named: looked at once for all locks of the program.
#[derive(Default)]
struct Named {
    /// The place and the class of each, by the call that makes an object of it.
    calls: FxHashMap<Place, Vec<(Place, String)>>,
    /// Those in annotations and the like.
    others: Vec<(Place, String)>,
}

fn all_named(cx: &Context<'_>) -> Named {
    let mut out = Named::default();
    for use_ in cx.uses.iter().filter(|use_| is_lock(cx, &use_.api)) {
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        let named = (use_.place, use_.api.clone());
        match mention(cx, view, use_.place.range) {
            Mention::Call(call) => {
                let of_call = out.calls.entry(view.place(call)).or_default();
                of_call.push(named);
            }
            Mention::Other => {}
            _ => out.others.push(named),
        }
    }
    out
}

/// Where the class of the objects is named: at the calls that make them, and in annotations.
fn mentions(cx: &Context<'_>, cluster: &Cluster) -> Vec<Place> {
    let named = cx.once(all_named);
    let calls = cluster.sites.iter().filter_map(|it| named.calls.get(it));
    let mut out: Vec<Place> = calls
        .flatten()
        .chain(&named.others)
        .filter(|(_, class)| cluster.types.contains(class))
        .map(|(place, _)| *place)
        .collect();
    out.sort_unstable();
    out
}

/// What the objects become.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Classes of asyncio.
    Plain,
    /// The semaphore of asyncio, which tells its count.
    Counted,
    /// Classes that are written into the module.
    Own,
}

fn cluster_edits(
    cx: &Context<'_>,
    owners: &FxHashMap<Place, FuncId>,
    cluster: &Cluster,
    members: &[Member],
    change: &mut Change,
) -> Result<(), Obstacle> {
    if let Some((place, reason)) = cluster
        .escapes
        .iter()
        .find(|(_, reason)| reason.ends_with("not known"))
    {
        return Err(Obstacle::new(*place, reason.clone()));
    }
    if cluster.from_outside {
        return Err(Obstacle {
            at: None,
            reason: "not all places where it is made are known".to_owned(),
        });
    }
    let form = form(cx, cluster, members);
    if conditions(cluster) {
        if form == Form::Own {
            return Err(Obstacle {
                at: None,
                reason: "a condition of asyncio has no answer to all that is asked of it"
                    .to_owned(),
            });
        }
        if let Some(place) = fairness::taken_again(cx, cluster) {
            return Err(Obstacle::new(
                place,
                "who holds it takes it again, which asyncio's does not allow",
            ));
        }
    }
    for site in &cluster.sites {
        if cluster
            .types
            .iter()
            .any(|ty| ty.contains("Capped") || ty.ends_with(".Condition"))
        {
            made_in_loop(cx, *site).map_err(|reason| Obstacle::new(*site, reason))?;
        }
        made(cx, *site, form, change).map_err(|reason| Obstacle::new(*site, reason))?;
    }
    for place in mentions(cx, cluster) {
        named(cx, place, form, change).map_err(|reason| Obstacle::new(place, reason))?;
    }
    let threads = cx.once(Threads::new);
    for member in members {
        threads
            .allow(cx, member.place)
            .map_err(|reason| Obstacle::new(member.place, reason))?;
        used(cx, owners, member, form, change)
            .map_err(|reason| Obstacle::new(member.place, reason))?;
    }
    Ok(())
}

fn form(cx: &Context<'_>, cluster: &Cluster, members: &[Member]) -> Form {
    // The lock of a condition is entered, and nobody who holds it enters it again.
    let entered = || members.iter().all(|member| method(member) != "acquire");
    let names = |name: &str| match name {
        "Semaphore" | "BoundedSemaphore" | "Lock" | "Condition" => true,
        "RLock" => conditions(cluster) && entered(),
        _ => false,
    };
    let plain = cluster.types.iter().all(|ty| names(last(ty)))
        && members.iter().all(|member| is_plain(cx, member));
    // Before 3.10 a lock belongs to the event loop that there is when it is made.
    if !plain || !cx.settings.python_has(3, 10) {
        return Form::Own;
    }
    // Those that stand in the standard library go to who asks next.
    let in_turn = |ty: &str| ty.starts_with("eventlet.") && !ty.starts_with("eventlet.patched.");
    let all_in_turn = cluster.types.iter().all(|ty| in_turn(ty));
    let counts = |member: &Member| COUNTS.contains(&method(member));
    if all_in_turn && members.iter().any(counts) {
        return Form::Counted;
    }
    if all_in_turn || conditions(cluster) || fairness::is_unseen(cx, cluster, members) {
        Form::Plain
    } else {
        Form::Own
    }
}

/// Whether conditions are among the objects, or locks that belong to some.
fn conditions(cluster: &Cluster) -> bool {
    cluster.types.iter().any(|ty| ty.ends_with(".Condition"))
        || cluster
            .escapes
            .iter()
            .any(|(_, reason)| reason.contains(".Condition`"))
}

/// Whether asyncio's classes have an answer to the use.
fn is_plain(cx: &Context<'_>, member: &Member) -> bool {
    match method(member) {
        "acquire" | "locked" | "ready" | "balance" => true,
        "counter" => member.api.starts_with("eventlet."),
        "wait" | "wait_for" | "notify" | "notify_all" | "notifyAll" => {
            member.api.contains(".Condition.")
        }
        // What it gives is gevent's own.
        "release" => cx.view(member.place.file).is_some_and(|view| {
            let call = view.call_of(member.place.range);
            call.is_none_or(|call| is_statement(view, call))
        }),
        _ => false,
    }
}

/// What eventlet's semaphores tell of their count.
const COUNTS: &[&str] = &["balance", "counter"];

/// The last part of a name.
fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// The class that takes the place of one, with what stands before the closing bracket of a call that makes an object.
fn class_of(cx: &Context<'_>, api: &str, form: Form) -> Result<(Vec<Piece>, &'static str), String> {
    let name = last(api);
    // A lock that nobody holds and a semaphore of which nothing is taken end in errors of different classes.
    let by_error = || cx.mentions("RuntimeError") || cx.mentions("ValueError");
    let own = match name {
        "RLock" if form == Form::Plain => None,
        "RLock" | "DummySemaphore" | "CappedSemaphore" => Some(name),
        "Semaphore" if form == Form::Counted => Some("CountedSemaphore"),
        "BoundedSemaphore" if form == Form::Counted => Some("LimitedSemaphore"),
        _ if form == Form::Counted => {
            return Err("semaphores of event loops do not show their count".to_owned());
        }
        "Lock" if form == Form::Own && by_error() => Some("TaskLock"),
        _ if form == Form::Own => Some("Semaphore"),
        _ => None,
    };
    let Some(own) = own else {
        let name = if name == "RLock" { "Lock" } else { name };
        let mut text = pieces("{@asyncio}", &[]);
        text.push(format!(".{name}").into());
        return Ok((text, ""));
    };
    let helper = helper(own).ok_or("a helper is missing")?;
    let bounded = matches!(name, "BoundedSemaphore" | "Lock") && own == "Semaphore";
    if name == "Condition" {
        return Err("a condition of asyncio has no answer to all that is asked of it".to_owned());
    }
    let last = if bounded { "bounded=True" } else { "" };
    Ok((vec![Piece::Helper(helper)], last))
}

/// The call that makes an object.
fn made(cx: &Context<'_>, site: Place, form: Form, change: &mut Change) -> Result<(), String> {
    let view = cx.view(site.file).ok_or("its file can't be edited")?;
    let Some(Expr::Call(call)) = view.tree.expr_at(site.range) else {
        return Err("the call that makes it was not found".to_owned());
    };
    // A factory makes it: the class is named there.
    let Some(api) = cx.api_of(view, &call.func) else {
        return Err("what makes it may be something else, too".to_owned());
    };
    let Some(row) = cx.catalog.get(api).filter(|row| is_lock(cx, &row.name)) else {
        return Ok(());
    };
    if !view.is_direct(&call.func) {
        return Err("it is made through a variable that may hold something else".to_owned());
    }
    let bound = cx.bind(row, call).map_err(|error| error.to_string())?;
    let (mut text, last) = class_of(cx, &row.name, form)?;
    let arguments = ["value", "count", "limit", "lock"]
        .iter()
        .filter_map(|name| bound.get(name));
    text.push("(".into());
    let mut separator = "";
    for argument in arguments {
        text.extend([separator.into(), Piece::Source(argument.range())]);
        separator = ", ";
    }
    if !last.is_empty() {
        text.extend([separator.into(), last.into()]);
    }
    text.push(")".into());
    let edit = Edit::Replace {
        range: call.range(),
        pieces: text,
    };
    change.edits.push((site.file, edit));
    Ok(())
}

/// The class where it is not called.
fn named(cx: &Context<'_>, place: Place, form: Form, change: &mut Change) -> Result<(), String> {
    let view = cx.view(place.file).ok_or("its file can't be edited")?;
    let expr = view.tree.expr_at(place.range).ok_or("it can't be found")?;
    if view.call_of(place.range).is_some() {
        return Ok(());
    }
    let api = cx.api_of(view, expr).ok_or("it may be something else")?;
    let (mut text, last) = class_of(cx, api, form)?;
    let makes = matches!(mention(cx, view, place.range), Mention::Factory(_));
    if makes && !last.is_empty() {
        text.insert(0, "lambda: ".into());
        text.push(format!("({last})").into());
    }
    let edit = Edit::Replace {
        range: place.range,
        pieces: text,
    };
    change.edits.push((place.file, edit));
    Ok(())
}

/// A use of an object.
fn used(
    cx: &Context<'_>,
    owners: &FxHashMap<Place, FuncId>,
    member: &Member,
    form: Form,
    change: &mut Change,
) -> Result<(), String> {
    let view = cx
        .view(member.place.file)
        .ok_or("its file can't be edited")?;
    let api: &Api = cx
        .catalog
        .get(&member.api)
        .ok_or("nothing is known of it")?;
    if let Some(why_not) = &api.why_not {
        return Err(why_not.to_string());
    }
    if !member.only && !is_of_locks(cx, member) {
        return Err("it may be of something else".to_owned());
    }
    let name = method(member);
    let known = match form {
        Form::Plain | Form::Counted => is_plain(cx, member),
        Form::Own => matches!(
            name,
            "acquire" | "release" | "locked" | "ready" | "counter" | "bounded"
        ),
    };
    if !known {
        return Err(format!("`{name}` has no counterpart"));
    }
    if name == "release" && form != Form::Own {
        let errors = ["ValueError", "RuntimeError"];
        caught::caveat_around(cx, change, view, member.place.range, &errors);
    }
    let call = view.call_of(member.place.range);
    let waits = matches!(name, "acquire" | "wait" | "wait_for")
        || (name == "release" && member.api.contains("Capped"));
    let text = match (name, call) {
        ("ready", Some(call)) if form != Form::Own => {
            let lock = receiver(view, member.place.range).ok_or("its lock was not found")?;
            let text = pieces("(not {0}.locked())", &[Piece::Source(lock.range())]);
            change.edits.push((
                view.file,
                Edit::Replace {
                    range: call.range(),
                    pieces: text,
                },
            ));
            return Ok(());
        }
        ("notifyAll", Some(call)) => {
            let lock = receiver(view, member.place.range).ok_or("its lock was not found")?;
            let text = pieces("{0}.notify_all()", &[Piece::Source(lock.range())]);
            change.edits.push((
                view.file,
                Edit::Replace {
                    range: call.range(),
                    pieces: text,
                },
            ));
            return Ok(());
        }
        ("wait" | "wait_for", Some(call)) => waited(cx, view, api, name, call)?,
        (_, Some(call)) if waits => acquired(cx, view, api, call, form)?,
        (_, None) if waits => return Err("it is passed on as a function".to_owned()),
        _ => return Ok(()),
    };
    let Some(call) = call else { return Ok(()) };
    let owner = owners.get(&view.place(call));
    change.requires.push(anchor(
        cx,
        *owner.ok_or("the function that waits was not found")?,
    ));
    let expr = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
    let edit = Edit::Replace {
        range: call.range(),
        pieces: bracketed(view, expr, text),
    };
    change.edits.push((view.file, edit));
    Ok(())
}

/// Whether all that stands there is the same method of locks.
fn is_of_locks(cx: &Context<'_>, member: &Member) -> bool {
    let name = method(member);
    cx.program.values_at(member.place).all(|value| match value {
        Value::ExternalBound(sym, _) => {
            let full = cx.program.flow.text(sym);
            let class = full.strip_suffix(name).and_then(|it| it.strip_suffix('.'));
            class.is_some_and(|class| is_lock(cx, class))
        }
        _ => false,
    })
}

/// The call that waits for a condition, which says whether it came in time.
fn waited<'c>(
    cx: &Context<'c>,
    view: &View<'_>,
    api: &'c Api,
    name: &str,
    call: &'c ExprCall,
) -> Result<Vec<Piece>, String> {
    let bound = cx.bind(api, call).map_err(|error| error.to_string())?;
    let predicate = bound.get("predicate").map(|it| Piece::Source(it.range()));
    let lock = receiver(view, call.func.range()).ok_or("its lock was not found")?;
    let lock = Piece::Source(lock.range());
    let timeout = bound.get("timeout").filter(|it| !it.is_none_literal_expr());
    let Some(timeout) = timeout else {
        let mut text = vec!["await ".into(), lock, format!(".{name}(").into()];
        text.extend(predicate);
        text.push(")".into());
        return Ok(text);
    };
    let helper =
        helper_for(cx.settings, &format!("condition_{name}")).ok_or("a helper is missing")?;
    let mut text = vec!["await ".into(), Piece::Helper(helper), "(".into(), lock];
    if let Some(predicate) = predicate {
        text.extend([", ".into(), predicate]);
    }
    text.extend([", ".into(), Piece::Source(timeout.range()), ")".into()]);
    Ok(text)
}

/// The call that takes a lock.
fn acquired<'c>(
    cx: &Context<'c>,
    view: &View<'_>,
    api: &'c Api,
    call: &'c ExprCall,
    form: Form,
) -> Result<Vec<Piece>, String> {
    let whole: TextRange = crate::common::arguments::inside(call);
    let func = Piece::Source(call.func.range());
    if form == Form::Own {
        return Ok(vec![
            "await ".into(),
            func,
            "(".into(),
            Piece::Source(whole),
            ")".into(),
        ]);
    }
    let bound = cx.bind(api, call).map_err(|error| error.to_string())?;
    let blocking = match bound.get("blocking") {
        None => Some(true),
        Some(Expr::BooleanLiteral(it)) => Some(it.value),
        Some(_) => None,
    };
    // Before it waited for ever with -1.
    let timeout = bound
        .get("timeout")
        .filter(|it| !it.is_none_literal_expr() && crate::common::shared::number(it) != Some(-1.0));
    if let (Some(true), None) = (blocking, timeout) {
        return Ok(vec!["await ".into(), func, "()".into()]);
    }
    let helper = helper_for(cx.settings, "acquire").ok_or("a helper is missing")?;
    let lock = receiver(view, call.func.range()).ok_or("its lock was not found")?;
    let mut text = vec!["await ".into(), Piece::Helper(helper), "(".into()];
    text.push(Piece::Source(lock.range()));
    if blocking != Some(true)
        && let Some(blocking) = bound.get("blocking")
    {
        text.extend([", ".into(), Piece::Source(blocking.range())]);
    }
    if let Some(timeout) = timeout {
        text.extend([", timeout=".into(), Piece::Source(timeout.range())]);
    }
    text.push(")".into());
    Ok(text)
}
