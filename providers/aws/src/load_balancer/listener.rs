//! Listeners.

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, Listener as SdkListener, ProtocolEnum};
use meridian_engine::observed::Condition;
use meridian_engine::schema::Replacement;
use meridian_engine::{Attr, Fields, Ref, Resource, resource};
use meridian_provider_api::{CloudError, ErrorKind, Existing, Found, KindOps, Made, New, Scope};

use super::listing::{Listing, create_api, read_api, retag, sdk_tags, until_gone, write_api};
use super::{LoadBalancer, TargetGroup};
use crate::client::{Aws, Tags};
use crate::ec2::{computed, found, gone, id_of, required, with_new};

resource! {
    /// A TCP listener that forwards everything. Its id is its ARN.
    pub struct Listener = "aws_lb_listener", "listener", Replacement::DeleteFirst;
    fields {
        load_balancer: Ref<LoadBalancer> => replace,
        /// A target group that is replaced can't go while a listener uses it, so the listener goes first.
        target_group: Ref<TargetGroup> => replace,
        /// TCP port.
        port: u16 => replace,
        tags: Tags => update,
        /// DNS name of the load balancer, of which the endpoint is made.
        host: Option<Attr<String>> => unread,
    }
    computed { endpoint }
}

#[async_trait]
impl KindOps<Aws> for Listener {
    async fn find(client: &Aws, _: &Scope) -> Result<Vec<Found<Self>>, CloudError> {
        let listing = Listing::of(client).await?;
        let read = |listener: &SdkListener| {
            let arn = listener.listener_arn()?;
            let (address, tags) = listing.own(client, Self::SCHEMA.kind, arn)?;
            let balancer =
                listing.balancers.iter().find(|balancer| balancer.load_balancer_arn() == listener.load_balancer_arn());
            let resource = read(listener, tags);
            let host = balancer.and_then(|balancer| balancer.dns_name()).unwrap_or_default();
            Some(Found {
                address,
                id: arn.to_owned(),
                computed: endpoint(host, resource.port),
                resource,
                condition: Condition::Ready,
            })
        };
        Ok(listing.listeners.iter().filter_map(read).collect())
    }

    async fn create(&self, client: &Aws, new: &New) -> Result<Made, CloudError> {
        let tags = client.all_tags(&new.address, &self.tags);
        let balancer = id_of(&self.load_balancer)?;
        let forward =
            Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(id_of(&self.target_group)?).build();
        // Its load balancer and its target group may be seconds old.
        let answer = with_new(client, || {
            client.call(create_api("CreateListener"), || {
                client
                    .elb
                    .create_listener()
                    .load_balancer_arn(balancer)
                    .protocol(ProtocolEnum::Tcp)
                    .port(self.port.into())
                    .default_actions(forward.clone())
                    .set_tags(Some(sdk_tags(&tags)))
                    .send()
            })
        })
        .await?;
        let listener = answer.listeners.and_then(|made| made.into_iter().next()).and_then(|made| made.listener_arn);
        let arn = required(listener, "elasticloadbalancing:CreateListener", "ARN")?;
        Ok(Made { id: arn, computed: self.endpoint()? })
    }

    async fn update(&self, client: &Aws, existing: &Existing<Self>) -> Result<Made, CloudError> {
        retag(client, &existing.id, &existing.before.tags, &client.tags_of(existing, &self.tags)).await?;
        Ok(Made { id: existing.id.clone(), computed: self.endpoint()? })
    }

    async fn delete(client: &Aws, existing: &Existing<Self>) -> Result<(), CloudError> {
        let arn = existing.id.as_str();
        let api = write_api("DeleteListener");
        gone(client.call(api, || client.elb.delete_listener().listener_arn(arn).send()).await)?;
        until_gone(client, "elasticloadbalancing:DescribeListeners", arn, || async {
            let api = read_api("DescribeListeners");
            let answer = client.call(api, || client.elb.describe_listeners().listener_arns(arn).send()).await;
            Ok(found(answer)?.and_then(|answer| answer.listeners).and_then(|all| all.into_iter().next()))
        })
        .await
    }
}

impl Listener {
    fn endpoint(&self) -> Result<Fields, CloudError> {
        let host = match &self.host {
            Some(host) => host.get().map_err(|error| {
                CloudError::new(ErrorKind::Invalid, "reading the load balancer's name", error.to_string())
            })?,
            None => "",
        };
        Ok(endpoint(host, self.port))
    }
}

fn endpoint(host: &str, port: u16) -> Fields {
    computed([("endpoint", format!("https://{host}:{port}"))])
}

fn read(listener: &SdkListener, tags: Tags) -> Listener {
    let target_group = listener.default_actions().iter().find_map(|action| action.target_group_arn());
    Listener {
        load_balancer: Ref::existing(listener.load_balancer_arn().unwrap_or_default()),
        target_group: Ref::existing(target_group.unwrap_or_default()),
        port: listener.port.and_then(|port| u16::try_from(port).ok()).unwrap_or_default(),
        tags,
        host: None,
    }
}
