//! Classes whose objects keep their shape: one object before, one after.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::objects::Cluster;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange};

use super::{Family, Mention, Obstacle, decline, mention};
use crate::context::{Context, View};

/// What the objects of a cluster become.
pub(crate) struct Form {
    /// The new class, as pieces: `anyio.Lock`.
    pub class: Vec<Piece>,
    /// Something to call without arguments that makes one, where that is not the class itself.
    pub factory: Option<Vec<Piece>>,
}

impl Form {
    /// A class of `AnyIO`.
    pub(crate) fn anyio(name: &str) -> Self {
        Form {
            class: class(name),
            factory: None,
        }
    }
}

/// `anyio.NAME`.
pub(crate) fn class(name: &str) -> Vec<Piece> {
    let mut pieces = loopshift_python::edit::pieces("{@anyio}", &[]);
    pieces.push(format!(".{name}").into());
    pieces
}

/// A call that makes objects.
pub(crate) struct Site<'v> {
    /// Its file.
    pub view: &'v View<'v>,
    /// The use.
    pub use_: &'v Use,
    /// The call; none where the class is handed over as a factory.
    pub call: Option<&'v ExprCall>,
}

/// One cluster that a rule is asked about.
pub(crate) struct Moving<'v> {
    /// Its number in the family.
    pub index: usize,
    /// The cluster.
    pub cluster: &'v Cluster,
    /// Where its objects are made.
    pub sites: Vec<Site<'v>>,
}

/// A reference that moves along.
struct Along {
    place: Place,
    clusters: BTreeSet<usize>,
}

/// Plans all clusters of a family. `plan` writes the edits at members and sites into the change. Gives the number of
/// each cluster's change.
pub(crate) fn plan_family<'f>(
    cx: &'f Context<'f>,
    changes: &mut Vec<Change>,
    rule: &'static str,
    family: &'f Family,
    plan: impl FnMut(&Moving<'f>, &mut Change) -> Result<Form, Obstacle>,
) -> Vec<usize> {
    plan_made(cx, changes, rule, family, &[], plan)
        .into_iter()
        .flatten()
        .collect()
}

/// The same where other APIs, `makers`, make objects of the class, too. Clusters of objects that none of these makes
/// are left to other rules: they have no number.
pub(crate) fn plan_made<'f>(
    cx: &'f Context<'f>,
    changes: &mut Vec<Change>,
    rule: &'static str,
    family: &'f Family,
    makers: &[&str],
    mut plan: impl FnMut(&Moving<'f>, &mut Change) -> Result<Form, Obstacle>,
) -> Vec<Option<usize>> {
    let mut numbers = Vec::new();
    let mut moving: Vec<Moving<'f>> = family
        .clusters
        .iter()
        .enumerate()
        .map(|(index, cluster)| Moving {
            index,
            cluster,
            sites: Vec::new(),
        })
        .collect();
    let mut along: Vec<Along> = Vec::new();
    let mut blocked: Option<Obstacle> = None;
    let mut seen: BTreeSet<Place> = BTreeSet::new();
    for use_ in cx.uses.iter().filter(|use_| use_.api == family.ty) {
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        if !seen.insert(use_.place) {
            continue;
        }
        let site = |call| Site { view, use_, call };
        let direct = use_.only
            && view
                .tree
                .expr_at(use_.place.range)
                .is_some_and(|expr| view.is_direct(expr));
        match mention(cx, view, use_.place.range) {
            Mention::Call(call) => {
                let place = view.place(call);
                match family.at_site(place) {
                    Some(index) if direct => moving[index].sites.push(site(Some(call))),
                    // Reported with its cluster, whose site it is.
                    Some(_) => {}
                    None => changes.push(Change::declined(
                        rule,
                        use_.place,
                        &*use_.api,
                        "what it makes could not be followed",
                    )),
                }
            }
            Mention::Factory(range) if direct => {
                let place = Place {
                    file: view.file,
                    range,
                };
                let index = family.at_site(place).or_else(|| {
                    let node = cx.program.node_at(place);
                    family.of(cx, node).first().copied()
                });
                match index {
                    Some(index) => moving[index].sites.push(site(None)),
                    None => along.push(Along {
                        place: use_.place,
                        clusters: BTreeSet::new(),
                    }),
                }
            }
            Mention::Annotation(node) if direct => along.push(Along {
                place: use_.place,
                clusters: family.of(cx, node),
            }),
            Mention::Test if direct => along.push(Along {
                place: use_.place,
                clusters: BTreeSet::new(),
            }),
            _ => {
                let name = family.ty;
                if is_base(view, use_.place.range) {
                    changes.push(Change::declined(
                        rule,
                        use_.place,
                        name,
                        "it is the base of a class, whose methods rest on asyncio's",
                    ));
                    continue;
                }
                changes.push(Change::declined(
                    rule,
                    use_.place,
                    name,
                    "the class itself is used as a value here, which may be called or compared anywhere",
                ));
                blocked.get_or_insert_with(|| {
                    Obstacle::new(use_.place, "the class itself is used as a value")
                });
            }
        }
    }
    for use_ in cx.uses.iter().filter(|use_| makers.contains(&&*use_.api)) {
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        let call = view.call_of(use_.place.range).filter(|_| use_.only);
        match call.and_then(|call| Some((call, family.at_site(view.place(call))?))) {
            Some((call, index)) => moving[index].sites.push(Site {
                view,
                use_,
                call: Some(call),
            }),
            None => changes.push(Change::declined(
                rule,
                use_.place,
                &*use_.api,
                "what it makes could not be followed",
            )),
        }
    }
    let places: Vec<Place> = moving.iter().map(|it| first_place(it)).collect();
    for it in &moving {
        if !makers.is_empty() && it.sites.is_empty() && !it.cluster.sites.is_empty() {
            numbers.push(None);
            continue;
        }
        numbers.push(Some(changes.len()));
        let mut covers = covers(it);
        covers.extend(
            along
                .iter()
                .filter(|along| along.clusters.first() == Some(&it.index))
                .map(|along| along.place),
        );
        let place = places[it.index];
        let mut change = Change::new(rule, place, family.ty, String::new());
        let form = match (&blocked, known(cx, it)) {
            (Some(obstacle), _) => Err(obstacle.clone()),
            (None, Err(obstacle)) => Err(obstacle),
            (None, Ok(())) => plan(it, &mut change),
        };
        let form = match form {
            Ok(form) => form,
            Err(obstacle) => {
                changes.push(decline(cx, rule, family.ty, place, covers, &obstacle));
                continue;
            }
        };
        change.message = message(family.ty, &form);
        change.covers.extend(covers);
        for site in &it.sites {
            let pieces = match (site.call, &form.factory) {
                (None, Some(factory)) => factory.clone(),
                _ => form.class.clone(),
            };
            change.edits.push((
                site.view.file,
                Edit::Replace {
                    range: site.use_.place.range,
                    pieces,
                },
            ));
        }
        if it.cluster.from_outside {
            change.caveat("an object that comes from outside of these files must be AnyIO's, too");
        }
        for along in &along {
            if along.clusters.first() == Some(&it.index) {
                change.edits.push((
                    along.place.file,
                    Edit::Replace {
                        range: along.place.range,
                        pieces: form.class.clone(),
                    },
                ));
                change.requires.extend(
                    along
                        .clusters
                        .iter()
                        .filter(|other| **other != it.index)
                        .map(|other| places[*other]),
                );
            }
        }
        changes.push(change);
    }
    // What speaks of no object in particular moves when all do.
    let plain = Form::anyio(family.ty.rsplit('.').next().unwrap_or(family.ty));
    for along in along.iter().filter(|along| along.clusters.is_empty()) {
        let mut change = Change::new(rule, along.place, family.ty, message(family.ty, &plain));
        change.requires.clone_from(&places);
        change.edit(Edit::Replace {
            range: along.place.range,
            pieces: plain.class.clone(),
        });
        changes.push(change);
    }
    numbers
}

fn message(ty: &str, form: &Form) -> String {
    let mut text = String::new();
    for piece in &form.class {
        match piece {
            Piece::Text(part) => text.push_str(part),
            Piece::Import(import) => text.push_str(import.name.as_ref().unwrap_or(&import.module)),
            Piece::Helper(helper) => text.push_str(helper.name),
            Piece::Source(_) | Piece::Needs(_) => {}
        }
    }
    format!("`{ty}` becomes `{text}`")
}

/// The first place of a cluster: what messages point at.
fn first_place(it: &Moving<'_>) -> Place {
    it.sites
        .first()
        .map(|site| site.use_.place)
        .or_else(|| it.cluster.members.first().map(|member| member.place))
        .or_else(|| it.cluster.sites.first().copied())
        .or_else(|| it.cluster.places.first().map(|held| held.place))
        .unwrap_or(Place {
            file: FileId(0),
            range: TextRange::default(),
        })
}

/// The uses that a cluster speaks for.
fn covers(it: &Moving<'_>) -> Vec<Place> {
    let sites = it.sites.iter().map(|site| site.use_.place);
    let members = it.cluster.members.iter().map(|member| member.place);
    let made = it.cluster.sites.iter().copied();
    sites.chain(members).chain(made).collect()
}

/// Whether the call enters the object into an exit stack of the same function, which leaves it like an `async with`, and nobody
/// looks at what that gives.
fn is_entered(cx: &Context<'_>, place: Place) -> bool {
    let Some(view) = cx.view(place.file) else {
        return false;
    };
    let Some(Expr::Call(call)) = view.tree.expr_at(place.range) else {
        return false;
    };
    let Expr::Attribute(method) = &*call.func else {
        return false;
    };
    let alone = view
        .await_of(call.range())
        .is_some_and(|await_| matches!(view.tree.parent(await_), Some(AnyNodeRef::StmtExpr(_))));
    let function = view
        .tree
        .enclosing_function(place.range)
        .map(|it| it.range());
    let stack = view.text(method.value.range());
    alone
        && cx.api_of(view, &call.func) == Some("contextlib.AsyncExitStack.enter_async_context")
        && (view.tree.around(place.range))
            .take_while(|node| Some(node.range()) != function)
            .any(|node| match node {
                AnyNodeRef::StmtWith(with) => with.items.iter().any(|item| {
                    let name = item.optional_vars.as_deref();
                    with.is_async && name.is_some_and(|it| view.text(it.range()) == stack)
                }),
                _ => false,
            })
}

/// Whether all of the cluster is known.
fn known(cx: &Context<'_>, it: &Moving<'_>) -> Result<(), Obstacle> {
    let mut escapes = it.cluster.escapes.iter();
    if let Some((place, reason)) = escapes.find(|(place, _)| !is_entered(cx, *place)) {
        let at = (!place.range.is_empty()).then_some(*place);
        return Err(Obstacle {
            at,
            reason: reason.clone(),
        });
    }
    for site in &it.cluster.sites {
        let found = it.sites.iter().any(|known| {
            let place = match known.call {
                Some(call) => known.view.place(call),
                None => return true,
            };
            place == *site
        });
        if !found {
            let text = cx.program.text(*site);
            let head: String = text.chars().take_while(|c| *c != '(').take(40).collect();
            return Err(Obstacle::new(
                *site,
                format!("it is made by `{head}`, which is not the class as imported"),
            ));
        }
    }
    Ok(())
}

fn is_base(view: &View<'_>, range: TextRange) -> bool {
    let Some(expr) = view.tree.expr_at(range) else {
        return false;
    };
    view.tree
        .ancestors(expr)
        .find(|node| node.is_statement())
        .is_some_and(|node| {
            matches!(node, AnyNodeRef::StmtClassDef(class)
                if class.arguments.as_ref().is_some_and(|arguments| arguments.range().contains_range(range)))
        })
}
