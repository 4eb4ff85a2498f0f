//! What pytest would collect from a file, as far as it stands there: tests, fixtures and marks.

use loopshift_engine::change::{FileId, Place};
use loopshift_engine::program::Program;
use loopshift_python::ast::{
    Decorator, ExceptHandler, Expr, ModModule, Stmt, StmtClassDef, StmtFunctionDef,
};
use loopshift_python::{Ranged, TextRange, TextSize};

use super::ports::{self, Port};
use super::said::Said;

/// A fixture or a test.
#[derive(Clone, Debug)]
pub(super) struct Function {
    /// Its name, by which others ask for a fixture.
    pub name: String,
    /// Where its name stands.
    pub place: Place,
    /// Whether it is a method: a fixture only for the tests of its class.
    pub in_class: bool,
    /// Whether it is `async def`.
    pub is_async: bool,
    /// Whether it is a fixture.
    pub fixture: Option<Fixture>,
    /// The fixtures it asks for.
    pub needs: Vec<String>,
    /// Whether something else than pytest may give it arguments.
    pub patched: bool,
    /// Whether it, its class or its module has the mark.
    pub marked: bool,
    /// The fixtures of pytest-asyncio that it asks for and `AnyIO` has by another name.
    pub ports: Vec<Port>,
    /// Where it could ask for one more fixture.
    pub room: Room,
}

impl Function {
    /// Whether it is a test that is no coroutine.
    pub(super) fn is_plain_test(&self) -> bool {
        self.fixture.is_none() && !self.is_async
    }
}

/// The place for another parameter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// In front of the first one behind `self`, or else behind the last.
    pub at: TextSize,
    /// What parts it from the one before.
    pub before: &'static str,
    /// What parts it from the one behind.
    pub behind: &'static str,
    /// Whether the function says the types of things.
    pub annotated: bool,
}

impl Room {
    fn of(def: &StmtFunctionDef, has_self: bool) -> Self {
        let parameters = &def.parameters;
        let own: Vec<TextRange> = parameters.iter().map(|it| it.range()).collect();
        let (at, before, behind) = match (own.get(usize::from(has_self)), own.first()) {
            (Some(next), _) => (next.start(), "", ", "),
            (None, Some(receiver)) => (receiver.end(), ", ", ""),
            (None, None) => (parameters.range().start() + TextSize::new(1), "", ""),
        };
        Room {
            at,
            before,
            behind,
            annotated: def.returns.is_some()
                || parameters.iter().any(|it| it.annotation().is_some()),
        }
    }
}

/// What a fixture's decorator says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fixture {
    /// It is used without being asked for.
    pub autouse: bool,
    /// It lives longer than one test, or that is not known.
    pub wide: bool,
    /// Tests run once for each of several values.
    pub many: bool,
}

/// What stands in a file.
#[derive(Debug)]
pub(super) struct Collected {
    /// The file.
    pub file: FileId,
    /// Fixtures and tests.
    pub functions: Vec<Function>,
    /// Where a new top-level definition can go: behind the imports, before the first definition.
    pub behind_imports: Option<TextRange>,
    /// The hook by which it chooses event loops for pytest-asyncio.
    pub chooses_loops: Option<Place>,
    /// What its strings say.
    pub said: Said,
}

/// Reads a file.
pub(super) fn collect(program: &Program<'_>, file: FileId, module: &ModModule) -> Collected {
    let mut collector = Collector {
        program,
        file,
        functions: Vec::new(),
    };
    let marked = collector.marked_body(&module.body);
    collector.body(&module.body, marked, false, &[]);
    let definitions = module
        .body
        .iter()
        .position(|stmt| matches!(stmt, Stmt::FunctionDef(_) | Stmt::ClassDef(_)));
    // Behind a block, the insertion would be part of it.
    let is_simple = |stmt: &&Stmt| {
        matches!(
            stmt,
            Stmt::Import(_) | Stmt::ImportFrom(_) | Stmt::Assign(_) | Stmt::AnnAssign(_)
        ) || matches!(stmt, Stmt::Expr(it) if it.value.is_string_literal_expr())
    };
    let behind_imports = module.body[..definitions.unwrap_or(module.body.len())]
        .iter()
        .rfind(is_simple)
        .map(Ranged::range);
    let chooses_loops = module.body.iter().find_map(|stmt| match stmt {
        Stmt::FunctionDef(def) if def.name.as_str() == "pytest_asyncio_loop_factories" => {
            Some(collector.place(def.name.range()))
        }
        _ => None,
    });
    Collected {
        file,
        functions: collector.functions,
        behind_imports,
        chooses_loops,
        said: Said::of(file, module),
    }
}

struct Collector<'p> {
    program: &'p Program<'p>,
    file: FileId,
    functions: Vec<Function>,
}

impl Collector<'_> {
    fn body(&mut self, body: &[Stmt], marked: bool, in_class: bool, given: &[String]) {
        for stmt in body {
            match stmt {
                Stmt::FunctionDef(def) => self.function(def, marked, in_class, given),
                // Classes of tests may derive from any that is not unittest's.
                Stmt::ClassDef(class) if !self.is_unittest(class) => {
                    let marked = marked
                        || self.has_mark(&class.decorator_list)
                        || self.marked_body(&class.body);
                    let mut given = given.to_vec();
                    given.extend(parametrized(&class.decorator_list));
                    self.body(&class.body, marked, true, &given);
                }
                Stmt::If(stmt) => {
                    self.body(&stmt.body, marked, in_class, given);
                    for clause in &stmt.elif_else_clauses {
                        self.body(&clause.body, marked, in_class, given);
                    }
                }
                Stmt::Try(stmt) => {
                    for body in [&stmt.body, &stmt.orelse, &stmt.finalbody] {
                        self.body(body, marked, in_class, given);
                    }
                    for ExceptHandler::ExceptHandler(handler) in &stmt.handlers {
                        self.body(&handler.body, marked, in_class, given);
                    }
                }
                _ => {}
            }
        }
    }

    fn is_unittest(&self, class: &StmtClassDef) -> bool {
        class
            .bases()
            .iter()
            .filter_map(|base| self.api(base))
            .any(|api| api.starts_with("unittest."))
    }

    fn function(&mut self, def: &StmtFunctionDef, marked: bool, in_class: bool, given: &[String]) {
        let fixture = def
            .decorator_list
            .iter()
            .find_map(|decorator| self.fixture(&decorator.expression));
        let is_test = def.name.starts_with("test");
        if fixture.is_none() && !is_test {
            return;
        }
        let marked = marked || self.has_mark(&def.decorator_list);
        let mut own = given.to_vec();
        own.extend(parametrized(&def.decorator_list));
        let is_static = def
            .decorator_list
            .iter()
            .any(|it| matches!(&it.expression, Expr::Name(name) if name.id == "staticmethod"));
        let has_self = in_class && !is_static;
        let parameters = &def.parameters;
        let needs: Vec<String> = parameters
            .posonlyargs
            .iter()
            .chain(&parameters.args)
            .skip(usize::from(has_self))
            .chain(&parameters.kwonlyargs)
            .filter(|parameter| parameter.default.is_none())
            .map(|parameter| parameter.parameter.name.to_string())
            .filter(|name| !own.contains(name))
            .collect();
        let name = def
            .decorator_list
            .iter()
            .find_map(|decorator| renamed(&decorator.expression))
            .filter(|_| fixture.is_some())
            .unwrap_or_else(|| def.name.to_string());
        self.functions.push(Function {
            name,
            place: self.place(def.name.range()),
            in_class,
            is_async: def.is_async,
            fixture,
            ports: ports::asked_for(def, &needs),
            needs,
            patched: def.decorator_list.iter().any(|it| self.gives_arguments(it)),
            marked,
            room: Room::of(def, has_self),
        });
    }

    fn place(&self, range: TextRange) -> Place {
        Place {
            file: self.file,
            range,
        }
    }

    fn api(&self, expr: &Expr) -> Option<&str> {
        self.program.api_at(self.place(expr.range()))
    }

    fn fixture(&self, decorator: &Expr) -> Option<Fixture> {
        let (callee, arguments) = match decorator {
            Expr::Call(call) => (&*call.func, Some(&call.arguments)),
            other => (other, None),
        };
        if !matches!(
            self.api(callee),
            Some("pytest.fixture" | "pytest_asyncio.fixture")
        ) {
            return None;
        }
        let keyword = |name: &str| {
            arguments
                .and_then(|it| it.find_keyword(name))
                .map(|it| &it.value)
        };
        let scope = keyword("scope").or_else(|| arguments.and_then(|it| it.args.first()));
        let is_function = |scope: &Expr| matches!(scope, Expr::StringLiteral(it) if it.value.to_str() == "function");
        Some(Fixture {
            autouse: keyword("autouse")
                .is_some_and(|it| !matches!(it, Expr::BooleanLiteral(it) if !it.value)),
            many: keyword("params").is_some(),
            wide: scope.is_some_and(|scope| !is_function(scope)),
        })
    }

    fn has_mark(&self, decorators: &[Decorator]) -> bool {
        decorators.iter().any(|it| self.is_mark(&it.expression))
    }

    fn is_mark(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Call(call) => self.is_mark(&call.func),
            Expr::List(list) => list.elts.iter().any(|it| self.is_mark(it)),
            Expr::Tuple(tuple) => tuple.elts.iter().any(|it| self.is_mark(it)),
            other => self.api(other) == Some(super::MARK),
        }
    }

    /// Whether a body has the mark in its `pytestmark`.
    fn marked_body(&self, body: &[Stmt]) -> bool {
        body.iter().any(|stmt| match stmt {
            Stmt::Assign(assign) => {
                assign
                    .targets
                    .iter()
                    .any(|it| matches!(it, Expr::Name(name) if name.id == "pytestmark"))
                    && self.is_mark(&assign.value)
            }
            _ => false,
        })
    }

    /// `unittest.mock.patch` and Hypothesis give arguments of their own.
    fn gives_arguments(&self, decorator: &Decorator) -> bool {
        let callee = match &decorator.expression {
            Expr::Call(call) => &*call.func,
            other => other,
        };
        self.api(callee).is_some_and(|api| {
            ["unittest.mock.", "mock.", "hypothesis."]
                .iter()
                .any(|prefix| api.starts_with(prefix))
        })
    }
}

/// `@pytest.fixture(name="other")`.
fn renamed(decorator: &Expr) -> Option<String> {
    let keyword = decorator.as_call_expr()?.arguments.find_keyword("name")?;
    let literal = keyword.value.as_string_literal_expr()?;
    Some(literal.value.to_str().to_owned())
}

/// The names that `parametrize` gives.
fn parametrized(decorators: &[Decorator]) -> Vec<String> {
    let mut names = Vec::new();
    for decorator in decorators {
        let Expr::Call(call) = &decorator.expression else {
            continue;
        };
        let is_parametrize =
            matches!(&*call.func, Expr::Attribute(it) if it.attr.as_str() == "parametrize");
        let first = call
            .arguments
            .args
            .first()
            .or_else(|| call.arguments.find_keyword("argnames").map(|it| &it.value));
        let Some(first) = first.filter(|_| is_parametrize) else {
            continue;
        };
        let mut add = |expr: &Expr| {
            if let Expr::StringLiteral(literal) = expr {
                let listed = literal.value.to_str().split(',');
                names.extend(listed.map(|name| name.trim().to_owned()));
            }
        };
        match first {
            Expr::List(list) => list.elts.iter().for_each(&mut add),
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(&mut add),
            other => add(other),
        }
    }
    names
}
