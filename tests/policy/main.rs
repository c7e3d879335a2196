//! Tests of the policy: the table of claims, the properties of the fold, the incident guard.

#![allow(
    clippy::unwrap_used,
    reason = "a panic is the failure we want to see, in helpers of tests too"
)]

mod claims;
mod guard;
mod properties;
mod trust;
