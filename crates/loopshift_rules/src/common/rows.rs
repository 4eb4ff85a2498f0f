//! Replacing a use by what the catalog's row says.

use loopshift_engine::change::Change;
use loopshift_engine::flow::value::Value;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::{Edit, Import, Piece};
use loopshift_python::{Ranged, TextRange};

use crate::catalog::{Api, Form, Parameter, Part, Safety, Target, Template};
use crate::common::arguments::inside;
use crate::common::green::helper_for;
use crate::context::{Bound, Context, Settings, View};

/// The change of a use that the row of its API replaces; of a call its only edit replaces the whole call.
///
/// # Errors
/// Why the use can't be replaced, in words for the user.
pub(crate) fn replace(
    cx: &Context<'_>,
    use_: &Use,
    api: &Api,
    view: &View<'_>,
    rule: &'static str,
) -> Result<Change, String> {
    let target = cx.recipe.target;
    let best = api.replacement(target, cx.oldest_target()).ok_or_else(|| {
        let what = match target {
            Target::Anyio => "AnyIO",
            Target::Asyncio => "Python",
        };
        format!("the oldest {what} that the project allows has no counterpart")
    })?;
    // Of several forms for the same versions the one counts that has a place for all that is given.
    let bound = match view.call_of(use_.place.range) {
        Some(call) if api.signature.is_some() => {
            Some(cx.bind(api, call).map_err(|error| error.to_string())?)
        }
        _ => None,
    };
    let fits = |form: &&Form| {
        let bound = bound.as_ref();
        form.since == best.since
            && bound.is_none_or(|bound| without_place(api, &form.template, bound).is_none())
    };
    let form = api.forms(target).iter().find(fits).unwrap_or(best);
    if let Some(name) = api.spoiled_by.iter().find(|name| cx.mentions(name)) {
        return Err(format!(
            "what it says depends on `{name}`, which the program uses"
        ));
    }
    let expr = view
        .tree
        .expr_at(use_.place.range)
        .ok_or("it is no expression")?;
    let receiver = match expr {
        Expr::Attribute(it) if use_.member => Some(it.value.range()),
        _ => None,
    };
    let alike = if use_.only {
        Alike::Same
    } else {
        are_alike(cx, view, expr, &form.template)
    };
    if alike == Alike::No || (receiver.is_none() && !view.is_direct(expr)) {
        return Err(something_else(cx, view, expr, use_));
    }
    let written = |arguments: Option<TextRange>, parameters, argument: &dyn Fn(usize) -> _| {
        let source = Source {
            settings: cx.settings,
            receiver,
            arguments,
            parameters,
            argument,
        };
        pieces(&form.template, &source).ok_or("the replacement does not fit in this place")
    };
    let message = format!("`{}` has a counterpart", use_.api);
    let mut change = Change::new(rule, use_.place, &*use_.api, message);
    if form.safety == Safety::Unsafe {
        change.caveat(api.note.as_deref().unwrap_or("it may behave differently"));
    }
    if api.signature.is_none() {
        change.edit(Edit::Replace {
            range: use_.place.range,
            pieces: written(None, &[], &|_| None)?,
        });
    } else if let Some(call) = view.call_of(use_.place.range) {
        let bound = bound.ok_or("its arguments were not found")?;
        if let Some(name) = without_place(api, &form.template, &bound) {
            return Err(format!(
                "the counterpart has no place for the argument `{name}`"
            ));
        }
        if let Some(name) = dropped(api, &bound) {
            change.caveat(format!("the argument `{name}` is dropped"));
        }
        let parameters = &api.signature.as_ref().map_or(&[][..], |it| &it.parameters);
        let argument = |index: usize| -> Option<TextRange> {
            bound.get(&parameters[index].name).map(Ranged::range)
        };
        let mut pieces = written(Some(inside(call)), parameters, &argument)?;
        if alike == Alike::ButForWaiting {
            let helper = helper_for(cx.settings, "awaited").ok_or("a helper is missing")?;
            let waits = matches!(&pieces[0], Piece::Text(text) if text == "await ");
            pieces.drain(..usize::from(waits));
            pieces.splice(..0, ["await ".into(), Piece::Helper(helper), "(".into()]);
            pieces.push(")".into());
        }
        change.edit(Edit::Replace {
            range: call.range(),
            pieces,
        });
    } else if alike == Alike::ButForWaiting {
        return Err(something_else(cx, view, expr, use_));
    } else if let Some(name) = plain_name(
        &form.template,
        receiver,
        cx.settings,
        is_run(cx, view, expr),
    ) {
        // Passed on as a function: the same function under its new name.
        change.edit(Edit::Replace {
            range: use_.place.range,
            pieces: name,
        });
    } else {
        return Err("it is passed on as a function".to_owned());
    }
    Ok(change)
}

/// Whether all that an expression may be has the same replacement: a method of one class or of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alike {
    No,
    Same,
    /// What one gives is awaited, and what another gives is not.
    ButForWaiting,
}

fn are_alike(cx: &Context<'_>, view: &View<'_>, expr: &Expr, template: &Template) -> Alike {
    let target = cx.recipe.target;
    let mut alike = Alike::Same;
    for value in cx.program.values_at(view.place(expr)) {
        let (Value::External(sym) | Value::ExternalBound(sym, _)) = value else {
            return Alike::No;
        };
        let row = cx.catalog.get(cx.program.flow.text(sym));
        let form = row.and_then(|api| api.replacement(target, cx.oldest_target()));
        match form.map(|form| &form.template) {
            Some(other) if other == template => {}
            Some(other) if called(other) == called(template) && target == Target::Asyncio => {
                alike = Alike::ButForWaiting;
            }
            _ => return Alike::No,
        }
    }
    alike
}

/// A template without the `await` that it begins with.
fn called(template: &Template) -> &[Part] {
    match &*template.parts {
        [Part::Text(text), rest @ ..] if **text == *"await " => rest,
        parts => parts,
    }
}

/// That an expression may be something else than the API, with what is known of that.
fn something_else(cx: &Context<'_>, view: &View<'_>, expr: &Expr, use_: &Use) -> String {
    let flow = &cx.program.flow;
    let mut others: Vec<String> = (cx.program.values_at(view.place(expr)))
        .filter_map(|value| match value {
            Value::External(sym) | Value::ExternalBound(sym, _) => {
                let name = flow.text(sym);
                (name != use_.api).then(|| format!("`{name}`"))
            }
            Value::Func(func) | Value::Bound(func, _) => {
                Some(format!("`{}`", cx.program.qualified_name(func)))
            }
            _ => None,
        })
        .collect();
    others.sort();
    others.dedup();
    let reason = "it is used through a variable that may hold something else";
    if others.is_empty() {
        return reason.to_owned();
    }
    let others = others.join(", ");
    format!("{reason}: {others}; a variable for each could move")
}

/// What a call of the API would become that gets the arguments of `call` from the one at `skip` on. None where the row
/// has nothing for that, or the arguments are not written out.
pub(crate) fn called_later(
    cx: &Context<'_>,
    api: &Api,
    receiver: Option<TextRange>,
    call: &ExprCall,
    skip: usize,
) -> Option<Vec<Piece>> {
    let form = api.replacement(cx.recipe.target, cx.oldest_target())?;
    let parameters = &api.signature.as_ref()?.parameters;
    let given = call.arguments.args.get(skip..).unwrap_or_default();
    let plain = !given.iter().any(Expr::is_starred_expr) && call.arguments.keywords.is_empty();
    let named = |index: usize| given.get(index).map(Ranged::range);
    let fits = |index: usize| form.template.uses(index);
    if !plain || !(0..given.len().min(parameters.len())).all(fits) || form.safety == Safety::Unsafe
    {
        return None;
    }
    let rest = match (given.first(), given.last()) {
        (Some(first), Some(last)) => TextRange::new(first.start(), last.end()),
        _ => TextRange::empty(call.arguments.end()),
    };
    let source = Source {
        settings: cx.settings,
        receiver,
        arguments: Some(rest),
        parameters,
        argument: &named,
    };
    pieces(&form.template, &source)
}

/// A parameter that was given, that the template does not hand on, and that the row doesn't allow to drop.
fn without_place<'c>(api: &'c Api, template: &Template, bound: &Bound<'_>) -> Option<&'c str> {
    let parameters = &api.signature.as_ref()?.parameters;
    (0..parameters.len())
        .filter(|index| !template.uses(*index) && !api.drops.contains(index))
        .map(|index| &*parameters[index].name)
        .find(|name| bound.get(name).is_some())
}

fn dropped<'c>(api: &'c Api, bound: &Bound<'_>) -> Option<&'c str> {
    let parameters = &api.signature.as_ref()?.parameters;
    api.drops
        .iter()
        .map(|index| &*parameters[*index].name)
        .find(|name| bound.get(name).is_some())
}

/// What the parts of a template stand for.
struct Source<'s> {
    settings: Settings,
    receiver: Option<TextRange>,
    arguments: Option<TextRange>,
    parameters: &'s [Parameter],
    argument: &'s dyn Fn(usize) -> Option<TextRange>,
}

/// The pieces of a template. None where it asks for what there is not.
fn pieces(template: &Template, source: &Source<'_>) -> Option<Vec<Piece>> {
    let mut out = Vec::new();
    for part in &template.parts {
        if let Part::Given(index) = part {
            if let Some(range) = (source.argument)(*index) {
                let name = &source.parameters.get(*index)?.name;
                out.push(format!(", {name}=").into());
                out.push(Piece::Source(range));
            }
            continue;
        }
        out.push(match part {
            Part::Text(text) => Piece::from(text.to_string()),
            Part::Parameter(index) => match (source.argument)(*index) {
                Some(range) => Piece::Source(range),
                None => {
                    let default = source.parameters.get(*index)?.default.as_ref();
                    Piece::from(default.map_or_else(String::new, ToString::to_string))
                }
            },
            Part::Import { module, name } => Piece::Import(Import {
                module: module.to_string().into(),
                name: name.as_ref().map(|name| name.to_string().into()),
            }),
            Part::Receiver => Piece::Source(source.receiver?),
            Part::Arguments => Piece::Source(source.arguments?),
            Part::Helper(name) => Piece::Helper(helper_for(source.settings, name)?),
            Part::Given(_) => return None,
        });
    }
    Some(out)
}

/// The pieces before the brackets of a template that hands on its parameters as they come.
fn plain_name(
    template: &Template,
    receiver: Option<TextRange>,
    settings: Settings,
    is_run: bool,
) -> Option<Vec<Piece>> {
    let mut out = Vec::new();
    for (index, part) in template.parts.iter().enumerate() {
        match part {
            // What is awaited is another function, but for what awaits it.
            Part::Text(text) if out.is_empty() && text.starts_with("await ") => {
                if !is_run {
                    return None;
                }
                out.push(Piece::from(text["await ".len()..].to_owned()));
            }
            Part::Text(text) => match text.split_once('(') {
                // What is handed a function of its own is not the same function.
                Some((_, ""))
                    if matches!(
                        template.parts.get(index + 1),
                        Some(Part::Import { .. } | Part::Helper(_) | Part::Receiver)
                    ) =>
                {
                    return None;
                }
                Some((head, "" | ")")) => {
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
            Part::Receiver => out.push(Piece::Source(receiver?)),
            Part::Helper(name) => out.push(Piece::Helper(helper_for(settings, name)?)),
            _ => return None,
        }
    }
    None
}

/// Whether the expression is a function that is handed to what awaits what it gives.
fn is_run(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    let call = view.tree.ancestors(expr).find_map(|node| match node {
        AnyNodeRef::ExprCall(call) => Some(Some(call)),
        AnyNodeRef::Arguments(_) | AnyNodeRef::Keyword(_) => None,
        _ => Some(None),
    });
    let row = call
        .flatten()
        .and_then(|call| cx.api_of(view, &call.func))
        .and_then(|name| cx.catalog.get(name));
    row.is_some_and(|row| row.awaits)
}
