use lambda_plugin_abi::testing;
use serde_json::json;

#[test]
fn a_receipt_is_written_once_however_often_it_is_asked_for() {
    let folder = std::env::temp_dir().join(format!("deferred-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let plugin = testing::start(json!({ "receipts": folder })).unwrap();
    for _ in 0..2 {
        plugin.invoke("receipt", r#"{"operation":"receipt","input":{"id":7}}"#).unwrap();
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    std::fs::remove_dir_all(&folder).unwrap();
    let error = plugin.invoke("receipt", r#"{"operation":"receipt","input":{"id":7}}"#).unwrap_err();
    assert!(error.message().contains("No such file or directory"), "{error}");
}
