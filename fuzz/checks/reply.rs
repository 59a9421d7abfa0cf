//! A handler's reply and a stream's prelude, as HTTP.

use lambda_loader::respond::shape::{HttpReply, Shape};

/// What is taken can be sent in every shape, and its prelude is read back as the same.
pub(crate) fn check(bytes: &[u8]) {
    if let Ok(reply) = HttpReply::of_prelude(bytes) {
        sent(&reply);
    }
    if let Ok(reply) = HttpReply::of_reply(&bytes.to_vec().into()) {
        sent(&reply);
    }
}

fn sent(reply: &HttpReply) {
    for shape in
        [Shape::PayloadV1, Shape::PayloadV2, Shape::Alb { multi_value: false }, Shape::Alb { multi_value: true }, Shape::Lattice]
    {
        let object: serde_json::Value = serde_json::from_slice(&reply.object(shape)).expect("JSON");
        assert_eq!(object["statusCode"], reply.status);
    }
    let again = HttpReply::of_prelude(&reply.prelude()).expect("its own prelude");
    assert_eq!((again.status, again.prelude()), (reply.status, reply.prelude()));
}
