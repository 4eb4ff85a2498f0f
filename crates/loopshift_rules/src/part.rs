//! A part of a program that moves while the rest stays as it is: `--only`.
//!
//! Both run on one event loop, that of eventlet's hub for asyncio. A green thread waits for a coroutine there by
//! `spawn_for_awaitable`, and a coroutine for a green thread by `await`. Objects have no such border: what one side makes
//! and the other one uses stays.

use std::collections::BTreeMap;

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::flow::Target;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{FuncId, FunctionKind};
use loopshift_engine::program::{Callers, Input, Program};
use loopshift_engine::uses::Use;
use loopshift_python::ast::Expr;

use crate::catalog::{self, Api, Catalog, Kind};
use crate::context::{Context, View};
use crate::entries::entries;
use crate::recipe::{self, Recipe, is_green, root};
use crate::test_cases::TestCases;

/// The part of a program that moves.
#[derive(Debug)]
pub struct Part {
    /// For each file whether it is of the part.
    files: Vec<bool>,
    /// For each function whether it stays as it is: outside of the part, or what starts the program and its tests.
    outside: Vec<bool>,
}

/// Why a part can't move by itself, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: String,
    /// What to do.
    pub next: String,
}

/// Whether a file is one of those that a path or a dotted name stands for.
fn is_named(file: &Input, name: &str) -> bool {
    let name = name.trim_start_matches("./").trim_end_matches('/');
    let below = |whole: &str, separator: char| {
        let rest = whole.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(separator))
    };
    file.is_python() && (name == "." || below(&file.path, '/') || below(&file.module, '.'))
}

/// Why the part of these names can't move by itself.
pub fn refusal(files: &[Input], target: catalog::Target, only: &[String]) -> Option<Refusal> {
    let refuse = |reason: String, next: &str| {
        let next = next.to_owned();
        Some(Refusal { reason, next })
    };
    if only.is_empty() {
        return None;
    }
    if target != catalog::Target::Asyncio {
        return refuse(
            "only on the way from eventlet to asyncio a part moves while the rest stays".to_owned(),
            "give the paths that are to move: AnyIO runs beside asyncio",
        );
    }
    for name in only {
        if !files.iter().any(|file| is_named(file, name)) {
            return refuse(
                format!("nothing in the program is named `{name}`"),
                "give the path of a file or a directory, or the dotted name of a module or package",
            );
        }
    }
    let imports = |file: &&Input, library: &str| recipe::imports(&file.text, library);
    let python = || files.iter().filter(|file| file.is_python());
    let inside = || python().filter(|file| only.iter().any(|name| is_named(file, name)));
    let by_eventlet = python().any(|file| imports(&file, "eventlet"));
    let by_gevent = python().find(|file| imports(file, "gevent"));
    let gevent = inside().find(|file| imports(file, "gevent"));
    if let Some(file) = gevent.or(by_gevent.filter(|_| !by_eventlet)) {
        return refuse(
            format!(
                "`{}` uses gevent, whose hub can't run on an event loop of asyncio: its green threads and tasks can't wait for each other",
                file.path
            ),
            "move the program as a whole, without --only; or split it into processes, and move one after the other",
        );
    }
    None
}

impl Part {
    /// The part of these names.
    pub(crate) fn new(program: &Program<'_>, only: &[String]) -> Self {
        let files: Vec<bool> = (program.files.iter())
            .map(|file| only.iter().any(|name| is_named(file, name)))
            .collect();
        let entries = entries(program);
        let cases = TestCases::new(program);
        let stays = |func: FuncId| {
            !files[program.function_file(func).0 as usize]
                || program.function(func).kind == FunctionKind::Module
                || entries.contains(&func)
                || cases.call(program, func)
                || program.flow.collected(func).is_some()
        };
        let outside = program.functions().map(stays).collect();
        Part { files, outside }
    }

    /// Whether a file is of the part.
    pub(crate) fn has(&self, file: FileId) -> bool {
        self.files[file.0 as usize]
    }

    /// Whether a function stays as it is.
    pub(crate) fn is_outside(&self, func: FuncId) -> bool {
        self.outside.get(func.0 as usize).copied().unwrap_or(true)
    }

    /// Whether what runs a function is outside, or may be.
    pub(crate) fn is_run_from_outside(
        &self,
        program: &Program<'_>,
        callers: &Callers,
        func: FuncId,
    ) -> bool {
        let mut sites = callers.of(func).iter();
        !self.is_outside(func)
            && (callers.is_unseen(func)
                || sites.any(|site| self.is_outside(owner(program, site.owner, site.place))))
    }

    /// Whether a use is of the part, and not one that the rest of the program rests on.
    pub(crate) fn moves(&self, program: &Program<'_>, catalog: &Catalog, use_: &Use) -> bool {
        self.has(use_.place.file) && !self.stays(program, catalog, use_)
    }

    /// Whether a use in a file of the part stays: the patching, the hub, and what code waits for that is no function of the
    /// part.
    fn stays(&self, program: &Program<'_>, catalog: &Catalog, use_: &Use) -> bool {
        let Some(api) = catalog.get(&use_.api) else {
            return false;
        };
        let of_all = matches!(api.rule.as_deref(), Some("green-patch" | "green-hub"));
        let is_border = &*api.name == "eventlet.asyncio.spawn_for_awaitable";
        let runs =
            is_border || api.suspends || api.spawns || api.awaits || recipe::only_blocks(api);
        of_all || (runs && self.is_outside(program.function_at(use_.place)))
    }
}

/// Who calls: where a library does, the function in which it was asked to.
pub(crate) fn owner(program: &Program<'_>, owner: FuncId, place: Place) -> FuncId {
    if owner == FuncId::NONE {
        program.function_at(place)
    } else {
        owner
    }
}

/// Declines what the part shares with the rest: objects, exceptions, and what belongs to the green thread that runs.
pub(crate) fn decline_shared(
    cx: &Context<'_>,
    part: &Part,
    all: &[Use],
    changes: &mut Vec<Change>,
) {
    // What rules find without being asked for a use; colour and the hub alone have to do with what stays.
    let crosses = |change: &Change| matches!(change.rule, "green-colour" | "green-part");
    changes.retain(|change| part.has(change.place.file) || crosses(change));
    let shared = shared_objects(cx, part, all);
    let caught = caught_outside(cx, part, all);
    let mut reasons: BTreeMap<Place, String> = BTreeMap::new();
    for use_ in cx.uses {
        let Some(view) = cx.view(use_.place.file) else {
            continue;
        };
        let api = cx.catalog.get(&use_.api);
        let by_object = (objects_of(cx, view, use_).iter())
            .find_map(|object| shared.get(object))
            .map(|place| {
                let line = cx.program.line(*place);
                let path = &cx.program.file(place.file).path;
                format!("line {line} of {path}, which stays, uses the same object")
            });
        let reason = by_object.or_else(|| api.and_then(|api| of_thread(cx, use_, api)));
        let reason = reason.or_else(|| {
            let (name, place) = caught.iter().find(|(name, _)| raises(&use_.api, name))?;
            let line = cx.program.line(*place);
            let path = &cx.program.file(place.file).path;
            Some(format!(
                "line {line} of {path}, which stays, catches `{name}`"
            ))
        });
        if let Some(reason) = reason {
            reasons.insert(use_.place, reason);
        }
    }
    for change in changes.iter_mut().filter(|it| it.declined.is_none()) {
        let mut edits = change.edits.iter().filter(|_| !crosses(change));
        if let Some((file, _)) = edits.find(|(file, _)| !part.has(*file)) {
            let path = &cx.program.file(*file).path;
            change.declined = Some(format!("it would change {path}, which stays"));
            change.edits.clear();
            continue;
        }
        let mut places = change.covers.iter().chain([&change.place]);
        if let Some(reason) = places.find_map(|place| reasons.get(place)) {
            change.edits.clear();
            change.declined = Some(reason.clone());
        }
    }
}

type Object = (
    loopshift_engine::ir::Sym,
    loopshift_engine::flow::value::CallId,
);

/// The objects of the library that code which stays has to do with, each with a place of it.
fn shared_objects(cx: &Context<'_>, part: &Part, all: &[Use]) -> BTreeMap<Object, Place> {
    let flow = &cx.program.flow;
    let mut out = BTreeMap::new();
    let mut add = |value: Value, place: Place| {
        if let Value::Object(class, call) = value {
            out.entry((class, call)).or_insert(place);
        }
    };
    for (index, module) in flow.linked.modules.iter().enumerate() {
        let file = FileId(u32::try_from(index).unwrap_or(u32::MAX));
        if part.has(file) {
            continue;
        }
        for (range, node) in &module.exprs {
            let place = Place {
                file,
                range: *range,
            };
            for value in flow.values_of(*node) {
                add(value, place);
            }
        }
    }
    // Uses in files of the part that stay.
    for use_ in all {
        if !part.has(use_.place.file) || part.moves(cx.program, cx.catalog, use_) {
            continue;
        }
        if let Some(view) = cx.view(use_.place.file)
            && let Some(Expr::Attribute(it)) = view.tree.expr_at(use_.place.range)
        {
            for value in cx.program.values_at(view.place(&*it.value)) {
                add(value, use_.place);
            }
        }
    }
    out
}

/// The objects that a use makes, or of which it uses a member.
fn objects_of(cx: &Context<'_>, view: &View<'_>, use_: &Use) -> Vec<Object> {
    let mut places = Vec::new();
    if let Some(Expr::Attribute(it)) = view.tree.expr_at(use_.place.range) {
        places.push(view.place(&*it.value));
    }
    if let Some(call) = view.call_of(use_.place.range) {
        places.push(view.place(call));
    }
    let values = places
        .into_iter()
        .flat_map(|place| cx.program.values_at(place).collect::<Vec<_>>());
    values
        .filter_map(|value| match value {
            Value::Object(class, call) => Some((class, call)),
            _ => None,
        })
        .collect()
}

/// The exceptions of the library that code outside of the part names.
fn caught_outside<'u>(cx: &Context<'_>, part: &Part, all: &'u [Use]) -> Vec<(&'u str, Place)> {
    let is_exception = |use_: &&Use| {
        let row = cx.catalog.get(&use_.api);
        row.is_some_and(|api| api.kind == Kind::Exception || &*api.name == "eventlet.Timeout")
    };
    (all.iter().filter(|use_| !part.has(use_.place.file)))
        .filter(is_exception)
        .map(|use_| (&*use_.api, use_.place))
        .collect()
}

/// Whether using the API may raise the exception.
fn raises(api: &str, exception: &str) -> bool {
    match exception.rsplit('.').next() {
        Some("Timeout") => api.to_ascii_lowercase().contains("timeout"),
        Some("Empty" | "Full") => api.to_ascii_lowercase().contains("queue"),
        _ => false,
    }
}

/// Why a use that asks for the green thread that runs it stays.
fn of_thread(cx: &Context<'_>, use_: &Use, api: &Api) -> Option<String> {
    let is_local = api.rule.as_deref() == Some("green-local");
    let asks = use_.api.ends_with(".getcurrent") || use_.api.ends_with(".current_thread");
    let func = cx.program.function_at(use_.place);
    let in_task = matches!(
        cx.facts().colour(func),
        loopshift_engine::facts::Colour::Becomes(_)
    );
    if is_local || (asks && !in_task) {
        return Some(
            "green threads that stay may run it, too, and it belongs to the one that does"
                .to_owned(),
        );
    }
    // As long as something patches the sockets they are those of the library.
    let is_socket = api.rule.as_deref() == Some("green-socket") && root(&use_.api) == "socket";
    is_socket.then(|| "the sockets are eventlet's as long as the program patches them".to_owned())
}

/// Whether the program starts green threads.
pub(crate) fn starts_threads(cx: &Context<'_>) -> bool {
    let spawns = |name: &str| {
        let row = cx.catalog.get(name);
        is_green(name) && row.is_some_and(|api| api.spawns)
    };
    cx.program.calls().any(|(_, call)| {
        let mut targets = cx.program.callees(call).iter();
        targets.any(|target| match target {
            Target::External(sym) => spawns(cx.program.flow.text(*sym)),
            Target::Func(_) => false,
        })
    })
}

/// Whether what ends a wait from outside is used anywhere: it ends the wait of the green thread, and must end that of
/// the coroutine.
pub(crate) fn ends_waits(cx: &Context<'_>) -> bool {
    ["Timeout", "kill", "cancel", "throw", "with_timeout"]
        .iter()
        .any(|word| cx.mentions(word))
}

impl Recipe {
    /// The part of a program that moves, where one was named.
    pub(crate) fn part(&self, program: &Program<'_>, only: &[String]) -> Option<Part> {
        (!only.is_empty() && self.recolours()).then(|| Part::new(program, only))
    }
}
