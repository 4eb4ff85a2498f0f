//! Calls that blocked, and let green threads run once the standard library was patched.
//!
//! Where the catalog knows no function of asyncio for one, it runs in a thread.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{Expr, ExprCall};
use loopshift_python::edit::{Edit, Import, Piece, pieces};

use crate::catalog::{Api, Kind, Target};
use crate::common::green::{
    CutShort, anchor, awaits, bracketed, broken, helper, may_be_many, owners, runs_apart, sleeping,
    slept,
};
use crate::common::rows;
use crate::context::{Bridge, Context, View};
use crate::recipe::{Cooperation, is_cooperative};
use crate::registry::rule;

const RULE: &str = "green-blocking";

/// How a call in one of asyncio's threads begins.
pub(super) const TO_THREAD: &str = "await {@asyncio}.to_thread(";

/// What may differ where something runs in a thread.
pub(super) const THREAD: &str = "it runs in a thread, beside the tasks: what it shares with them must be safe for that, and it goes on where the task is cancelled";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let mut kept = BTreeSet::new();
    for use_ in cx.uses {
        let (Some(api), Some(view)) = (cx.catalog.get(&use_.api), cx.view(use_.place.file)) else {
            continue;
        };
        // Where a rule of its own speaks for it, that decides.
        let spoken = api
            .rule
            .as_deref()
            .is_some_and(|name| name != RULE && rule(name).is_some());
        let counts =
            is_copied(cx, api) || !(cx.recipe.moves(&use_.api) || api.cooperative.is_empty());
        if spoken || !counts {
            continue;
        }
        let change = moved(cx, use_, api, view).or_else(|reason| {
            // What is kept under another name is called by that.
            let is_call = view.call_of(use_.place.range).is_some();
            let waits = use_.api == "time.sleep" && Cooperation::of(cx).switches(api);
            if is_call || !waits {
                return Err(reason);
            }
            let change = sleeping(cx, use_, view, RULE)?;
            kept.insert(use_.api.as_str());
            Ok(change)
        });
        changes.push(
            change.unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason)),
        );
    }
    if !kept.is_empty() {
        changes.extend(slept(cx, &cx.once(owners), &kept, RULE));
    }
}

/// Whether it is what a module of the library has in place of a function or method of the standard library that blocks.
fn is_copied(cx: &Context<'_>, api: &Api) -> bool {
    let blocks = api.suspends && matches!(api.kind, Kind::Function | Kind::Method);
    let plain = api.same_as.is_some() && api.forms(Target::Asyncio).is_empty();
    cx.recipe.moves(&api.name) && blocks && plain
}

/// What runs in the thread: a function that the library has from the standard library is taken from there.
fn function(cx: &Context<'_>, api: &str, is_member: bool, written: Piece) -> Vec<Piece> {
    let same = cx.catalog.same_as(api).filter(|_| !is_member);
    match same.as_deref().and_then(|name| name.rsplit_once('.')) {
        Some((module, name)) => vec![
            Piece::Import(Import {
                module: module.to_owned().into(),
                name: None,
            }),
            format!(".{name}").into(),
        ],
        None => vec![written],
    }
}

/// The function that stands at an expression, as it runs in threads; nothing where it is another one, or runs in none.
pub(crate) fn threaded(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> Option<Vec<Piece>> {
    let name = cx.api_of(view, expr)?;
    let api = cx
        .catalog
        .get(name)
        .filter(|api| becomes_threaded(cx, api))?;
    // As it is written: where it stands for itself it is one that gives a coroutine.
    let written = view.text(expr.range()).to_owned().into();
    Some(function(cx, name, api.kind == Kind::Method, written))
}

fn moved<'c>(
    cx: &Context<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
) -> Result<Change, String> {
    if !is_copied(cx, api) && !is_cooperative(api) {
        return Err(
            "it lets green threads run because the standard library is patched, and would block all tasks then"
                .to_owned(),
        );
    }
    // A method needs its object, which moves.
    let is_asked = cx.settings.bridge == Bridge::Thread && api.kind == Kind::Function;
    if !api.forms(Target::Asyncio).is_empty() && !is_asked {
        if view.call_of(use_.place.range).is_none() {
            let named = || rows::replace(cx, use_, api, view, RULE);
            return handed_over(cx, use_, api, view).or_else(|_| named());
        }
        let mut change = rows::replace(cx, use_, api, view, RULE)?;
        let expr = (view.call_of(use_.place.range)).and_then(|it| view.tree.expr_at(it.range()));
        if let (Some(expr), [(_, Edit::Replace { pieces, .. })]) = (expr, &mut change.edits[..]) {
            *pieces = bracketed(view, expr, std::mem::take(pieces));
        }
        // Where a part moves it would run patched code there: a green thread runs it.
        if cx.part.is_none() || !runs_in_thread(&change) {
            return Ok(change);
        }
    }
    if !use_.only {
        return Err("it is called through a variable that may hold something else".to_owned());
    }
    let Some(call) = view.call_of(use_.place.range) else {
        return handed_over(cx, use_, api, view);
    };
    if let Some(argument) = leaves_open(view, call) {
        return Err(format!(
            "with `{argument}` what it gives is read later, where that would block all tasks"
        ));
    }
    let function = function(cx, &use_.api, use_.member, Piece::Source(call.func.range()));
    // The patching stays, and with it what it made cooperative.
    if cx.part.is_some() {
        let message = format!("`{}` runs in a green thread", use_.api);
        return by(
            cx,
            use_,
            view,
            RULE,
            message,
            pieces("await {@eventlet}.spawn(", &[]),
            function,
        );
    }
    if cx.settings.bridge != Bridge::None && runs_apart(cx, use_, api, view, call) {
        return apart(cx, use_, view, function);
    }
    let mut change = in_thread(cx, use_, view, RULE, function)?;
    let cooperation = Cooperation::of(cx);
    if !api.suspends && !cooperation.switches(api) {
        change.caveat("it stopped all green threads, and lets tasks run while it waits");
        for what in broken(cx, [view.place(call)]) {
            change.caveat(what);
        }
    }
    change.caveat(THREAD);
    Ok(change)
}

/// The change of a call that runs in a thread where nobody can tell.
fn apart(
    cx: &Context<'_>,
    use_: &Use,
    view: &View<'_>,
    function: Vec<Piece>,
) -> Result<Change, String> {
    let message = format!("`{}` runs in a thread", use_.api);
    let opens = opens(cx, use_.place)?;
    by(cx, use_, view, RULE, message, opens, function)
}

/// How a call in a thread begins at a place where nobody can tell that it is one.
pub(super) fn opens(cx: &Context<'_>, place: Place) -> Result<Vec<Piece>, String> {
    // asyncio's own threads are waited for at the end.
    let is_waited_for = !cx.once(CutShort::new).reaches(cx, place);
    if is_waited_for && !may_be_many(cx, place) {
        return Ok(pieces(TO_THREAD, &[]));
    }
    let call = helper("call_in_thread").ok_or("a helper is missing")?;
    Ok(vec!["await ".into(), Piece::Helper(call), "(".into()])
}

/// Whether a call of it becomes one in a thread, so that it can be handed to what awaits its functions.
pub(crate) fn becomes_threaded(cx: &Context<'_>, api: &Api) -> bool {
    let plain = matches!(api.rule.as_deref(), None | Some(RULE));
    let may = cx.part.is_none() && cx.settings.bridge != Bridge::None;
    let switches = || is_cooperative(api) && Cooperation::of(cx).switches(api);
    plain && may && (is_copied(cx, api) || switches())
}

/// The change of one that is not called, but handed to what runs it as a task, or awaits it: `pool.map(requests.get, urls)`.
fn handed_over(cx: &Context<'_>, use_: &Use, api: &Api, view: &View<'_>) -> Result<Change, String> {
    let passed_on = || "it is passed on as a function".to_owned();
    let expr = view.tree.expr_at(use_.place.range).ok_or_else(passed_on)?;
    let taker = view.tree.call_around(expr);
    let taker = taker.filter(|taker| {
        let mut arguments = taker.arguments.args.iter();
        arguments.any(|it| it.range() == expr.range())
    });
    let row = taker.and_then(|taker| cx.catalog.get(cx.api_of(view, &taker.func)?));
    let row = row.filter(|row| (row.awaits || row.spawns) && becomes_threaded(cx, api));
    let row = row.ok_or_else(passed_on)?;
    let message = format!("`{}` runs in a thread", use_.api);
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    // What hands on its arguments as they come has its new name there.
    if !api.forms(Target::Asyncio).is_empty()
        && let Ok(named) = rows::replace(cx, use_, api, view, RULE)
    {
        return Ok(named);
    }
    // `asyncio.sleep` says the same, and stops where it is cancelled: who runs it writes that.
    if use_.api == "time.sleep" && row.rule.as_deref() == Some("green-timeout") {
        return Err(passed_on());
    }
    let written = Piece::Source(expr.range());
    let mut text = pieces("{@functools}.partial({@asyncio}.to_thread, ", &[]);
    text.extend(function(cx, &use_.api, use_.member, written));
    text.push(")".into());
    change.edit(Edit::Replace {
        range: expr.range(),
        pieces: text,
    });
    // A task that is made there and then runs the function of asyncio, where there is one.
    if row.rule.as_deref() != Some("green-spawn") || api.forms(Target::Asyncio).is_empty() {
        change.caveat(THREAD);
    }
    Ok(change)
}

/// The argument by which a client of HTTP is told to leave the body for later.
fn leaves_open<'v>(view: &'v View<'_>, call: &ExprCall) -> Option<&'v str> {
    let mut keywords = call.arguments.keywords.iter();
    let open = keywords.find(|keyword| {
        let literal = match &keyword.value {
            Expr::BooleanLiteral(literal) => Some(literal.value),
            _ => None,
        };
        match keyword.arg.as_deref() {
            Some("stream") => literal != Some(false),
            Some("preload_content") => literal != Some(true),
            _ => false,
        }
    })?;
    Some(view.text(open.range()))
}

/// Whether a change hands something to a thread.
fn runs_in_thread(change: &Change) -> bool {
    let hands = |piece: &Piece| matches!(piece, Piece::Text(text) if text.contains(".to_thread("));
    change.edits.iter().any(|(_, edit)| match edit {
        Edit::Replace { pieces, .. } => pieces.iter().any(hands),
        _ => false,
    })
}

/// The change of a call that runs in a thread: of `function`, with the arguments of the call.
///
/// # Errors
/// Where it is not called, or nothing may run in threads.
pub(super) fn in_thread(
    cx: &Context<'_>,
    use_: &Use,
    view: &View<'_>,
    rule: &'static str,
    function: Vec<Piece>,
) -> Result<Change, String> {
    if cx.settings.bridge == Bridge::None {
        return Err(
            "it would have to run in a thread, and `--bridge none` was asked for".to_owned(),
        );
    }
    let message = format!("`{}` runs in a thread", use_.api);
    by(
        cx,
        use_,
        view,
        rule,
        message,
        pieces(TO_THREAD, &[]),
        function,
    )
}

/// The change of a call that something else makes, which is awaited: what stands in `opens` gets `function`, and the
/// arguments of the call.
///
/// # Errors
/// Where it is not called.
pub(super) fn by(
    cx: &Context<'_>,
    use_: &Use,
    view: &View<'_>,
    rule: &'static str,
    message: String,
    opens: Vec<Piece>,
    function: Vec<Piece>,
) -> Result<Change, String> {
    let call = view
        .call_of(use_.place.range)
        .ok_or("it is passed on as a function")?;
    let mut change = Change::new(rule, use_.place, &*use_.api, message);
    change
        .requires
        .push(anchor(cx, cx.program.function_at(view.place(call))));
    let arguments = crate::common::arguments::inside(call);
    let mut text = opens;
    debug_assert!(awaits(&text));
    text.extend(function);
    if !call.arguments.args.is_empty() || !call.arguments.keywords.is_empty() {
        let is_below = view
            .text(arguments)
            .trim_start_matches(' ')
            .starts_with(['\r', '\n']);
        text.push(if is_below { "," } else { ", " }.into());
        text.push(Piece::Source(arguments));
    }
    text.push(")".into());
    let expr = view.tree.expr_at(call.range()).ok_or("it can't be found")?;
    change.edit(Edit::Replace {
        range: call.range(),
        pieces: bracketed(view, expr, text),
    });
    Ok(change)
}
