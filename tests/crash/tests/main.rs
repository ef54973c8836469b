//! The tests of the tests, whole programs on disks that fail, and short runs of what `make crash` does at
//! length.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test's panic is its report, in helpers too; a test that is skipped says so"
)]

mod bench;
mod faults;
mod shim;
mod short;
mod verdict;
