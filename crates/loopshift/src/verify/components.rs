//! The parts of a plan that can be taken or left by themselves.

use loopshift_engine::change::{Change, FileId, Outcome, Place};
use loopshift_rules::leave_out::LeftOut;
use rustc_hash::FxHashMap;

use crate::engine::Planned;

/// Changes that go together: each requires another, is applied with it, or takes care of the same use. By their numbers in
/// the plan.
pub type Component = Vec<usize>;

/// The components of what a plan applies, by file and offset. What it changes in the project's own files alone follows from the
/// rest.
pub fn components(planned: &Planned) -> Vec<Component> {
    let changes = &planned.plan.changes;
    let is_module = |file: FileId| {
        let source = planned.sources.get(file.0 as usize);
        source.is_some_and(|source| !source.modules.is_empty())
    };
    let is_code = |change: &Change| {
        let mut edited = change.edits.iter().map(|(file, _)| *file);
        is_module(change.place.file) || edited.any(is_module)
    };
    let applied: Vec<usize> = (0..changes.len())
        .filter(|index| changes[*index].1 == Outcome::Applied && is_code(&changes[*index].0))
        .collect();
    let mut groups = Groups::new(changes.len());
    let mut of_place: FxHashMap<Place, usize> = FxHashMap::default();
    let mut together: FxHashMap<usize, usize> = FxHashMap::default();
    for &index in &applied {
        let change = &changes[index].0;
        for place in change.covers.iter().chain([&change.place]) {
            groups.join(index, *of_place.entry(*place).or_insert(index));
        }
        if let Some(number) = change.together {
            groups.join(index, *together.entry(number).or_insert(index));
        }
    }
    for &index in &applied {
        for required in &changes[index].0.requires {
            if let Some(other) = of_place.get(required) {
                groups.join(index, *other);
            }
        }
    }
    let mut number: FxHashMap<usize, usize> = FxHashMap::default();
    let mut components: Vec<Component> = Vec::new();
    for index in applied {
        let at = *number.entry(groups.first(index)).or_insert_with(|| {
            components.push(Vec::new());
            components.len() - 1
        });
        components[at].push(index);
    }
    components
}

/// The changes of components, as what is to be left out.
pub fn left_out<'c>(
    planned: &Planned,
    components: impl IntoIterator<Item = &'c Component>,
    reason: &str,
) -> Vec<LeftOut> {
    let left = |index: &usize| {
        let change = &planned.plan.changes.get(*index)?.0;
        let source = planned.sources.get(change.place.file.0 as usize)?;
        let range = change.place.range;
        Some(LeftOut {
            file: source.name.clone(),
            range: (range.start().to_usize(), range.end().to_usize()),
            api: change.api.clone(),
            reason: reason.to_owned(),
        })
    };
    components.into_iter().flatten().filter_map(left).collect()
}

/// Things that are joined to groups; each group is known by its first.
struct Groups(Vec<usize>);

impl Groups {
    fn new(count: usize) -> Self {
        Groups((0..count).collect())
    }

    fn first(&self, mut index: usize) -> usize {
        while self.0[index] != index {
            index = self.0[index];
        }
        index
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.first(a), self.first(b));
        self.0[a.max(b)] = a.min(b);
    }
}
