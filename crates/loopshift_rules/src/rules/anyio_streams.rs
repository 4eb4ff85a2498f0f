//! Streams of sockets and pipes: `StreamReader` and `StreamWriter` become one buffered stream, under both names.
//!
//! All streams of the program move together: a function that is given a reader can't tell where it comes from.

mod apart;
pub(crate) mod byte_streams;
mod connections;
mod errors;
mod fed;
mod handed;
mod kept;
mod left;
mod listener;
mod servers;
mod sockets;
mod wrapping;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::objects::{Cluster, Member, clusters};
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr};
use loopshift_python::edit::Edit;

use crate::common::held::attributes;
use crate::common::what_else::with_other;
use crate::context::Context;
use byte_streams::{Manner, lines, reader_member, writer_member};
use wrapping::Wrapping;

const RULE: &str = "anyio-streams";
const SERVER_RULE: &str = "anyio-server";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let places = all_uses(cx);
    let Some((first, api)) = places.first() else {
        return;
    };
    let has_server = places
        .iter()
        .any(|(_, api)| api.starts_with("asyncio.start_"));
    let mut change = Change::new(
        if has_server { SERVER_RULE } else { RULE },
        *first,
        api.clone(),
        "readers and writers become streams of AnyIO",
    );
    change.covers = places.iter().skip(1).map(|(place, _)| *place).collect();
    match convert(cx, &mut change) {
        Ok(()) => changes.push(change),
        Err((place, reason)) => {
            let (path, line) = (&cx.program.file(place.file).path, cx.program.line(place));
            let reason = format!("all streams move together, and at {path}:{line} {reason}");
            for (place, api) in places {
                changes.push(Change::declined(change.rule, place, api, reason.clone()));
            }
        }
    }
}

/// Declines nothing of its own: the streams' rule speaks for servers, too.
pub(crate) fn plan_servers(_: &Context<'_>, _: &mut Vec<Change>) {}

/// Every use of streams and servers.
fn all_uses(cx: &Context<'_>) -> Vec<(Place, String)> {
    let mut all: Vec<(Place, String)> = cx
        .uses
        .iter()
        .filter(|use_| {
            let rule = cx
                .catalog
                .get(&use_.api)
                .and_then(|api| api.rule.as_deref());
            matches!(rule, Some(RULE | SERVER_RULE))
                || [
                    "asyncio.StreamReader.",
                    "asyncio.StreamWriter.",
                    "asyncio.Server.",
                    "asyncio.AbstractServer.",
                ]
                .iter()
                .any(|prefix| use_.api.starts_with(prefix))
        })
        .map(|use_| (use_.place, use_.api.clone()))
        .collect();
    all.extend(
        iterated(cx)
            .into_iter()
            .map(|place| (place, "asyncio.StreamReader.__aiter__".to_owned())),
    );
    all.sort();
    all.dedup_by_key(|(place, _)| *place);
    all
}

/// The readers that are iterated.
fn iterated(cx: &Context<'_>) -> Vec<Place> {
    clusters(cx.program, |ty| ty == "asyncio.StreamReader")
        .iter()
        .flat_map(|cluster| &cluster.places)
        .map(|held| held.place)
        .filter(|place| {
            let parent = cx.view(place.file).and_then(|view| {
                let expr = view.tree.expr_at(place.range)?;
                view.tree.parent(expr)
            });
            match parent {
                Some(AnyNodeRef::StmtFor(for_)) => for_.iter.range() == place.range,
                Some(AnyNodeRef::Comprehension(part)) => part.iter.range() == place.range,
                _ => false,
            }
        })
        .collect()
}

/// The place of the change that moves all streams together, where anything is done with streams.
pub(crate) fn moved_at(cx: &Context<'_>) -> Option<Place> {
    all_uses(cx).first().map(|(place, _)| *place)
}

type Obstacle = (Place, String);

fn convert(cx: &Context<'_>, change: &mut Change) -> Result<(), Obstacle> {
    let first = change.place;
    if !cx.anyio_has(4, 10) {
        return Err((
            first,
            "a buffered stream is needed that AnyIO has from 4.10 on".to_owned(),
        ));
    }
    let streams = clusters(cx.program, is_stream);
    for cluster in &streams {
        known(cx, cluster)?;
    }
    let pipes = pipe_uses(cx);
    let manner = Manner {
        partial: errors::looks_at_parts(cx),
        apart: apart::are_apart(cx),
        pipes: !pipes.is_empty(),
        sockets: cx.uses.iter().any(|use_| {
            use_.api.starts_with("asyncio.open_") || use_.api.starts_with("asyncio.start_")
        }),
    };
    let wrapping = Wrapping::new(cx, &streams, manner);
    for use_ in cx.uses {
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        let at = |reason: String| (use_.place, reason);
        let method = use_.api.rsplit('.').next().unwrap_or(&use_.api);
        let edits = if use_.api.starts_with("asyncio.StreamReader.") {
            if method.starts_with("__") || fed::feeds(cx, view, use_, method) {
                continue;
            }
            reader_member(view, use_.place.range, method, manner).map_err(at)?
        } else if use_.api.starts_with("asyncio.StreamWriter.") {
            writer_member(view, use_.place.range, method, manner).map_err(at)?
        } else {
            continue;
        };
        let certain = streams.iter().any(|cluster| {
            cluster
                .members
                .iter()
                .any(|member| member.place == use_.place && member.only)
        });
        if !certain {
            return Err((use_.place, or_else(cx, use_.place)));
        }
        change
            .edits
            .extend(edits.into_iter().map(|edit| (use_.place.file, edit)));
    }
    iterations(cx, change)?;
    annotations(cx, manner, change)?;
    connections::convert(cx, wrapping, change)?;
    servers::convert(cx, wrapping, change)?;
    errors::convert(cx, wrapping.shared, change)?;
    change.covers.extend(pipes.iter().copied());
    change.requires.extend(processes(cx));
    Ok(())
}

/// The calls that start processes with pipes.
fn processes(cx: &Context<'_>) -> Vec<Place> {
    clusters(cx.program, |ty| ty == "asyncio.subprocess.Process")
        .iter()
        .filter(|cluster| attributes(cx, cluster).iter().any(is_pipe))
        .flat_map(|cluster| &cluster.sites)
        .filter_map(|site| {
            let view = cx.view(site.file)?;
            match view.tree.expr_at(site.range)? {
                Expr::Call(call) => Some(view.place(&*call.func)),
                _ => None,
            }
        })
        .collect()
}

fn is_pipe(member: &Member) -> bool {
    matches!(
        member.api.as_str(),
        "asyncio.subprocess.Process.stdin"
            | "asyncio.subprocess.Process.stdout"
            | "asyncio.subprocess.Process.stderr"
    )
}

/// The attributes of processes that are pipes.
fn pipe_uses(cx: &Context<'_>) -> Vec<Place> {
    clusters(cx.program, |ty| ty == "asyncio.subprocess.Process")
        .iter()
        .flat_map(|cluster| attributes(cx, cluster))
        .filter(is_pipe)
        .map(|member| member.place)
        .collect()
}

fn is_stream(class: &str) -> bool {
    class == "asyncio.StreamReader" || class == "asyncio.StreamWriter"
}

/// Why what may be a stream, and may be none, stays.
fn or_else(cx: &Context<'_>, place: Place) -> String {
    let reason = "something may be a stream or something else";
    with_other(cx, place, is_stream, reason)
}

fn known(cx: &Context<'_>, cluster: &Cluster) -> Result<(), Obstacle> {
    if let Some((place, reason)) = cluster.escapes.first() {
        return Err((
            *place,
            format!("a stream leaves what can be seen: {reason}"),
        ));
    }
    for site in &cluster.sites {
        if let Some(call) = fed::reader_at(cx, *site) {
            match fed::refusal(call) {
                Some(reason) => return Err((*site, reason.to_owned())),
                None => continue,
            }
        }
        let api = cx
            .view(site.file)
            .and_then(|view| match view.tree.expr_at(site.range)? {
                Expr::Call(call) => cx.api_of(view, &call.func),
                _ => None,
            });
        if matches!(api, None | Some("asyncio.StreamWriter")) {
            return Err((*site, "a stream is made by hand".to_owned()));
        }
    }
    for held in &cluster.places {
        if !held.only {
            return Err((held.place, or_else(cx, held.place)));
        }
    }
    Ok(())
}

/// `async for line in reader`.
fn iterations(cx: &Context<'_>, change: &mut Change) -> Result<(), Obstacle> {
    for place in iterated(cx) {
        let found = cx.view(place.file).and_then(|view| {
            let expr = view.tree.expr_at(place.range)?;
            Some((view, expr))
        });
        let Some((view, expr)) = found else {
            continue;
        };
        let edits = lines(view, expr).map_err(|reason| (place, reason))?;
        change
            .edits
            .extend(edits.into_iter().map(|edit| (place.file, edit)));
    }
    Ok(())
}

/// The classes, as annotations and in tests.
fn annotations(cx: &Context<'_>, manner: Manner, change: &mut Change) -> Result<(), Obstacle> {
    for use_ in cx.uses {
        let class = match use_.api.as_str() {
            "asyncio.StreamReader" if manner.pipes => {
                "{@anyio.streams.buffered:BufferedByteReceiveStream}"
            }
            "asyncio.StreamWriter" if manner.pipes => "{@anyio.abc}.ByteSendStream",
            "asyncio.StreamReader" | "asyncio.StreamWriter" => {
                "{@anyio.streams.buffered:BufferedByteStream}"
            }
            "asyncio.Server" | "asyncio.AbstractServer" => "{@anyio.abc}.Listener",
            _ => continue,
        };
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        let Some(expr) = view.tree.expr_at(use_.place.range) else {
            continue;
        };
        if let Some(call) = view.call_of(use_.place.range) {
            if !fed::is_reader(cx, view, call) {
                return Err((use_.place, "a stream is made by hand".to_owned()));
            }
            change.edits.push((use_.place.file, fed::made(call)));
            continue;
        }
        if !view.is_direct(expr) {
            return Err((
                use_.place,
                "the class is used through a variable".to_owned(),
            ));
        }
        change
            .edits
            .push((use_.place.file, Edit::replace(use_.place.range, class, &[])));
    }
    Ok(())
}
