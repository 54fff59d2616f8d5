//! The one place that knows the concrete clouds.

use meridian_provider_api::Provider;

/// Every cloud that Meridian builds on.
pub struct Registry {
    providers: Vec<Box<dyn Provider>>,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            providers: vec![
                Box::new(meridian_aws::AwsProvider),
                Box::new(meridian_gcp::GcpProvider),
                Box::new(meridian_azure::AzureProvider),
            ],
        }
    }
}

impl Registry {
    /// The cloud called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&dyn Provider> {
        self.providers.iter().find(|provider| provider.name() == name).map(AsRef::as_ref)
    }

    /// The names of all clouds.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.providers.iter().map(|provider| provider.name())
    }
}
