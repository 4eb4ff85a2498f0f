//! `asyncio.Queue` becomes the two ends of a memory object stream.
//!
//! A queue is one object, a stream has two ends: every variable, attribute, parameter and container that keeps the queue
//! keeps the end or ends that are needed there. That is done for all of them at once, or not at all.

mod annotations;
mod calls;
mod caveats;
mod collect;
mod everywhere;
mod excepts;
mod helper;
mod members;
mod names;
mod reading;
mod slots;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::ir::Node;
use loopshift_engine::objects::Cluster;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::{Ranged, TextRange};

use self::annotations::{Kind, one};
use self::collect::{Collected, Fact, collect};
use self::excepts::Raiser;
use self::members::{Bound, bound_of, size_argument};
use self::names::Texts;
use self::slots::Slot;
use self::write::{Writer, replace};
use crate::common::objects::{Family, Mention, Obstacle, mention};
use crate::common::order::Order;
use crate::context::{Context, View};

pub(crate) const RULE: &str = "anyio-queue";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let mut planned: Vec<Change> = Vec::new();
    let family = Family::new(cx, "asyncio.Queue");
    let mut named = Named::default();
    let references = references(cx, &family, &mut named, &mut planned);
    let order = (!family.clusters.is_empty()).then(|| Order::new(cx));
    let texts = Texts::new(cx);
    let mut raisers: Vec<Raiser<'_>> = Vec::new();
    for (index, cluster) in family.clusters.iter().enumerate() {
        let references = &references[index];
        let bound = bound(cx, references);
        let whole = references.obstacle.is_some()
            || helper::is_joined(cluster)
            || caveats::are_seen(cx, cluster, bound)
            || order
                .as_ref()
                .is_some_and(|order| order.is_seen(caveats::switches(cluster, bound)));
        let change = if whole {
            helper::whole(cx, cluster, references)
        } else {
            // What streams can't do, one object still can.
            split(cx, &texts, cluster, references)
                .unwrap_or_else(|| helper::whole(cx, cluster, references))
        };
        raisers.push(Raiser {
            change: planned.len(),
            cluster,
            unbounded: bound == Bound::Unbounded,
        });
        planned.push(change);
    }
    let families = helper::ordered(cx, &named, &mut planned);
    for (family, changes) in &families {
        for (cluster, change) in family.clusters.iter().zip(changes) {
            raisers.push(Raiser {
                change: *change,
                cluster,
                unbounded: false,
            });
        }
    }
    excepts::plan(cx, &raisers, &mut planned);
    changes.append(&mut planned);
}

/// Whether the queues of a cluster have a bound.
fn bound(cx: &Context<'_>, references: &References<'_>) -> Bound {
    let mut bound = None;
    for (place, call) in &references.sites {
        let Some(view) = cx.view(place.file) else {
            continue;
        };
        let size = call.and_then(size_argument).map(|(size, _)| size);
        let this = bound_of(cx, view, size);
        bound = match bound {
            None => Some(this),
            Some(known) if known == this => Some(known),
            Some(_) => Some(Bound::Unknown),
        };
    }
    bound.unwrap_or(Bound::Unknown)
}

/// How a cluster is referred to by the name of its class.
#[derive(Default)]
pub(crate) struct References<'v> {
    /// Where it is made: the reference, and the call, if it is one.
    sites: Vec<(Place, Option<&'v ExprCall>)>,
    /// In annotations, with what they annotate.
    annotated: Vec<(Place, Node)>,
    /// What stands in the way.
    obstacle: Option<Obstacle>,
}

/// How the program names the class where it may speak of queues of a class that derives from it.
#[derive(Default)]
struct Named {
    /// In annotations that speak of no plain queue, with what they annotate.
    annotations: Vec<(Place, Node)>,
    /// As a value: what it is compared with is not known.
    as_value: Option<Obstacle>,
}

/// All references to the class, by cluster. Those that belong to none are declined on their own, but for those that `named`
/// has.
fn references<'v>(
    cx: &'v Context<'v>,
    family: &Family,
    named: &mut Named,
    changes: &mut Vec<Change>,
) -> Vec<References<'v>> {
    let mut out: Vec<References<'v>> = family
        .clusters
        .iter()
        .map(|_| References::default())
        .collect();
    let mut blocked: Option<Obstacle> = None;
    let mut seen = BTreeSet::new();
    for use_ in cx.uses.iter().filter(|use_| use_.api == family.ty) {
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        if !seen.insert(use_.place) {
            continue;
        }
        let direct = use_.only
            && view
                .tree
                .expr_at(use_.place.range)
                .is_some_and(|expr| view.is_direct(expr));
        let declined = |reason: &str| Change::declined(RULE, use_.place, family.ty, reason);
        let range = generic_call(view, use_.place.range);
        match mention(cx, view, range) {
            Mention::Call(call) if direct => match family.at_site(view.place(call)) {
                Some(index) => out[index].sites.push((use_.place, Some(call))),
                None => changes.push(declined("what becomes of it could not be followed")),
            },
            Mention::Factory(range) if direct => {
                let place = Place {
                    file: view.file,
                    range,
                };
                match family.at_site(place) {
                    Some(index) => out[index].sites.push((use_.place, None)),
                    None => changes.push(declined("what becomes of it could not be followed")),
                }
            }
            Mention::Annotation(node) if direct => {
                let clusters = family.of(cx, node);
                match clusters.first() {
                    Some(index) => out[*index].annotated.push((use_.place, node)),
                    None => named.annotations.push((use_.place, node)),
                }
            }
            Mention::Other if is_base(view, use_.place.range) => changes.push(declined(
                "it is the base of a class, whose methods rest on asyncio's",
            )),
            _ => {
                changes.push(declined(
                    "the class itself is used as a value, and there will be two",
                ));
                blocked.get_or_insert_with(|| {
                    Obstacle::new(use_.place, "the class itself is used as a value")
                });
            }
        }
    }
    named.as_value.clone_from(&blocked);
    for (references, cluster) in out.iter_mut().zip(&family.clusters) {
        references.obstacle = blocked
            .clone()
            .or_else(|| obstacle(cx, cluster, references));
    }
    out
}

/// `asyncio.Queue[int]()`: the subscript is what is called.
fn generic_call(view: &View<'_>, range: TextRange) -> TextRange {
    let Some(expr) = view.tree.expr_at(range) else {
        return range;
    };
    match view.tree.parent(expr) {
        Some(AnyNodeRef::ExprSubscript(subscript))
            if subscript.value.range() == range && view.call_of(subscript.range()).is_some() =>
        {
            subscript.range()
        }
        _ => range,
    }
}

fn is_base(view: &View<'_>, range: TextRange) -> bool {
    view.tree
        .around(range)
        .find(|node| node.is_statement())
        .is_some_and(|node| {
            matches!(node, AnyNodeRef::StmtClassDef(class)
                if class.arguments.as_ref().is_some_and(|arguments| arguments.range().contains_range(range)))
        })
}

/// What is in the way of a cluster from the start.
fn obstacle(cx: &Context<'_>, cluster: &Cluster, references: &References<'_>) -> Option<Obstacle> {
    if let Some((place, reason)) = cluster.escapes.first() {
        return Some(Obstacle {
            at: (!place.range.is_empty()).then_some(*place),
            reason: reason.clone(),
        });
    }
    if cluster.from_outside {
        return Some(Obstacle {
            at: references.annotated.first().map(|(it, _)| *it),
            reason: "it comes from code that is not known: no call of ours gives it".to_owned(),
        });
    }
    for site in &cluster.sites {
        let known = references.sites.iter().any(|(_, call)| match call {
            Some(call) => call.range() == site.range,
            None => true,
        });
        if !known {
            let text: String = cx
                .program
                .text(*site)
                .chars()
                .take_while(|c| *c != '(')
                .take(40)
                .collect();
            return Some(Obstacle::new(
                *site,
                format!("it is made by `{text}`, which is not the class as imported"),
            ));
        }
    }
    None
}

/// The place that messages about a cluster point at, and all uses that it speaks for.
pub(crate) fn places(cluster: &Cluster, references: &References<'_>) -> (Place, Vec<Place>) {
    let mut covers: Vec<Place> = references.sites.iter().map(|(place, _)| *place).collect();
    covers.extend(references.annotated.iter().map(|(it, _)| *it));
    covers.extend(cluster.members.iter().map(|member| member.place));
    covers.extend(cluster.sites.iter().copied());
    let place = references
        .sites
        .first()
        .map(|(place, _)| *place)
        .or_else(|| covers.first().copied())
        .or_else(|| cluster.places.first().map(|held| held.place))
        .unwrap_or(Place {
            file: FileId(0),
            range: TextRange::default(),
        });
    (place, covers)
}

/// The streams that take the place of the queues of a cluster, where all of its places can have them.
fn split<'v>(
    cx: &'v Context<'v>,
    texts: &Texts<'v>,
    cluster: &'v Cluster,
    references: &References<'v>,
) -> Option<Change> {
    let (place, covers) = places(cluster, references);
    let mut change = Change::new(
        RULE,
        place,
        "asyncio.Queue",
        "`asyncio.Queue` becomes the two ends of a memory object stream",
    );
    change.covers = covers;
    let collected = collect(cx, texts, cluster).ok()?;
    edits(cx, texts, references, &collected, &mut change).ok()?;
    Some(change)
}

fn edits<'v>(
    cx: &'v Context<'v>,
    texts: &Texts<'v>,
    references: &References<'v>,
    collected: &Collected<'v>,
    change: &mut Change,
) -> Result<(), Obstacle> {
    let bound = bound(cx, references);
    let annotated: Vec<Place> = references.annotated.iter().map(|(it, _)| *it).collect();
    let mut items: BTreeMap<(FileId, u32), TextRange> = BTreeMap::new();
    let mut typed: BTreeMap<Place, TextRange> = BTreeMap::new();
    for (place, call) in &references.sites {
        if let Some(call) = call {
            let key = (place.file, call.range().start().to_u32());
            items.insert(key, call.range());
            if let Expr::Subscript(subscript) = &*call.func {
                typed.insert(*place, subscript.slice.range());
            }
        }
    }
    let mut within: Vec<(FileId, TextRange)> = Vec::new();
    for (view, fact) in &collected.facts {
        let annotation = match fact {
            Fact::Bind { annotation, .. } => *annotation,
            Fact::Parameter { parameter, .. } => parameter.parameter.annotation.as_deref(),
            _ => None,
        };
        if let Some(annotation) = annotation {
            within.push((view.file, annotation.range()));
        }
        if let Fact::Bind {
            value: Some(Expr::Call(value)),
            annotation: Some(annotation),
            ..
        } = fact
            && let Some((site, _)) = references.sites.iter().find(|(place, call)| {
                place.file == view.file && call.is_some_and(|call| call.range() == value.range())
            })
            && let Some(item) = item_type(view, annotation.range(), &annotated)
        {
            typed.entry(*site).or_insert(item);
        }
    }
    let mut writer = Writer {
        cx,
        texts,
        collected,
        bound,
        annotated: &annotated,
        items,
    };
    writer.write(change)?;
    for (place, call) in &references.sites {
        if let Some(view) = cx.view(place.file) {
            let item = typed.get(place).copied();
            writer.site(view, place.range, *call, item, change)?;
        }
    }
    // Annotations of what returns or contains queues.
    for (it, node) in &references.annotated {
        let inside = within
            .iter()
            .any(|(file, range)| *file == it.file && range.contains_range(it.range));
        let Some(view) = cx.view(it.file).filter(|_| !inside) else {
            continue;
        };
        let slot = returned_slot(cx, collected, *node).or_else(|| element_slot(collected));
        let Some(slot) = slot else {
            return Err(Obstacle::new(
                *it,
                "it is not known what this annotation speaks of",
            ));
        };
        let kind = Kind::of(collected.slots.needs(slot));
        let (range, text) = one(view, *it, kind);
        replace(change, view, range, text);
    }
    Ok(())
}

/// The `int` of `asyncio.Queue[int]` in an annotation.
fn item_type(view: &View<'_>, whole: TextRange, annotated: &[Place]) -> Option<TextRange> {
    let it = annotated.iter().find(|it| {
        let here = it.file == view.file && whole.contains_range(it.range);
        here && !view.parsed.is_in_string(it.range)
    })?;
    let expr = view.tree.expr_at(it.range)?;
    match view.tree.parent(expr)? {
        AnyNodeRef::ExprSubscript(subscript) if subscript.value.range() == it.range => {
            Some(subscript.slice.range())
        }
        _ => None,
    }
}

fn returned_slot(cx: &Context<'_>, collected: &Collected<'_>, node: Node) -> Option<usize> {
    (0..collected.slots.len()).find(|index| match collected.slots.get(*index) {
        Slot::Returned(func) => cx.program.function(*func).ret == node,
        _ => false,
    })
}

fn element_slot(collected: &Collected<'_>) -> Option<usize> {
    (0..collected.slots.len()).find(|index| *collected.slots.get(*index) == Slot::Element)
}
