//! Names that tests patch and that move: `mock.patch("shop.gevent.sleep")`. Its page is `docs/rules/green-tests.md`.
//!
//! That tests and fixtures become async themselves is part of the change of all functions that do.

use std::collections::BTreeMap;

use loopshift_engine::change::{Change, FileId};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{Expr, ExprCall, ExprStringLiteral};
use loopshift_python::edit::{Edit, Import, Piece, pieces};

use super::green::is_coloured;
use crate::catalog::{Api, Part};
use crate::context::{Context, View};
use crate::recipe::{Cooperation, is_cooperative};

const RULE: &str = "green-tests";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let is_patched = cx.recipe.moves_patched(cx.program, cx.catalog);
    let cooperation = Cooperation::of(cx);
    // What each function patches by its new name, by the old one.
    let mut taken: BTreeMap<(FuncId, String), String> = BTreeMap::new();
    // What is patched is named in strings, which are no values of anything.
    for view in cx.views_with(&["patch", "setattr"]) {
        for expr in view.tree.exprs() {
            let Expr::Call(call) = expr else { continue };
            let Some(patch) = Patch::of(cx, view, call) else {
                continue;
            };
            let found = patch.target(cx, view);
            let moves = |target: &Target| match target {
                Target::Api { name, .. } => {
                    let row = cx.catalog.get(name);
                    cx.recipe.moves(name)
                        || (is_patched
                            && row.is_some_and(|api| {
                                is_cooperative(api) && cooperation.concerns(api)
                            }))
                }
                Target::Own => true,
            };
            let Some(target) = found.filter(moves) else {
                continue;
            };
            let api = match &target {
                Target::Api { name, .. } => name.clone(),
                Target::Own => "unittest.mock.patch".to_owned(),
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
    /// A function of the program that becomes async.
    Own,
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

    fn place(&self, view: &View<'_>) -> loopshift_engine::change::Place {
        view.place(self.object.map_or(self.name.range(), Ranged::range))
    }

    /// What it patches, where that is of a library, or becomes async.
    fn target(&self, cx: &Context<'_>, view: &View<'_>) -> Option<Target> {
        let name = self.name.value.to_str();
        let Some(object) = self.object else {
            return dotted(cx, name);
        };
        cx.program
            .values_at(view.place(object))
            .find_map(|value| match value {
                Value::Module(file) => member(cx, FileId(file), name),
                Value::External(sym) => {
                    let full = format!("{}.{name}", cx.program.flow.text(sym));
                    let name = cx.catalog.canonical(&full).into_owned();
                    Some(Target::Api {
                        name,
                        home: None,
                        is_alone: false,
                    })
                }
                Value::Class(class) | Value::Instance(class) => {
                    let methods = cx.program.flow.mro.get(class.0 as usize)?;
                    let found = methods.iter().find_map(|entry| match entry {
                        loopshift_engine::flow::MroEntry::Class(class) => {
                            let methods = cx.program.methods(*class);
                            let ends = format!(".{name}");
                            methods
                                .iter()
                                .copied()
                                .find(|func| cx.program.function(*func).qualname.ends_with(&ends))
                        }
                        loopshift_engine::flow::MroEntry::External(_) => None,
                    })?;
                    is_coloured(cx, found).then_some(Target::Own)
                }
                _ => None,
            })
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
                edits.extend(awaitable(cx, view, new));
            }
        }
        if edits.is_empty() {
            return Ok(None);
        }
        let api = match target {
            Target::Api { name, .. } => name.as_str(),
            Target::Own => "unittest.mock.patch",
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

/// What takes the place of a function that is awaited.
fn awaitable(cx: &Context<'_>, view: &View<'_>, new: &Expr) -> Vec<Edit> {
    const MOCKS: &[&str] = &["unittest.mock.Mock", "unittest.mock.MagicMock"];
    let is_async = cx
        .program
        .values_at(view.place(new))
        .any(|value| match value {
            Value::Func(func) => is_coloured(cx, func) || cx.program.function(func).is_async,
            Value::Object(class, _) => cx.program.flow.text(class).ends_with("AsyncMock"),
            _ => false,
        });
    if is_async {
        return Vec::new();
    }
    if let Expr::Call(call) = new
        && cx
            .api_of(view, &call.func)
            .is_some_and(|api| MOCKS.contains(&api))
    {
        return vec![match &*call.func {
            Expr::Attribute(it) => Edit::replace(it.attr.range(), "AsyncMock", &[]),
            other => Edit::replace(other.range(), "{@unittest.mock:AsyncMock}", &[]),
        }];
    }
    vec![
        Edit::Replace {
            range: loopshift_python::TextRange::empty(new.start()),
            pieces: pieces("{@unittest.mock:AsyncMock}(side_effect=", &[]),
        },
        Edit::insert(new.end(), ")", &[]),
    ]
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
    let mut path = Vec::new();
    let mut head = callee;
    while let Expr::Attribute(it) = head {
        path.insert(0, it.attr.as_str());
        head = &it.value;
    }
    if let (Expr::Name(name), [..]) = (head, &path[..]) {
        match (name.id.as_str(), &path[..]) {
            ("monkeypatch", ["setattr"]) => return Some(Kind::SetAttr),
            ("mocker", ["patch"]) => return Some(Kind::Patch),
            ("mocker", ["patch", "object"]) => return Some(Kind::Object),
            _ => {}
        }
    }
    let api = cx.api_of(view, callee)?;
    match api.strip_prefix("unittest.").unwrap_or(api) {
        "mock.patch" => Some(Kind::Patch),
        "mock.patch.object" => Some(Kind::Object),
        _ => None,
    }
}

/// What a dotted name leads to, over the modules of the program.
fn dotted(cx: &Context<'_>, name: &str) -> Option<Target> {
    let modules = &cx.program.flow.linked.modules;
    let mut home = None;
    for (index, module) in modules.iter().enumerate() {
        let below = name
            .strip_prefix(&*module.name)
            .and_then(|rest| rest.strip_prefix('.'));
        let longer = home.is_none_or(|(_, rest): (usize, &str)| {
            below.is_some_and(|below| below.len() < rest.len())
        });
        if let Some(below) = below.filter(|_| longer && !module.name.is_empty()) {
            home = Some((index, below));
        }
    }
    let Some((index, rest)) = home else {
        let name = cx.catalog.canonical(name).into_owned();
        return Some(Target::Api {
            name,
            home: None,
            is_alone: false,
        });
    };
    member(cx, FileId(u32::try_from(index).ok()?), rest)
}

/// What a name in a module leads to.
fn member(cx: &Context<'_>, file: FileId, path: &str) -> Option<Target> {
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
                    home: Some((file, module.name.clone())),
                    is_alone: rest.is_empty(),
                })
            }
            Value::Func(func) if rest.is_empty() && is_coloured(cx, func) => Some(Target::Own),
            Value::Class(class) if !rest.is_empty() => {
                let methods = cx.program.methods(class);
                let ends = format!(".{rest}");
                let mut found = methods
                    .iter()
                    .copied()
                    .filter(|func| cx.program.function(*func).qualname.ends_with(&ends));
                found
                    .any(|func| is_coloured(cx, func))
                    .then_some(Target::Own)
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
