//! Changes that are to be left out: those by which the program's own tests have been seen to break.

use loopshift_engine::change::Change;
use loopshift_engine::program::Input;

/// A change to leave out, as an earlier plan for the same files made it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// The path of its file.
    pub file: String,
    /// Where its place begins and ends, in bytes.
    pub range: (usize, usize),
    /// The API that it moves.
    pub api: String,
    /// Why it is left out: the reason of what is declined.
    pub reason: String,
}

impl LeftOut {
    /// Whether the change is this one, or another that would move the same use. Later rounds see other texts, in which places
    /// have moved: there no use of the API in the file is moved any more.
    fn concerns(&self, files: &[Input], change: &Change, is_first: bool) -> bool {
        let own = &files[change.place.file.0 as usize].path;
        if !is_first {
            return *own == self.file && change.api == self.api;
        }
        change.covers.iter().chain([&change.place]).any(|place| {
            let range = (place.range.start().to_usize(), place.range.end().to_usize());
            range == self.range && files[place.file.0 as usize].path == self.file
        })
    }
}

/// Declines what is to be left out. What requires it falls with it when the plan is made.
pub(crate) fn decline(
    files: &[Input],
    left_out: &[LeftOut],
    is_first: bool,
    changes: &mut [Change],
) {
    for change in changes.iter_mut().filter(|it| it.declined.is_none()) {
        let found = left_out
            .iter()
            .find(|it| it.concerns(files, change, is_first));
        change.declined = found.map(|it| it.reason.clone());
    }
}
