//! `on_event("startup")` and `on_event("shutdown")` of Starlette and `FastAPI` become one lifespan.
//!
//! The handlers stay functions; the lifespan calls them in their order. Tasks that they start and forget run in a task group
//! around the time in which the application serves.

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{Expr, ExprCall, Stmt, StmtAssign, StmtFunctionDef};
use loopshift_python::edit::{Edit, Piece, pieces};
use loopshift_python::{Ranged, TextRange};

use super::anyio_run::runnable;
use crate::common::arguments::inside;
use crate::common::shared::is_statement;
use crate::context::{Context, View};

const RULE: &str = "anyio-lifespan";

/// A handler of an application's events.
struct Handler<'v> {
    def: &'v StmtFunctionDef,
    /// Its decorator's call.
    call: &'v ExprCall,
    /// The application.
    app: &'v str,
    /// Whether it is one of the start.
    starts: bool,
}

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let all: Vec<(&View<'_>, Handler<'_>)> = cx
        .views_naming(["on_event"])
        .flat_map(|view| handlers(view).into_iter().map(move |it| (view, it)))
        .filter(|(view, handler)| !has_events_of_its_own(cx, view, handler))
        .collect();
    let mut at = 0;
    while let Some((view, first)) = all.get(at) {
        let rest = &all[at..];
        let same = |(other, handler): &&(&View<'_>, Handler<'_>)| {
            other.file == view.file && handler.app == first.app
        };
        let group: Vec<&Handler<'_>> = rest.iter().take_while(same).map(|it| &it.1).collect();
        at += group.len();
        let others = all.len() - group.len();
        match convert(cx, view, &group, others) {
            Ok(change) => changes.push(change),
            Err(reason) => changes.extend(group.iter().map(|handler| {
                let place = view.place(&*handler.call.func);
                Change::declined(RULE, place, api(handler), reason.clone())
            })),
        }
    }
}

/// Whether what has the event is an object of a class of the program, which defines what `on_event` is.
fn has_events_of_its_own(cx: &Context<'_>, view: &View<'_>, handler: &Handler<'_>) -> bool {
    let mut values = cx
        .program
        .values_at(view.place(&*handler.call.func))
        .peekable();
    values.peek().is_some()
        && values.all(|value| matches!(value, Value::Func(_) | Value::Bound(..)))
}

fn api(handler: &Handler<'_>) -> String {
    let event = if handler.starts {
        "startup"
    } else {
        "shutdown"
    };
    format!("on_event.{event}")
}

/// Functions with one decorator, `@app.on_event("startup")` or `"shutdown"`.
fn handlers<'v>(view: &'v View<'_>) -> Vec<Handler<'v>> {
    let mut found = Vec::new();
    if view.source.contains("on_event") {
        collect(&view.parsed.syntax().body, &mut found);
    }
    found
}

fn collect<'v>(body: &'v [Stmt], found: &mut Vec<Handler<'v>>) {
    for stmt in body {
        let Stmt::FunctionDef(def) = stmt else {
            continue;
        };
        found.extend(
            def.decorator_list
                .iter()
                .find_map(|it| handler(def, &it.expression)),
        );
        collect(&def.body, found);
    }
}

fn handler<'v>(def: &'v StmtFunctionDef, decorator: &'v Expr) -> Option<Handler<'v>> {
    let call = decorator.as_call_expr()?;
    let attribute = call.func.as_attribute_expr()?;
    let app = attribute.value.as_name_expr()?;
    let event = call.arguments.args.first()?.as_string_literal_expr()?;
    let starts = match event.value.to_str() {
        "startup" => true,
        "shutdown" => false,
        _ => return None,
    };
    (attribute.attr.as_str() == "on_event").then_some(Handler {
        def,
        call,
        app: app.id.as_str(),
        starts,
    })
}

fn convert(
    cx: &Context<'_>,
    view: &View<'_>,
    group: &[&Handler<'_>],
    others: usize,
) -> Result<Change, String> {
    let first = group.first().ok_or("there is no handler")?;
    if others > 0 {
        return Err(
            "other applications or routers have events too, and a lifespan turns those it includes off"
                .to_owned(),
        );
    }
    for name in ["add_event_handler", "on_startup", "on_shutdown"] {
        if cx.mentions(name) {
            return Err(format!(
                "the program uses `{name}`, too, which a lifespan turns off"
            ));
        }
    }
    let (assign, call) = application(cx, view, first)?;
    if let Some(keyword) = call.arguments.keywords.iter().find(|it| {
        it.arg
            .as_ref()
            .is_none_or(|name| name.as_str() == "lifespan")
    }) {
        return Err(match keyword.arg {
            Some(_) => {
                "the application has a `lifespan`, which turns this handler off: it never runs"
            }
            None => "the application is made with `**`, which may hold a lifespan",
        }
        .to_owned());
    }
    let mut change = Change::new(
        RULE,
        view.place(&*first.call.func),
        api(first),
        "the handlers of `on_event` are called by one lifespan",
    );
    let scope = view.scopes.at(assign.start());
    let name = view.scopes.fresh_name(scope, "lifespan");
    let mut tasks = false;
    let mut starts: Vec<String> = Vec::new();
    let mut stops: Vec<String> = Vec::new();
    for handler in group {
        let own = started(cx, view, handler);
        for (use_, edits) in &own {
            change.covers.push(use_.place);
            for edit in edits {
                change.edit(edit.clone());
            }
        }
        if !own.is_empty() {
            tasks = true;
            let open = handler.def.parameters.start() + loopshift_python::TextSize::new(1);
            change.edit(Edit::insert(open, "tg", &[]));
        }
        let wait = if handler.def.is_async { "await " } else { "" };
        let argument = if own.is_empty() { "" } else { "tg" };
        let line = format!("{wait}{}({argument})", handler.def.name);
        if handler.starts {
            &mut starts
        } else {
            &mut stops
        }
        .push(line);
        change.covers.push(view.place(&*handler.call.func));
        change.edit(Edit::delete(decorator_range(view, handler, assign)?));
    }
    let nested = view.tree.enclosing_function(assign.range()).is_some();
    // Two blank lines above a function of the module.
    let above = &view.source[..assign.start().to_usize()];
    let blank = above
        .lines()
        .rev()
        .take_while(|line| line.trim().is_empty());
    let missing = if nested || above.trim().is_empty() {
        0
    } else {
        2usize.saturating_sub(blank.count())
    };
    let mut text = vec![Piece::from(format!("{}@", "\n".repeat(missing)))];
    text.extend(pieces("{@contextlib:asynccontextmanager}", &[]));
    text.push(format!("\nasync def {name}(app: ").into());
    text.push(call.func.range().into());
    text.push("):".into());
    let mut indent = "\n    ";
    if tasks {
        text.extend(pieces(
            "\n    async with {@anyio}.create_task_group() as tg:",
            &[],
        ));
        indent = "\n        ";
        change.caveat("an error of a task ends the application, where asyncio only logged it");
    }
    for line in starts.iter().map(String::as_str).chain(["yield"]) {
        text.push(format!("{indent}{line}").into());
    }
    for line in &stops {
        text.push(format!("{indent}{line}").into());
    }
    if tasks {
        text.push(format!("{indent}tg.cancel_scope.cancel()").into());
    }
    text.push(if nested { "\n\n" } else { "\n\n\n" }.into());
    change.edit(Edit::Replace {
        range: TextRange::empty(assign.start()),
        pieces: text,
    });
    change.edit(keyword(call, &name));
    Ok(change)
}

/// The assignment that makes the application, in the block of the handlers.
fn application<'v>(
    cx: &Context<'_>,
    view: &'v View<'_>,
    handler: &Handler<'v>,
) -> Result<(&'v StmtAssign, &'v ExprCall), String> {
    let body = view
        .tree
        .enclosing_function(handler.def.range())
        .map(|function| function.range());
    let elsewhere =
        || "the application is not made by a plain assignment in the same block".to_owned();
    let scope = view.scopes.at(handler.call.start());
    let bound = view
        .scopes
        .resolve(handler.app, scope)
        .and_then(|scope| view.scopes.scopes[scope].bindings.get(handler.app))
        .ok_or_else(elsewhere)?;
    let [binding] = bound.as_slice() else {
        return Err(elsewhere());
    };
    let stmt = view
        .tree
        .enclosing_statement(binding.range)
        .ok_or_else(elsewhere)?;
    let Stmt::Assign(assign) = stmt else {
        return Err(elsewhere());
    };
    let same_block = view
        .tree
        .enclosing_function(assign.range())
        .map(|it| it.range())
        == body;
    let call = assign.value.as_call_expr().filter(|_| same_block);
    let call = call
        .filter(|_| assign.targets.len() == 1)
        .ok_or_else(elsewhere)?;
    match cx.api_of(view, &call.func) {
        Some(
            "fastapi.FastAPI" | "fastapi.applications.FastAPI" | "starlette.applications.Starlette",
        ) => Ok((assign, call)),
        Some("fastapi.APIRouter" | "fastapi.routing.APIRouter" | "starlette.routing.Router") => {
            Err(
                "these are events of a router: its lifespan is not called in all versions"
                    .to_owned(),
            )
        }
        _ => Err(
            "what has the event is not known to be a Starlette or FastAPI application".to_owned(),
        ),
    }
}

/// The decorator with what is between it and the function.
fn decorator_range(
    view: &View<'_>,
    handler: &Handler<'_>,
    assign: &StmtAssign,
) -> Result<TextRange, String> {
    let [decorator] = handler.def.decorator_list.as_slice() else {
        return Err("a handler has other decorators as well".to_owned());
    };
    if !handler.def.parameters.is_empty() {
        return Err("a handler has parameters".to_owned());
    }
    if handler.def.start() < assign.end() {
        return Err("a handler stands before the application".to_owned());
    }
    let between = TextRange::new(decorator.end(), handler.def.name.start());
    let text = view.text(between);
    if text.contains('#') {
        return Err("a comment stands between a handler and its decorator".to_owned());
    }
    let blank = text.len() - text.trim_start().len();
    let end = decorator.end() + loopshift_python::TextSize::new(u32::try_from(blank).unwrap_or(0));
    Ok(TextRange::new(decorator.start(), end))
}

/// The tasks that a handler starts and forgets, with what becomes of them.
fn started<'c>(
    cx: &Context<'c>,
    view: &View<'_>,
    handler: &Handler<'_>,
) -> Vec<(&'c Use, Vec<Edit>)> {
    let is_used = view
        .scopes
        .references
        .iter()
        .any(|it| it.name == handler.def.name.as_str());
    let is_free = view.is_fresh("tg");
    if !handler.starts || !handler.def.is_async || is_used || !is_free {
        return Vec::new();
    }
    cx.uses
        .iter()
        .filter(|use_| use_.place.file == view.file && use_.only)
        .filter(|use_| {
            matches!(
                use_.api.as_str(),
                "asyncio.create_task" | "asyncio.ensure_future"
            )
        })
        .filter(|use_| {
            let function = view.tree.enclosing_function(use_.place.range);
            function.is_some_and(|it| it.range() == handler.def.range())
        })
        .filter_map(|use_| {
            let call = view.call_of(use_.place.range)?;
            let [Expr::Call(made)] = &*call.arguments.args else {
                return None;
            };
            let known = is_coroutine(cx, view.file, made.range());
            if !call.arguments.keywords.is_empty() || !is_statement(view, call) || !known {
                return None;
            }
            let pieces = runnable(cx, view, None, &call.arguments.args[0]).ok()?;
            Some((
                use_,
                vec![
                    Edit::replace(call.func.range(), "tg.start_soon", &[]),
                    Edit::Replace {
                        range: inside(call),
                        pieces,
                    },
                ],
            ))
        })
        .collect()
}

fn is_coroutine(cx: &Context<'_>, file: FileId, range: TextRange) -> bool {
    let mut values = cx.program.values_at(Place { file, range }).peekable();
    values.peek().is_some() && values.all(|value| matches!(value, Value::Coroutine(_)))
}

/// `lifespan=lifespan` behind the arguments that there are.
fn keyword(call: &ExprCall, name: &str) -> Edit {
    let last = call
        .arguments
        .iter_source_order()
        .map(|it| it.range().end())
        .max();
    let (at, comma) = match last {
        Some(end) => (end, ", "),
        None => (inside(call).start(), ""),
    };
    Edit::Replace {
        range: TextRange::empty(at),
        pieces: vec![format!("{comma}lifespan={name}").into()],
    }
}
