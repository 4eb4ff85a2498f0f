//! `unittest.IsolatedAsyncioTestCase` becomes a plain class that pytest collects, where it uses nothing of unittest.

use std::collections::BTreeSet;

use loopshift_engine::change::Change;
use loopshift_engine::uses::{Use, uses};
use loopshift_python::ast::{AnyNodeRef, Expr, ExprContext, Stmt, StmtClassDef, StmtFunctionDef};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange};

use super::{RULE, is_test_file};
use crate::common::code;
use crate::common::objects::values::shares_its_line;
use crate::context::{Context, View};

/// The change of one test case, without the fixture for the backend.
///
/// # Errors
/// Why it stays with unittest, in words for the user.
pub(super) fn convert(cx: &Context<'_>, use_: &Use) -> Result<Change, String> {
    let view = cx.view(use_.place.file).ok_or("the file can't be edited")?;
    let class = class_of(view, use_)?;
    if !cx.anyio_has(4, 8) {
        return Err("async fixtures of a class need AnyIO 4.8".to_owned());
    }
    run_by_pytest(cx, view)?;
    named_only_here(cx, view, class)?;
    let methods = Methods::of(cx, view, class)?;
    let parents = plain_self(view, class, &methods)?;

    let message = "the test case becomes a class for pytest";
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    change.caveat(
        "only pytest finds these tests afterwards, not `python -m unittest`, and runs them in the order in which they stand",
    );
    if let Some(arguments) = &class.arguments {
        change.edit(Edit::delete(arguments.range()));
    }
    change.edit(Edit::insert(class.start(), "@{@pytest}.mark.anyio\n", &[]));
    if !class.name.starts_with("Test") {
        let name = format!("Test{}", class.name);
        if !view.is_fresh(&name) {
            return Err(format!("pytest needs the name `{name}`, which is taken"));
        }
        change.caveat(format!("pytest knows them as tests of `{name}`"));
        change.edit(Edit::Replace {
            range: class.name.range(),
            pieces: vec![name.into()],
        });
    }
    let has_parents = !parents.is_empty();
    for range in parents {
        change.edit(Edit::DeleteStatement { range });
    }
    for edit in fixtures(view, &methods, has_parents)? {
        change.edit(edit);
    }
    Ok(change)
}

fn class_of<'v>(view: &View<'v>, use_: &Use) -> Result<&'v StmtClassDef, String> {
    let other = "it is not the base of a class of tests here";
    let expr = view.tree.expr_at(use_.place.range).ok_or(other)?;
    let Some(AnyNodeRef::Arguments(arguments)) = view.tree.parent(expr) else {
        return Err(other.to_owned());
    };
    let Some(AnyNodeRef::StmtClassDef(class)) = view.tree.parent(arguments) else {
        return Err(other.to_owned());
    };
    if arguments.args.len() != 1 || !arguments.keywords.is_empty() {
        return Err("the class has other bases, which may rest on unittest".to_owned());
    }
    if !class.decorator_list.is_empty() {
        return Err("the class has decorators, which may be made for unittest".to_owned());
    }
    match view.tree.parent(class) {
        Some(AnyNodeRef::ModModule(_)) => Ok(class),
        _ => Err("the class does not stand at the top of its module".to_owned()),
    }
}

/// Settings of pytest that say what it collects, and whether `AnyIO`'s plugin is there.
const SETTINGS: &[&str] = &["python_classes", "python_functions", "no:anyio"];

/// What runs tests by unittest.
const RUNNERS: &[&str] = &[
    "main",
    "TextTestRunner",
    "TestLoader",
    "TestSuite",
    "defaultTestLoader",
    "TestProgram",
];

/// Whether the tests are run by pytest, as far as the program tells, and by its own rules.
fn run_by_pytest(cx: &Context<'_>, view: &View<'_>) -> Result<(), String> {
    let files = cx.program.files;
    let path = &cx.program.file(view.file).path;
    if !is_test_file(path) {
        return Err("unittest runs its tests: pytest would not look into this file".to_owned());
    }
    if !files.iter().any(|file| file.text.contains("pytest")) {
        return Err(
            "unittest runs its tests in a loop of its own, where AnyIO works: they stay on asyncio"
                .to_owned(),
        );
    }
    for word in SETTINGS {
        let set = |text: &str| text.contains(word);
        if files
            .iter()
            .any(|file| !file.is_python() && set(&file.text))
        {
            return Err(format!("the project sets `{word}` of pytest"));
        }
    }
    let run = uses(cx.program, |root| root == "unittest")
        .into_iter()
        .find(|use_| {
            let name = use_.api.rsplit('.').next().unwrap_or_default();
            use_.place.file == view.file && RUNNERS.contains(&name)
        });
    match run {
        Some(use_) => Err(format!(
            "the file runs its tests by unittest (`{}` in line {})",
            use_.api,
            cx.program.line(use_.place)
        )),
        None => Ok(()),
    }
}

fn named_only_here(cx: &Context<'_>, view: &View<'_>, class: &StmtClassDef) -> Result<(), String> {
    let name = class.name.as_str();
    let mut here = view.tree.exprs().filter_map(Expr::as_name_expr);
    let elsewhere = cx.program.files.iter().enumerate().find(|(index, file)| {
        usize::try_from(view.file.0).ok() != Some(*index) && file.text.contains(name)
    });
    if here.any(|it| it.id == name) {
        return Err("other code of the file refers to the class".to_owned());
    }
    match elsewhere {
        Some((_, file)) => Err(format!("{} refers to the class, or to its name", file.path)),
        None => Ok(()),
    }
}

/// The methods of a test case.
struct Methods<'v> {
    set_up: Option<&'v StmtFunctionDef>,
    tear_down: Option<&'v StmtFunctionDef>,
    /// `setUp` and `tearDown`, with the names that pytest has for them.
    plain: Vec<(&'v StmtFunctionDef, &'static str)>,
    names: BTreeSet<&'v str>,
}

impl<'v> Methods<'v> {
    fn of(cx: &Context<'_>, view: &View<'v>, class: &'v StmtClassDef) -> Result<Self, String> {
        let mut found = Methods {
            set_up: None,
            tear_down: None,
            plain: Vec::new(),
            names: BTreeSet::new(),
        };
        let mut tests = Vec::new();
        for stmt in &class.body {
            let def = match stmt {
                Stmt::FunctionDef(def) => def,
                Stmt::Assign(_) | Stmt::AnnAssign(_) | Stmt::Pass(_) => continue,
                Stmt::Expr(it) if it.value.is_string_literal_expr() => continue,
                _ => return Err("the class holds more than methods and values".to_owned()),
            };
            let name = def.name.as_str();
            found.names.insert(name);
            match name {
                "asyncSetUp" => found.set_up = Some(def),
                "asyncTearDown" => found.tear_down = Some(def),
                "setUp" => found.plain.push((def, "setup_method")),
                "tearDown" => found.plain.push((def, "teardown_method")),
                _ if BY_UNITTEST.contains(&name) => {
                    return Err(format!("`{name}` is a method that unittest calls"));
                }
                _ if name.starts_with("test") => tests.push(def),
                _ => continue,
            }
            takes_self(cx, view, def)?;
        }
        let asynchronous = found.set_up.is_some() || found.tear_down.is_some();
        if asynchronous && !found.plain.is_empty() {
            return Err(
                "it has `setUp` or `tearDown` beside the asynchronous ones, whose order pytest does not keep; move their lines there"
                    .to_owned(),
            );
        }
        if !tests.iter().any(|it| it.is_async) {
            return Err("none of its tests is a coroutine: a plain TestCase is enough".to_owned());
        }
        match tests.iter().find(|it| !it.is_async) {
            Some(test) if asynchronous => Err(format!(
                "`{}` is no coroutine, and AnyIO's plugin runs async fixtures for async tests only",
                test.name
            )),
            _ => Ok(found),
        }
    }
}

/// Whether a test, or what prepares it, takes its object and nothing that pytest would not give.
fn takes_self(cx: &Context<'_>, view: &View<'_>, def: &StmtFunctionDef) -> Result<(), String> {
    let name = &def.name;
    let is_patch = |callee: &Expr| {
        let callee = callee.as_call_expr().map_or(callee, |call| &*call.func);
        cx.api_of(view, callee)
            .is_some_and(|api| api.starts_with("unittest.mock.") || api.starts_with("mock."))
    };
    if let Some(other) = def
        .decorator_list
        .iter()
        .find(|it| !is_patch(&it.expression))
    {
        let text = view.text(other.expression.range());
        return Err(format!("`{name}` has the decorator `{text}`"));
    }
    let parameters = &def.parameters;
    let first = parameters.args.first().or(parameters.posonlyargs.first());
    if first.is_none_or(|it| it.parameter.name.as_str() != "self") {
        return Err(format!("the first parameter of `{name}` is not `self`"));
    }
    if parameters.len() > 1 && def.decorator_list.is_empty() {
        return Err(format!("`{name}` has parameters, which would be fixtures"));
    }
    Ok(())
}

/// Whether the class asks its object for nothing that unittest has put there. Gives the statements that only call the
/// methods of `TestCase` which do nothing.
fn plain_self(
    view: &View<'_>,
    class: &StmtClassDef,
    methods: &Methods<'_>,
) -> Result<Vec<TextRange>, String> {
    let mut parents = Vec::new();
    let inside = |expr: &&Expr| class.range().contains_range(expr.range());
    for expr in view.tree.exprs().filter(inside) {
        let Expr::Name(name) = expr else { continue };
        match name.id.as_str() {
            "super" => {
                let stmt = view.tree.enclosing_statement(name.range());
                let Some(Stmt::Expr(stmt)) = stmt else {
                    return Err("it asks the base class for something".to_owned());
                };
                if !calls_parent(view.text(stmt.range())) {
                    return Err("it asks the base class for something".to_owned());
                }
                parents.push(stmt.range());
            }
            "self" if name.ctx == ExprContext::Load => {
                let Some(AnyNodeRef::ExprAttribute(attribute)) = view.tree.parent(expr) else {
                    return Err("`self` is handed on, and need not be a TestCase then".to_owned());
                };
                let member = attribute.attr.as_str();
                if is_of_unittest(member) && !methods.names.contains(member) {
                    return Err(format!(
                        "`self.{member}` belongs to unittest; write `assert` or pytest's own, or leave the tests to unittest, in whose loop AnyIO works"
                    ));
                }
            }
            _ => {}
        }
    }
    Ok(parents)
}

fn calls_parent(text: &str) -> bool {
    matches!(
        text,
        "await super().asyncSetUp()"
            | "await super().asyncTearDown()"
            | "super().setUp()"
            | "super().tearDown()"
    )
}

fn is_of_unittest(member: &str) -> bool {
    const OTHERS: &[&str] = &[
        "addAsyncCleanup",
        "addClassCleanup",
        "addCleanup",
        "addTypeEqualityFunc",
        "countTestCases",
        "debug",
        "defaultTestResult",
        "doClassCleanups",
        "doCleanups",
        "enterAsyncContext",
        "enterClassContext",
        "enterContext",
        "fail",
        "failureException",
        "id",
        "longMessage",
        "maxDiff",
        "run",
        "shortDescription",
        "skipTest",
        "subTest",
    ];
    member.starts_with("assert") || member.starts_with("_asyncio") || OTHERS.contains(&member)
}

/// What unittest calls by name, beside the four that have a counterpart.
const BY_UNITTEST: &[&str] = &[
    "__call__",
    "__init__",
    "__new__",
    "countTestCases",
    "debug",
    "doCleanups",
    "id",
    "run",
    "setUpClass",
    "shortDescription",
    "tearDownClass",
];

/// The edits that turn what prepares and cleans up into a fixture.
fn fixtures(
    view: &View<'_>,
    methods: &Methods<'_>,
    has_parents: bool,
) -> Result<Vec<Edit>, String> {
    let mut edits: Vec<Edit> = methods
        .plain
        .iter()
        .map(|(def, name)| Edit::replace(def.name.range(), name, &[]))
        .collect();
    let asynchronous = [methods.set_up, methods.tear_down];
    if let Some(def) = asynchronous.iter().flatten().find(|it| !it.is_async) {
        return Err(format!("`{}` is no coroutine", def.name));
    }
    let free = |name: &str| !methods.names.contains(name);
    if asynchronous.iter().flatten().any(|_| !free("set_up")) {
        return Err("it has a method `set_up`, which the fixture would be called".to_owned());
    }
    let decorator = |def: &StmtFunctionDef| {
        Edit::insert(def.start(), "@{@pytest}.fixture(autouse=True)\n", &[])
    };
    match (methods.set_up, methods.tear_down) {
        (None, None) => {}
        (Some(def), None) => {
            edits.push(decorator(def));
            edits.push(Edit::replace(def.name.range(), "set_up", &[]));
        }
        (Some(set_up), Some(tear_down)) if !has_parents && joins(view, set_up, tear_down) => {
            edits.push(decorator(set_up));
            edits.push(Edit::replace(set_up.name.range(), "set_up", &[]));
            edits.push(Edit::replace(
                TextRange::new(set_up.end(), tear_down.body[0].start()),
                "\nyield\n",
                &[],
            ));
        }
        (set_up, Some(tear_down)) => {
            let first = set_up.map_or(tear_down, |it| {
                if it.start() < tear_down.start() {
                    it
                } else {
                    tear_down
                }
            });
            let call: Piece = match set_up {
                Some(_) => "    await self.asyncSetUp()\n".into(),
                None => "".into(),
            };
            edits.push(Edit::insert(
                first.start(),
                "@{@pytest}.fixture(autouse=True)\nasync def set_up(self):\n{0}    yield\n    await self.asyncTearDown()\n\n",
                &[call],
            ));
        }
    }
    Ok(edits)
}

/// Whether the two follow each other, and can be one function: no way out of the first, no name of one in the other.
fn joins(view: &View<'_>, set_up: &StmtFunctionDef, tear_down: &StmtFunctionDef) -> bool {
    let between = TextRange::new(set_up.end(), tear_down.body[0].start());
    let follows = view.source[set_up.end().to_usize()..]
        .trim_start()
        .starts_with("async def asyncTearDown");
    let leaves = code::own(&set_up.body)
        .into_iter()
        .any(|node| matches!(node, AnyNodeRef::StmtReturn(_)));
    let last = set_up.body.last().map(Ranged::range);
    let own_line = last.is_some_and(|it| !view.text(it).contains(['\n', '\r']))
        && set_up
            .body
            .iter()
            .chain(&tear_down.body)
            .all(|it| !shares_its_line(view, it));
    let names = |def: &StmtFunctionDef, bound: bool| -> BTreeSet<&str> {
        let names = view.tree.exprs().filter_map(Expr::as_name_expr);
        names
            .filter(|it| def.range().contains_range(it.range()))
            .filter(|it| !bound || it.ctx != ExprContext::Load)
            .map(|it| it.id.as_str())
            .collect()
    };
    follows
        && own_line
        && !leaves
        && !code::has_comment(view, between)
        && names(set_up, true).is_disjoint(&names(tear_down, false))
        && names(tear_down, true).is_disjoint(&names(set_up, false))
}
