//! A container for state: made with what protects it, or looked at.

use meridian_provider_api::state_host::{Finding, Grade};
use meridian_provider_api::{CloudError, ErrorKind};

use super::account::{self, Account, STATE_TAG, Seen};
use super::place::Place;
use super::{AzureState, container};

/// Makes what is missing, finishes what was begun by us, and tells of all else.
pub(super) async fn prepare(host: &AzureState, place: &Place<'_>) -> Result<Vec<Finding>, CloudError> {
    let mut findings = match account::look(host, place).await? {
        Seen::Hidden(why) => of_hidden(host, place, &why).await?,
        Seen::Nowhere => {
            let made = account::make(host, place).await?.protect(host, place).await?;
            let mut findings = made_good(None, settings(&made));
            findings.push(of_container(host, place, &made).await?);
            findings
        }
        Seen::Here(there) => {
            let before = settings(&there);
            let now = if there.ours && !before.iter().all(|setting| setting.good) {
                there.protect(host, place).await?
            } else {
                *there
            };
            let mut findings = made_good(Some(&before), settings(&now));
            findings.push(of_container(host, place, &now).await?);
            findings
        }
    };
    if !container::may_be_read(host, place).await? {
        findings.push(no_access(host));
    }
    Ok(findings)
}

fn no_access(host: &AzureState) -> Finding {
    let hint = match host.key {
        Some(_) => "take one of the account's keys as they are now, or none and a role instead",
        None => {
            "az role assignment create --role 'Storage Blob Data Contributor' --assignee WHO --scope ACCOUNT; the rights \
             of an owner do not reach what is inside, and a new role takes some minutes to be known"
        }
    };
    Finding {
        grade: Grade::Unknown,
        what: "access",
        message: "the credentials may not read what is in the container".to_owned(),
        hint: hint.to_owned(),
    }
}

/// Something that protects state.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Setting {
    what: &'static str,
    good: bool,
    message: String,
    /// The command that mends it.
    mend: String,
}

/// What an account is like.
fn settings(account: &Account) -> Vec<Setting> {
    let (name, group) = (account.id.name(), account.id.group.as_str());
    let update = |options: &str| format!("az storage account update --name {name} --resource-group {group} {options}");
    let keep = |options: &str| {
        if account.has_folders {
            return "an account with a hierarchical namespace keeps no versions: take another account".to_owned();
        }
        format!(
            "az storage account blob-service-properties update --account-name {name} --resource-group {group} {options}"
        )
    };
    let pick = |good: bool, yes: &str, no: &str| if good { yes } else { no }.to_owned();
    let (given, blobs) = (&account.settings, &account.blobs);
    let (closed, secure) = (!given.public_containers, given.https_only && account.has_new_tls());
    let versions = blobs.is_versioning_enabled == Some(true);
    let is_on = |policy: Option<bool>| policy == Some(true);
    let soft = is_on(blobs.delete_retention_policy.as_ref().and_then(|policy| policy.enabled));
    let container_soft = is_on(blobs.container_delete_retention_policy.as_ref().and_then(|policy| policy.enabled));
    vec![
        Setting {
            what: "public access",
            good: closed,
            message: pick(closed, "no container can be opened to everyone", "its containers can be opened to everyone"),
            mend: update("--allow-blob-public-access false"),
        },
        Setting {
            what: "transport",
            good: secure,
            message: pick(
                secure,
                "requests need HTTPS and TLS 1.2",
                "requests may come without HTTPS or with an old TLS",
            ),
            mend: update("--https-only true --min-tls-version TLS1_2"),
        },
        Setting {
            what: "shared keys",
            good: !given.shared_keys,
            message: pick(
                !given.shared_keys,
                "the account's keys are not taken",
                "whoever has one of the account's keys can do everything, and nothing says who it was",
            ),
            mend: update("--allow-shared-key-access false"),
        },
        Setting {
            what: "encryption",
            good: true,
            message: pick(
                account.key_source.eq_ignore_ascii_case("Microsoft.Keyvault"),
                "what lies there is encrypted with a key in Key Vault",
                "what lies there is encrypted with keys of Azure's",
            ),
            mend: String::new(),
        },
        Setting {
            what: "versioning",
            good: versions,
            message: pick(versions, "what is overwritten is kept", "what is overwritten is lost"),
            mend: keep("--enable-versioning true"),
        },
        Setting {
            what: "soft delete",
            good: soft,
            message: pick(soft, "what is deleted is kept for a while", "what is deleted is lost"),
            mend: keep("--enable-delete-retention true --delete-retention-days 30"),
        },
        Setting {
            what: "container soft delete",
            good: container_soft,
            message: pick(container_soft, "a deleted container is kept for a while", "a deleted container is lost"),
            mend: keep("--enable-container-delete-retention true --container-delete-retention-days 30"),
        },
    ]
}

/// What was made good is told as such; `before` is `None` for what was not there.
fn made_good(before: Option<&[Setting]>, now: Vec<Setting>) -> Vec<Finding> {
    let was_good = |what: &str| before.is_some_and(|all| all.iter().any(|one| one.what == what && one.good));
    let told = |setting: Setting| Finding {
        grade: match (setting.good, was_good(setting.what)) {
            (true, true) => Grade::Good,
            (true, false) => Grade::Made,
            (false, _) => Grade::Weak,
        },
        what: setting.what,
        message: setting.message,
        hint: if setting.good { String::new() } else { setting.mend },
    };
    now.into_iter().map(told).collect()
}

/// The container in an account that can be looked at.
async fn of_container(host: &AzureState, place: &Place<'_>, account: &Account) -> Result<Finding, CloudError> {
    let public = container::is_public(host, &account.id, place.container).await?;
    if public.is_none() {
        container::make(host, &account.id, place.container).await?;
    }
    Ok(told_of_container(place, public))
}

/// What can be told of an account that can't be looked at, with its container.
async fn of_hidden(host: &AzureState, place: &Place<'_>, why: &CloudError) -> Result<Vec<Finding>, CloudError> {
    let told = match container::is_public_itself(host, place).await {
        Err(error) if error.kind == ErrorKind::Denied => Finding {
            grade: Grade::Unknown,
            what: "container",
            message: format!("the container {} can't be looked at: {error}", place.container),
            hint: String::new(),
        },
        Err(error) => return Err(error),
        Ok(public) => {
            if public.is_none() {
                container::make_itself(host, place).await?;
            }
            told_of_container(place, public)
        }
    };
    let account = Finding {
        grade: Grade::Unknown,
        what: "account",
        message: format!("the storage account's settings can't be looked at: {why}"),
        hint: format!(
            "look at them with rights in its subscription: az storage account show --name {} (one that Meridian makes \
             has the tag {STATE_TAG}=true)",
            place.account
        ),
    };
    Ok(vec![account, told])
}

fn told_of_container(place: &Place<'_>, public: Option<bool>) -> Finding {
    let (account, container) = (place.account, place.container);
    let (grade, message, hint) = match public {
        None => (Grade::Made, "private", String::new()),
        Some(false) => (Grade::Good, "private", String::new()),
        Some(true) => (
            Grade::Weak,
            "open to everyone",
            format!(
                "az storage container set-permission --account-name {account} --name {container} --public-access off"
            ),
        ),
    };
    Finding { grade, what: "container", message: format!("the container {container} is {message}"), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(what: &'static str, good: bool) -> Setting {
        Setting { what, good, message: String::new(), mend: "mend it".to_owned() }
    }

    #[test]
    fn what_was_made_good_is_told_from_what_was_so() {
        let before = [setting("a", true), setting("b", false), setting("c", false)];
        let now = vec![setting("a", true), setting("b", true), setting("c", false)];
        let findings = made_good(Some(&before), now.clone());
        let grades: Vec<Grade> = findings.iter().map(|finding| finding.grade).collect();
        assert_eq!(grades, [Grade::Good, Grade::Made, Grade::Weak]);
        let hints: Vec<&str> = findings.iter().map(|finding| finding.hint.as_str()).collect();
        assert_eq!(hints, ["", "", "mend it"]);
        assert_eq!(made_good(None, now)[0].grade, Grade::Made);
    }
}
