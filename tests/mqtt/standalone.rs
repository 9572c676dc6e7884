//! The example that README shows.

#[test]
fn readme_shows_the_example() {
    let (readme, example) = (include_str!("../../README.md"), include_str!("../../examples/mqtt.rs"));
    let (_, code) = example.split_once('\n').unwrap();
    assert!(readme.contains(code), "README shows another example than examples/mqtt.rs");
    assert!(example.lines().count() < 25);
}
