//! Mistakes are compile errors that help. The expected messages stand beside the cases, in
//! `tests/ui`; `TRYBUILD=overwrite` writes them anew.

#[test]
fn every_mistake_says_what_to_do() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui_pass/*.rs");
    cases.compile_fail("ui/*/*.rs");
}
