use lambda_plugin_abi::testing;

#[test]
fn the_event_comes_back_byte_by_byte() {
    let plugin = testing::start(()).unwrap();
    for event in [r#"{ "hello" : "world" }"#, "null", "[1,  2]"] {
        assert_eq!(plugin.invoke("echo", event).unwrap().bytes(), event);
    }
}

#[test]
fn a_handler_that_is_not_there_is_an_error_that_names_those_that_are() {
    let error = testing::start(()).unwrap().invoke("eco", "null").unwrap_err();
    assert_eq!(error.to_string(), "HandlerMissing: no handler `eco`; the plugin has echo");
}
