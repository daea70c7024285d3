//! L6, the shell: one foreign thing for each folder. Adapters translate and do not decide, and do not know
//! each other.

pub mod audit;
#[cfg(feature = "local")]
pub mod folder;
pub mod http;
#[cfg(feature = "cluster")]
pub mod kube;
pub mod memory_usage;
pub mod owner_reviewer;
#[cfg(feature = "local")]
pub mod rsa_keys;
pub mod system;
#[cfg(feature = "cluster")]
pub mod tls;
#[cfg(feature = "sidecar")]
pub mod upstream;

#[cfg(test)]
mod tests;
