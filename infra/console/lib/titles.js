/** The title that the server gives a conversation after its first answer: looked for until it is there. */

import { path } from "./client.js";
import { Problem } from "./problem.js";

/** Seconds before each look. */
const PAUSES = [1, 2, 4, 8, 15];
/** What a conversation is called that nobody has named. */
const UNNAMED = "New Conversation";

/**
 * The session as it is once it has a title; null where none comes. While the page is hidden, nobody looks.
 * @param {import("./client.js").Client} client
 * @param {any} session
 * @param {AbortSignal} left ends this with the reason of the signal, a Problem
 */
export async function titled(client, session, left) {
  if (session.title !== UNNAMED) {
    return session;
  }
  if (session.is_temporary || !(await isGiven(client, left))) {
    return null;
  }
  for (const seconds of PAUSES) {
    await passed(seconds, left);
    await seen(left);
    const found = await look(client, session.session_id, left);
    if (found && found.title !== UNNAMED) {
      return found;
    }
  }
  return null;
}

/** Whether the user wants titles; a server that does not say gives them. @param {import("./client.js").Client} client @param {AbortSignal} signal */
async function isGiven(client, signal) {
  const { generate_titles: isWanted = true } = await client.get("/preferences", { signal });
  return isWanted;
}

/** The session; null where it could not be read this time. @param {import("./client.js").Client} client @param {string} sessionId @param {AbortSignal} signal */
async function look(client, sessionId, signal) {
  try {
    return await client.get(path`/sessions/${sessionId}`, { signal });
  } catch (error) {
    if (error instanceof Problem && error.passes) {
      return null;
    }
    throw error;
  }
}

/** @param {number} seconds @param {AbortSignal} left */
function passed(seconds, left) {
  return until(left, (go) => {
    const timer = setTimeout(go, seconds * 1_000);
    return () => clearTimeout(timer);
  });
}

/** The page can be seen. @param {AbortSignal} left */
function seen(left) {
  return until(left, (go) => {
    const look = () => document.hidden || go();
    document.addEventListener("visibilitychange", look);
    look();
    return () => document.removeEventListener("visibilitychange", look);
  });
}

/** Wait for something, unless it is left before. @param {AbortSignal} left @param {(go: () => void) => () => void} begin returns how to wait no more */
async function until(left, begin) {
  left.throwIfAborted();
  /** @type {PromiseWithResolvers<void>} */
  const { promise, resolve, reject } = Promise.withResolvers();
  const leave = () => reject(left.reason);
  left.addEventListener("abort", leave);
  const end = begin(resolve);
  try {
    await promise;
  } finally {
    left.removeEventListener("abort", leave);
    end();
  }
}
