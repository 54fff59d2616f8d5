//! Everything that exists in the account, and what a handler may do with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{autoscaling, ec2, elb, elbv2, iam, kms, route53, s3};
use crate::clock::Millis;
use crate::config::{Pace, Quotas};
use crate::fault::Faults;
use crate::ids::IdSource;
use crate::store::{Blobs, Store, StoreError};

/// The account that everything belongs to.
pub const ACCOUNT: &str = "123456789012";

/// The part of the world that belongs to no region, on disk.
pub const GLOBAL: &str = "global";

/// All that exists.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// What belongs to a region.
    pub regions: BTreeMap<String, Region>,
    /// What belongs to none.
    pub global: Global,
}

impl World {
    /// Reads the world in a store.
    pub fn read(store: &Store) -> Result<Self, StoreError> {
        let mut world = Self { global: store.read(GLOBAL)?.unwrap_or_default(), ..Self::default() };
        for part in store.parts()?.into_iter().filter(|part| part != GLOBAL) {
            let region = store.read(&part)?.unwrap_or_default();
            world.regions.insert(part, region);
        }
        Ok(world)
    }
}

/// What exists in a region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Region {
    /// EC2.
    pub ec2: ec2::Ec2,
    /// Autoscaling.
    pub autoscaling: autoscaling::Autoscaling,
    /// Classic load balancers.
    pub elb: elb::Elb,
    /// The other load balancers.
    pub elbv2: elbv2::Elbv2,
    /// Keys.
    pub kms: kms::Kms,
}

/// What exists outside of regions.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Global {
    /// Roles and instance profiles.
    pub iam: iam::Iam,
    /// Hosted zones.
    pub route53: route53::Route53,
    /// Buckets and objects.
    pub s3: s3::S3,
}

/// What a handler works with. It holds the world alone while it does.
#[derive(Debug)]
pub struct Cx<'a> {
    /// Everything that exists.
    pub world: &'a mut World,
    /// The region of the request.
    pub region: String,
    /// The account of the caller.
    pub account: &'static str,
    /// When the request was handled.
    pub now: Millis,
    /// Makes ids.
    pub ids: &'a mut IdSource,
    /// How long things take.
    pub pace: Pace,
    /// How much there may be.
    pub quotas: Quotas,
    /// The largest page.
    pub page_limit: Option<usize>,
    /// The zones of regions that do not have the usual three.
    pub zones: &'a BTreeMap<String, Vec<String>>,
    /// The bodies of objects.
    pub blobs: &'a mut Blobs,
    /// The armed faults.
    pub faults: &'a Faults,
    /// Whether the region must be written.
    pub region_dirty: bool,
    /// Whether what is global must be written.
    pub global_dirty: bool,
}

impl Cx<'_> {
    /// What exists in the region of the request.
    pub fn here(&mut self) -> &mut Region {
        if !self.world.regions.contains_key(&self.region) {
            self.world.regions.insert(self.region.clone(), Region::default());
        }
        self.world.regions.entry(self.region.clone()).or_default()
    }

    /// EC2 in the region of the request.
    pub fn ec2(&mut self) -> &mut ec2::Ec2 {
        &mut self.here().ec2
    }

    /// Says that the region of the request has changed.
    pub fn dirty_region(&mut self) {
        self.region_dirty = true;
    }

    /// Says that what is global has changed.
    pub fn dirty_global(&mut self) {
        self.global_dirty = true;
    }

    /// The zones of the region of the request.
    pub fn zones_here(&self) -> Vec<String> {
        self.zones
            .get(&self.region)
            .cloned()
            .unwrap_or_else(|| ["a", "b", "c"].iter().map(|letter| format!("{}{letter}", self.region)).collect())
    }

    /// The partition of the region of the request, as ARNs name it.
    pub fn partition(&self) -> &'static str {
        partition(&self.region)
    }

    /// The ARN of something in the region of the request. `resource` is what follows the account.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition(), self.region, self.account)
    }

    /// Lets time do its work: what was due by now has happened.
    pub fn settle(&mut self) {
        ec2::settle(self);
        autoscaling::settle(self);
        elb::settle(self);
        elbv2::settle(self);
        kms::settle(self);
    }
}

/// The partition of a region, as ARNs name it.
pub fn partition(region: &str) -> &'static str {
    match region.split('-').take(2).collect::<Vec<_>>().as_slice() {
        ["cn", ..] => "aws-cn",
        ["us", "gov"] => "aws-us-gov",
        ["us", "iso"] => "aws-iso",
        ["us", "isob"] => "aws-iso-b",
        ["eu", "isoe"] => "aws-iso-e",
        ["us", "isof"] => "aws-iso-f",
        ["eusc", ..] => "aws-eusc",
        _ => "aws",
    }
}
