//! What calls and operations raise that are given builtin objects, and others that are as plain.

use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::ContainerKind;
use loopshift_python::ast::{Expr, ExprCall};

use super::apis::{self, QUIET_BUILTINS, QUIET_METHODS};
use super::errors::Errors;
use super::implied::{CALCULATED, COMPARED, HASHED, SHOWN, TRUE};
use super::{Raising, is_builtin_call};
use crate::context::{Context, View};

impl Raising<'_, '_> {
    /// What a call of a builtin function raises, beside its arguments; none where it is none of those that are known.
    pub(super) fn of_builtin_function(&self, view: &View<'_>, call: &ExprCall) -> Option<Errors> {
        let args = &call.arguments.args;
        let is = |name: &&&str| is_builtin_call(view, call, name);
        if ["print", "repr", "str"].iter().any(|name| is(&name)) {
            let shown = args.iter().map(|it| self.of_implied(view, it, SHOWN));
            return Some(shown.collect());
        }
        // A number of numbers; where the values are given as one collection, it may be empty.
        if ["max", "min"].iter().any(|name| is(&name)) && call.arguments.keywords.is_empty() {
            let parts: Vec<&Expr> = args.iter().collect();
            let empty = match args.len() {
                1 => Errors::named(&["<builtin>.ValueError"]),
                _ => Errors::NONE,
            };
            let order = args.iter().map(|it| self.of_ordering(view, it));
            let compared = self.of_operation(view, &parts, COMPARED);
            return Some(order.collect::<Errors>().and(compared).and(empty));
        }
        if ["float", "int"].iter().any(|name| is(&name))
            && args.iter().all(|it| self.is_number(view, it))
        {
            return Some(Errors::NONE);
        }
        QUIET_BUILTINS.iter().find(is)?;
        if !args.iter().all(|it| self.is_builtin(view, it)) {
            return Some(Errors::Any);
        }
        // `key=` is called for each.
        let keywords = call.arguments.keywords.iter();
        let called = keywords
            .clone()
            .filter(|it| it.arg.as_deref() == Some("key"));
        let has_key = called.clone().next().is_some();
        let called: Errors = called.map(|it| self.of_calling(view, &it.value)).collect();
        let implied = |names: &[&str]| {
            args.iter()
                .map(|it| self.of_implied(view, it, names))
                .collect()
        };
        let elements: Errors = match &*call.func {
            Expr::Name(it) => match it.id.as_str() {
                "sorted" if !has_key => args.iter().map(|it| self.of_ordering(view, it)).collect(),
                "sum" => implied(CALCULATED),
                "dict" | "frozenset" | "hash" | "set" => implied(HASHED),
                "all" | "any" | "bool" => implied(TRUE),
                _ => Errors::NONE,
            },
            _ => Errors::NONE,
        };
        // `zip` of iterables that are not of one length.
        let strict = keywords.clone().any(|it| {
            it.arg.as_deref() == Some("strict")
                && !matches!(&it.value, Expr::BooleanLiteral(literal) if !literal.value)
        });
        Some(called.and(elements).and(if strict {
            Errors::named(&["<builtin>.ValueError"])
        } else {
            Errors::NONE
        }))
    }

    pub(super) fn is_quiet_method(&self, view: &View<'_>, callee: &Expr) -> bool {
        matches!(callee, Expr::Attribute(attribute)
            if QUIET_METHODS.contains(&attribute.attr.as_str())
                && self.is_known_builtin(view, &attribute.value)
                && self.of_expr(view, &attribute.value).is_none())
    }

    /// What a method of a builtin object raises, beside its arguments.
    pub(super) fn of_builtin_method(&self, view: &View<'_>, call: &ExprCall) -> Option<Errors> {
        let Expr::Attribute(attribute) = &*call.func else {
            return None;
        };
        if !self.is_known_builtin(view, &attribute.value) {
            return None;
        }
        let raised: &[&'static str] = match attribute.attr.as_str() {
            "format" if !fits(&attribute.value, call) => &[
                "<builtin>.IndexError",
                "<builtin>.KeyError",
                "<builtin>.ValueError",
            ],
            name if QUIET_METHODS.contains(&name) => &[],
            "pop" if call.arguments.args.len() == 2 => &[],
            "pop" | "popleft" | "popitem" => &["<builtin>.IndexError", "<builtin>.KeyError"],
            "remove" | "index" => &["<builtin>.KeyError", "<builtin>.ValueError"],
            _ => return None,
        };
        // What is given is looked for, or shown.
        let names = match attribute.attr.as_str() {
            "format" => SHOWN,
            "append" | "appendleft" | "copy" | "insert" | "join" => &[],
            _ => HASHED,
        };
        let given = call.arguments.args.iter();
        let named = call.arguments.keywords.iter().map(|it| &it.value);
        let implied = given
            .chain(named)
            .map(|it| self.of_implied(view, it, names));
        Some(
            self.of_expr(view, &attribute.value)
                .and(implied.collect())
                .and(Errors::named(raised)),
        )
    }

    /// What an operation raises, beside its operands: nothing with builtin objects; with those of ours, what the methods with
    /// these names do, of what they hold too.
    pub(super) fn of_operation(
        &self,
        view: &View<'_>,
        operands: &[&Expr],
        names: &[&str],
    ) -> Errors {
        let flow = &self.cx.program.flow;
        let is_known = |operand: &&Expr| {
            let mut values = self.cx.program.values_at(view.place(*operand));
            values.all(|value| match value {
                Value::Instance(class) => flow.is_all_ours(class),
                _ => self.is_plain(value, operand),
            })
        };
        if !operands.iter().all(is_known) {
            return Errors::Any;
        }
        let operands = operands.iter();
        operands
            .map(|it| self.of_implied(view, it, names))
            .collect()
    }

    /// Whether nothing speaks for an object of a class with methods of its own.
    pub(super) fn is_builtin(&self, view: &View<'_>, expr: &Expr) -> bool {
        let mut values = self.cx.program.values_at(view.place(expr));
        values.all(|value| self.is_plain(value, expr))
    }

    pub(super) fn is_known_builtin(&self, view: &View<'_>, expr: &Expr) -> bool {
        let mut values = self.cx.program.values_at(view.place(expr)).peekable();
        matches!(expr, Expr::StringLiteral(_) | Expr::FString(_))
            || values.peek().is_some()
                && values.all(|value| match value {
                    Value::Str(_) | Value::Start(_) | Value::Container(_) => true,
                    Value::Object(ty, _) => is_plain(self.cx.program.flow.text(ty)),
                    _ => false,
                })
    }

    /// Whether a value is one that no class with methods of its own speaks for.
    pub(super) fn is_plain(&self, value: Value, expr: &Expr) -> bool {
        match value {
            Value::Int(_)
            | Value::Str(_)
            | Value::Start(_)
            | Value::Container(_)
            | Value::Iterator(_) => true,
            Value::Object(ty, _) => is_plain(self.cx.program.flow.text(ty)),
            // What a call gives has the name of the call.
            Value::External(sym) => is_plain_result(self.cx.program.flow.text(sym)),
            Value::Unknown(_) => matches!(expr, Expr::Name(_) | Expr::Await(_)),
            _ => false,
        }
    }

    /// Whether the expression is known to give a number.
    fn is_number(&self, view: &View<'_>, expr: &Expr) -> bool {
        match expr {
            Expr::NumberLiteral(_) => true,
            Expr::UnaryOp(it) => self.is_number(view, &it.operand),
            Expr::BinOp(it) => self.is_number(view, &it.left) && self.is_number(view, &it.right),
            _ => {
                let mut values = self.cx.program.values_at(view.place(expr)).peekable();
                values.peek().is_some() && values.all(|value| matches!(value, Value::Int(_)))
            }
        }
    }
}

/// Whether a class outside of the program is one of plain objects, as builtin ones are.
fn is_plain(class: &str) -> bool {
    class.starts_with("<builtin>.")
        || is_of_plain_module(class)
        || matches!(
            class,
            "collections.deque" | "collections.Counter" | "collections.defaultdict"
        )
}

/// Whether the name is that of a call which gives a plain object, or of something that belongs to such an object.
fn is_plain_result(name: &str) -> bool {
    let Some((function, _)) = name.split_once('(') else {
        return false;
    };
    let builtin = function.strip_prefix("<builtin>.");
    is_of_plain_module(function)
        || builtin.is_some_and(|it| it.starts_with("str.") || apis::PLAIN_BUILTINS.contains(&it))
}

fn is_of_plain_module(name: &str) -> bool {
    let module = name.split('.').next().unwrap_or_default();
    apis::PLAIN_MODULES.contains(&module)
}

/// Whether a text that is written out has as many places to fill as the call gives values, and none that needs more than a value.
fn fits(text: &Expr, call: &ExprCall) -> bool {
    let Some(literal) = text.as_string_literal_expr() else {
        return false;
    };
    let text = literal.value.to_str().replace("{{", "").replace("}}", "");
    let given = &call.arguments;
    let fields: Vec<&str> = (text.split('{').skip(1))
        .filter_map(|it| Some(it.split_once('}')?.0))
        .collect();
    let counted = fields.iter().filter(|it| it.is_empty()).count();
    let mut named = fields.iter().filter(|it| !it.is_empty());
    counted <= given.args.len() && named.all(|it| given.find_keyword(it).is_some())
}

/// Whether an expression is a dictionary, or the like.
pub(crate) fn is_mapping(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> bool {
    let flow = &cx.program.flow;
    let mut values = cx.program.values_at(view.place(expr)).peekable();
    values.peek().is_some()
        && values.all(|value| match value {
            Value::Container(id) => {
                flow.linked.containers[id.0 as usize].kind == ContainerKind::Dict
            }
            Value::Object(ty, _) => matches!(
                flow.text(ty),
                "<builtin>.dict" | "collections.Counter" | "collections.defaultdict"
            ),
            _ => false,
        })
}
