/** What the tabs of one browser tell each other: `{ sessionId, turnId }` of a turn that began, `{ sessionId, hasChanged }`. */

export const CHANNEL = "chatkeep";
