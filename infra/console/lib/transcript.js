/** The messages that a conversation shows: those that are stored, and those of a turn while it is heard. */

import { isMark } from "./summaries.js";

/** @typedef {{ message_id: string, role: string, content: string, [name: string]: any }} Message `isPending` while it is said */

export class Transcript {
  constructor() {
    /** @type {Message[]} a new list with each change */
    this.messages = [];
  }

  /**
   * The results of each message's tool calls, by the message's id and the call's: a model may use the same ids again.
   * @returns {Record<string, Record<string, Message>>}
   */
  get results() {
    /** @type {Record<string, Record<string, Message>>} */
    const found = {};
    let caller = "";
    for (const message of this.messages) {
      if (message.role !== "tool") {
        caller = message.message_id;
      } else if (message.tool_call_id) {
        (found[caller] ??= {})[message.tool_call_id] = message;
      }
    }
    return found;
  }

  /** Whether it has the question of a turn. @param {string | null} turnId */
  hasQuestionOf(turnId) {
    return this.messages.some((one) => one.role === "user" && one.turn_id === turnId);
  }

  /** The latest message that tells how much of the model's context is taken; a summary that does not ends what was known. @returns {Message | undefined} */
  get measured() {
    return this.messages.findLast((one) => typeof one.context_tokens === "number" || isMark(one));
  }

  /** How many questions it has. */
  get questions() {
    return this.messages.filter((one) => one.role === "user").length;
  }

  /** Put messages before the others. @param {Message[]} older */
  prepend(older) {
    const known = new Set(this.messages.map((one) => one.message_id));
    this.messages = [...older.filter((one) => !known.has(one.message_id)), ...this.messages];
  }

  /**
   * Show the newest messages as they are stored, after older ones where these go on from them, and before those of the
   * turn that is heard. Returns whether there are older ones.
   * @param {Message[]} newest
   * @param {boolean} isHeard whether there is such a turn
   * @param {string | null} turnId its id, if it has begun
   */
  renew(newest, isHeard, turnId) {
    const at = this._at(newest[0]?.message_id);
    const older = this.messages.slice(0, Math.max(at, 0)).filter((one) => !one.isPending);
    const isOfTurn = (/** @type {Message} */ one) => Boolean(one.isPending) || (turnId !== null && one.turn_id === turnId);
    const heard = isHeard ? this.messages.filter(isOfTurn) : [];
    this.messages = [...older, ...newest.filter((one) => !heard.length || !isOfTurn(one)), ...heard];
    return older.length > 0;
  }

  /** Show what is asked, until its turn has begun. @param {{ content?: string, regenerate?: string }} asked */
  ask({ content, regenerate }) {
    this.dropPending();
    if (content !== undefined) {
      this.put({ message_id: "asked", role: "user", content, isPending: true });
    } else if (regenerate && this._at(regenerate) >= 0) {
      this.messages = this.messages.slice(0, this._at(regenerate));
    }
  }

  /** Show the question of a turn that has begun, and nothing after it. A turn that summarises has none. @param {string} turnId @param {Message | null} question */
  begin(turnId, question) {
    this.messages = this.messages.filter((one) => !one.isPending && one.turn_id !== turnId);
    if (!question) {
      return;
    }
    const at = this._at(question.message_id);
    this.messages = at < 0 ? [...this.messages, question] : this.messages.slice(0, at + 1);
  }

  /** Let go of what is not stored yet. */
  dropPending() {
    this.messages = this.messages.filter((one) => !one.isPending);
  }

  /** Add to a message that is said. @param {string} messageId @param {string | null} turnId @param {"content" | "reasoning"} field @param {string} text */
  grow(messageId, turnId, field, text) {
    const message = this._named(messageId, turnId);
    this.put({ ...message, [field]: (message[field] ?? "") + text });
  }

  /** @param {string | null} turnId @param {any} call as the stream tells it */
  addCall(turnId, { message_id, tool_call_id, name, arguments: given }) {
    const message = this._named(message_id, turnId);
    this.put({ ...message, tool_calls: [...(message.tool_calls ?? []), { id: tool_call_id, name, args: given }] });
  }

  /** @param {string | null} turnId @param {any} result as the stream tells it */
  addResult(turnId, { tool_call_id, content, status }) {
    const message = this._named(`result:${turnId}:${tool_call_id}`, turnId);
    this.put({ ...message, role: "tool", tool_call_id, content, tool_status: status });
  }

  /** A message that has been said whole. @param {string | null} turnId @param {any} message as the stream tells it */
  complete(turnId, message) {
    this.put({ ...this._named(message.message_id, turnId), ...message, isPending: false });
  }

  /** Change a message where it is there. Returns whether it is. @param {string} messageId @param {Partial<Message>} changes */
  change(messageId, changes) {
    const at = this._at(messageId);
    if (at >= 0) {
      this.put({ ...this.messages[at], ...changes });
    }
    return at >= 0;
  }

  /** Show a message in place of the one with its id, or last. @param {Message} message */
  put(message) {
    const at = this._at(message.message_id);
    this.messages = at < 0 ? [...this.messages, message] : this.messages.with(at, message);
  }

  /** @param {string} messageId */
  _at(messageId) {
    return this.messages.findIndex((one) => one.message_id === messageId);
  }

  /** The message, or a new one that is being said. @param {string} messageId @param {string | null} turnId @returns {Message} */
  _named(messageId, turnId) {
    const said = { message_id: messageId, turn_id: turnId, role: "assistant", content: "", isPending: true };
    return this.messages[this._at(messageId)] ?? said;
  }
}
