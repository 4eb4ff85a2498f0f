//! Which files rules look through, where colours change: those where something of the libraries is, or what changes its
//! colour. In a large program these are few, and only their trees are held.

use loopshift_engine::facts::{Colour, Facts};
use loopshift_engine::flow::value::{Value, ValueId};
use loopshift_engine::flow::{MroEntry, Target};
use loopshift_engine::ir::{ClassId, FuncId, Node, Sym};
use loopshift_engine::program::Program;
use memchr::memmem;
use rayon::prelude::*;

use crate::catalog::Catalog;
use crate::recipe::{self, Recipe};

/// For each file whether it is looked through.
pub(crate) fn files(
    recipe: &Recipe,
    program: &Program<'_>,
    catalog: &Catalog,
    facts: &Facts,
    patched: bool,
) -> Vec<bool> {
    let interest = Interest::new(recipe, program, catalog, facts, patched);
    let modules = &program.flow.linked.modules;
    let mut files: Vec<bool> = modules
        .par_iter()
        .enumerate()
        .map(|(index, module)| {
            let text = program.files[index].text.as_bytes();
            let names = |library: &&str| memmem::find(text, library.as_bytes()).is_some();
            recipe.libraries.iter().any(names)
                || (module.exprs.iter()).any(|(_, node)| interest.has(*node))
        })
        .collect();
    for (class, bases) in program.flow.mro.iter().enumerate() {
        // Their bases change with the methods: tests become tests that wait.
        if interest.colours_in(class_id(class)) {
            for entry in bases {
                if let MroEntry::Class(base) = entry {
                    files[program.class(*base).0.0 as usize] = true;
                }
            }
        }
    }
    let mut add = |owner: FuncId| {
        if owner != FuncId::NONE {
            files[program.function_file(owner).0 as usize] = true;
        }
    };
    for func in program.functions() {
        if interest.is_coloured(func) {
            add(func);
        }
    }
    let written = program.calls().map(|(_, call)| call);
    for call in written.chain(program.hidden_calls()) {
        if (program.callees(call).iter()).any(|target| interest.has_target(*target)) {
            add(call.owner);
        }
    }
    for (owner, target) in &program.flow.hidden {
        if interest.has_target(*target) {
            add(*owner);
        }
    }
    files
}

fn class_id(index: usize) -> ClassId {
    ClassId(u32::try_from(index).unwrap_or(u32::MAX))
}

struct Interest<'i> {
    recipe: &'i Recipe,
    program: &'i Program<'i>,
    catalog: &'i Catalog,
    facts: &'i Facts,
    /// Whether what blocks in the standard library counts, too.
    patched: bool,
    /// Which strings are names that count, by their numbers.
    names: Vec<bool>,
    classes: Vec<bool>,
    /// By the numbers of the values.
    values: Vec<bool>,
}

impl<'i> Interest<'i> {
    fn new(
        recipe: &'i Recipe,
        program: &'i Program<'i>,
        catalog: &'i Catalog,
        facts: &'i Facts,
        patched: bool,
    ) -> Self {
        let mut interest = Interest {
            recipe,
            program,
            catalog,
            facts,
            patched,
            names: Vec::new(),
            classes: vec![false; program.flow.mro.len()],
            values: Vec::new(),
        };
        let texts = program.flow.linked.symbols.texts();
        interest.names = (texts.par_iter().map(|text| interest.is_of_library(text))).collect();
        interest.find_classes();
        interest.find_values();
        interest
    }

    fn is_coloured(&self, func: FuncId) -> bool {
        *self.facts.colour(func) != Colour::Sync || !self.facts.causes(func).is_empty()
    }

    fn has_name(&self, sym: Sym) -> bool {
        self.names[sym.0 as usize]
    }

    fn is_of_library(&self, name: &str) -> bool {
        let row = || self.catalog.get(name);
        self.recipe.counts(name)
            || self.catalog.is_own(name)
            || (self.patched && row().is_some_and(recipe::is_patched))
    }

    fn has_target(&self, target: Target) -> bool {
        match target {
            Target::Func(func) => self.is_coloured(func),
            Target::External(sym) => self.has_name(sym),
        }
    }

    /// Whether a method in the body of the class changes its colour.
    fn colours_in(&self, class: ClassId) -> bool {
        let mut methods = self.program.methods(class).iter();
        methods.any(|func| self.is_coloured(*func))
    }

    /// Those where something changes its colour that the language runs, or from a library; with all that derive from them,
    /// and all that these derive from. Other methods are values of their own where they are named.
    fn find_classes(&mut self) {
        let flow = &self.program.flow;
        let coloured: Vec<bool> = (0..self.classes.len())
            .map(|index| {
                let mut methods = self.program.methods(class_id(index)).iter();
                methods.any(|func| {
                    let function = self.program.function(*func);
                    let name = function.name();
                    let by_language = function.decorated || name.starts_with("__");
                    by_language && self.is_coloured(*func)
                })
            })
            .collect();
        for bases in &flow.mro {
            let here = bases.iter().any(|entry| match entry {
                MroEntry::Class(class) => coloured[class.0 as usize],
                MroEntry::External(sym) => self.has_name(*sym),
            });
            if !here {
                continue;
            }
            for entry in bases {
                if let MroEntry::Class(class) = entry {
                    self.classes[class.0 as usize] = true;
                }
            }
        }
        // What derives from one that was found by another way.
        let all = self.classes.clone();
        for (index, bases) in flow.mro.iter().enumerate() {
            self.classes[index] |= bases
                .iter()
                .any(|entry| matches!(entry, MroEntry::Class(class) if all[class.0 as usize]));
        }
    }

    /// What holds a value that counts does itself.
    fn find_values(&mut self) {
        loop {
            let values: Vec<Value> = self.program.flow.values.iter().collect();
            let found: Vec<bool> = (values.par_iter().enumerate())
                .map(|(index, value)| {
                    let known = self.values.get(index).copied().unwrap_or(false);
                    known || self.counts(*value)
                })
                .collect();
            if found == self.values {
                return;
            }
            self.values = found;
        }
    }

    fn counts(&self, value: Value) -> bool {
        let flow = &self.program.flow;
        let class = |class: ClassId| self.classes.get(class.0 as usize) == Some(&true);
        let known = |id: ValueId| self.values.get(id.0 as usize) == Some(&true);
        match value {
            Value::External(sym) | Value::Object(sym, _) => self.has_name(sym),
            Value::ExternalBound(sym, receiver) => self.has_name(sym) || known(receiver),
            Value::Generator(func) => {
                self.is_coloured(func) || self.has(self.program.function(func).yields)
            }
            Value::Func(func)
            | Value::Coroutine(func)
            | Value::ManagerFactory(func)
            | Value::Static(func)
            | Value::ClassMethod(func) => self.is_coloured(func),
            Value::Bound(func, receiver) | Value::BoundManager(func, receiver) => {
                self.is_coloured(func) || known(receiver)
            }
            Value::Class(it) | Value::Instance(it) => class(it),
            Value::Super(it, receiver) => class(it) || known(receiver),
            Value::Property(getter, setter) => self.has(getter) || self.has(setter),
            Value::Awaitable(node)
            | Value::Iterator(node)
            | Value::Manager(node)
            | Value::PropertySetter(node) => self.has(node),
            Value::Container(id) => {
                let container = &flow.linked.containers[id.0 as usize];
                self.has(container.elements)
                    || self.has(container.keys)
                    || container.items.iter().any(|(_, node)| self.has(*node))
            }
            // Who is behind it can't be told from here.
            Value::Partial(_) => true,
            Value::Module(_)
            | Value::Str(_)
            | Value::Int(_)
            | Value::Identity
            | Value::AnyAttribute(_)
            | Value::Start(_)
            | Value::Unknown(_) => false,
        }
    }

    fn has(&self, node: Node) -> bool {
        let mut values = self.program.flow.set(node).iter();
        values.any(|id| self.values.get(id.0 as usize) == Some(&true))
    }
}
