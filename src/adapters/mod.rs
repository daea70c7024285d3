//! L6, the shell: one foreign thing for each folder. Adapters translate and do not decide, and do not know
//! each other.

pub mod audit;
pub mod folder;
pub mod http;
pub mod memory_usage;
pub mod owner_reviewer;
pub mod system;

#[cfg(test)]
mod tests;
