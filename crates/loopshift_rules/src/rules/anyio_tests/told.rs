//! Errors that nobody waits for: of tasks, callbacks and protocols. asyncio tells its event loop of them, which logs them.
//! `AnyIO`'s plugin collects what the loop is told, and fails the test (`TestRunner._exception_handler` in its
//! `_backends/_asyncio.py`).

use std::collections::BTreeSet;

use loopshift_engine::change::{FileId, Place};
use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::{CallId, Value};
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::visitor::source_order::{self, SourceOrderVisitor};
use loopshift_python::ast::{Expr, ExprCall};

use crate::common::code::Reach;
use crate::common::objects::{made_at, made_by};
use crate::common::raising::Raising;
use crate::context::{Context, View};

/// The uses of which the event loop may be told an error, with the functions they stand in.
pub(super) struct Told(Vec<(FuncId, Place)>);

impl Told {
    /// Looks through the program.
    pub(super) fn new(cx: &Context<'_>) -> Self {
        let telling = cx.uses.iter().filter(|it| tells(&it.api).is_some());
        let mut telling = telling.peekable();
        if telling.peek().is_none() {
            return Told(Vec::new());
        }
        let raising = Raising::new(cx);
        let waited = waited(cx);
        let told = telling.filter(|it| is_told(cx, &raising, &waited, it));
        Told(
            told.map(|it| (cx.program.function_at(it.place), it.place))
                .collect(),
        )
    }

    /// The first of them that the functions of some files reach.
    pub(super) fn reached_from(&self, cx: &Context<'_>, files: &BTreeSet<FileId>) -> Option<Place> {
        if self.0.is_empty() {
            return None;
        }
        let of_files = cx
            .program
            .functions()
            .filter(|it| files.contains(&cx.program.function_file(*it)));
        let reached = cx.once(Reach::new).from(of_files);
        let found = self
            .0
            .iter()
            .find(|(function, _)| reached.contains(function));
        found.map(|(_, place)| *place)
    }
}

/// What raises the errors that an API tells the event loop of.
#[derive(Clone, Copy)]
enum Source {
    /// The coroutine that is the first argument, unless somebody waits for the task.
    Task,
    /// The function that is this argument.
    Callback(usize),
    /// What it is given, unless somebody waits for it.
    Kept,
    /// Methods of an object that the library calls.
    Protocol,
}

fn tells(api: &str) -> Option<Source> {
    let name = api.strip_prefix("asyncio.")?;
    let name = name.rsplit('.').next().unwrap_or(name);
    Some(match name {
        "create_task" | "ensure_future" if !api.contains("TaskGroup") => Source::Task,
        "call_soon"
        | "call_soon_threadsafe"
        | "add_done_callback"
        | "start_server"
        | "start_unix_server" => Source::Callback(0),
        "call_later" | "call_at" | "add_reader" | "add_writer" | "add_signal_handler" => {
            Source::Callback(1)
        }
        "set_exception" | "run_in_executor" => Source::Kept,
        "create_connection"
        | "create_server"
        | "create_datagram_endpoint"
        | "create_unix_connection"
        | "create_unix_server"
        | "connect_accepted_socket"
        | "connect_read_pipe"
        | "connect_write_pipe"
        | "subprocess_exec"
        | "subprocess_shell" => Source::Protocol,
        _ => return None,
    })
}

fn is_told(
    cx: &Context<'_>,
    raising: &Raising<'_, '_>,
    waited: &BTreeSet<CallId>,
    use_: &Use,
) -> bool {
    let (Some(source), Some(view)) = (tells(&use_.api), cx.view(use_.place.file)) else {
        return true;
    };
    let Some(call) = view.call_of(use_.place.range) else {
        return true;
    };
    let argument = |index: usize| call.arguments.args.get(index);
    let is_known = |place: Place| made_at(cx, place).any(|made| waited.contains(&made));
    let is_waited = || view.await_of(call.range()).is_some() || is_known(view.place(call));
    match source {
        Source::Task => argument(0).is_none_or(|it| raising.awaiting(view, it)) && !is_waited(),
        Source::Callback(index) => argument(index).is_none_or(|it| raising.calling(view, it)),
        Source::Kept if use_.api.ends_with("set_exception") => match &*call.func {
            Expr::Attribute(it) => !is_known(view.place(&*it.value)),
            _ => true,
        },
        Source::Kept => !is_waited(),
        Source::Protocol => argument(0).is_none_or(|it| may_raise(cx, raising, view, it)),
    }
}

/// Whether a protocol of a factory may raise in what the library calls.
fn may_raise(cx: &Context<'_>, raising: &Raising<'_, '_>, view: &View<'_>, factory: &Expr) -> bool {
    let of_library = |base: &MroEntry| match base {
        MroEntry::Class(class) => {
            let methods = cx.program.methods(*class);
            !methods.iter().any(|it| raising.function(*it))
        }
        MroEntry::External(name) => {
            let name = cx.program.flow.text(*name);
            name.starts_with("asyncio.") || name == "object"
        }
    };
    let mut values = cx.program.values_at(view.place(factory)).peekable();
    values.peek().is_none()
        || values.any(|value| match value {
            Value::Class(class) => {
                let bases = cx.program.flow.mro.get(class.0 as usize);
                bases.is_none_or(|bases| !bases.iter().all(of_library))
            }
            _ => true,
        })
}

/// The calls that made what somebody waits for, or asks for its error.
fn waited(cx: &Context<'_>) -> BTreeSet<CallId> {
    let mut found = BTreeSet::new();
    for view in cx.views() {
        let mut waits = Waits {
            cx,
            view,
            found: &mut found,
        };
        waits.visit_body(&view.parsed.syntax().body);
    }
    found
}

struct Waits<'w, 'c> {
    cx: &'w Context<'c>,
    view: &'w View<'c>,
    found: &'w mut BTreeSet<CallId>,
}

impl Waits<'_, '_> {
    fn add(&mut self, expr: &Expr) {
        self.found.extend(made_at(self.cx, self.view.place(expr)));
    }

    fn add_items(&mut self, list: &Expr) {
        let flow = &self.cx.program.flow;
        for value in self.cx.program.values_at(self.view.place(list)) {
            let Value::Container(id) = value else {
                continue;
            };
            let container = &flow.linked.containers[id.0 as usize];
            let items = container.contents().flat_map(|it| flow.values_of(it));
            self.found.extend(items.filter_map(made_by));
        }
    }

    fn of_call(&mut self, call: &ExprCall) {
        match self.cx.api_of(self.view, &call.func) {
            Some("asyncio.gather" | "asyncio.wait_for" | "asyncio.shield") => {
                for argument in &call.arguments.args {
                    self.add(argument);
                    let Expr::Starred(starred) = argument else {
                        continue;
                    };
                    self.add_items(&starred.value);
                }
            }
            Some(api) if api.ends_with(".result") || api.ends_with(".exception") => {
                if let Expr::Attribute(it) = &*call.func {
                    self.add(&it.value);
                }
            }
            _ => {}
        }
    }
}

impl<'a> SourceOrderVisitor<'a> for Waits<'_, '_> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Await(it) => self.add(&it.value),
            Expr::Call(call) => self.of_call(call),
            _ => {}
        }
        source_order::walk_expr(self, expr);
    }
}
