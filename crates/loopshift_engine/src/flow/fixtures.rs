//! What a runner of tests calls: tests, and the fixtures whose results they get by the names of their parameters.

use rustc_hash::FxHashMap;

use super::value::Value;
use super::{Flow, MroEntry};
use crate::change::FileId;
use crate::externals::Collected;
use crate::ir::{
    ArgKind, CallForm, ClassId, FuncId, Key, Node, Param, ParamKind, ProtocolKind, Sym,
};

/// The last part of the name of a module whose fixtures are there for all modules beside and below it.
const SHARED: &str = "conftest";

/// The classes of tests.
const CASES: &[&str] = &["unittest.TestCase", "unittest.IsolatedAsyncioTestCase"];

/// What gives a test the values of its parameters.
const PARAMETRIZE: &str = "pytest.mark.parametrize";

/// For each module, by its name, the modules whose fixtures it gets without importing them.
pub(crate) fn in_reach(names: &[&str]) -> Vec<Vec<String>> {
    let shared: Vec<(&str, &str)> = names
        .iter()
        .filter_map(|name| Some((folder(name)?, *name)))
        .collect();
    let reach = |name: &&str| {
        let is_tests = is_of_tests(name) || folder(name).is_some();
        let above = shared.iter().filter(|_| is_tests);
        above
            .filter(|(folder, other)| name.starts_with(folder) && other != name)
            .map(|(_, other)| (*other).to_owned())
            .collect()
    };
    names.iter().map(reach).collect()
}

/// What stands before the names of all modules that get the fixtures of a shared one.
fn folder(module: &str) -> Option<&str> {
    let rest = module.strip_suffix(SHARED)?;
    (rest.is_empty() || rest.ends_with('.')).then_some(rest)
}

/// Whether a module is by its name one of tests.
fn is_of_tests(module: &str) -> bool {
    let last = module.rsplit('.').next().unwrap_or_default();
    last.starts_with("test_") || last.ends_with("_test")
}

struct Fixture {
    func: FuncId,
    name: Sym,
}

impl Flow<'_> {
    /// Finds what a runner of tests calls, and gives tests and fixtures what the fixtures give that they ask for.
    pub(super) fn collect_tests(&mut self) {
        self.make_cases();
        let fixtures = self.fixtures();
        for fixture in &fixtures {
            self.collected.insert(fixture.func, Collected::Fixture);
        }
        for index in 0..self.linked.functions.len() {
            let func = FuncId(u32::try_from(index).unwrap_or(u32::MAX));
            if self.is_test(func) {
                self.collected.entry(func).or_insert(Collected::Test);
            }
        }
        let mut by_name: FxHashMap<Sym, Vec<FuncId>> = FxHashMap::default();
        for fixture in &fixtures {
            by_name.entry(fixture.name).or_default().push(fixture.func);
        }
        let asking: Vec<FuncId> = self.collected.keys().copied().collect();
        let mut edges: Vec<(Node, Node)> = Vec::new();
        for func in asking {
            for param in &self.linked.functions[func.0 as usize].params {
                let found = by_name.get(&param.name).filter(|_| is_asked_for(param));
                for fixture in self.nearest(func, found.map_or(&[], Vec::as_slice)) {
                    let function = &self.linked.functions[fixture.0 as usize];
                    let given = if function.is_generator {
                        function.yields
                    } else {
                        function.ret
                    };
                    edges.push((given, param.node));
                }
            }
        }
        edges.sort_unstable();
        for (from, to) in edges {
            self.edge(from, to);
        }
        self.parametrize();
    }

    /// A runner makes objects of all classes of tests, also for the methods that they have from others.
    fn make_cases(&mut self) {
        let is_case = |flow: &Self, bases: &[MroEntry]| {
            bases.iter().any(|entry| match entry {
                MroEntry::External(sym) => CASES.contains(&flow.text(*sym)),
                MroEntry::Class(_) => false,
            })
        };
        let mut given: Vec<(Node, ClassId)> = Vec::new();
        for (index, bases) in self.mro.iter().enumerate() {
            if !is_case(self, bases) {
                continue;
            }
            let made = ClassId(u32::try_from(index).unwrap_or(u32::MAX));
            let mut methods: Vec<FuncId> = bases
                .iter()
                .filter_map(|entry| match entry {
                    MroEntry::Class(class) => Some(&self.linked.methods[class.0 as usize]),
                    MroEntry::External(_) => None,
                })
                .flatten()
                .copied()
                .collect();
            methods.sort_unstable();
            given.extend(methods.into_iter().filter_map(|func| {
                let function = &self.linked.functions[func.0 as usize];
                let first = function.params.first().filter(|_| !function.decorated)?;
                Some((first.node, made))
            }));
        }
        for (node, class) in given {
            self.add(node, Value::Instance(class));
        }
    }

    /// Gives tests the values that `parametrize` names for their parameters.
    fn parametrize(&mut self) {
        let calls = self.linked.call_files.iter().zip(&self.linked.calls);
        let mut found = Vec::new();
        for (file, call) in calls {
            let is_one = self.values_of(call.callee).any(
                |value| matches!(value, Value::External(sym) if self.text(sym) == PARAMETRIZE),
            );
            let [names, values, ..] = &*call.args else {
                continue;
            };
            let names = self.values_of(names.node).find_map(|value| match value {
                Value::Str(names) => Some(names),
                _ => None,
            });
            let (true, Some(names)) = (is_one, names) else {
                continue;
            };
            // The functions of a file stand together.
            let files = &self.linked.func_files;
            let start = files.partition_point(|of| of < file);
            let end = files.partition_point(|of| of <= file);
            let decorated = self.linked.functions[start..end]
                .iter()
                .filter(|function| {
                    function.range.contains_range(call.range)
                        && call.range.end() <= function.name_range.start()
                })
                .min_by_key(|function| function.range.len());
            let Some(function) = decorated else {
                continue;
            };
            let node = |name: &str| {
                let mut params = function.params.iter();
                let param = params.find(|param| self.text(param.name) == name.trim());
                param.map_or(Node::NONE, |param| param.node)
            };
            let nodes: Vec<Node> = self.text(names).split(',').map(node).collect();
            found.push((values.node, nodes));
        }
        for (values, nodes) in found {
            if let [one] = nodes[..] {
                self.add_protocol(ProtocolKind::Iter, values, one, FuncId::NONE);
                continue;
            }
            let row = self.new_node();
            self.add_protocol(ProtocolKind::Iter, values, row, FuncId::NONE);
            for (place, node) in nodes.into_iter().enumerate() {
                let key = i32::try_from(place).map_or(Key::Any, Key::Int);
                self.read_key(row, key, node);
            }
        }
    }

    /// The fixtures of a name that a function may get: those of its own module, else those of the nearest shared one.
    fn nearest(&self, func: FuncId, fixtures: &[FuncId]) -> Vec<FuncId> {
        let module = |func: FuncId| {
            let file: FileId = self.linked.func_files[func.0 as usize];
            &*self.linked.modules[file.0 as usize].name
        };
        let own = module(func);
        let nearness = |fixture: &FuncId| {
            let of = module(*fixture);
            if of == own {
                return usize::MAX;
            }
            let folder = folder(of).filter(|folder| own.starts_with(folder));
            // Any other one may have been imported or named as a plugin.
            folder.map_or(0, |folder| folder.len() + 1)
        };
        let others = || fixtures.iter().filter(|it| **it != func);
        let best = others().map(nearness).max();
        others()
            .filter(|it| Some(nearness(it)) == best)
            .copied()
            .collect()
    }

    /// The functions that a decorator makes fixtures.
    fn fixtures(&self) -> Vec<Fixture> {
        let calls = self.linked.call_files.iter().zip(&self.linked.calls);
        let named: Vec<_> = calls
            .clone()
            .filter(|(_, call)| call.form != CallForm::Decorator && self.is_fixture(call.callee))
            .filter_map(|(file, call)| {
                let arg = call.args.iter().find(|arg| match arg.kind {
                    ArgKind::Keyword(name) => self.text(name) == "name",
                    _ => false,
                })?;
                let name = self.values_of(arg.node).find_map(|value| match value {
                    Value::Str(name) => Some(name),
                    _ => None,
                })?;
                Some((*file, call.range, name))
            })
            .collect();
        let mut out = Vec::new();
        for (file, call) in calls {
            if call.form != CallForm::Decorator || !self.is_fixture(call.callee) {
                continue;
            }
            let given = named
                .iter()
                .find(|(of, range, _)| of == file && call.range.contains_range(*range));
            let first = call.args.first().map_or(Node::NONE, |arg| arg.node);
            for value in self.values_of(first) {
                let Value::Func(func) = value else { continue };
                let own = self.linked.functions[func.0 as usize].name();
                let name = given
                    .map(|it| it.2)
                    .or_else(|| self.linked.symbols.find(own));
                out.extend(name.map(|name| Fixture { func, name }));
            }
        }
        out
    }

    fn is_fixture(&self, callee: Node) -> bool {
        self.values_of(callee).any(|value| match value {
            Value::External(sym) => {
                self.externals.collected(self.text(sym)) == Some(Collected::Fixture)
            }
            _ => false,
        })
    }

    /// Whether a function is by its name and place a test.
    fn is_test(&self, func: FuncId) -> bool {
        let function = &self.linked.functions[func.0 as usize];
        let file = self.linked.func_files[func.0 as usize];
        let mut parts = function.qualname.rsplit('.');
        parts.next().is_some_and(|name| name.starts_with("test"))
            && parts.all(|class| class.starts_with("Test"))
            && (function.class.is_some() || !function.qualname.contains('.'))
            && is_of_tests(&self.linked.modules[file.0 as usize].name)
    }
}

/// Whether a parameter is one that a fixture can be for.
fn is_asked_for(param: &Param) -> bool {
    let by_name = matches!(param.kind, ParamKind::Positional | ParamKind::KeywordOnly);
    by_name && !param.has_default
}
