/** Text for other programs. */

/** Copy a text. Returns whether the browser allowed it: an insecure page has no clipboard. @param {string} text */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
