//! What a kind of resource says about itself.

use std::fmt::Debug;

use serde_json::Value;

use super::body::Object;
use super::error::{ApiError, Failure};
use super::operation::Style;
use super::request::Request;
use super::response::Response;
use super::world::{Cx, Resource};
use crate::clock::Millis;

/// The fixed facts of a kind.
#[derive(Debug)]
pub struct Spec {
    /// The kind with its provider, such as `Microsoft.Network/virtualNetworks/subnets`.
    pub kind: &'static str,
    /// The name that its operations begin with, such as `Subnets`.
    pub operations: &'static str,
    /// The body of a PUT.
    pub shape: &'static Object,
    /// What PATCH may hold, where there is one; what it does is `Update`, or `UpdateTags`.
    pub patch: Option<(&'static str, &'static Object)>,
    /// How the PUT operation's name ends.
    pub put: &'static str,
    /// How the names of the operations that list a group's (or a parent's), and a subscription's, resources end.
    pub lists: (&'static str, Option<&'static str>),
    /// The actions by POST, with the ends of their operations' names.
    pub actions: &'static [(&'static str, &'static str)],
    /// Parameters that reading takes, such as `$expand`.
    pub query: &'static [&'static str],
    /// Whether it has a region.
    pub located: bool,
    /// Whether it shows its version, and heeds preconditions.
    pub etag: bool,
    /// Whether it shows `provisioningState`.
    pub stateful: bool,
    /// Where its operations are asked after.
    pub style: Style,
    /// The longest name.
    pub name_max: usize,
}

impl Spec {
    /// What most kinds have in common.
    pub const BASE: Self = Self {
        kind: "",
        operations: "",
        shape: &Object { name: "", fields: &[] },
        patch: None,
        put: "CreateOrUpdate",
        lists: ("List", None),
        actions: &[],
        query: &[],
        located: true,
        etag: false,
        stateful: true,
        style: Style::Network,
        name_max: 80,
    };

    /// The resource provider.
    pub fn namespace(&self) -> &'static str {
        self.kind.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// The types in the path, outermost first.
    pub fn types(&self) -> impl Iterator<Item = &'static str> {
        self.kind.split('/').skip(1)
    }

    /// Whether it is part of another resource.
    pub fn is_child(&self) -> bool {
        self.types().count() > 1
    }
}

/// A resource as it is about to be.
#[derive(Debug)]
pub struct Draft {
    /// The id.
    pub id: String,
    /// The region.
    pub location: String,
    /// The body that was asked for, which becomes what the resource shows.
    pub body: Value,
    /// What it keeps to itself.
    pub hidden: Value,
    /// What was there before.
    pub old: Option<Resource>,
    /// How long the operation lasts; `None` for one that is done at once.
    pub lasts: Option<Millis>,
    /// How the operation fails in the end, if it does.
    pub failure: Option<Failure>,
}

impl Draft {
    /// The end of the id.
    pub fn name(&self) -> &str {
        super::world::name_of(&self.id)
    }

    /// What was shown at a JSON pointer before; null for what is new.
    pub fn before(&self, pointer: &str) -> Value {
        self.old.as_ref().and_then(|old| old.body.pointer(pointer)).cloned().unwrap_or_default()
    }
}

/// What an action has led to.
#[derive(Debug)]
pub enum Outcome {
    /// It is done.
    Done(Response),
    /// It takes a while.
    Lasts(Millis),
}

/// A kind of resource.
pub trait Kind: Debug + Sync {
    /// The fixed facts.
    fn spec(&self) -> &'static Spec;

    /// Checks what is asked for and completes it. The world may be changed: a failure undoes everything.
    fn put(&self, cx: &mut Cx<'_>, draft: &mut Draft) -> Result<(), ApiError>;

    /// Checks that a resource may go, and says how long that takes; `None` for one that goes at once.
    fn delete(&self, cx: &mut Cx<'_>, resource: &Resource) -> Result<Option<Millis>, ApiError>;

    /// Does what follows from the end of a resource, which is no longer there.
    fn gone(&self, _cx: &mut Cx<'_>, _resource: &Resource) {}

    /// Adds to what a resource shows.
    fn view(&self, _cx: &Cx<'_>, _resource: &Resource, _body: &mut Value) {}

    /// Adds what is shown only when `$expand` asks for it.
    fn expand(&self, _cx: &Cx<'_>, _resource: &Resource, _what: &str, _body: &mut Value) {}

    /// Does an action that the kind's facts name.
    fn act(
        &self,
        _cx: &mut Cx<'_>,
        _request: &Request,
        resource: &Resource,
        action: &str,
    ) -> Result<Outcome, ApiError> {
        Err(ApiError::new(404, "InvalidAction", format!("The action '{action}' on {} is not supported.", resource.id)))
    }
}
