//! What was just made and is not known everywhere yet: the fault `not-visible`.
//!
//! A request names a thing by its own path, in whatever it does there: reads it, changes it, or makes something in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::request::Request;
use super::world::{Cx, Item, World};
use crate::front::Target;

/// All that exists, by its path in the world; nothing here needs the kind that faults know things by.
pub fn things(world: &World) -> BTreeSet<(String, String)> {
    world.all().map(|(path, _)| (String::new(), path.clone())).collect()
}

/// Takes a thing that a request names and that a fault hides from it out of the world, so that the service answers as if it
/// had not heard of it.
pub fn hide(cx: &mut Cx<'_>, target: &Target, request: &Request) -> Option<(String, Arc<Item>)> {
    let call = (target.service.as_str(), target.operation.as_str(), target.region.as_str());
    let path = cx.faults.strike_newborn(call, |(_, path)| names(request, path).then(|| path.clone()))?;
    let item = cx.world.remove(&path)?;
    Some((path, item))
}

/// Puts back what was hidden, unless something else is there by now.
pub fn show(world: &mut World, hidden: Option<(String, Arc<Item>)>) {
    if let Some((path, item)) = hidden
        && world.get(&path).is_none()
    {
        world.put(&path, Arc::unwrap_or_clone(item));
    }
}

/// Whether a request's path is that of a thing, or of something in it.
fn names(request: &Request, path: &str) -> bool {
    let Some(wanted) = as_requested(path) else { return false };
    let mut segments = request.parts();
    // A method of a thing's own may stand behind a colon.
    if let Some(last) = segments.last_mut() {
        *last = last.split_once(':').map_or(*last, |(name, _)| name);
    }
    segments.windows(wanted.len()).any(|part| part == wanted)
}

/// A path in the world as the segments of a request's path; `None` for what no request names.
fn as_requested(path: &str) -> Option<Vec<&str>> {
    let (service, rest) = path.split_once('/')?;
    match service {
        "projects" => Some(path.split('/').collect()),
        "iam" => rest.starts_with("projects/").then(|| rest.split('/').collect()),
        "zones" => rest.split_once('/').map(|(project, zone)| vec!["projects", project, "managedZones", zone]),
        "dns" => {
            let (project, rest) = rest.split_once('/')?;
            let records = rest.split('/').collect::<Vec<_>>();
            Some([vec!["projects", project, "managedZones"], records].concat())
        }
        "buckets" => Some(vec!["b", rest]),
        "objects" => {
            let (bucket, object) = rest.split_once('/')?;
            Some(vec!["b", bucket, "o", object.split_once('\n')?.0])
        }
        _ => None,
    }
}
