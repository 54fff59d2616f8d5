//! Where a store's API is, if not at its usual address: an emulator, or a private endpoint.

use std::str::FromStr;

use reqwest::Url;

/// The base of a store's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

/// Why a text is not an endpoint. The text itself is not repeated: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an endpoint is a plain URL such as `https://host` or `http://127.0.0.1:9000`, without a user, a query or a fragment"
)]
pub struct EndpointError;

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let url = Url::parse(text).map_err(|_| EndpointError)?;
        let is_plain = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if is_plain { Ok(Self(url)) } else { Err(EndpointError) }
    }
}

impl Endpoint {
    /// Without a slash at its end.
    pub(super) fn url(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// Whether requests are not encrypted on their way.
    pub(super) fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Whether it is this machine itself.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Whether a token would travel in the open.
    pub(super) fn is_exposed(&self) -> bool {
        self.is_plain() && !self.is_loopback()
    }

    /// Whether the host's first label is `name`, so that the path need not say it again.
    pub(super) fn is_host_of(&self, name: &str) -> bool {
        self.0.host_str().and_then(|host| host.split_once('.')).is_some_and(|(label, _)| label == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_plain_url() {
        let endpoint = |text: &str| text.parse::<Endpoint>();
        let local = endpoint("http://127.0.0.1:9000/").unwrap();
        assert_eq!((local.url(), local.is_plain(), local.is_exposed()), ("http://127.0.0.1:9000", true, false));
        assert!(endpoint("http://[::1]:9000").unwrap().is_loopback());
        assert!(endpoint("http://store.internal").unwrap().is_exposed());
        assert!(!endpoint("https://store.internal/base").unwrap().is_exposed());
        assert!(endpoint("https://team.blob.example.org").unwrap().is_host_of("team"));
        for text in ["127.0.0.1:9000", "ftp://host", "http://user:secret@host", "http://host?a=b", "http://host#a", ""]
        {
            assert_eq!(endpoint(text), Err(EndpointError), "{text}");
        }
    }
}
