/** A conversation as a file. */

import { path } from "./client.js";
import { exact } from "./format.js";
import { isMark, summaryOf } from "./summaries.js";

const PAGE = 200;
/** Code points of a long message that are read at once. */
const RANGE = 500_000;
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
  const parts = [];
  for (const one of messages) {
    if (summaryOf(one)) {
      parts.push(`---\n\n*From here on, the model is given a summary of what was said before:*\n\n${quoted(summaryOf(one))}\n`);
    }
    if (isMark(one)) {
      continue;
    }
    const content = one.truncated ? await whole(client, session.session_id, one) : one.content;
    parts.push(`## ${SPEAKERS[one.role]}, ${exact(one.created_at)}\n\n${content}\n`);
  }
  save(`${session.title.replace(/[^\p{L}\p{N} _-]+/gu, " ").trim() || "conversation"}.md`, `# ${session.title}\n\n${parts.join("\n")}`);
}

/** @param {string} text */
const quoted = (text) => text.replace(/^/gm, "> ");

/** The content of a message that its page had no room for. @param {import("./client.js").Client} client @param {string} sessionId @param {any} message */
async function whole(client, sessionId, { message_id: id, content_characters: length }) {
  const texts = [];
  for (let from = 0; from < length; ) {
    const { content } = await client.get(path`/sessions/${sessionId}/messages/${id}`, { query: { from, to: Math.min(from + RANGE, length) } });
    texts.push(content);
    from += [...content].length || RANGE; // an answer has as many as fit into it
  }
  return texts.join("");
}

/** @param {string} name @param {string} text */
function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/markdown" }));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
