//! Typed resources: what a provider's compiler writes down, and what its operations read.

use std::marker::PhantomData;

use crate::field::{FieldError, FieldValue};
use crate::schema::KindSchema;
use crate::value::{Fields, Reference, Value};
use crate::{Address, address::AddressError};

/// A kind of resource as a Rust type. Implemented by [`resource!`](crate::resource!).
pub trait Resource: Sized + Send + Sync + 'static {
    /// The static description of the kind.
    const SCHEMA: KindSchema;

    /// The same description with a static life.
    fn schema() -> &'static KindSchema;

    /// The fields as values.
    fn into_fields(self) -> Fields;

    /// The way back; every field must be there and known.
    fn from_fields(fields: &Fields) -> Result<Self, FieldError>;
}

/// A value that is known, or known after another resource has been made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attr<T> {
    Known(T),
    After(Reference),
}

impl<T> Attr<T> {
    /// The value; an error before apply.
    pub fn get(&self) -> Result<&T, FieldError> {
        match self {
            Self::Known(value) => Ok(value),
            Self::After(reference) => Err(FieldError::Unknown { reference: reference.to_string() }),
        }
    }
}

impl<T: FieldValue> FieldValue for Attr<T> {
    const REFERENCE: bool = true;

    fn into_value(self) -> Value {
        match self {
            Self::Known(value) => value.into_value(),
            Self::After(reference) => Value::from(reference),
        }
    }

    fn from_value(value: &Value) -> Result<Self, FieldError> {
        match value {
            Value::After(reference) => Ok(Self::After(reference.as_ref().clone())),
            other => T::from_value(other).map(Self::Known),
        }
    }
}

/// A typed reference to a resource of the kind `R`; an edge of the graph until it is resolved to the cloud's id.
#[derive(Debug)]
pub struct Ref<R> {
    id: Attr<String>,
    kind: PhantomData<fn() -> R>,
}

impl<R> Clone for Ref<R> {
    fn clone(&self) -> Self {
        Self { id: self.id.clone(), kind: PhantomData }
    }
}

impl<R> PartialEq for Ref<R> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl<R> Eq for Ref<R> {}

impl<R> Ref<R> {
    /// A resource that exists already and belongs to someone else, by the cloud's id.
    #[must_use]
    pub fn existing(id: impl Into<String>) -> Self {
        Self { id: Attr::Known(id.into()), kind: PhantomData }
    }

    /// The cloud's id; an error before the resource has been made.
    pub fn id(&self) -> Result<&str, FieldError> {
        self.id.get().map(String::as_str)
    }
}

impl<R: Resource> Ref<R> {
    /// The resource `name` of the kind in the same graph.
    pub fn to(name: &str) -> Result<Self, AddressError> {
        let address = Address::new(R::SCHEMA.kind, name)?;
        Ok(Self { id: Attr::After(Reference { address, attribute: "id".to_owned() }), kind: PhantomData })
    }

    /// Another attribute of the same resource. For an existing resource only `id` is known, and is what this gives.
    #[must_use]
    pub fn attribute<T: FieldValue + From<String>>(&self, attribute: &str) -> Attr<T> {
        match &self.id {
            Attr::Known(id) => Attr::Known(T::from(id.clone())),
            Attr::After(reference) => {
                Attr::After(Reference { address: reference.address.clone(), attribute: attribute.to_owned() })
            }
        }
    }
}

impl<R> FieldValue for Ref<R> {
    const REFERENCE: bool = true;

    fn into_value(self) -> Value {
        self.id.into_value()
    }

    fn from_value(value: &Value) -> Result<Self, FieldError> {
        Ok(Self { id: Attr::from_value(value)?, kind: PhantomData })
    }
}

/// Declares a kind of resource: its struct, its schema and the way to [`Fields`] and back.
///
/// Each field says what its change means, `update` or `replace`, or that the cloud never gives it back, `unread`. In place of
/// `update`, `update_if(guard)` names a [`Guard`](crate::schema::Guard); `exclusive` is `replace` for what no two of the kind
/// can have. `computed` lists what only the cloud can tell, with `volatile` before what an update may change. A kind on whose machines the
/// cluster's controllers run has `, runs_controllers` before the first semicolon.
///
/// ```
/// use meridian_engine::resource;
/// use meridian_engine::schema::Replacement;
///
/// resource! {
///     /// A network.
///     pub struct Network = "demo_network", "network", Replacement::Refused("it holds everything else");
///     fields {
///         /// Its range.
///         cidr: String => replace,
///         /// Free text.
///         note: Option<String> => update,
///     }
///     computed { arn, volatile etag }
/// }
///
/// let network = Network { cidr: "10.0.0.0/16".into(), note: None };
/// use meridian_engine::Resource as _;
/// assert_eq!(Network::SCHEMA.kind, "demo_network");
/// assert_eq!(network.into_fields().len(), 2);
/// ```
#[macro_export]
macro_rules! resource {
    (
        $(#[$meta:meta])*
        pub struct $name:ident = $kind:literal, $title:literal, $replacement:expr $(, $role:ident)?;
        fields { $( $(#[$field_meta:meta])* $field:ident : $type:ty => $on_change:ident $(($guard:path))? ),* $(,)? }
        computed { $($computed:tt)* }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $type, )*
        }

        impl $crate::Resource for $name {
            const SCHEMA: $crate::KindSchema = $crate::KindSchema {
                kind: $kind,
                title: $title,
                fields: &[ $( $crate::schema::FieldSchema {
                    name: stringify!($field),
                    on_change: $crate::resource!(@on_change $on_change $($guard)?),
                    exclusive: $crate::resource!(@exclusive $on_change),
                    reference: <$type as $crate::field::FieldValue>::REFERENCE,
                }, )* ],
                computed: $crate::resource!(@computed [] $($computed)*),
                replacement: $replacement,
                runs_controllers: $crate::resource!(@role $($role)?),
            };

            fn schema() -> &'static $crate::KindSchema {
                static SCHEMA: $crate::KindSchema = <$name as $crate::Resource>::SCHEMA;
                &SCHEMA
            }

            fn into_fields(self) -> $crate::Fields {
                $crate::Fields::from([
                    $( (stringify!($field).to_owned(), $crate::field::FieldValue::into_value(self.$field)), )*
                ])
            }

            fn from_fields(fields: &$crate::Fields) -> Result<Self, $crate::field::FieldError> {
                Ok(Self {
                    $( $field: $crate::field::FieldValue::from_value(
                            fields.get(stringify!($field)).unwrap_or(&$crate::Value::Null),
                        )
                        .map_err(|e| e.within(stringify!($field)))?, )*
                })
            }
        }
    };
    (@role) => { false };
    (@role runs_controllers) => { true };
    (@on_change update) => { $crate::schema::OnChange::Update };
    (@on_change update_if $guard:path) => { $crate::schema::OnChange::UpdateIf($guard) };
    (@on_change replace) => { $crate::schema::OnChange::Replace };
    (@on_change exclusive) => { $crate::schema::OnChange::Replace };
    (@on_change unread) => { $crate::schema::OnChange::Unread };
    (@exclusive exclusive) => { true };
    (@exclusive $other:ident) => { false };
    (@computed [$($done:expr),*]) => { &[$($done),*] };
    (@computed [$($done:expr),*] volatile $name:ident $(, $($rest:tt)*)?) => {
        $crate::resource!(@computed
            [$($done,)* $crate::schema::ComputedSchema { name: stringify!($name), changes_on_update: true }]
            $($($rest)*)?)
    };
    (@computed [$($done:expr),*] $name:ident $(, $($rest:tt)*)?) => {
        $crate::resource!(@computed
            [$($done,)* $crate::schema::ComputedSchema { name: stringify!($name), changes_on_update: false }]
            $($($rest)*)?)
    };
}

/// Declares a struct that is a value of a field: a record inside a resource.
#[macro_export]
macro_rules! record {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $( $(#[$field_meta:meta])* $field:ident : $type:ty ),* $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $type, )*
        }

        impl $crate::field::FieldValue for $name {
            const REFERENCE: bool = false $( || <$type as $crate::field::FieldValue>::REFERENCE )*;

            fn into_value(self) -> $crate::Value {
                $crate::Value::Map([
                    $( (stringify!($field).to_owned(), $crate::field::FieldValue::into_value(self.$field)), )*
                ].into())
            }

            fn from_value(value: &$crate::Value) -> Result<Self, $crate::field::FieldError> {
                let $crate::Value::Map(entries) = value else {
                    return Err($crate::field::FieldError::wrong_type(stringify!($name), value));
                };
                Ok(Self {
                    $( $field: $crate::field::FieldValue::from_value(
                            entries.get(stringify!($field)).unwrap_or(&$crate::Value::Null),
                        )
                        .map_err(|e| e.within(stringify!($field)))?, )*
                })
            }
        }
    };
}
