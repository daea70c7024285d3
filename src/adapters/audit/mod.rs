//! Where audit records go.

pub mod file;
pub mod stdout;
