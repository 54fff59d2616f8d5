//! Pages of lists.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::error::ApiError;
use super::filter::Filter;
use super::request::Request;
use super::world::Cx;

/// The query parameters of lists.
pub const LIST_QUERY: [&str; 5] = ["filter", "maxResults", "orderBy", "pageToken", "returnPartialSuccess"];

/// The most that a page holds.
const LARGEST: usize = 500;

/// Some of a list.
#[derive(Debug)]
pub struct Page {
    /// Each with its key.
    pub items: Vec<(String, Value)>,
    /// What the next request has to say to go on.
    pub next: Option<String>,
}

/// Filters things that are sorted by their keys and gives the page that the request asks for. `known` says which fields
/// a filter may name.
pub fn page(
    cx: &Cx<'_>,
    request: &Request,
    all: impl IntoIterator<Item = (String, Value)>,
    known: impl Fn(&str) -> bool,
) -> Result<Page, ApiError> {
    request.flag("returnPartialSuccess")?;
    if let Some(order) = request.text("orderBy").filter(|order| *order != "name") {
        return Err(ApiError::invalid("orderBy", order, "The sandbox sorts by name only."));
    }
    let filter = request.text("filter").map(|text| Filter::read(text, known)).transpose()?;
    let asked = request.number("maxResults")?;
    let asked = asked.map_or(LARGEST, |asked| usize::try_from(asked).unwrap_or(usize::MAX));
    if asked > LARGEST {
        return Err(ApiError::invalid("maxResults", asked, "Must be at most 500."));
    }
    // 0 asks for no limit of one's own.
    let limit = if asked == 0 { LARGEST } else { asked };
    let all = all.into_iter().filter(|(_, value)| filter.as_ref().is_none_or(|filter| filter.admits(value)));
    cut(cx, all, limit, request.text("pageToken"))
}

/// Gives the page behind a token of things that are sorted by their keys. A page is never empty when more follow.
pub fn cut(
    cx: &Cx<'_>,
    all: impl IntoIterator<Item = (String, Value)>,
    limit: usize,
    page_token: Option<&str>,
) -> Result<Page, ApiError> {
    let limit = limit.min(cx.page_limit.unwrap_or(usize::MAX)).max(1);
    let after = page_token.map(token).transpose()?;
    let mut items: Vec<(String, Value)> =
        all.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|after| key > after)).take(limit + 1).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|(key, _)| BASE64_URL_SAFE_NO_PAD.encode(key));
    Ok(Page { items, next })
}

fn token(text: &str) -> Result<String, ApiError> {
    BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| ApiError::invalid("pageToken", text, "Invalid page token."))
}

impl Page {
    /// The usual answer of a list of Compute Engine. `path` is where the list stands.
    pub fn answer(self, kind: &str, path: &str) -> Value {
        let items: Vec<Value> = self.items.into_iter().map(|(_, value)| value).collect();
        let mut answer = head(kind, path, self.next);
        // The real service leaves an empty list out.
        if !items.is_empty() {
            answer.insert("items".to_owned(), Value::from(items));
        }
        Value::Object(answer)
    }
}

/// What every answer with a list begins with.
pub fn head(kind: &str, path: &str, next: Option<String>) -> Map<String, Value> {
    let mut head = Map::new();
    head.insert("kind".to_owned(), json!(kind));
    head.insert("id".to_owned(), json!(path));
    head.insert("selfLink".to_owned(), json!(super::compute::path::url(path)));
    head.extend(next.map(|next| ("nextPageToken".to_owned(), json!(next))));
    head
}
