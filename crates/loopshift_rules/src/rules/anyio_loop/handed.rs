//! Times of the loop's clock that are handed on: to functions, fields and containers by calls, and to callers by `return`.

use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{Expr, ExprCall, Identifier, StmtFunctionDef};
use loopshift_python::{Ranged, TextRange};

use super::clock::{Ask, COPIES, Clock, Step, within};
use crate::common::code::{class_definition, definition};
use crate::common::raising::is_mapping;
use crate::context::{Context, View};
use crate::shown;

/// APIs that take a time of the loop's clock.
const TAKE_A_TIME: &[&str] = &[
    "asyncio.timeout_at",
    "asyncio.AbstractEventLoop.call_at",
    "asyncio.Timeout.reschedule",
];

impl<'c> Clock<'_, 'c> {
    /// An argument of a call.
    pub(super) fn argument(
        &mut self,
        ask: Ask,
        view: &'c View<'c>,
        call: &'c ExprCall,
        range: TextRange,
        path: &[Step],
    ) -> bool {
        let args = &call.arguments.args;
        let position = args.iter().position(|it| it.range() == range);
        let api = self.cx.api_of(view, &call.func).unwrap_or_default();
        match (api, path.split_first()) {
            (api, None) if TAKE_A_TIME.contains(&api) => return true,
            ("<builtin>.min" | "<builtin>.max", None) => {
                return self.goes(ask, view, call.range(), path);
            }
            ("<builtin>.len" | "<builtin>.bool" | "heapq.heapify", Some(_)) => return true,
            (api, Some(_)) if COPIES.contains(&api) && args.len() == 1 => {
                let gets_keys = !matches!(api, "<builtin>.dict" | "collections.OrderedDict");
                if gets_keys && is_mapping(self.cx, view, &args[0]) {
                    return true;
                }
                return self.goes(ask, view, call.range(), path);
            }
            ("<builtin>.enumerate", Some((Step::Item, rest))) => {
                let pairs = within(Step::Item, &within(Step::At(1), rest));
                return self.goes(ask, view, call.range(), &pairs);
            }
            ("heapq.heappush", Some((Step::Item, rest))) if position == Some(0) => {
                return ask != Ask::Puts
                    || (args.get(1)).is_some_and(|it| self.holds(view, it, rest));
            }
            ("heapq.heappush", _) if position == Some(1) => {
                return self.is_kept(ask, view, &args[0], &within(Step::Item, path));
            }
            (
                "heapq.heappop" | "<builtin>.next" | "<builtin>.min" | "<builtin>.max",
                Some((Step::Item, rest)),
            ) if args.len() == 1 && call.arguments.keywords.is_empty() => {
                return self.goes(ask, view, call.range(), rest);
            }
            _ => {}
        }
        if let Some(functions) = callees(self.cx, view, call) {
            return (functions.into_iter())
                .all(|(function, shift)| self.parameter(ask, call, range, function, shift, path));
        }
        if self.is_field(ask, view, call, range, path) {
            return true;
        }
        let Expr::Attribute(method) = &*call.func else {
            return false;
        };
        let puts = match method.attr.as_str() {
            "append" | "appendleft" | "add" => position == Some(0),
            "setdefault" | "insert" => position == Some(1),
            _ => false,
        };
        puts && self.is_kept(ask, view, &method.value, &within(Step::Item, path))
            && self.goes(ask, view, call.range(), path)
    }

    /// The parameter of a function of ours that gets the argument.
    fn parameter(
        &mut self,
        ask: Ask,
        call: &ExprCall,
        range: TextRange,
        function: FuncId,
        shift: usize,
        path: &[Step],
    ) -> bool {
        let Some((view, def)) = definition(self.cx, function) else {
            return false;
        };
        let (Some(name), Some(first)) = (parameter(call, range, shift, def), def.body.first())
        else {
            return false;
        };
        let scope = view.scopes.at(first.start());
        self.is_name_read(ask, view, &name, scope, path)
    }

    /// The field of a dataclass that gets the argument. Nobody looks at all fields at once.
    fn is_field(
        &mut self,
        ask: Ask,
        view: &View<'_>,
        call: &ExprCall,
        range: TextRange,
        path: &[Step],
    ) -> bool {
        let cx = self.cx;
        let mut values = cx.program.values_at(view.place(&*call.func));
        let (Some(Value::Class(class)), None) = (values.next(), values.next()) else {
            return false;
        };
        let is_data = class_definition(cx, class).is_some_and(|(view, def)| {
            let mut decorators = def.decorator_list.iter();
            decorators.any(|it| view.text(it.expression.range()).contains("dataclass"))
        });
        let (_, known) = cx.program.class(class);
        let mut fields = (known.fields.iter()).map(|(sym, _)| cx.program.flow.text(*sym));
        let args = &call.arguments;
        let by_name = args.keywords.iter().find(|it| it.value.range() == range);
        let name = match by_name {
            Some(it) => it.arg.as_ref().map(Identifier::as_str),
            None => (args.args.iter().position(|it| it.range() == range))
                .filter(|_| !args.args.iter().any(Expr::is_starred_expr))
                .and_then(|at| fields.nth(at)),
        };
        let shows_all = ["asdict", "astuple", "vars", "__dict__"];
        is_data
            && known.bases.is_empty()
            && !shows_all.iter().any(|it| cx.mentions(it))
            && !shown::is_instance_shown(cx, class)
            && name.is_some_and(|name| self.is_attribute_read(ask, name, path))
    }

    /// Whoever calls the function gets it.
    pub(super) fn returned(
        &mut self,
        ask: Ask,
        view: &View<'_>,
        range: TextRange,
        path: &[Step],
    ) -> bool {
        let cx = self.cx;
        let func = cx.program.function_at(view.place(range));
        let sites = cx.callers.of(func);
        let known = cx.program.function(func);
        !cx.callers.is_handed_over(func)
            && !known.is_async
            && !known.is_generator
            && !sites.is_empty()
            && sites.iter().all(|site| {
                let view = cx.view(site.place.file).filter(|_| site.only);
                view.is_some_and(|view| self.goes(ask, view, site.place.range, path))
            })
    }
}

/// The functions of ours that a call reaches, with the number of arguments that come before those of the call.
fn callees(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> Option<Vec<(FuncId, usize)>> {
    let mut found = Vec::new();
    for value in cx.program.values_at(view.place(&*call.func)) {
        match value {
            Value::Func(function) => found.push((function, 0)),
            Value::Bound(function, _) => found.push((function, 1)),
            Value::Class(class) => {
                let [init] = cx.program.flow.constructors(class)[..] else {
                    return None;
                };
                found.push((init, 1));
            }
            _ => return None,
        }
    }
    (!found.is_empty()).then_some(found)
}

/// The name of the parameter that gets the argument at the range.
fn parameter(
    call: &ExprCall,
    range: TextRange,
    shift: usize,
    def: &StmtFunctionDef,
) -> Option<String> {
    let keyword = call
        .arguments
        .keywords
        .iter()
        .find(|it| it.value.range() == range);
    if let Some(keyword) = keyword {
        return keyword.arg.as_ref().map(|it| it.as_str().to_owned());
    }
    let args = &call.arguments.args;
    let at = args.iter().position(|it| it.range() == range)?;
    if args[..at].iter().any(Expr::is_starred_expr) {
        return None;
    }
    let parameters = &def.parameters;
    let mut positional = parameters.posonlyargs.iter().chain(&parameters.args);
    Some(positional.nth(at + shift)?.name().as_str().to_owned())
}
