//! Tests and fixtures of pytest that become async: pytest-asyncio runs what has its mark, or is a fixture of its own.

use loopshift_engine::externals::Collected;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{Expr, ExprCall, StmtFunctionDef};
use loopshift_python::edit::{Edit, pieces};
use loopshift_python::{Ranged, TextRange};

use super::super::anyio_tests::mode;
use super::methods::last_name;
use crate::common::code::definition;
use crate::common::green::{is_coloured, is_made_at_import};
use crate::context::{Context, View};
use crate::test_cases::TestCases;

/// What pytest calls before and after tests by its name, and does not await.
const XUNIT: &[&str] = &[
    "setup_module",
    "teardown_module",
    "setup_class",
    "teardown_class",
    "setup_function",
    "teardown_function",
    "setup_method",
    "teardown_method",
];

/// How long fixtures live, the shortest first.
const SCOPES: &[&str] = &["function", "class", "module", "package", "session"];

/// What all tests of the program share.
pub(super) struct Tests {
    /// Whether pytest-asyncio runs all async tests, marked or not.
    auto: bool,
    /// For how long one event loop runs; nothing for one a test.
    scope: Option<&'static str>,
    /// Whether a scope of an async fixture can't be read.
    unread: bool,
}

impl Tests {
    pub(super) fn new(cx: &Context<'_>) -> Self {
        let mut out = Tests {
            auto: mode::find(cx.program.files).is_auto(),
            scope: None,
            unread: false,
        };
        let cases = TestCases::of(cx);
        let of_pytest = |func: &FuncId| {
            cx.program.flow.collected(*func).is_some()
                && is_coloured(cx, *func)
                && !cases.call(cx.program, *func)
        };
        let collected: Vec<FuncId> = cx.program.functions().filter(of_pytest).collect();
        if collected.is_empty() {
            return out;
        }
        let mut scope = usize::from(shares_objects(cx)) * (SCOPES.len() - 1);
        for func in collected {
            let Some((view, def)) = definition(cx, func) else {
                continue;
            };
            let call = fixture(cx, view, def).and_then(|(_, call)| call);
            let Some(given) = call.and_then(scope_of) else {
                continue;
            };
            let known = match given {
                Expr::StringLiteral(it) => {
                    let given = it.value.to_str();
                    SCOPES.iter().position(|known| *known == given)
                }
                _ => None,
            };
            match known {
                Some(known) => scope = scope.max(known),
                None => out.unread = true,
            }
        }
        out.scope = (scope > 0).then(|| SCOPES[scope]);
        out
    }

    /// The edits of the decorators of a function that becomes async.
    ///
    /// # Errors
    /// Why it can't, in words for the user.
    pub(super) fn edits(
        &self,
        cx: &Context<'_>,
        view: &View<'_>,
        func: FuncId,
        def: &StmtFunctionDef,
    ) -> Result<Vec<Edit>, &'static str> {
        if TestCases::of(cx).call(cx.program, func) {
            return Ok(Vec::new());
        }
        match cx.program.flow.collected(func) {
            None if is_xunit(cx, func) => self.around(cx, func, def),
            None => Ok(Vec::new()),
            Some(Collected::Test) => Ok(self.mark(def).into_iter().collect()),
            Some(Collected::Fixture) if self.unread => {
                Err("it is not known for how long a fixture lives that waits")
            }
            Some(Collected::Fixture) => {
                let found = fixture(cx, view, def).ok_or("its decorator was not found")?;
                Ok(self.fixture(found))
            }
        }
    }

    fn mark(&self, def: &StmtFunctionDef) -> Option<Edit> {
        let text = match self.scope {
            Some(scope) => format!("(loop_scope=\"{scope}\")\n"),
            None if self.auto => return None,
            None => "\n".to_owned(),
        };
        Some(Edit::Replace {
            range: TextRange::empty(def.start()),
            pieces: pieces("@{@pytest}.mark.asyncio{0}", &[text.into()]),
        })
    }

    fn fixture(&self, (callee, call): (&Expr, Option<&ExprCall>)) -> Vec<Edit> {
        let Some(scope) = self.scope else {
            let edit = Edit::replace(callee.range(), "{@pytest_asyncio}.fixture", &[]);
            return if self.auto { Vec::new() } else { vec![edit] };
        };
        let mut out = vec![Edit::replace(
            callee.range(),
            "{@pytest_asyncio}.fixture",
            &[],
        )];
        let given = format!("loop_scope=\"{scope}\"");
        let last = call.map(|call| (call, call.arguments.args.last().map(Ranged::end)));
        out.push(match last {
            None => Edit::insert(callee.end(), "{0}", &[format!("({given})").into()]),
            Some((call, last)) => {
                let keywords = call.arguments.keywords.last().map(Ranged::end);
                match keywords.max(last) {
                    Some(end) => Edit::insert(end, "{0}", &[format!(", {given}").into()]),
                    None => Edit::insert(
                        call.arguments.start() + loopshift_python::TextSize::new(1),
                        "{0}",
                        &[given.into()],
                    ),
                }
            }
        });
        out
    }

    /// What is done before and after each test of a class: a fixture that all of them use.
    fn around(
        &self,
        cx: &Context<'_>,
        func: FuncId,
        def: &StmtFunctionDef,
    ) -> Result<Vec<Edit>, &'static str> {
        let name = last_name(cx, func);
        let is_method = matches!(name, "setup_method" | "teardown_method");
        if !is_method || def.parameters.len() != 1 || !def.decorator_list.is_empty() {
            return Err("pytest calls it, and does not await it");
        }
        let scope = self.scope.map(|scope| format!(", loop_scope=\"{scope}\""));
        let text = format!("(autouse=True{})\n", scope.unwrap_or_default());
        let mut out = vec![
            Edit::Replace {
                range: TextRange::empty(def.start()),
                pieces: pieces("@{@pytest_asyncio}.fixture{0}", &[text.into()]),
            },
            Edit::insert(def.name.start(), "_", &[]),
        ];
        if let (true, Some(first)) = (name.starts_with("teardown"), def.body.first()) {
            out.push(Edit::insert(first.start(), "yield\n", &[]));
        }
        Ok(out)
    }
}

/// The decorator that makes a function a fixture: what it is made by, and the call.
fn fixture<'v>(
    cx: &Context<'_>,
    view: &View<'_>,
    def: &'v StmtFunctionDef,
) -> Option<(&'v Expr, Option<&'v ExprCall>)> {
    def.decorator_list.iter().find_map(|decorator| {
        let (callee, call) = match &decorator.expression {
            Expr::Call(call) => (&*call.func, Some(call)),
            other => (other, None),
        };
        let mut values = cx.program.values_at(view.place(callee));
        let is_one = values.any(|value| match value {
            Value::External(sym) => {
                let externals = cx.program.flow.externals;
                externals.collected(cx.program.flow.text(sym)) == Some(Collected::Fixture)
            }
            _ => false,
        });
        is_one.then_some((callee, call))
    })
}

fn scope_of(call: &ExprCall) -> Option<&Expr> {
    let keyword = call.arguments.find_keyword("scope").map(|it| &it.value);
    keyword.or_else(|| call.arguments.args.first())
}

/// Whether pytest calls the function before or after tests.
fn is_xunit(cx: &Context<'_>, func: FuncId) -> bool {
    let path = &cx.program.file(cx.program.function_file(func)).path;
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_tests = name.starts_with("test_") || name.ends_with("_test.py");
    is_tests && XUNIT.contains(&last_name(cx, func))
}

/// Whether objects of one event loop are made where modules are imported, so that all tests share them.
fn shares_objects(cx: &Context<'_>) -> bool {
    const RULES: &[&str] = &["green-event", "green-lock", "green-queue"];
    let made = cx.uses.iter().filter(|use_| {
        let rule = cx
            .catalog
            .get(&use_.api)
            .and_then(|api| api.rule.as_deref());
        let makes = cx
            .view(use_.place.file)
            .and_then(|view| view.call_of(use_.place.range));
        !use_.member && makes.is_some() && rule.is_some_and(|rule| RULES.contains(&rule))
    });
    made.into_iter()
        .any(|use_| is_made_at_import(cx, use_.place))
}
