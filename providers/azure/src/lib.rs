//! Azure: a cluster compiled to resources of Azure Resource Manager, and what is done with each kind of resource there.
