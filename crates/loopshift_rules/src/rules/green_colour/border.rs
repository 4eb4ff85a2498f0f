//! The border of a part that moves by itself: the calls by which green threads outside of it wait for what became async,
//! and those by which what became async waits for green threads.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::facts::{Called, Cause, Colour};
use loopshift_engine::graph::functions;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{Expr, ExprCall};
use loopshift_python::edit::{Edit, Import, Piece};
use loopshift_python::{Ranged, TextRange};

use super::{Failure, Work, factory};
use crate::catalog::Kind;
use crate::common::arguments::inside;
use crate::common::green::{helper, is_outside, meets};
use crate::context::{Context, View};
use crate::part;
use crate::rules::green_part::Hub;

/// What may differ where other green threads run.
const LATER: &str = "a green thread that stays and waits for what became async lets others run before that begins, and what became async does so before a green thread that it waits for";

/// What is to be done where the start of the program is not seen.
const HUB: &str = "nothing here starts the program: what does must choose eventlet's hub for asyncio, by `EVENTLET_HUB=asyncio` or `use_hub`";

/// What may differ where a wait may be ended from outside.
const ENDED: &str = "a timeout or a kill that ends the wait of a green thread cancels what became async, which sees a `CancelledError` in place of it";

impl Work<'_, '_> {
    /// All that outside of the part runs members of the component.
    pub(super) fn border(&mut self, change: &mut Change) -> Result<(), Failure> {
        let cx = self.all.cx;
        let Some(part) = cx.part else { return Ok(()) };
        let mut waits: Vec<(FileId, TextRange)> = Vec::new();
        // What was done at once, and is not any more.
        let mut found: Vec<String> = Vec::new();
        for func in cx.program.functions().filter(|func| is_outside(cx, *func)) {
            self.is_run_plainly(func)?;
            for (place, called) in cx.facts().called(func) {
                if self.is_of_component(called) {
                    self.outside_call(place, called)?;
                    found.extend(meets(cx, place, &called.functions));
                    waits.push((place.file, place.range));
                }
            }
            let mut causes = cx.facts().causes(func).iter();
            let by_language = causes.find_map(|cause| match cause {
                Cause::Operation(other) if self.members.contains(other) => Some(*other),
                _ => None,
            });
            if let Some(other) = by_language {
                let name = cx.program.qualified_name(other);
                let reason = format!(
                    "a `for`, a `with`, a property or a builtin runs `{name}` there, and the function stays"
                );
                return Err((super::anchor(cx, func), reason));
            }
        }
        let crosses = !waits.is_empty();
        self.wait_outside(waits);
        let handed = self.handed_over(part)?;
        let waits_inside = self.members.iter().any(|func| {
            let mut causes = cx.facts().causes(*func).iter();
            causes
                .any(|cause| matches!(cause, Cause::Call { callee, .. } if is_outside(cx, *callee)))
        });
        if (crosses || handed || waits_inside) && cx.once(Hub::new).is_nowhere() {
            change.caveat(HUB);
        }
        if (crosses || handed || waits_inside) && part::starts_threads(cx) {
            change.caveat(LATER);
            for func in self.members {
                for (place, called) in cx.facts().called(*func) {
                    if called.functions.iter().any(|it| is_outside(cx, *it)) {
                        found.extend(meets(cx, place, &called.functions));
                    }
                }
            }
            for what in found {
                change.caveat(what);
            }
        }
        if (crosses || handed) && part::ends_waits(cx) {
            change.caveat(ENDED);
        }
        Ok(())
    }

    fn is_of_component(&self, called: &Called) -> bool {
        let becomes = |func: &FuncId| {
            let colour = self.all.cx.facts().colour(*func);
            self.members.contains(func) && matches!(colour, Colour::Becomes(_))
        };
        called.functions.iter().any(becomes)
    }

    /// A call in a function that stays.
    fn outside_call(&mut self, place: Place, called: &Called) -> Result<(), Failure> {
        let cx = self.all.cx;
        let becomes = |func: &FuncId| matches!(cx.facts().colour(*func), Colour::Becomes(_));
        if called.is_decorator {
            return Err((place, "a decorator would have to be async".to_owned()));
        }
        if !called.only || !called.functions.iter().all(becomes) {
            let reason =
                "what is called there may become async or not, in a function that stays as it is";
            return Err((place, reason.to_owned()));
        }
        let (view, expr) = self.expr(place)?;
        let Expr::Call(call) = expr else {
            let reason = "it is not called there by a plain call, in a function that stays";
            return Err((place, reason.to_owned()));
        };
        if view.is_async(call.range()) {
            let reason = "it is called in a function that is async already";
            return Err((place, reason.to_owned()));
        }
        let functions = called.functions.iter().copied();
        let made = factory::made(cx, view, call, functions);
        let edit = made.map_err(|reason| (place, reason.to_owned()))?;
        self.edits.extend(edit.map(|edit| (place.file, edit)));
        Ok(())
    }

    /// Waits for the calls at these ranges, one of which may hold another one.
    fn wait_outside(&mut self, mut found: Vec<(FileId, TextRange)>) {
        let cx = self.all.cx;
        let ends = part::ends_waits(cx);
        let (open, close) = match helper("waited").filter(|_| ends) {
            Some(helper) => (vec![Piece::Helper(helper), "(".into()], ")"),
            None => (vec![awaitable(), "(".into()], ").wait()"),
        };
        found.sort_by_key(|(file, range)| (*file, range.start(), std::cmp::Reverse(range.end())));
        for (file, range) in &found {
            let range = TextRange::empty(range.start());
            let pieces = open.clone();
            self.edits.push((*file, Edit::Replace { range, pieces }));
        }
        found.sort_by_key(|(file, range)| (*file, range.end(), std::cmp::Reverse(range.start())));
        for (file, range) in found {
            let edit = Edit::insert(range.end(), "{0}", &[close.into()]);
            self.edits.push((file, edit));
        }
    }

    /// Members that code outside hands to the library to run them as green threads. Whether there are any.
    fn handed_over(&mut self, part: &part::Part) -> Result<bool, Failure> {
        let cx = self.all.cx;
        let mut done: BTreeSet<Place> = BTreeSet::new();
        let members = self.members;
        for func in members {
            if !matches!(cx.facts().colour(*func), Colour::Becomes(_)) {
                continue;
            }
            let name = cx.program.qualified_name(*func);
            if let Some(owner) =
                (cx.callers.by_language(*func).iter()).find(|it| part.is_outside(**it))
            {
                let at = cx.program.qualified_name(*owner);
                let reason = format!("`{at}` stays, and the language runs `{name}` for it");
                return Err((super::anchor(cx, *func), reason));
            }
            for site in cx.callers.of(*func) {
                let owner = part::owner(cx.program, site.owner, site.place);
                if site.owner != FuncId::NONE || !part.is_outside(owner) {
                    continue;
                }
                let known = cx
                    .facts()
                    .called(owner)
                    .any(|(place, called)| place == site.place && called.functions.contains(func));
                if known {
                    continue;
                }
                let (view, expr) = self.expr(site.place)?;
                let edits = in_green_thread(cx, view, expr, *func).ok_or_else(|| {
                    let reason = format!(
                        "`{name}` is handed over there to be called, and the function stays"
                    );
                    (site.place, reason)
                })?;
                for (place, edit) in edits {
                    if done.insert(place) {
                        self.edits.push((place.file, edit));
                    }
                }
            }
        }
        Ok(!done.is_empty())
    }

    /// Whether a function that waits and stays is run by what became async in plain calls only, which can wait for it.
    fn is_run_plainly(&self, func: FuncId) -> Result<(), Failure> {
        let cx = self.all.cx;
        let name = cx.program.qualified_name(func);
        let by_member = |owner: &FuncId| self.members.contains(owner);
        if cx.callers.by_language(func).iter().any(by_member) {
            let reason = format!(
                "`{name}` waits and stays as it is: a `for`, a `with` or a property can't wait for it"
            );
            return Err((super::anchor(cx, func), reason));
        }
        for site in cx.callers.of(func) {
            let owner = part::owner(cx.program, site.owner, site.place);
            if !self.members.contains(&owner) {
                continue;
            }
            let known = cx.facts().called(owner).any(|(place, called)| {
                place == site.place
                    && called.only
                    && called.functions.iter().all(|it| is_outside(cx, *it))
            });
            if !known {
                let reason = format!(
                    "`{name}` waits and stays as it is, and this may run it otherwise than by a plain call"
                );
                return Err((site.place, reason));
            }
        }
        Ok(())
    }
}

/// `spawn_for_awaitable`.
fn awaitable() -> Piece {
    Piece::Import(Import {
        module: "eventlet.asyncio".into(),
        name: Some("spawn_for_awaitable".into()),
    })
}

/// `eventlet.spawn(f, x)`, which is awaited, as the call of a function that is async now: `f(x)`.
fn called_again(call: &ExprCall) -> Option<Edit> {
    let (function, rest) = call.arguments.args.split_first()?;
    if !matches!(function, Expr::Name(_) | Expr::Attribute(_)) {
        return None;
    }
    let keywords = call.arguments.keywords.iter().map(Ranged::start);
    let next = rest.iter().map(Ranged::start).chain(keywords).min();
    let mut pieces = vec![Piece::Source(function.range()), "(".into()];
    if let Some(next) = next {
        pieces.push(Piece::Source(TextRange::new(next, inside(call).end())));
    }
    pieces.push(")".into());
    let range = call.range();
    Some(Edit::Replace { range, pieces })
}

/// The arguments of a call by which green threads are started that are this function, each made one that waits for it.
fn in_green_thread(
    cx: &Context<'_>,
    view: &View<'_>,
    expr: &Expr,
    func: FuncId,
) -> Option<Vec<(Place, Edit)>> {
    let Expr::Call(call) = expr else { return None };
    let name = cx.program.api_at(view.place(&*call.func))?;
    let row = cx.catalog.get(name)?;
    if !(row.spawns && crate::recipe::is_green(name) && row.kind != Kind::Class) {
        return None;
    }
    if view.await_of(call.range()).is_some() && name == "eventlet.spawn" {
        return Some(vec![(view.place(call), called_again(call)?)]);
    }
    let helper = helper(if part::ends_waits(cx) {
        "green_waited"
    } else {
        "green"
    })?;
    let mut out = Vec::new();
    let keywords = call.arguments.keywords.iter().map(|it| &it.value);
    for argument in call.arguments.args.iter().chain(keywords) {
        let place = view.place(argument);
        let targets: Vec<FuncId> =
            functions(&cx.program.flow, cx.program.values_at(place)).collect();
        if !targets.contains(&func) {
            continue;
        }
        let plain = matches!(argument, Expr::Name(_) | Expr::Attribute(_));
        let becomes = |func: &FuncId| matches!(cx.facts().colour(*func), Colour::Becomes(_));
        if !plain || !targets.iter().all(becomes) {
            return None;
        }
        let range = argument.range();
        let pieces = vec![
            Piece::Helper(helper),
            "(".into(),
            Piece::Source(range),
            ")".into(),
        ];
        out.push((place, Edit::Replace { range, pieces }));
    }
    (!out.is_empty()).then_some(out)
}
