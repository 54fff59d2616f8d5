//! Texts with a form: names, ranges of addresses, labels.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// Defines a text with a pattern. The documentation is the hint of a fault (`x-hint`), and the title its name in messages.
macro_rules! text {
    ($($(#[doc = $doc:literal])+ $name:ident: $title:literal, $length:expr, $pattern:expr;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "title": $title,
                    "x-hint": concat!($($doc),+).trim(),
                    "maxLength": $length,
                    "pattern": $pattern,
                })
            }
        }
    )+};
}

/// A number from 0 to 255 without leading zeros.
macro_rules! octet {
    () => {
        "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
    };
}

/// Names joined by dots, as DNS has them.
macro_rules! subdomain {
    () => {
        r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*"
    };
}

text! {
    /// lower-case letters, digits and hyphens; a letter first, no hyphen last
    ClusterName: "cluster name", 63, "^[a-z]([-a-z0-9]*[a-z0-9])?$";
    /// lower-case letters, digits and hyphens; no hyphen first or last
    Name: "name", 63, "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
    /// `pools.` and the name of a pool, such as pools.general
    PartName: "part of a spec", 69, r"^pools\.[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
    /// an IPv4 network with the length of its prefix, such as 10.0.0.0/16
    Cidr: "range of addresses", 18, concat!("^", octet!(), r"(\.", octet!(), "){3}/(3[0-2]|[12]?[0-9])$");
    /// four numbers from 0 to 255, such as 10.0.0.10
    Address: "IPv4 address", 15, concat!("^", octet!(), r"(\.", octet!(), "){3}$");
    /// a minor version such as "1.34" or an exact one such as "1.34.4", without a leading v
    KubernetesVersion: "Kubernetes version", 16, r"^1\.[0-9]{1,3}(\.[0-9]{1,3})?$";
    /// up to 63 letters, digits, hyphens, dots and underscores, a letter or digit first and last; a DNS name and a slash may stand before it
    LabelKey: "label key", 317, concat!("^(", subdomain!(), "/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$");
    /// empty, or up to 63 letters, digits, hyphens, dots and underscores, a letter or digit first and last
    LabelValue: "label value", 63, "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$";
    /// printable characters; each cloud has further limits
    TagKey: "label key", 128, r"^[^\x00-\x1f\x7f]+$";
    /// printable characters; each cloud has further limits
    TagValue: "label value", 256, r"^[^\x00-\x1f\x7f]*$";
    /// the name of a gate as Kubernetes has it, such as `InPlacePodVerticalScaling`
    FeatureGate: "feature gate", 100, "^[A-Z][A-Za-z0-9]*$";
    /// the name of the flag without leading hyphens, such as audit-log-maxage
    FlagName: "flag", 100, "^[a-z][a-z0-9]*([-.][a-z0-9]+)*$";
    /// http:// or https://, a host and a path
    Url: "URL", 512, r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~%/+-]*)?$";
    /// a registry's host and a path, such as registry.k8s.io or mirror.example.com:5000/k8s
    ImageRepository: "image repository", 255, "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$";
    /// one line of `authorized_keys`: the type of the key, its base64 text, and a comment if you like
    AuthorizedKey: "public key", 8192, r"^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]+={0,3}( [^\x00-\x1f\x7f]*)?$";
    /// an absolute path of letters, digits, dots, hyphens and underscores, such as /var/lib/data
    MountPath: "mount path", 255, "^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$";
}

/// Flags of a component.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Component {
    /// Flags without leading hyphens, and their values, in quotes.
    #[schemars(with = "Option<Keyed<FlagName, String>>")]
    pub extra_args: Option<BTreeMap<FlagName, String>>,
}

/// The schema of a map whose keys have a form, in place of `BTreeMap<K, V>`'s own, which forgets what the keys are.
pub(super) struct Keyed<K, V>(PhantomData<(K, V)>);

impl<K: JsonSchema, V: JsonSchema> JsonSchema for Keyed<K, V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("MapOf{}To{}", K::schema_name(), V::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "propertyNames": generator.subschema_for::<K>(),
            "additionalProperties": generator.subschema_for::<V>(),
        })
    }
}
