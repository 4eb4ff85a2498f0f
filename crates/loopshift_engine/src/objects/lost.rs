//! What keeps objects where nobody follows them: the containers of Python that classes of the program derive from, errors,
//! which keep their arguments, and builtins that reach everything.

use super::outside;
use crate::callers::{is_container, is_error, is_of_container};
use crate::flow::Flow;
use crate::flow::value::Value;
use crate::ir::{ClassId, Node};

/// Whether calling the builtin, or the method of one, keeps what it is given; `name` is its name.
pub(super) fn by_builtin(flow: &Flow<'_>, callee: Value, name: &str) -> bool {
    let reaches_all = matches!(name, "setattr" | "vars" | "locals" | "exec" | "eval");
    let full = format!("<builtin>.{name}");
    match callee {
        // `self.append(x)` in a class of ours that derives from a list.
        Value::ExternalBound(_, object) => {
            let derived = matches!(
                flow.values.get(object),
                Value::Instance(_) | Value::Super(..)
            );
            reaches_all || derived && (is_of_container(&full) || is_error(parent(&full)))
        }
        // `dict.__setitem__(self, key, x)`, `object.__setattr__(self, "x", x)`.
        _ => {
            let unbound = name.contains('.') && !matches!(name, "dict.fromkeys" | "object.__new__");
            reaches_all || unbound || is_error(&full)
        }
    }
}

/// Whether constructing the class hands what it is given to a base that keeps it.
pub(super) fn by_class(flow: &Flow<'_>, class: ClassId) -> bool {
    let init = flow.linked.symbols.find("__init__");
    is_container(flow, class) && init.is_none_or(|init| flow.class_attr(class, init).is_err())
}

/// The object that an item is written to where nobody follows it, in words.
pub(super) fn as_item(flow: &Flow<'_>, base: Node) -> Option<String> {
    let set_item = flow.linked.symbols.find("__setitem__");
    let derived = |value: Value| match value {
        Value::Instance(class) => {
            is_container(flow, class)
                && set_item.is_none_or(|name| flow.class_attr(class, name).is_err())
        }
        _ => false,
    };
    outside(flow, base).or_else(|| {
        let kept = flow.values_of(base).any(derived);
        kept.then(|| "a class that derives from a container".to_owned())
    })
}

/// The class of a member.
fn parent(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(class, _)| class)
}
