//! What is known of the items of a display in straight-line code.
//!
//! `d = {"a": f}; d["a"] = g; d["a"]()` calls `g` alone. What is known of a display lasts until
//! something may change it unseen: a call, a branch, a loop.

use loopshift_python::ast::Expr;
use rustc_hash::FxHashMap;

use super::{Lowerer, Operand};
use crate::ir::{Arg, ArgKind, ContainerId, Key, Node};

/// The items of a display, by key.
pub(super) type Items = FxHashMap<Key, Node>;

fn constant_key(key: Operand) -> Option<Key> {
    match key {
        Operand::Str(sym) => Some(Key::Str(sym)),
        Operand::Int(value) if value >= 0 => Some(Key::Int(value)),
        _ => None,
    }
}

impl<'a> Lowerer<'a> {
    /// A display has just been made.
    pub(super) fn know_items(&mut self, display: Node, id: ContainerId) {
        let items = &self.ir.containers[id.0 as usize].items;
        if !items.is_empty() && items.len() <= 32 {
            let items = items.iter().copied().collect();
            self.items.insert(display, items);
        }
    }

    /// The item that `base[key]` certainly is.
    pub(super) fn known_item(&self, base: Node, key: Operand) -> Option<Node> {
        self.items.get(&base)?.get(&constant_key(key)?).copied()
    }

    /// `base[key] = value` has been done.
    pub(super) fn set_item(&mut self, base: Node, key: Operand, value: Node) {
        let Some(items) = self.items.get_mut(&base) else {
            return;
        };
        match constant_key(key) {
            Some(key) if value.is_some() => {
                items.insert(key, value);
            }
            Some(key) => {
                items.remove(&key);
            }
            None => {
                self.items.remove(&base);
            }
        }
    }

    /// Nothing is certain any more.
    pub(super) fn forget_items(&mut self) {
        self.items.clear();
    }

    /// `d.update({...})`: the items of `d` after the call.
    pub(super) fn updated_items(&mut self, func: &'a Expr, args: &[Arg]) -> Option<(Node, Items)> {
        let Expr::Attribute(attribute) = func else {
            return None;
        };
        let Expr::Name(name) = &*attribute.value else {
            return None;
        };
        let [
            Arg {
                kind: ArgKind::Positional,
                node,
            },
        ] = args
        else {
            return None;
        };
        if attribute.attr.as_str() != "update" || self.items.is_empty() {
            return None;
        }
        let base = self.read(name.id.as_str());
        let mut items = self.items.get(&base)?.clone();
        items.extend(self.items.get(node)?);
        Some((base, items))
    }
}
