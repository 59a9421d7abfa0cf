//! What the SDK alone takes: fetches objects of a bucket at once into memory, and ends. `sdk_fetch BUCKET KEY…`

use aws_config::BehaviorVersion;
use aws_sdk_s3::Client;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use futures_util::future::try_join_all;

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let bucket = arguments.next().ok_or("no bucket")?;
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
    let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    let client = Client::from_conf(config);
    let fetch = |key: String| {
        let request = client.get_object().bucket(&bucket).key(key);
        async move { Ok::<_, Failure>(request.send().await?.body.collect().await?.into_bytes().len()) }
    };
    let sizes = try_join_all(arguments.map(fetch)).await?;
    println!("{}", sizes.iter().sum::<usize>());
    Ok(())
}
