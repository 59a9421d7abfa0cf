//! The one time that all downloads of a start have.

use std::time::Instant;

use lambda_loader::Code;
use lambda_loader::fetch::budget::START;

use crate::proxy::{ALWAYS, Fault};
use crate::world::Scene;

#[test]
fn bodies_that_stall_end_the_start_together_when_the_time_of_all_downloads_is_over() {
    let scene = Scene::new().local();
    scene.proxy.on("libmisbehave.so", Fault::Stalls(70_000), ALWAYS).on("libecho.so", Fault::Stalls(0), ALWAYS);
    let began = Instant::now();
    let words = ["plugin \"echo\": s3://artifacts/libecho.so: ", "when the 8.0 s for all downloads of a start were over"];
    scene.is_refused(Code::RemoteTimeout, &words);
    let took = began.elapsed();
    // One after the other would be twice the time.
    assert!(took >= START && took < 2 * START, "{took:?}");
}
