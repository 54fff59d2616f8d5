//! Unsound specs: each fault with its place, path and hint.

use meridian_spec::{Code, Draft, Fault, Path, Unfit, clusters, clusters_that_fit};

use crate::{EXAMPLE, catalogue, minimal, resolve};

/// The faults of a text, as `code path`.
fn codes(text: &str) -> Vec<String> {
    let faults = resolve(text).err().unwrap_or_default();
    faults.iter().map(|fault| format!("{} {}", fault.code, fault.path)).collect()
}

fn only(text: &str) -> Fault {
    let faults = resolve(text).expect_err("the text has a fault");
    assert_eq!(faults.len(), 1, "{faults}\n{text}");
    faults.into_iter().next().expect("one")
}

#[test]
fn every_fault_comes_at_once_with_its_place() {
    let text = "apiVersion: meridian/v2\nkind: Cluster\nmetadata: { name: Bad_Name }\nspec:\n  provider: aws\n  regin: eu-west-1\n  \
        region: eu-west-9\n  network: { cidr: 10.0.0.1/16, zones: many }\n  controlPlane: { slots: 2 }\n  pools:\n    \
        - { name: a, machine: { size: huge }, min: 3, max: 1 }\n    - { name: a, machine: {} }\n  deletionProtection: \"yes\"\n";
    let faults = resolve(text).expect_err("it is full of faults");
    let listed: Vec<String> =
        faults.iter().map(|fault| format!("{}:{} {} {}", fault.line, fault.column, fault.code, fault.path)).collect();
    assert_eq!(
        listed,
        [
            "1:13 invalid-value apiVersion",
            "3:19 invalid-value metadata.name",
            "6:3 unknown-field spec.regin",
            "7:11 unknown-region spec.region",
            "8:20 invalid-network spec.network.cidr",
            "8:40 wrong-type spec.network.zones",
            "9:26 invalid-value spec.controlPlane.slots",
            "11:35 invalid-value spec.pools[0].machine.size",
            "11:48 conflict spec.pools[0].min",
            "12:15 duplicate-name spec.pools[1].name",
            "12:18 missing-field spec.pools[1].machine",
            "13:23 wrong-type spec.deletionProtection",
        ],
        "{faults}"
    );
}

#[test]
fn unknown_fields_name_the_nearest_known_one() {
    let fault = only(&minimal("eu-west-1", "controlplane: { slots: 3 }"));
    assert_eq!((fault.code, fault.line, fault.column), (Code::UnknownField, 7, 3));
    assert_eq!(fault.hint.as_deref(), Some("did you mean `controlPlane`?"));
}

#[test]
fn missing_fields_are_named() {
    let text = "apiVersion: meridian/v1\nkind: Cluster\nspec: { pools: [{ min: 1 }] }\n";
    assert_eq!(
        codes(text),
        [
            "missing-field metadata",
            "missing-field spec.provider",
            "missing-field spec.region",
            "missing-field spec.pools[0].name",
            "missing-field spec.pools[0].machine",
        ]
    );
}

#[test]
fn a_version_without_quotes_says_so() {
    let fault = only(&minimal("eu-west-1", "kubernetes: { version: 1.34 }"));
    assert_eq!(fault.code, Code::WrongType);
    assert_eq!(fault.hint.as_deref(), Some("write it in quotes: \"1.34\""));
}

/// One fault a line: the spec's lines, and the code and path that must come of them, and nothing else.
const SINGLE: &[(&str, &str)] = &[
    ("kubernetes: { version: '1.99' }", "unknown-version spec.kubernetes.version"),
    ("kubernetes: { version: v1.34 }", "invalid-value spec.kubernetes.version"),
    (
        "kubernetes: { apiServer: { extraArgs: { feature-gates: 'A=true' } } }",
        "conflict spec.kubernetes.apiServer.extraArgs.feature-gates",
    ),
    (
        "kubernetes: { etcd: { extraArgs: { initial-cluster: x } } }",
        "conflict spec.kubernetes.etcd.extraArgs.initial-cluster",
    ),
    (
        "kubernetes: { etcd: { extraArgs: { initial-cluster-token: x } } }",
        "conflict spec.kubernetes.etcd.extraArgs.initial-cluster-token",
    ),
    (
        "kubernetes: { kubelet: { extraArgs: { node-ip: 10.0.0.1 } } }",
        "conflict spec.kubernetes.kubelet.extraArgs.node-ip",
    ),
    ("kubernetes: { kubelet: { extraArgs: { v: '2 --foo' } } }", "invalid-value spec.kubernetes.kubelet.extraArgs.v"),
    ("kubernetes: { kubelet: { extraArgs: { --v: '2' } } }", "invalid-value spec.kubernetes.kubelet.extraArgs.--v"),
    ("network: { cidr: 10.0.0.0/33 }", "invalid-value spec.network.cidr"),
    ("network: { cidr: 10.0.0.0/8 }", "invalid-network spec.network.cidr"),
    ("network: { cidr: 127.0.0.0/16 }", "invalid-network spec.network.cidr"),
    ("network: { cidr: 10.0.0.0/24 }", "network-too-small spec.network.cidr"),
    ("network: { cidr: 100.64.0.0/16 }", "invalid-network spec.network.cidr"),
    ("network: { podCidr: 10.0.128.0/17 }", "invalid-network spec.network.podCidr"),
    ("network: { serviceCidr: 100.64.0.0/16 }", "invalid-network spec.network.serviceCidr"),
    ("network: { serviceCidr: 172.20.0.0/30 }", "network-too-small spec.network.serviceCidr"),
    (
        "network: { podCidr: 100.64.0.0/23 }\npools: [{ name: a, machine: { size: small }, max: 9 }]",
        "network-too-small spec.network.podCidr",
    ),
    (
        "network: { cidr: 10.0.0.0/22 }\npools: [{ name: a, machine: { size: small }, max: 1000 }]",
        "network-too-small spec.network.cidr",
    ),
    ("network: { zones: 4 }", "too-few-zones spec.network.zones"),
    ("network: { zones: 7 }", "invalid-value spec.network.zones"),
    ("network: { zones: { upTo: 7 } }", "invalid-value spec.network.zones.upTo"),
    ("network: { zones: [eu-west-1a, eu-west-1d] }", "unknown-zone spec.network.zones[1]"),
    ("network: { zones: [eu-west-1a, eu-west-1a] }", "duplicate-name spec.network.zones[1]"),
    ("network: { existing: { id: vpc-1 } }", "missing-field spec.network.cidr"),
    ("controlPlane: { slots: 4 }", "invalid-value spec.controlPlane.slots"),
    ("controlPlane: { addresses: [10.0.0.10] }", "conflict spec.controlPlane.addresses"),
    (
        "controlPlane: { addresses: [10.0.0.10, 10.0.0.11, 10.0.64.12] }",
        "invalid-network spec.controlPlane.addresses[1]",
    ),
    ("controlPlane: { slots: 1, addresses: [10.0.0.3] }", "invalid-network spec.controlPlane.addresses[0]"),
    ("controlPlane: { api: { exposure: public } }", "missing-field spec.controlPlane.api.allow"),
    ("controlPlane: { api: { exposure: public, allow: [0.0.0.0/0] } }", "open-to-anyone spec.controlPlane.api.allow"),
    (
        "controlPlane: { api: { exposure: public, allow: [0.0.0.0/1, 128.0.0.0/1] } }",
        "open-to-anyone spec.controlPlane.api.allow",
    ),
    (
        "controlPlane: { api: { exposure: public, allow: [192.0.0.0/2, 0.0.0.0/2, 64.0.0.0/2, 10.0.0.0/8, 128.0.0.0/2] } }",
        "open-to-anyone spec.controlPlane.api.allow",
    ),
    (
        "ssh: { publicKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ op }\nbastion: { allow: [128.0.0.0/1, 0.0.0.0/2, 64.0.0.0/2] }",
        "open-to-anyone spec.bastion.allow",
    ),
    (
        "controlPlane: { api: { exposure: public, allow: [203.0.113.0/24], allowFromAnywhere: true } }",
        "conflict spec.controlPlane.api.allowFromAnywhere",
    ),
    ("controlPlane: { machine: { size: small, type: m7i.large } }", "conflict spec.controlPlane.machine"),
    ("controlPlane: { machine: { cpu: 4 } }", "missing-field spec.controlPlane.machine.memoryGiB"),
    ("controlPlane: { machine: { cpu: 1000, memoryGiB: 8 } }", "unknown-machine spec.controlPlane.machine"),
    ("controlPlane: { machine: { type: m7i.larg } }", "unknown-machine spec.controlPlane.machine.type"),
    (
        "controlPlane: { machine: { type: m7i.large, architecture: arm64 } }",
        "conflict spec.controlPlane.machine.architecture",
    ),
    ("pools: [{ name: control-plane, machine: { size: small } }]", "name-limit spec.pools[0].name"),
    ("pools: [{ name: a, machine: { size: small }, zones: [eu-west-1x] }]", "unknown-zone spec.pools[0].zones[0]"),
    (
        "pools: [{ name: a, machine: { size: small }, alternatives: [{ type: m7g.large }] }]",
        "conflict spec.pools[0].alternatives[0]",
    ),
    (
        "pools: [{ name: a, machine: { size: small }, labels: { kubernetes.io/role: x } }]",
        "refused-label spec.pools[0].labels[\"kubernetes.io/role\"]",
    ),
    ("pools: [{ name: a, machine: { size: small }, labels: { -a: x } }]", "invalid-value spec.pools[0].labels.-a"),
    (
        "pools: [{ name: a, machine: { size: small }, taints: [{ key: a, effect: NoSchedul }] }]",
        "invalid-value spec.pools[0].taints[0].effect",
    ),
    (
        "pools: [{ name: a, machine: { size: small }, taints: [{ key: a, effect: NoSchedule }, { key: a, effect: NoSchedule }] }]",
        "refused-label spec.pools[0].taints[1]",
    ),
    (
        "pools: [{ name: a, machine: { size: small }, volumes: [{ name: v, sizeGiB: 10, mount: /etc }] }]",
        "invalid-value spec.pools[0].volumes[0].mount",
    ),
    (
        "pools: [{ name: a, machine: { size: small }, volumes: [{ name: v, sizeGiB: 10, mount: data }] }]",
        "invalid-value spec.pools[0].volumes[0].mount",
    ),
    (
        "pools: [{ name: a, machine: { size: small }, volumes: [{ name: v, sizeGiB: 10, mount: /etc/kubernetes }] }]",
        "invalid-value spec.pools[0].volumes[0].mount",
    ),
    (
        "pools: [{ name: a, machine: { size: small }, volumes: [{ name: v, sizeGiB: 10, mount: /var/lib/kubelet/pki }] }]",
        "invalid-value spec.pools[0].volumes[0].mount",
    ),
    ("bastion: { allow: [203.0.113.0/24] }", "missing-field spec.bastion"),
    ("ssh: { publicKey: hello }", "invalid-value spec.ssh.publicKey"),
    ("aws: { permissionsBoundry: x }", "unknown-field spec.aws.permissionsBoundry"),
    ("aws: { permissionsBoundary: x }", "invalid-value spec.aws.permissionsBoundary"),
];

#[test]
fn single_faults_are_found_and_cause_no_others() {
    for (lines, expected) in SINGLE {
        let text = minimal("eu-west-1", lines);
        assert_eq!(codes(&text), [*expected], "{lines}\n{}", resolve(&text).err().unwrap_or_default());
    }
}

#[test]
fn faults_point_at_what_was_written() {
    for (lines, _) in SINGLE {
        let text = minimal("eu-west-1", lines);
        for fault in resolve(&text).expect_err("a fault") {
            assert!(text.get(fault.span.clone()).is_some(), "{fault}");
            assert!(fault.line >= 5 && fault.column >= 1, "{fault}");
            assert!(fault.hint.is_some() || fault.code == Code::InvalidValue, "no hint: {fault}");
        }
    }
}

#[test]
fn regions_are_near_or_elsewhere_or_closed() {
    let text = minimal("eu-west-1", "");
    let hint = |region: &str| only(&text.replace("eu-west-1", region)).hint.unwrap_or_default();
    assert_eq!(hint("eu-wst-1"), "did you mean `eu-west-1`?");
    assert!(hint("europe-west1").contains("Google Cloud"));
    assert!(only(&text.replace("eu-west-1", "me-west-1")).message.contains("not open"));
}

#[test]
fn regions_with_too_few_zones_are_refused_unless_accepted() {
    assert_eq!(codes(&minimal("us-west-1", "")), ["too-few-zones spec.region"]);
    assert_eq!(codes(&minimal("australiacentral", "")), ["too-few-zones spec.region"]);
    assert!(resolve(&minimal("us-west-1", "network: { zones: 2 }")).is_ok());
    assert!(resolve(&minimal("us-west-1", "controlPlane: { slots: 1 }")).is_ok());
    assert_eq!(
        codes(&minimal("us-iso-east-1", "controlPlane: { machine: { type: m5.large, image: { id: ami-1 } } }")),
        ["unknown-zone spec.region"]
    );
}

#[test]
fn what_a_region_does_not_offer_is_refused_with_what_it_does() {
    for (region, machine, path, message, hint) in [
        ("ca-west-1", "type: m7i.xlarge", ".type", "m7i.xlarge is not offered in ca-west-1", "`m6i.xlarge`"),
        ("europe-north2", "type: n2-standard-4", ".type", "n2-standard-4 is not offered in", "`e2-standard-4`"),
        ("europe-north2", "type: n2-custom-4-8192, architecture: amd64", ".type", "n2-custom-4-8192", "another family"),
        (
            "australiacentral",
            "type: Standard_D4ps_v5",
            ".type",
            "not offered in",
            "architecture, are `Standard_D4s_v5`",
        ),
        ("australiacentral", "size: medium, architecture: arm64", "", "in australiacentral", "`Standard_D4s_v5`"),
        ("eu-west-1", "cpu: 500, memoryGiB: 8", "", "in eu-west-1", "ask for less"),
    ] {
        let lines = format!("network: {{ zones: {{ upTo: 3 }} }}\ncontrolPlane: {{ machine: {{ {machine} }} }}");
        let fault = only(&minimal(region, &lines));
        assert_eq!(fault.code, Code::UnknownMachine);
        assert_eq!(fault.path, format!("spec.controlPlane.machine{path}"));
        assert!(fault.message.contains(message), "{fault}");
        assert!(fault.hint.as_deref().is_some_and(|said| said.contains(hint)), "{fault}");
    }
    let pool = "pools: [{ name: a, machine: { size: small }, alternatives: [{ type: r7i.large }] }]";
    assert_eq!(codes(&minimal("ca-west-1", pool)), ["unknown-machine spec.pools[0].alternatives[0].type"]);
}

#[test]
fn names_and_labels_keep_to_the_limits_of_their_cloud() {
    let named = |name: &str| minimal("eu-west-1", "").replace("demo", name);
    assert_eq!(codes(&named(&"a".repeat(29))), ["name-limit metadata.name"]);
    assert_eq!(codes(&named("internal-api")), ["name-limit metadata.name"]);
    let labelled =
        |region: &str| minimal(region, "").replace("{ name: demo }", "{ name: demo, labels: { Team: 'R&D' } }");
    assert_eq!(codes(&labelled("eu-west-1")), ["refused-label metadata.labels.Team"]);
    assert_eq!(codes(&labelled("europe-west1")), ["refused-label metadata.labels.Team"]);
    let ours = minimal("eu-west-1", "").replace("{ name: demo }", "{ name: demo, labels: { meridian/cluster: x } }");
    assert_eq!(codes(&ours), ["refused-label metadata.labels[\"meridian/cluster\"]"]);
}

#[test]
fn an_unknown_region_hides_nothing_that_depends_on_the_cloud_alone() {
    let text = minimal(
        "eu-west-11",
        "network: { cidr: 10.0.0.0/28 }\ncontrolPlane: { machine: { type: m7i.xlrge } }\n\
         pools: [{ name: a, machine: { cpu: 5000, memoryGiB: 8 } }, { name: b, machine: { cpu: 2, memoryGiB: 8 } }]",
    );
    let text = text.replace("{ name: demo }", &format!("{{ name: {}, labels: {{ aws:x: y }} }}", "a".repeat(36)));
    assert_eq!(
        codes(&text),
        [
            "name-limit metadata.name",
            "refused-label metadata.labels[\"aws:x\"]",
            "unknown-region spec.region",
            "network-too-small spec.network.cidr",
            "unknown-machine spec.controlPlane.machine.type",
            "invalid-value spec.pools[0].machine.cpu",
        ]
    );
}

#[test]
fn what_yaml_does_not_like_hides_nothing_else_in_the_file() {
    let text = minimal(
        "eu-west-11",
        "network: &net { topolgy: private }\ncontrolPlane: { slots: 4, slots: 5, machine: *net }\n\
         deletionProtection: !!bool yes",
    );
    assert_eq!(
        codes(&text),
        [
            "unknown-region spec.region",
            "syntax spec.network",
            "unknown-field spec.network.topolgy",
            "invalid-value spec.controlPlane.slots",
            "duplicate-key spec.controlPlane.slots",
            "syntax spec.deletionProtection",
        ]
    );
}

#[test]
fn an_unsound_number_of_slots_or_zones_hides_no_network_that_is_too_small() {
    let large = "network: { cidr: 10.0.0.0/22 }\ncontrolPlane: { slots: 4 }\n\
                 pools: [{ name: a, machine: { size: huge }, max: 1000 }]";
    assert_eq!(
        codes(&minimal("eu-west-1", large)),
        [
            "network-too-small spec.network.cidr",
            "invalid-value spec.controlPlane.slots",
            "invalid-value spec.pools[0].machine.size",
        ]
    );
    assert_eq!(
        codes(&minimal("eu-west-1", "network: { cidr: 10.0.0.0/28, zones: 9 }")),
        ["network-too-small spec.network.cidr", "invalid-value spec.network.zones"]
    );
}

#[test]
fn what_the_cloud_says_stands_among_the_other_faults() {
    let text = minimal("eu-west-1", "controlPlane: { slots: 4 }\npools: [{ name: a, machine: { size: huge } }]");
    let text = text.replace("{ name: demo }", "{ name: demo, labels: { team: a } }");
    let judge = |draft: &Draft| {
        assert_eq!((draft.name.as_deref(), draft.provider.as_str()), (Some("demo"), "aws"));
        assert_eq!((draft.labels.len(), draft.pools.len(), draft.slots.len()), (1, 1, 0));
        vec![
            Unfit::new(Path::of("metadata.labels").key("team"), "not here", "elsewhere"),
            Unfit::new("spec.controlPlane.slots", "told already", ""),
        ]
    };
    let faults = clusters_that_fit(&[("test.yaml", &text)], catalogue(), &judge).expect_err("unsound");
    let listed: Vec<String> =
        faults.iter().map(|fault| format!("{}:{} {} {}", fault.line, fault.column, fault.code, fault.path)).collect();
    assert_eq!(
        listed,
        [
            "3:41 unfit metadata.labels.team",
            "7:26 invalid-value spec.controlPlane.slots",
            "8:39 invalid-value spec.pools[0].machine.size",
        ],
        "{faults}"
    );
}

#[test]
fn what_is_sound_of_a_sound_spec_is_all_of_it() {
    let seen = std::cell::RefCell::new(Vec::new());
    let judge = |draft: &Draft| {
        seen.borrow_mut().push(draft.clone());
        Vec::new()
    };
    let sound = clusters_that_fit(&[("test.yaml", EXAMPLE)], catalogue(), &judge).expect("sound");
    assert_eq!(*seen.borrow(), [Draft::from(&sound[0])]);
}

#[test]
fn numbers_are_told_as_numbers() {
    let message = |lines: &str| only(&minimal("eu-west-1", lines)).message;
    assert_eq!(message("controlPlane: { slots: 4 }"), "4 is none of 1, 3, 5");
    assert_eq!(message("pools: [{ name: a, machine: { size: small }, max: 3.5 }]"), "3.5 is not a whole number");
}

#[test]
fn a_region_with_too_few_zones_names_how_many_it_has_and_others_nearby() {
    let hint = |region: &str, lines: &str| only(&minimal(region, lines)).hint.unwrap_or_default();
    let west = hint("us-west-1", "network: { zones: 3 }");
    assert!(west.contains("at most 2") && west.contains("us-west-2"), "{west}");
    let none = hint("australiacentral", "network: { zones: 3 }");
    assert!(none.contains("leave `zones` out") && none.contains("australiaeast"), "{none}");
}

#[test]
fn an_open_api_can_be_said_twice() {
    let text = minimal(
        "eu-west-1",
        "controlPlane: { api: { exposure: public, allow: [0.0.0.0/0], allowFromAnywhere: true } }",
    );
    assert!(resolve(&text).is_ok());
}

#[test]
fn subnets_of_an_existing_network_are_checked() {
    let with = |subnets: &str| {
        minimal(
            "eu-west-1",
            &format!(
                "network: {{ cidr: 10.9.0.0/16, existing: {{ id: vpc-1, subnets: [{subnets}] }} }}\ncontrolPlane: {{ slots: 1 }}"
            ),
        )
    };
    let private = "{ id: s1, zone: eu-west-1a, cidr: 10.9.1.0/24, role: private }";
    assert!(resolve(&with(private)).is_ok());
    let at = "spec.network.existing.subnets";
    let nowhere = private.replace("zone: eu-west-1a, ", "");
    assert_eq!(codes(&with(&nowhere)), [format!("missing-field {at}[0].zone")]);
    let spanning =
        |subnets: &str| with(subnets).replace("aws", "gcp").replace("region: eu-west-1", "region: europe-west1");
    assert!(resolve(&spanning(&nowhere)).is_ok());
    assert_eq!(codes(&spanning(private)), [format!("conflict {at}[0].zone")]);
    assert_eq!(
        codes(&spanning(&format!("{nowhere}, {{ id: s2, cidr: 10.9.2.0/24, role: private }}"))),
        [format!("duplicate-name {at}[1].role")]
    );
    assert_eq!(
        codes(&with("{ id: s1, zone: eu-west-1a, cidr: 10.8.1.0/24, role: private }")),
        [format!("invalid-network {at}[0].cidr")]
    );
    assert_eq!(
        codes(&with(&format!("{private}, {{ id: s2, zone: eu-west-1b, cidr: 10.9.1.128/25, role: private }}"))),
        [format!("invalid-network {at}[1].cidr")]
    );
    assert_eq!(
        codes(&with("{ id: s1, zone: eu-west-1a, cidr: 10.9.1.0/24, role: public }")),
        [format!("missing-field {at}")]
    );
}

#[test]
fn kinds_that_are_not_known_are_named() {
    let fault = only("apiVersion: meridian/v1\nkind: Fleet\n");
    assert_eq!(fault.code, Code::UnknownKind);
    assert!(fault.message.contains("known kinds: Cluster"));
    assert_eq!(codes("apiVersion: meridian/v1\n"), ["missing-field kind"]);
    assert_eq!(codes("- 1\n"), ["wrong-type "]);
    assert_eq!(codes("# nothing\n"), ["missing-field "]);
}

#[test]
fn a_cluster_that_stands_in_two_files_is_refused() {
    let faults = clusters(&[("one.yaml", EXAMPLE), ("two.yaml", EXAMPLE)], catalogue()).expect_err("twice");
    let fault = faults.into_iter().next().expect("a fault");
    assert_eq!((&*fault.file, fault.code), ("two.yaml", Code::DuplicateName));
}

#[test]
fn a_name_belongs_to_one_cluster_in_all_regions() {
    let elsewhere = EXAMPLE.replace("eu-west-1", "us-east-1");
    assert_ne!(elsewhere, EXAMPLE);
    let faults =
        clusters(&[("one.yaml", EXAMPLE), ("two.yaml", &elsewhere)], catalogue()).expect_err("state is kept by name");
    let fault = faults.into_iter().next().expect("a fault");
    assert_eq!((&*fault.file, fault.code), ("two.yaml", Code::DuplicateName));
}

#[test]
fn what_is_out_of_bounds_says_how_to_mend_it() {
    for (old, new) in [
        ("min: 3", "min: -1"),
        ("max: 9", "max: 5001"),
        ("cpu: 4", "cpu: 4000"),
        ("zones: 3", "zones: 7"),
        ("zones: 3", "zones: []"),
        ("[203.0.113.0/24]", "[]"),
        ("prod-eu", &"p".repeat(64)),
    ] {
        let text = EXAMPLE.replace(old, new);
        assert_ne!(text, EXAMPLE);
        let fault = only(&text);
        assert!(fault.hint.is_some(), "{fault}");
    }
}

#[test]
fn bytes_that_are_no_utf8_are_refused_wherever_they_stand() {
    let bytes = EXAMPLE.replace("# a count", "# caf\u{e9}");
    let latin: Vec<u8> = bytes.chars().filter_map(|c| u8::try_from(u32::from(c)).ok()).collect();
    let fault = only(&String::from_utf8_lossy(&latin));
    assert_eq!(fault.code, Code::Syntax);
    assert!(fault.message.contains("not UTF-8"), "{fault}");
}

#[test]
fn an_unreadable_file_hides_no_fault_of_another() {
    let bad = minimal("eu-west-1", "controlPlane: { slots: 2 }");
    let faults = clusters(&[("one.yaml", "a: [1"), ("two.yaml", &bad)], catalogue()).expect_err("both are bad");
    let files: Vec<&str> = faults.iter().map(|fault| &*fault.file).collect();
    assert_eq!(files, ["one.yaml", "two.yaml"]);
    let faults = clusters(&[("two.yaml", &bad), ("one.yaml", "a: [1")], catalogue());
    let files = faults.expect_err("both are bad").into_iter().map(|fault| fault.file.to_string());
    assert_eq!(files.collect::<Vec<_>>(), ["two.yaml", "one.yaml"]);
}

#[test]
fn what_moved_is_told_apart_from_what_is_there() {
    let spec = |moved: &str| {
        minimal(
            "eu-west-1",
            &format!(
                "pools: [{{ name: b, machine: {{ size: small }} }}, {{ name: d, machine: {{ size: small }} }}]\nmoved: {moved}"
            ),
        )
    };
    let names = |text: &str| resolve(text).unwrap()[0].pools.iter().map(|pool| pool.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&spec("[{ from: pools.a, to: pools.b }]")), ["a", "d"]);
    assert_eq!(names(&spec("[{ from: pools.c, to: pools.d }, { from: pools.x, to: pools.c }]")), ["b", "x"]);
    for (moved, code) in [
        ("[{ from: pools.b, to: pools.d }]", "conflict spec.moved[0].from"),
        ("[{ from: pools.a, to: pools.e }]", "invalid-value spec.moved[0].to"),
        ("[{ from: general, to: pools.b }]", "invalid-value spec.moved[0].from"),
        ("[{ from: pools.a }]", "missing-field spec.moved[0].to"),
        ("[{ from: pools.a, to: pools.b }, { from: pools.a, to: pools.d }]", "duplicate-name spec.moved[1].from"),
        ("[{ from: pools.a, to: pools.b }, { from: pools.c, to: pools.b }]", "duplicate-name spec.moved[1].to"),
    ] {
        assert_eq!(codes(&spec(moved)), [code], "{moved}");
    }
    assert!(
        codes(&spec("[{ from: pools.x, to: pools.y }, { from: pools.y, to: pools.x }]"))
            .contains(&"conflict spec.moved[0].to".to_owned())
    );
}
