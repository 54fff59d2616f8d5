//! The regions of the public cloud.
//!
//! Source: `az account list-locations` and Azure's list of regions with availability zones, read in November 2026.

/// A region: its name, its name for people, and whether it has availability zones.
pub type Region = (&'static str, &'static str, bool);

/// Every region of the public cloud.
#[rustfmt::skip]
pub const REGIONS: &[Region] = &[
    ("australiacentral", "Australia Central", false),
    ("australiacentral2", "Australia Central 2", false),
    ("australiaeast", "Australia East", true),
    ("australiasoutheast", "Australia Southeast", false),
    ("austriaeast", "Austria East", true),
    ("belgiumcentral", "Belgium Central", true),
    ("brazilsouth", "Brazil South", true),
    ("brazilsoutheast", "Brazil Southeast", false),
    ("canadacentral", "Canada Central", true),
    ("canadaeast", "Canada East", false),
    ("centralindia", "Central India", true),
    ("centralus", "Central US", true),
    ("centraluseuap", "Central US EUAP", false),
    ("chilecentral", "Chile Central", true),
    ("denmarkeast", "Denmark East", true),
    ("eastasia", "East Asia", true),
    ("eastus", "East US", true),
    ("eastus2", "East US 2", true),
    ("eastus2euap", "East US 2 EUAP", true),
    ("eastusstg", "East US STG", false),
    ("francecentral", "France Central", true),
    ("francesouth", "France South", false),
    ("germanynorth", "Germany North", false),
    ("germanywestcentral", "Germany West Central", true),
    ("indonesiacentral", "Indonesia Central", true),
    ("israelcentral", "Israel Central", true),
    ("italynorth", "Italy North", true),
    ("japaneast", "Japan East", true),
    ("japanwest", "Japan West", true),
    ("jioindiacentral", "Jio India Central", false),
    ("jioindiawest", "Jio India West", false),
    ("koreacentral", "Korea Central", true),
    ("koreasouth", "Korea South", false),
    ("malaysiawest", "Malaysia West", true),
    ("mexicocentral", "Mexico Central", true),
    ("newzealandnorth", "New Zealand North", true),
    ("northcentralus", "North Central US", false),
    ("northeurope", "North Europe", true),
    ("norwayeast", "Norway East", true),
    ("norwaywest", "Norway West", false),
    ("polandcentral", "Poland Central", true),
    ("qatarcentral", "Qatar Central", true),
    ("southafricanorth", "South Africa North", true),
    ("southafricawest", "South Africa West", false),
    ("southcentralus", "South Central US", true),
    ("southcentralusstg", "South Central US STG", false),
    ("southeastasia", "Southeast Asia", true),
    ("southindia", "South India", false),
    ("spaincentral", "Spain Central", true),
    ("swedencentral", "Sweden Central", true),
    ("switzerlandnorth", "Switzerland North", true),
    ("switzerlandwest", "Switzerland West", false),
    ("uaecentral", "UAE Central", false),
    ("uaenorth", "UAE North", true),
    ("uksouth", "UK South", true),
    ("ukwest", "UK West", false),
    ("westcentralus", "West Central US", false),
    ("westeurope", "West Europe", true),
    ("westindia", "West India", false),
    ("westus", "West US", false),
    ("westus2", "West US 2", true),
    ("westus3", "West US 3", true),
];

/// A region by its name in any spelling: `West Europe` is `westeurope`.
pub fn region(name: &str) -> Option<&'static Region> {
    let name = normal(name);
    REGIONS.iter().find(|(region, ..)| *region == name)
}

/// A region's name without spaces and in lower case, as ARM gives it back.
pub fn normal(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_whitespace()).collect::<String>().to_lowercase()
}
