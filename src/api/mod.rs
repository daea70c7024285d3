//! L1, the shapes on the wire: custom resources, AWS JSON, headers of blobs and containers. No decisions.

pub mod aws;
pub mod blob;
pub mod container;
pub mod crd;
