//! From green threads to `AnyIO` the way leads through asyncio: the program is moved there first, and what comes out of that
//! is moved on. What `AnyIO` has no means for stays with asyncio, on which it runs, too.

use loopshift_engine::change::{Change, FileId, Outcome, Place, Plan};
use loopshift_engine::program::Input;
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::catalog::{Catalog, Target};
use crate::migrate::{Migration, Options, settled};
use crate::moved::{Moved, Origin};
use crate::recipe::{self, GREEN, is_green};
use crate::rounds::{after, go_on};
use crate::trio::ModuleState;

/// Whether a program is moved this way: it is one of green threads, or that is asked for.
pub(crate) fn leads(files: &[Input], options: &Options) -> bool {
    if options.target != Target::Anyio || !options.only.is_empty() {
        return false;
    }
    if !options.from.is_empty() {
        return options.from.iter().any(|library| is_of_green(library));
    }
    // Most programs name none of them, and need not be looked through for asyncio.
    let names_green = |file: &Input| {
        GREEN
            .iter()
            .any(|library| recipe::imports(&file.text, library))
    };
    if !files.par_iter().any(names_green) {
        return false;
    }
    let python = files.iter().filter(|file| file.is_python());
    recipe::suggested(python.map(|file| &*file.text)) == Target::Asyncio
}

/// The target that the program is moved to first, by which its functions get their colours.
pub fn first_target(files: &[Input], options: &Options) -> Target {
    if leads(files, options) {
        Target::Asyncio
    } else {
        options.target
    }
}

fn is_of_green(library: &str) -> bool {
    GREEN.contains(&library)
}

/// Plans both halves of the way.
pub(crate) fn migrate(files: &[Input], catalog: &Catalog, options: &Options) -> Migration {
    let mut half = options.clone();
    half.target = Target::Asyncio;
    half.settings.through = true;
    half.from.retain(|library| is_of_green(library));
    let mut first = settled(files, catalog, &half, true);
    let between = after(files, &first.plan);
    let mut rest = options.clone();
    // What comes out of the first half is asyncio, whatever that was asked to move.
    rest.from.clear();
    let second = settled(&between, catalog, &rest, false);
    let back = Back::new(files, &between, &first.plan);
    first.uses.extend(
        (second.uses.into_iter())
            .filter(|use_| !is_green(&use_.api))
            .filter_map(|mut use_| {
                use_.place = back.same(use_.place)?;
                Some(use_)
            }),
    );
    first
        .uses
        .sort_by(|a, b| (a.place, &a.api).cmp(&(b.place, &b.api)));
    first.modules = second
        .modules
        .into_iter()
        .map(|it| back.module(it))
        .collect();
    follow(&mut first.plan, second.plan, &back);
    first
}

/// Adds what the second half does to the plan of the first.
fn follow(plan: &mut Plan, next: Plan, back: &Back<'_>) {
    for (mut change, outcome) in next.changes {
        // The first half has told what stays of green threads, and what it moved is not counted twice.
        let is_told = is_green(&change.api)
            || (outcome == Outcome::Applied && back.same(change.place).is_none());
        if !is_told {
            back.change(&mut change);
            plan.changes.push((change, outcome));
        }
    }
    plan.changes.sort_by_key(|(change, _)| change.place);
    go_on(plan, next.texts, next.withdrawn);
}

/// Leads from the places of the texts between the halves to those of the files.
struct Back<'t>(FxHashMap<FileId, Moved<'t>>);

impl<'t> Back<'t> {
    fn new(files: &'t [Input], between: &[Input], plan: &Plan) -> Self {
        let changed = plan.texts.iter().map(|(file, _)| {
            let index = file.0 as usize;
            (*file, Moved::new(&files[index].text, &between[index].text))
        });
        Back(changed.collect())
    }

    fn origin(&self, place: Place) -> Origin {
        self.0
            .get(&place.file)
            .map_or(Origin::Same(place.range), |moved| moved.origin(place.range))
    }

    /// The place in the file, where what stands there is what stood there before.
    fn same(&self, place: Place) -> Option<Place> {
        match self.origin(place) {
            Origin::Same(range) => Some(Place { range, ..place }),
            Origin::Near(_) => None,
        }
    }

    fn place(&self, place: Place) -> Place {
        let range = self.origin(place).range();
        Place { range, ..place }
    }

    fn change(&self, change: &mut Change) {
        change.place = self.place(change.place);
        for place in change.covers.iter_mut().chain(&mut change.requires) {
            *place = self.place(*place);
        }
    }

    fn module(&self, mut state: ModuleState) -> ModuleState {
        for (place, _) in &mut state.left {
            *place = self.place(*place);
        }
        state.left.sort();
        state
    }
}
