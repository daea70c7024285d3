//! A resource of a folder and whose its fields are.

use std::collections::BTreeSet;

use crate::domain::resource::{Manager, Resource};
use crate::domain::spec_change::SpecField;

/// A resource, and which fields of one that a manifest keeps the API has set.
pub struct Held {
    /// The resource.
    pub resource: Resource,
    /// The fields that the API set.
    pub api_fields: BTreeSet<SpecField>,
}

impl Held {
    /// The fields that are the API's; of a resource that it made, all of them.
    #[must_use]
    pub fn of_api(&self) -> BTreeSet<SpecField> {
        match self.resource.manager {
            Manager::Api => SpecField::all_set(&self.resource.spec),
            Manager::Manifest(_) => self.api_fields.clone(),
        }
    }
}
