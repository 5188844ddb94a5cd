/** Words that are written but not sent, one draft for each conversation, which are for nobody else to read. */

import { local } from "./storage.js";

const DRAFT = "chatkeep:draft:";

/** The name of a conversation's draft; of a new one's without an id. @param {string} sessionId */
export const draftOf = (sessionId) => DRAFT + sessionId;

export function forgetDrafts() {
  for (const name of local.names().filter((one) => one.startsWith(DRAFT))) {
    local.removeItem(name);
  }
}
