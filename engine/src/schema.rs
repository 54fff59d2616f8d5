//! What the engine knows of a kind of resource: which fields it has and what a change of each costs.

use crate::value::Value;

/// A kind of resource, described once and statically by its provider. Two are the same when they are of one kind.
#[derive(Debug)]
pub struct KindSchema {
    /// `aws_subnet`: the first part of the address.
    pub kind: &'static str,
    /// What a person calls one (`subnet`).
    pub title: &'static str,
    /// Desired fields, each with what its change means.
    pub fields: &'static [FieldSchema],
    /// Attributes that only the cloud can tell, apart from `id`.
    pub computed: &'static [ComputedSchema],
    /// What happens when a field that forces replacement changes.
    pub replacement: Replacement,
    /// Whether it is a machine, or a group of them, on which the cluster's controllers run. What they made is removed only
    /// after every one of these: a live controller would make it anew, and a live machine holds on to its volumes.
    pub runs_controllers: bool,
}

/// A desired field.
#[derive(Debug)]
pub struct FieldSchema {
    pub name: &'static str,
    pub on_change: OnChange,
    /// Whether no two resources of the kind can have the same at one time, or, of ranges of addresses, any that overlap: what
    /// has it is removed before another one is made with it.
    pub exclusive: bool,
    /// Whether the field may refer to other resources.
    pub reference: bool,
}

/// An attribute that the cloud computes.
#[derive(Debug, PartialEq, Eq)]
pub struct ComputedSchema {
    pub name: &'static str,
    /// Whether an update of the resource may change it, so that it is unknown until then.
    pub changes_on_update: bool,
}

/// What a changed field asks for.
#[derive(Debug, Clone, Copy)]
pub enum OnChange {
    /// The cloud changes it in place.
    Update,
    /// The cloud changes it in place, if nothing speaks against the change; otherwise the plan is refused.
    UpdateIf(Guard),
    /// Only a new resource can have another value.
    Replace,
    /// The cloud takes it and does not give it back. It is sent, never compared; another field holds its digest.
    Unread,
}

/// What speaks against a change from the first value to the second: for each objection what would be lost, and the way
/// out. Nothing where the change is sound.
pub type Guard = fn(&Value, &Value) -> Vec<&'static str>;

/// How a resource of the kind is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacement {
    /// The old one must be gone before the new one is made (same name, address or disk).
    DeleteFirst,
    /// As [`Replacement::DeleteFirst`], and of several of the kind one after another: together they are a quorum.
    InTurn,
    /// The new one is made first, so that what refers to it can move over.
    CreateFirst,
    /// Never, and never deleted either but by `destroy`: it holds what can't be made again. The text says what would be
    /// lost and the way out.
    Refused(&'static str),
}

impl PartialEq for KindSchema {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Eq for KindSchema {}

impl KindSchema {
    /// The description of the field `name`.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&FieldSchema> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether the attribute `name` may be another after an update.
    #[must_use]
    pub fn changes_on_update(&self, name: &str) -> bool {
        self.computed.iter().any(|attribute| attribute.name == name && attribute.changes_on_update)
    }
}
