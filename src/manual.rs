//! The manual, as it also stands in `src/manual/`.

/// How Coffer is built.
#[doc = include_str!("manual/architecture.md")]
pub mod architecture {}

/// Every byte that is kept.
#[doc = include_str!("manual/formats.md")]
pub mod formats {}

/// Which library does which cryptography, and what keys look like.
#[doc = include_str!("manual/cryptography.md")]
pub mod cryptography {}

/// Operating `coffer local`.
#[doc = include_str!("manual/local.md")]
pub mod local {}

/// Bringing keys of one's own.
#[doc = include_str!("manual/keys.md")]
pub mod keys {}

/// Operating an installation in a cluster.
#[doc = include_str!("manual/cluster.md")]
pub mod cluster {}

/// The life of a key: rotation, deletion, restore, destruction.
#[doc = include_str!("manual/life.md")]
pub mod life {}

/// The AWS KMS API inside a pod.
#[doc = include_str!("manual/sidecar.md")]
pub mod sidecar {}

/// Keys from Git, by Argo CD and Flux.
#[doc = include_str!("manual/gitops.md")]
pub mod gitops {}

/// What clients of AWS KMS find, and what differs.
#[doc = include_str!("manual/compatibility.md")]
pub mod compatibility {}
