//! Names that tests patch and that move: `mock.patch("shop.gevent.sleep")`. Its page is `docs/rules/green-tests.md`.
//!
//! That tests and fixtures become async themselves is part of the change of all functions that do.

mod frames;

use std::collections::BTreeMap;

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::graph::functions;
use loopshift_engine::ir::{ArgKind, Call, ClassId, FuncId};
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{Expr, ExprCall, ExprStringLiteral};
use loopshift_python::edit::{Edit, Import, Piece, pieces};

use crate::catalog::{Api, Part};
use crate::common::green::{helper, is_coloured, method};
use crate::context::{Context, View};
use crate::module_names::modules_named;
use crate::patched::strings;
use crate::recipe::{Cooperation, is_cooperative};

const RULE: &str = "green-tests";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    frames::plan(cx, changes);
    in_dicts(cx, changes);
    let is_patched = cx.recipe.moves_patched(cx.program, cx.catalog);
    let cooperation = Cooperation::of(cx);
    // What each function patches by its new name, by the old one.
    let mut taken: BTreeMap<(FuncId, String), String> = BTreeMap::new();
    let moves = |target: &Target| match target {
        Target::Api { name, .. } => {
            let row = cx.catalog.get(name);
            cx.recipe.moves(name)
                || (is_patched
                    && row.is_some_and(|api| is_cooperative(api) && cooperation.concerns(api)))
        }
        Target::Own { .. } => true,
    };
    for (file, call) in cx.program.calls() {
        // Most calls show without their tree that they replace nothing that moves.
        let is_patch = may_be_patch(cx, file, call);
        if !is_patch || !replaced(cx, call).iter().any(moves) {
            continue;
        }
        let Some(view) = cx.view(file) else { continue };
        let Some(Expr::Call(call)) = view.tree.expr_at(call.range) else {
            continue;
        };
        let Some(patch) = Patch::of(cx, view, call) else {
            continue;
        };
        let Some(target) = patch.target(cx, view).filter(moves) else {
            continue;
        };
        let api = match &target {
            Target::Api { name, .. } => name.clone(),
            Target::Own { .. } => "unittest.mock.patch".to_owned(),
        };
        let place = patch.place(view);
        let mut planned = patch.change(cx, view, &target);
        if let (Target::Api { name, .. }, Ok(Some(_))) = (&target, &planned)
            && let Some(new) = counterpart(cx, name)
        {
            let key = (
                cx.program.function_at(place),
                format!("{}.{}", new.module, new.name),
            );
            let text = patch.name.value.to_str().to_owned();
            if *taken.entry(key).or_insert_with(|| text.clone()) != text {
                let reason = "the test patches another name, too, and both become one";
                planned = Err(reason.to_owned());
            }
        }
        changes.push(match planned {
            Ok(None) => continue,
            Ok(Some(change)) => change,
            Err(reason) => Change::declined(RULE, place, api, reason),
        });
    }
}

/// `mock.patch.dict(HANDLERS, {"load": …})`, where functions that wait are replaced.
fn in_dicts(cx: &Context<'_>, changes: &mut Vec<Change>) {
    const NAME: &str = "unittest.mock.patch.dict";
    let flow = &cx.program.flow;
    for view in cx.views_with(&["patch.dict"]) {
        for expr in view.tree.exprs() {
            let Expr::Call(call) = expr else { continue };
            let [patched, rest @ ..] = &*call.arguments.args else {
                continue;
            };
            let Expr::Attribute(method) = &*call.func else {
                continue;
            };
            if method.attr.as_str() != "dict" || kind(cx, view, &method.value) != Some(Kind::Patch)
            {
                continue;
            }
            let held = match patched {
                Expr::StringLiteral(it) => global(cx, it.value.to_str()),
                _ => cx.program.values_at(view.place(patched)).collect(),
            };
            let held = held.into_iter().filter_map(|value| match value {
                Value::Container(it) => flow.linked.containers.get(it.0 as usize),
                _ => None,
            });
            let held = held.flat_map(|it| it.contents().flat_map(|node| flow.values_of(node)));
            if !functions(flow, held).any(|func| is_coloured(cx, func)) {
                continue;
            }
            let written = rest.first().and_then(Expr::as_dict_expr);
            let items = written.into_iter().flat_map(|dict| dict.iter_values());
            let keywords = call.arguments.keywords.iter().map(|it| &it.value);
            let new = items.chain(keywords);
            let message = "tests replace what waits";
            let mut change = Change::new(RULE, view.place(patched), NAME, message);
            let edits: Result<Vec<_>, _> = new.map(|new| awaitable(cx, view, new, false)).collect();
            changes.push(match edits {
                Ok(edits) if written.is_some() || rest.is_empty() => {
                    for edit in edits.into_iter().flatten() {
                        change.edit(edit);
                    }
                    change
                }
                _ => {
                    let reason = "it is not seen what takes the place of functions that wait";
                    Change::declined(RULE, view.place(patched), NAME, reason)
                }
            });
        }
    }
}

/// What a module of the program binds a dotted name to.
fn global(cx: &Context<'_>, name: &str) -> Vec<Value> {
    let linked = &cx.program.flow.linked;
    let Some((module, name)) = name.rsplit_once('.') else {
        return Vec::new();
    };
    let modules = modules_named(cx, module).into_iter();
    let nodes = modules.filter_map(|file| {
        let globals = &linked.modules[file.0 as usize].globals;
        globals.get(&linked.symbols.find(name)?)
    });
    nodes
        .flat_map(|node| cx.program.flow.values_of(*node))
        .collect()
}

/// A call that puts something in the place of a name.
struct Patch<'v> {
    /// The object whose attribute it is; none where the name is a dotted one.
    object: Option<&'v Expr>,
    name: &'v ExprStringLiteral,
    /// What takes its place.
    new: Option<&'v Expr>,
    /// Whether that is a mock of its own kind where nothing is given.
    is_made: bool,
}

/// What is patched.
enum Target {
    /// A name of a library: as it is known, and the module of the program in which it stands. There it is a name of its own
    /// where it `is_alone`.
    Api {
        name: String,
        home: Option<(FileId, String)>,
        is_alone: bool,
    },
    /// A function of the program that becomes async; whether it is named as one of a class.
    Own { of_class: bool },
}

impl<'v> Patch<'v> {
    fn of(cx: &Context<'_>, view: &View<'_>, call: &'v ExprCall) -> Option<Self> {
        let kind = kind(cx, view, &call.func)?;
        let args = &call.arguments.args;
        let keyword = |name: &str| call.arguments.find_keyword(name).map(|it| &it.value);
        let text = |expr: Option<&'v Expr>| expr.and_then(Expr::as_string_literal_expr);
        let (object, name, rest) = match kind {
            Kind::Patch => (None, text(args.first().or_else(|| keyword("target")))?, 1),
            Kind::Object => {
                let name = args.get(1).or_else(|| keyword("attribute"));
                (Some(args.first()?), text(name)?, 2)
            }
            Kind::SetAttr => match text(args.first()) {
                Some(name) => (None, name, 1),
                None => (Some(args.first()?), text(args.get(1))?, 2),
            },
        };
        let key = if kind == Kind::SetAttr {
            "value"
        } else {
            "new"
        };
        Some(Patch {
            object,
            name,
            new: args.get(rest).or_else(|| keyword(key)),
            is_made: keyword("new_callable").is_some(),
        })
    }

    fn place(&self, view: &View<'_>) -> Place {
        view.place(self.object.map_or(self.name.range(), Ranged::range))
    }

    /// What it patches, where that is of a library, or becomes async.
    fn target(&self, cx: &Context<'_>, view: &View<'_>) -> Option<Target> {
        let name = self.name.value.to_str();
        let Some(object) = self.object else {
            return dotted(cx, name);
        };
        let mut values = cx.program.values_at(view.place(object));
        values.find_map(|value| attribute(cx, value, name))
    }

    /// The change, where anything has to.
    fn change(
        &self,
        cx: &Context<'_>,
        view: &View<'_>,
        target: &Target,
    ) -> Result<Option<Change>, String> {
        let mut edits = Vec::new();
        let mut requires = None;
        let mut is_async = true;
        let mut is_wider = false;
        if let Target::Api {
            name,
            home,
            is_alone,
        } = target
        {
            let new = counterpart(cx, name).ok_or_else(|| {
                format!("what takes the place of `{name}` has no name of its own")
            })?;
            is_async = new.is_async;
            let (module, last) = (new.module, new.name);
            match (home, self.object) {
                (Some((file, prefix)), object) => {
                    let used = cx
                        .uses
                        .iter()
                        .find(|it| it.place.file == *file && it.api == *name);
                    let used = used.ok_or_else(|| format!("`{name}` is used nowhere there"))?;
                    requires = Some(used.place);
                    let elsewhere = |it: &&Use| it.place.file != *file && it.api == *name;
                    is_wider = *is_alone && cx.uses.iter().any(|it| elsewhere(&it));
                    let text = match object {
                        Some(object) => {
                            edits.push(Edit::insert(
                                object.end(),
                                "{0}",
                                &[format!(".{module}").into()],
                            ));
                            last
                        }
                        None => format!("{prefix}.{module}.{last}"),
                    };
                    edits.push(self.renamed(view, &text));
                }
                (None, Some(object)) => {
                    edits.push(Edit::Replace {
                        range: object.range(),
                        pieces: vec![Piece::Import(Import {
                            module: module.into(),
                            name: None,
                        })],
                    });
                    edits.push(self.renamed(view, &last));
                }
                (None, None) => edits.push(self.renamed(view, &format!("{module}.{last}"))),
            }
        }
        if is_async {
            if self.is_made {
                return Err(
                    "`new_callable` makes what takes its place, and that has to be async"
                        .to_owned(),
                );
            }
            if let Some(new) = self.new {
                let of_class = matches!(target, Target::Own { of_class: true });
                edits.extend(awaitable(cx, view, new, of_class)?);
            }
        }
        if edits.is_empty() {
            return Ok(None);
        }
        let api = match target {
            Target::Api { name, .. } => name.as_str(),
            Target::Own { .. } => "unittest.mock.patch",
        };
        let mut change = Change::new(
            RULE,
            self.place(view),
            api,
            "tests patch what takes its place",
        );
        for edit in edits {
            change.edit(edit);
        }
        change.requires.extend(requires);
        if is_wider {
            change.caveat("other modules use what is patched, and get what takes its place, too");
        }
        Ok(Some(change))
    }

    /// The literal with another text, in the same quotes.
    fn renamed(&self, view: &View<'_>, text: &str) -> Edit {
        let quote = view
            .text(self.name.range())
            .chars()
            .next_back()
            .unwrap_or('"');
        Edit::Replace {
            range: self.name.range(),
            pieces: vec![format!("{quote}{text}{quote}").into()],
        }
    }
}

/// Whether what is kept under a name in objects of a class, or of its bases, is a function that waits.
fn keeps_waiting(cx: &Context<'_>, class: ClassId, name: &str) -> bool {
    let flow = &cx.program.flow;
    let Some(bases) = flow.mro.get(class.0 as usize) else {
        return false;
    };
    let is_its = |class: ClassId| bases.contains(&MroEntry::Class(class));
    let is_one = |value| matches!(value, Value::Instance(class) if is_its(class));
    let mut kept = (flow.linked.stores.iter())
        .filter(|store| flow.text(store.attr) == name)
        .filter(|store| store.class.is_some_and(is_its) || flow.values_of(store.base).any(is_one))
        .flat_map(|store| functions(flow, flow.values_of(store.from)));
    kept.any(|func| is_coloured(cx, func))
}

/// What takes the place of a function that is awaited. A function that does of one `of_class` gets the object, as a mock does not.
///
/// # Errors
/// Where it is not known what takes the place of one of a class.
fn awaitable(
    cx: &Context<'_>,
    view: &View<'_>,
    new: &Expr,
    of_class: bool,
) -> Result<Vec<Edit>, String> {
    const MOCKS: &[&str] = &["unittest.mock.Mock", "unittest.mock.MagicMock"];
    let values: Vec<Value> = cx.program.values_at(view.place(new)).collect();
    let is_async = values.iter().any(|value| match value {
        Value::Func(func) => is_coloured(cx, *func) || cx.program.function(*func).is_async,
        Value::Object(class, _) => cx.program.flow.text(*class).ends_with("AsyncMock"),
        _ => false,
    });
    if is_async {
        return Ok(Vec::new());
    }
    if let Expr::Call(call) = new
        && cx
            .api_of(view, &call.func)
            .is_some_and(|api| MOCKS.contains(&api))
    {
        return Ok(vec![match &*call.func {
            Expr::Attribute(it) => Edit::replace(it.attr.range(), "AsyncMock", &[]),
            other => Edit::replace(other.range(), "{@unittest.mock:AsyncMock}", &[]),
        }]);
    }
    let is_unknown = |value: &Value| matches!(value, Value::Unknown(_));
    if of_class && (values.is_empty() || values.iter().any(is_unknown)) {
        return Err("it is not known what takes the place of a method that waits".to_owned());
    }
    let before = if of_class && values.iter().any(|value| matches!(value, Value::Func(_))) {
        let waiting = helper("waiting").ok_or("a helper is missing")?;
        vec![Piece::Helper(waiting), "(".into()]
    } else {
        pieces("{@unittest.mock:AsyncMock}(side_effect=", &[])
    };
    Ok(vec![
        Edit::Replace {
            range: loopshift_python::TextRange::empty(new.start()),
            pieces: before,
        },
        Edit::insert(new.end(), ")", &[]),
    ])
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `mock.patch("a.b", …)`
    Patch,
    /// `mock.patch.object(a, "b", …)`
    Object,
    /// `monkeypatch.setattr(a, "b", …)`, `monkeypatch.setattr("a.b", …)`
    SetAttr,
}

fn kind(cx: &Context<'_>, view: &View<'_>, callee: &Expr) -> Option<Kind> {
    let is_name = |expr: &Expr, name| matches!(expr, Expr::Name(it) if it.id.as_str() == name);
    if let Expr::Attribute(it) = callee {
        match (it.attr.as_str(), &*it.value) {
            ("setattr", of) if is_name(of, "monkeypatch") => return Some(Kind::SetAttr),
            ("patch", of) if is_name(of, "mocker") => return Some(Kind::Patch),
            ("object", Expr::Attribute(patch))
                if &patch.attr == "patch" && is_name(&patch.value, "mocker") =>
            {
                return Some(Kind::Object);
            }
            _ => {}
        }
    }
    kind_of(cx.api_of(view, callee)?)
}

fn kind_of(api: &str) -> Option<Kind> {
    match api.strip_prefix("unittest.").unwrap_or(api) {
        "mock.patch" => Some(Kind::Patch),
        "mock.patch.object" => Some(Kind::Object),
        _ => None,
    }
}

/// Whether a call may be one that replaces something.
fn may_be_patch(cx: &Context<'_>, file: FileId, call: &Call) -> bool {
    let range = call.range;
    let text = cx.program.text(Place { file, range });
    let callee = text.split('(').next().unwrap_or_default();
    // Fixtures go by their names.
    callee.contains("patch")
        || callee.contains("setattr")
        || cx
            .program
            .flow
            .values_of(call.callee)
            .any(|value| match value {
                Value::External(sym) => kind_of(cx.program.flow.text(sym)).is_some(),
                _ => false,
            })
}

/// What a call would replace, if it is one that replaces something.
fn replaced(cx: &Context<'_>, call: &Call) -> Vec<Target> {
    let program = cx.program;
    let mut out: Vec<Target> = strings(program, call, 0)
        .into_iter()
        .filter_map(|name| dotted(cx, name))
        .collect();
    let mut given = call.args.iter();
    if let Some(object) = given.find(|arg| arg.kind == ArgKind::Positional) {
        for name in strings(program, call, 1) {
            let values = program.flow.values_of(object.node);
            out.extend(values.filter_map(|value| attribute(cx, value, name)));
        }
    }
    out
}

/// What an attribute of a value leads to.
fn attribute(cx: &Context<'_>, value: Value, name: &str) -> Option<Target> {
    match value {
        Value::Module(file) => {
            let module = &cx.program.flow.linked.modules[file as usize];
            member(cx, FileId(file), &module.name, name)
        }
        Value::External(sym) | Value::Object(sym, _) => {
            let full = format!("{}.{name}", cx.program.flow.text(sym));
            let name = cx.catalog.canonical(&full).into_owned();
            Some(Target::Api {
                name,
                home: None,
                is_alone: false,
            })
        }
        Value::Class(class) | Value::Instance(class) => {
            let waits = match method(cx, class, &format!(".{name}")) {
                Some(func) => is_coloured(cx, func),
                None => keeps_waiting(cx, class, name),
            };
            let of_class = matches!(value, Value::Class(_));
            waits.then_some(Target::Own { of_class })
        }
        _ => None,
    }
}

/// What a dotted name leads to, over the modules of the program.
fn dotted(cx: &Context<'_>, name: &str) -> Option<Target> {
    let dots = name.rmatch_indices('.');
    let mut heads = dots.map(|(dot, _)| (&name[..dot], &name[dot + 1..]));
    let home = heads.find_map(|(head, rest)| {
        let homes = modules_named(cx, head);
        (!homes.is_empty()).then_some((homes, head, rest))
    });
    let Some((homes, head, rest)) = home else {
        let name = cx.catalog.canonical(name).into_owned();
        return Some(Target::Api {
            name,
            home: None,
            is_alone: false,
        });
    };
    let mut homes = homes.into_iter();
    homes.find_map(|home| member(cx, home, head, rest))
}

/// What a name leads to in a module that goes by the name `called` there.
fn member(cx: &Context<'_>, file: FileId, called: &str, path: &str) -> Option<Target> {
    let linked = &cx.program.flow.linked;
    let module = &linked.modules[file.0 as usize];
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let node = module.globals.get(&linked.symbols.find(first)?)?;
    cx.program
        .flow
        .values_of(*node)
        .find_map(|value| match value {
            Value::External(sym) => {
                let known = cx.program.flow.text(sym);
                let full = if rest.is_empty() {
                    known.to_owned()
                } else {
                    format!("{known}.{rest}")
                };
                let name = cx.catalog.canonical(&full).into_owned();
                Some(Target::Api {
                    name,
                    home: Some((file, called.to_owned())),
                    is_alone: rest.is_empty(),
                })
            }
            Value::Func(func) if rest.is_empty() && is_coloured(cx, func) => {
                Some(Target::Own { of_class: false })
            }
            Value::Class(class) if !rest.is_empty() => {
                let methods = cx.program.methods(class);
                let ends = format!(".{rest}");
                let mut found = methods
                    .iter()
                    .copied()
                    .filter(|func| cx.program.function(*func).qualname.ends_with(&ends));
                found
                    .any(|func| is_coloured(cx, func))
                    .then_some(Target::Own { of_class: true })
            }
            _ => None,
        })
}

/// A name of a module that takes the place of another one.
struct Counterpart {
    module: String,
    name: String,
    is_async: bool,
}

/// The name that the calls of an API get, where their replacement is a call of one name.
fn counterpart(cx: &Context<'_>, api: &str) -> Option<Counterpart> {
    let row: &Api = cx.catalog.get(api)?;
    let form = row.replacement(cx.recipe.target, cx.oldest_target())?;
    let mut parts = form.template.parts.iter();
    let mut is_async = false;
    let mut part = parts.next()?;
    if let Part::Text(text) = part {
        is_async = &**text == "await ";
        part = parts.next().filter(|_| is_async)?;
    }
    let Part::Import { module, name } = part else {
        return None;
    };
    let Some(Part::Text(text)) = parts.next() else {
        return None;
    };
    let (before, _) = text.split_once('(')?;
    let name = match name {
        // It is imported by its name, and patched where it comes from.
        Some(_) => return None,
        None => before.strip_prefix('.')?,
    };
    let is_last = match parts.next_back() {
        Some(Part::Text(text)) => &**text == ")",
        None => text.ends_with(')'),
        _ => false,
    };
    is_last.then(|| Counterpart {
        module: module.to_string(),
        name: name.to_owned(),
        is_async,
    })
}
