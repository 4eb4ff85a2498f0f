//! What loopshift knows of the libraries it moves code from and to: the catalog, the rules and their pages.

pub mod catalog;
