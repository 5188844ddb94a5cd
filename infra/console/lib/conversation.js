/** One conversation: its messages, the turn that runs, and what to do when the connection breaks. Knows nothing of pages. */

import { Awake } from "./awake.js";
import { path, pause } from "./client.js";
import { Pending } from "./pending.js";
import { BROKEN, BUSY, CLOSED, OFFLINE, Problem } from "./problem.js";
import { session as ofTab } from "./storage.js";
import { CHANNEL } from "./tabs.js";
import { Transcript } from "./transcript.js";

/** @typedef {import("./client.js").Client} Client */
/** @typedef {import("./client.js").StreamEvent} StreamEvent */
/** @typedef {import("./transcript.js").Message} Message */
/** @typedef {import("./pending.js").Asked} Asked */
/** @typedef {"idle" | "sending" | "streaming" | "reconnecting" | "stopping" | "broken"} State */

const PAGE = 50;
const TRIES = 8;
/** With these ends a turn that was stopped before it had anything to keep. */
const STOPPED = ["turn_cancelled", "turn_rolled_back"];
/** So long after a change the server may still be looking for a title. */
const TITLE_MS = 30_000;
/** A server that asks for a longer pause is told of, and asked again by whoever waits for the answer. */
const LONGEST_WAIT_SECONDS = 60;

/**
 * @fires change
 * @fires returned `detail` are the `words` of a question that was not taken, for whoever wrote them, and the `problem`;
 *   without words it was another wish
 */
export class Conversation extends EventTarget {
  /**
   * @param {Client} client
   * @param {string} sessionId
   * @param {import("./storage.js").Kept} [storage] keeps a question that is on its way over a reload
   */
  constructor(client, sessionId, storage = ofTab) {
    super();
    this.client = client;
    this.sessionId = sessionId;
    /** @type {any} */
    this.session = null;
    this._transcript = new Transcript();
    /** @type {State} */
    this.state = "idle";
    /** @type {Problem | null} what ended the last turn, or keeps this one from going on */
    this.problem = null;
    this.hasOlder = false;
    this.isLoading = false;
    /** Whether its messages have been read. */
    this.isRead = false;
    this._isLoadingOlder = false;
    this._pending = new Pending(sessionId, storage);
    /** @type {string | null} */
    this._older = null;
    /** @type {Asked | null} */
    this._asked = null;
    /** @type {string | null} */
    this._turnId = null;
    this._lastEvent = 0;
    this._compacts = false;
    /** When a turn ended that was heard here. */
    this._heardEnd = 0;
    this._closed = new AbortController();
    /** @type {AbortController | null} */
    this._connection = null;
    /** @type {AbortController | null} of all connections to one turn */
    this._hearing = null;
    this._channel = "BroadcastChannel" in globalThis ? new BroadcastChannel(CHANNEL) : null;
    this._channel?.addEventListener("message", ({ data }) => this._hearOtherTab(data));
    this._awake = new Awake(() => this._wake());
  }

  get isRunning() {
    return this.state !== "idle" && this.state !== "broken";
  }

  /** Whether the turn that runs makes a summary for the model, and answers nothing. */
  get isCompacting() {
    return this.isRunning && this._compacts;
  }

  /** Whether its first answer has just come, so that it may be given a title now. */
  get awaitsTitle() {
    const ended = Math.max(this._heardEnd, Date.parse(this.session?.updated_at)); // the server's clock may be another
    const isRecent = Date.now() - ended < TITLE_MS;
    return isRecent && !this.isRunning && !this.hasOlder && this._transcript.questions === 1;
  }

  /** The latest message that tells how much of the model's context is taken. */
  get measured() {
    return this._transcript.measured;
  }

  get messages() {
    return this._transcript.messages;
  }

  /** The results of each message's tool calls, by the message's id and the call's. */
  get results() {
    return this._transcript.results;
  }

  /** Whether there are words to write anew where a question could not be sent. */
  get hasQuestion() {
    return this._asked?.content !== undefined;
  }

  /** Load the newest messages, and go on with a turn that was on its way or runs. What keeps it from that is its `problem`. */
  async open() {
    try {
      await this._load();
    } catch (error) {
      this._refuse(error);
      return;
    }
    const asked = this._pending.asked;
    if (asked && !asked.turnId) {
      this._ask(asked);
    } else {
      this._follow(asked?.turnId ?? this.session?.running_turn_id);
    }
  }

  /** Older messages, before those that are there. Throws a Problem. */
  async loadOlder() {
    if (!this._older || this._isLoadingOlder) {
      return;
    }
    this._isLoadingOlder = true;
    try {
      const cursor = this._older;
      const page = await this._page(cursor);
      if (cursor === this._older) {
        this._transcript.prepend(page.messages.reverse());
        this._older = page.next_cursor;
        this.hasOlder = Boolean(this._older);
        this._changed();
      }
    } finally {
      this._isLoadingOlder = false;
    }
  }

  /** Ask a question. @param {string} content */
  send(content) {
    return this._ask({ key: crypto.randomUUID(), content });
  }

  /** Ask the first question of a conversation that has just been made: there is nothing to read. @param {string} content */
  begin(content) {
    this.isRead = true;
    return this.send(content);
  }

  /** Have an answer made again. @param {string} messageId */
  regenerate(messageId) {
    return this._ask({ key: crypto.randomUUID(), regenerate: messageId });
  }

  /** Have what was said so far summarised for the model. */
  compact() {
    return this._ask({ key: crypto.randomUUID(), compacts: true });
  }

  /** Send what is on its way once more, under the same key: it is answered once. */
  retry() {
    return this._asked ? this._ask(this._asked) : this._follow(this._turnId);
  }

  /** Let go of a question that could not be sent; its words are returned. */
  giveUp() {
    this._return();
    this._transcript.dropPending();
    this.problem = null;
    this._become("idle");
    return this._reloadTail(); // an answer that was to be made again is there still
  }

  /** Stop the turn that runs; what was said is kept. A question that has not arrived is not sent any more. */
  async stop() {
    if (this.state === "reconnecting" && !this._turnId) {
      this._hearing?.abort(new Problem({ code: CLOSED }));
      this._hearing = null;
      await this.giveUp();
      return;
    }
    this._become("stopping");
    try {
      await this.client.post(path`/sessions/${this.sessionId}/cancel`, undefined, { signal: this._closed.signal });
    } catch (error) {
      if (error instanceof Problem && error.code === "no_turn_running") {
        return; // it has ended, or is stopped as soon as it begins
      }
      if (this.state === "stopping") {
        this.state = this._turnId ? "streaming" : "sending";
      }
      this._refuse(error);
    }
  }

  /**
   * Rate an answer, or take the rating back.
   * @param {string} messageId
   * @param {{ rating: string, comment?: string, reason?: string } | null} feedback
   */
  async rate(messageId, feedback) {
    const at = path`/sessions/${this.sessionId}/messages/${messageId}/feedback`;
    const message = feedback ? await this.client.put(at, feedback) : await this.client.delete(at);
    if (this._transcript.change(messageId, { feedback: message?.feedback ?? (feedback && { ...feedback }) })) {
      this._changed();
    }
  }

  /** End all connections; the turn itself goes on. */
  close() {
    this._closed.abort(new Problem({ code: CLOSED }));
    this._connection?.abort(new Problem({ code: CLOSED }));
    this._channel?.close();
    this._awake.end();
  }

  /** The machine slept, or its network was away: what was connected is not any more, and others may have gone on. */
  _wake() {
    if (this._connection && this.isRunning) {
      this._connection.abort(new Problem({ code: OFFLINE }));
    } else if (this.state === "broken" && this.problem?.passes) {
      this.retry();
    } else if (this.state === "idle" && !this.isLoading) {
      this.isRead ? this._renewAndFollow() : this.open();
    }
  }

  async _load() {
    this.isLoading = true;
    this._changed();
    try {
      const [session, page] = await Promise.all([
        this.client.get(path`/sessions/${this.sessionId}`, { signal: this._closed.signal }),
        this._page(),
      ]);
      this.session = session;
      this._renew(page.messages.reverse(), page.next_cursor);
      if (!this.isRead) {
        this.isRead = true;
        this.problem = null;
      }
    } finally {
      this.isLoading = false;
      this._changed();
    }
  }

  /** Show the newest messages as they are stored. @param {Message[]} newest @param {string | null} cursor */
  _renew(newest, cursor) {
    if (!this._transcript.renew(newest, Boolean(this._asked || this._hearing), this._turnId)) {
      this._older = cursor;
    }
    this.hasOlder = Boolean(this._older);
  }

  /** A page from the newest message back. @param {string} [cursor] */
  async _page(cursor) {
    const query = { limit: PAGE, order: "desc", cursor };
    return this.client.get(path`/sessions/${this.sessionId}/messages`, { query, signal: this._closed.signal });
  }

  /** Send what is asked, and hear its turn to the end, over as many connections as that takes. @param {Asked} asked */
  async _ask(asked) {
    if (this.isRunning) {
      return;
    }
    if ((this._asked ?? this._pending.asked ?? asked).key !== asked.key) {
      this._return(); // one that could not be sent before
    }
    this._asked = asked;
    this._pending.keep(asked);
    this._turnId = null;
    this._lastEvent = 0;
    this._compacts = asked.compacts ?? false;
    this.problem = null;
    this._transcript.ask(asked);
    this._become("sending");
    await this._hear();
  }

  /** Hear a turn that has begun, here or elsewhere. @param {string | null | undefined} turnId */
  async _follow(turnId) {
    if (this.isRunning || !turnId) {
      return;
    }
    const asked = this._pending.asked;
    if (asked && asked.turnId !== turnId) {
      this._return();
    }
    this._asked = this._pending.asked;
    this._turnId = turnId;
    this._lastEvent = 0;
    this._compacts = this._asked?.compacts ?? false;
    this.problem = null;
    this._become("streaming");
    await this._hear();
  }

  async _hear() {
    this._hearing = new AbortController();
    const gone = AbortSignal.any([this._closed.signal, this._hearing.signal]);
    for (let tried = 1; tried <= TRIES && !gone.aborted; tried += 1) {
      const before = this._lastEvent;
      try {
        if (await this._hearOnce(gone)) {
          return;
        }
        this.problem = new Problem({ code: BROKEN });
      } catch (error) {
        const problem = /** @type {Problem} */ (error);
        if (gone.aborted) {
          return;
        }
        if (!(problem instanceof Problem)) {
          throw error;
        }
        if (!problem.passes && !this._goesOn(problem)) {
          return;
        }
        this.problem = problem;
      }
      if (this._lastEvent !== before) {
        tried = 1;
      }
      if ((this.problem.retryAfter ?? 0) > LONGEST_WAIT_SECONDS) {
        break;
      }
      this._become("reconnecting");
      await pause(tried, this.problem.retryAfter, gone).catch(() => {});
    }
    if (!gone.aborted) {
      this._hearing = null;
      this._become("broken");
    }
  }

  /** One connection. Returns whether the turn has ended. Throws a Problem. @param {AbortSignal} gone */
  async _hearOnce(gone) {
    this._connection = new AbortController();
    const signal = AbortSignal.any([gone, this._connection.signal]);
    if (this._asked?.compacts && !this._turnId) {
      await this._begun(this._asked, signal);
    }
    const events = this._turnId
      ? this.client.stream("GET", path`/sessions/${this.sessionId}/turns/${this._turnId}/stream`, { after: this._lastEvent, signal })
      : this.client.stream("POST", path`/sessions/${this.sessionId}/messages/stream`, this._post(signal));
    for await (const event of events) {
      this._lastEvent = event.id;
      if (this.state === "reconnecting") {
        this.problem = null;
        this.state = "streaming";
      }
      if (await this._take(event)) {
        return true;
      }
    }
    return false;
  }

  /** A turn that makes a summary is begun first, and then heard as one of somebody else. Throws a Problem. @param {Asked} asked @param {AbortSignal} signal */
  async _begun(asked, signal) {
    const { turn_id: turnId } = await this.client.post(path`/sessions/${this.sessionId}/compact`, undefined, { key: asked.key, signal });
    this._turnId = turnId;
    this._pending.keep(Object.assign(asked, { turnId }));
  }

  /** @param {AbortSignal} signal */
  _post(signal) {
    const { key, content, regenerate } = /** @type {Asked} */ (this._asked);
    return { body: regenerate ? { regenerate } : { content }, key, signal };
  }

  /** Take an event. Returns whether it was the last. @param {StreamEvent} event */
  async _take({ name, data }) {
    switch (name) {
      case "turn":
        this._begin(data);
        break;
      case "token":
        this._transcript.grow(data.message_id, this._turnId, "content", data.text);
        break;
      case "reasoning":
        this._transcript.grow(data.message_id, this._turnId, "reasoning", data.text);
        break;
      case "tool_call":
        this._transcript.addCall(this._turnId, data);
        break;
      case "tool_result":
        this._transcript.addResult(this._turnId, data);
        break;
      case "message":
        this._transcript.complete(this._turnId, data);
        break;
      case "done":
        await this._end();
        return true;
      case "error":
        await this._end(new Problem(data));
        return true;
    }
    this._changed();
    return false;
  }

  /** @param {any} data */
  _begin({ turn_id, user_message }) {
    this._turnId = turn_id;
    this._compacts = !user_message;
    this._transcript.begin(turn_id, user_message);
    if (this._asked) {
      this._pending.keep(Object.assign(this._asked, { turnId: turn_id }));
    }
    this._announce({ turnId: turn_id });
    if (this.state === "stopping") {
      this.stop(); // the first one came too early
    } else {
      this._become("streaming");
    }
  }

  /** The turn has ended; a question that it left no trace of is returned. @param {Problem} [problem] why it came to nothing */
  async _end(problem) {
    const asked = this._asked;
    this._settle();
    this._hearing = null;
    this._announce({ hasChanged: true });
    this._heardEnd = Date.now();
    await this._reloadTail();
    this.problem = this._compacts && STOPPED.includes(problem?.code ?? "") ? null : (problem ?? this.problem);
    this._become("idle");
    if (problem && asked && !this._transcript.hasQuestionOf(this._turnId)) {
      this._giveBack(asked);
    }
    if (this.session?.running_turn_id !== this._turnId) {
      this._follow(this.session?.running_turn_id);
    }
  }

  /** A refusal that repeating does not change. Returns whether there is a turn to hear all the same. @param {Problem} problem */
  _goesOn(problem) {
    if (problem.code === BUSY && problem.turnId && problem.turnId !== this._turnId) {
      this._return(problem);
      this._transcript.dropPending();
      this._turnId = problem.turnId;
      this._lastEvent = 0;
      this._compacts = false;
      return true;
    }
    if (this._compacts) {
      this._settle(); // there are no words to keep, and whoever wants a summary asks anew
    }
    this.problem = problem;
    this._hearing = null;
    this._become(this._asked ? "broken" : "idle");
    return false;
  }

  /** Show a problem, without any other consequence. What is no problem is thrown on. @param {unknown} error */
  _refuse(error) {
    if (!(error instanceof Problem)) {
      throw error;
    }
    if (error.code !== CLOSED) {
      this.problem = error;
      this._changed();
    }
  }

  /** The messages as they are stored, after a turn has ended. */
  async _reloadTail() {
    try {
      await this._load();
    } catch (error) {
      if (!(error instanceof Problem)) {
        throw error;
      }
    }
  }

  /** Show what others have said meanwhile, and hear what is being said. */
  async _renewAndFollow() {
    await this._reloadTail();
    this._follow(this.session?.running_turn_id);
  }

  /** @param {{ sessionId?: string, sessionIds?: string[], turnId?: string, hasChanged?: boolean }} said */
  _hearOtherTab({ sessionId = "", sessionIds = [sessionId], turnId, hasChanged }) {
    if (!sessionIds.includes(this.sessionId) || this.isRunning) {
      return;
    }
    if (turnId) {
      this._follow(turnId);
    } else if (hasChanged) {
      this._reloadTail();
    }
  }

  /** Let go of what was asked, and return its words. @param {Problem} [problem] */
  _return(problem) {
    const asked = this._asked ?? this._pending.asked;
    this._settle();
    if (asked) {
      this._giveBack(asked, problem);
    }
  }

  /** @param {Asked} asked @param {Problem} [problem] why, where that is not shown anyway */
  _giveBack({ content: words }, problem) {
    if (words || problem) {
      this.dispatchEvent(new CustomEvent("returned", { detail: { words, problem } }));
    }
  }

  /** Tell the other tabs. @param {{ turnId?: string, hasChanged?: boolean }} what */
  _announce(what) {
    if (!this._closed.signal.aborted) {
      this._channel?.postMessage({ sessionId: this.sessionId, ...what });
    }
  }

  _settle() {
    this._asked = null;
    this._pending.forget();
  }

  /** @param {State} state */
  _become(state) {
    this.state = state;
    this._changed();
  }

  _changed() {
    this.dispatchEvent(new Event("change"));
  }
}
