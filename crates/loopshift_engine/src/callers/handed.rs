//! What is handed to code that we cannot see as a whole: a class, an object, the names of a module.

use std::collections::BTreeSet;

use crate::change::FileId;
use crate::flow::MroEntry;
use crate::ir::{ClassId, FuncId, FunctionKind};
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
