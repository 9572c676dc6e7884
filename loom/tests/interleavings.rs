//! Runs the models, each a test.

use wirework_loom::component::models as component;
use wirework_loom::mqtt::delivery::models as delivery;
use wirework_loom::mqtt::driver::models as driver;

macro_rules! models {
    ($($room:ident::$name:ident),* $(,)?) => {$(
        #[test]
        fn $name() {
            $room::$name();
        }
    )*};
}

models! {
    component::whoever_waits_hears_of_it,
    component::what_was_written_before_is_seen,
    driver::the_driver_gets_whatever_is_handed_over,
    driver::no_command_outlives_the_driver,
    driver::what_was_written_before_the_link_is_up_is_seen,
    driver::the_driver_hears_of_a_stop,
    driver::permits_come_back,
    driver::whoever_waits_for_a_permit_hears_of_the_close,
    delivery::the_last_message_wakes_the_driver,
    delivery::the_first_bytes_wake_the_driver,
}

/// That the models find what they look for.
#[test]
#[should_panic(expected = "deadlock")]
fn two_words_lose_a_wake_up() {
    delivery::two_words_lose_a_wake_up();
}
