//! Why a function can't become async.

use super::Question;
use crate::flow::MroEntry;
use crate::flow::value::Value;
use crate::ir::FuncId;
use crate::ir::{Function, FunctionKind};
use crate::program::{Callers, Program};

/// Special methods that can wait: those that are awaited where they are called, and those with a twin that is.
const TWINS: &[&str] = &["__call__", "__enter__", "__exit__", "__iter__", "__next__"];

/// The methods of operators that give what the operator gives: an awaitable can be awaited there.
pub const AWAITABLE: &[&str] = &[
    "__add__",
    "__and__",
    "__floordiv__",
    "__getitem__",
    "__invert__",
    "__lshift__",
    "__matmul__",
    "__mod__",
    "__mul__",
    "__neg__",
    "__or__",
    "__pos__",
    "__pow__",
    "__rshift__",
    "__sub__",
    "__truediv__",
    "__xor__",
];

/// Why a function can't become `async def`; `None` where it can.
pub(super) fn barrier(
    program: &Program<'_>,
    callers: &Callers,
    question: &Question<'_>,
    func: FuncId,
) -> Option<String> {
    let function = program.function(func);
    if function.kind == FunctionKind::Module {
        return Some("it is the body of a module".to_owned());
    }
    let name = function.name();
    let is_special = function.class.is_some() && name.starts_with("__") && name.ends_with("__");
    let is_factory = name == "__init__" && has_plain_constructor(program, function);
    if is_special && !is_factory && !TWINS.contains(&name) && !AWAITABLE.contains(&name) {
        return Some(format!(
            "the language calls `{name}`, and does not await it"
        ));
    }
    let is_operator = !callers.by_language(func).is_empty();
    let property = property(program, func, function);
    if (is_operator && !is_special && property.is_none()) || property == Some(Part::Other) {
        return Some("the language calls it, and does not await it".to_owned());
    }
    if let Some(base) = foreign_base(program, question, function) {
        return Some(format!(
            "`{base}`, from which its class derives, may call it"
        ));
    }
    if let Some(reason) = callers.unfollowed(func) {
        return Some(reason.to_owned());
    }
    if callers.is_unseen(func) {
        return Some("code that can't be seen calls it".to_owned());
    }
    None
}

/// Whether nothing but `__init__` has a part in how objects of the class are made.
fn has_plain_constructor(program: &Program<'_>, function: &Function) -> bool {
    let flow = &program.flow;
    let Some(class) = function.class else {
        return false;
    };
    let index = class.0 as usize;
    let has_new = |entry: &MroEntry| match entry {
        MroEntry::Class(base) => {
            let (_, base) = program.class(*base);
            base.attrs
                .iter()
                .any(|(name, _)| flow.text(*name) == "__new__")
        }
        MroEntry::External(_) => false,
    };
    let mut bases = flow.mro.get(index).into_iter().flatten();
    !flow.metaclasses.contains_key(&class) && !bases.any(has_new)
}

/// What a method is of a property.
#[derive(PartialEq)]
enum Part {
    /// What reads it: that can become a call.
    Getter,
    /// What writes or deletes it: that can't.
    Other,
}

/// What a method is of the property of its class that has its name.
fn property(program: &Program<'_>, func: FuncId, function: &Function) -> Option<Part> {
    let flow = &program.flow;
    let (_, class) = program.class(function.class?);
    let attrs = (class.attrs.iter()).filter(|(attr, _)| flow.text(*attr) == function.name());
    let values = attrs.flat_map(|(_, node)| flow.values_of(*node));
    let mut getters = values.filter_map(|value| match value {
        Value::Property(getter, _) => Some(getter),
        _ => None,
    });
    let first = getters.next()?;
    let mut getters = std::iter::once(first).chain(getters);
    let is_it = getters.any(|getter| flow.values_of(getter).any(|it| it == Value::Func(func)));
    Some(if is_it { Part::Getter } else { Part::Other })
}

/// A class outside of the program from which the class of a method derives, and which may call it.
fn foreign_base<'p>(
    program: &'p Program<'_>,
    question: &Question<'_>,
    function: &Function,
) -> Option<&'p str> {
    let bases = program.flow.mro.get(function.class?.0 as usize)?;
    bases.iter().find_map(|entry| match entry {
        MroEntry::Class(_) => None,
        MroEntry::External(sym) => {
            let name = program.flow.text(*sym);
            // These call nothing of their own accord.
            let last = name.rsplit('.').next().unwrap_or(name);
            let plain = matches!(
                last,
                "object" | "ABC" | "Generic" | "Protocol" | "NamedTuple"
            );
            let method = function.name();
            let left = leaves(program, name, method)
                || is_of_its_own(name, method)
                || (question.leaves)(name, method);
            (!plain && !left).then_some(name)
        }
    })
}

/// Classes of the language and its standard library that hold data, with the methods that they have and other code may
/// call. They call nothing that a class which derives from them adds.
const DATA: &[(&[&str], &[&str])] = &[
    (
        &["Counter", "OrderedDict", "defaultdict", "dict"],
        &[
            "clear",
            "copy",
            "elements",
            "fromkeys",
            "get",
            "items",
            "keys",
            "most_common",
            "move_to_end",
            "pop",
            "popitem",
            "setdefault",
            "subtract",
            "total",
            "update",
            "values",
        ],
    ),
    (
        &["deque", "list", "tuple"],
        &[
            "append",
            "appendleft",
            "clear",
            "copy",
            "count",
            "extend",
            "extendleft",
            "index",
            "insert",
            "pop",
            "popleft",
            "remove",
            "reverse",
            "rotate",
            "sort",
        ],
    ),
    (
        &["frozenset", "set"],
        &[
            "add",
            "clear",
            "copy",
            "difference",
            "discard",
            "intersection",
            "isdisjoint",
            "issubset",
            "issuperset",
            "pop",
            "remove",
            "symmetric_difference",
            "union",
            "update",
        ],
    ),
    (
        &["Enum", "Flag", "IntEnum", "IntFlag", "StrEnum"],
        &["name", "value"],
    ),
];

/// Whether a class that derives from one for data, or from an error, has added a method to it.
fn is_of_its_own(base: &str, method: &str) -> bool {
    let (module, class) = base.rsplit_once('.').unwrap_or_default();
    let is_known = matches!(module, "<builtin>" | "collections" | "enum");
    let is_special = method.starts_with("__") || (method.starts_with('_') && method.ends_with('_'));
    if !is_known || is_special {
        return false;
    }
    let errors = ["Error", "Exception", "Warning"];
    let data = DATA.iter().find(|(classes, _)| classes.contains(&class));
    match data {
        Some((_, methods)) => !methods.contains(&method),
        None => {
            let is_error = errors.iter().any(|end| class.ends_with(end));
            is_error && !matches!(method, "add_note" | "with_traceback")
        }
    }
}

/// Whether it is known of an external base that it does not call this method of a derived class, or calls it as a task.
fn leaves(program: &Program<'_>, base: &str, method: &str) -> bool {
    let api = |name: &str| program.flow.externals.api(name);
    let hooks = api(base).map_or(&[][..], |api| &api.hooks);
    let is_hook = hooks.iter().any(|hook| hook.method == method);
    // Who makes an object calls its `__init__`, who goes through it the others, and nobody else.
    let by_language = matches!(method, "__init__" | "__iter__" | "__next__");
    let is_own = !by_language && api(&format!("{base}.{method}")).is_some();
    is_hook || (!hooks.is_empty() && !is_own)
}
