//! S3 Batch Operations. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html>

use aws_lambda_events::event::s3::batch_job::{S3BatchJobEvent, S3BatchJobResponse, S3BatchJobResult};
use lambda_plugin_abi::Error;

/// Takes the JSON documents of a job, one after the other. Each task has a result of its own, which the job's report shows.
pub(super) fn objects(event: S3BatchJobEvent) -> Result<S3BatchJobResponse, Error> {
    let mut response = S3BatchJobResponse::default();
    response.invocation_schema_version = event.invocation_schema_version;
    response.invocation_id = event.invocation_id;
    // A task that is not answered for is tried again.
    response.treat_missing_keys_as = Some("TemporaryFailure".to_owned());
    response.results = event
        .tasks
        .into_iter()
        .map(|task| {
            // As in a URL: a blank is `+`, an ü `%C3%BC`.
            let key = task.s3_key.unwrap_or_default();
            let (code, text) = match key.ends_with(".json") {
                true => ("Succeeded", format!("took {key}")),
                false => ("PermanentFailure", "not a JSON document".to_owned()),
            };
            let mut result = S3BatchJobResult::default();
            result.task_id = task.task_id;
            result.result_code = Some(code.to_owned());
            result.result_string = Some(text);
            result
        })
        .collect();
    Ok(response)
}
