//! The records of this program: annotated structs, and nothing else that DSYNC needs to know.

use dsync::prelude::*;
use serde::Serialize;

/// A package that a build uses.
#[derive(Clone, Debug, PartialEq, Serialize, DsyncEntity)]
#[dsync(entity_token = "catalogue-1-package-5d1f0c5ab6f94ac3a3f2a9ed0c6b7e21")]
pub(crate) struct Package {
    /// Where it comes from, its name and its version, in cargo's words
    #[dsync(primary_key)]
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    /// What it is for
    pub(crate) description: Option<String>,
    #[dsync(type = "url")]
    pub(crate) homepage: Option<String>,
    #[dsync(type = "url")]
    pub(crate) repository: Option<String>,
    #[dsync(type = "url")]
    pub(crate) documentation: Option<String>,
    /// An SPDX expression
    pub(crate) license: Option<String>,
    /// The oldest Rust that compiles it
    pub(crate) rust_version: Option<String>,
    pub(crate) authors: Vec<String>,
    /// Where to write to
    #[dsync(type = "email")]
    pub(crate) emails: Vec<String>,
    pub(crate) keywords: Vec<String>,
    pub(crate) categories: Vec<String>,
    /// How many features it has
    pub(crate) features: usize,
    /// Whether a person has looked at it
    pub(crate) reviewed: bool,
    pub(crate) dependencies: Vec<Dependency>,
}

/// What a package needs: a part of it, which does not travel alone.
#[derive(Clone, Debug, PartialEq, Serialize, DsyncObject)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Which versions will do
    pub(crate) version_req: String,
    /// `normal`, `dev` or `build`
    pub(crate) kind: String,
    pub(crate) optional: bool,
    /// The platform, where it is not needed on all of them
    pub(crate) target: Option<String>,
    pub(crate) features: Vec<String>,
}

impl Package {
    /// The fields that a package may leave out, and whether this one has them.
    pub(crate) fn optional_fields(&self) -> [(&'static str, bool); 6] {
        [
            (treekey!(Package.description), self.description.is_some()),
            (treekey!(Package.homepage), self.homepage.is_some()),
            (treekey!(Package.repository), self.repository.is_some()),
            (
                treekey!(Package.documentation),
                self.documentation.is_some(),
            ),
            (treekey!(Package.license), self.license.is_some()),
            (treekey!(Package.rust_version), self.rust_version.is_some()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field that is added to the struct belongs into the summary, too.
    #[test]
    fn the_optional_fields_are_all_there() {
        let package = Package {
            id: "i".to_owned(),
            name: "n".to_owned(),
            version: "v".to_owned(),
            description: None,
            homepage: None,
            repository: None,
            documentation: None,
            license: None,
            rust_version: None,
            authors: Vec::new(),
            emails: Vec::new(),
            keywords: Vec::new(),
            categories: Vec::new(),
            features: 0,
            reviewed: false,
            dependencies: Vec::new(),
        };
        let named = package.optional_fields().map(|(treekey, _)| treekey);
        let layout: Vec<_> = Package::layout()
            .fields()
            .iter()
            .filter(|field| !field.is_required())
            .map(|field| format!("package.{}", field.name()))
            .collect();
        assert_eq!(layout, named);
    }
}
