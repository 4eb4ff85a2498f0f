//! The program as a whole: from texts to an analysis that rules can ask.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use loopshift_python::ast::statement_visitor::{StatementVisitor, walk_stmt};
use loopshift_python::ast::{PythonVersion, Stmt};
use loopshift_python::forest::Forest;
use loopshift_python::parse::{line_starts, parse_module};
use loopshift_python::{TextRange, TextSize};
use memchr::memmem;
use rayon::prelude::*;

use crate::change::{FileId, Place};
use crate::externals::Externals;
use crate::facts::CALLERS;
use crate::flow::fixtures;
use crate::flow::library::passes_on;
use crate::flow::value::Value;
use crate::flow::{Flow, MroEntry, Target, solve};
use crate::graph;
use crate::ir::{Call, ClassId, FuncId, Function, FunctionKind, ModuleIr, Node};
use crate::link::{Unlinked, link};
use crate::lower::{ModuleName, lower};
use crate::outline::Outline;
use crate::relevance::in_contact;

/// A file as the engine takes it.
#[derive(Clone, Debug)]
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
}

impl Input {
    fn name(&self) -> ModuleName<'_> {
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

    /// The line of a place, from 1.
    pub fn line(&self, place: Place) -> usize {
        let file = place.file.0 as usize;
        let new = || line_starts(&self.files[file].text);
        let starts = self.starts[file].get_or_init(new);
        starts.partition_point(|start| *start <= place.range.start())
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
    /// The written calls, by file and start.
    calls_by_start: OnceLock<Vec<u32>>,
    /// The hidden calls, by who makes them.
    hidden_by_owner: OnceLock<Vec<u32>>,
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
    /// Whether modules of tests are in contact with those whose fixtures they get without importing them.
    pub fixtures: bool,
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
    let add_fixtures = |outlines: &mut [Outline]| {
        if !libraries.is_some_and(|libraries| libraries.fixtures) {
            return;
        }
        let names: Vec<&str> = inputs.iter().map(|input| &*input.module).collect();
        for (outline, more) in outlines.iter_mut().zip(fixtures::in_reach(&names)) {
            outline.imports.extend(more);
        }
    };
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
    let outlines = inputs.par_iter();
    let mut outlines: Vec<Outline> = match libraries {
        Some(_) => outlines.map(|it| rough_outline(it, version)).collect(),
        None => Vec::new(),
    };
    add_fixtures(&mut outlines);
    let may_be_near = near(&outlines);
    let lowered: Vec<_> = inputs
        .par_iter()
        .enumerate()
        .map(|(index, input)| {
            let is_wanted = may_be_near.as_ref().is_none_or(|near| near[index]);
            // Other files of the project hold no code.
            let text = if input.is_python() { &input.text } else { "" };
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
        add_fixtures(&mut outlines);
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
        lines: Lines::new(inputs),
        calls_by_start: OnceLock::new(),
        hidden_by_owner: OnceLock::new(),
        flow,
        unreadable,
    }
}

/// A package whose text is longer is taken to bind something.
const SMALL_PACKAGE: usize = 4096;

/// What a file seems to import, and whether it binds anything.
fn rough_outline(input: &Input, version: PythonVersion) -> Outline {
    if !input.is_python() {
        return Outline::default();
    }
    let is_small_package = input.is_package && input.text.len() <= SMALL_PACKAGE;
    let rough = Outline::of_text(&input.text, input.name());
    if let Some(rough) = rough.filter(|_| !is_small_package) {
        return rough;
    }
    parse_module(&input.text, version).map_or_else(
        |_| Outline::default(),
        |parsed| Outline::of_facts(&lower(parsed.syntax(), &input.text, input.name())),
    )
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

    /// The line of a place, from 1.
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

    /// The hidden calls that a function makes.
    pub fn hidden_calls_of(&self, owner: FuncId) -> impl Iterator<Item = &Call> {
        let linked = &self.flow.linked;
        let of_owner = |index: &u32| linked.calls[*index as usize].owner;
        let by_owner = self.hidden_by_owner.get_or_init(|| {
            let written = linked.call_files.len();
            let mut list: Vec<u32> = (0..).take(linked.calls.len()).skip(written).collect();
            list.sort_by_key(of_owner);
            list
        });
        let from = by_owner.partition_point(|it| of_owner(it) < owner);
        let to = by_owner.partition_point(|it| of_owner(it) <= owner);
        by_owner[from..to]
            .iter()
            .map(|index| &linked.calls[*index as usize])
    }

    /// What the call may reach: functions of ours and external APIs.
    pub fn callees(&self, call: &Call) -> Vec<Target> {
        let mut targets: Vec<Target> = self
            .flow
            .values_of(call.callee)
            .flat_map(|value| graph::callees(&self.flow, value))
            .collect();
        targets.sort_unstable();
        targets.dedup();
        targets
    }

    /// A function.
    pub fn function(&self, func: FuncId) -> &Function {
        &self.flow.linked.functions[func.0 as usize]
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

/// Who calls whom, from the side of the callee.
#[derive(Debug, Default)]
pub struct Callers {
    by_function: Vec<Vec<CallSite>>,
    unseen: Vec<bool>,
    /// The functions in which the language calls each, as `with` calls `__enter__`.
    language: Vec<Vec<FuncId>>,
}

/// A call of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallSite {
    /// The call expression; for a callback the call of the library that was given the function.
    pub place: Place,
    /// Who calls; [`FuncId::NONE`] for a library.
    pub owner: FuncId,
    /// Whether the function is the only thing that this call may reach.
    pub only: bool,
}

/// What code that we cannot see gets as a whole, and may find functions in.
#[derive(Default)]
struct Handed {
    /// Classes: themselves, or objects of them.
    classes: BTreeSet<ClassId>,
    /// Files whose names somebody asks for: `globals()`.
    files: BTreeSet<FileId>,
}

impl Handed {
    /// The functions that may be found there: methods with a public name, of bases too, and functions of modules.
    fn functions(&self, program: &Program<'_>) -> BTreeSet<FuncId> {
        let linked = &program.flow.linked;
        let classes = linked
            .class_files
            .iter()
            .enumerate()
            .filter_map(|(index, file)| {
                let class = ClassId(u32::try_from(index).unwrap_or(u32::MAX));
                (self.files.contains(file) || self.classes.contains(&class)).then_some(class)
            });
        let mut out: BTreeSet<FuncId> = classes
            .flat_map(|class| &program.flow.mro[class.0 as usize])
            .filter_map(|entry| match entry {
                MroEntry::Class(class) => Some(program.methods(*class)),
                MroEntry::External(_) => None,
            })
            .flatten()
            .copied()
            .collect();
        for (index, file) in linked.func_files.iter().enumerate() {
            if self.files.contains(file) && linked.functions[index].class.is_none() {
                out.insert(FuncId(u32::try_from(index).unwrap_or(u32::MAX)));
            }
        }
        out.retain(|func| {
            let function = program.function(*func);
            function.kind == FunctionKind::Def && !function.name().starts_with('_')
        });
        out
    }
}

impl Callers {
    fn new(program: &Program<'_>) -> Self {
        let flow = &program.flow;
        let count = flow.linked.functions.len();
        let mut by_function: Vec<Vec<CallSite>> = vec![Vec::new(); count];
        let mut unseen = vec![false; count];
        let mut language: Vec<Vec<FuncId>> = vec![Vec::new(); count];
        let mut handed = Handed::default();
        for (index, call) in flow.linked.calls.iter().enumerate() {
            let targets = program.callees(call);
            let index = crate::flow::value::CallId(u32::try_from(index).unwrap_or(u32::MAX));
            let written = flow.written(index).0 as usize;
            let Some(file) = flow.linked.call_files.get(written) else {
                for target in targets {
                    let Target::Func(func) = target else { continue };
                    if call.owner == FuncId::NONE {
                        unseen[func.0 as usize] = true;
                    } else {
                        language[func.0 as usize].push(call.owner);
                    }
                }
                continue;
            };
            let place = Place {
                file: *file,
                range: call.range,
            };
            for target in &targets {
                if let Target::Func(func) = target {
                    by_function[func.0 as usize].push(CallSite {
                        place,
                        owner: call.owner,
                        only: targets.len() == 1 && flow.set(call.callee).len() == 1,
                    });
                }
            }
            let asks_for_names = |target: &Target| match target {
                Target::External(sym) => flow.text(*sym) == "<builtin>.globals",
                Target::Func(_) => false,
            };
            if targets.iter().any(asks_for_names) {
                handed.files.insert(*file);
            }
            // What is handed to code we cannot see may be called by it.
            let opaque = flow.values_of(call.callee).any(|value| match value {
                Value::Unknown(_) => true,
                Value::External(sym) | Value::ExternalBound(sym, _) => {
                    let name = flow.text(sym);
                    // A partial is followed as a value of its own.
                    !name.starts_with("<builtin>.")
                        && !passes_on(name)
                        && !CALLERS.contains(&name)
                        && flow.externals.collected(name).is_none()
                        && flow.externals.api(name).is_none_or(|api| api.escapes)
                }
                Value::Object(..) => true,
                _ => false,
            });
            if opaque {
                for arg in &call.args {
                    for value in flow.values_of(arg.node) {
                        match value {
                            Value::Func(func) | Value::Bound(func, _) => {
                                unseen[func.0 as usize] = true;
                            }
                            Value::Class(class) | Value::Instance(class) => {
                                handed.classes.insert(class);
                            }
                            _ => {}
                        }
                    }
                }
            }
        }
        for func in handed.functions(program) {
            // Where calls are seen, these are taken for all there are.
            if by_function[func.0 as usize].is_empty() && language[func.0 as usize].is_empty() {
                unseen[func.0 as usize] = true;
            }
        }
        for sites in &mut by_function {
            sites.sort_unstable();
            sites.dedup();
        }
        for owners in &mut language {
            owners.sort_unstable();
            owners.dedup();
        }
        Callers {
            by_function,
            unseen,
            language,
        }
    }

    /// The calls that may reach the function.
    pub fn of(&self, func: FuncId) -> &[CallSite] {
        &self.by_function[func.0 as usize]
    }

    /// Whether code that we cannot see may call the function, too, because it was handed to it, or the language does.
    pub fn is_handed_over(&self, func: FuncId) -> bool {
        self.is_unseen(func) || !self.by_language(func).is_empty()
    }

    /// Whether code that we cannot see may call the function because it was handed to it.
    pub fn is_unseen(&self, func: FuncId) -> bool {
        self.unseen[func.0 as usize]
    }

    /// The functions in which the language calls this one: by `with`, `for`, an operator, a property.
    pub fn by_language(&self, func: FuncId) -> &[FuncId] {
        &self.language[func.0 as usize]
    }
}

/// A place in a file.
pub fn place(file: FileId, range: TextRange) -> Place {
    Place { file, range }
}
