//! Sets of records, by name and type.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};

use crate::azure::body::{self, Object, Shape, TEXTS, list, optional, read_only, required, text};
use crate::azure::error::ApiError;
use crate::azure::kind::{Draft, Kind, Spec};
use crate::azure::world::{Cx, Resource, State, key, name_of, parent_of};
use crate::clock::Millis;

/// The types of records.
pub const KINDS: [&str; 8] = ["A", "AAAA", "CNAME", "MX", "PTR", "SOA", "SRV", "TXT"];

/// The most records of a set.
const MOST: usize = 20;

const SEVEN: Shape = Shape::Int(0, i32::MAX as i64);
const SHORT: Shape = Shape::Int(0, u16::MAX as i64);

const RECORD_SET: Object = Object {
    name: "RecordSet",
    fields: &[
        optional("etag", &Shape::Text),
        required("properties", &Shape::Object(&PROPERTIES)),
        read_only("id"),
        read_only("name"),
        read_only("type"),
    ],
};

const PROPERTIES: Object = Object {
    name: "RecordSetProperties",
    fields: &[
        required("ttl", &Shape::Int(1, i32::MAX as i64)),
        optional("metadata", &Shape::Map),
        optional("aRecords", &Shape::List(&Shape::Object(&ADDRESS4))),
        optional("aaaaRecords", &Shape::List(&Shape::Object(&ADDRESS6))),
        optional("cnameRecord", &Shape::Object(&ALIAS)),
        optional("mxRecords", &Shape::List(&Shape::Object(&MAIL))),
        optional("ptrRecords", &Shape::List(&Shape::Object(&POINTER))),
        optional("soaRecord", &Shape::Object(&START)),
        optional("srvRecords", &Shape::List(&Shape::Object(&PLACE))),
        optional("txtRecords", &Shape::List(&Shape::Object(&WORDS))),
        read_only("fqdn"),
        read_only("isAutoRegistered"),
    ],
};

const ADDRESS4: Object = Object { name: "ARecord", fields: &[required("ipv4Address", &Shape::Text)] };
const ADDRESS6: Object = Object { name: "AaaaRecord", fields: &[required("ipv6Address", &Shape::Text)] };
const ALIAS: Object = Object { name: "CnameRecord", fields: &[required("cname", &Shape::Text)] };
const MAIL: Object =
    Object { name: "MxRecord", fields: &[required("preference", &SHORT), required("exchange", &Shape::Text)] };
const POINTER: Object = Object { name: "PtrRecord", fields: &[required("ptrdname", &Shape::Text)] };
const WORDS: Object = Object { name: "TxtRecord", fields: &[required("value", &TEXTS)] };
const PLACE: Object = Object {
    name: "SrvRecord",
    fields: &[
        required("priority", &SHORT),
        required("weight", &SHORT),
        required("port", &SHORT),
        required("target", &Shape::Text),
    ],
};
const START: Object = Object {
    name: "SoaRecord",
    fields: &[
        optional("email", &Shape::Text),
        optional("refreshTime", &SEVEN),
        optional("retryTime", &SEVEN),
        optional("expireTime", &SEVEN),
        optional("minimumTtl", &SEVEN),
        read_only("host"),
        read_only("serialNumber"),
    ],
};

/// The sets of one type.
#[derive(Debug)]
pub struct Records {
    spec: &'static Spec,
    /// The property that holds the records.
    field: &'static str,
}

const fn spec(kind: &'static str) -> Spec {
    Spec {
        kind,
        operations: "RecordSets",
        shape: &RECORD_SET,
        patch: Some(("Update", &RECORD_SET)),
        lists: ("ListByType", None),
        located: false,
        etag: true,
        stateful: false,
        name_max: 253,
        ..Spec::BASE
    }
}

/// `A`.
pub static A: Records = Records { spec: &spec("Microsoft.Network/privateDnsZones/A"), field: "aRecords" };
/// `AAAA`.
pub static AAAA: Records = Records { spec: &spec("Microsoft.Network/privateDnsZones/AAAA"), field: "aaaaRecords" };
/// `CNAME`.
pub static CNAME: Records = Records { spec: &spec("Microsoft.Network/privateDnsZones/CNAME"), field: "cnameRecord" };
/// `MX`.
pub static MX: Records = Records { spec: &spec("Microsoft.Network/privateDnsZones/MX"), field: "mxRecords" };
/// `PTR`.
pub static PTR: Records = Records { spec: &spec("Microsoft.Network/privateDnsZones/PTR"), field: "ptrRecords" };
/// `SOA`.
pub static SOA: Records = Records { spec: &spec("Microsoft.Network/privateDnsZones/SOA"), field: "soaRecord" };
/// `SRV`.
pub static SRV: Records = Records { spec: &spec("Microsoft.Network/privateDnsZones/SRV"), field: "srvRecords" };
/// `TXT`.
pub static TXT: Records = Records { spec: &spec("Microsoft.Network/privateDnsZones/TXT"), field: "txtRecords" };

/// The type of the records of a kind, if it is one of records.
pub fn type_of(kind: &str) -> Option<&str> {
    kind.strip_prefix("Microsoft.Network/privateDnsZones/").filter(|end| KINDS.contains(end))
}

/// The record that every zone begins with.
pub fn begin(cx: &mut Cx<'_>, zone: &str) {
    let id = format!("{zone}/SOA/@");
    let record = json!({
        "host": "azureprivatedns.net",
        "email": "azureprivatedns-host.microsoft.com",
        "serialNumber": 1,
        "refreshTime": 3600,
        "retryTime": 300,
        "expireTime": 2_419_200,
        "minimumTtl": 10,
    });
    let resource = Resource {
        id: id.clone(),
        kind: SOA.spec.kind.to_owned(),
        location: String::new(),
        body: json!({ "properties": { "ttl": 3600, "soaRecord": record } }),
        hidden: json!({}),
        etag: cx.etag(),
        created: cx.now,
        state: State::Ready,
    };
    cx.sub.resources.insert(key(&id), resource);
}

impl Kind for Records {
    fn spec(&self) -> &'static Spec {
        self.spec
    }

    fn put(&self, cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError> {
        self.check_field(draft)?;
        match self.field {
            "soaRecord" => complete_start(draft)?,
            "cnameRecord" => {
                if draft.name() == "@" || draft.body["properties"]["cnameRecord"].is_null() {
                    return Err(bad("A CNAME record set has one record, and cannot be at the root of a zone."));
                }
            }
            field => {
                check_records(list(&draft.body, &format!("/properties/{field}")), field)?;
                body::default(&mut draft.body, field, json!([]));
            }
        }
        check_alias(cx, draft, self.field == "cnameRecord")?;
        if let Some(given) = draft.body.as_object_mut() {
            given.remove("etag");
        }
        Ok(())
    }

    fn delete(&self, cx: &mut Cx<'_>, resource: &Resource) -> Result<Option<Millis>, ApiError> {
        // It goes with its zone alone.
        let zone = parent_of(&resource.id);
        if self.field == "soaRecord" && cx.find(zone).is_some_and(|zone| !zone.is_deleting()) {
            return Err(bad("The SOA record set of a zone cannot be deleted."));
        }
        Ok(None)
    }

    fn view(&self, _: &Cx<'_>, resource: &Resource, body: &mut Value) {
        let (name, zone) = (resource.name(), name_of(parent_of(&resource.id)));
        let domain = if name == "@" { format!("{zone}.") } else { format!("{name}.{zone}.") };
        body::set(body, "fqdn", json!(domain));
        body::set(body, "isAutoRegistered", json!(false));
    }
}

impl Records {
    /// Refuses records of other types than the path's.
    fn check_field(&self, draft: &Draft) -> Result<(), ApiError> {
        let given = draft.body["properties"].as_object().into_iter().flatten();
        let foreign = given
            .map(|(name, _)| name.as_str())
            .find(|name| (name.ends_with("Record") || name.ends_with("Records")) && *name != self.field);
        match foreign {
            Some(name) => Err(bad(&format!("The property '{name}' is not of the record set's type."))),
            None => Ok(()),
        }
    }
}

fn bad(message: &str) -> ApiError {
    ApiError::bad("BadRequest", message)
}

fn complete_start(draft: &mut Draft) -> Result<(), ApiError> {
    let mut whole = draft.before("/properties/soaRecord");
    if whole.is_null() {
        return Err(bad("An SOA record set is at the root of its zone, and is made with it."));
    }
    body::merge(&mut whole, draft.body["properties"]["soaRecord"].take());
    body::set(&mut draft.body, "soaRecord", whole);
    Ok(())
}

/// At most twenty records, none of them twice, with addresses that are some.
fn check_records(records: &[Value], field: &str) -> Result<(), ApiError> {
    if records.len() > MOST {
        return Err(bad(&format!("The record set has more than {MOST} records.")));
    }
    for (at, record) in records.iter().enumerate() {
        if records[..at].contains(record) {
            return Err(bad(&format!("The record {record} is in the record set twice.")));
        }
        let wrong = match field {
            "aRecords" => text(record, "/ipv4Address").parse::<Ipv4Addr>().is_err(),
            "aaaaRecords" => text(record, "/ipv6Address").parse::<Ipv6Addr>().is_err(),
            _ => false,
        };
        if wrong {
            return Err(bad(&format!("The value {record} is not a valid IP address.")));
        }
    }
    Ok(())
}

/// A name with an alias has nothing else.
fn check_alias(cx: &Cx<'_>, draft: &Draft, is_alias: bool) -> Result<(), ApiError> {
    let zone = format!("{}/", key(parent_of(&draft.id)));
    let other = cx.sub.resources.values().find(|other| {
        key(&other.id).starts_with(&zone)
            && other.name().eq_ignore_ascii_case(draft.name())
            && key(&other.id) != key(&draft.id)
            && type_of(&other.kind).is_some_and(|kind| is_alias || kind == "CNAME")
    });
    match other {
        Some(other) => Err(bad(&format!(
            "The record set could not be created because a CNAME record set cannot coexist with another record set of \
             the same name: {}.",
            other.id
        ))),
        None => Ok(()),
    }
}
