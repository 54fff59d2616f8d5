use meridian_templates::{NodeBundle, UserData, bundle, user_data};

use crate::fixtures;

#[test]
fn the_user_data_of_a_slot() {
    insta::assert_snapshot!(user_data(&fixtures::user_data()).unwrap());
}

#[test]
fn the_user_data_of_a_slot_on_google() {
    let input = UserData { store: fixtures::gcs(), ..fixtures::user_data() };
    insta::assert_snapshot!(user_data(&input).unwrap());
}

#[test]
fn the_user_data_of_a_slot_on_azure() {
    insta::assert_snapshot!(user_data(&fixtures::azure_user_data()).unwrap());
}

#[test]
fn the_bundle_of_a_slot() {
    insta::assert_snapshot!(bundle(&NodeBundle::ControlPlane(Box::new(fixtures::slot()))).unwrap());
}

#[test]
fn the_bundle_of_a_worker() {
    insta::assert_snapshot!(bundle(&NodeBundle::Worker(Box::new(fixtures::worker()))).unwrap());
}

#[test]
fn rendering_is_a_function_of_its_input() {
    for (name, input) in fixtures::bundles() {
        assert_eq!(bundle(&input).unwrap(), bundle(&input).unwrap(), "{name}");
    }
}
