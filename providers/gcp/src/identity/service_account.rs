//! Service accounts of machines.
//!
//! None of them is bound in the project's policy: what machines may do is said by the bucket's. So a cluster needs no
//! right to change the policy of the whole project, which has room for 1,500 members and one writer at a time.

use async_trait::async_trait;
use google_cloud_iam_admin_v1::model::{PatchServiceAccountRequest, ServiceAccount as SdkAccount};
use google_cloud_wkt::FieldMask;
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Fields, resource};
use meridian_provider_api::{Api, CloudError, Existing, Found, KindOps, Made, New, Scope};

use crate::client::Gcp;
use crate::compile::names;
use crate::gce::{found, gone, made, pages};
use crate::limits::other;

resource! {
    /// Who machines of a kind are. Its id is its address (`<account id>@<project>.iam.gserviceaccount.com`).
    pub struct ServiceAccount = "google_service_account", "service account", Replacement::DeleteFirst;
    fields {
        /// The part before the `@`.
        account_id: String => replace,
        /// What people read.
        display_name: String => update,
    }
    computed {}
}

/// Begins the description.
const TEXT: &str = "Machines of a cluster";

const fn api(operation: &'static str, repeatable: bool) -> Api {
    other("iam", operation, repeatable)
}

/// Whether an account's address is of this cluster's accounts.
#[must_use]
pub fn is_own(client: &Gcp, email: &str) -> bool {
    let prefix = names::account_prefix(&client.cluster, &client.region, &client.project);
    email.strip_prefix(&prefix).is_some_and(|rest| rest.starts_with('-'))
}

fn observe(client: &Gcp, account: SdkAccount) -> Option<Found<ServiceAccount>> {
    let marked = client.owned("google_service_account", Some(&account.email), Some(&account.description))?;
    let account_id = account.email.split('@').next().unwrap_or_default().to_owned();
    let condition =
        if account.disabled { Condition::Unfinished("it is disabled".to_owned()) } else { Condition::Ready };
    let resource = ServiceAccount { account_id, display_name: account.display_name };
    Some(Found { address: marked.address, id: account.email, resource, computed: Fields::new(), condition })
}

async fn look(client: &Gcp, email: &str) -> Result<Option<SdkAccount>, CloudError> {
    let name = path(client, email);
    let got = client
        .call(api("projects.serviceAccounts.get", true), || {
            client.accounts.iam.get_service_account().set_name(&name).send()
        })
        .await;
    found(got)
}

fn path(client: &Gcp, email: &str) -> String {
    format!("projects/{}/serviceAccounts/{email}", client.project)
}

/// Waits until an account can be read: one that is new, or that a list shows already, may not be for a while (IAM API,
/// `serviceAccounts.create`: eventual consistency).
async fn until_known(client: &Gcp, email: &str) -> Result<SdkAccount, CloudError> {
    let look = || look(client, email);
    client.caller.until("iam:projects.serviceAccounts.get", "the account to be known", look).await
}

#[async_trait]
impl KindOps<Gcp> for ServiceAccount {
    async fn find(client: &Gcp, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let name = format!("projects/{}", client.project);
        let accounts = pages(|token| {
            let name = name.as_str();
            async move {
                let page = client
                    .call(api("projects.serviceAccounts.list", true), || {
                        let request = client.accounts.iam.list_service_accounts().set_name(name).set_page_size(100);
                        request.set_page_token(token.clone().unwrap_or_default()).send()
                    })
                    .await?;
                Ok((page.accounts, Some(page.next_page_token)))
            }
        })
        .await?;
        Ok(accounts.into_iter().filter_map(|account| observe(client, account)).collect())
    }

    async fn create(&self, client: &Gcp, new: &New) -> Result<Made, CloudError> {
        let account =
            SdkAccount::new().set_display_name(&self.display_name).set_description(client.describe(&new.address, TEXT));
        let name = format!("projects/{}", client.project);
        let answer = client
            .call(api("projects.serviceAccounts.create", false), || {
                let request = client.accounts.iam.create_service_account().set_name(&name);
                request.set_account_id(&self.account_id).set_service_account(account.clone()).send()
            })
            .await?;
        until_known(client, &answer.email).await?;
        Ok(made(answer.email))
    }

    async fn update(&self, client: &Gcp, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let email = existing.id.as_str();
        let now = until_known(client, email).await?;
        if now.disabled {
            let name = path(client, email);
            client
                .call(api("projects.serviceAccounts.enable", true), || {
                    client.accounts.iam.enable_service_account().set_name(&name).send()
                })
                .await?;
        }
        if now.display_name != self.display_name {
            let account = SdkAccount::new().set_name(path(client, email)).set_display_name(&self.display_name);
            let request = PatchServiceAccountRequest::new()
                .set_service_account(account)
                .set_update_mask(FieldMask::default().set_paths(["displayName"]));
            client
                .call(api("projects.serviceAccounts.patch", true), || {
                    client.accounts.iam.patch_service_account().with_request(request.clone()).send()
                })
                .await?;
        }
        Ok(made(email))
    }

    async fn delete(client: &Gcp, existing: &Existing<Self>) -> Result<(), CloudError> {
        let name = path(client, &existing.id);
        gone(
            client
                .call(api("projects.serviceAccounts.delete", true), || {
                    client.accounts.iam.delete_service_account().set_name(&name).send()
                })
                .await,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::testing::client;

    #[tokio::test]
    async fn an_account_is_known_by_its_description_and_its_address() {
        let client = client().await;
        let address = "google_service_account.workers".parse().unwrap();
        let prefix = names::account_prefix("demo", "europe-west1", "p");
        let email = format!("{prefix}-wk@p.iam.gserviceaccount.com");
        assert!(is_own(&client, &email) && !is_own(&client, "demo-wk@p.iam.gserviceaccount.com"));
        let account = SdkAccount::new().set_email(&email).set_description(client.describe(&address, TEXT));
        let found = observe(&client, account.clone()).unwrap();
        assert_eq!((found.id, found.resource.account_id), (email, format!("{prefix}-wk")));
        let disabled = observe(&client, account.clone().set_disabled(true)).unwrap();
        assert!(matches!(disabled.condition, Condition::Unfinished(_)));
        assert!(observe(&client, account.set_description("theirs")).is_none());
    }
}
