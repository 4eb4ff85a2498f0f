//! Tasks that are told something through the names that asyncio has for them: `asyncio.current_task().cancel()`. A handle
//! of `AnyIO` does not learn of that: whoever waits for it gets another error, and it keeps the name that it was given.
//! And tasks that are asked for what only the handle knows: asyncio's own task behind it has no result.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::{FileId, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::objects::site_place;
use loopshift_python::ast::{AnyNodeRef, Expr};

use super::cancelled::functions;
use super::family::{Model, TASK};
use crate::common::code::{definition, own};
use crate::context::Context;
use crate::processes::Processes;

/// What a task is told.
struct Told {
    place: Place,
    /// `cancel` or `set_name`; or what it is asked for.
    name: String,
    /// The function that asks for its own task; none where it may be any task.
    function: Option<FuncId>,
}

/// Refuses the tasks whose handles would not learn what their tasks are told.
pub(super) fn check(cx: &Context<'_>, model: &mut Model<'_>) {
    let told = told(cx, model);
    if told.is_empty() {
        return;
    }
    let processes = cx.once(Processes::new);
    let files: BTreeSet<FileId> = told.iter().map(|it| it.place.file).collect();
    let meeting: BTreeMap<FileId, Vec<bool>> = (files.into_iter())
        .map(|file| (file, processes.meeting(file)))
        .collect();
    for index in 0..model.families.len() {
        let family = &model.families[index];
        if family.refusal.is_some() || family.is_of_timers() {
            continue;
        }
        let coros = family.runs();
        let reached = functions(cx, &coros);
        let is_asked = |name: &str| family.members.iter().any(|member| member.name == name);
        let is_waited_for = model.waits_of([&index]).next().is_some();
        let matters = |it: &&Told| match it.name.as_str() {
            "set_name" => is_asked("get_name"),
            "result" | "exception" | "get_coro" => true,
            // Who stops all tasks may stop one before it starts, which `AnyIO` runs all the same.
            _ => it.function.is_none() || is_waited_for || !family.members.is_empty(),
        };
        let meets = |it: &Told| {
            let meeting = &meeting[&it.place.file];
            coros.iter().any(|coro| meeting[coro.file.0 as usize])
        };
        let of_it = |it: &&Told| {
            it.function
                .map_or_else(|| meets(it), |func| reached.contains(&func))
        };
        if let Some(it) = told.iter().filter(matters).find(of_it) {
            let line = cx.program.line(it.place);
            let does = match it.name.as_str() {
                "set_name" => "is given another name",
                "cancel" => "is told to stop",
                name => {
                    model.families[index].refusal = Some(format!(
                        "at line {line} `{name}` is asked of it by the name that asyncio has for it, which only the handle of AnyIO knows"
                    ));
                    continue;
                }
            };
            model.families[index].refusal = Some(format!(
                "at line {line} it {does} by the name that asyncio has for it, and the handle of AnyIO does not learn that"
            ));
        }
    }
}

fn told(cx: &Context<'_>, model: &Model<'_>) -> Vec<Told> {
    let named = |api: &str| cx.uses.iter().any(|use_| use_.api == api);
    let mut told = Vec::new();
    if named("asyncio.current_task") {
        for family in &model.families {
            let asks: BTreeSet<FuncId> = (family.cluster.sites.iter())
                .filter(|site| is_call_of(cx, **site, "asyncio.current_task"))
                .map(|site| cx.program.function_at(*site))
                .collect();
            for member in &family.members {
                if matches!(member.name.as_str(), "cancel" | "set_name") {
                    told.extend(asks.iter().map(|function| Told {
                        place: member.view.place(member.attribute),
                        name: member.name.clone(),
                        function: Some(*function),
                    }));
                }
            }
        }
    }
    if named("asyncio.all_tasks") {
        for use_ in cx.uses {
            if use_.api == "asyncio.all_tasks" {
                told.extend(unknown(cx, use_.place));
            }
            let name = match use_.api.as_str() {
                "asyncio.Task.cancel" => "cancel",
                "asyncio.Task.set_name" => "set_name",
                "asyncio.Task.result" => "result",
                "asyncio.Task.exception" => "exception",
                "asyncio.Task.get_coro" => "get_coro",
                _ => continue,
            };
            let view = cx.view(use_.place.file);
            let member = view.and_then(|view| view.tree.expr_at(use_.place.range));
            let (Some(view), Some(Expr::Attribute(member))) = (view, member) else {
                continue;
            };
            let of_any = |value| match value {
                Value::Object(ty, site) if cx.program.flow.text(ty) == TASK => {
                    site_place(cx.program, site)
                        .is_none_or(|site| is_call_of(cx, site, "asyncio.all_tasks"))
                }
                // The method of the class, for whatever it is called with.
                Value::External(sym) => cx.program.flow.text(sym) == TASK,
                _ => false,
            };
            let mut values = cx.program.values_at(view.place(&*member.value));
            if values.any(of_any) {
                told.push(Told {
                    place: use_.place,
                    name: name.to_owned(),
                    function: None,
                });
            }
        }
    }
    told
}

/// What is told or asked in the function that asks for all tasks, where it is not known of what: of what is left of a set, for
/// one.
fn unknown(cx: &Context<'_>, asks: Place) -> Vec<Told> {
    let Some((view, def)) = definition(cx, cx.program.function_at(asks)) else {
        return Vec::new();
    };
    let asked = ["cancel", "exception", "get_coro", "result"];
    let member = |node| match node {
        AnyNodeRef::ExprCall(call) => match &*call.func {
            Expr::Attribute(member) if asked.contains(&member.attr.as_str()) => Some(member),
            _ => None,
        },
        _ => None,
    };
    let is_known = |expr: &Expr| {
        let mut values = cx.program.values_at(view.place(expr)).peekable();
        values.peek().is_some() && values.all(|value| !matches!(value, Value::Unknown(_)))
    };
    own(&def.body)
        .into_iter()
        .filter_map(member)
        .filter(|member| !is_known(&member.value))
        .map(|member| Told {
            place: view.place(member),
            name: member.attr.to_string(),
            function: None,
        })
        .collect()
}

fn is_call_of(cx: &Context<'_>, place: Place, api: &str) -> bool {
    let view = cx.view(place.file);
    view.is_some_and(|view| match view.tree.expr_at(place.range) {
        Some(Expr::Call(call)) => cx.api_of(view, &call.func) == Some(api),
        _ => false,
    })
}
