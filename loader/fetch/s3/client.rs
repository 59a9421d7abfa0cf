//! The client of the SDK: region, endpoint, credentials and retries by the SDK's own chain.

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, ConfigLoader};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{ResponseChecksumValidation, SharedHttpClient};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use crate::{Code, Refusal};

/// Whose credentials and region are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// What Lambda gives a function, in variables or, after a snapshot, at its credentials endpoint
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html>). No profile: one can name a program to run.
    Function,
    /// What a person has set up, in any way that the SDK knows.
    Person,
}

/// A client of S3. Where a custom endpoint is set (`AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`), the bucket stands in the path.
///
/// # Errors
/// `remote-not-configured` without a region.
pub async fn new(whose: Whose) -> Result<Client, Refusal> {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        // What is loaded is held to a digest of its own.
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    let config = match whose {
        Whose::Function => function(loader, http),
        Whose::Person => loader,
    };
    let config = config.load().await;
    if config.region().is_none_or(|region| region.as_ref().is_empty()) {
        return Err(Refusal::new(Code::RemoteNotConfigured, "", "nothing says in which region S3 is to be asked")
            .hint("set AWS_REGION to the bucket's region"));
    }
    let own = std::env::var_os("AWS_ENDPOINT_URL_S3").is_some_and(|url| !url.is_empty());
    let custom = own || config.endpoint_url().is_some();
    let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(custom).build();
    Ok(Client::from_conf(config))
}

fn function(loader: ConfigLoader, http: SharedHttpClient) -> ConfigLoader {
    let endpoint = ProviderConfig::without_region().with_http_client(http);
    let environment = EnvironmentVariableCredentialsProvider::new();
    let credentials = CredentialsProviderChain::first_try("Environment", environment)
        .or_else("EcsContainer", EcsCredentialsProvider::builder().configure(&endpoint).build());
    let no_profiles = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, "").build();
    loader.credentials_provider(credentials).region(EnvironmentVariableRegionProvider::new()).profile_files(no_profiles)
}
