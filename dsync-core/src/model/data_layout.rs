//! The data layout of a system: what the platform asks a connector for.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use super::check;
use super::endpoint::Endpoint;
use crate::entity::DsyncEntity;
use crate::faults::{Faults, FaultsBuilder};
use crate::layout::json::Form;
use crate::layout::{EntityLayout, FieldLayout, Treekey};
use crate::token::{EntityToken, EntityTokens};

/// A system's schema: its endpoints with their fields.
///
/// It serializes as `{"data_layout": [endpoint, ...]}`, the `data` of the answer to
/// `GET {connector}/datalayout` (PROTOCOL section 3), and is read from both forms that are in use:
/// the SDKs' thirteen keys a field, and the one without unset keys.
///
/// Reading accepts what is well-formed; [`DataLayout::check`] says whether it is right. A layout
/// from [`DataLayout::builder`] is checked.
///
/// # Examples
///
/// ```
/// use dsync_core::DataLayout;
///
/// let layout: DataLayout = serde_json::from_str(
///     r#"{"data_layout": [{
///         "entity_name": "product", "treekey": "product",
///         "endpoint_url": "/entity/product", "entity_token": "shop-1-product-1",
///         "fields": [{"treekey": "product.sku", "name": "sku", "type": "txet"}]
///     }]}"#,
/// )?;
/// let faults = layout.check().unwrap_err();
/// assert!(faults.to_string().starts_with("product.sku `txet` is no field type (did you mean `text`?)"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
pub struct DataLayout {
    data_layout: Vec<Endpoint>,
}

impl DataLayout {
    /// Starts a layout. Endpoints appear in the order in which they are added.
    #[must_use]
    pub fn builder() -> DataLayoutBuilder {
        DataLayoutBuilder {
            sources: Vec::new(),
            tokens: EntityTokens::new(),
        }
    }

    /// The endpoints.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.data_layout
    }

    /// The endpoint with this entity name.
    #[must_use]
    pub fn endpoint(&self, entity_name: &str) -> Option<&Endpoint> {
        self.data_layout
            .iter()
            .find(|endpoint| endpoint.entity_name() == entity_name)
    }

    /// The endpoint that this token identifies.
    #[must_use]
    pub fn endpoint_of(&self, token: &EntityToken) -> Option<&Endpoint> {
        self.data_layout
            .iter()
            .find(|endpoint| endpoint.entity_token() == token)
    }

    /// Holds the layout against the protocol's rules and the system as a whole.
    ///
    /// # Errors
    ///
    /// Every fault, each with its treekey: no endpoint, an endpoint without a field,
    /// the same token or treekey twice, an unknown type, a name that is empty or has a dot, a child
    /// that does not stand under its parent, a second primary key or one that is no single value of
    /// the first level, a date format on something else than a date.
    pub fn check(&self) -> Result<(), Faults> {
        let mut faults = FaultsBuilder::default();
        check::endpoints(&self.data_layout, &mut faults);
        faults.finish(())
    }

    /// The same layout in the form that leaves out every unset key, as DSYNC's own Magento 2
    /// connector writes it.
    pub fn minimal(&self) -> impl Serialize {
        MinimalJson(self)
    }
}

impl Serialize for DataLayout {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("DataLayout", 1)?;
        json.serialize_field("data_layout", &self.data_layout)?;
        json.end()
    }
}

struct MinimalJson<'a>(&'a DataLayout);

impl Serialize for MinimalJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let endpoints: Vec<_> = self
            .0
            .data_layout
            .iter()
            .map(|endpoint| endpoint.json(Form::Minimal))
            .collect();
        let mut json = serializer.serialize_struct("DataLayout", 1)?;
        json.serialize_field("data_layout", &endpoints)?;
        json.end()
    }
}

/// Assembles a [`DataLayout`].
#[derive(Clone, Debug)]
pub struct DataLayoutBuilder {
    sources: Vec<Source>,
    tokens: EntityTokens,
}

#[derive(Clone, Debug)]
enum Source {
    Static(&'static EntityLayout),
    Owned(Endpoint),
}

impl Source {
    fn name(&self) -> &str {
        match self {
            Self::Static(layout) => layout.name(),
            Self::Owned(endpoint) => endpoint.entity_name(),
        }
    }
}

/// The entities that are referred to are in the layout. Only typed references can be followed: what
/// a foreign key's text looks like is unknown.
fn references(
    parent: &Treekey<'_>,
    fields: &[FieldLayout],
    names: &[String],
    faults: &mut FaultsBuilder,
) {
    for field in fields {
        let treekey = parent.child(field.name());
        if let Some(entity) = field.referenced_entity()
            && !names.iter().any(|name| name == entity.name())
        {
            faults.add(
                treekey,
                format!(
                    "refers to the entity {:?}, which is not in the data layout",
                    entity.name()
                ),
            );
        }
        references(&treekey, field.fields(), names, faults);
    }
}

impl DataLayoutBuilder {
    /// Adds the layout of a derived entity.
    #[must_use]
    pub fn entity<T: DsyncEntity>(mut self) -> Self {
        self.sources.push(Source::Static(T::LAYOUT));
        self
    }

    /// Adds an endpoint that is known only at run time.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.sources.push(Source::Owned(endpoint));
        self
    }

    /// Overrides the tokens of derived entities with those of the deployed system.
    #[must_use]
    pub fn entity_tokens(mut self, tokens: EntityTokens) -> Self {
        self.tokens = tokens;
        self
    }

    /// Puts the layout together and checks it.
    ///
    /// # Errors
    ///
    /// Every fault that [`DataLayout::check`] finds, a token that is none, and a reference to an
    /// entity that is not in the layout.
    pub fn build(self) -> Result<DataLayout, Faults> {
        let mut faults = FaultsBuilder::default();
        let mut data_layout = Vec::with_capacity(self.sources.len());
        let names: Vec<_> = self
            .sources
            .iter()
            .map(Source::name)
            .map(str::to_owned)
            .collect();
        for source in self.sources {
            match source {
                Source::Owned(endpoint) => data_layout.push(endpoint),
                Source::Static(layout) => {
                    references(
                        &Treekey::root(layout.name()),
                        layout.fields(),
                        &names,
                        &mut faults,
                    );
                    match Endpoint::from_static(layout, &self.tokens) {
                        Ok(endpoint) => data_layout.push(endpoint),
                        Err(error) => faults.add(layout.name(), error.to_string()),
                    }
                }
            }
        }
        check::endpoints(&data_layout, &mut faults);
        faults.finish(DataLayout { data_layout })
    }
}
