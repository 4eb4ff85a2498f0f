//! Names that have a counterpart one to one, by the rows of the catalog.

use loopshift_engine::change::{Change, Safety as ChangeSafety};
use loopshift_python::edit::{Edit, Import, Piece};
use loopshift_python::{Ranged, TextRange};

use crate::catalog::{Part, Safety, Target, Template};
use crate::context::{Bound, Context};

const RULE: &str = "anyio-names";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for use_ in cx.uses {
        let Some(api) = cx.catalog.get(&use_.api) else {
            continue;
        };
        if api.rule.is_some() || api.forms(Target::Anyio).is_empty() {
            continue;
        }
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        let decline = |reason: &str| Change::declined(RULE, use_.place, &*use_.api, reason);
        let Some(form) = api.replacement(Target::Anyio, cx.settings.anyio) else {
            changes.push(decline(
                "the oldest AnyIO that the project allows has no counterpart",
            ));
            continue;
        };
        if let Some(name) = api.spoiled_by.iter().find(|name| cx.mentions(name)) {
            changes.push(decline(&format!(
                "what it says depends on `{name}`, which the program uses"
            )));
            continue;
        }
        let Some(expr) = view.tree.expr_at(use_.place.range) else {
            continue;
        };
        if !use_.only || !view.is_direct(expr) {
            changes.push(decline("it is used through a variable"));
            continue;
        }
        let receiver = expr.as_attribute_expr().map(|it| it.value.range());
        if receiver.is_none() && form.template.parts.contains(&Part::Receiver) {
            changes.push(decline("it is used without its object"));
            continue;
        }
        let message = format!("`{}` has a counterpart", use_.api);
        let mut change = Change::new(RULE, use_.place, &*use_.api, message);
        if form.safety == Safety::Unsafe {
            change.caveat(api.note.as_deref().unwrap_or("it may behave differently"));
        }
        if api.signature.is_none() {
            change.edit(Edit::Replace {
                range: use_.place.range,
                pieces: pieces(&form.template, receiver, &[], &|_| None),
            });
        } else if let Some(call) = view.call_of(use_.place.range) {
            let bound = match cx.bind(api, call) {
                Ok(bound) => bound,
                Err(error) => {
                    changes.push(decline(&error.to_string()));
                    continue;
                }
            };
            if let Some(name) = without_place(api, &form.template, &bound) {
                changes.push(decline(&format!(
                    "the counterpart has no place for the argument `{name}`"
                )));
                continue;
            }
            let dropped = dropped(api, &bound);
            if let Some(name) = dropped {
                change.caveat(format!("the argument `{name}` is dropped"));
            }
            let parameters = &api.signature.as_ref().map_or(&[][..], |it| &it.parameters);
            let argument = |index: usize| -> Option<TextRange> {
                bound.get(&parameters[index].name).map(Ranged::range)
            };
            change.edit(Edit::Replace {
                range: call.range(),
                pieces: pieces(&form.template, receiver, parameters, &argument),
            });
        } else if let Some(name) = plain_name(&form.template) {
            // Passed on as a function: the same function under its new name.
            change.edit(Edit::Replace {
                range: use_.place.range,
                pieces: name,
            });
        } else {
            changes.push(decline("it is passed on as a function"));
            continue;
        }
        debug_assert!(change.safety != ChangeSafety::Manual);
        changes.push(change);
    }
}

/// A parameter that was given, that the template does not hand on, and that the row doesn't allow to drop.
fn without_place<'c>(
    api: &'c crate::catalog::Api,
    template: &Template,
    bound: &Bound<'_>,
) -> Option<&'c str> {
    let parameters = &api.signature.as_ref()?.parameters;
    (0..parameters.len())
        .filter(|index| !template.uses(*index) && !api.drops.contains(index))
        .map(|index| &*parameters[index].name)
        .find(|name| bound.get(name).is_some())
}

fn dropped<'c>(api: &'c crate::catalog::Api, bound: &Bound<'_>) -> Option<&'c str> {
    let parameters = &api.signature.as_ref()?.parameters;
    api.drops
        .iter()
        .map(|index| &*parameters[*index].name)
        .find(|name| bound.get(name).is_some())
}

fn pieces(
    template: &Template,
    receiver: Option<TextRange>,
    parameters: &[crate::catalog::Parameter],
    argument: &dyn Fn(usize) -> Option<TextRange>,
) -> Vec<Piece> {
    template
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::Text(text) => Some(Piece::from(text.to_string())),
            Part::Receiver => receiver.map(Piece::Source),
            Part::Parameter(index) => match argument(*index) {
                Some(range) => Some(Piece::Source(range)),
                None => {
                    let default = parameters.get(*index)?.default.as_ref()?;
                    Some(Piece::from(default.to_string()))
                }
            },
            Part::Import { module, name } => Some(Piece::Import(Import {
                module: module.to_string().into(),
                name: name.as_ref().map(|name| name.to_string().into()),
            })),
        })
        .collect()
}

/// The pieces before the brackets of a template that hands on its parameters as they come.
fn plain_name(template: &Template) -> Option<Vec<Piece>> {
    let mut out = Vec::new();
    for part in &template.parts {
        match part {
            Part::Text(text) => match text.split_once('(') {
                Some((head, "")) => {
                    out.push(Piece::from(head.to_owned()));
                    return Some(out);
                }
                Some(_) => return None,
                None => out.push(Piece::from(text.to_string())),
            },
            Part::Import { module, name } => out.push(Piece::Import(Import {
                module: module.to_string().into(),
                name: name.as_ref().map(|name| name.to_string().into()),
            })),
            Part::Parameter(_) | Part::Receiver => return None,
        }
    }
    None
}
