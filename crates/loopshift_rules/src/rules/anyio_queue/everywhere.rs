//! All places where a slot is named, also those where it holds no queue yet.

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{AnyNodeRef, Expr, Stmt};
use loopshift_python::scope::ScopeId;
use loopshift_python::{Ranged, TextRange};

use super::collect::{Collector, Fact};
use super::names::Declared;
use super::slots::{Slot, family};
use crate::common::objects::Obstacle;
use crate::context::View;

impl<'v> Collector<'_, 'v> {
    /// All places where a slot is named, also those where it holds no queue yet.
    pub(super) fn enumerate(&mut self, slot: usize) -> Result<(), Obstacle> {
        match self.slots.get(slot).clone() {
            Slot::Variable(file, scope, name) => {
                let whole = Place {
                    file,
                    range: TextRange::default(),
                };
                let view = self.view(whole)?;
                self.names(view, scope, &name, slot)
            }
            Slot::Attribute(class, name) => {
                self.attributes(class, &name)?;
                for class in family(self.cx, class) {
                    let (file, class) = self.cx.program.class(class);
                    let Some(view) = self.cx.view(file) else {
                        continue;
                    };
                    let scope = view.scopes.scopes.iter().position(|it| {
                        it.kind == loopshift_python::scope::ScopeKind::Class
                            && it.range.end() == class.range.end()
                            && it.name == Some(view.text(class.name_range))
                            && it.bindings.contains_key(name.as_str())
                    });
                    if let Some(scope) = scope {
                        class_body(view, class, &name)?;
                        self.names(view, scope, &name, slot)?;
                    }
                }
                Ok(())
            }
            Slot::Returned(func) => self.returns(func),
            Slot::Element => Ok(()),
        }
    }

    pub(super) fn names(
        &mut self,
        view: &'v View<'v>,
        scope: ScopeId,
        name: &str,
        slot: usize,
    ) -> Result<(), Obstacle> {
        let at = |range| Place {
            file: view.file,
            range,
        };
        for binding in view.scopes.scopes[scope]
            .bindings
            .get(name)
            .into_iter()
            .flatten()
        {
            self.occurrence(at(binding.range))?;
        }
        for reference in &view.scopes.references {
            if reference.name == name && view.scopes.resolve(name, reference.scope) == Some(scope) {
                self.occurrence(at(reference.range))?;
            }
        }
        let declared: Vec<Declared> = self.texts.declared(view.file, name);
        for declared in declared {
            if view
                .scopes
                .resolve(name, view.scopes.at(declared.range.start()))
                == Some(scope)
                && self.handled.insert(at(declared.range))
            {
                let range = declared.range;
                self.facts.push((view, Fact::Declare { range, slot }));
            }
        }
        if scope == 0 && self.texts.is_exported(view.file, name) {
            return Err(Obstacle::new(
                at(view.scopes.scopes[0].range),
                format!("`{name}` is listed in `__all__`"),
            ));
        }
        Ok(())
    }

    pub(super) fn attributes(
        &mut self,
        class: loopshift_engine::ir::ClassId,
        name: &str,
    ) -> Result<(), Obstacle> {
        let cx = self.cx;
        let classes = family(cx, class);
        if let Some(place) = self.texts.spelled(name) {
            return Err(Obstacle::new(
                place,
                format!("the attribute `{name}` is named in a string"),
            ));
        }
        for (file, attribute) in self.texts.attributes(name) {
            let view = self.view(Place {
                file,
                range: attribute.range(),
            })?;
            let mut mine = false;
            let mut unknown = true;
            for value in cx.program.values_at(view.place(&*attribute.value)) {
                unknown = false;
                match value {
                    Value::Instance(class) | Value::Class(class) => {
                        mine |= classes.contains(&class);
                    }
                    Value::Unknown(_) => {
                        unknown = true;
                        break;
                    }
                    _ => {}
                }
            }
            if unknown {
                return Err(Obstacle::new(
                    view.place(attribute),
                    format!(
                        "`{}` may be the queue, but is not known",
                        view.text(attribute.range())
                    ),
                ));
            }
            if mine {
                self.occurrence(view.place(attribute))?;
            }
        }
        Ok(())
    }

    /// All that a function returns must be of the form.
    pub(super) fn returns(&mut self, func: FuncId) -> Result<(), Obstacle> {
        let cx = self.cx;
        let function = cx.program.function(func);
        let place = Place {
            file: cx.program.function_file(func),
            range: function.range,
        };
        if cx.callers.is_handed_over(func) || function.is_generator {
            return Err(Obstacle::new(
                place,
                "the function that returns it is called by code that is not known",
            ));
        }
        let view = self.view(place)?;
        for value in self.texts.returned(place.file, function.range) {
            if cx.program.function_at(view.place(value)) != func {
                continue;
            }
            if !self.passed.contains(&view.place(value)) {
                return Err(Obstacle::new(
                    view.place(value),
                    "the function that returns it returns something else here",
                ));
            }
        }
        for site in cx.callers.of(func) {
            let view = self.view(site.place)?;
            let awaited = view.await_of(site.place.range).map(Ranged::range);
            let range = if function.is_async {
                awaited
            } else {
                Some(site.place.range)
            };
            let Some(range) = range else {
                return Err(Obstacle::new(
                    site.place,
                    "what the function returns is not awaited here",
                ));
            };
            self.occurrence(Place {
                file: view.file,
                range,
            })?;
        }
        Ok(())
    }
}

/// A field that the constructor of its class is made from can't become two.
fn class_body(
    view: &View<'_>,
    class: &loopshift_engine::ir::Class,
    name: &str,
) -> Result<(), Obstacle> {
    let def = view
        .tree
        .around(class.name_range)
        .find_map(|node| match node {
            AnyNodeRef::StmtClassDef(def) => Some(def),
            _ => None,
        });
    let Some(def) = def else { return Ok(()) };
    let outside = def
        .arguments
        .as_ref()
        .is_some_and(|arguments| !arguments.is_empty());
    let is_field = def.body.iter().any(|stmt| {
        matches!(stmt, Stmt::AnnAssign(assign)
            if matches!(&*assign.target, Expr::Name(it) if it.id.as_str() == name))
    });
    if is_field && (outside || !def.decorator_list.is_empty()) {
        return Err(Obstacle::new(
            view.place(def.name.range()),
            "it is a field of a class whose constructor is made from its fields",
        ));
    }
    Ok(())
}
