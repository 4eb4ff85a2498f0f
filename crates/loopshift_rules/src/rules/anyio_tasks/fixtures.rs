//! Fixtures that hold tasks while a test runs. `AnyIO`'s plugin runs a test and its fixtures in one task, and ends what
//! they began in the reverse order, so that a task group may be open over the `yield` of a fixture.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::externals::Collected;
use loopshift_engine::ir::FuncId;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Decorator, Expr, Identifier, Stmt, StmtFunctionDef};

use super::entry::is_entry;
use super::region::Region;
use super::thread::{is_root, share_loops};
use crate::common::code::{definition, is_switch, is_yield, own};
use crate::context::{Context, View};
use crate::rules::anyio_tests;

/// Whether the function is a fixture of one test at a time that can hold a group over its `yield`, once the tests move.
pub(super) fn is_host(cx: &Context<'_>, function: FuncId) -> bool {
    mover(cx, function).is_some()
}

/// The use whose change has `AnyIO`'s plugin run the fixture that the region is of; none where nothing is yielded in it.
pub(super) fn needed(cx: &Context<'_>, region: &Region<'_>) -> Option<Place> {
    let yields = own(region.run.stmts()).into_iter().any(is_yield);
    mover(cx, region.function).filter(|_| yields)
}

/// The use whose change has `AnyIO`'s plugin run the fixture. None for other functions, and for fixtures that several tests
/// share: pytest may end these in another order than the reverse one.
pub(super) fn mover(cx: &Context<'_>, function: FuncId) -> Option<Place> {
    let it = cx.program.function(function);
    if cx.program.flow.collected(function) != Some(Collected::Fixture)
        || !it.is_async
        || !it.is_generator
        || share_loops(cx)
        || !cx.callers.of(function).is_empty()
    {
        return None;
    }
    let (view, def) = definition(cx, function)?;
    let [decorator] = &def.decorator_list[..] else {
        return None;
    };
    if !is_of_one_test(view, decorator) {
        return None;
    }
    let callee = match &decorator.expression {
        Expr::Call(call) => &*call.func,
        plain => plain,
    };
    match cx.api_of(view, callee)? {
        "pytest_asyncio.fixture" => Some(view.place(callee)),
        "pytest.fixture" => anyio_tests::moves_all(cx),
        _ => None,
    }
}

/// Whether no other fixture waits for anything between the end of this one and that of the event loop, which ends what is
/// left. Those that ask for it have ended before.
pub(crate) fn is_left_last(cx: &Context<'_>, function: FuncId) -> bool {
    is_host(cx, function)
        && WaitingFixtures::all(cx).all(|other| other == function || asks_for(cx, other, function))
}

/// Whether what runs the tests takes an error that may leave the statements for more than a failure: it tells so by the class.
pub(super) fn ends_by_class(
    cx: &Context<'_>,
    view: &View<'_>,
    def: &StmtFunctionDef,
    stmts: &[Stmt],
) -> bool {
    let expects = |it: &Decorator| {
        let call = it.expression.as_call_expr();
        call.is_some_and(|call| {
            cx.api_of(view, &call.func) == Some("pytest.mark.xfail")
                && call.arguments.find_keyword("raises").is_some()
        })
    };
    let raises = |node: AnyNodeRef<'_>| match node {
        AnyNodeRef::ExprCall(call) => {
            let of_case =
                matches!(&*call.func, Expr::Attribute(it) if it.attr.as_str() == "skipTest");
            let of_pytest = matches!(
                cx.api_of(view, &call.func),
                Some("pytest.skip" | "pytest.xfail" | "pytest.importorskip" | "pytest.exit")
            );
            of_case || of_pytest
        }
        _ => false,
    };
    def.decorator_list.iter().any(expects) || own(stmts).into_iter().any(raises)
}

/// Whether nothing of the program runs any more when the statement of a fixture, of a test or of the coroutine of the program has
/// ended, but what the end of the event loop ends.
pub(super) fn is_at_end(cx: &Context<'_>, view: &View<'_>, stmt: &Stmt) -> bool {
    let function = cx.program.function_at(view.place(stmt));
    let is_last = is_last(view, stmt);
    if !is_last || is_entry(cx, function) {
        return is_last;
    }
    let is_test = cx.program.flow.collected(function) == Some(Collected::Test);
    let known = cx.once(WaitingFixtures::new);
    let mut cleaning = known.cleaning.iter();
    (is_test && is_root(cx, function) || is_host(cx, function))
        && cleaning.all(|other| *other == function || asks_for(cx, *other, function))
}

/// Whether no statement of the function stands behind this one, but the end of a group which is told to stop.
fn is_last(view: &View<'_>, stmt: &Stmt) -> bool {
    let Some((suite, at)) = view.tree.suite_of(stmt) else {
        return false;
    };
    let stops = |stmt: &Stmt| {
        let text = view.text(stmt.range());
        stmt.is_expr_stmt() && text.ends_with(".cancel_scope.cancel()") && !text.contains("await")
    };
    let around = view.tree.ancestors(stmt).find(|node| node.is_statement());
    match (around, &suite[at + 1..]) {
        (Some(AnyNodeRef::StmtFunctionDef(_)), []) => true,
        (Some(AnyNodeRef::StmtWith(with)), [last]) if with.is_async && stops(last) => {
            let outer = view.tree.enclosing_statement(with.range());
            outer.is_some_and(|outer| is_last(view, outer))
        }
        _ => false,
    }
}

/// Whether a fixture asks for another one, or for one that does.
fn asks_for(cx: &Context<'_>, asking: FuncId, function: FuncId) -> bool {
    let name = cx.program.function(function).name();
    let known = cx.once(WaitingFixtures::new);
    let mut seen = BTreeSet::new();
    let mut todo = vec![asking];
    while let Some(asking) = todo.pop() {
        if !seen.insert(asking) {
            continue;
        }
        let Some((_, def)) = definition(cx, asking) else {
            continue;
        };
        if def.parameters.includes(name) {
            return true;
        }
        let all = known.fixtures.iter().copied();
        todo.extend(all.filter(|it| def.parameters.includes(cx.program.function(*it).name())));
    }
    false
}

/// The fixtures of the program.
pub(crate) struct WaitingFixtures {
    fixtures: Vec<FuncId>,
    /// Those that do something after their test.
    cleaning: Vec<FuncId>,
    /// Those of them that wait for something there.
    waiting: Vec<FuncId>,
}

impl WaitingFixtures {
    pub(crate) fn new(cx: &Context<'_>) -> Self {
        let fixtures = (cx.program.functions())
            .filter(|func| cx.program.flow.collected(*func) == Some(Collected::Fixture));
        let fixtures: Vec<FuncId> = fixtures.collect();
        let after = |func: FuncId, counts: fn(AnyNodeRef<'_>) -> bool| {
            let Some((_, def)) = definition(cx, func) else {
                return true;
            };
            let nodes = own(&def.body);
            let given = nodes.iter().filter(|it| is_yield(**it));
            let given = given.map(Ranged::range).min_by_key(Ranged::start);
            given.is_some_and(|given| {
                let is_later = |it: &&AnyNodeRef<'_>| {
                    it.end() > given.end() || it.end() == given.end() && it.is_stmt_with()
                };
                nodes.iter().filter(is_later).any(|it| counts(*it))
            })
        };
        let that = |counts: fn(AnyNodeRef<'_>) -> bool| {
            let found = fixtures.iter().copied();
            found.filter(|func| after(*func, counts)).collect()
        };
        WaitingFixtures {
            cleaning: that(is_statement),
            waiting: that(is_switch),
            fixtures,
        }
    }

    /// The fixtures that wait for something after their test.
    pub(crate) fn all<'x>(cx: &'x Context<'_>) -> impl Iterator<Item = FuncId> + 'x {
        cx.once(WaitingFixtures::new).waiting.clone().into_iter()
    }
}

/// Whether the node is a statement, whatever tree it is of.
fn is_statement(node: AnyNodeRef<'_>) -> bool {
    node.is_statement()
}

/// Whether the decorator leaves the fixture its scope: one test.
fn is_of_one_test(view: &View<'_>, decorator: &Decorator) -> bool {
    let Expr::Call(call) = &decorator.expression else {
        return true;
    };
    call.arguments.args.is_empty()
        && call.arguments.keywords.iter().all(|keyword| {
            let name = keyword.arg.as_ref().map(Identifier::as_str);
            let is_plain = matches!(name, Some("name" | "params" | "ids" | "autouse"));
            let scope = || view.text(keyword.value.range()).trim_matches(['"', '\'']);
            is_plain || name == Some("scope") && scope() == "function"
        })
}
