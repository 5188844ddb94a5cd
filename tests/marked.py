"""A conversation through all functions in which everything that no log may hold carries a mark."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import product
from typing import Any
from uuid import uuid4

from chatkeep import ids
from chatkeep.checkpoint_items import keys
from infra.local.events import Answer, Request, answer_of
from infra.local.gateway import Claims, Gateway, Invocation
from infra.local.stack import Stack
from infra.local.template import load_api, load_functions, load_routes
from tests.engines import Engine
from tests.lambda_function import Code, Line, Running, running
from tests.monitored import Metric
from tests.provider import openai
from tests.provider.openai_refusals import refusal
from tests.provider.openai_replies import Reply, ToolCall

PLACES = (
    "title", "metadata", "prompt", "content", "answer", "arguments", "comment", "reason", "query", "field", "body",
    "path", "token", "header", "idempotency", "openaikey", "cursorsecret", "erasuresecret", "awssecret", "tag",
    "sessionid", "bulk", "name",
)  # fmt: skip
MARKS = {place: f"walrus{place}" for place in PLACES}
USER = "somebody"
SIGNATURES = ("AWS4-HMAC-SHA256", "Signature=", "Bearer ")
FORGED = [
    (name, MARKS["header"])
    for name in (
        "x-amzn-RequestId",
        "X-Request-Id",
        "X-Correlation-Id",
        "x-amz-apigw-id",
        "X-Amzn-Trace-Id",
        "traceparent",
    )
]
"""Headers with which a client might try to choose its request's id."""
SECRETS = {
    "OPENAI_API_KEY": MARKS["openaikey"],
    "CURSOR_SECRET": MARKS["cursorsecret"],
    "ERASURE_SECRET": MARKS["erasuresecret"],
    "AWS_SECRET_ACCESS_KEY": MARKS["awssecret"],
}


@dataclass
class Deployment:
    """The functions as the template has them, under AWS's runtime client; every answer's status and code is kept."""

    stack: Stack
    functions: dict[str, Running]
    answers: list[tuple[str, int, str | None]] = field(default_factory=list)
    request_ids: list[str] = field(default_factory=list)

    @property
    def gateway(self) -> Gateway:
        return Gateway(load_api(self.stack), load_routes(self.stack), _claims)

    def request(self, method: str, path: str, body: Any = None, query: str = "", raw: bytes = b"") -> Any:
        """One request of the API; returns its answer's body."""
        headers = [("Content-Type", "application/json"), ("Authorization", f"Bearer {MARKS['token']}"), *FORGED]
        content = raw or (b"" if body is None else json.dumps(body).encode())
        admitted = self.gateway.admit(Request(method, path, query, headers, content))
        assert isinstance(admitted, Invocation)
        self.request_ids.append(admitted.event["requestContext"]["requestId"])
        answer: Answer = answer_of(self.functions[admitted.function].invoke(admitted.event))
        told = json.loads(answer.body)
        self.answers.append((f"{method} {admitted.event['resource']}", answer.status, told.get("code")))
        return told

    def written(self) -> list[Line]:
        return [line for function in self.functions.values() for line in function.written]

    def logged(self) -> list[Line]:
        """The part of the output that reaches the log groups."""
        return [line for function in self.functions.values() for line in function.logged()]

    def own(self) -> list[Line]:
        """Those of the functions' own logger."""
        return [line for line in self.logged() if "function_name" in line.record]

    def metrics(self) -> Iterator[Metric]:
        """Every metric that reaches CloudWatch."""
        for line in self.logged():
            for found in line.record.get("_aws", {}).get("CloudWatchMetrics", []):
                for one, dimensions in product(found["Metrics"], found["Dimensions"]):
                    yield found["Namespace"], one["Name"], {name: line.record[name] for name in dimensions}


@contextmanager
def deployed(stack: Stack, code: Callable[[str], Code], variables: Mapping[str, str]) -> Iterator[Deployment]:
    with ExitStack() as functions:
        yield Deployment(
            stack,
            {
                name: functions.enter_context(running(function, code(name), stack, variables))
                for name, function in load_functions(stack).items()
                if not function.is_web  # its own server takes its events, and not the runtime client
            },
        )


def converse(stack: Stack, code: Callable[[str], Code], graph: str, tables: Engine) -> Deployment:
    """The functions after the conversation and their end; `code` says where each has its code."""
    with openai.serve() as endpoint:
        variables = {
            "DYNAMODB_ENDPOINT": tables.endpoint or "",
            "OPENAI_BASE_URL": endpoint.url,
            "GRAPH": graph,
            "ALLOWED_MODELS": "*",
            "JOBS_FUNCTION": "",
            "PROMPT_FACTS": "name",
        }
        with deployed(stack, code, {**variables, **SECRETS}) as deployment:
            talk(deployment, endpoint)
            remove(deployment, tables)
    return deployment


def talk(api: Deployment, endpoint: openai.Endpoint) -> None:
    """A session, turns that succeed or fail in each way, and refused requests."""
    session = {
        "title": MARKS["title"],
        "metadata": {"about": MARKS["metadata"]},
        "custom_system_prompt": MARKS["prompt"],
        "model_name": "openai:tiny",
        "tags": [MARKS["tag"]],
        "session_id": f"{MARKS['sessionid']}-{uuid4()}",
    }
    api.request("POST", "/sessions", {**session, "session_id": f"{MARKS['sessionid']}-{uuid4()}"})
    path = f"/sessions/{api.request('POST', '/sessions', session)['session_id']}"
    answered = _send(api, path, endpoint, Reply(words=[MARKS["answer"]]))
    comment = {"rating": "thumbs_up", "comment": MARKS["comment"], "reason": MARKS["reason"]}
    api.request("PUT", f"{path}/messages/{answered['message']['message_id']}/feedback", comment)
    arguments = json.dumps({"words": MARKS["arguments"]})
    _send(api, path, endpoint, Reply(words=[MARKS["answer"]], tool_calls=[ToolCall("call-1", "quote", arguments)]))
    for status in (400, 401, 500):
        refused = refusal(status, None, f"no: {MARKS['content']} after {MARKS['prompt']} with {MARKS['openaikey']}")
        _send(api, path, endpoint, refused)
    _refused(api, path)
    for read in ("/sessions", path, f"{path}/messages", f"{path}/stats", "/stats", "/preferences"):
        api.request("GET", read)
    api.functions["SweepFunction"].invoke({"source": "aws.events"})


def remove(api: Deployment, tables: Engine) -> None:
    """The end of all sessions but one, which holds an item of no kind that purge knows."""
    *others, stuck = [one["session_id"] for one in api.request("GET", "/sessions")["sessions"]]
    unknown = {"pk": {"S": keys.partition(ids.of_session(USER, stuck))}, "sk": {"S": f"Z!{MARKS['content']}"}}
    tables.client.put_item(TableName="chatkeep-CheckpointsTable", Item=unknown)
    receipts = [api.request("DELETE", f"/sessions/{one}", query="permanent=true") for one in (stuck, *others)]
    due = [[f"USER#{USER}", f"DELETION#{one['deletion_id']}"] for one in receipts]
    api.functions["PurgeFunction"].invoke({"jobs": due})


def _send(api: Deployment, path: str, endpoint: openai.Endpoint, answer: Any) -> Any:
    endpoint.script = [answer, answer]  # a passing failure is retried once
    told = api.request("POST", f"{path}/messages", {"content": MARKS["content"]})
    endpoint.script = []
    return told


def _refused(api: Deployment, path: str) -> None:
    api.request("POST", "/sessions", {MARKS["field"]: 1})
    api.request("POST", "/sessions", {"title": [MARKS["title"]], "temperature": MARKS["body"]})
    api.request("PATCH", path, raw=f'{{"title": "{MARKS["body"]}'.encode())
    api.request("POST", f"{path}/messages", {"content": MARKS["content"], "strategy": MARKS["body"]})
    api.request("GET", "/sessions", query=f"q={MARKS['query']}&status={MARKS['query']}&limit={MARKS['query']}")
    api.request("GET", "/sessions", query=f"tag={MARKS['tag']}&cursor={MARKS['query']}")
    api.request("POST", "/sessions/bulk", {"session_ids": [MARKS["bulk"]], "action": "tag", "tag": MARKS["tag"]})
    api.request("DELETE", "/me", {"confirm": MARKS["body"]})
    for unknown in ("/sessions", "/deletions"):
        api.request("GET", f"{unknown}/{MARKS['path']}")


def _claims(_: str | None) -> Claims:
    return {"sub": USER, "token_use": "id", "name": MARKS["name"]}
