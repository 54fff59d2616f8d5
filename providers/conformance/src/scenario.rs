//! The clusters that every provider has to build and to change.

/// A cluster and what becomes of it, as specs in which `PROVIDER` and `REGION` stand for a cloud's own.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub name: &'static str,
    /// The first spec is created; each later one is applied to what is there.
    pub steps: Vec<(&'static str, String)>,
}

const HEAD: &str = "\
apiVersion: meridian/v1
kind: Cluster
metadata: { name: conformance, labels: { team: platform } }
spec:
  provider: PROVIDER
  region: REGION
";

const SMALL: &str = "
  network: { cidr: 10.10.0.0/16, zones: 1, topology: public }
  controlPlane:
    slots: 1
    machine: { size: medium }
    api: { exposure: public, allow: [203.0.113.0/24] }
  pools:
    - { name: general, machine: { cpu: 2, memoryGiB: 8 }, min: 1, max: 2 }
";

const PRIVATE: &str = "
  network: { cidr: 10.20.0.0/16, zones: 3, topology: private }
  controlPlane:
    slots: 3
    machine: { size: medium }
    api: { exposure: public, allow: [203.0.113.0/24] }
  pools:
    - { name: general, machine: { cpu: 2, memoryGiB: 8 }, min: 1, max: 3 }
    - name: spot
      machine: { cpu: 2, memoryGiB: 8 }
      alternatives: [{ cpu: 4, memoryGiB: 16 }]
      spot: true
      min: 0
      max: 2
      labels: { tier: batch }
";

const BASTION: &str = "  bastion: { allow: [203.0.113.0/24] }
  ssh: { publicKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJyMJ2o4aCcTHrMZ8xg7Vw5bRzg4rW0o0QxYk1cQm5hW operator }
";

/// Every scenario.
#[must_use]
pub fn scenarios() -> Vec<Scenario> {
    let small = format!("{HEAD}{SMALL}");
    let private = format!("{HEAD}{PRIVATE}");
    let swap = |text: &str, from: &str, to: &str| text.replace(from, to);
    vec![
        Scenario {
            name: "small",
            steps: vec![
                ("create", small.clone()),
                ("more machines", swap(&small, "min: 1, max: 2", "min: 1, max: 4")),
                ("another machine for the slot", swap(&small, "size: medium", "size: large")),
                ("other labels", swap(&small, "team: platform", "team: storage, stage: test")),
                ("another allow list", swap(&small, "[203.0.113.0/24]", "[203.0.113.0/25, 198.51.100.0/24]")),
                ("another patch of Kubernetes", format!("{small}  kubernetes: {{ version: \"1.34\" }}\n")),
                (
                    "another pool",
                    format!("{small}    - {{ name: more, machine: {{ cpu: 4, memoryGiB: 16 }}, min: 0, max: 1 }}\n"),
                ),
                ("a bastion", format!("{small}{BASTION}")),
                ("back", small),
            ],
        },
        Scenario {
            name: "private",
            steps: vec![
                ("create", private.clone()),
                ("one NAT gateway", swap(&private, "topology: private", "topology: private, nat: single")),
                ("a private API", swap(&private, "exposure: public, allow: [203.0.113.0/24]", "exposure: private")),
                ("no spot pool", private.split("    - name: spot").take(1).collect()),
                ("back", private),
            ],
        },
    ]
}
