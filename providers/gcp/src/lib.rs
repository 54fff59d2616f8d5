//! Google Cloud: a cluster compiled to Compute Engine, IAM, Cloud DNS and Cloud Storage, and what is done with each kind of
//! resource there.
