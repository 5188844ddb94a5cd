/** A conversation as a file. */

import { path } from "./client.js";
import { exact } from "./format.js";

const PAGE = 200;
/** @type {Record<string, string>} */
const SPEAKERS = { user: "You", assistant: "Assistant", tool: "Result of a tool" };

/** Save the whole conversation as Markdown. @param {import("./client.js").Client} client @param {any} session */
export async function exported(client, session) {
  const messages = [];
  let cursor;
  do {
    const page = await client.get(path`/sessions/${session.session_id}/messages`, { query: { limit: PAGE, cursor } });
    messages.push(...page.messages);
    cursor = page.next_cursor;
  } while (cursor);
  const parts = messages.map((one) => `## ${SPEAKERS[one.role]}, ${exact(one.created_at)}\n\n${one.content}\n`);
  save(`${session.title.replace(/[^\p{L}\p{N} _-]+/gu, " ").trim() || "conversation"}.md`, `# ${session.title}\n\n${parts.join("\n")}`);
}

/** @param {string} name @param {string} text */
function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/markdown" }));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
