//! The bucket that state is kept in: made and hardened, or looked over.

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, ObjectOwnership, Tag};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use meridian_provider_api::{Api, Caller, CloudError, ErrorKind, Finding, Grade, StateBucket};

use super::settings::look_over;
use super::{ANYWHERE, AwsState};
use crate::bootstrap::bucket::unbuilt;
use crate::client::call;
use crate::ec2::{allowing, found, once_known, required};
use crate::limits::other;

/// The tag of a bucket that we made, and its value. What is weak about such a bucket is mended, whoever stopped us before.
const MARK: (&str, &str) = ("meridian-state", "true");

/// The header in which S3 says where a bucket is, whatever else it says.
const REGION_HEADER: &str = "x-amz-bucket-region";

pub(super) fn api(operation: &'static str) -> Api {
    other("s3", operation, true)
}

/// A bucket in its region, and the calls that go there.
pub(super) struct Place {
    pub name: String,
    pub caller: Caller,
    pub s3: aws_sdk_s3::Client,
    pub account: Account,
}

/// Whose credentials these are.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub id: String,
    /// `aws`, or another one as `aws-cn`.
    pub partition: String,
}

/// The region of a bucket.
pub(super) async fn region_of(state: &AwsState, name: &str) -> Result<String, CloudError> {
    let asked = state.region.as_deref().unwrap_or(ANYWHERE);
    let s3 = state.s3(asked);
    let told = call(&state.caller(asked), api("HeadBucket"), || {
        let head = s3.head_bucket().bucket(name).send();
        async move {
            match head.await {
                Ok(answer) => Ok(answer.bucket_region),
                // Asked in another region than its own, or by someone who may not see it, S3 still says where it is.
                Err(error) => region_in(&error).map(Some).ok_or(error),
            }
        }
    })
    .await;
    match told {
        Ok(region) => Ok(region.unwrap_or_else(|| asked.to_owned())),
        Err(mut error) if error.kind == ErrorKind::NotFound => {
            error.message = format!("there is no bucket {name}");
            Err(error)
        }
        Err(error) => Err(error),
    }
}

fn region_in<E>(error: &SdkError<E, HttpResponse>) -> Option<String> {
    let response = error.raw_response()?;
    response.headers().get(REGION_HEADER).map(str::to_owned)
}

/// Makes the bucket if it is not there, and looks it over.
pub(super) async fn prepare(state: &AwsState, bucket: &StateBucket) -> Result<Vec<Finding>, CloudError> {
    match region_of(state, &bucket.name).await {
        Ok(region) => {
            let place = place(state, &bucket.name, &region).await?;
            let owner = owner(&place).await?;
            let is_ours = owner.grade == Grade::Good && is_marked(&place).await?;
            let mut findings = vec![owner];
            let mend: &[Grade] = if is_ours { &[Grade::Weak] } else { &[] };
            findings.extend(look_over(&place, mend).await?);
            Ok(findings)
        }
        Err(error) if error.kind == ErrorKind::NotFound => {
            let region = bucket.region.as_deref().or(state.region.as_deref()).ok_or_else(|| {
                let why = format!("there is no bucket {}, and no region is named to make it in", bucket.name);
                CloudError::new(ErrorKind::Invalid, "making the bucket", why)
            })?;
            let place = place(state, &bucket.name, region).await?;
            make(&place).await?;
            let made = Finding {
                grade: Grade::Made,
                what: "bucket",
                message: format!("the bucket {} was made in {region}", bucket.name),
                hint: String::new(),
            };
            let mut findings = vec![made];
            // Nobody has set anything on it yet, so what can't be read is set all the same.
            let mend = &[Grade::Weak, Grade::Unknown];
            findings.extend(once_known(&place.caller, || look_over(&place, mend)).await?);
            Ok(findings)
        }
        Err(error) => Err(error),
    }
}

async fn place(state: &AwsState, name: &str, region: &str) -> Result<Place, CloudError> {
    let (caller, sts) = (state.caller(region), state.sts(region));
    let who = call(&caller, other("sts", "GetCallerIdentity", true), || sts.get_caller_identity().send()).await?;
    let id = required(who.account, "sts:GetCallerIdentity", "account")?;
    let arn = required(who.arn, "sts:GetCallerIdentity", "ARN")?;
    let partition = arn.split(':').nth(1).unwrap_or("aws").to_owned();
    Ok(Place { name: name.to_owned(), caller, s3: state.s3(region), account: Account { id, partition } })
}

/// Makes the bucket, marked as ours by the same call, so that whoever is stopped right after it goes on the next time.
async fn make(place: &Place) -> Result<(), CloudError> {
    let region = place.caller.region.as_str();
    let (key, value) = MARK;
    let mark = Tag::builder().key(key).value(value).build().map_err(|error| unbuilt(&error))?;
    // The oldest region is the one that must not be named.
    let location = (region != "us-east-1").then(|| BucketLocationConstraint::from(region));
    let configuration = CreateBucketConfiguration::builder().set_location_constraint(location).tags(mark).build();
    let created = call(&place.caller, api("CreateBucket"), || {
        place
            .s3
            .create_bucket()
            .bucket(&place.name)
            .create_bucket_configuration(configuration.clone())
            .object_ownership(ObjectOwnership::BucketOwnerEnforced)
            .send()
    })
    .await;
    // An answer that was lost.
    allowing(created, |error| error.code.as_deref() == Some("BucketAlreadyOwnedByYou"))
}

/// Whether the bucket is our account's. Names are one set for all customers, and whoever guesses one could have made it
/// first, to be given the state.
async fn owner(place: &Place) -> Result<Finding, CloudError> {
    let Place { name, caller, s3, account } = place;
    let head =
        call(caller, api("HeadBucket"), || s3.head_bucket().bucket(name).expected_bucket_owner(&account.id).send())
            .await;
    let finding = |grade, message: String, hint: String| Finding { grade, what: "owner", message, hint };
    match head {
        Ok(_) => Ok(finding(Grade::Good, format!("it belongs to the account {}", account.id), String::new())),
        Err(error) if error.kind == ErrorKind::Denied => Ok(finding(
            Grade::Weak,
            format!("it does not belong to the account {}, or s3:ListBucket is not allowed on it", account.id),
            format!(
                "if it should be yours, check `aws s3api head-bucket --bucket {name} --expected-bucket-owner {}`",
                account.id
            ),
        )),
        Err(error) => Err(error),
    }
}

/// Whether we made it.
async fn is_marked(place: &Place) -> Result<bool, CloudError> {
    let tags =
        call(&place.caller, api("GetBucketTagging"), || place.s3.get_bucket_tagging().bucket(&place.name).send()).await;
    match found(tags) {
        Ok(tags) => {
            Ok(tags.is_some_and(|tags| tags.tag_set.iter().any(|tag| (tag.key.as_str(), tag.value.as_str()) == MARK)))
        }
        Err(error) if is_unseen(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether an answer is none: we may not look, or whoever answers does not have the call, or in another form than S3.
pub(super) fn is_unseen(error: &CloudError) -> bool {
    matches!(error.kind, ErrorKind::Denied | ErrorKind::Unsupported | ErrorKind::Invalid)
}
