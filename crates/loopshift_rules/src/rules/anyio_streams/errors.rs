//! What is raised: incomplete reads, and connections that break.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::visitor::source_order::{self, SourceOrderVisitor};
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr, Stmt, StmtTry};
use loopshift_python::edit::Edit;
use loopshift_python::{Ranged, TextRange};

use super::Obstacle;
use crate::common::calling::{called_at, is_result};
use crate::common::caught;
use crate::context::{Context, View};

/// Whether the program reads `partial` or `expected` of an error.
pub(super) fn looks_at_parts(cx: &Context<'_>) -> bool {
    let caught = cx
        .uses
        .iter()
        .any(|use_| use_.api == "asyncio.IncompleteReadError");
    caught
        && cx.views_naming(["partial", "expected"]).any(|view| {
            view.tree.exprs().any(|expr| {
                matches!(expr, Expr::Attribute(attribute)
                    if matches!(attribute.attr.as_str(), "partial" | "expected"))
            })
        })
}

/// Moves the errors along. Where streams are `shared`, one task may send to what another has closed.
pub(super) fn convert(cx: &Context<'_>, shared: bool, change: &mut Change) -> Result<(), Obstacle> {
    for use_ in cx.uses {
        match use_.api.as_str() {
            "asyncio.IncompleteReadError" => {
                let direct = cx.view(use_.place.file).is_some_and(|view| {
                    view.call_of(use_.place.range).is_none()
                        && view
                            .tree
                            .expr_at(use_.place.range)
                            .is_some_and(|expr| view.is_direct(expr))
                });
                if !direct {
                    return Err((
                        use_.place,
                        "the error is made or passed on by hand".to_owned(),
                    ));
                }
                change.edits.push((
                    use_.place.file,
                    Edit::replace(use_.place.range, "{@anyio}.IncompleteRead", &[]),
                ));
            }
            "asyncio.LimitOverrunError" => {
                return Err((
                    use_.place,
                    "an overrun is handled, of which AnyIO's `DelimiterNotFound` tells less"
                        .to_owned(),
                ));
            }
            _ => {}
        }
    }
    let places = reaching(cx, change.covers.iter().copied().chain([change.place]));
    let told = tells_refused(cx);
    let connecting = reaching(
        cx,
        cx.uses
            .iter()
            .filter(|use_| !told && use_.api.starts_with("asyncio.open_"))
            .map(|use_| use_.place),
    );
    let files: BTreeSet<FileId> = places.iter().map(|place| place.file).collect();
    for view in files.into_iter().filter_map(|file| cx.view(file)) {
        let mut finder = Handlers {
            places: in_file(&places, view.file),
            connecting: in_file(&connecting, view.file),
            raised: if shared { CLOSED } else { BROKE },
            edits: Vec::new(),
        };
        finder.visit_body(&view.parsed.syntax().body);
        change
            .edits
            .extend(finder.edits.into_iter().map(|edit| (view.file, edit)));
    }
    Ok(())
}

fn in_file(places: &BTreeSet<Place>, file: FileId) -> Vec<TextRange> {
    places
        .iter()
        .filter(|place| place.file == file)
        .map(|place| place.range)
        .collect()
}

/// Every place that uses a stream, and every call of a function that does.
fn reaching(cx: &Context<'_>, from: impl Iterator<Item = Place>) -> BTreeSet<Place> {
    let mut places: BTreeSet<Place> = from.collect();
    let mut todo: Vec<FuncId> = places
        .iter()
        .map(|place| cx.program.function_at(*place))
        .collect();
    let mut seen: BTreeSet<FuncId> = BTreeSet::new();
    while let Some(func) = todo.pop() {
        if !seen.insert(func) {
            continue;
        }
        for place in called_at(cx, func) {
            places.insert(place);
            todo.push(cx.program.function_at(place));
        }
    }
    places
}

/// What a handler for a refused connection may name.
const REFUSED: &[&str] = &[
    "ConnectionRefusedError",
    "ConnectionError",
    "OSError",
    "IOError",
    "EnvironmentError",
    "Exception",
    "BaseException",
];

/// Whether somebody can tell how a connection can't be made: `AnyIO` says it in other words, by a plain `OSError`.
pub(super) fn tells_refused(cx: &Context<'_>) -> bool {
    let connects = (cx.uses.iter()).filter(|use_| use_.api == "asyncio.open_connection");
    let mut todo: Vec<Place> = connects.map(|use_| use_.place).collect();
    if todo.is_empty() {
        return false;
    }
    let names = ["ConnectionRefusedError", "ConnectionError"];
    if (cx.views_naming(names)).any(|view| names_elsewhere(view, &names)) {
        return true;
    }
    let mut seen: BTreeSet<FuncId> = BTreeSet::new();
    while let Some(place) = todo.pop() {
        let Some(view) = cx.view(place.file) else {
            continue;
        };
        if caught::is_shown(cx, view, place.range, REFUSED) || is_result(cx, view, place) {
            return true;
        }
        let func = cx.program.function_at(place);
        if !caught::is_caught(cx, view, place.range, REFUSED) && seen.insert(func) {
            todo.extend(called_at(cx, func));
        }
    }
    false
}

/// Whether a class is named elsewhere than in what a handler catches: to suppress it, or to ask for it.
fn names_elsewhere(view: &View<'_>, names: &[&str]) -> bool {
    let is_caught = |expr: &Expr| {
        let mut around = view.tree.ancestors(expr);
        let holder = around.find(|node| !matches!(node, AnyNodeRef::ExprTuple(_)));
        matches!(holder, Some(AnyNodeRef::ExceptHandlerExceptHandler(_)))
    };
    view.tree.exprs().any(|expr| {
        matches!(expr, Expr::Name(name) if names.contains(&name.id.as_str())) && !is_caught(expr)
    })
}

/// Errors of the operating system that a broken connection raises in asyncio.
const BROKEN: &[&str] = &[
    "ConnectionResetError",
    "BrokenPipeError",
    "ConnectionAbortedError",
    "ConnectionError",
    "OSError",
];

/// The error of a connection that broke.
const BROKE: &str = ", {@anyio}.BrokenResourceError";

/// The same, and that of a stream that was closed.
const CLOSED: &str = ", {@anyio}.BrokenResourceError, {@anyio}.ClosedResourceError";

struct Handlers {
    /// Where streams are used, or functions called that use them.
    places: Vec<TextRange>,
    /// Where connections are opened, or functions called that do.
    connecting: Vec<TextRange>,
    /// What `AnyIO` raises there, behind what is caught now.
    raised: &'static str,
    edits: Vec<Edit>,
}

impl<'a> SourceOrderVisitor<'a> for Handlers {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if let Stmt::Try(try_) = stmt {
            self.widen(try_);
        }
        source_order::walk_stmt(self, stmt);
    }
}

impl Handlers {
    /// Lets the handlers around an `await` also catch what `AnyIO` raises there.
    fn widen(&mut self, try_: &StmtTry) {
        let (Some(first), Some(last)) = (try_.body.first(), try_.body.last()) else {
            return;
        };
        let body = TextRange::new(first.start(), last.end());
        if !self.places.iter().any(|place| body.contains_range(*place)) {
            return;
        }
        let mut done = false;
        for handler in &try_.handlers {
            let ExceptHandler::ExceptHandler(handler) = handler;
            let Some(caught) = handler.type_.as_deref() else {
                return;
            };
            let list = match caught {
                Expr::Tuple(tuple) => tuple.elts.as_slice(),
                one => std::slice::from_ref(one),
            };
            let is = |expr: &Expr, names: &[&str]| matches!(expr, Expr::Name(name) if names.contains(&name.id.as_str()));
            if list
                .iter()
                .any(|it| is(it, &["Exception", "BaseException"]))
            {
                return;
            }
            // A refused connection is a plain `OSError` in AnyIO.
            let mut wide = list.iter().any(|it| is(it, &["OSError", "IOError"]));
            for refused in list
                .iter()
                .filter(|it| is(it, &["ConnectionRefusedError", "ConnectionError"]))
            {
                if self.connects(body) && !wide {
                    self.edits
                        .push(Edit::replace(refused.range(), "OSError", &[]));
                    wide = true;
                }
            }
            if done || !list.iter().any(|it| is(it, BROKEN)) {
                continue;
            }
            done = true;
            match caught {
                Expr::Tuple(tuple) => {
                    if let Some(last) = tuple.elts.last() {
                        self.edits.push(Edit::insert(last.end(), self.raised, &[]));
                    }
                }
                one => {
                    self.edits.push(Edit::insert(one.start(), "(", &[]));
                    self.edits.push(Edit::insert(one.end(), self.raised, &[]));
                    self.edits.push(Edit::insert(one.end(), ")", &[]));
                }
            }
        }
    }

    fn connects(&self, body: TextRange) -> bool {
        self.connecting
            .iter()
            .any(|place| body.contains_range(*place))
    }
}
