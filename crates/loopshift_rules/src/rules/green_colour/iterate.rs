//! What goes through a generator, or an object, that becomes async: `for` becomes `async for`.

use std::collections::BTreeSet;

use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ClassId, FuncId};
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Stmt};
use loopshift_python::edit::{Edit, Piece, Wrap, pieces};
use loopshift_python::{Ranged, TextRange};

use super::consumers::{Consumer, called_at_once, consumer, given};
use super::methods::{attribute, last_name, method};
use super::{Operation, fresh, sentinel};
use crate::common::arguments::inside;
use crate::common::code::{definition, own};
use crate::common::green::{helper, is_coloured};
use crate::common::shared::is_statement;
use crate::context::{Context, View};

/// What iterating over an expression runs.
#[derive(Default)]
pub(super) struct Iterated {
    /// The functions because of which it waits.
    pub functions: BTreeSet<FuncId>,
    /// Whether it may also be something that does not wait.
    pub plain: bool,
    /// Whether a generator is among them: it can't be used for anything else.
    pub generator: bool,
}

/// The methods `__iter__` that are renamed, each with the functions because of which.
pub(super) fn renamed(cx: &Context<'_>) -> Vec<(FuncId, Iterated)> {
    let is_iter = |func: &FuncId| {
        cx.program.function(*func).class.is_some() && last_name(cx, *func) == "__iter__"
    };
    cx.program
        .functions()
        .filter(is_iter)
        .map(|func| (func, through(cx, func, cx.program.function(func).class)))
        .filter(|(_, iterated)| !iterated.functions.is_empty())
        .collect()
}

/// What iterating over what the method `__iter__` gives runs.
fn through(cx: &Context<'_>, iter: FuncId, class: Option<ClassId>) -> Iterated {
    let mut out = Iterated::default();
    let function = cx.program.function(iter);
    if function.is_generator {
        if is_coloured(cx, iter) {
            out.functions.insert(iter);
        }
        return out;
    }
    if is_coloured(cx, iter) && sentinel::gives(cx, iter) {
        out.functions.insert(iter);
        return out;
    }
    // `return self`
    let own = (class.filter(|_| function.passes.contains(&0))).map(Value::Instance);
    for value in cx.program.flow.values_of(function.ret).chain(own) {
        match value {
            Value::Generator(func) if is_coloured(cx, func) => {
                out.functions.insert(func);
            }
            Value::Instance(class) => {
                match method(cx, class, "__next__").filter(|next| is_coloured(cx, *next)) {
                    Some(next) => {
                        out.functions.insert(next);
                    }
                    None => out.plain = true,
                }
            }
            _ => out.plain = true,
        }
    }
    out
}

/// What iterating over the expression runs.
pub(super) fn iterated(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> Iterated {
    let mut out = Iterated::default();
    for value in cx.program.values_at(view.place(expr)) {
        add_iterated(cx, value, &mut out);
    }
    out
}

/// Whether going through the expression may run what becomes async.
pub(crate) fn goes_through_waiting(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    !iterated(cx, view, expr).functions.is_empty()
}

fn add_iterated(cx: &Context<'_>, value: Value, out: &mut Iterated) {
    match value {
        Value::Generator(func) if is_coloured(cx, func) => {
            out.functions.insert(func);
            out.generator = true;
        }
        Value::Instance(class) => {
            let inner = method(cx, class, "__iter__").map(|iter| through(cx, iter, Some(class)));
            let inner = inner.unwrap_or_default();
            out.plain |= inner.plain || inner.functions.is_empty();
            out.functions.extend(inner.functions);
        }
        _ => out.plain = true,
    }
}

/// Whether going through a value waits.
fn waits_within(cx: &Context<'_>, value: Value) -> bool {
    let mut iterated = Iterated::default();
    add_iterated(cx, value, &mut iterated);
    !iterated.functions.is_empty()
}

/// All places that go through what waits.
pub(super) fn operations(cx: &Context<'_>, out: &mut Vec<Operation>) {
    let waits = |func: FuncId| {
        let name = last_name(cx, func);
        let is_iterator = matches!(name, "__iter__" | "__next__");
        is_coloured(cx, func) && (cx.program.function(func).is_generator || is_iterator)
    };
    if !cx.program.functions().any(waits) {
        return;
    }
    for view in cx.views_where(|value| waits_within(cx, value)) {
        for expr in view.tree.exprs() {
            if !matches!(
                expr,
                Expr::Name(_) | Expr::Attribute(_) | Expr::Call(_) | Expr::Subscript(_)
            ) {
                continue;
            }
            let iterated = iterated(cx, view, expr);
            if iterated.functions.is_empty() {
                continue;
            }
            let other = iterated.generator || !has_contains(cx, view, expr);
            let Some(form) = form(view, expr, iterated.generator, other) else {
                continue;
            };
            let mut operation = Operation::new(view.place(expr), iterated.functions.clone());
            operation.goes_through = true;
            match edits(cx, view, expr, &iterated, &form, &mut operation) {
                Ok(edits) => operation.edits = edits,
                Err(reason) => operation.reason = Some(reason),
            }
            out.push(operation);
        }
    }
}

/// Whether all objects that the expression may be say themselves what is in them.
fn has_contains(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    let mut values = cx.program.values_at(view.place(expr));
    values.all(|value| match value {
        Value::Instance(class) => !attribute(cx, class, "__contains__").is_empty(),
        _ => true,
    })
}

/// How an expression is gone through.
enum Form<'v> {
    For(&'v loopshift_python::ast::StmtFor),
    Clause(&'v loopshift_python::ast::Comprehension),
    /// An argument of a builtin.
    Given(&'v ExprCall),
    Starred,
    Unpacked,
    From,
    /// A method of the generator.
    Method(&'v loopshift_python::ast::ExprAttribute),
    /// It is not seen to be gone through in a way that has a form.
    Other,
}

/// How the expression is gone through; none where it is only passed on.
/// `searched` says that `in` goes through it.
fn form<'v>(view: &View<'v>, expr: &'v Expr, generator: bool, searched: bool) -> Option<Form<'v>> {
    let range = expr.range();
    let other = generator.then_some(Form::Other);
    match view.tree.parent(expr)? {
        AnyNodeRef::StmtFor(it) if it.iter.range() == range => Some(Form::For(it)),
        AnyNodeRef::Comprehension(it) if it.iter.range() == range => Some(Form::Clause(it)),
        AnyNodeRef::ExprStarred(_) => Some(Form::Starred),
        AnyNodeRef::ExprYieldFrom(_) => Some(Form::From),
        AnyNodeRef::ExprAttribute(it) if generator => Some(Form::Method(it)),
        AnyNodeRef::StmtAssign(it) => {
            // A slice is assigned the items, too.
            let is_slice = |target: &Expr| match target {
                Expr::Subscript(it) => it.slice.is_slice_expr(),
                _ => false,
            };
            let unpacks =
                |target: &Expr| target.is_tuple_expr() || target.is_list_expr() || is_slice(target);
            let unpacks = it.value.range() == range && it.targets.iter().any(unpacks);
            unpacks.then_some(Form::Unpacked)
        }
        AnyNodeRef::Arguments(_) => {
            let call = view.tree.call_around(expr)?;
            Some(Form::Given(call))
        }
        AnyNodeRef::ExprCompare(it) => {
            let tested = it.ops.iter().any(|op| {
                use loopshift_python::ast::CmpOp;
                matches!(op, CmpOp::In | CmpOp::NotIn)
            });
            let right = it.left.range() != range;
            (tested && right && searched).then_some(Form::Other)
        }
        // `items += …`: an object may say itself what that is.
        AnyNodeRef::StmtAugAssign(it) if it.value.range() == range => Some(if generator {
            Form::Unpacked
        } else {
            Form::Other
        }),
        AnyNodeRef::ExprAwait(_) => other,
        // `for x in items or []`: what it is one of is gone through.
        parent @ (AnyNodeRef::ExprBoolOp(_) | AnyNodeRef::ExprIf(_) | AnyNodeRef::ExprNamed(_)) => {
            let is_test = matches!(parent, AnyNodeRef::ExprIf(it) if it.test.range() == range);
            let whole = view.tree.expr_at(parent.range()).filter(|_| !is_test)?;
            form(view, whole, generator, searched).map(|_| Form::Other)
        }
        _ => None,
    }
}

pub(super) const LATER: &str =
    "a generator that is left before its end does what it does then a little later";

pub(super) const UNKNOWN: &str =
    "it is a generator that waits, and what goes through it has no form that does";

fn edits(
    cx: &Context<'_>,
    view: &View<'_>,
    expr: &Expr,
    iterated: &Iterated,
    form: &Form<'_>,
    operation: &mut Operation,
) -> Result<Vec<Edit>, String> {
    // What may be either is gone through by a helper that asks.
    let source: Vec<Piece> = if iterated.plain && !matches!(form, Form::Method(_) | Form::Other) {
        let each = helper("each").ok_or("a helper is missing")?;
        vec![
            Piece::Helper(each),
            "(".into(),
            expr.range().into(),
            ")".into(),
        ]
    } else {
        vec![expr.range().into()]
    };
    let replaced = |edits: &mut Vec<Edit>| {
        if source.len() > 1 {
            let range = expr.range();
            let pieces = source.clone();
            edits.push(Edit::Replace { range, pieces });
        }
    };
    let mut out = Vec::new();
    match form {
        Form::For(it) => {
            let closes = is_closed(cx, iterated);
            // What goes through either is not closed with its loop.
            if closes && (!expr.is_call_expr() || source.len() > 1) {
                operation.caveat = Some(LATER);
            }
            out.extend(loop_over(view, it, expr, &source, closes)?);
        }
        Form::Clause(it) => {
            replaced(&mut out);
            if !it.is_async {
                out.push(Edit::insert(it.start(), "async ", &[]));
            }
        }
        Form::Starred | Form::Unpacked => out.push(listed(view, expr.range(), &source)),
        Form::From => out.push(delegated(view, expr, &source)?),
        Form::Given(call) => {
            let consumer = consumer(cx, view, call);
            let first = call.arguments.args.first().map(Ranged::range);
            let is_first = first == Some(expr.range());
            let pairs = matches!(consumer, Some(Consumer::Steps("zip_waiting")));
            match consumer {
                Some(Consumer::Ours | Consumer::Asks) => {}
                None if !iterated.generator => {}
                Some(Consumer::Calls) if !is_first => {
                    out.push(called_at_once(cx, view, call, expr, &source)?);
                }
                Some(consumer) if is_first || pairs => {
                    let closes = is_closed(cx, iterated);
                    out.extend(given(
                        cx, view, call, expr, &source, &consumer, closes, operation,
                    )?);
                }
                _ => return Err(UNKNOWN.to_owned()),
            }
        }
        Form::Method(attribute) => out.extend(method_of_generator(view, attribute, operation)?),
        Form::Other => return Err(UNKNOWN.to_owned()),
    }
    Ok(out)
}

/// `[item async for item in …]` in the place of the range.
pub(super) fn listed(view: &View<'_>, range: TextRange, source: &[Piece]) -> Edit {
    let pieces = comprehension(view, source, "[", "]");
    Edit::Replace { range, pieces }
}

pub(super) fn comprehension(
    view: &View<'_>,
    source: &[Piece],
    open: &'static str,
    close: &'static str,
) -> Vec<Piece> {
    let item = fresh(view);
    let mut text: Vec<Piece> = vec![format!("{open}{item} async for {item} in ").into()];
    text.extend(source.iter().cloned());
    text.push(close.into());
    text
}

/// A loop over what waits. What is left early is closed where the program left it.
fn loop_over(
    view: &View<'_>,
    it: &loopshift_python::ast::StmtFor,
    expr: &Expr,
    source: &[Piece],
    closes: bool,
) -> Result<Vec<Edit>, String> {
    let mut out = Vec::new();
    if !it.is_async {
        out.push(Edit::insert(it.start(), "async ", &[]));
    }
    if let (true, [_], Expr::Call(made)) = (closes, source, expr) {
        let range = it.range();
        view.can_wrap(range)?;
        let name = fresh_of(view, &["items", "_items", "steps", "_steps"])
            .ok_or("all names for what is gone through are taken")?;
        let mut header = pieces("async with {@contextlib}.aclosing(", &[]);
        // Not the whole expression: in its place stands the name.
        header.extend([
            made.func.range().into(),
            "(".into(),
            inside(made).into(),
            format!(")) as {name}:").into(),
        ]);
        out.push(Edit::Wrap(Wrap {
            range,
            before: Vec::new(),
            header,
            last: Vec::new(),
            after: Vec::new(),
        }));
        out.push(Edit::replace(expr.range(), "{0}", &[name.into()]));
    } else if source.len() > 1 {
        let range = expr.range();
        let pieces = source.to_vec();
        out.push(Edit::Replace { range, pieces });
    }
    Ok(out)
}

fn fresh_of(view: &View<'_>, names: &[&'static str]) -> Option<&'static str> {
    names.iter().copied().find(|name| view.is_fresh(name))
}

/// Whether one of the generators does something when it is closed.
fn is_closed(cx: &Context<'_>, iterated: &Iterated) -> bool {
    iterated.generator
        && iterated.functions.iter().any(|func| {
            definition(cx, *func).is_some_and(|(_, def)| {
                own(&def.body)
                    .into_iter()
                    .any(|node| matches!(node, AnyNodeRef::StmtTry(_) | AnyNodeRef::StmtWith(_)))
            })
        })
}

/// `yield from` in a generator that waits.
pub(super) fn delegated(view: &View<'_>, expr: &Expr, source: &[Piece]) -> Result<Edit, String> {
    let yields = view.tree.parent(expr).ok_or("it can't be found")?;
    let AnyNodeRef::ExprYieldFrom(whole) = yields else {
        return Err("it can't be found".to_owned());
    };
    if !is_statement(view, whole) {
        return Err("an async generator can't hand on what another one returns".to_owned());
    }
    let item = fresh(view);
    let mut text: Vec<Piece> = vec![format!("async for {item} in ").into()];
    text.extend(source.iter().cloned());
    text.push(format!(":\n    yield {item}").into());
    Ok(Edit::Replace {
        range: whole.range(),
        pieces: text,
    })
}

/// `gen.close()`, `gen.send(…)` and `gen.throw(…)` have twins that wait.
fn method_of_generator(
    view: &View<'_>,
    attribute: &loopshift_python::ast::ExprAttribute,
    operation: &mut Operation,
) -> Result<Vec<Edit>, String> {
    let twin = match attribute.attr.as_str() {
        "close" => "aclose",
        "send" => "asend",
        "throw" => "athrow",
        "__next__" => "__anext__",
        // Generators have nothing of the name: it is not one there.
        other if !other.starts_with("gi_") && !other.starts_with("__") => return Ok(Vec::new()),
        other => return Err(format!("`{other}` of a generator that waits has no twin")),
    };
    let call = view
        .call_of(attribute.range())
        .ok_or("it is passed on as a function")?;
    let mut out = vec![Edit::replace(attribute.attr.range(), "{0}", &[twin.into()])];
    operation.around.push(super::awaited(view, call));
    out.extend(super::stop_iteration(view, call));
    Ok(out)
}

/// What is left of a generator that becomes async: it can't return a value, nor hand on a plain iterable.
pub(super) fn generator(
    cx: &Context<'_>,
    view: &View<'_>,
    body: &[Stmt],
) -> Result<Vec<Edit>, String> {
    let mut out = Vec::new();
    for node in own(body) {
        match node {
            AnyNodeRef::StmtReturn(it) => {
                if it
                    .value
                    .as_ref()
                    .is_some_and(|value| !value.is_none_literal_expr())
                {
                    return Err("an async generator can't return a value".to_owned());
                }
                if let Some(value) = &it.value {
                    out.push(Edit::delete(TextRange::new(
                        it.start() + loopshift_python::TextSize::of("return"),
                        value.end(),
                    )));
                }
            }
            AnyNodeRef::ExprYieldFrom(it) => {
                if !iterated(cx, view, &it.value).functions.is_empty() {
                    continue;
                }
                if !is_statement(view, it) {
                    return Err(
                        "an async generator can't hand on what another one returns".to_owned()
                    );
                }
                let item = fresh(view);
                let text = format!("for {item} in ");
                out.push(Edit::Replace {
                    range: it.range(),
                    pieces: vec![
                        text.into(),
                        it.value.range().into(),
                        format!(":\n    yield {item}").into(),
                    ],
                });
            }
            _ => {}
        }
    }
    Ok(out)
}
