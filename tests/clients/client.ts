// A conversation by the TypeScript client that openapi-typescript and openapi-fetch make of infra/openapi.json.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Schemas = components["schemas"];

const [baseUrl, token] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

const created = await client.POST("/sessions", { body: { model_name: "scripted:echo" } });
assert(created.data, "only the model's name has to be given");
const path = { session_id: created.data.session_id };

const sent = await client.POST("/sessions/{session_id}/messages", {
  params: { path, header: { "Idempotency-Key": "a-key" } },
  body: { content: "Hello" },
});
assert(sent.data && "message" in sent.data, "what was not asked for in the background is answered at once");
const status: Schemas["TurnView"]["status"] = sent.data.status;
assert.equal(status, "completed");
assert.match(sent.data.message.content, /Hello/);

const listed = await client.GET("/sessions", { params: { query: { limit: 1 } } });
assert.deepEqual(listed.data?.sessions.map((one) => one.session_id), [path.session_id]);
assert.equal(listed.data?.next_cursor, null);

const stats = await client.GET("/sessions/{session_id}/stats", { params: { path } });
assert.equal(stats.data?.message_count, 2);

const again = await client.POST("/sessions/{session_id}/messages", {
  params: { path },
  body: { regenerate: sent.data.message.message_id },
});
assert(again.data && "message" in again.data);
assert.equal(again.data.message.siblings.length, 2);

const cancelled = await client.POST("/sessions/{session_id}/cancel", { params: { path } });
const code: Schemas["ProblemCode"] | undefined = cancelled.error?.code;
assert.equal(code, "no_turn_running");
assert(cancelled.response.headers.get("x-amzn-RequestId"));

const later = await client.POST("/sessions/{session_id}/messages", {
  params: { path },
  body: { content: "Hello later", background: true },
});
assert(later.data && "attempts" in later.data, "a turn in the background is told of before it is run");

// @ts-expect-error: a field that the document does not have
const colourful: Schemas["NewSession"] = { colour: "red" };
// @ts-expect-error: a code that the document does not have
const unheard: Schemas["ProblemCode"] = "no_such_code";
assert(colourful && unheard);
