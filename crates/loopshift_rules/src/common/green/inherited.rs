//! Classes of the program that derive from one of the library.

use std::collections::BTreeSet;

use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::{ClassId, FuncId};
use loopshift_python::Ranged;
use loopshift_python::TextRange;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprAttribute, ExprCall, StmtClassDef};

use crate::context::{Context, View};

/// The classes that derive from one of which `is_base` is true.
pub(crate) fn derived(cx: &Context<'_>, is_base: impl Fn(&str) -> bool) -> BTreeSet<ClassId> {
    let flow = &cx.program.flow;
    let is_it = |entry: &MroEntry| match entry {
        MroEntry::External(sym) => is_base(flow.text(*sym)),
        MroEntry::Class(_) => false,
    };
    (0..)
        .map(ClassId)
        .zip(flow.mro.iter())
        .filter(|(_, bases)| bases.iter().any(is_it))
        .map(|(class, _)| class)
        .collect()
}

/// A name that one of the classes binds in its body.
pub(crate) fn bound_name<'c>(
    cx: &Context<'c>,
    classes: &BTreeSet<ClassId>,
    is_such: impl Fn(&str) -> bool,
) -> Option<&'c str> {
    let flow = &cx.program.flow;
    classes.iter().find_map(|class| {
        let attrs = &cx.program.class(*class).1.attrs;
        let mut names = attrs.iter().map(|(name, _)| flow.text(*name));
        names.find(|name| is_such(name))
    })
}

/// The name of an attribute that is asked for, or set, on an object of the classes.
pub(crate) fn name_on_object(
    cx: &Context<'_>,
    classes: &BTreeSet<ClassId>,
    is_such: impl Fn(&ExprAttribute) -> bool,
) -> Option<String> {
    let is_theirs = |value| matches!(value, Value::Instance(class) if classes.contains(&class));
    cx.views_where(is_theirs).find_map(|view| {
        view.tree.exprs().find_map(|expr| match expr {
            Expr::Attribute(it)
                if is_such(it) && cx.program.values_at(view.place(&*it.value)).any(is_theirs) =>
            {
                Some(it.attr.to_string())
            }
            _ => None,
        })
    })
}

/// The class among whose bases an expression stands.
pub(crate) fn class_of_base<'v>(view: &View<'v>, range: TextRange) -> Option<&'v StmtClassDef> {
    view.tree.around(range).find_map(|node| match node {
        AnyNodeRef::StmtClassDef(it) if it.bases().iter().any(|base| base.range() == range) => {
            Some(it)
        }
        _ => None,
    })
}

/// A call by which an object of a derived class gets what the library's `__init__` takes.
pub(crate) struct Making<'c> {
    pub(crate) view: &'c View<'c>,
    pub(crate) call: &'c ExprCall,
    /// How many of its arguments stand for the object: that of `Base.__init__(self)`.
    pub(crate) skipped: usize,
}

impl<'c> Making<'c> {
    /// An argument by its place or its name; none where it is not given.
    pub(crate) fn argument(&self, index: usize, name: &str) -> Option<&'c Expr> {
        let arguments = &self.call.arguments;
        arguments.find_argument_value(name, index + self.skipped)
    }

    /// How many arguments there are; none where that is not written.
    pub(crate) fn count(&self) -> Option<usize> {
        let arguments = &self.call.arguments;
        let spread = arguments.args.iter().any(Expr::is_starred_expr)
            || arguments.keywords.iter().any(|it| it.arg.is_none());
        let all = arguments.args.len() + arguments.keywords.len();
        (!spread).then(|| all.saturating_sub(self.skipped))
    }
}

/// The calls that make objects of derived classes ready: of the class, or of `__init__` where that has its own.
///
/// # Errors
/// In words, where something else than the program may call such a class.
pub(crate) fn making<'c>(
    cx: &Context<'c>,
    derived: &BTreeSet<ClassId>,
) -> Result<Vec<Making<'c>>, String> {
    let has_init = |class: &ClassId| {
        let bases = &cx.program.flow.mro[class.0 as usize];
        bases.iter().any(|entry| match entry {
            MroEntry::Class(class) => {
                let mut methods = cx.program.methods(*class).iter();
                methods.any(|it| cx.program.function(*it).name() == "__init__")
            }
            MroEntry::External(_) => false,
        })
    };
    let plain: BTreeSet<ClassId> = (derived.iter().copied())
        .filter(|class| !has_init(class))
        .collect();
    let mut out = Vec::new();
    for view in cx.views() {
        for call in view.tree.exprs().filter_map(Expr::as_call_expr) {
            let is_plain = |value| matches!(value, Value::Class(class) if plain.contains(&class));
            let is_one = |expr: &Expr| cx.program.values_at(view.place(expr)).any(is_plain);
            if !calls_plainly(cx, view, call) && given(call).any(is_one) {
                return Err(
                    "a class that derives from it is handed on, and nobody sees what makes its objects"
                        .to_owned(),
                );
            }
            let mut made = cx.program.values_at(view.place(&*call.func));
            let skipped = match init_of(cx, view, call, derived) {
                Some(skipped) => skipped,
                None if made.any(is_plain) => 0,
                None => continue,
            };
            out.push(Making {
                view,
                call,
                skipped,
            });
        }
    }
    Ok(out)
}

/// What is given to a call.
fn given(call: &ExprCall) -> impl Iterator<Item = &Expr> {
    let named = call.arguments.keywords.iter().map(|it| &it.value);
    call.arguments.args.iter().chain(named)
}

/// Whether a call makes objects of a class that it is given without arguments, if any, or where that is seen.
fn calls_plainly(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    let is_seen = |value| matches!(value, Value::Func(_) | Value::Class(_) | Value::Bound(..));
    let mut called = cx.program.values_at(view.place(&*call.func)).peekable();
    let is_ours = called.peek().is_some() && called.all(is_seen);
    let name = match &*call.func {
        Expr::Name(it) => it.id.as_str(),
        Expr::Attribute(it) => it.attr.as_str(),
        _ => "",
    };
    is_ours
        || matches!(
            name,
            "defaultdict" | "field" | "isinstance" | "issubclass" | "super"
        )
}

/// Whether a call is one of the library's `__init__`, in that of a derived class: how many arguments stand for the object.
fn init_of(
    cx: &Context<'_>,
    view: &View<'_>,
    call: &ExprCall,
    derived: &BTreeSet<ClassId>,
) -> Option<usize> {
    let Expr::Attribute(it) = &*call.func else {
        return None;
    };
    if it.attr.as_str() != "__init__" {
        return None;
    }
    let owner = cx
        .program
        .function(cx.program.function_at(view.place(call)));
    let is_theirs =
        owner.name() == "__init__" && owner.class.is_some_and(|class| derived.contains(&class));
    is_theirs.then(|| usize::from(!it.value.is_call_expr()))
}

/// Whether a class is named to call its `__init__` in that of a derived class.
pub(crate) fn is_init(
    cx: &Context<'_>,
    view: &View<'_>,
    range: TextRange,
    derived: &BTreeSet<ClassId>,
) -> bool {
    let expr = view.tree.expr_at(range);
    let Some(AnyNodeRef::ExprAttribute(it)) = expr.and_then(|it| view.tree.parent(it)) else {
        return false;
    };
    let call = view.call_of(it.range());
    call.is_some_and(|call| init_of(cx, view, call, derived) == Some(1))
}

/// The methods of a class and of those of the program that it derives from, which have such a name.
pub(crate) fn methods_named(
    cx: &Context<'_>,
    class: ClassId,
    is_it: impl Fn(&str) -> bool,
) -> Vec<FuncId> {
    let bases = cx.program.flow.mro.get(class.0 as usize);
    let classes = bases.into_iter().flatten().filter_map(|base| match base {
        MroEntry::Class(class) => Some(*class),
        MroEntry::External(_) => None,
    });
    let methods = classes.flat_map(|class| cx.program.methods(class).iter().copied());
    methods
        .filter(|method| is_it(cx.program.function(*method).name()))
        .collect()
}
