//! `Microsoft.Compute`.

use super::Service;
use super::world::Cx;

/// The service.
pub const SERVICE: Service = Service {
    namespace: "Microsoft.Compute",
    versions: &[
        "2024-07-01",
        "2024-11-01",
        "2025-04-01",
        "2025-11-01",
        "2026-03-01",
        "2026-04-01",
        "2024-03-02",
        "2021-07-01",
    ],
    kinds: &[],
    special: |_| None,
};

/// Lets scale sets have the machines that they should.
pub fn settle(_: &mut Cx<'_>) {}
