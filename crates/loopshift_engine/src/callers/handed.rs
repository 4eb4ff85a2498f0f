//! What is handed to code that we cannot see as a whole: a class, an object, the names of a module, a container.

use std::collections::BTreeSet;

use crate::change::FileId;
use crate::flow::value::Value;
use crate::flow::{Flow, MroEntry};
use crate::ir::{ClassId, ContainerId, FuncId, FunctionKind};
use crate::program::Program;

/// What code that we cannot see gets as a whole, and may find functions in.
#[derive(Default)]
pub(super) struct Handed {
    /// Classes: themselves, or objects of them.
    pub(super) classes: BTreeSet<ClassId>,
    /// Files whose names somebody asks for: `globals()`.
    pub(super) files: BTreeSet<FileId>,
}

impl Handed {
    /// The functions that may be found there: methods with a public name, of bases too, and functions of modules.
    pub(super) fn functions(&self, program: &Program<'_>) -> BTreeSet<FuncId> {
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

/// What is in containers that code we cannot see gets.
#[derive(Default)]
pub(super) struct Held {
    pub(super) functions: BTreeSet<FuncId>,
    /// The classes of objects.
    pub(super) classes: BTreeSet<ClassId>,
    seen: BTreeSet<ContainerId>,
}

impl Held {
    /// Adds those in a container, and in the containers in it.
    pub(super) fn within(&mut self, flow: &Flow<'_>, container: ContainerId) {
        let mut work = vec![container];
        while let Some(container) = work.pop() {
            if !self.seen.insert(container) {
                continue;
            }
            let container = &flow.linked.containers[container.0 as usize];
            for value in container.contents().flat_map(|node| flow.values_of(node)) {
                match value {
                    Value::Func(func) | Value::Bound(func, _) => {
                        self.functions.insert(func);
                    }
                    Value::Instance(class) => {
                        self.classes.insert(class);
                    }
                    Value::Container(inner) => work.push(inner),
                    _ => {}
                }
            }
        }
    }
}

/// Whether a class of the program derives from a container of Python, or from an error, which keeps what it is made with.
pub(crate) fn is_container(flow: &Flow<'_>, class: ClassId) -> bool {
    let bases = flow.mro.get(class.0 as usize);
    bases.into_iter().flatten().any(|entry| match entry {
        MroEntry::External(sym) => {
            let name = flow.text(*sym);
            is_of_container(name) || is_error(name)
        }
        MroEntry::Class(_) => false,
    })
}

/// Whether a name is that of a container of Python, or of a member of one.
pub(crate) fn is_of_container(name: &str) -> bool {
    const CONTAINERS: &[&str] = &[
        "<builtin>.dict",
        "<builtin>.list",
        "<builtin>.set",
        "<builtin>.tuple",
        "collections.ChainMap",
        "collections.OrderedDict",
        "collections.UserDict",
        "collections.UserList",
        "collections.defaultdict",
        "collections.deque",
    ];
    CONTAINERS.iter().any(|known| {
        name.strip_prefix(known)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Whether a name is that of a class of errors of Python, which keep what they are made with as `args`.
pub(crate) fn is_error(name: &str) -> bool {
    const ENDS: &[&str] = &[
        "Error",
        "Exception",
        "Group",
        "Exit",
        "Iteration",
        "Interrupt",
    ];
    name.strip_prefix("<builtin>.")
        .is_some_and(|name| ENDS.iter().any(|end| name.ends_with(end)))
}
