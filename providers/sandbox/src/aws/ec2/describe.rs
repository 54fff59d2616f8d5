//! What all Describe calls share: ids, filters, pages.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Ec2, Params, Tags, Xml};
use crate::aws::ApiError;
use crate::fault::matches_glob;

/// How many most calls can be asked for at once.
const PAGE: RangeInclusive<i64> = 5..=1000;

/// A filter's name and the values that a resource has for it.
pub type Field<R> = (&'static str, fn(&Ec2, &R) -> Vec<String>);

/// What is common to the kinds of resources.
pub trait Resource: Sized + 'static {
    /// The name in a `TagSpecification`, such as `vpc`.
    const TYPE: &'static str;
    /// The parameter that lists ids in a Describe call.
    const IDS: &'static str;
    /// The error code for an id that does not exist.
    const NOT_FOUND: &'static str;
    /// The filters beside those on tags.
    const FIELDS: &'static [Field<Self>];

    /// How many may be asked for at once.
    const PAGE: RangeInclusive<i64> = PAGE;

    /// The id.
    fn id(&self) -> &str;
    /// All of the kind.
    fn all(ec2: &Ec2) -> &BTreeMap<String, Self>;
    /// All of the kind, to change them.
    fn all_mut(ec2: &mut Ec2) -> &mut BTreeMap<String, Self>;

    /// The error for an id that does not exist.
    fn not_found(id: &str) -> ApiError {
        ApiError::bad(Self::NOT_FOUND, format!("The {} ID '{id}' does not exist", Self::TYPE))
    }
}

/// A page of a list.
#[derive(Debug)]
pub struct Page<T> {
    /// What is on the page.
    pub items: Vec<T>,
    /// The token of the next page, if there is one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The answer: the items in a set, then the token.
    pub fn answer(self, set: &str, mut item: impl FnMut(&mut Xml, T)) -> Xml {
        let mut x = Xml::new();
        x.list(set, "item", self.items, &mut item);
        x.opt("nextToken", self.next);
        x
    }
}

/// The resources that a Describe call asks for.
pub fn select<'a, R: Resource>(ec2: &'a Ec2, limit: Option<usize>, p: &Params) -> Result<Page<&'a R>, ApiError> {
    let ids = p.list(R::IDS);
    let named = ids.iter().map(|id| ec2.get::<R>(id)).collect::<Result<Vec<_>, _>>()?;
    let filters = Filters::read(p)?;
    filters.check::<R>()?;
    let mut found: Vec<&R> = if ids.is_empty() { R::all(ec2).values().collect() } else { named };
    found.retain(|item| filters.admits(ec2, *item));
    found.sort_by(|a, b| a.id().cmp(b.id()));
    found.dedup_by(|a, b| a.id() == b.id());
    page_within(&R::PAGE, found, |item| item.id(), if ids.is_empty() { limit } else { None }, p)
}

/// The filters of a request.
#[derive(Debug)]
pub struct Filters {
    all: Vec<(String, Vec<String>)>,
}

impl Filters {
    /// Reads `Filter.N`.
    pub fn read(p: &Params) -> Result<Self, ApiError> {
        let mut all = Vec::new();
        for filter in p.structs("Filter") {
            let name = filter.str("Name")?;
            let values = filter.list("Value");
            if values.is_empty() {
                return Err(ApiError::value(format!("The filter '{name}' has no values")));
            }
            if values.len() > 200 {
                return Err(ApiError::bad("FilterLimitExceeded", "The maximum number of filter values is 200"));
            }
            all.push((name, values));
        }
        Ok(Self { all })
    }

    /// Refuses filters that the kind does not know.
    pub fn check<R: Resource>(&self) -> Result<(), ApiError> {
        let names: Vec<&str> = R::FIELDS.iter().map(|(name, _)| *name).collect();
        self.check_names(&names, true)
    }

    /// Refuses filters that are not among the names. Filters on tags are known if the kind is `taggable`.
    pub fn check_names(&self, names: &[&str], taggable: bool) -> Result<(), ApiError> {
        for (name, _) in &self.all {
            let on_tags = name.strip_prefix("tag:").is_some_and(|key| !key.is_empty()) || name == "tag-key";
            if !(names.contains(&name.as_str()) || taggable && on_tags) {
                return Err(ApiError::value(format!("The filter '{name}' is invalid")));
            }
        }
        Ok(())
    }

    /// Whether a resource passes all filters.
    pub fn admits<R: Resource>(&self, ec2: &Ec2, item: &R) -> bool {
        let none = Tags::new();
        let tags = ec2.tags.get(item.id()).unwrap_or(&none);
        self.admit(tags, |name| {
            R::FIELDS.iter().find(|(known, _)| *known == name).map_or_else(Vec::new, |(_, values)| values(ec2, item))
        })
    }

    /// Whether something with these tags and values passes all filters.
    pub fn admit(&self, tags: &Tags, values_of: impl Fn(&str) -> Vec<String>) -> bool {
        self.all.iter().all(|(name, wanted)| {
            let have = if let Some(key) = name.strip_prefix("tag:") {
                tags.get(key).into_iter().cloned().collect()
            } else if name == "tag-key" {
                tags.keys().cloned().collect()
            } else {
                values_of(name)
            };
            have.iter().any(|value| wanted.iter().any(|pattern| matches_glob(pattern, value)))
        })
    }
}

/// The page that `MaxResults` and `NextToken` ask for, of items in the order of their keys. A token names the last
/// key of the page before, so what is deleted between two pages does no harm.
pub fn page<T>(items: Vec<T>, key: impl Fn(&T) -> &str, limit: Option<usize>, p: &Params) -> Result<Page<T>, ApiError> {
    page_within(&PAGE, items, key, limit, p)
}

/// The same for a call with other bounds on `MaxResults`.
pub fn page_within<T>(
    bounds: &RangeInclusive<i64>,
    items: Vec<T>,
    key: impl Fn(&T) -> &str,
    limit: Option<usize>,
    p: &Params,
) -> Result<Page<T>, ApiError> {
    let asked = p.opt_int("MaxResults")?;
    if let Some(asked) = asked.filter(|asked| !bounds.contains(asked)) {
        return Err(ApiError::value(format!(
            "Value ({asked}) for parameter maxResults is invalid. Expecting a value from {} to {}.",
            bounds.start(),
            bounds.end()
        )));
    }
    let size = [asked.and_then(|asked| usize::try_from(asked).ok()), limit].into_iter().flatten().min();
    let after = match p.opt_str("NextToken").filter(|token| !token.is_empty()) {
        None => String::new(),
        Some(token) => URL_SAFE_NO_PAD
            .decode(&token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| text.strip_prefix("after:").map(str::to_owned))
            .ok_or_else(|| ApiError::value(format!("Value ({token}) for parameter nextToken is invalid.")))?,
    };
    let mut items: Vec<T> = items.into_iter().filter(|item| key(item) > after.as_str()).collect();
    let Some(size) = size.filter(|size| *size < items.len()) else {
        return Ok(Page { items, next: None });
    };
    items.truncate(size);
    let next = items.last().map(|last| URL_SAFE_NO_PAD.encode(format!("after:{}", key(last))));
    Ok(Page { items, next })
}
