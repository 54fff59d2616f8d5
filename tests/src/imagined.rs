//! A cloud that is as a graph wants it, without any cloud: what golden plans of changes begin with.

use std::collections::BTreeMap;

use meridian_engine::observed::Condition;
use meridian_engine::schema::OnChange;
use meridian_engine::{Fields, Graph, Observed, Reference, Value};

/// Every resource of `graph` as if it had been made. Ids and what only a cloud can tell are `<attribute of address>`.
#[must_use]
pub fn observed(graph: &Graph) -> Vec<Observed> {
    graph
        .iter()
        .map(|node| {
            let attribute =
                |name: &str| answer(&Reference { address: node.address.clone(), attribute: name.to_owned() });
            let is_read =
                |name: &str| node.schema.field(name).is_some_and(|field| !matches!(field.on_change, OnChange::Unread));
            let fields: Fields = node
                .fields
                .iter()
                .filter(|(name, _)| is_read(name))
                .map(|(name, value)| (name.clone(), value.resolve(&|reference| Some(answer(reference)))))
                .collect();
            let computed: BTreeMap<String, Value> = node
                .schema
                .computed
                .iter()
                .map(|computed| (computed.name.to_owned(), attribute(computed.name)))
                .collect();
            Observed {
                address: node.address.clone(),
                schema: node.schema,
                id: format!("<id of {}>", node.address),
                fields,
                computed,
                condition: Condition::Ready,
            }
        })
        .collect()
}

fn answer(reference: &Reference) -> Value {
    Value::String(format!("<{} of {}>", reference.attribute, reference.address))
}
