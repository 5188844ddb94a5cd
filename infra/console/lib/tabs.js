/** What the tabs of one browser tell each other: `{ sessionId, turnId }` of a turn that began, `{ sessionId, hasChanged }` or
 * `{ sessionIds, hasChanged }` of what is other than before. */

export const CHANNEL = "chatkeep";
