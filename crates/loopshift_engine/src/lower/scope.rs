//! Scopes: which names a body binds, and the version of each that is current.

use rustc_hash::FxHashMap;

use super::Lowerer;
use super::bindings::Bindings;
use crate::ir::{ClassId, FuncId, Node};

/// What kind of scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScopeKind {
    Module,
    Function {
        /// For a method: its class and the node of its first parameter.
        method: Option<(ClassId, Node)>,
    },
    Class(ClassId),
    Comprehension,
}

#[derive(Debug)]
pub(crate) struct Binding {
    /// All versions, for those who see the variable from elsewhere.
    pub(crate) cell: Node,
    /// No versions are kept: other scopes assign it, too.
    pub(crate) shared: bool,
    /// Another scope reads it: versions must reach the cell.
    pub(crate) captured: bool,
    /// Versions that have not reached the cell yet.
    pub(crate) versions: Vec<Node>,
}

/// A loop or `try` block: what is assigned in it may be seen after any of its statements.
#[derive(Debug)]
pub(crate) struct Region<'a> {
    pub(crate) joins: FxHashMap<&'a str, Node>,
}

#[derive(Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) kind: ScopeKind,
    pub(crate) owner: FuncId,
    /// The qualified name of what is defined here starts with this.
    pub(crate) prefix: String,
    pub(crate) bindings: FxHashMap<&'a str, Binding>,
    /// The current version of each variable.
    pub(crate) env: FxHashMap<&'a str, Node>,
    /// Former versions, to go back at the end of a branch.
    pub(crate) log: Vec<(&'a str, Option<Node>)>,
    pub(crate) regions: Vec<Region<'a>>,
    pub(crate) lambdas: u32,
    /// `global x` here: the name is the module's.
    pub(crate) globals: Vec<&'a str>,
}

impl<'a> Lowerer<'a> {
    pub(crate) fn push_scope(
        &mut self,
        kind: ScopeKind,
        owner: FuncId,
        bindings: &Bindings<'a>,
        prefix: String,
    ) {
        let mut map = FxHashMap::default();
        for name in &bindings.bound {
            if bindings.globals.contains(name) || bindings.nonlocals.contains(name) {
                continue;
            }
            let shared = self.shared.contains(name);
            map.entry(*name).or_insert_with(|| {
                let cell = Node(self.ir.nodes);
                self.ir.nodes += 1;
                Binding {
                    cell,
                    shared,
                    captured: false,
                    versions: Vec::new(),
                }
            });
        }
        self.scopes.push(Scope {
            kind,
            owner,
            prefix,
            bindings: map,
            env: FxHashMap::default(),
            log: Vec::new(),
            regions: Vec::new(),
            lambdas: 0,
            globals: bindings.globals.clone(),
        });
    }

    /// Binds the names of the module that only functions bind, by `global`: functions above these read them, too.
    pub(crate) fn bind_globals(&mut self, names: &[&'a str]) {
        for name in names {
            if self.scopes[0].bindings.contains_key(name) {
                continue;
            }
            let binding = Binding {
                cell: self.node(),
                shared: true,
                captured: true,
                versions: Vec::new(),
            };
            self.scopes[0].bindings.insert(name, binding);
        }
    }

    /// Closes the innermost scope; what others see of it has reached the cells.
    pub(crate) fn pop_scope(&mut self) -> Scope<'a> {
        let mut scope = self.scopes.pop().expect("a scope is open");
        let all = matches!(scope.kind, ScopeKind::Module | ScopeKind::Class(_));
        // A class is seen once its body has run: with the last version of each name.
        let is_class = matches!(scope.kind, ScopeKind::Class(_));
        let env = std::mem::take(&mut scope.env);
        let mut bindings: Vec<(&&str, &mut Binding)> = scope.bindings.iter_mut().collect();
        bindings.sort_unstable_by_key(|(_, binding)| binding.cell);
        for (name, binding) in bindings {
            if let (true, Some(last)) = (is_class, env.get(name)) {
                self.copy(*last, binding.cell);
                continue;
            }
            if all || binding.captured {
                for version in std::mem::take(&mut binding.versions) {
                    self.copy(version, binding.cell);
                }
            }
        }
        scope
    }

    /// The scope that binds `name` as seen from the innermost one; class scopes are seen only from within.
    fn resolve_scope(&self, name: &str) -> Option<usize> {
        let innermost = self.scopes.len().checked_sub(1)?;
        let mut direct = true;
        for index in (0..=innermost).rev() {
            let scope = &self.scopes[index];
            let visible = match scope.kind {
                ScopeKind::Class(_) => direct,
                _ => true,
            };
            if visible {
                if scope.globals.contains(&name) {
                    return self.scopes[0].bindings.contains_key(name).then_some(0);
                }
                if scope.bindings.contains_key(name) {
                    return Some(index);
                }
            }
            direct &= matches!(scope.kind, ScopeKind::Comprehension);
        }
        None
    }

    /// Whether the scopes between `index` and the innermost one all run as part of it.
    fn same_body(&self, index: usize) -> bool {
        self.scopes[index + 1..]
            .iter()
            .all(|scope| matches!(scope.kind, ScopeKind::Comprehension))
    }

    /// Whether versions of the variable are kept here.
    pub(crate) fn is_local(&self, name: &str) -> bool {
        self.resolve_scope(name).is_some_and(|index| {
            self.same_body(index)
                && self.scopes[index]
                    .bindings
                    .get(name)
                    .is_some_and(|binding| !binding.shared)
        })
    }

    /// The scope whose variable is read: what the body of a class has not bound yet is the module's, or a builtin.
    fn resolve_read(&self, name: &str) -> Option<usize> {
        let index = self.resolve_scope(name)?;
        let scope = &self.scopes[index];
        let is_early = matches!(scope.kind, ScopeKind::Class(_))
            && !scope.env.contains_key(name)
            && (scope.bindings.get(name)).is_some_and(|binding| !binding.shared);
        if is_early {
            return self.scopes[0].bindings.contains_key(name).then_some(0);
        }
        Some(index)
    }

    /// The values of a variable where it is read.
    pub(crate) fn read(&mut self, name: &'a str) -> Node {
        let Some(index) = self.resolve_read(name) else {
            if let Some(node) = self.free.get(name) {
                return *node;
            }
            let node = self.node();
            let sym = self.sym(name);
            self.ir.free.push((sym, node));
            self.free.insert(name, node);
            return node;
        };
        let same_body = self.same_body(index);
        let scope = &mut self.scopes[index];
        let binding = scope.bindings.get_mut(name).expect("the scope binds it");
        if same_body
            && !binding.shared
            && let Some(version) = scope.env.get(name)
        {
            return *version;
        }
        binding.captured = true;
        binding.cell
    }

    /// A new version of a variable.
    pub(crate) fn write(&mut self, name: &'a str, node: Node) {
        // A walrus in a comprehension binds in the function around it.
        let Some(index) = self.resolve_scope(name) else {
            return;
        };
        let node = if node.is_some() { node } else { self.node() };
        let same_body = self.same_body(index);
        let scope = &mut self.scopes[index];
        let binding = scope.bindings.get_mut(name).expect("the scope binds it");
        if binding.shared || !same_body {
            let cell = binding.cell;
            binding.captured = true;
            self.copy(node, cell);
            return;
        }
        binding.versions.push(node);
        let joins: Vec<Node> = scope
            .regions
            .iter()
            .filter_map(|region| region.joins.get(name).copied())
            .collect();
        self.set_version(index, name, node);
        for join in joins {
            self.copy(node, join);
        }
    }

    fn set_version(&mut self, index: usize, name: &'a str, node: Node) {
        let scope = &mut self.scopes[index];
        let former = scope.env.insert(name, node);
        scope.log.push((name, former));
    }

    /// The index of the scope that the current statements belong to.
    pub(crate) fn body_scope(&self) -> usize {
        (0..self.scopes.len())
            .rev()
            .find(|index| !matches!(self.scopes[*index].kind, ScopeKind::Comprehension))
            .unwrap_or(0)
    }

    pub(crate) fn mark(&self) -> usize {
        self.scopes[self.body_scope()].log.len()
    }

    /// Goes back to the versions at `mark`; returns the versions that were left, by name.
    pub(crate) fn roll_back(&mut self, mark: usize) -> Vec<(&'a str, Option<Node>)> {
        self.forget_items();
        let index = self.body_scope();
        let scope = &mut self.scopes[index];
        let mut left: Vec<(&'a str, Option<Node>)> = Vec::new();
        while scope.log.len() > mark {
            let Some((name, former)) = scope.log.pop() else {
                break;
            };
            if !left.iter().any(|(known, _)| *known == name) {
                left.push((name, scope.env.get(name).copied()));
            }
            match former {
                Some(node) => scope.env.insert(name, node),
                None => scope.env.remove(name),
            };
        }
        left
    }

    /// Joins the versions that several branches left. `falls` says that control may also pass by all of them.
    pub(crate) fn merge(&mut self, branches: &[Vec<(&'a str, Option<Node>)>], falls: bool) {
        let index = self.body_scope();
        let mut names: Vec<&'a str> = branches.iter().flatten().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let before = self.scopes[index].env.get(name).copied();
            let mut sources: Vec<Node> = Vec::new();
            let mut everywhere = true;
            for branch in branches {
                match branch.iter().find(|(known, _)| *known == name) {
                    Some((_, Some(node))) => sources.push(*node),
                    Some((_, None)) => {}
                    None => everywhere = false,
                }
            }
            if falls || !everywhere {
                sources.extend(before);
            }
            sources.sort_unstable();
            sources.dedup();
            let node = match sources[..] {
                [] => continue,
                [only] => only,
                _ => {
                    let node = self.node();
                    for source in sources {
                        self.copy(source, node);
                    }
                    node
                }
            };
            self.set_version(index, name, node);
        }
    }

    /// Opens a loop or `try` block that assigns `names`: each gets a node for all its versions.
    pub(crate) fn open_region(&mut self, names: &[&'a str]) {
        self.forget_items();
        let index = self.body_scope();
        let mut joins = FxHashMap::default();
        for name in names {
            let scope = &self.scopes[index];
            if scope
                .bindings
                .get(name)
                .is_none_or(|binding| binding.shared)
            {
                continue;
            }
            let before = scope.env.get(name).copied();
            let join = self.node();
            if let Some(before) = before {
                self.copy(before, join);
            }
            joins.insert(*name, join);
        }
        self.scopes[index].regions.push(Region { joins });
    }

    /// Sets every variable of the innermost region to the join of its versions.
    pub(crate) fn enter_joins(&mut self) {
        self.forget_items();
        let index = self.body_scope();
        let Some(region) = self.scopes[index].regions.last() else {
            return;
        };
        let mut joins: Vec<(&'a str, Node)> = region
            .joins
            .iter()
            .map(|(name, node)| (*name, *node))
            .collect();
        joins.sort_unstable();
        for (name, node) in joins {
            self.set_version(index, name, node);
        }
    }

    pub(crate) fn close_region(&mut self) {
        let index = self.body_scope();
        self.scopes[index].regions.pop();
    }
}
