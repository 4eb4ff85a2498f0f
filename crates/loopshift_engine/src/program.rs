//! The program as a whole: from texts to an analysis that rules can ask.

use std::sync::OnceLock;

use loopshift_python::ast::statement_visitor::{StatementVisitor, walk_stmt};
use loopshift_python::ast::{PythonVersion, Stmt};
use loopshift_python::forest::Forest;
use loopshift_python::parse::{line_starts, parse_module};
use loopshift_python::{TextRange, TextSize};
use memchr::memmem;
use rayon::prelude::*;
use rustc_hash::FxHashSet;

use crate::change::{FileId, Place};
use crate::externals::Externals;
use crate::flow::value::Value;
use crate::flow::{Flow, Target, solve};
use crate::graph;
use crate::ir::{Call, ClassId, FuncId, Function, FunctionKind, ModuleIr, Node};
use crate::link::{Unlinked, link};
use crate::lower::{ModuleName, lower};
use crate::objects;
use crate::outline::Outline;
use crate::relevance::{add_fixtures, in_contact, rough_outlines};

pub use crate::callers::{ByName, CallSite, Callers, imports_by_name, strings_given};

/// A file as the engine takes it.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// Its path, for messages and results.
    pub path: String,
    /// The dotted name of the module. Empty for a file of the project that is no Python (`pyproject.toml`): it takes no part
    /// in the analysis, and edits of it replace text.
    pub module: String,
    /// Whether it is an `__init__.py`.
    pub is_package: bool,
    /// The decoded text.
    pub text: String,
    /// For each line of a text that was written here the line, from 1, of the one that people have before them: messages
    /// name that. None where it is the same text.
    pub lines: Option<Vec<usize>>,
}

impl Input {
    pub(crate) fn name(&self) -> ModuleName<'_> {
        ModuleName {
            name: &self.module,
            is_package: self.is_package,
        }
    }

    /// Whether this is Python, and not another file of the project.
    pub fn is_python(&self) -> bool {
        !self.module.is_empty()
    }
}

/// A file that could not be read as Python.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// The file.
    pub file: FileId,
    /// Line, column and what is wrong.
    pub error: loopshift_python::parse::SyntaxError,
}

/// Where the lines of each file start, found out when somebody asks.
pub struct Lines<'a> {
    files: &'a [Input],
    starts: Vec<OnceLock<Vec<TextSize>>>,
}

impl<'a> Lines<'a> {
    /// For these files.
    pub fn new(files: &'a [Input]) -> Self {
        let starts = files.iter().map(|_| OnceLock::new()).collect();
        Lines { files, starts }
    }

    /// The line of a place, from 1, that messages name.
    pub fn line(&self, place: Place) -> usize {
        let file = place.file.0 as usize;
        let new = || line_starts(&self.files[file].text);
        let starts = self.starts[file].get_or_init(new);
        let line = starts.partition_point(|start| *start <= place.range.start());
        let known = self.files[file].lines.as_ref();
        known.map_or(line, |lines| lines.get(line - 1).copied().unwrap_or(line))
    }
}

/// An analysed program.
pub struct Program<'a> {
    /// The files, by [`FileId`].
    pub files: &'a [Input],
    /// The values and calls.
    pub flow: Flow<'a>,
    /// Files that could not be parsed: their code takes no part.
    pub unreadable: Vec<Unreadable>,
    /// How many functions all files have, also those that are only parsed.
    pub counts: Counts,
    /// The functions of each file.
    function_ranges: Vec<Forest>,
    lines: Lines<'a>,
    /// What each call may reach.
    targets: Grouped<Target>,
    /// The written calls, by file and start.
    calls_by_start: OnceLock<Vec<u32>>,
    /// The written calls, by who makes them.
    written_by_owner: OnceLock<Vec<u32>>,
    /// The hidden calls, by who makes them.
    hidden_by_owner: OnceLock<Vec<u32>>,
    pub(crate) held: OnceLock<objects::Index>,
    /// The functions that calls hand to code which neither the engine nor the catalog knows.
    pub(crate) handed: OnceLock<FxHashSet<FuncId>>,
}

/// Lists, one for each of some numbers in a row.
#[derive(Debug)]
struct Grouped<T> {
    items: Vec<T>,
    /// Where each list ends.
    ends: Vec<u32>,
}

impl<T> Grouped<T> {
    fn new(lists: impl Iterator<Item = Vec<T>>) -> Self {
        let mut items = Vec::new();
        let ends = lists.map(|list| {
            items.extend(list);
            u32::try_from(items.len()).unwrap_or(u32::MAX)
        });
        Grouped {
            ends: ends.collect(),
            items,
        }
    }

    fn concat(parts: Vec<Self>) -> Self {
        let mut out = Grouped {
            items: Vec::with_capacity(parts.iter().map(|it| it.items.len()).sum()),
            ends: Vec::with_capacity(parts.iter().map(|it| it.ends.len()).sum()),
        };
        for part in parts {
            let before = u32::try_from(out.items.len()).unwrap_or(u32::MAX);
            out.ends.extend(part.ends.iter().map(|end| before + end));
            out.items.extend(part.items);
        }
        out
    }

    fn get(&self, index: usize) -> &[T] {
        let Some(end) = self.ends.get(index) else {
            return &[];
        };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.items[start as usize..*end as usize]
    }
}

/// Numbers of functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// `def` and `async def`.
    pub functions: usize,
    /// `async def` alone.
    pub async_functions: usize,
}

impl Counts {
    fn add(&mut self, is_async: bool) {
        self.functions += 1;
        self.async_functions += usize::from(is_async);
    }

    fn of_facts(ir: &ModuleIr) -> Self {
        let mut counts = Counts::default();
        for function in &ir.functions {
            if function.kind == FunctionKind::Def {
                counts.add(function.is_async);
            }
        }
        counts
    }
}

impl StatementVisitor<'_> for Counts {
    fn visit_stmt(&mut self, stmt: &Stmt) {
        if let Stmt::FunctionDef(def) = stmt {
            self.add(def.is_async);
        }
        walk_stmt(self, stmt);
    }
}

/// The libraries that a program is looked through for, by words without which a file can't name them.
#[derive(Clone, Copy, Debug)]
pub struct Named<'w> {
    /// Values are followed in the files that name one of these, and in all that are in contact with one that does.
    pub followed: &'w [&'w str],
    /// Values are followed in the files that name one of these.
    pub alone: &'w [&'w str],
    /// Whether the other files are parsed, for [`Program::unreadable`] and [`Program::counts`].
    pub all_parsed: bool,
}

impl Named<'_> {
    /// Whether a text names a library, of the first kind and of the second.
    fn mentions(&self, text: &str) -> (bool, bool) {
        let has = |words: &[&str]| {
            let mut words = words.iter();
            words.any(|word| memmem::find(text.as_bytes(), word.as_bytes()).is_some())
        };
        (has(self.followed), has(self.alone))
    }
}

/// Analyses the files. The order of `inputs` gives the file numbers; the result does not depend on threads.
pub fn analyse<'a>(
    inputs: &'a [Input],
    version: PythonVersion,
    externals: &'a dyn Externals,
) -> Program<'a> {
    analyse_near(inputs, version, externals, None)
}

/// As [`analyse`], but follows values only in modules that can have to do with the libraries; see [`crate::relevance`]. The
/// others are only parsed.
pub fn analyse_for<'a>(
    inputs: &'a [Input],
    version: PythonVersion,
    externals: &'a dyn Externals,
    libraries: Named<'_>,
) -> Program<'a> {
    analyse_near(inputs, version, externals, Some(libraries))
}

fn analyse_near<'a>(
    inputs: &'a [Input],
    version: PythonVersion,
    externals: &'a dyn Externals,
    libraries: Option<Named<'_>>,
) -> Program<'a> {
    let mentions: Option<Vec<(bool, bool)>> = libraries.map(|libraries| {
        let mentions = inputs.par_iter();
        mentions
            .map(|input| libraries.mentions(&input.text))
            .collect()
    });
    let near = |outlines: &[Outline]| -> Option<Vec<bool>> {
        let mentions = mentions.as_ref()?;
        let names: Vec<&str> = inputs.iter().map(|input| &*input.module).collect();
        let followed: Vec<bool> = mentions.iter().map(|it| it.0).collect();
        let mut near = in_contact(&names, outlines, &followed);
        for (near, (_, alone)) in near.iter_mut().zip(mentions) {
            *near |= alone;
        }
        Some(near)
    };
    // First by what the texts seem to import, so that most need not be lowered.
    let outlines = libraries.map_or_else(Vec::new, |_| rough_outlines(inputs, version));
    let may_be_near = near(&outlines);
    let lowered: Vec<_> = inputs
        .par_iter()
        .enumerate()
        .map(|(index, input)| {
            let is_wanted = may_be_near.as_ref().is_none_or(|near| near[index]);
            // Other files of the project hold no code.
            let is_parsed = is_wanted || libraries.is_none_or(|it| it.all_parsed);
            let is_code = input.is_python() && is_parsed;
            let text = if is_code { &input.text } else { "" };
            let (ir, counts, error) = match parse_module(text, version) {
                Ok(parsed) if is_wanted => {
                    let ir = lower(parsed.syntax(), text, input.name());
                    let counts = Counts::of_facts(&ir);
                    (ir, counts, None)
                }
                Ok(parsed) => {
                    let mut counts = Counts::default();
                    counts.visit_body(&parsed.syntax().body);
                    (empty(), counts, None)
                }
                Err(error) => (empty(), Counts::default(), Some(error)),
            };
            let unlinked = Unlinked {
                name: input.module.clone(),
                is_package: input.is_package,
                ir,
            };
            (unlinked, counts, error)
        })
        .collect();
    let mut modules: Vec<Unlinked> = Vec::with_capacity(lowered.len());
    let mut unreadable = Vec::new();
    let mut counts = Counts::default();
    for (index, (module, of_module, error)) in lowered.into_iter().enumerate() {
        modules.push(module);
        counts.functions += of_module.functions;
        counts.async_functions += of_module.async_functions;
        if let Some(error) = error {
            unreadable.push(Unreadable {
                file: file_id(index),
                error,
            });
        }
    }
    if may_be_near.is_some() {
        let outlines = modules.par_iter();
        let mut outlines: Vec<Outline> = outlines.map(|it| Outline::of_facts(&it.ir)).collect();
        add_fixtures(inputs, &mut outlines);
        let near = near(&outlines).unwrap_or_default();
        for (module, near) in modules.iter_mut().zip(near) {
            if !near {
                module.ir = empty();
            }
        }
    }
    let flow = solve(link(modules), externals);
    Program {
        files: inputs,
        counts,
        function_ranges: function_ranges(&flow),
        targets: targets(&flow),
        lines: Lines::new(inputs),
        calls_by_start: OnceLock::new(),
        written_by_owner: OnceLock::new(),
        hidden_by_owner: OnceLock::new(),
        held: OnceLock::new(),
        handed: OnceLock::new(),
        flow,
        unreadable,
    }
}

/// What each call may reach, without what it may reach twice.
fn targets(flow: &Flow<'_>) -> Grouped<Target> {
    const CHUNK: usize = 4096;
    let chunks = flow.linked.calls.par_chunks(CHUNK);
    let parts: Vec<Grouped<Target>> = chunks
        .map(|calls| {
            let of_call = |call: &Call| {
                let values = flow.values_of(call.callee);
                let mut list: Vec<Target> = values
                    .flat_map(|value| graph::callees(flow, value))
                    .collect();
                list.sort_unstable();
                list.dedup();
                list
            };
            Grouped::new(calls.iter().map(of_call))
        })
        .collect();
    Grouped::concat(parts)
}

/// The functions of each file, by their ranges.
fn function_ranges(flow: &Flow<'_>) -> Vec<Forest> {
    let linked = &flow.linked;
    let mut ranges: Vec<Vec<(u32, TextRange)>> = vec![Vec::new(); linked.modules.len()];
    let functions = linked.functions.iter().zip(&linked.func_files);
    for (id, (function, file)) in (0..).zip(functions) {
        ranges[file.0 as usize].push((id, function.range));
    }
    ranges.into_iter().map(Forest::new).collect()
}

/// The facts of a module without code.
fn empty() -> ModuleIr {
    let parsed = parse_module("", PythonVersion::default()).expect("nothing is good Python");
    lower(
        parsed.syntax(),
        "",
        ModuleName {
            name: "",
            is_package: false,
        },
    )
}

fn file_id(index: usize) -> FileId {
    FileId(u32::try_from(index).unwrap_or(u32::MAX))
}

impl<'a> Program<'a> {
    /// A file.
    pub fn file(&self, file: FileId) -> &'a Input {
        &self.files[file.0 as usize]
    }

    /// The text at a place.
    pub fn text(&self, place: Place) -> &'a str {
        let text = &self.file(place.file).text;
        &text[place.range.start().to_usize()..place.range.end().to_usize()]
    }

    /// The line of a place, from 1, that messages name.
    pub fn line(&self, place: Place) -> usize {
        self.lines.line(place)
    }

    /// The node of the expression with exactly this range.
    pub fn node_at(&self, place: Place) -> Node {
        let exprs = &self.flow.linked.modules[place.file.0 as usize].exprs;
        let key = (place.range.start(), place.range.end());
        exprs
            .binary_search_by_key(&key, |(range, _)| (range.start(), range.end()))
            .map_or(Node::NONE, |index| exprs[index].1)
    }

    /// What the expression with exactly this range may be. Assignment targets, parameter names and import
    /// aliases count as expressions here.
    pub fn values_at(&self, place: Place) -> impl Iterator<Item = Value> + '_ {
        self.flow.values_of(self.node_at(place))
    }

    /// The one external API that the expression is, if it is one and nothing else: `asyncio.sleep`, or
    /// `asyncio.Queue.put` for a method of an object.
    pub fn api_at(&self, place: Place) -> Option<&str> {
        let mut found = None;
        for value in self.values_at(place) {
            let (Value::External(sym) | Value::ExternalBound(sym, _)) = value else {
                return None;
            };
            let name = self.flow.text(sym);
            if found.is_some_and(|known| known != name) {
                return None;
            }
            found = Some(name);
        }
        found
    }

    /// The calls that stand in the text, with their files, in the order of the files and, within one, of lowering.
    pub fn calls(&self) -> impl ExactSizeIterator<Item = (FileId, &Call)> {
        let linked = &self.flow.linked;
        linked.call_files.iter().copied().zip(&linked.calls)
    }

    /// The calls that the language makes by itself, as `with` calls `__enter__`; their owners are who makes them.
    pub fn hidden_calls(&self) -> impl Iterator<Item = &Call> {
        let linked = &self.flow.linked;
        linked.calls.iter().skip(linked.call_files.len())
    }

    /// The calls that stand within a place.
    pub fn calls_within(&self, place: Place) -> impl Iterator<Item = &Call> {
        let linked = &self.flow.linked;
        let start = |index: &u32| {
            let index = *index as usize;
            (linked.call_files[index], linked.calls[index].range.start())
        };
        let by_start = self.calls_by_start.get_or_init(|| {
            let mut list: Vec<u32> = (0..).take(linked.call_files.len()).collect();
            list.sort_by_key(start);
            list
        });
        let from = by_start.partition_point(|it| start(it) < (place.file, place.range.start()));
        let to = by_start.partition_point(|it| start(it) <= (place.file, place.range.end()));
        by_start[from..to]
            .iter()
            .map(|index| &linked.calls[*index as usize])
            .filter(move |call| place.range.contains_range(call.range))
    }

    /// The calls that stand in the text of a function, in the order of lowering.
    pub fn calls_of(&self, owner: FuncId) -> impl Iterator<Item = &Call> {
        let written = self.flow.linked.call_files.len();
        let by_owner = self
            .written_by_owner
            .get_or_init(|| self.by_owner(0, written));
        self.owned(by_owner, owner)
    }

    /// The hidden calls that a function makes.
    pub fn hidden_calls_of(&self, owner: FuncId) -> impl Iterator<Item = &Call> {
        let linked = &self.flow.linked;
        let (written, all) = (linked.call_files.len(), linked.calls.len());
        let by_owner = self
            .hidden_by_owner
            .get_or_init(|| self.by_owner(written, all));
        self.owned(by_owner, owner)
    }

    /// Calls by who makes them.
    fn by_owner(&self, from: usize, to: usize) -> Vec<u32> {
        let mut list: Vec<u32> = (0..).take(to).skip(from).collect();
        list.sort_by_key(|index| self.owner_of(*index));
        list
    }

    fn owner_of(&self, call: u32) -> FuncId {
        self.flow.linked.calls[call as usize].owner
    }

    fn owned<'p>(
        &'p self,
        by_owner: &'p [u32],
        owner: FuncId,
    ) -> impl Iterator<Item = &'p Call> + use<'p, 'a> {
        let from = by_owner.partition_point(|it| self.owner_of(*it) < owner);
        let to = by_owner.partition_point(|it| self.owner_of(*it) <= owner);
        by_owner[from..to]
            .iter()
            .map(|index| &self.flow.linked.calls[*index as usize])
    }

    /// What a call of the program may reach: functions of ours and external APIs.
    pub fn callees(&self, call: &Call) -> &[Target] {
        let index = self.flow.linked.calls.element_offset(call);
        index.map_or(&[], |index| self.targets.get(index))
    }

    /// A function.
    pub fn function(&self, func: FuncId) -> &Function {
        &self.flow.linked.functions[func.0 as usize]
    }

    /// The `for` and `while` statements around a place in a function, in it and in the functions around it.
    pub fn loops_around(&self, owner: FuncId, place: Place) -> impl Iterator<Item = TextRange> {
        let known = |func: FuncId| (func != FuncId::NONE).then_some(func);
        let parent = move |func: &FuncId| known(self.function(*func).parent);
        std::iter::successors(known(owner), parent)
            .flat_map(|func| self.function(func).loops.iter().copied())
            .filter(move |range| range.contains_range(place.range))
    }

    /// The file of a function.
    pub fn function_file(&self, func: FuncId) -> FileId {
        self.flow.linked.func_files[func.0 as usize]
    }

    /// All functions.
    pub fn functions(&self) -> impl Iterator<Item = FuncId> + use<> {
        let count = self.flow.linked.functions.len();
        (0..u32::try_from(count).unwrap_or(u32::MAX)).map(FuncId)
    }

    /// The innermost function whose definition holds the range; the module body where none does.
    pub fn function_at(&self, place: Place) -> FuncId {
        let file = place.file.0 as usize;
        let mut around = self.function_ranges[file].around(place.range.start());
        around
            .find(|(_, range)| range.contains_range(place.range))
            .map_or(self.flow.linked.modules[file].body, |(id, _)| FuncId(id))
    }

    /// The name of a function: `pkg.mod.Class.method`.
    pub fn qualified_name(&self, func: FuncId) -> String {
        graph::qualified_name(&self.flow, func)
    }

    /// The functions in the body of a class.
    pub fn methods(&self, class: ClassId) -> &[FuncId] {
        &self.flow.linked.methods[class.0 as usize]
    }

    /// The calls, written or made by libraries, that may reach each function.
    pub fn callers(&self) -> Callers {
        Callers::new(self)
    }

    /// The class, with its file.
    pub fn class(&self, class: ClassId) -> (FileId, &crate::ir::Class) {
        let linked = &self.flow.linked;
        (
            linked.class_files[class.0 as usize],
            &linked.classes[class.0 as usize],
        )
    }
}

/// A place in a file.
pub fn place(file: FileId, range: TextRange) -> Place {
    Place { file, range }
}
