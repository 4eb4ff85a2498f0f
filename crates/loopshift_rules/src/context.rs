//! What a rule sees: the analysed program, the trees of the files it may edit, and the project's settings.

use std::any::{Any, TypeId};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use loopshift_engine::change::{FileId, Place};
use loopshift_engine::facts::Facts;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::link::Module;
use loopshift_engine::program::{Callers, Input, Program};
use loopshift_engine::uses::Use;
use loopshift_python::ast::{self, AnyNodeRef, Expr, ExprCall, ExprRef};
use loopshift_python::brackets;
use loopshift_python::tree::Tree;
use loopshift_python::{ParsedModule, PythonVersion, Ranged, TextRange};
use memchr::memmem;
use rustc_hash::FxHashMap;

use crate::catalog::{Api, Argument, BindError, Catalog, Target, Version};
use crate::part::Part;
use crate::recipe::Recipe;
use crate::views::{Asked, LazyScopes, Trees};

/// How what blocks and what can't be async meets the event loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bridge {
    /// A function of the target takes the place of a call that blocks, or a thread where there is none.
    #[default]
    Auto,
    /// All calls that block run in threads.
    Thread,
    /// Nothing runs in a thread: what would have to stays.
    None,
}

/// What the project allows.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The oldest Python.
    pub python: PythonVersion,
    /// The oldest `AnyIO`.
    pub anyio: Version,
    /// What runs in threads.
    pub bridge: Bridge,
    /// Whether changes are wanted that may differ in a way that is named: the plainest form, where there are several.
    pub plain: bool,
    /// Whether the program goes on to `AnyIO` from there.
    pub through: bool,
}

impl Settings {
    /// Whether the oldest Python has what came with this version.
    pub fn python_has(&self, major: u8, minor: u8) -> bool {
        self.python >= PythonVersion { major, minor }
    }
}

/// The tree of one file.
pub struct View<'v> {
    /// The file.
    pub file: FileId,
    /// Its text.
    pub source: &'v str,
    /// The parsed text.
    pub parsed: &'v ParsedModule,
    /// Who holds whom.
    pub tree: Tree<'v>,
    /// Its scopes.
    pub scopes: LazyScopes<'v>,
    rest: &'v dyn Asked,
}

impl<'v> View<'v> {
    /// The view of a parsed file.
    pub(crate) fn new(
        file: FileId,
        source: &'v str,
        parsed: &'v ParsedModule,
        rest: &'v dyn Asked,
    ) -> Self {
        View {
            file,
            source,
            parsed,
            tree: Tree::new(parsed.syntax()),
            scopes: LazyScopes(rest),
            rest,
        }
    }

    /// Whether a block can be put around the statements of `range`.
    ///
    /// # Errors
    /// The reason where it can't.
    pub fn can_wrap(&self, range: TextRange) -> Result<(), &'static str> {
        self.rest.wrapping().check(&self.tree, range)
    }

    /// The text at a range.
    pub fn text(&self, range: TextRange) -> &'v str {
        &self.source[range.start().to_usize()..range.end().to_usize()]
    }

    /// The place of a node of this file.
    pub fn place(&self, node: impl Ranged) -> Place {
        Place {
            file: self.file,
            range: node.range(),
        }
    }

    /// What stands before the dot, the index or the arguments of an expression, with the brackets around it; nothing, at its
    /// start, where it has none of these.
    pub fn object<'e>(&self, expr: impl Into<ExprRef<'e>>) -> TextRange {
        let expr = expr.into();
        let object = brackets::object(self.parsed.tokens(), expr);
        object.map_or(TextRange::empty(expr.start()), |(_, range)| range)
    }

    /// The call whose callee is the expression with this range.
    pub fn call_of(&self, callee: TextRange) -> Option<&'v ExprCall> {
        let expr = self.tree.expr_at(callee)?;
        match self.tree.parent(expr)? {
            AnyNodeRef::ExprCall(call) if call.func.range() == callee => Some(call),
            _ => None,
        }
    }

    /// The `await` around an expression, where that is what is awaited.
    pub fn await_of(&self, expr: TextRange) -> Option<&'v ast::ExprAwait> {
        let expr = self.tree.expr_at(expr)?;
        match self.tree.parent(expr)? {
            AnyNodeRef::ExprAwait(await_) => Some(await_),
            _ => None,
        }
    }

    /// Whether the range is in the body of an `async def`, where `await` may stand.
    pub fn is_async(&self, range: TextRange) -> bool {
        self.tree
            .enclosing_function(range)
            .is_some_and(loopshift_python::tree::FunctionLike::is_async)
    }

    /// Whether the expression is a name as imported, or a dotted name that starts with one: renaming it there is
    /// all that a rename needs. A variable that holds the API is not.
    pub fn is_direct(&self, expr: &Expr) -> bool {
        let mut head = expr;
        while let Expr::Attribute(attribute) = head {
            head = &attribute.value;
        }
        let Expr::Name(name) = head else { return false };
        let scope = self.scopes.at(name.range.start());
        let Some(scope) = self.scopes.resolve(name.id.as_str(), scope) else {
            // It comes with `from … import *`, or its import was forgotten.
            let is_module = matches!(name.id.as_str(), "asyncio" | "anyio");
            return is_module || self.scopes.has_star_import;
        };
        let bindings = self.scopes.scopes[scope].bindings.get(name.id.as_str());
        bindings.is_some_and(|bindings| {
            !bindings.is_empty() && bindings.iter().all(|binding| self.is_import(binding.range))
        })
    }

    fn is_import(&self, range: TextRange) -> bool {
        self.tree.around(range).any(|node| {
            matches!(
                node,
                AnyNodeRef::StmtImport(_) | AnyNodeRef::StmtImportFrom(_)
            )
        })
    }

    /// Whether a name is used by nobody in the file, so that a rule may bind it.
    pub fn is_fresh(&self, name: &str) -> bool {
        !self.scopes.is_bound_anywhere(name) && !self.scopes.is_used_anywhere(name)
    }
}

/// What rules work with.
pub struct Context<'c> {
    /// The analysed program.
    pub program: &'c Program<'c>,
    /// The catalog.
    pub catalog: &'c Catalog,
    /// The uses of the libraries, by file and offset. Aliases in import statements are not among them.
    pub uses: &'c [Use],
    /// Who calls whom.
    pub callers: &'c Callers,
    /// What the project allows.
    pub settings: Settings,
    /// What is moved to what.
    pub recipe: &'static Recipe,
    /// The functions that run in threads, apart from the event loop.
    pub apart: &'c BTreeSet<FuncId>,
    /// The part that moves while the rest stays, where one was named.
    pub(crate) part: Option<&'c Part>,
    views: &'c dyn Trees,
    facts: &'c OnceLock<Facts>,
    found: Mutex<FxHashMap<TypeId, Cell>>,
    /// The newest of the versions that the oldest `AnyIO` was found to have reached, where the plan depends on that.
    relied_on: Mutex<Option<Version>>,
}

fn file_id(index: usize) -> FileId {
    FileId(u32::try_from(index).unwrap_or(u32::MAX))
}

/// Whether a dot stands before a name, by the text up to it: there may be a comment between them.
fn may_be_attribute(before: &str) -> bool {
    let outer = before.trim_end_matches(|c: char| c.is_whitespace() || c == '\\');
    outer.ends_with('.') || ends_line_with_comment(outer, before)
}

/// Whether a text ends a line that may end with a comment; it is what `longer` begins with.
pub(crate) fn ends_line_with_comment(text: &str, longer: &str) -> bool {
    let is_line = longer[text.len()..].contains(['\n', '\r']);
    is_line
        && text
            .rsplit(['\n', '\r'])
            .next()
            .is_some_and(|line| line.contains('#'))
}

/// What a function found, once it has.
type Cell = Arc<OnceLock<Arc<dyn Any + Send + Sync>>>;

/// The arguments of a call, by the parameters of what it calls.
pub struct Bound<'c> {
    names: Vec<&'c str>,
    arguments: Vec<Vec<&'c Expr>>,
}

impl<'c> Bound<'c> {
    /// The argument for a parameter, where it was given.
    pub fn get(&self, name: &str) -> Option<&'c Expr> {
        self.all(name).first().copied()
    }

    /// All arguments for a parameter, in order: several for `*args` and `**kwargs`.
    pub fn all(&self, name: &str) -> &[&'c Expr] {
        let index = self.names.iter().position(|known| *known == name);
        index.map_or(&[], |index| &self.arguments[index])
    }

    /// Whether any parameter but these got an argument.
    pub fn only(&self, names: &[&str]) -> bool {
        self.names
            .iter()
            .zip(&self.arguments)
            .all(|(name, arguments)| arguments.is_empty() || names.contains(name))
    }
}

impl<'c> Context<'c> {
    #[allow(clippy::too_many_arguments, reason = "each is named where it is kept")]
    pub(crate) fn new(
        program: &'c Program<'c>,
        catalog: &'c Catalog,
        uses: &'c [Use],
        callers: &'c Callers,
        settings: Settings,
        recipe: &'static Recipe,
        views: &'c dyn Trees,
        facts: &'c OnceLock<Facts>,
        apart: &'c BTreeSet<FuncId>,
        part: Option<&'c Part>,
    ) -> Self {
        Context {
            program,
            catalog,
            uses,
            callers,
            settings,
            recipe,
            apart,
            part,
            views,
            facts,
            found: Mutex::default(),
            relied_on: Mutex::default(),
        }
    }

    /// Whether the oldest `AnyIO` has what came with this version. To be asked only where something depends on it: a
    /// project that gets `AnyIO` by the migration gets the oldest one for which every answer is the same, so that a
    /// second run finds what the first one did.
    pub fn anyio_has(&self, major: u16, minor: u16) -> bool {
        let asked = Version::new(major, minor);
        let has = self.settings.anyio >= asked;
        if has {
            let mut relied_on = self.relied_on();
            *relied_on = (*relied_on).max(Some(asked));
        }
        has
    }

    /// The oldest `AnyIO` for which the answers so far are the same; `None` where all would be.
    pub fn relies_on(&self) -> Option<Version> {
        *self.relied_on()
    }

    fn relied_on(&self) -> MutexGuard<'_, Option<Version>> {
        let relied_on = self.relied_on.lock();
        relied_on.unwrap_or_else(PoisonError::into_inner)
    }

    /// The oldest version of the target that the project allows: of Python, where that is the standard library's own.
    pub fn oldest_target(&self) -> Version {
        let python = self.settings.python;
        match self.recipe.target {
            Target::Anyio => self.settings.anyio,
            Target::Asyncio => Version::new(python.major.into(), python.minor.into()),
        }
    }

    /// The colours of all functions after the migration.
    pub fn facts(&self) -> &Facts {
        let recipe = self.recipe;
        self.facts.get_or_init(|| {
            let bridge = self.settings.bridge;
            let (program, callers) = (self.program, self.callers);
            recipe.facts(
                program,
                callers,
                self.catalog,
                self.apart,
                self.part,
                bridge,
            )
        })
    }

    /// The tree of a file. Files without a use of the libraries, or of an object of theirs, have none.
    pub fn view(&self, file: FileId) -> Option<&'c View<'c>> {
        self.views.view(file)
    }

    /// The views of the files to look through: where colours change, only those with something of the libraries, or of what
    /// changes its colour.
    pub fn views(&self) -> impl Iterator<Item = &'c View<'c>> {
        let files = self.views.through().into_iter();
        files.filter_map(|file| self.view(file))
    }

    /// Those of them whose text holds one of the words.
    pub fn views_naming<'w, const N: usize>(
        &self,
        words: [&'w str; N],
    ) -> impl Iterator<Item = &'c View<'c>> + use<'_, 'c, 'w, N> {
        let files = self.views.through().into_iter().filter(move |file| {
            let text = self.program.file(*file).text.as_bytes();
            let mut words = words.iter();
            words.any(|word| memmem::find(text, word.as_bytes()).is_some())
        });
        files.filter_map(|file| self.view(file))
    }

    /// The views of all files whose text holds one of the words.
    pub fn views_with(&self, words: &[&str]) -> impl Iterator<Item = &'c View<'c>> {
        self.views_with_in(words, |_| true)
    }

    /// Those of them that are wanted.
    pub fn views_with_in(
        &self,
        words: &[&str],
        wanted: impl Fn(FileId) -> bool,
    ) -> impl Iterator<Item = &'c View<'c>> {
        let holds = |input: &Input| {
            let mut words = words.iter();
            words.any(|word| memmem::find(input.text.as_bytes(), word.as_bytes()).is_some())
        };
        let files = self.program.files.iter().enumerate();
        files
            .map(|(index, input)| (file_id(index), input))
            .filter(move |(file, input)| wanted(*file) && holds(input))
            .filter_map(|(file, _)| self.view(file))
    }

    /// The views of all files whose text seems to have one of the names as an attribute.
    pub fn views_reading(&self, names: &[&str]) -> impl Iterator<Item = &'c View<'c>> {
        let holds = |input: &Input| {
            let text = &*input.text;
            let mut names = names.iter();
            names.any(|name| {
                memmem::find_iter(text.as_bytes(), name.as_bytes())
                    .any(|at| may_be_attribute(&text[..at]))
            })
        };
        let files = self.program.files.iter().enumerate();
        files
            .filter(move |(_, input)| holds(input))
            .filter_map(|(index, _)| self.view(file_id(index)))
    }

    /// The views of all files with an expression that may be one of the wanted values.
    pub fn views_where(
        &self,
        wanted: impl Fn(Value) -> bool,
    ) -> impl Iterator<Item = &'c View<'c>> {
        self.views_where_at(wanted, |_| true)
    }

    /// Those where such an expression stands in a place that counts.
    pub fn views_where_at(
        &self,
        wanted: impl Fn(Value) -> bool,
        counts: impl Fn(Place) -> bool,
    ) -> impl Iterator<Item = &'c View<'c>> {
        let files = self.files_where_at(wanted, counts);
        files.filter_map(|file| self.view(file))
    }

    /// All files with an expression that may be one of the wanted values.
    pub fn files_where(&self, wanted: impl Fn(Value) -> bool) -> impl Iterator<Item = FileId> {
        self.files_where_at(wanted, |_| true)
    }

    fn files_where_at(
        &self,
        wanted: impl Fn(Value) -> bool,
        counts: impl Fn(Place) -> bool,
    ) -> impl Iterator<Item = FileId> {
        let flow = &self.program.flow;
        let wanted: Vec<bool> = flow.values.iter().map(wanted).collect();
        let any = wanted.contains(&true);
        let modules = flow.linked.modules.iter().enumerate();
        let modules = modules.map(|(index, module)| (file_id(index), module));
        let holds = move |file, module: &Module| {
            let mut exprs = module.exprs.iter();
            any && exprs.any(|(range, node)| {
                let mut values = flow.set(*node).iter();
                let range = *range;
                values.any(|id| wanted[id.0 as usize]) && counts(Place { file, range })
            })
        };
        modules
            .filter(move |(file, module)| holds(*file, module))
            .map(|(file, _)| file)
    }

    /// What a function finds in the whole program: found once, for all rules that ask. It is no closure, which could find
    /// something else each time.
    pub(crate) fn once<T, F>(&self, find: F) -> Arc<T>
    where
        T: Any + Send + Sync,
        F: Fn(&Self) -> T + 'static,
    {
        let cell = {
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(found.entry(TypeId::of::<F>()).or_default())
        };
        let known = cell.get_or_init(|| Arc::new(find(self)));
        let known = Arc::clone(known).downcast();
        known.unwrap_or_else(|_| Arc::new(find(self)))
    }

    /// The uses of APIs that a rule is responsible for, by the catalog.
    pub fn uses_for(&self, rule: &str) -> impl Iterator<Item = (&'c Use, &'c Api, &'c View<'c>)> {
        self.uses.iter().filter_map(move |use_| {
            let api = self.catalog.get(&use_.api)?;
            if api.rule.as_deref() != Some(rule) {
                return None;
            }
            Some((use_, api, self.view(use_.place.file)?))
        })
    }

    /// The one external API that an expression is, if it is one and nothing else.
    pub fn api_of(&self, view: &View<'_>, expr: &Expr) -> Option<&str> {
        self.program.api_at(view.place(expr))
    }

    /// Whether a name occurs anywhere in the program: as an identifier, or as a short string.
    pub fn mentions(&self, name: &str) -> bool {
        self.program.flow.linked.symbols.find(name).is_some()
    }

    /// The call of an API by its own name, with its arguments by its signature.
    ///
    /// # Errors
    /// Why the use is no such call, in words for the user.
    pub fn direct_call(
        &self,
        use_: &Use,
        api: &'c Api,
        view: &'c View<'c>,
    ) -> Result<(&'c ExprCall, Bound<'c>), String> {
        let callee = view
            .tree
            .expr_at(use_.place.range)
            .ok_or("it can't be found")?;
        if !use_.only || !view.is_direct(callee) {
            return Err("it is called through a variable that may hold something else".to_owned());
        }
        let call = view
            .call_of(use_.place.range)
            .ok_or("it is passed on as a function")?;
        let bound = self.bind(api, call).map_err(|error| error.to_string())?;
        Ok((call, bound))
    }

    /// The arguments of a call, by the signature of the API it calls.
    ///
    /// # Errors
    /// Where they do not fit, or unpacking hides which parameter gets what.
    pub fn bind(&self, api: &'c Api, call: &'c ExprCall) -> Result<Bound<'c>, BindError> {
        let Some(signature) = &api.signature else {
            return Ok(Bound {
                names: Vec::new(),
                arguments: Vec::new(),
            });
        };
        let positional: Vec<bool> = call
            .arguments
            .args
            .iter()
            .map(Expr::is_starred_expr)
            .collect();
        let keywords: Vec<Option<&str>> = call
            .arguments
            .keywords
            .iter()
            .map(|keyword| keyword.arg.as_ref().map(ast::Identifier::as_str))
            .collect();
        let bound = signature.bind(&positional, &keywords)?;
        let arguments = bound
            .into_iter()
            .map(|list| {
                list.into_iter()
                    .map(|argument| match argument {
                        Argument::Positional(index) => &call.arguments.args[index],
                        Argument::Keyword(index) => &call.arguments.keywords[index].value,
                    })
                    .collect()
            })
            .collect();
        let names = signature
            .parameters
            .iter()
            .map(|parameter| &*parameter.name)
            .collect();
        Ok(Bound { names, arguments })
    }
}
