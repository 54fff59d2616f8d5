//! What a volume is: its size, its type and the figures that go with them.

use serde::{Deserialize, Serialize};

use super::Params;
use crate::aws::ApiError;

/// What a volume is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// The size in GiB.
    pub size: i64,
    /// The type, such as `gp3`.
    pub kind: String,
    /// Operations a second, where the type has a figure.
    pub iops: Option<i64>,
    /// MiB a second, for `gp3`.
    pub throughput: Option<i64>,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// The key, if it is not the account's own.
    pub key: Option<String>,
    /// The snapshot that it was made from.
    pub snapshot: Option<String>,
}

/// What a volume is asked to be. What is left out follows from what it is made of, or from the type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShapeWish {
    /// The size in GiB.
    pub size: Option<i64>,
    /// The type.
    pub kind: Option<String>,
    /// Operations a second.
    pub iops: Option<i64>,
    /// MiB a second.
    pub throughput: Option<i64>,
    /// Whether it is to be encrypted.
    pub encrypted: Option<bool>,
    /// The key.
    pub key: Option<String>,
    /// The snapshot.
    pub snapshot: Option<String>,
}

impl ShapeWish {
    /// Reads the members that volumes and block devices share.
    pub fn read(p: &Params, size: &str) -> Result<Self, ApiError> {
        Ok(Self {
            kind: p.opt_one_of("VolumeType", &["gp2", "gp3", "io1", "io2", "st1", "sc1", "standard"])?,
            size: p.opt_int(size)?,
            iops: p.opt_int("Iops")?,
            throughput: p.opt_int("Throughput")?,
            encrypted: p.opt_bool("Encrypted")?,
            key: p.opt_str("KmsKeyId"),
            snapshot: p.opt_str("SnapshotId"),
        })
    }

    /// What comes of the wish, with another volume or a snapshot behind it.
    pub fn resolve(&self, fallback: Option<&Shape>) -> Result<Shape, ApiError> {
        let old = |pick: fn(&Shape) -> Option<i64>| fallback.filter(|old| self.keeps(old)).and_then(pick);
        let encrypted = self.encrypted.unwrap_or(fallback.is_some_and(|old| old.encrypted));
        if self.key.is_some() && !encrypted {
            return Err(ApiError::bad(
                "InvalidParameterDependency",
                "The parameter KmsKeyId requires the parameter Encrypted to be set.",
            ));
        }
        let kind = self.kind.clone().or_else(|| fallback.map(|old| old.kind.clone()));
        Shape {
            size: self.size.or(fallback.map(|old| old.size)).ok_or_else(|| {
                ApiError::bad("MissingParameter", "The request must contain the parameter size or snapshotId")
            })?,
            kind: kind.unwrap_or_else(|| "gp2".to_owned()),
            iops: self.iops.or(old(|old| old.iops)),
            throughput: self.throughput.or(old(|old| old.throughput)),
            encrypted,
            key: self.key.clone().or_else(|| fallback.and_then(|old| old.key.clone())),
            snapshot: self.snapshot.clone().or_else(|| fallback.and_then(|old| old.snapshot.clone())),
        }
        .checked()
    }

    /// Whether the figures of the old volume go on, since its type does and has any.
    fn keeps(&self, old: &Shape) -> bool {
        self.kind.as_ref().is_none_or(|kind| *kind == old.kind) && matches!(old.kind.as_str(), "gp3" | "io1" | "io2")
    }
}

impl Shape {
    /// Checks a volume's figures against its type and fills in those that the type implies.
    fn checked(mut self) -> Result<Self, ApiError> {
        let kind = self.kind.as_str();
        let (smallest, largest) = match kind {
            "gp2" | "gp3" => (1, 65_536),
            "io1" => (4, 16_384),
            "io2" => (4, 65_536),
            "st1" | "sc1" => (125, 16_384),
            _ => (1, 1_024),
        };
        if !(smallest..=largest).contains(&self.size) {
            return Err(ApiError::value(format!(
                "Volume of {}GiB is invalid; {kind} volumes have {smallest} to {largest} GiB.",
                self.size
            )));
        }
        if self.iops.is_some() && !matches!(kind, "gp3" | "io1" | "io2") {
            return Err(ApiError::combination(format!("The parameter iops is not supported for {kind} volumes.")));
        }
        if self.throughput.is_some() && kind != "gp3" {
            return Err(ApiError::combination(format!(
                "The parameter throughput is not supported for {kind} volumes."
            )));
        }
        match kind {
            "gp3" => {
                let iops = self.iops.unwrap_or(3_000);
                let throughput = self.throughput.unwrap_or(125);
                if !(3_000..=80_000).contains(&iops) || iops > (self.size * 500).max(3_000) {
                    return Err(ApiError::value(format!("Volume iops of {iops} is not allowed for this volume.")));
                }
                if !(125..=2_000).contains(&throughput) || throughput * 4 > iops {
                    return Err(ApiError::value(format!("Volume throughput of {throughput} is not allowed.")));
                }
                (self.iops, self.throughput) = (Some(iops), Some(throughput));
            }
            "gp2" => self.iops = Some((self.size * 3).clamp(100, 16_000)),
            "io1" | "io2" => {
                let iops = self.iops.ok_or_else(|| {
                    ApiError::bad(
                        "MissingParameter",
                        format!("The parameter iops must be specified for {kind} volumes."),
                    )
                })?;
                if !(100..=256_000).contains(&iops) {
                    return Err(ApiError::value(format!("Volume iops of {iops} is not allowed.")));
                }
            }
            _ => {}
        }
        Ok(self)
    }
}
