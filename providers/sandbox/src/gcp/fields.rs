//! Partial answers: the query parameter `fields`, by which a client asks for some fields only
//! (Cloud Storage, "Partial responses").

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use super::error::ApiError;
use super::request::{Request, json_response};

/// What is asked for of a message: fields by name, and what of each. No fields are all of them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Mask(Vec<(String, Mask)>);

/// Leaves of an answer what the request asks for. Content, errors and answers without anything in them stay as they are.
pub fn pick(request: &Request, response: http::Response<Bytes>) -> Result<http::Response<Bytes>, ApiError> {
    let Some(text) = request.text("fields") else { return Ok(response) };
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !response.status().is_success() || !kind.starts_with("application/json") {
        return Ok(response);
    }
    let wrong = || ApiError::new(400, "invalidParameter", format!("Invalid field selection {text}"));
    let mask = Mask::read(text).ok_or_else(wrong)?;
    let value: Value = serde_json::from_slice(response.body()).map_err(|_| ApiError::server(500))?;
    Ok(json_response(response.status().as_u16(), &mask.apply(value)))
}

impl Mask {
    fn read(text: &str) -> Option<Self> {
        let mut rest = text;
        let mask = Self::list(&mut rest)?;
        rest.is_empty().then_some(mask)
    }

    /// `a,b/c,d(e,f)`.
    fn list(rest: &mut &str) -> Option<Self> {
        let mut fields = Vec::new();
        loop {
            fields.push(Self::field(rest)?);
            match rest.strip_prefix(',') {
                Some(more) => *rest = more,
                None => return Some(Self(fields)),
            }
        }
    }

    fn field(rest: &mut &str) -> Option<(String, Self)> {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '*').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if name.is_empty() {
            return None;
        }
        *rest = after;
        let inner = if let Some(more) = after.strip_prefix('/') {
            *rest = more;
            Self(vec![Self::field(rest)?])
        } else if let Some(more) = after.strip_prefix('(') {
            *rest = more;
            let inner = Self::list(rest)?;
            *rest = rest.strip_prefix(')')?;
            inner
        } else {
            Self::default()
        };
        Some((name.to_owned(), inner))
    }

    fn apply(&self, value: Value) -> Value {
        match value {
            _ if self.0.is_empty() => value,
            Value::Array(items) => items.into_iter().map(|item| self.apply(item)).collect(),
            Value::Object(fields) => {
                let picked = fields.into_iter().filter_map(|(name, value)| {
                    let (_, inner) = self.0.iter().find(|(asked, _)| *asked == name || asked == "*")?;
                    let value = inner.apply(value);
                    Some((name, value))
                });
                Value::Object(picked.collect::<Map<_, _>>())
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_picked() {
        let value = json!({
            "kind": "k", "items": [{ "name": "a", "size": "1" }, { "name": "b" }], "nextPageToken": "t",
            "deep": { "one": { "x": 1, "y": 2 }, "two": 3 },
        });
        for (text, picked) in [
            ("kind", json!({ "kind": "k" })),
            ("items(name),nextPageToken", json!({ "items": [{ "name": "a" }, { "name": "b" }], "nextPageToken": "t" })),
            ("deep/one/x,kind", json!({ "kind": "k", "deep": { "one": { "x": 1 } } })),
            ("deep(one(y),two)", json!({ "deep": { "one": { "y": 2 }, "two": 3 } })),
            ("colour", json!({})),
        ] {
            assert_eq!(Mask::read(text).unwrap().apply(value.clone()), picked, "{text}");
        }
        assert_eq!(Mask::read("*").unwrap().apply(value.clone()), value);
        for wrong in ["", ",", "a,", "a(b", "a)", "a//b", "a b"] {
            assert_eq!(Mask::read(wrong), None, "{wrong}");
        }
    }
}
