//! Tests of this layer: known answers of the second implementation in `e2e/formats`, Wycheproof, and
//! everything that must be refused.

mod import;
mod known_answers;
mod negatives;
mod properties;
mod root;
mod seal;
mod vectors;
mod wycheproof;
