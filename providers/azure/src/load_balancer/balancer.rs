//! Load balancers. Frontend, pool, probe and rule are parts of one resource, and none of them is told by tags.

use std::future::IntoFuture as _;
use std::sync::Arc;

use async_trait::async_trait;
use azure_mgmt_network::package_2024_03::models::{
    BackendAddressPool, FrontendIpConfiguration, FrontendIpConfigurationPropertiesFormat, IpAllocationMethod,
    LoadBalancer as SdkBalancer, LoadBalancerPropertiesFormat, LoadBalancerSku, LoadBalancingRule,
    LoadBalancingRulePropertiesFormat, Probe, ProbePropertiesFormat, PublicIpAddress as SdkAddress,
    Resource as SdkResource, SubResource, Subnet as SdkSubnet, TransportProtocol, load_balancer_sku,
    probe_properties_format::Protocol,
};
use meridian_engine::field::Set;
use meridian_engine::schema::Replacement;
use meridian_engine::{Address, Attr, Fields, Ref, Resource as _};
use meridian_engine::{record, resource};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use super::kept::as_it_was;
use crate::arm::{arm_id, computed, condition, gone, group_of, id_in, id_of, is_going, reference, word};
use crate::client::id::ArmId;
use crate::client::{Azure, Tags};
use crate::limits::{delete, read, write};
use crate::network::{NETWORK, PublicIp, ResourceGroup, Subnet, public_ip};

const KIND: &str = "Microsoft.Network/loadBalancers";
/// Name of each part.
const PART: &str = "api";
/// Minutes without a packet after which a connection is taken to be dead; clients watch for longer than the default of 4.
const IDLE_MINUTES: i32 = 30;

record! {
    /// How the load balancer asks whether a machine is well.
    pub struct HealthCheck {
        /// `Https` or `Tcp`.
        protocol: String,
        /// For `Https`.
        path: Option<String>,
        interval_seconds: u16,
        /// Answers in a row that change its mind.
        threshold: u16,
    }
}

resource! {
    /// A Standard load balancer for one TCP port.
    pub struct LoadBalancer = "azure_lb", "load balancer", Replacement::CreateFirst;
    fields {
        group: Ref<ResourceGroup> => replace,
        /// It differs with the way in, so that the machines can move from one to another.
        name: String => replace,
        /// Where it is reached from everywhere.
        public_address: Option<Ref<PublicIp>> => replace,
        /// Where it is reached from inside.
        subnet: Option<Ref<Subnet>> => replace,
        /// The address inside the subnet; Azure's choice otherwise.
        private_address: Option<String> => replace,
        /// Zones of an address inside; a public one has its own.
        zones: Set<String> => replace,
        port: u16 => update,
        /// On the machines.
        target_port: u16 => update,
        health_check: HealthCheck => update,
        tags: Tags => update,
        /// The public address, of which the endpoint is made.
        host: Option<Attr<String>> => unread,
    }
    computed { backend_pool, volatile endpoint }
}

#[async_trait]
impl KindOps<Azure> for LoadBalancer {
    async fn find(client: &Azure, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let (balancers, addresses) = tokio::try_join!(list(client), public_ip::list(client))?;
        Ok(balancers.iter().filter_map(|balancer| read_balancer(client, balancer, &addresses)).collect())
    }

    async fn create(&self, client: &Azure, new: &New) -> Result<Made, CloudError> {
        let group = arm_id(&self.group)?;
        let id = id_in(&group, KIND, &self.name);
        let body = self.body(client, &new.address, self.parts(&id, LoadBalancerPropertiesFormat::default())?);
        let balancers = client.network.load_balancers_client();
        client
            .done(write(NETWORK, "LoadBalancers_CreateOrUpdate"), || {
                balancers.create_or_update(&group.group, &self.name, body.clone(), &group.subscription).send()
            })
            .await?;
        self.made(client, id.parse()?).await
    }

    /// Which machines stand behind it is said by their network interfaces, and a write of the load balancer leaves it. Front
    /// ends, rules and probes that others made are read and written back, and so is what we do not compare of ours.
    async fn update(&self, client: &Azure, existing: &Existing<Self>) -> Result<Made, CloudError> {
        let id: ArmId = existing.id.parse()?;
        // What can't be written is told before anything is sent.
        let own = self.parts(&existing.id, LoadBalancerPropertiesFormat::default())?;
        let balancers = client.network.load_balancers_client();
        client
            .change(
                (read(NETWORK, "LoadBalancers_Get"), || {
                    balancers.get(&id.group, id.name(), &id.subscription).into_future()
                }),
                |now: &SdkBalancer| now.etag.clone(),
                (write(NETWORK, "LoadBalancers_CreateOrUpdate"), |now: &SdkBalancer| {
                    let kept = as_it_was(now.properties.clone().unwrap_or_default());
                    let parts = self.parts(&existing.id, kept).unwrap_or_else(|_| own.clone());
                    let body = self.body(client, &existing.address, parts);
                    balancers.create_or_update(&id.group, id.name(), body, &id.subscription).send()
                }),
            )
            .await?;
        self.made(client, id).await
    }

    async fn delete(client: &Azure, existing: &Existing<Self>) -> Result<(), CloudError> {
        let id: ArmId = existing.id.parse()?;
        let api = delete(NETWORK, "LoadBalancers_Delete");
        let balancers = client.network.load_balancers_client();
        gone(client.done(api, || balancers.delete(&id.group, id.name(), &id.subscription).send()).await)
    }
}

impl LoadBalancer {
    fn body(&self, client: &Azure, address: &Address, parts: LoadBalancerPropertiesFormat) -> SdkBalancer {
        SdkBalancer {
            resource: SdkResource {
                location: Some(client.region.clone()),
                tags: Some(client.all_tags(address, &self.tags)),
                ..SdkResource::default()
            },
            sku: Some(LoadBalancerSku {
                name: Some(load_balancer_sku::Name::Standard),
                tier: Some(load_balancer_sku::Tier::Regional),
            }),
            properties: Some(parts),
            ..SdkBalancer::default()
        }
    }

    /// Our parts among those that are there. Of one that is there only what we compare is changed.
    fn parts(
        &self,
        id: &str,
        mut there: LoadBalancerPropertiesFormat,
    ) -> Result<LoadBalancerPropertiesFormat, CloudError> {
        if our_frontend(&there).is_none() {
            there.frontend_ip_configurations.push(self.frontend()?);
        }
        if !there.backend_address_pools.iter().any(|pool| pool.name.as_deref() == Some(PART)) {
            let pool = BackendAddressPool { name: Some(PART.to_owned()), ..BackendAddressPool::default() };
            there.backend_address_pools.push(pool);
        }
        let probe = there.probes.iter_mut().find(|probe| probe.name.as_deref() == Some(PART));
        match probe.and_then(|probe| probe.properties.as_mut()) {
            Some(probe) => self.ask_by(probe),
            None => there.probes.push(self.probe()),
        }
        let rule = there.load_balancing_rules.iter_mut().find(|rule| rule.name.as_deref() == Some(PART));
        match rule.and_then(|rule| rule.properties.as_mut()) {
            Some(rule) => {
                rule.frontend_port = i32::from(self.port);
                rule.backend_port = Some(i32::from(self.target_port));
            }
            None => there.load_balancing_rules.push(self.rule(id)),
        }
        Ok(there)
    }

    async fn made(&self, client: &Azure, id: ArmId) -> Result<Made, CloudError> {
        let host = match &self.host {
            Some(host) => host
                .get()
                .map_err(|error| CloudError::new(ErrorKind::Invalid, "reading a reference", error.to_string()))?,
            None => match &self.private_address {
                Some(address) => address,
                None => &chosen_address(client, &id).await?,
            },
        };
        let id = id.to_string();
        Ok(Made { computed: attributes(&id, host, self.port), id })
    }

    fn frontend(&self) -> Result<FrontendIpConfiguration, CloudError> {
        let public = self.public_address.as_ref().map(id_of).transpose()?;
        let subnet = self.subnet.as_ref().map(id_of).transpose()?;
        let allocation = match (&self.private_address, subnet) {
            (Some(_), _) => Some(IpAllocationMethod::Static),
            (None, Some(_)) => Some(IpAllocationMethod::Dynamic),
            (None, None) => None,
        };
        Ok(FrontendIpConfiguration {
            name: Some(PART.to_owned()),
            properties: Some(FrontendIpConfigurationPropertiesFormat {
                private_ip_address: self.private_address.clone(),
                private_ip_allocation_method: allocation,
                public_ip_address: public.map(|id| SdkAddress {
                    resource: SdkResource { id: Some(id.to_owned()), ..SdkResource::default() },
                    ..SdkAddress::default()
                }),
                subnet: subnet.map(|id| SdkSubnet {
                    sub_resource: SubResource { id: Some(id.to_owned()) },
                    ..SdkSubnet::default()
                }),
                ..FrontendIpConfigurationPropertiesFormat::default()
            }),
            zones: self.zones.0.clone(),
            ..FrontendIpConfiguration::default()
        })
    }

    fn probe(&self) -> Probe {
        let mut properties = ProbePropertiesFormat::new(Protocol::Tcp, i32::from(self.target_port));
        self.ask_by(&mut properties);
        Probe { name: Some(PART.to_owned()), properties: Some(properties), ..Probe::default() }
    }

    fn ask_by(&self, probe: &mut ProbePropertiesFormat) {
        let check = &self.health_check;
        probe.protocol = if check.protocol == "Https" { Protocol::Https } else { Protocol::Tcp };
        probe.port = i32::from(self.target_port);
        probe.interval_in_seconds = Some(i32::from(check.interval_seconds));
        probe.number_of_probes = Some(i32::from(check.threshold));
        probe.probe_threshold = Some(i32::from(check.threshold));
        probe.request_path.clone_from(&check.path);
    }

    fn rule(&self, id: &str) -> LoadBalancingRule {
        let part = |kind: &str| Some(SubResource { id: Some(format!("{id}/{kind}/{PART}")) });
        LoadBalancingRule {
            name: Some(PART.to_owned()),
            properties: Some(LoadBalancingRulePropertiesFormat {
                frontend_ip_configuration: part("frontendIPConfigurations"),
                backend_address_pool: part("backendAddressPools"),
                probe: part("probes"),
                backend_port: Some(i32::from(self.target_port)),
                idle_timeout_in_minutes: Some(IDLE_MINUTES),
                enable_tcp_reset: Some(true),
                // The way out is the NAT gateway's, or the machines' own.
                disable_outbound_snat: Some(true),
                ..LoadBalancingRulePropertiesFormat::new(TransportProtocol::Tcp, i32::from(self.port))
            }),
            ..LoadBalancingRule::default()
        }
    }
}

async fn list(client: &Azure) -> Result<Arc<Vec<SdkBalancer>>, CloudError> {
    client
        .in_groups(
            read(NETWORK, "LoadBalancers_List"),
            |group| client.network.load_balancers_client().list(group, &client.subscription).into_stream(),
            |page| page.value,
        )
        .await
}

fn attributes(id: &str, host: &str, port: u16) -> Fields {
    computed([
        ("backend_pool", format!("{id}/backendAddressPools/{PART}")),
        ("endpoint", format!("https://{host}:{port}")),
    ])
}

/// The address inside that Azure chose.
async fn chosen_address(client: &Azure, id: &ArmId) -> Result<String, CloudError> {
    let api = read(NETWORK, "LoadBalancers_Get");
    let balancers = client.network.load_balancers_client();
    let balancer: SdkBalancer =
        client.call_new(api, || balancers.get(&id.group, id.name(), &id.subscription).into_future()).await?;
    let frontend = balancer.properties.as_ref().and_then(our_frontend);
    let address = frontend.and_then(|frontend| frontend.properties.as_ref()?.private_ip_address.clone());
    crate::arm::required(address, api.operation, "address")
}

/// Others may have put their own beside it, and Azure keeps no order.
fn our_frontend(balancer: &LoadBalancerPropertiesFormat) -> Option<&FrontendIpConfiguration> {
    balancer.frontend_ip_configurations.iter().find(|frontend| frontend.name.as_deref() == Some(PART))
}

fn port(number: Option<i32>) -> u16 {
    number.and_then(|number| number.try_into().ok()).unwrap_or_default()
}

fn read_balancer(client: &Azure, balancer: &SdkBalancer, addresses: &[SdkAddress]) -> Option<Found<LoadBalancer>> {
    let resource = &balancer.resource;
    let (address, tags) = client.own(
        LoadBalancer::SCHEMA.kind,
        resource.id.as_deref(),
        resource.tags.as_ref(),
        resource.location.as_deref(),
    )?;
    let properties = balancer.properties.as_ref()?;
    let state = word(properties.provisioning_state.as_ref());
    if is_going(state.as_deref()) {
        return None;
    }
    let id: ArmId = resource.id.as_deref()?.parse().ok()?;
    let zones = our_frontend(properties).map(|frontend| frontend.zones.clone());
    let frontend = our_frontend(properties).and_then(|frontend| frontend.properties.as_ref());
    let public_address: Option<Ref<PublicIp>> =
        reference(frontend.and_then(|frontend| frontend.public_ip_address.as_ref()?.resource.id.as_deref()));
    let subnet = reference(frontend.and_then(|frontend| frontend.subnet.as_ref()?.sub_resource.id.as_deref()));
    let inside = frontend.and_then(|frontend| frontend.private_ip_address.clone());
    let is_static = frontend.is_some_and(|frontend| {
        frontend.private_ip_allocation_method == Some(IpAllocationMethod::Static) && public_address.is_none()
    });
    let rule = properties.load_balancing_rules.iter().find(|rule| rule.name.as_deref() == Some(PART));
    let rule = rule.and_then(|rule| rule.properties.as_ref());
    let probe = properties.probes.iter().find(|probe| probe.name.as_deref() == Some(PART));
    let probe = probe.and_then(|probe| probe.properties.as_ref());
    let listening = port(rule.map(|rule| rule.frontend_port));
    let public = public_address.as_ref().and_then(|address| address.id().ok()).and_then(|id| {
        addresses
            .iter()
            .find(|address| address.resource.id.as_deref().is_some_and(|other| other.eq_ignore_ascii_case(id)))
    });
    let host = public.and_then(public_ip::ip).map(str::to_owned).or_else(|| inside.clone()).unwrap_or_default();
    Some(Found {
        address,
        computed: attributes(&id.to_string(), &host, listening),
        id: id.to_string(),
        resource: LoadBalancer {
            group: group_of(&id),
            name: id.name().to_owned(),
            subnet,
            private_address: inside.filter(|_| is_static),
            zones: Set(zones.filter(|_| public_address.is_none()).unwrap_or_default()),
            public_address,
            port: listening,
            target_port: port(rule.and_then(|rule| rule.backend_port)),
            health_check: HealthCheck {
                protocol: probe.and_then(|probe| word(Some(&probe.protocol))).unwrap_or_default(),
                path: probe.and_then(|probe| probe.request_path.clone()),
                interval_seconds: port(probe.and_then(|probe| probe.interval_in_seconds)),
                threshold: port(probe.and_then(|probe| probe.probe_threshold.or(probe.number_of_probes))),
            },
            tags,
            host: None,
        },
        condition: condition(state.as_deref()),
    })
}
