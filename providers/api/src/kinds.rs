//! One kind of resource on one cloud, and the dispatch over all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::try_join_all;
use meridian_engine::apply::{Creation, Deletion, Executor, ExecutorError, Outcome, Update};
use meridian_engine::observed::{Condition, Observed};
use meridian_engine::schema::{OnChange, Replacement};
use meridian_engine::state::Forgotten;
use meridian_engine::{Address, Fields, KindSchema, Resource};

use crate::call::Pace;
use crate::cloud::Scope;
use crate::error::{CloudError, ErrorKind};
use crate::recorded::{Recorded, Sighting};

/// A resource that `find` saw.
#[derive(Debug, Clone)]
pub struct Found<R> {
    /// Out of its tag, its parent's tag or the recorded id.
    pub address: Address,
    pub id: String,
    /// The fields as the cloud has them, references as ids.
    pub resource: R,
    pub computed: Fields,
    pub condition: Condition,
}

/// A resource that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    pub id: String,
    pub computed: Fields,
}

/// What a create needs besides the resource itself.
#[derive(Debug, Clone)]
pub struct New {
    pub address: Address,
    /// Idempotency token, 32 hexadecimal digits.
    pub token: String,
}

/// What is done with one kind of resource. `C` is the cloud's client, which also knows the cluster's name.
#[async_trait]
pub trait KindOps<C: Send + Sync>: Resource {
    /// Every resource of the kind that belongs to the cluster, in whatever condition, but none that is gone or going.
    /// Batched; reads only. Nothing of it comes from the desired side.
    async fn find(client: &C, scope: &Scope) -> Result<Vec<Found<Self>>, CloudError>;

    /// Makes it, tags it in the same call where the cloud can, and waits until it can be used. Calls that may follow
    /// the first (attach, modify) are repeatable.
    async fn create(&self, client: &C, new: &New) -> Result<Made, CloudError>;

    /// Brings what exists to `self`; called for changed fields, and with none to finish a half-made resource. Gives all
    /// computed attributes anew.
    async fn update(&self, client: &C, existing: &Existing<Self>) -> Result<Made, CloudError>;

    /// Removes it and waits until it is gone. Gone already is a success.
    async fn delete(client: &C, existing: &Existing<Self>) -> Result<(), CloudError>;
}

/// What is done with a kind of resource that others make and that is only ever removed: what controllers inside the
/// cluster leave behind.
#[async_trait]
pub trait LeftoverOps<C: Send + Sync>: Resource {
    /// Every resource of the kind that was made for the cluster and is not ours. As [`KindOps::find`].
    async fn find(client: &C, scope: &Scope) -> Result<Vec<Found<Self>>, CloudError>;

    /// As [`KindOps::delete`].
    async fn delete(client: &C, existing: &Existing<Self>) -> Result<(), CloudError>;
}

/// A resource that exists, as observed by the plan.
#[derive(Debug, Clone)]
pub struct Existing<R> {
    pub address: Address,
    pub id: String,
    pub before: R,
    pub computed: Fields,
    /// Names of the fields that differ; empty for a deletion or when a half-made resource is finished.
    pub changed: BTreeSet<String>,
    /// Whether it does not bear the cluster's marks, so that an update has to put them on.
    pub unmarked: bool,
}

/// Every kind of one cloud behind the engine's port.
pub struct Dispatch<C> {
    client: Arc<C>,
    pace: Pace,
    scope: Scope,
    /// What is not to be seen.
    forgotten: Forgotten,
    kinds: BTreeMap<&'static str, Box<dyn AnyKind<C>>>,
    leftovers: BTreeMap<&'static str, Box<dyn AnyKind<C>>>,
}

/// A cloud's client.
pub trait Client: Send + Sync + 'static {
    /// Whether the cluster's marks can be put on what exists already.
    const MARKS_LATER: bool;

    /// The same client, which remembers no listing: what it reads is of now. What is recorded counts as the cluster's even
    /// without its marks.
    #[must_use]
    fn fresh(&self, recorded: Recorded) -> Self;

    /// What `fresh` was given.
    fn recorded(&self) -> &Recorded;
}

impl<C: Client> Dispatch<C> {
    /// A dispatch without kinds.
    #[must_use]
    pub fn new(client: Arc<C>, pace: Pace, scope: Scope) -> Self {
        Self {
            client,
            pace,
            scope,
            forgotten: Forgotten::default(),
            kinds: BTreeMap::new(),
            leftovers: BTreeMap::new(),
        }
    }

    /// Passes over what was forgotten, although it bears the cluster's marks.
    #[must_use]
    pub fn without(self, forgotten: Forgotten) -> Self {
        Self { forgotten, ..self }
    }

    /// Adds the kind `R`.
    #[must_use]
    pub fn with<R: KindOps<C>>(mut self) -> Self {
        self.kinds.insert(R::SCHEMA.kind, Box::new(Erased::<R>(PhantomData)));
        self
    }

    /// Adds a kind that is only ever removed. It is not looked for by [`Dispatch::find`].
    #[must_use]
    pub fn with_leftover<R: LeftoverOps<C>>(mut self) -> Self {
        self.leftovers.insert(R::SCHEMA.kind, Box::new(ErasedLeftover::<R>(PhantomData)));
        self
    }

    /// The cloud's client.
    #[must_use]
    pub fn client(&self) -> &Arc<C> {
        &self.client
    }

    /// The schemas of all kinds.
    #[must_use]
    pub fn schemas(&self) -> Vec<&'static KindSchema> {
        self.kinds.values().chain(self.leftovers.values()).map(|kind| kind.schema()).collect()
    }

    /// Finds the resources of every kind, all kinds at once; kinds that read the same listing share it.
    pub async fn find(&self, scope: &Scope) -> Result<Vec<Observed>, CloudError> {
        self.find_in(&self.kinds, scope).await
    }

    /// Finds what is only ever removed, likewise.
    pub async fn find_leftovers(&self, scope: &Scope) -> Result<Vec<Observed>, CloudError> {
        self.find_in(&self.leftovers, scope).await
    }

    async fn find_in(
        &self,
        kinds: &BTreeMap<&'static str, Box<dyn AnyKind<C>>>,
        scope: &Scope,
    ) -> Result<Vec<Observed>, CloudError> {
        let client = self.client.fresh(Recorded::of(scope));
        let found = try_join_all(kinds.values().map(|kind| kind.find(&client, scope))).await?;
        let found =
            found.into_iter().flatten().filter(|observed| !self.forgotten.contains(&observed.address, &observed.id));
        Ok(found.map(|observed| unmarked(&client, observed)).collect())
    }

    /// What one resource is to the cluster. Read-only.
    pub async fn sight(&self, address: &Address, id: &str) -> Result<Sighting, CloudError> {
        let recorded = BTreeMap::from([(address.clone(), id.to_owned())]);
        let scope = Scope { cluster: self.scope.cluster.clone(), recorded };
        let client = self.client.fresh(Recorded::of(&scope));
        let found = self.kind(address)?.find(&client, &scope).await?;
        let found = found.into_iter().find(|observed| observed.id == id);
        Ok(match (found, client.recorded().stranger(id)) {
            (Some(observed), _) if observed.address == *address => Sighting::Free,
            (Some(observed), _) => Sighting::Ours(observed.address),
            (None, Some(stranger)) => Sighting::Anothers(stranger),
            (None, None) => Sighting::Absent,
        })
    }

    fn kind(&self, address: &Address) -> Result<&dyn AnyKind<C>, CloudError> {
        let kind = self.kinds.get(address.kind()).or_else(|| self.leftovers.get(address.kind()));
        kind.map(AsRef::as_ref).ok_or_else(|| {
            CloudError::new(ErrorKind::Unsupported, "dispatch", format!("no such kind: {}", address.kind()))
        })
    }
}

#[async_trait]
impl<C: Client> Executor for Dispatch<C> {
    async fn create(&self, creation: Creation) -> Result<Outcome, ExecutorError> {
        let kind = self.kind(&creation.address)?;
        // An unanswered create that is not repeatable may have been carried out: look before sending it again.
        let mut attempts = 0;
        let mut made = None;
        loop {
            let tried = match made.take() {
                Some(observed) => kind.finish(&self.client, &creation, observed).await,
                None => kind.create(&self.client, &creation).await,
            };
            let error = match tried {
                Ok(outcome) => return Ok(outcome),
                Err(error) => error,
            };
            attempts += 1;
            if error.kind != ErrorKind::Transient || attempts > 5 {
                return Err(error.into());
            }
            tracing::warn!(address = %creation.address, %error, "no answer: looking whether it was made");
            for look in 0..4u32 {
                tokio::time::sleep(self.pace.backoff * (1 << look)).await;
                let found = kind.find(&self.client.fresh(Recorded::default()), &self.scope).await?;
                made = found.into_iter().find(|observed| {
                    !self.forgotten.contains(&observed.address, &observed.id) && is_made_by(observed, &creation)
                });
                if made.is_some() {
                    break;
                }
            }
        }
    }

    async fn update(&self, update: Update) -> Result<Outcome, ExecutorError> {
        Ok(self.kind(&update.address)?.update(&self.client, update).await?)
    }

    async fn delete(&self, deletion: Deletion) -> Result<(), ExecutorError> {
        match self.kind(&deletion.address)?.delete(&self.client, deletion).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            result => Ok(result?),
        }
    }
}

/// Says of what bears no marks that it has to get them, where it can.
fn unmarked<C: Client>(client: &C, observed: Observed) -> Observed {
    let broken = matches!(observed.condition, Condition::Failed(_));
    if !C::MARKS_LATER || broken || !client.recorded().is_unmarked(observed.address.kind(), &observed.id) {
        return observed;
    }
    Observed { condition: Condition::Unmarked, ..observed }
}

/// Whether a create may have made what was found. Where a new resource is made before the old one goes, the old one is
/// found, too; it differs in a field that forces replacement, or is broken.
fn is_made_by(observed: &Observed, creation: &Creation) -> bool {
    let forcing = || observed.schema.fields.iter().filter(|field| matches!(field.on_change, OnChange::Replace));
    let is_new = || {
        !matches!(observed.condition, Condition::Failed(_))
            && forcing().all(|field| observed.fields.get(field.name) == creation.fields.get(field.name))
    };
    observed.address == creation.address && (observed.schema.replacement != Replacement::CreateFirst || is_new())
}

/// A kind without its type.
#[async_trait]
trait AnyKind<C>: Send + Sync {
    fn schema(&self) -> &'static KindSchema;
    async fn find(&self, client: &C, scope: &Scope) -> Result<Vec<Observed>, CloudError>;
    async fn create(&self, client: &C, creation: &Creation) -> Result<Outcome, CloudError>;
    /// Brings a resource that an unanswered create made to its desired end.
    async fn finish(&self, client: &C, creation: &Creation, found: Observed) -> Result<Outcome, CloudError>;
    async fn update(&self, client: &C, update: Update) -> Result<Outcome, CloudError>;
    async fn delete(&self, client: &C, deletion: Deletion) -> Result<(), CloudError>;
}

struct Erased<R>(PhantomData<fn() -> R>);

/// Reads typed fields; that they do not fit is a fault of ours, not of the cloud.
fn typed<R: Resource>(address: &Address, fields: &Fields) -> Result<R, CloudError> {
    R::from_fields(fields)
        .map_err(|error| CloudError::new(ErrorKind::Invalid, &format!("reading {address}"), error.to_string()))
}

#[async_trait]
impl<C: Send + Sync, R: KindOps<C>> AnyKind<C> for Erased<R> {
    fn schema(&self) -> &'static KindSchema {
        R::schema()
    }

    async fn find(&self, client: &C, scope: &Scope) -> Result<Vec<Observed>, CloudError> {
        Ok(R::find(client, scope).await?.into_iter().map(observed).collect())
    }

    async fn create(&self, client: &C, creation: &Creation) -> Result<Outcome, CloudError> {
        let resource: R = typed(&creation.address, &creation.fields)?;
        let new = New { address: creation.address.clone(), token: creation.token.clone() };
        resource.create(client, &new).await.map(outcome)
    }

    async fn finish(&self, client: &C, creation: &Creation, found: Observed) -> Result<Outcome, CloudError> {
        let changed = found
            .schema
            .fields
            .iter()
            .filter(|field| found.fields.get(field.name) != creation.fields.get(field.name))
            .map(|field| field.name.to_owned())
            .collect();
        let update = Update {
            address: found.address,
            id: found.id,
            before: found.fields,
            after: creation.fields.clone(),
            computed: found.computed,
            changed,
            unmarked: false,
        };
        self.update(client, update).await
    }

    async fn update(&self, client: &C, update: Update) -> Result<Outcome, CloudError> {
        let resource: R = typed(&update.address, &update.after)?;
        let existing = Existing {
            before: typed(&update.address, &update.before)?,
            address: update.address,
            id: update.id,
            computed: update.computed,
            changed: update.changed,
            unmarked: update.unmarked,
        };
        resource.update(client, &existing).await.map(outcome)
    }

    async fn delete(&self, client: &C, deletion: Deletion) -> Result<(), CloudError> {
        R::delete(client, &leaving(deletion)?).await
    }
}

struct ErasedLeftover<R>(PhantomData<fn() -> R>);

/// Only a plan that no compiler wrote can ask for it.
fn only_removed(address: &Address) -> CloudError {
    CloudError::new(ErrorKind::Unsupported, "dispatch", format!("{address} is not ours to make or change"))
}

#[async_trait]
impl<C: Send + Sync, R: LeftoverOps<C>> AnyKind<C> for ErasedLeftover<R> {
    fn schema(&self) -> &'static KindSchema {
        R::schema()
    }

    async fn find(&self, client: &C, scope: &Scope) -> Result<Vec<Observed>, CloudError> {
        Ok(R::find(client, scope).await?.into_iter().map(observed).collect())
    }

    async fn create(&self, _: &C, creation: &Creation) -> Result<Outcome, CloudError> {
        Err(only_removed(&creation.address))
    }

    async fn finish(&self, _: &C, creation: &Creation, _: Observed) -> Result<Outcome, CloudError> {
        Err(only_removed(&creation.address))
    }

    async fn update(&self, _: &C, update: Update) -> Result<Outcome, CloudError> {
        Err(only_removed(&update.address))
    }

    async fn delete(&self, client: &C, deletion: Deletion) -> Result<(), CloudError> {
        R::delete(client, &leaving(deletion)?).await
    }
}

fn observed<R: Resource>(found: Found<R>) -> Observed {
    Observed {
        address: found.address,
        schema: R::schema(),
        id: found.id,
        fields: found.resource.into_fields(),
        computed: found.computed,
        condition: found.condition,
    }
}

fn leaving<R: Resource>(deletion: Deletion) -> Result<Existing<R>, CloudError> {
    Ok(Existing {
        before: typed(&deletion.address, &deletion.before)?,
        address: deletion.address,
        id: deletion.id,
        computed: deletion.computed,
        changed: BTreeSet::new(),
        unmarked: false,
    })
}

fn outcome(made: Made) -> Outcome {
    Outcome { id: made.id, computed: made.computed }
}
