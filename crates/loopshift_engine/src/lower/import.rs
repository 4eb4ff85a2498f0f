//! Imports.

use loopshift_python::ast::{self};

use super::Lowerer;
use super::bindings;
use crate::ir::Import;

impl<'a> Lowerer<'a> {
    pub(super) fn import(&mut self, import: &'a ast::StmtImport) {
        for alias in &import.names {
            let to = self.node();
            let full = alias.name.as_str();
            let module = if alias.asname.is_some() {
                full
            } else {
                full.split('.').next().unwrap_or(full)
            };
            let sym = self.sym(module);
            self.ir.imports.push(Import {
                module: sym,
                name: None,
                to,
                range: alias.range,
            });
            if module != full {
                // The submodule is loaded, too.
                let node = self.node();
                let sym = self.sym(full);
                self.ir.imports.push(Import {
                    module: sym,
                    name: None,
                    to: node,
                    range: alias.range,
                });
            }
            self.record(alias.range, to);
            self.write(bindings::import_binding(alias), to);
        }
    }

    pub(super) fn import_from(&mut self, import: &'a ast::StmtImportFrom) {
        let module = super::absolute(
            self.name,
            import.module.as_ref().map(ast::Identifier::as_str),
            import.level,
        );
        let module = self.sym(&module);
        for alias in &import.names {
            if alias.name.as_str() == "*" {
                self.ir.stars.push(module);
                continue;
            }
            let to = self.node();
            let name = self.sym(alias.name.as_str());
            self.ir.imports.push(Import {
                module,
                name: Some(name),
                to,
                range: alias.range,
            });
            self.record(alias.range, to);
            self.write(alias.asname.as_ref().unwrap_or(&alias.name).as_str(), to);
        }
    }
}
