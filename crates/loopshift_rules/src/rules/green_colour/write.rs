//! The edits of a component in the order in which those at one place follow each other.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::facts::Cause;
use loopshift_python::ast::Expr;
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextSize};

use super::{Failure, Work, generator};

impl Work<'_, '_> {
    /// The generator expressions in whose lazy part something waits.
    pub(super) fn find_generators(&mut self) {
        let cx = self.all.cx;
        let mut places: BTreeSet<Place> = self.awaits.keys().copied().collect();
        places.extend(self.waits.values().flatten().copied());
        for func in self.members {
            for cause in cx.facts().causes(*func) {
                if let Cause::Api { place, .. } = cause {
                    places.insert(*place);
                }
            }
        }
        for place in places {
            if let Some(view) = cx.view(place.file)
                && let Some(it) = generator::holds(view, place)
            {
                self.generators.insert(view.place(it));
            }
        }
    }

    /// Awaits what gives something to be gone through inside of what does that, and asks there whether it has to.
    fn await_within(&mut self) {
        for place in &self.through {
            let own = Piece::Source(place.range);
            let is_around = |(file, edit): &(FileId, Edit)| match edit {
                Edit::Replace { range, pieces } => {
                    (*file, *range) == (place.file, place.range) && pieces.contains(&own)
                }
                _ => false,
            };
            // Calls come before what goes through them.
            let around: Vec<usize> = (self.edits.iter().enumerate())
                .filter_map(|(index, edit)| is_around(edit).then_some(index))
                .collect();
            let (asks, through) = match (&around[..], self.asked.contains(place)) {
                ([asks, through], true) => (Some(*asks), *through),
                ([through], false) => (None, *through),
                _ => continue,
            };
            let Edit::Replace { pieces, .. } = &self.edits[through].1 else {
                continue;
            };
            let mut out = Vec::new();
            for piece in pieces {
                if *piece != own {
                    out.push(piece.clone());
                    continue;
                }
                let (before, after) = self.awaits.remove(place).unwrap_or_default();
                out.push(before.into());
                match asks.map(|asks| &self.edits[asks].1) {
                    Some(Edit::Replace { pieces, .. }) => out.extend(pieces.iter().cloned()),
                    _ => out.push(own.clone()),
                }
                out.push(after.into());
            }
            let range = place.range;
            self.edits[through].1 = Edit::Replace { range, pieces: out };
            if let Some(asks) = asks {
                self.edits.remove(asks);
            }
        }
    }

    /// All edits in the order in which those at one place follow each other.
    pub(super) fn write(mut self, change: &mut Change) -> Result<(), Failure> {
        let cx = self.all.cx;
        self.await_within();
        let mut last = Vec::new();
        for place in &self.generators {
            let (view, expr) = self.expr(*place)?;
            let Expr::Generator(it) = expr else { continue };
            let edits = generator::edits(cx, view, it).map_err(|reason| (*place, reason))?;
            for edit in edits {
                let edit = (place.file, edit);
                if edit.1.range().start() <= it.start() {
                    change.edits.push(edit);
                } else {
                    last.push(edit);
                }
            }
        }
        // What else begins there, as the call of a method of what it gives, goes around the brackets.
        let replaced: BTreeSet<Place> = (self.edits.iter())
            .map(|(file, edit)| Place {
                file: *file,
                range: edit.range(),
            })
            .collect();
        let (whole, awaits): (Vec<_>, Vec<_>) = self.awaits.into_iter().partition(
            |(place, (before, _)): &(Place, (String, String))| {
                before.starts_with('(') && !replaced.contains(place)
            },
        );
        let whole = whole.into_iter().map(|(place, (before, after))| {
            let range = place.range;
            let pieces = vec![before.into(), range.into(), after.into()];
            (place.file, Edit::Replace { range, pieces })
        });
        let mut awaits: Vec<(Place, (String, String))> = awaits;
        // Of those that begin at one place the outer one comes first.
        awaits.sort_by_key(|(place, _)| {
            (
                place.file,
                place.range.start(),
                std::cmp::Reverse(place.range.end()),
            )
        });
        let opens = awaits.iter().map(|(place, (before, _))| {
            let at = (place.file, place.range.start());
            (at, before.clone())
        });
        let opens: Vec<_> = joined(opens);
        awaits.sort_by_key(|(place, _)| {
            (
                place.file,
                place.range.end(),
                std::cmp::Reverse(place.range.start()),
            )
        });
        let closes = joined(awaits.into_iter().map(|(place, (_, after))| {
            let at = (place.file, place.range.end());
            (at, after)
        }));
        change.edits.extend(opens);
        change.edits.extend(whole);
        change.edits.extend(self.edits);
        change.edits.extend(closes);
        change.edits.extend(last);
        Ok(())
    }
}

/// Insertions, those at one place as one.
fn joined(texts: impl Iterator<Item = ((FileId, TextSize), String)>) -> Vec<(FileId, Edit)> {
    let mut out: Vec<((FileId, TextSize), String)> = Vec::new();
    for (at, text) in texts.filter(|(_, text)| !text.is_empty()) {
        match out.last_mut().filter(|(last, _)| *last == at) {
            Some((_, known)) => known.push_str(&text),
            None => out.push((at, text)),
        }
    }
    let insert = |((file, at), text): (_, String)| (file, Edit::insert(at, "{0}", &[text.into()]));
    out.into_iter().map(insert).collect()
}
