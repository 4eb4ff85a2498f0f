//! What loopshift knows of the libraries it moves code from and to: the catalog, the rules and their pages.
//!
//! [`migrate::migrate`] takes the files of a program and gives the plan.

mod asyncio_only;
mod beside;
mod bridges;
pub mod catalog;
mod common;
pub mod context;
mod derived;
mod entries;
pub mod externals;
mod interest;
pub mod leave_out;
mod left_imports;
pub mod migrate;
mod module_names;
mod moved;
pub mod part;
mod patched;
mod processes;
mod programs;
pub mod project;
pub mod recipe;
pub mod registry;
mod rounds;
mod rules;
mod served;
mod shown;
pub mod steps;
mod test_cases;
pub mod through;
pub mod trio;
mod unbounded;
mod unspoken;
mod views;
mod whole;
