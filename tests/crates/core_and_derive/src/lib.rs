//! The core and the macros, without the facade.

#![deny(warnings)]

use dsync_derive::{DsyncEntity, DsyncObject, FieldValue};

/// A part.
#[derive(Debug, DsyncObject)]
#[dsync(crate = "::dsync_core")]
pub struct Address {
    /// The city
    pub city: String,
}

/// A newtype as a key.
#[derive(Debug, FieldValue)]
#[dsync(crate = "::dsync_core")]
pub struct Number(pub u64);

/// An entity that uses every kind of generated code.
#[derive(Debug, DsyncEntity)]
#[dsync(crate = "::dsync_core")]
pub struct Customer {
    /// What names a customer
    #[dsync(primary_key)]
    pub number: Number,
    /// Two prefixes
    pub home: Address,
    /// Two prefixes
    pub work: Option<Address>,
    /// A declared type
    #[dsync(type = "email")]
    pub emails: Vec<String>,
    /// A reference
    #[dsync(references = Customer::number)]
    pub referred_by: Option<Number>,
}

/// A generic part.
#[derive(Debug, DsyncObject)]
#[dsync(crate = "::dsync_core")]
pub struct Page<T> {
    /// The items
    pub items: Vec<T>,
}

#[cfg(test)]
mod tests {
    use dsync_core::DsyncEntity as _;

    use super::*;

    #[test]
    fn the_derives_work() {
        assert_eq!(
            dsync_core::treekey!(Customer.work.city),
            "customer.work.city"
        );
        assert_eq!(Customer::layout().fields().len(), 5);
        assert_eq!(
            <Page<Address> as dsync_core::DsyncObject>::FIELDS[0]
                .fields()
                .len(),
            1
        );
        let customer = Customer {
            number: Number(7),
            home: Address {
                city: String::new(),
            },
            work: None,
            emails: Vec::new(),
            referred_by: None,
        };
        assert_eq!(customer.entity_id().unwrap().unwrap().as_str(), "7");
    }
}
