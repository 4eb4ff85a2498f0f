//! `with asyncio.Runner() as runner` becomes a blocking portal, or `anyio.run` where it runs one coroutine.

use loopshift_engine::change::Change;
use loopshift_engine::flow::Target;
use loopshift_engine::flow::value::Value;
use loopshift_engine::objects::{Cluster, clusters};
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::{Edit, Piece, pieces};

use super::{RULE, inside, options, runnable, single};
use crate::common::awaited::coroutines;
use crate::common::code::Reach;
use crate::common::objects::{Mention, mention};
use crate::context::{Context, View};

pub(super) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for cluster in clusters(cx.program, |ty| ty == "asyncio.Runner") {
        match convert(cx, &cluster) {
            Ok(change) => changes.push(change),
            Err(reason) => {
                for site in &cluster.sites {
                    let Some(Expr::Call(call)) = cx
                        .view(site.file)
                        .and_then(|view| view.tree.expr_at(site.range))
                    else {
                        continue;
                    };
                    let place = loopshift_engine::change::Place {
                        file: site.file,
                        range: call.func.range(),
                    };
                    changes.push(Change::declined(
                        RULE,
                        place,
                        "asyncio.Runner",
                        reason.clone(),
                    ));
                }
                for member in &cluster.members {
                    changes.push(Change::declined(
                        RULE,
                        member.place,
                        member.api.clone(),
                        reason.clone(),
                    ));
                }
            }
        }
    }
}

fn convert(cx: &Context<'_>, cluster: &Cluster) -> Result<Change, String> {
    if cluster.from_outside || !cluster.escapes.is_empty() {
        return Err("the runner is passed to code that can't be seen".to_owned());
    }
    let [site] = cluster.sites.as_slice() else {
        return Err("it is one of several runners".to_owned());
    };
    let view = cx.view(site.file).ok_or("the file can't be edited")?;
    let Some(Expr::Call(call)) = view.tree.expr_at(site.range) else {
        return Err("it is not made by a call".to_owned());
    };
    let api = cx
        .catalog
        .get("asyncio.Runner")
        .ok_or("it is not in the catalog")?;
    let Some(AnyNodeRef::WithItem(_)) = view.tree.parent(call) else {
        return Err("it is not made by a `with`, which ends it".to_owned());
    };
    if let Some(change) = single::convert(cx, cluster, view, call) {
        return Ok(change);
    }
    let mut change = Change::new(
        RULE,
        view.place(&*call.func),
        "asyncio.Runner",
        "the runner becomes a blocking portal",
    );
    let bound = cx.bind(api, call).map_err(|error| error.to_string())?;
    change.edit(Edit::replace(
        call.func.range(),
        "{@anyio.from_thread}.start_blocking_portal",
        &[],
    ));
    let mut given = options(&bound);
    if let Some(first) = given.first_mut() {
        *first = Piece::from("backend_options={");
        change.edit(Edit::Replace {
            range: inside(call),
            pieces: given,
        });
    }
    if !cluster.places.iter().all(|held| held.only) {
        return Err("the runner may be something else where it goes".to_owned());
    }
    annotations(cx, &mut change)?;
    let reach = cx.once(Reach::new);
    for member in &cluster.members {
        if member.api != "asyncio.Runner.run" {
            let name = member.api.rsplit('.').next().unwrap_or(&member.api);
            return Err(format!("a blocking portal has no `{name}`"));
        }
        let view = cx
            .view(member.place.file)
            .ok_or("the file can't be edited")?;
        let call = view
            .call_of(member.place.range)
            .ok_or("`run` is passed on as a function")?;
        let Expr::Attribute(attribute) = &*call.func else {
            return Err("`run` is passed on as a function".to_owned());
        };
        let ([main], true) = (&*call.arguments.args, call.arguments.keywords.is_empty()) else {
            return Err("a blocking portal takes no context".to_owned());
        };
        if let Some(name) = bound_to_thread(cx, &reach, view, main) {
            return Err(format!(
                "`{name}` is called in what it runs: a portal keeps no context variables from one call to the next, and runs in a thread of its own"
            ));
        }
        change.covers.push(member.place);
        change.edits.push((
            member.place.file,
            Edit::replace(attribute.attr.range(), "call", &[]),
        ));
        change.edits.push((
            member.place.file,
            Edit::Replace {
                range: inside(call),
                pieces: runnable(cx, view, Some(call), main)?,
            },
        ));
    }
    if uses_context(cx) {
        change.caveat(
            "a portal runs in a thread of its own and keeps no context variables from one call to the next",
        );
    }
    Ok(change)
}

/// What names the class: the runner goes where its annotations say.
fn annotations(cx: &Context<'_>, change: &mut Change) -> Result<(), String> {
    for use_ in cx.uses.iter().filter(|it| it.api == "asyncio.Runner") {
        let view = cx.view(use_.place.file).ok_or("the file can't be edited")?;
        match mention(cx, view, use_.place.range) {
            Mention::Call(_) => {}
            Mention::Annotation(_) => {
                let class = pieces("{@anyio.from_thread}.BlockingPortal", &[]);
                let range = use_.place.range;
                let edit = Edit::Replace {
                    range,
                    pieces: class,
                };
                change.covers.push(use_.place);
                change.edits.push((use_.place.file, edit));
            }
            _ => return Err("the class of runners itself is used as a value".to_owned()),
        }
    }
    Ok(())
}

/// What the coroutine calls, directly or not, that shows that it runs in another thread, or in another context than the
/// one before.
fn bound_to_thread(
    cx: &Context<'_>,
    reach: &Reach,
    view: &View<'_>,
    main: &Expr,
) -> Option<String> {
    let functions = reach.from(coroutines(cx, view, main));
    cx.program
        .calls()
        .filter(|(_, call)| functions.contains(&call.owner))
        .flat_map(|(_, call)| cx.program.callees(call))
        .find_map(|target| match target {
            Target::External(sym) => {
                let name = cx.program.flow.text(*sym);
                let shows = matches!(
                    name,
                    "contextvars.ContextVar.set"
                        | "threading.current_thread"
                        | "threading.get_ident"
                        | "threading.get_native_id"
                ) || name.starts_with("signal.")
                    || name.ends_with(".add_signal_handler");
                shows.then(|| name.to_owned())
            }
            Target::Func(_) => None,
        })
}

/// Whether the program knows context variables, thread-local data or signals.
fn uses_context(cx: &Context<'_>) -> bool {
    let flow = &cx.program.flow;
    flow.linked.modules.iter().any(|module| {
        module.exprs.iter().any(|(_, node)| {
            flow.values_of(*node).any(|value| {
                let Value::External(sym) = value else {
                    return false;
                };
                let name = flow.text(sym);
                name.starts_with("contextvars.")
                    || name.starts_with("signal.")
                    || matches!(
                        name,
                        "threading.local"
                            | "threading.current_thread"
                            | "threading.get_ident"
                            | "threading.main_thread"
                    )
            })
        })
    })
}
