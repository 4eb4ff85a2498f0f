//! Which argument of a call is which parameter.

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{FuncId, ParamKind};
use loopshift_engine::objects::site_place;
use loopshift_python::ast::{self, Expr, ExprCall, Keyword};
use loopshift_python::{Ranged, TextRange};

use crate::common::objects::Obstacle;
use crate::context::{Context, View};

/// An argument as written.
#[derive(Clone, Copy)]
pub(super) struct Given<'v> {
    /// Its value.
    pub(super) value: &'v Expr,
    /// The keyword, where it is passed by name.
    pub(super) keyword: Option<&'v Keyword>,
}

/// A function that a call reaches: how many parameters are bound before the first argument, and where its arguments begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    /// The function.
    pub(super) func: FuncId,
    bound: usize,
    first: usize,
}

/// The functions of ours that get the arguments of a call, directly or through a library: `partial(f, q)`.
///
/// # Errors
/// Where other code may get them, too.
pub(super) fn reached(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
) -> Result<Vec<Reached>, Obstacle> {
    let refuse = |reason: String| Obstacle::new(view.place(call), reason);
    let callee = view.text(call.func.range());
    let mut out = Vec::new();
    for value in cx.program.values_at(view.place(&*call.func)) {
        match value {
            Value::External(sym) | Value::ExternalBound(sym, _) => {
                let name = cx.program.flow.text(sym);
                let through = through(cx, view, call);
                if through.is_empty() {
                    return Err(refuse(format!("it is passed to `{name}`")));
                }
                out.extend(through);
            }
            other => {
                let targets = functions(cx, other);
                if targets.is_empty() {
                    return Err(refuse(format!(
                        "it is passed to `{callee}`, which is not known"
                    )));
                }
                out.extend(targets.into_iter().map(|(func, bound)| Reached {
                    func,
                    bound,
                    first: 0,
                }));
            }
        }
    }
    if out.is_empty() {
        return Err(refuse(format!(
            "it is passed to `{callee}`, which is not known"
        )));
    }
    Ok(out)
}

/// The functions behind a callee, with how many of their parameters are bound.
fn functions(cx: &Context<'_>, value: Value) -> Vec<(FuncId, usize)> {
    match value {
        Value::Func(func) | Value::Static(func) => vec![(func, 0)],
        Value::Bound(func, _) => vec![(func, 1)],
        Value::Class(class) => cx
            .program
            .flow
            .constructors(class)
            .into_iter()
            .map(|func| (func, 1))
            .collect(),
        _ => Vec::new(),
    }
}

/// A function among the arguments of a library's call, which gets the arguments behind it.
fn through(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> Vec<Reached> {
    for (index, argument) in call.arguments.args.iter().enumerate().take(3) {
        let mut out = Vec::new();
        for value in cx.program.values_at(view.place(argument)) {
            out.extend(
                functions(cx, value)
                    .into_iter()
                    .map(|(func, bound)| Reached {
                        func,
                        bound,
                        first: index + 1,
                    }),
            );
        }
        if !out.is_empty() {
            return out;
        }
    }
    Vec::new()
}

/// The parameter of a function that an argument of a call is for.
///
/// # Errors
/// Where it is one of several, or packed.
pub(super) fn parameter(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    reached: Reached,
    argument: TextRange,
) -> Result<usize, Obstacle> {
    let refuse = |reason: &str| {
        Obstacle::new(
            Place {
                file: view.file,
                range: argument,
            },
            reason,
        )
    };
    let function = cx.program.function(reached.func);
    let args = &call.arguments.args;
    if let Some(index) = args.iter().position(|it| it.range() == argument) {
        if args[..index].iter().any(Expr::is_starred_expr) || index < reached.first {
            return Err(refuse("it is passed behind unpacked arguments"));
        }
        let index = index - reached.first + reached.bound;
        return match function.params.get(index).map(|param| param.kind) {
            Some(ParamKind::Positional | ParamKind::PositionalOnly) => Ok(index),
            _ => Err(refuse("it is passed as one of `*args`")),
        };
    }
    let name = call
        .arguments
        .keywords
        .iter()
        .find(|keyword| keyword.value.range() == argument)
        .and_then(|keyword| keyword.arg.as_ref())
        .ok_or_else(|| refuse("it is passed among unpacked arguments"))?;
    function
        .params
        .iter()
        .position(|param| {
            cx.program.flow.text(param.name) == name.as_str()
                && matches!(param.kind, ParamKind::Positional | ParamKind::KeywordOnly)
        })
        .ok_or_else(|| refuse("it is passed as one of `**kwargs`"))
}

/// What a call gives a parameter; none where it is left to its default.
///
/// # Errors
/// Where arguments are unpacked.
pub(super) fn given<'v>(
    cx: &Context<'_>,
    view: &View<'v>,
    call: &'v ExprCall,
    reached: Reached,
    index: usize,
) -> Result<Option<Given<'v>>, Obstacle> {
    let function = cx.program.function(reached.func);
    let Some(param) = function.params.get(index) else {
        return Ok(None);
    };
    let name = cx.program.flow.text(param.name);
    let keyword = call
        .arguments
        .keywords
        .iter()
        .find(|keyword| keyword.arg.as_ref().map(ast::Identifier::as_str) == Some(name));
    if let Some(keyword) = keyword {
        return Ok(Some(Given {
            value: &keyword.value,
            keyword: Some(keyword),
        }));
    }
    let packed = call.arguments.args.iter().any(Expr::is_starred_expr)
        || call
            .arguments
            .keywords
            .iter()
            .any(|keyword| keyword.arg.is_none());
    if packed {
        return Err(Obstacle::new(
            view.place(call),
            "the function that it goes to is called with unpacked arguments",
        ));
    }
    let positional = matches!(
        param.kind,
        ParamKind::Positional | ParamKind::PositionalOnly
    );
    let at = index
        .checked_sub(reached.bound)
        .map(|index| index + reached.first);
    Ok(match at {
        Some(at) if positional => call.arguments.args.get(at).map(|value| Given {
            value,
            keyword: None,
        }),
        _ => None,
    })
}

/// The call of `partial` behind a callee, where it is one and nothing else.
pub(super) fn partial(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> Option<Place> {
    let mut values = cx.program.values_at(view.place(&*call.func));
    let (Some(Value::Partial(made)), None) = (values.next(), values.next()) else {
        return None;
    };
    site_place(cx.program, made)
}
