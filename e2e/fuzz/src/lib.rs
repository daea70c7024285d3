//! What the fuzz targets share: an installation in memory, made of the product's own code.

// The fakes of the product's tests are no part of its library. Under these names they compile here as they are.
use coffer::{api, crypto, domain, types};

pub mod ports;
pub mod world;
