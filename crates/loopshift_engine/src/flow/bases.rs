//! Bases that are parameters: `class Logged(cls)` in a function that is given a class.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Flow;
use super::value::Value;
use crate::ir::{ArgKind, FuncId, Node};

impl Flow<'_> {
    /// Gives parameters that classes derive from what plain calls of their functions give them, or their defaults: bases have
    /// to be known before anything is called.
    pub(super) fn give_bases(&mut self) {
        let classes = self.linked.classes.iter();
        let bases = classes.flat_map(|class| class.bases.iter().copied());
        let unknown: FxHashSet<Node> = bases
            .filter(|base| base.is_some() && self.set(*base).is_empty())
            .collect();
        if unknown.is_empty() {
            return;
        }
        let mut wanted: FxHashMap<FuncId, Vec<usize>> = FxHashMap::default();
        for (index, function) in (0..).zip(&self.linked.functions) {
            let params = function.params.iter().enumerate();
            let places = params.filter(|(_, param)| unknown.contains(&param.node));
            let places: Vec<usize> = places.map(|(place, _)| place).collect();
            if !places.is_empty() {
                wanted.insert(FuncId(index), places);
            }
        }
        let mut edges: Vec<(Node, Node)> = Vec::new();
        for call in &self.linked.calls {
            for value in self.values_of(call.callee) {
                let Value::Func(func) = value else { continue };
                for place in wanted.get(&func).into_iter().flatten() {
                    let param = &self.linked.functions[func.0 as usize].params[*place];
                    let named = call
                        .args
                        .iter()
                        .find(|arg| arg.kind == ArgKind::Keyword(param.name));
                    let mut by_place = call
                        .args
                        .iter()
                        .take_while(|arg| arg.kind == ArgKind::Positional);
                    let given = named.or_else(|| by_place.nth(*place));
                    let given = given.map_or(param.default, |arg| arg.node);
                    edges.push((given, param.node));
                }
            }
        }
        for (from, to) in edges {
            self.edge(from, to);
        }
        self.drain();
    }
}
