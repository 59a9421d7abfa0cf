"""Powertools' own helpers answer the same events: what do they make of them?

Reads [[route, event, reply], ...] and prints a line for each route that it has a word on: "agrees", or its own answer.
"""

import base64
import json
import sys

from aws_lambda_powertools.event_handler import AppSyncEventsResolver, BedrockAgentResolver
from aws_lambda_powertools.utilities.data_classes import KinesisFirehoseDataTransformationResponse, S3BatchOperationResponse
from aws_lambda_powertools.utilities.data_classes.api_gateway_authorizer_event import (
    APIGatewayAuthorizerResponse,
    APIGatewayAuthorizerResponseV2,
    parse_api_gateway_arn,
)
from aws_lambda_powertools.utilities.data_classes.appsync_authorizer_event import AppSyncAuthorizerResponse
from aws_lambda_powertools.utilities.data_classes.kinesis_firehose_event import (
    KinesisFirehoseDataTransformationRecord,
    KinesisFirehoseDataTransformationRecordMetadata,
)
from aws_lambda_powertools.utilities.data_classes.s3_batch_operation_event import S3BatchOperationEvent

FOUND = "Your order is on its way."


class Context:
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:local"


def policy(event, reply):
    arn = parse_api_gateway_arn(event.get("methodArn") or event["routeArn"])
    known = reply["context"]["known"]
    response = APIGatewayAuthorizerResponse(
        "clerk" if known else "nobody", arn.region, arn.aws_account_id, arn.api_id, arn.stage, {"known": known}
    )
    response.allow_all_routes() if known else response.deny_all_routes()
    answer = response.asdict()
    # It lists methods and paths apart; ours is one pattern over both, which holds for `$connect` as well.
    statement = answer["policyDocument"]["Statement"][0]
    statement["Resource"] = [resource.removesuffix("/*/*") + "/*" for resource in statement["Resource"]]
    statement["Action"] = [statement["Action"]]
    return answer


def simple(event, _reply):
    known = event["identitySource"] == ["sample"]
    # An empty context is none.
    return {"context": {}} | APIGatewayAuthorizerResponseV2(known, {"principal": "clerk"} if known else {}).asdict()


def graphql(_event, _reply):
    return AppSyncAuthorizerResponse(True, 300, {"principal": "clerk"}, ["Mutation.refund"]).asdict()


def agent(event, _reply):
    app = BedrockAgentResolver()

    @app.get("/orders/<id>", description="Finds an order")
    def find(id: int) -> dict:  # noqa: A002
        return {"state": FOUND}

    # It leaves attributes out where there are none.
    return {"sessionAttributes": {}, "promptSessionAttributes": {}} | app.resolve(event, Context())


def channel(event, _reply):
    app = AppSyncEventsResolver()

    @app.on_publish("/default/orders")
    def published(payload):
        return payload

    @app.on_subscribe("/default/orders")
    def subscribed():
        return None

    return app.resolve(event, Context())


def delivery(event, _reply):
    response = KinesisFirehoseDataTransformationResponse()
    for record in event["records"]:
        data = base64.b64encode(base64.b64decode(record["data"]) + b"\n").decode()
        metadata = KinesisFirehoseDataTransformationRecordMetadata({"hundred": "0"})
        response.add_record(KinesisFirehoseDataTransformationRecord(record["recordId"], "Ok", data, metadata))
    return response.asdict()


def job(event, _reply):
    event = S3BatchOperationEvent(event)
    response = S3BatchOperationResponse(event.invocation_schema_version, event.invocation_id, "TemporaryFailure")
    response.add_result(event.task.build_task_batch_response("Succeeded", f"took {event.task.s3_key}"))
    return response.asdict()


JUDGES = {
    "token": policy, "rest": policy, "policy": policy, "simple": simple, "graphql-guard": graphql, "agent": agent,
    "channel": channel, "delivery": delivery, "job": job,
}

for route, event, reply in json.load(sys.stdin):
    if route in JUDGES:
        answer = JUDGES[route](event, reply)
        if route == "agent":
            # The same JSON with other blanks.
            for each in answer, reply:
                content = each["response"]["responseBody"]["application/json"]
                content["body"] = json.loads(content["body"])
        print(route, "agrees" if answer == reply else json.dumps(answer))
