/** What went wrong, in words for the person in front of the page. */

/** @type {Record<string, string>} */
const SENTENCES = {
  // of the page itself
  offline: "You are offline. This goes on as soon as you are back.",
  connection_broken: "The connection broke.",
  not_chatkeep: "This address does not answer as Chatkeep does. Is it the right one?",
  sign_in_ended: "Your sign-in has ended. What you wrote is kept: sign in again to go on.",
  sign_in_failed: "The sign-in could not be completed. Please try again; if that does not help, tell whoever runs this.",
  sign_in_refused: "The sign-in page did not let you in.",
  sign_in_unasked: "That sign-in was not begun in this tab, or is too old. Please sign in again.",
  sign_in_unreachable: "The sign-in page does not answer. Please try again.",
  // of the API
  access_denied: "Your account may not do this.",
  bad_request: "The request could not be read. Reload the page; if that does not help, tell whoever runs this.",
  broken_thread: "This conversation's memory cannot be read any more. Its messages are kept; please begin a new one.",
  checkpoint_gone: "The conversation cannot be taken back to this point any more.",
  concurrent_write: "Somebody changed this at the same moment. Please try again.",
  conflict: "This was changed meanwhile. Reload the page to see how it is now.",
  context_length_exceeded: "The conversation is longer than this model can read. Begin a new one, or choose a model that reads more.",
  deletion_not_found: "There is no such receipt.",
  gateway_timeout: "The answer took too long.",
  graph_failed: "The assistant failed before it could answer.",
  idempotency_key_reused: "This message was sent before with other words. Please send it as a new one.",
  internal_error: "Something broke on the server.",
  invalid_field: "Something that was entered cannot be taken.",
  later_format: "This was written by a newer version of the server. Please try again in a few minutes.",
  lease_lost: "The answer was taken over by another request.",
  message_not_active: "This answer is no longer part of the conversation that is shown.",
  message_not_found: "There is no such message any more.",
  model_access_denied: "The server may not use this model. Whoever runs it has to allow it.",
  model_account: "The model's provider refuses the server's account. Whoever runs it has to look at it.",
  model_not_enabled: "This model is not switched on for the server.",
  model_not_found: "The provider does not have this model. Choose another one.",
  model_not_supported: "This server does not run that model. Choose another one.",
  model_quota_exceeded: "The server has used up what the model's provider allows it.",
  model_rate_limited: "The model has too much to do just now.",
  model_refused_request: "The model's provider refused this request.",
  model_unavailable: "The model does not answer just now.",
  no_turn_running: "There was nothing to stop.",
  not_found: "There is no such page on the server.",
  not_reached: "The time was over before this one came to its turn.",
  nothing_to_summarize: "There is nothing to summarise: a summary would be no shorter than what the model is given now.",
  request_too_large: "This is too long to be sent.",
  session_archived: "This conversation is archived. Take it out of the archive to go on.",
  session_changed: "This conversation was changed meanwhile. Please try again.",
  session_deleted: "This conversation is in the trash. Restore it to go on.",
  session_not_deleted: "This conversation is not in the trash.",
  session_not_found: "There is no such conversation any more.",
  storage_unavailable: "The server cannot reach its storage just now. Nothing was lost.",
  throttled: "That was a lot at once. A moment, please.",
  too_many_tags: "A conversation has at most 20 tags.",
  too_many_turns: "As many answers as you may have at once are on their way. Wait for one of them.",
  too_many_versions: "This answer has been made again as often as it can be.",
  turn_cancelled: "The answer was stopped.",
  turn_in_progress: "An answer is still on its way in this conversation.",
  turn_lost: "The server stopped in the middle of this answer. Nothing of it was kept; please ask again.",
  turn_not_found: "There is no such answer.",
  turn_rolled_back: "The answer was stopped and removed.",
  turn_timed_out: "The time was over before an answer came.",
  turn_too_large: "This question and its answer are too large to be kept.",
  unauthorized: "You are signed out.",
  unavailable: "The server cannot answer just now.",
  user_being_erased: "Your data is being deleted. Until that is done, nothing new can be made.",
};

/** The codes that have a sentence. */
export const CODES = Object.keys(SENTENCES);

/**
 * One or two sentences about a problem: what it is, and which field it is about.
 * @param {{ code: string, detail?: string, errors?: { field: string, detail: string }[], retryAfter?: number }} problem
 */
export function sentence({ code, detail, errors = [], retryAfter }) {
  const said = SENTENCES[code] ?? (detail || "Something went wrong.");
  const fields = errors.map((one) => `${one.field.replace(/^body\./, "")}: ${one.detail}`).join("; ");
  const wait = retryAfter && retryAfter > 1 ? ` Try again in ${Math.ceil(retryAfter)} seconds.` : "";
  return (fields ? `${said} (${fields})` : said) + wait;
}
