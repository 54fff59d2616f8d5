//! Launch templates and their versions.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::describe::{Field, Filters, Page, Resource, page_within, select};
use super::launch_spec::LaunchSpec;
use super::{Answer, Cx, Ec2, Params, Tags, Xml, tag};
use crate::aws::{ApiError, Millis, timestamp};

/// A launch template.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LaunchTemplate {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The version that `$Default` stands for.
    pub default_version: i64,
    /// The versions by number.
    pub versions: BTreeMap<i64, Version>,
    latest: i64,
    created: Millis,
}

/// A version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Version {
    /// The number.
    pub number: i64,
    /// What instances are launched from.
    pub spec: LaunchSpec,
    description: Option<String>,
    created: Millis,
}

impl Resource for LaunchTemplate {
    const TYPE: &'static str = "launch-template";
    const IDS: &'static str = "LaunchTemplateId";
    const NOT_FOUND: &'static str = "InvalidLaunchTemplateId.NotFound";
    const PAGE: RangeInclusive<i64> = 1..=200;
    const FIELDS: &'static [Field<Self>] =
        &[("create-time", |_, t| vec![timestamp(t.created)]), ("launch-template-name", |_, t| vec![t.name.clone()])];

    fn id(&self) -> &str {
        &self.id
    }
    fn all(ec2: &Ec2) -> &BTreeMap<String, Self> {
        &ec2.launch_templates
    }
    fn all_mut(ec2: &mut Ec2) -> &mut BTreeMap<String, Self> {
        &mut ec2.launch_templates
    }
    fn not_found(id: &str) -> ApiError {
        ApiError::bad(Self::NOT_FOUND, format!("The specified launch template, with template ID {id}, does not exist."))
    }
}

impl LaunchTemplate {
    /// A version by its number, `$Latest` or `$Default`; nothing stands for `$Default`.
    pub fn version(&self, version: &str) -> Result<&Version, ApiError> {
        let number = match version {
            "$Latest" => Some(self.latest),
            "$Default" | "" => Some(self.default_version),
            number => number.parse().ok(),
        };
        number.and_then(|number| self.versions.get(&number)).ok_or_else(|| {
            ApiError::bad(
                "InvalidLaunchTemplateId.VersionNotFound",
                format!("Could not find the specified version {version} for the launch template with ID {}.", self.id),
            )
        })
    }
}

/// A template by its id or its name, exactly one of which is given.
pub fn find<'a>(ec2: &'a Ec2, id: Option<&str>, name: Option<&str>) -> Result<&'a LaunchTemplate, ApiError> {
    match (id, name) {
        (Some(id), None) => ec2.get::<LaunchTemplate>(id),
        (None, Some(name)) => ec2.launch_templates.values().find(|template| template.name == name).ok_or_else(|| {
            ApiError::bad(
                "InvalidLaunchTemplateName.NotFoundException",
                format!("The specified launch template, with template name {name}, does not exist."),
            )
        }),
        (Some(_), Some(_)) => {
            Err(ApiError::combination("Either a launch template's id or its name must be given, not both"))
        }
        (None, None) => Err(ApiError::bad("MissingParameter", "The launch template's id or name is missing")),
    }
}

/// The template that a request's `LaunchTemplateId` or `LaunchTemplateName` names.
pub fn named<'a>(ec2: &'a Ec2, p: &Params) -> Result<&'a LaunchTemplate, ApiError> {
    find(ec2, p.opt_str("LaunchTemplateId").as_deref(), p.opt_str("LaunchTemplateName").as_deref())
}

fn data(p: &Params) -> Result<LaunchSpec, ApiError> {
    let data = p.opt_struct("LaunchTemplateData").ok_or_else(|| {
        ApiError::bad("MissingParameter", "The request must contain the parameter LaunchTemplateData")
    })?;
    LaunchSpec::read(&data, false)
}

/// `CreateLaunchTemplate`.
pub fn create(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let name = p.str("LaunchTemplateName")?;
    let shaped = |c: char| c.is_ascii_alphanumeric() || "().-/_".contains(c);
    if !(3..=128).contains(&name.len()) || !name.chars().all(shaped) {
        return Err(ApiError::bad(
            "InvalidLaunchTemplateName.MalformedException",
            format!("The name '{name}' is invalid"),
        ));
    }
    if cx.ec2().launch_templates.values().any(|template| template.name == name) {
        return Err(ApiError::bad(
            "InvalidLaunchTemplateName.AlreadyExistsException",
            "Launch template name already in use.",
        ));
    }
    let spec = data(p)?;
    let tags = tag::specified(p, "launch-template")?;
    let created = cx.now;
    let version = Version { number: 1, spec, description: p.opt_str("VersionDescription"), created };
    let template = LaunchTemplate {
        id: cx.ids.ec2("lt"),
        name,
        default_version: 1,
        versions: BTreeMap::from([(1, version)]),
        latest: 1,
        created,
    };
    let ec2 = cx.ec2();
    tag::set(ec2, &template.id, tags);
    let mut x = Xml::new();
    x.nest("launchTemplate", |x| write(x, ec2, &template));
    ec2.launch_templates.insert(template.id.clone(), template);
    Ok(x)
}

/// `CreateLaunchTemplateVersion`, from nothing or from another version.
pub fn create_version(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let created = cx.now;
    let ec2 = cx.ec2();
    let template = named(ec2, p)?;
    let mut spec = data(p)?;
    if let Some(source) = p.opt_str("SourceVersion") {
        spec = spec.over(template.version(&source)?.spec.clone());
    }
    let version = Version { number: template.latest + 1, spec, description: p.opt_str("VersionDescription"), created };
    let id = template.id.clone();
    let template = ec2.get_mut::<LaunchTemplate>(&id)?;
    template.latest = version.number;
    let mut x = Xml::new();
    x.nest("launchTemplateVersion", |x| {
        write_version(x, template, &version);
    });
    template.versions.insert(version.number, version);
    Ok(x)
}

fn write(x: &mut Xml, ec2: &Ec2, template: &LaunchTemplate) {
    x.text("launchTemplateId", &template.id);
    x.text("launchTemplateName", &template.name);
    x.text("createTime", timestamp(template.created));
    x.text("createdBy", creator());
    x.text("defaultVersionNumber", template.default_version);
    x.text("latestVersionNumber", template.latest);
    tag::write(x, ec2, &template.id);
}

fn creator() -> String {
    format!("arn:aws:iam::{}:user/sandbox", crate::aws::world::ACCOUNT)
}

fn write_version(x: &mut Xml, template: &LaunchTemplate, version: &Version) {
    x.text("launchTemplateId", &template.id);
    x.text("launchTemplateName", &template.name);
    x.text("versionNumber", version.number);
    x.opt("versionDescription", version.description.as_ref());
    x.text("createTime", timestamp(version.created));
    x.text("createdBy", creator());
    x.text("defaultVersion", version.number == template.default_version);
    x.nest("launchTemplateData", |x| version.spec.write(x));
}

/// `DescribeLaunchTemplates`.
pub fn describe(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let limit = cx.page_limit;
    let names = p.list("LaunchTemplateName");
    let ec2 = cx.ec2();
    for name in &names {
        find(ec2, None, Some(name))?;
    }
    let mut page: Page<&LaunchTemplate> = select(ec2, if names.is_empty() { limit } else { None }, p)?;
    page.items.retain(|template| names.is_empty() || names.contains(&template.name));
    Ok(page.answer("launchTemplates", |x, template| write(x, ec2, template)))
}

/// `DescribeLaunchTemplateVersions`: of one template, or the latest or default ones of all.
pub fn describe_versions(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let limit = cx.page_limit;
    p.opt_bool("ResolveAlias")?;
    let wanted = p.list("LaunchTemplateVersion");
    let (lowest, highest) = (p.opt_int("MinVersion")?, p.opt_int("MaxVersion")?);
    let filters = Filters::read(p)?;
    let known = ["create-time", "image-id", "instance-type", "is-default-version", "iam-instance-profile"];
    filters.check_names(&known, false)?;
    let ec2 = cx.ec2();
    let whole_account = !p.has("LaunchTemplateId") && !p.has("LaunchTemplateName");
    let templates: Vec<&LaunchTemplate> = if whole_account {
        if wanted.is_empty() || wanted.iter().any(|version| !version.starts_with('$')) {
            return Err(ApiError::combination("Without a launch template only $Latest and $Default can be asked for"));
        }
        ec2.launch_templates.values().collect()
    } else {
        vec![named(ec2, p)?]
    };
    let mut found = Vec::new();
    for template in templates {
        let versions: Vec<&Version> = if wanted.is_empty() {
            template.versions.values().rev().collect()
        } else {
            let mut versions = wanted.iter().map(|one| template.version(one)).collect::<Result<Vec<_>, _>>()?;
            versions.dedup_by_key(|version| version.number);
            versions
        };
        for version in versions {
            let within = lowest.is_none_or(|lowest| version.number >= lowest)
                && highest.is_none_or(|highest| version.number <= highest);
            let values_of = |name: &str| match name {
                "create-time" => vec![timestamp(version.created)],
                "image-id" => version.spec.image.iter().cloned().collect(),
                "instance-type" => version.spec.instance_type.iter().cloned().collect(),
                "is-default-version" => {
                    vec![(version.number == template.default_version).to_string()]
                }
                _ => version
                    .spec
                    .profile
                    .iter()
                    .map(|profile| match profile {
                        super::launch_spec::Profile::Arn(text) | super::launch_spec::Profile::Name(text) => {
                            text.clone()
                        }
                    })
                    .collect(),
            };
            if within && filters.admit(&Tags::new(), values_of) {
                // Newest first, as in AWS.
                found.push((format!("{}/{:010}", template.id, i64::MAX - version.number), template, version));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let page = page_within(&LaunchTemplate::PAGE, found, |(key, ..)| key, limit, p)?;
    Ok(page.answer("launchTemplateVersionSet", |x, (_, template, version)| {
        write_version(x, template, version);
    }))
}

/// `ModifyLaunchTemplate`: another default version.
pub fn modify(cx: &mut Cx<'_>, p: &Params) -> Answer {
    p.opt_str("ClientToken");
    let ec2 = cx.ec2();
    let template = named(ec2, p)?;
    let version = template.version(&p.str("SetDefaultVersion")?)?.number;
    let id = template.id.clone();
    ec2.get_mut::<LaunchTemplate>(&id)?.default_version = version;
    let template = ec2.get::<LaunchTemplate>(&id)?;
    let mut x = Xml::new();
    x.nest("launchTemplate", |x| write(x, ec2, template));
    Ok(x)
}

/// `DeleteLaunchTemplate`, with all its versions.
pub fn delete(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let ec2 = cx.ec2();
    let template = named(ec2, p)?;
    let id = template.id.clone();
    let mut x = Xml::new();
    x.nest("launchTemplate", |x| write(x, ec2, template));
    ec2.remove::<LaunchTemplate>(&id);
    Ok(x)
}

/// `DeleteLaunchTemplateVersions`, all but the default one.
pub fn delete_versions(cx: &mut Cx<'_>, p: &Params) -> Answer {
    let ec2 = cx.ec2();
    let template = named(ec2, p)?;
    let (id, name) = (template.id.clone(), template.name.clone());
    let wanted = p.list("LaunchTemplateVersion");
    if wanted.is_empty() {
        return Err(ApiError::bad("MissingParameter", "The request must contain the parameter LaunchTemplateVersion"));
    }
    let template = ec2.get_mut::<LaunchTemplate>(&id)?;
    let (mut gone, mut kept) = (Vec::new(), Vec::new());
    for text in wanted {
        match template.version(&text).map(|version| version.number) {
            Ok(number) if number == template.default_version => {
                kept.push((number, "unexpectedError", "The default version cannot be deleted".to_owned()));
            }
            Ok(number) => {
                template.versions.remove(&number);
                gone.push(number);
            }
            Err(error) => {
                kept.push((text.parse().unwrap_or(0), "launchTemplateVersionDoesNotExist", error.message));
            }
        }
    }
    let mut x = Xml::new();
    x.list("successfullyDeletedLaunchTemplateVersionSet", "item", gone, |x, number| {
        x.text("launchTemplateId", &id);
        x.text("launchTemplateName", &name);
        x.text("versionNumber", number);
    });
    x.list("unsuccessfullyDeletedLaunchTemplateVersionSet", "item", kept, |x, (number, code, message)| {
        x.text("launchTemplateId", &id);
        x.text("launchTemplateName", &name);
        x.text("versionNumber", number);
        x.nest("responseError", |x| {
            x.text("code", code);
            x.text("message", message);
        });
    });
    Ok(x)
}
