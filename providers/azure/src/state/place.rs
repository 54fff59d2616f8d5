//! Where state is to be kept: names that a user wrote, and that go into paths.

use meridian_provider_api::state_host::StateBucket;
use meridian_provider_api::{CloudError, ErrorKind};

use crate::client::id;

/// A container and its account, with names that can be no others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub account: &'a str,
    pub container: &'a str,
    /// The resource group of the account, where one is named.
    pub group: Option<&'a str>,
    /// Where a new account is made.
    pub region: Option<String>,
}

impl<'a> Place<'a> {
    /// Checks the names. `region` is what is meant when the bucket names none.
    pub fn read(bucket: &'a StateBucket, region: &str) -> Result<Self, CloudError> {
        let account = bucket.account.as_deref().unwrap_or_default();
        if !is_account(account) {
            return Err(wrong(format!(
                "{account:?} can't be a storage account: write az://account/container/prefix, with an account of 3 to 24 \
                 lower-case letters and digits"
            )));
        }
        let container = bucket.name.as_str();
        if !is_container(container) {
            return Err(wrong(format!(
                "{container:?} can't be a container: it has 3 to 63 lower-case letters, digits and single hyphens \
                 between them (`team-state`)"
            )));
        }
        let group = bucket.group.as_deref();
        if let Some(group) = group.filter(|group| !is_group(group)) {
            return Err(wrong(format!(
                "{group:?} can't be a resource group: it has up to 90 letters, digits, hyphens, underscores, \
                 parentheses and full stops, the last of which does not end it (`team-state`)"
            )));
        }
        let region = bucket.region.as_deref().or((!region.is_empty()).then_some(region)).map(id::location);
        if let Some(region) = region.as_ref().filter(|region| !region.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        {
            return Err(wrong(format!("{region:?} can't be a region: write one such as `westeurope`")));
        }
        Ok(Self { account, container, group, region })
    }
}

fn wrong(message: String) -> CloudError {
    CloudError::new(ErrorKind::Invalid, "naming a container for state", message)
}

/// Rules: learn.microsoft.com, "Naming rules and restrictions for Azure resources".
fn is_account(name: &str) -> bool {
    (3..=24).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn is_container(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (3..=63).contains(&name.len())
        && name.bytes().all(fits)
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
}

fn is_group(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.()".contains(&byte);
    (1..=90).contains(&name.len()) && name.bytes().all(fits) && !name.ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(account: Option<&str>, name: &str, group: Option<&str>) -> StateBucket {
        StateBucket {
            account: account.map(str::to_owned),
            name: name.to_owned(),
            region: Some("West Europe".to_owned()),
            group: group.map(str::to_owned),
        }
    }

    #[test]
    fn names_that_would_lead_elsewhere_are_refused() {
        let good = bucket(Some("teamstate1"), "team-state", Some("Rg_(1).x"));
        let place = Place::read(&good, "northeurope").unwrap();
        assert_eq!(
            (place.account, place.container, place.region.as_deref()),
            ("teamstate1", "team-state", Some("westeurope"))
        );
        for (account, name, group) in [
            (None, "team-state", None),
            (Some("Team"), "team-state", None),
            (Some("team.evil.example/x"), "team-state", None),
            (Some("teamstate1"), "team--state", None),
            (Some("teamstate1"), "../x", None),
            (Some("teamstate1"), "team-state", Some("a/../b")),
            (Some("teamstate1"), "team-state", Some("")),
        ] {
            let error = Place::read(&bucket(account, name, group), "").unwrap_err();
            assert_eq!(error.kind, ErrorKind::Invalid, "{account:?} {name} {group:?}");
        }
    }

    #[test]
    fn a_region_that_is_named_nowhere_is_none() {
        let mut unnamed = bucket(Some("teamstate1"), "team-state", None);
        unnamed.region = None;
        assert_eq!(Place::read(&unnamed, "").unwrap().region, None);
        assert_eq!(Place::read(&unnamed, "uksouth").unwrap().region.as_deref(), Some("uksouth"));
        unnamed.region = Some("a/b".to_owned());
        assert!(Place::read(&unnamed, "").is_err());
    }
}
