//! What a function does that other tasks may see, and what it sees of them.

use std::collections::BTreeSet;

use loopshift_engine::change::FileId;
use loopshift_engine::flow::value::{CallId, Value};
use loopshift_engine::ir::{ContainerId, FuncId, FunctionKind};
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, ExprContext, ExprName, Stmt};
use loopshift_python::scope::{BindingKind, ScopeId};
use loopshift_python::{Ranged, TextRange};

use crate::common::code::{definition, own, own_of};
use crate::context::{Context, View};

/// Something that tasks share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shared {
    /// The attributes of a name, of whatever object.
    Attribute(String),
    /// A variable that several functions see.
    Variable(FileId, ScopeId, String),
    /// A container, by where it is made.
    Container(ContainerId),
    /// An object of a library, by where it is made.
    Object(CallId),
    /// The end of a queue that items are put into.
    Into(CallId),
    /// The end of a queue that items are taken from.
    From(CallId),
    /// How far tasks have come.
    Progress,
}

/// What can be seen of a function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effect {
    /// It prints, or calls what is not known.
    Output,
    /// It ends another task.
    Cancel,
    /// It looks at something.
    Read(Shared),
    /// It changes something.
    Write(Shared),
}

impl Effect {
    /// Whether the effect outlives the task: not what only moves items along.
    pub(crate) fn is_visible(&self) -> bool {
        match self {
            Effect::Output => true,
            Effect::Write(shared) => {
                !matches!(shared, Shared::Into(_) | Shared::From(_) | Shared::Progress)
            }
            Effect::Read(_) | Effect::Cancel => false,
        }
    }

    /// Whether the order of the two can be seen.
    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Effect::Output, Effect::Output) => true,
            (Effect::Cancel, other) | (other, Effect::Cancel) => other.is_visible(),
            (Effect::Write(a), Effect::Write(b)) => a == b && *a != Shared::Progress,
            (Effect::Write(a), Effect::Read(b)) | (Effect::Read(a), Effect::Write(b)) => a == b,
            _ => false,
        }
    }
}

/// Whether the order of what two tasks do can be seen.
pub(super) fn meet(one: &BTreeSet<Effect>, other: &BTreeSet<Effect>) -> bool {
    one.iter().any(|a| other.iter().any(|b| a.meets(b)))
}

/// What a function does itself, with the places.
pub(crate) fn effects(cx: &Context<'_>, func: FuncId) -> Vec<(TextRange, Effect)> {
    let function = cx.program.function(func);
    let (view, nodes, fresh) = if let Some((view, def)) = definition(cx, func) {
        // What a constructor sets nobody else has yet.
        (view, own(&def.body), &*def.name == "__init__")
    } else {
        let lambda = cx
            .view(cx.program.function_file(func))
            .filter(|_| function.kind == FunctionKind::Lambda)
            .and_then(|view| Some((view, lambda(view, function.range)?)));
        match lambda {
            Some((view, body)) => (view, own_of(body), false),
            // A class body, or a file that has no part in the migration.
            None if function.kind == FunctionKind::Module => return Vec::new(),
            None => return vec![(function.range, Effect::Output)],
        }
    };
    let mut found = Found {
        cx,
        view,
        fresh,
        out: Vec::new(),
    };
    for node in nodes {
        found.node(node);
    }
    found.out
}

fn lambda<'v>(view: &View<'v>, range: TextRange) -> Option<&'v Expr> {
    match view.tree.expr_at(range)? {
        Expr::Lambda(lambda) => Some(&lambda.body),
        _ => None,
    }
}

struct Found<'f, 'v> {
    cx: &'f Context<'f>,
    view: &'v View<'v>,
    fresh: bool,
    out: Vec<(TextRange, Effect)>,
}

impl<'v> Found<'_, 'v> {
    fn push(&mut self, at: impl Ranged, effect: Effect) {
        self.out.push((at.range(), effect));
    }

    fn node(&mut self, node: AnyNodeRef<'v>) {
        match node {
            AnyNodeRef::ExprAttribute(it) => {
                let shared = Shared::Attribute(it.attr.to_string());
                if it.ctx != ExprContext::Load {
                    if !self.fresh {
                        self.push(it, Effect::Write(shared));
                    }
                } else if self.view.call_of(it.range()).is_none() {
                    self.push(it, Effect::Read(shared));
                    self.reads(it.range());
                }
            }
            AnyNodeRef::ExprName(it) => self.name(it),
            AnyNodeRef::ExprSubscript(it) if it.ctx != ExprContext::Load => {
                self.changes(it.range(), &it.value);
            }
            AnyNodeRef::ExprCall(it) => self.call(it),
            _ => {}
        }
    }

    /// The objects that an expression may be, as far as they can be told apart.
    fn objects(&self, range: TextRange) -> Vec<Shared> {
        let flow = &self.cx.program.flow;
        let place = loopshift_engine::program::place(self.view.file, range);
        self.cx
            .program
            .values_at(place)
            .filter_map(|value| match value {
                Value::Container(id) => Some(Shared::Container(id)),
                Value::Object(ty, site)
                    if site != CallId::NONE && flow.text(ty).starts_with("collections.") =>
                {
                    Some(Shared::Object(site))
                }
                _ => None,
            })
            .collect()
    }

    fn reads(&mut self, range: TextRange) {
        for object in self.objects(range) {
            self.push(range, Effect::Read(object));
        }
    }

    /// Something in the container is changed.
    fn changes(&mut self, at: TextRange, container: &Expr) {
        if self.is_own(container) {
            return;
        }
        let objects = self.objects(container.range());
        if objects.is_empty() {
            self.push(at, Effect::Output);
        }
        for object in objects {
            self.push(at, Effect::Write(object));
        }
    }

    fn name(&mut self, name: &'v ExprName) {
        let scopes = &self.view.scopes;
        let here = scopes.at(name.start());
        let Some(scope) = scopes.resolve(name.id.as_str(), here) else {
            return;
        };
        let variable = scopes.scopes[scope]
            .bindings
            .get(name.id.as_str())
            .is_some_and(|bindings| {
                bindings.iter().any(|binding| {
                    matches!(binding.kind, BindingKind::Variable | BindingKind::Parameter)
                })
            });
        let inner = self
            .view
            .tree
            .enclosing_function(name.range())
            .is_some_and(|function| function.range().contains_range(scopes.scopes[scope].range));
        if variable && !inner {
            let shared = Shared::Variable(self.view.file, scope, name.id.to_string());
            let effect = if name.ctx == ExprContext::Load {
                Effect::Read(shared)
            } else {
                Effect::Write(shared)
            };
            self.push(name, effect);
        }
        if name.ctx == ExprContext::Load {
            self.reads(name.range());
        }
    }

    /// Whether the container is a variable of the function that never leaves it.
    fn is_own(&self, container: &Expr) -> bool {
        let Expr::Name(name) = container else {
            return is_display(container);
        };
        let scopes = &self.view.scopes;
        let Some(scope) = scopes.resolve(name.id.as_str(), scopes.at(name.start())) else {
            return false;
        };
        let function = |range| {
            self.view
                .tree
                .enclosing_function(range)
                .map(|it| it.range())
        };
        let home = function(name.range());
        let tree = &self.view.tree;
        let made_here = scopes.scopes[scope]
            .bindings
            .get(name.id.as_str())
            .is_some_and(|bindings| {
                bindings.iter().all(|binding| {
                    function(binding.range) == home
                        && match tree.enclosing_statement(binding.range) {
                            Some(Stmt::Assign(it)) => is_display(&it.value),
                            Some(Stmt::AnnAssign(it)) => {
                                it.value.as_deref().is_some_and(is_display)
                            }
                            _ => false,
                        }
                })
            });
        made_here
            && scopes
                .references
                .iter()
                .filter(|it| {
                    it.name == name.id.as_str() && scopes.resolve(it.name, it.scope) == Some(scope)
                })
                .all(|it| {
                    function(it.range) == home
                        && tree
                            .expr_at(it.range)
                            .is_some_and(|expr| match tree.parent(expr) {
                                Some(
                                    AnyNodeRef::ExprAttribute(_)
                                    | AnyNodeRef::StmtFor(_)
                                    | AnyNodeRef::StmtReturn(_)
                                    | AnyNodeRef::ExprCompare(_)
                                    | AnyNodeRef::StmtIf(_)
                                    | AnyNodeRef::StmtWhile(_),
                                ) => true,
                                Some(AnyNodeRef::ExprSubscript(it)) => {
                                    it.value.range() == expr.range()
                                }
                                _ => false,
                            })
                })
    }

    fn call(&mut self, call: &'v ExprCall) {
        let program = self.cx.program;
        let place = self.view.place(&*call.func);
        let mut known = false;
        let mut targets: BTreeSet<(String, CallId)> = BTreeSet::new();
        for value in program.values_at(place) {
            match value {
                Value::External(sym) => {
                    targets.insert((program.flow.text(sym).to_owned(), CallId::NONE));
                }
                Value::ExternalBound(sym, receiver) => {
                    let site = match program.flow.values.get(receiver) {
                        Value::Object(_, site) => site,
                        _ => CallId::NONE,
                    };
                    targets.insert((program.flow.text(sym).to_owned(), site));
                }
                Value::Unknown(_) => self.push(call, Effect::Output),
                _ => {}
            }
            known = true;
        }
        if !known && !is_text(call) {
            self.push(call, Effect::Output);
        }
        for (name, site) in targets {
            self.external(call, &name, site);
        }
    }

    fn external(&mut self, call: &'v ExprCall, name: &str, site: CallId) {
        let (class, method) = name.rsplit_once('.').unwrap_or(("", name));
        if let Some(builtin) = class.strip_prefix("<builtin>") {
            if builtin.is_empty() {
                if LOUD.contains(&method) {
                    self.push(call, Effect::Output);
                }
            } else if MUTATORS.contains(&method)
                && let Expr::Attribute(callee) = &*call.func
            {
                self.changes(call.range(), &callee.value);
            }
            return;
        }
        if class.starts_with("collections.") {
            let effect = match site {
                CallId::NONE => Effect::Output,
                site => Effect::Write(Shared::Object(site)),
            };
            self.push(call, effect);
            return;
        }
        if !name.starts_with("asyncio.") {
            let is_quiet = QUIET.iter().any(|quiet| name.starts_with(quiet))
                || DRAWS.contains(&name) && !self.cx.once(Seeded::new).0;
            if !is_quiet {
                self.push(call, Effect::Output);
            }
            return;
        }
        let is_queue = class.ends_with("Queue");
        match method {
            "put" | "put_nowait" if is_queue => {
                self.push(call, Effect::Write(Shared::Into(site)));
            }
            "get" if is_queue => self.push(call, Effect::Write(Shared::From(site))),
            "get_nowait" if is_queue => {
                self.push(call, Effect::Write(Shared::From(site)));
                self.push(call, Effect::Read(Shared::Into(site)));
            }
            "qsize" | "empty" | "full" => {
                self.push(call, Effect::Read(Shared::From(site)));
                self.push(call, Effect::Read(Shared::Into(site)));
            }
            "set" | "clear" | "set_result" | "set_exception" => {
                self.push(call, Effect::Write(Shared::Object(site)));
            }
            "is_set" => self.push(call, Effect::Read(Shared::Object(site))),
            "cancel" => self.push(call, Effect::Cancel),
            "done" | "cancelled" | "locked" | "as_completed" | "wait" | "add_done_callback"
                if class != "asyncio.Event" && class != "asyncio.Condition" =>
            {
                self.push(call, Effect::Read(Shared::Progress));
            }
            _ if LOUD_PARTS.iter().any(|part| name.contains(part)) => {
                self.push(call, Effect::Output);
            }
            _ => {}
        }
    }
}

/// Builtins that do something beside giving a value.
const LOUD: &[&str] = &[
    "print",
    "open",
    "input",
    "exec",
    "eval",
    "next",
    "anext",
    "setattr",
    "delattr",
    "breakpoint",
];

/// Parts of asyncio that talk to the world.
const LOUD_PARTS: &[&str] = &[
    "Stream",
    "Transport",
    "ubprocess",
    "connection",
    "server",
    "sock_",
];

/// Methods that change a container.
const MUTATORS: &[&str] = &[
    "append",
    "extend",
    "insert",
    "pop",
    "popitem",
    "remove",
    "clear",
    "sort",
    "reverse",
    "add",
    "discard",
    "update",
    "setdefault",
];

/// Libraries whose functions only give a value.
const QUIET: &[&str] = &[
    "collections.",
    "contextlib.",
    "copy.",
    "dataclasses.",
    "datetime.",
    "enum.",
    "functools.",
    "hashlib.",
    "itertools.",
    "json.dumps",
    "json.loads",
    "math.",
    "operator.",
    "re.",
    "string.",
    "struct.",
    "time.monotonic",
    "time.perf_counter",
    "time.time",
    "typing.",
    "uuid.",
];

/// What draws from the generator that all share. Nobody can tell the order of draws where nobody has set its seed.
const DRAWS: &[&str] = &[
    "random.choice",
    "random.choices",
    "random.gauss",
    "random.randint",
    "random.random",
    "random.randrange",
    "random.sample",
    "random.uniform",
];

/// Whether the program sets the seed of the generator that all share, or its state.
struct Seeded(bool);

impl Seeded {
    fn new(cx: &Context<'_>) -> Self {
        let flow = &cx.program.flow;
        let sets = |value| {
            matches!(value, Value::External(sym)
                if matches!(flow.text(sym), "random.seed" | "random.setstate"))
        };
        Seeded((cx.program.calls()).any(|(_, call)| flow.values_of(call.callee).any(sets)))
    }
}

fn is_display(expr: &Expr) -> bool {
    match expr {
        Expr::List(_)
        | Expr::Dict(_)
        | Expr::Set(_)
        | Expr::ListComp(_)
        | Expr::DictComp(_)
        | Expr::SetComp(_) => true,
        Expr::Call(call) => {
            matches!(&*call.func, Expr::Name(name)
                if matches!(name.id.as_str(), "list" | "dict" | "set" | "deque" | "defaultdict" | "Counter"))
        }
        _ => false,
    }
}

/// A method of a text that is written out.
fn is_text(call: &ExprCall) -> bool {
    matches!(&*call.func, Expr::Attribute(it)
        if matches!(&*it.value, Expr::StringLiteral(_) | Expr::FString(_) | Expr::BytesLiteral(_)))
}

/// The functions that a call runs, and whether it is one of ours at all.
pub(super) fn functions(cx: &Context<'_>, call: &loopshift_engine::ir::Call) -> Vec<FuncId> {
    cx.program
        .callees(call)
        .iter()
        .filter_map(|target| target.function())
        .collect()
}
