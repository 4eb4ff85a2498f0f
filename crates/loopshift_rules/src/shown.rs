//! What a program shows of the objects that a library makes: `print(task)`, `f"{future}"`. What takes their place has
//! another text, so the change that makes it is none that keeps all that the program prints.
//!
//! A task is known to asyncio under the name and the coroutine that it was made with. `AnyIO` runs the coroutine in one
//! of its own, and names the task by its function: that shows wherever a task is asked for by `current_task` and
//! `all_tasks`, which do not tell one task from another.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::{CallId, Value};
use loopshift_engine::ir::ClassId;
use loopshift_engine::objects::site_place;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, Operator};

use crate::context::{Context, View};
use crate::processes::Processes;

/// Classes whose text holds an address, another in each run: `<asyncio.locks.Event object at 0x7f… [set]>`. Nobody relies on
/// it. See `__repr__` in `Lib/asyncio/locks.py` and `Lib/asyncio/queues.py` of Python.
const ADDRESSED: &[&str] = &[
    "asyncio.Barrier",
    "asyncio.BoundedSemaphore",
    "asyncio.Condition",
    "asyncio.Event",
    "asyncio.LifoQueue",
    "asyncio.Lock",
    "asyncio.PriorityQueue",
    "asyncio.Queue",
    "asyncio.Semaphore",
];

/// Functions that make text of what they are given.
const TEXT: &[&str] = &[
    "<builtin>.ascii",
    "<builtin>.format",
    "<builtin>.print",
    "<builtin>.repr",
    "<builtin>.str",
    "<builtin>.str.format",
    "logging.Logger.critical",
    "logging.Logger.debug",
    "logging.Logger.error",
    "logging.Logger.exception",
    "logging.Logger.info",
    "logging.Logger.log",
    "logging.Logger.warning",
    "logging.critical",
    "logging.debug",
    "logging.error",
    "logging.exception",
    "logging.info",
    "logging.log",
    "logging.warning",
    "pprint.pprint",
];

/// Whether a function makes text of what it is given, and does nothing else with it.
pub(crate) fn is_shown_by(function: &str) -> bool {
    TEXT.contains(&function)
}

/// What is another of a task that `AnyIO` made, where asyncio is asked for it.
const OF_TASK: &[&str] = &[
    "asyncio.Task.get_name",
    "asyncio.Task.get_stack",
    "asyncio.Task.print_stack",
];

const TASK: &str = "asyncio.Task";

/// What makes tasks.
const MAKES_TASKS: &[&str] = &[
    "asyncio.AbstractEventLoop.create_task",
    "asyncio.AbstractEventLoop.run_until_complete",
    "asyncio.Runner.run",
    "asyncio.TaskGroup.create_task",
    "asyncio.create_task",
    "asyncio.ensure_future",
    "asyncio.gather",
    "asyncio.run",
    "asyncio.wait_for",
];

/// Says what differs where the program shows an object that a change makes.
pub(crate) fn caveats(cx: &Context<'_>, changes: &mut [Change]) {
    let shown = Shown::find(cx, changes);
    // Where a task may be shown, only those of the same process can be.
    let shown_tasks: Vec<(Place, Vec<bool>)> = if shown.tasks.is_empty() {
        Vec::new()
    } else {
        let processes = cx.once(Processes::new);
        let tasks = shown.tasks.iter();
        tasks.map(|it| (*it, processes.meeting(it.file))).collect()
    };
    for change in changes.iter_mut().filter(|it| it.declined.is_none()) {
        let of_object = {
            let mut places = change.covers.iter().chain([&change.place]);
            places.find_map(|place| shown.objects.get(place))
        };
        let makes_tasks = MAKES_TASKS.contains(&&*change.api);
        let of_tasks = (shown_tasks.iter())
            .filter(|_| makes_tasks)
            .find(|(_, meeting)| meeting[change.place.file.0 as usize])
            .map(|(place, _)| place);
        if let Some(at) = of_object.or(of_tasks) {
            let line = cx.program.line(*at);
            let path = if at.file == change.place.file {
                String::new()
            } else {
                format!(" of {}", cx.program.file(at.file).path)
            };
            change.caveat(format!(
                "line {line}{path} shows what it makes, which has another text or name in AnyIO"
            ));
        }
    }
}

/// What the program shows.
struct Shown {
    /// Where objects are shown, by the function that makes them as it stands in the call.
    objects: BTreeMap<Place, Place>,
    /// Where a task is shown that may be any.
    tasks: BTreeSet<Place>,
}

impl Shown {
    fn find(cx: &Context<'_>, changes: &[Change]) -> Self {
        let flow = &cx.program.flow;
        let mut shown = Shown {
            objects: BTreeMap::new(),
            tasks: BTreeSet::new(),
        };
        let is_object = |value| match value {
            Value::Object(ty, _) => cx.recipe.counts(flow.text(ty)),
            _ => false,
        };
        for view in cx.views_where(is_object) {
            for expr in view.tree.exprs() {
                let place = view.place(expr);
                let objects: Vec<Value> = cx.program.values_at(place).collect();
                if objects.is_empty() {
                    continue;
                }
                let Some(by_class) = text_of(cx, view, expr) else {
                    continue;
                };
                for (ty, site) in objects.into_iter().flat_map(|it| held(cx, it)) {
                    if by_class || !ADDRESSED.contains(&&*ty) {
                        shown.add(cx, &ty, site, place);
                    }
                }
            }
        }
        // What may differ in another way may be left where it is.
        let moved: BTreeSet<Place> = (changes.iter())
            .filter(|it| it.declined.is_none() && it.caveats.is_empty())
            .flat_map(|it| it.covers.iter().chain([&it.place]).copied())
            .collect();
        for use_ in (cx.uses.iter()).filter(|it| OF_TASK.contains(&&*it.api)) {
            if moved.contains(&use_.place) {
                continue;
            }
            let view = cx.view(use_.place.file);
            let member = view.and_then(|view| view.tree.expr_at(use_.place.range));
            let (Some(view), Some(Expr::Attribute(member))) = (view, member) else {
                continue;
            };
            let receiver = view.place(&*member.value);
            for value in cx.program.values_at(receiver) {
                if let Value::Object(ty, site) = value
                    && flow.text(ty) == TASK
                    && is_any_task(cx, site)
                {
                    shown.tasks.insert(use_.place);
                }
            }
        }
        shown
    }

    fn add(&mut self, cx: &Context<'_>, ty: &str, site: CallId, at: Place) {
        if ty == TASK && is_any_task(cx, site) {
            self.tasks.insert(at);
        } else if let Some(callee) = callee(cx, site) {
            self.objects.entry(callee).or_insert(at);
        }
    }
}

/// Whether a text is made of an expression; and then, whether of its class.
fn text_of(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> Option<bool> {
    let mut by_class = false;
    let mut at = AnyNodeRef::from(expr);
    loop {
        let parent = view.tree.parent(at)?;
        match parent {
            AnyNodeRef::InterpolatedElement(_) => return Some(by_class),
            AnyNodeRef::ExprStarred(_) | AnyNodeRef::Arguments(_) => {}
            AnyNodeRef::Keyword(keyword) if keyword.arg.is_none() => return None,
            AnyNodeRef::Keyword(_) => {}
            AnyNodeRef::ExprAttribute(attribute)
                if by_class && matches!(attribute.attr.as_str(), "__name__" | "__qualname__") => {}
            AnyNodeRef::ExprAttribute(attribute) if attribute.attr.as_str() == "__class__" => {
                by_class = true;
            }
            AnyNodeRef::ExprCall(call) => {
                if call.func.range() == at.range() {
                    return None;
                }
                match cx.api_of(view, &call.func)? {
                    "<builtin>.type" => by_class = true,
                    api if TEXT.contains(&api) => return Some(by_class),
                    _ => return None,
                }
            }
            AnyNodeRef::ExprTuple(_) => {}
            AnyNodeRef::ExprBinOp(operation) => {
                let formats = operation.op == Operator::Mod
                    && operation.left.is_string_literal_expr()
                    && operation.right.range().contains_range(at.range());
                return formats.then_some(by_class);
            }
            _ => return None,
        }
        at = parent;
    }
}

/// Whether the program makes a text of an object of the class, or of what holds one.
pub(crate) fn is_instance_shown(cx: &Context<'_>, class: ClassId) -> bool {
    let flow = &cx.program.flow;
    let is_one = |value: Value| value == Value::Instance(class);
    let has_one = |value: Value| match value {
        Value::Container(id) => {
            let mut contents = flow.linked.containers[id.0 as usize].contents();
            contents.any(|node| flow.values_of(node).any(is_one))
        }
        value => is_one(value),
    };
    cx.views().any(|view| {
        view.tree.exprs().any(|expr| {
            let mut values = cx.program.values_at(view.place(expr));
            values.any(has_one) && text_of(cx, view, expr).is_some()
        })
    })
}

/// The objects of the libraries that a value is or holds, with the calls that make them.
fn held(cx: &Context<'_>, value: Value) -> Vec<(String, CallId)> {
    let flow = &cx.program.flow;
    let own = |value| match value {
        Value::Object(ty, site) if cx.recipe.counts(flow.text(ty)) => {
            Some((flow.text(ty).to_owned(), site))
        }
        _ => None,
    };
    match value {
        Value::Container(id) => {
            let container = &flow.linked.containers[id.0 as usize];
            (container.contents())
                .flat_map(|node| flow.values_of(node))
                .filter_map(own)
                .collect()
        }
        value => own(value).into_iter().collect(),
    }
}

/// Whether a task is known only by what asyncio says of its own.
fn is_any_task(cx: &Context<'_>, site: CallId) -> bool {
    let asks = ["asyncio.all_tasks", "asyncio.current_task"];
    let Some(callee) = callee(cx, site) else {
        return true;
    };
    (cx.program.api_at(callee)).is_some_and(|api| asks.contains(&api))
}

/// What a call that makes an object calls, as it stands there.
fn callee(cx: &Context<'_>, site: CallId) -> Option<Place> {
    let made = site_place(cx.program, site)?;
    let view = cx.view(made.file)?;
    let call = view.tree.expr_at(made.range)?;
    Some(view.place(&*call.as_call_expr()?.func))
}
