//! Ranges of addresses: reading them, comparing them, and who may connect.

use ipnet::Ipv4Net;

use crate::fault::Code;
use crate::path::Path;
use crate::raw::Cidr;

use super::Check;

/// Ranges that no network can use: this host, loopback, link-local, multicast and what lies behind it.
const UNUSABLE: [(&str, &str); 4] = [
    ("0.0.0.0/8", "\"this network\""),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("224.0.0.0/3", "multicast"),
];

impl Check<'_> {
    /// A range without host bits.
    pub(super) fn range(&mut self, written: &Cidr, path: &Path) -> Option<Ipv4Net> {
        // The schema's pattern lets nothing through that does not parse.
        let range: Ipv4Net = written.as_str().parse().ok()?;
        if range != range.trunc() {
            let message = format!("{range} has bits set behind its prefix");
            self.fault(Code::InvalidNetwork, path, message, format!("write {}", range.trunc()));
            return None;
        }
        Some(range)
    }

    /// A range that machines, pods or services can have.
    pub(super) fn network_range(&mut self, written: &Cidr, path: &Path) -> Option<Ipv4Net> {
        let range = self.range(written, path)?;
        for (unusable, what) in UNUSABLE {
            let unusable: Ipv4Net = unusable.parse().ok()?;
            if unusable.contains(&range) || range.contains(&unusable) {
                let hint = "take a private range, such as one within 10.0.0.0/8".to_owned();
                self.fault(Code::InvalidNetwork, path, format!("{range} overlaps the {what} range {unusable}"), hint);
                return None;
            }
        }
        Some(range)
    }

    /// Who may connect to something. The whole internet has to be said twice.
    pub(super) fn allow(
        &mut self,
        written: &[Cidr],
        anywhere: Option<bool>,
        path: &Path,
        what: &str,
    ) -> Option<Vec<Ipv4Net>> {
        let at = path.key("allow");
        let ranges: Vec<Option<Ipv4Net>> =
            written.iter().enumerate().map(|(index, range)| self.range(range, &at.index(index))).collect();
        let ranges: Vec<Ipv4Net> = ranges.into_iter().collect::<Option<_>>()?;
        // Two halves of the internet are the internet too.
        let open = Ipv4Net::aggregate(&ranges).iter().any(|range| range.prefix_len() == 0);
        match (open, anywhere.unwrap_or_default()) {
            (true, false) => {
                let hint = "name the networks that need it; if it really must be open, add `allowFromAnywhere: true`"
                    .to_owned();
                self.fault(Code::OpenToAnyone, &at, format!("{what} would be open to the whole internet"), hint);
                None
            }
            (false, true) if !written.is_empty() => {
                let hint = "remove it, or add 0.0.0.0/0 to `allow`".to_owned();
                let message = "this allows everyone, and `allow` does not";
                self.fault(Code::Conflict, &path.key("allowFromAnywhere"), message, hint);
                None
            }
            _ => Some(ranges),
        }
    }
}

/// Whether two ranges have an address in common.
pub(super) fn overlap(one: Ipv4Net, other: Ipv4Net) -> bool {
    one.contains(&other) || other.contains(&one)
}
