//! What is asked of a green thread is asked of its task.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::facts::Colour;
use loopshift_engine::flow::Target;
use loopshift_engine::flow::value::Value;
use loopshift_engine::graph::{callees, unwrapped};
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprAttribute, ExprCall, StmtAssign};
use loopshift_python::edit::{Edit, Helper, Piece, pieces};
use loopshift_python::{Ranged, TextRange, TextSize};
use rustc_hash::FxHashMap;

use super::green_spawn::{HANDLERS, is_left};
use super::green_timeout::may_be_timeout;
use super::green_wait::{plain_exit, receiver};
use crate::catalog::Api;
use crate::common::green::{
    CutShort, Ending, GET, GREENLET, VALUE, are_killed, cleaned_up, ends_later, helper,
    is_greenlet, owners, replace_call, task_of,
};
use crate::common::objects::{Mention, mention};
use crate::context::{Bound, Context, View};

mod truth;

const RULE: &str = "green-greenlet";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    truth::plan(cx, changes);
    attributes(cx, changes);
    names(cx, changes);
    let uses: Vec<_> = cx.uses_for(RULE).collect();
    if uses.is_empty() {
        return;
    }
    let owners = cx.once(owners);
    for (use_, api, view) in uses {
        let member = Asked {
            cx,
            owners: &owners,
            use_,
            api,
            view,
        };
        let message = format!("`{}` is asked of a task", use_.api);
        let mut change = Change::new(RULE, use_.place, &*use_.api, message);
        changes.push(match member.move_to(&mut change) {
            Ok(()) => change,
            Err(reason) => Change::declined(RULE, use_.place, &*use_.api, reason),
        });
    }
}

/// The name of the class of an error that is compared with that of what ends a green thread.
fn names(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for view in cx.views_naming(["\"GreenletExit\"", "'GreenletExit'"]) {
        for node in view.tree.nodes() {
            let AnyNodeRef::ExprCompare(compare) = node else {
                continue;
            };
            let [other] = &*compare.comparators else {
                continue;
            };
            let sides = [(&*compare.left, other), (other, &*compare.left)];
            let name = sides.into_iter().find_map(|sides| match sides {
                (Expr::StringLiteral(text), Expr::Attribute(of))
                    if of.attr.as_str() == "__name__" =>
                {
                    (text.value.to_str() == "GreenletExit").then_some(text)
                }
                _ => None,
            });
            let Some(name) = name else { continue };
            let message = "a task that is cancelled raises a `CancelledError`";
            let mut change = Change::new(RULE, view.place(name), "gevent.GreenletExit", message);
            let text = view.text(name.range());
            change.edit(Edit::Replace {
                range: name.range(),
                pieces: vec![text.replace("GreenletExit", "CancelledError").into()],
            });
            changes.push(change);
        }
    }
}

/// `greenlet.name = …`, which is a call of a task.
fn name_given(cx: &Context<'_>, view: &View<'_>, expr: &Expr, target: &ExprAttribute) -> Change {
    const API: &str = "gevent.Greenlet.name";
    let mut values = cx.program.values_at(view.place(&*target.value));
    let only = values.all(|value| is_greenlet(cx, value));
    let alone = match view.tree.parent(expr) {
        Some(AnyNodeRef::StmtAssign(it)) if it.targets.len() == 1 => Some(it),
        _ => None,
    };
    let between = |it: &StmtAssign| {
        let text = view.text(TextRange::new(target.attr.end(), it.value.start()));
        let sign = text.find('=')?;
        let behind = text[sign + 1..].trim_start_matches([' ', '\t']);
        TextSize::try_from(text.len() - behind.len()).ok()
    };
    let found = alone
        .filter(|_| only)
        .and_then(|it| Some((it, between(it)?)));
    let Some((statement, length)) = found else {
        let reason = "tasks are named by a method, and this is no plain assignment to one";
        return Change::declined(RULE, view.place(expr), API, reason);
    };
    let mut change = Change::new(RULE, view.place(expr), API, "a task is named by a method");
    let head = TextRange::new(target.attr.start(), target.attr.end() + length);
    change.edit(Edit::replace(head, "set_name(", &[]));
    change.edit(Edit::insert(statement.end(), ")", &[]));
    change
}

/// What the program keeps on a green thread by itself stays there.
fn attributes(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let is_thread = |value| matches!(value, Value::Object(..)) && is_greenlet(cx, value);
    for view in cx.views_where(is_thread) {
        for expr in view.tree.exprs() {
            let Expr::Attribute(it) = expr else { continue };
            if !it.ctx.is_store() || it.attr.as_str() != "name" {
                continue;
            }
            let mut values = cx.program.values_at(view.place(&*it.value));
            if values.any(is_thread) {
                changes.push(name_given(cx, view, expr, it));
            }
        }
    }
    for use_ in cx.uses {
        let own = (use_.api.strip_prefix(crate::common::green::GREENLET_CLASS))
            .and_then(|rest| rest.strip_prefix('.'))
            .filter(|name| !name.starts_with("__") && cx.catalog.get(&use_.api).is_none());
        let Some(name) = own.filter(|_| use_.member) else {
            continue;
        };
        let message = "a task has room for what is kept on it";
        changes.push(if OF_TASKS.contains(&name) {
            let reason = format!("the program keeps a `{name}` on it, as tasks have one");
            Change::declined(RULE, use_.place, &*use_.api, reason)
        } else {
            Change::new(RULE, use_.place, &*use_.api, message)
        });
    }
}

/// Something that is asked.
struct Asked<'a, 'c> {
    cx: &'a Context<'c>,
    owners: &'a FxHashMap<Place, FuncId>,
    use_: &'a Use,
    api: &'c Api,
    view: &'c View<'c>,
}

impl Asked<'_, '_> {
    fn move_to(&self, change: &mut Change) -> Result<(), String> {
        let Asked { cx, use_, view, .. } = self;
        let expr = view
            .tree
            .expr_at(use_.place.range)
            .ok_or("it can't be found")?;
        if !use_.only {
            return Err("it may be asked of something else than a green thread".to_owned());
        }
        let name = use_.api.rsplit('.').next().unwrap_or_default();
        if name == "GreenletExit" {
            return self.exit(expr, change);
        }
        if use_.api == crate::common::green::GREENLET_CLASS {
            return self.class(expr, change);
        }
        if name == "__init__" {
            // The class that it derives from has one that takes the same.
            return Ok(());
        }
        let Expr::Attribute(attribute) = expr else {
            return Err("it is used through a variable".to_owned());
        };
        let object = &*attribute.value;
        if is_super(object) {
            return Err(
                "a class that derives from it calls what it overrides; a task is no such object"
                    .to_owned(),
            );
        }
        if name == "started" {
            let values: Vec<Value> = cx.program.values_at(view.place(object)).collect();
            let mut text = truth::Runs::of(cx, &values)?.yes(&Piece::Source(object.range()));
            let alone = matches!(
                view.tree.parent(expr),
                Some(
                    AnyNodeRef::Arguments(_)
                        | AnyNodeRef::ExprCall(_)
                        | AnyNodeRef::StmtIf(_)
                        | AnyNodeRef::StmtWhile(_)
                        | AnyNodeRef::StmtAssign(_)
                        | AnyNodeRef::StmtReturn(_)
                )
            );
            if !alone && text.len() > 2 {
                text.insert(0, "(".into());
                text.push(")".into());
            }
            change.edit(Edit::Replace {
                range: expr.range(),
                pieces: text,
            });
            return Ok(());
        }
        if name == "value" {
            let helper = if are_killed(cx) {
                &VALUE
            } else {
                helper("value").ok_or("a helper is missing")?
            };
            change.edit(Edit::Replace {
                range: expr.range(),
                pieces: called(helper, object),
            });
            return Ok(());
        }
        // What starts it as a task writes it.
        let task = task_of(cx, view, attribute).and_then(|task| cx.api_of(view, &task.func));
        let task = task.and_then(|name| cx.catalog.get(name));
        if name == "kill" && task.is_some_and(|row| row.rule.as_deref() == Some("green-spawn")) {
            return Ok(());
        }
        let call = view.call_of(expr.range());
        if let (None, "kill" | "join", Expr::Attribute(read)) = (call, name, expr) {
            return self.after_test(name, read, change);
        }
        let call = call.ok_or("it is passed on as a function")?;
        let bound = cx.bind(self.api, call).map_err(|error| error.to_string())?;
        let text = match name {
            "get" => self.get(object, &bound)?,
            "join" => {
                let helper = helper("join").ok_or("a helper is missing")?;
                let mut text = vec!["await ".into()];
                text.extend(called(helper, object));
                if let Some(timeout) = bound.get("timeout") {
                    text.pop();
                    text.extend([
                        ", timeout=".into(),
                        Piece::Source(timeout.range()),
                        ")".into(),
                    ]);
                }
                text
            }
            "kill" => self.kill(call, object, &bound, change)?,
            "link" | "rawlink" => self.link(object, &bound, true)?,
            "link_value" | "link_exception" => self.link(object, &bound, false)?,
            "unlink" => unlink(object, &bound)?,
            // The class that the green thread is made of has these.
            "start" | "start_later" => {
                let mut values = cx.program.values_at(view.place(object));
                if values.any(|value| is_left(cx, value)) {
                    change.caveat(HANDLERS);
                }
                return Ok(());
            }
            _ => return Err("a task has nothing like it".to_owned()),
        };
        replace_call(cx, self.owners, view, call, text, change)
    }

    /// `self.addCleanup(greenlet.kill)` of a test case.
    fn after_test(
        &self,
        name: &str,
        read: &ExprAttribute,
        change: &mut Change,
    ) -> Result<(), String> {
        let Asked { cx, view, .. } = self;
        let helper = if name == "kill" {
            let ending = cx.once(Ending::new);
            ending.caveat_of(cx, false, change);
            ending.kill(false)
        } else {
            helper(name)
        };
        cleaned_up(cx, view, read, helper, change)
    }

    /// `GreenletExit`: what a task that is cancelled raises.
    fn exit(&self, expr: &Expr, change: &mut Change) -> Result<(), String> {
        let Asked { cx, view, .. } = self;
        if !view.is_direct(expr) {
            return Err("it is used through a variable".to_owned());
        }
        let handler = view.tree.ancestors(expr).find_map(|node| match node {
            AnyNodeRef::ExceptHandlerExceptHandler(it) => Some(Some(it)),
            AnyNodeRef::ExprTuple(_) => None,
            _ => Some(None),
        });
        if let Some(Some(handler)) = handler {
            if handler.name.is_some() {
                change.caveat("the error has another name and text");
            }
            if cx
                .once(CutShort::by_limits)
                .reaches(cx, view.place(handler))
            {
                change.caveat("a timeout around the handler raises the same in a task");
            }
        }
        change.edit(Edit::Replace {
            range: expr.range(),
            pieces: pieces("{@asyncio}.CancelledError", &[]),
        });
        Ok(())
    }

    /// The class: called, derived from, or named.
    fn class(&self, expr: &Expr, change: &mut Change) -> Result<(), String> {
        let Asked { cx, use_, view, .. } = self;
        if !view.is_direct(expr) {
            return Err("it is used through a variable".to_owned());
        }
        let text = match mention(cx, view, use_.place.range) {
            Mention::Annotation(_) | Mention::Test => pieces("{@asyncio}.Task", &[]),
            _ => {
                self.clashes()?;
                vec![Piece::Helper(&GREENLET)]
            }
        };
        change.edit(Edit::Replace {
            range: expr.range(),
            pieces: text,
        });
        Ok(())
    }

    /// That no class that derives from it has something by the name of what a task has.
    fn clashes(&self) -> Result<(), String> {
        let cx = self.cx;
        let asks_result = cx
            .uses
            .iter()
            .any(|use_| matches!(&*use_.api, "gevent.Greenlet.get" | "gevent.Greenlet.value"));
        let taken = |name: &str| OF_TASKS.contains(&name) && (name != "result" || asks_result);
        for view in cx.views() {
            for node in view.tree.nodes() {
                let found = match node {
                    AnyNodeRef::ExprAttribute(it) if it.ctx.is_store() && taken(&it.attr) => {
                        let mut values = cx.program.values_at(view.place(&*it.value));
                        values
                            .any(|value| is_greenlet(cx, value))
                            .then_some(&it.attr)
                    }
                    AnyNodeRef::StmtFunctionDef(def) if taken(&def.name) => {
                        let func = cx.program.function_at(view.place(&def.name));
                        let class = cx.program.function(func).class;
                        let is_ours =
                            class.is_some_and(|class| is_greenlet(cx, Value::Instance(class)));
                        is_ours.then_some(&def.name)
                    }
                    _ => None,
                };
                if let Some(name) = found {
                    return Err(format!(
                        "a class that derives from it has a `{name}` of its own, as tasks have"
                    ));
                }
            }
        }
        Ok(())
    }

    /// `get`: where nothing is ever cut short it is the task itself that is awaited.
    fn get(&self, object: &Expr, bound: &Bound<'_>) -> Result<Vec<Piece>, String> {
        match bound.get("block") {
            None => {}
            Some(Expr::BooleanLiteral(it)) if it.value => {}
            Some(Expr::BooleanLiteral(_)) => {
                let helper = helper("result").ok_or("a helper is missing")?;
                return Ok(called(helper, object));
            }
            Some(_) => return Err("it may be asked not to wait".to_owned()),
        }
        let timeout = bound.get("timeout");
        if timeout.is_none() && !are_killed(self.cx) && !self.is_cut_short(object) {
            let mut text: Vec<Piece> = vec!["await ".into()];
            text.extend(receiver(object, ""));
            return Ok(text);
        }
        let mut text: Vec<Piece> = vec!["await ".into()];
        if let Some(timeout) = timeout
            && may_be_timeout(self.cx, self.view.place(timeout))
        {
            let within = helper("limited").ok_or("a helper is missing")?;
            let timeout = Piece::Source(timeout.range());
            text.extend([Piece::Helper(within), "(".into(), timeout, ", ".into()]);
            text.extend([Piece::Helper(&GET), ", ".into()]);
            text.extend([Piece::Source(object.range()), ")".into()]);
            return Ok(text);
        }
        let helper = if timeout.is_some() || are_killed(self.cx) {
            &GET
        } else {
            helper("get").ok_or("a helper is missing")?
        };
        text.extend([
            Piece::Helper(helper),
            "(".into(),
            Piece::Source(object.range()),
        ]);
        if let Some(timeout) = timeout {
            text.extend([", timeout=".into(), Piece::Source(timeout.range())]);
        }
        text.push(")".into());
        Ok(text)
    }

    /// Whether the wait for an object may be cut short.
    fn is_cut_short(&self, object: &Expr) -> bool {
        let cut_short = self.cx.once(CutShort::new);
        cut_short.reaches(self.cx, self.view.place(object))
    }

    fn kill(
        &self,
        call: &ExprCall,
        object: &Expr,
        bound: &Bound<'_>,
        change: &mut Change,
    ) -> Result<Vec<Piece>, String> {
        plain_exit(self.cx, self.view, bound)?;
        let ending = self.cx.once(Ending::new);
        ending.caveat(self.cx, self.view, call, change);
        let block = bound.get("block");
        if block.is_some_and(|it| matches!(it, Expr::BooleanLiteral(it) if !it.value)) {
            ends_later(self.cx, self.view, object)?;
            return ending
                .end(object)
                .ok_or_else(|| "a helper is missing".to_owned());
        }
        let told = !bound.only(&["exception"]);
        let helper = ending.kill(told).ok_or("a helper is missing")?;
        let mut text: Vec<Piece> = vec!["await ".into(), Piece::Helper(helper), "(".into()];
        text.push(Piece::Source(object.range()));
        for name in ["block", "timeout"] {
            if let Some(value) = bound.get(name) {
                text.extend([format!(", {name}=").into(), Piece::Source(value.range())]);
            }
        }
        text.push(")".into());
        Ok(text)
    }

    /// A callback. One that waits gets a task of its own.
    fn link(&self, object: &Expr, bound: &Bound<'_>, plain: bool) -> Result<Vec<Piece>, String> {
        if bound.get("SpawnedLink").is_some() {
            return Err("it is told how to start the callback".to_owned());
        }
        let callback = bound.get("callback").ok_or("it is given no callback")?;
        if plain && self.is_sync(callback) {
            let mut text = receiver(object, ".add_done_callback(");
            text.extend([Piece::Source(callback.range()), ")".into()]);
            return Ok(text);
        }
        if self.is_taken_back(callback) {
            return Err(
                "it waits, or is not always called, and the program takes it back".to_owned(),
            );
        }
        let helper = helper("link").ok_or("a helper is missing")?;
        let mut text = vec![Piece::Helper(helper), "(".into()];
        text.extend([Piece::Source(object.range()), ", ".into()]);
        text.push(Piece::Source(callback.range()));
        text.push(match self.use_.api.rsplit('.').next() {
            Some("link_value") => ", error=False)".into(),
            Some("link_exception") => ", value=False)".into(),
            _ => ")".into(),
        });
        Ok(text)
    }

    /// Whether the program takes this link back.
    fn is_taken_back(&self, callback: &Expr) -> bool {
        let cx = self.cx;
        let text = self.view.text(callback.range());
        let mut backs = cx.uses.iter().filter(|use_| use_.api.ends_with(".unlink"));
        backs.any(|use_| {
            let view = cx.view(use_.place.file);
            let call = view.and_then(|view| view.call_of(use_.place.range));
            let given = call.and_then(|call| call.arguments.args.first());
            given
                .zip(view)
                .is_none_or(|(given, view)| view.text(given.range()) == text)
        })
    }

    /// Whether a callback is known not to wait.
    fn is_sync(&self, callback: &Expr) -> bool {
        let cx = self.cx;
        let mut targets = BTreeSet::new();
        let values = cx.program.values_at(self.view.place(callback));
        let values = unwrapped(&cx.program.flow, values);
        if values.is_empty() {
            return false;
        }
        for value in values {
            let found = callees(&cx.program.flow, value);
            if found.is_empty() && !matches!(value, Value::Object(..)) {
                return false;
            }
            targets.extend(found);
        }
        targets.into_iter().all(|target| match target {
            Target::Func(func) => matches!(cx.facts().colour(func), Colour::Sync),
            Target::External(sym) => {
                let row = cx.catalog.get(cx.program.flow.text(sym));
                row.is_none_or(|row| !row.suspends)
            }
        })
    }
}

/// What tasks have, and classes that derive from one must not have.
const OF_TASKS: &[&str] = &[
    "add_done_callback",
    "cancel",
    "cancelled",
    "cancelling",
    "done",
    "get_context",
    "get_coro",
    "get_loop",
    "get_name",
    "get_stack",
    "print_stack",
    "remove_done_callback",
    "result",
    "set_exception",
    "set_name",
    "set_result",
    "uncancel",
    "_asyncio_future_blocking",
    "_callbacks",
    "_cancel_message",
    "_coro",
    "_exception",
    "_fut_waiter",
    "_log_traceback",
    "_loop",
    "_make_cancelled_error",
    "_must_cancel",
    "_result",
    "_source_traceback",
    "_state",
];

/// `super()`.
fn is_super(expr: &Expr) -> bool {
    let callee = expr
        .as_call_expr()
        .and_then(|call| call.func.as_name_expr());
    callee.is_some_and(|name| name.id == "super")
}

fn unlink(object: &Expr, bound: &Bound<'_>) -> Result<Vec<Piece>, String> {
    let callback = bound.get("callback").ok_or("it is given no callback")?;
    let mut text = receiver(object, ".remove_done_callback(");
    text.extend([Piece::Source(callback.range()), ")".into()]);
    Ok(text)
}

/// `helper(object)`.
fn called(helper: &'static Helper, object: &Expr) -> Vec<Piece> {
    vec![
        Piece::Helper(helper),
        "(".into(),
        Piece::Source(object.range()),
        ")".into(),
    ]
}
