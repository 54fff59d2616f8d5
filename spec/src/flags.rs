//! Flags of Kubernetes' components that are not the user's to give, and what values kubelet's can have.
//!
//! The spec refuses them with their place, and the templates rely on it: both ask here, so that what is sound here can be
//! rendered there.

/// A component that takes flags from a spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    ApiServer,
    ControllerManager,
    Scheduler,
    Etcd,
    Kubelet,
}

impl Component {
    /// Every component.
    pub const ALL: [Self; 5] = [Self::ApiServer, Self::ControllerManager, Self::Scheduler, Self::Etcd, Self::Kubelet];
}

/// A flag that Meridian gives by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserved {
    /// Without leading hyphens.
    pub flag: &'static str,
    /// What it follows from.
    pub why: &'static str,
    /// What to do instead.
    pub hint: &'static str,
}

const GATES: Reserved = Reserved {
    flag: "feature-gates",
    why: "feature gates are the same for every component",
    hint: "list the gates in `kubernetes.featureGates`",
};

/// What says which member of the control plane a machine is; another value would make it a stranger.
const OF_A_SLOT: [Reserved; 5] = [
    of_a_slot("data-dir"),
    of_a_slot("initial-cluster"),
    of_a_slot("initial-cluster-state"),
    of_a_slot("initial-cluster-token"),
    of_a_slot("name"),
];

const OF_A_NODE: [Reserved; 4] = [
    Reserved { flag: "hostname-override", why: "the cloud gives machines their names", hint: "remove it" },
    Reserved { flag: "node-ip", why: "the address follows from the slot or the subnet", hint: "remove it" },
    Reserved {
        flag: "node-labels",
        why: "labels follow from the pool",
        hint: "give the pool `labels`, and remove the flag",
    },
    Reserved {
        flag: "register-with-taints",
        why: "taints follow from the pool",
        hint: "give the pool `taints`, and remove the flag",
    },
];

const fn of_a_slot(flag: &'static str) -> Reserved {
    Reserved { flag, why: "it follows from the slot", hint: "remove it" }
}

/// The flag of a component, if Meridian gives it by itself.
#[must_use]
pub fn reserved(component: Component, flag: &str) -> Option<Reserved> {
    let own: &[Reserved] = match component {
        Component::ApiServer | Component::ControllerManager | Component::Scheduler => &[],
        Component::Etcd => &OF_A_SLOT,
        Component::Kubelet => &OF_A_NODE,
    };
    // etcd has gates of its own, by the same flag.
    own.iter().copied().chain([GATES]).find(|reserved| reserved.flag == flag)
}

/// What kubelet's flags can have for values, in words.
pub const KUBELET_VALUE: &str = "one word of printable ASCII without quotes, backslashes and $";

/// Whether kubelet's flag can have this value. Its flags pass through an environment file that systemd splits at spaces,
/// where nothing could quote them.
#[must_use]
pub fn is_kubelet_value(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'\\' | b'$'))
}
