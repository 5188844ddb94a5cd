/** Clicks that come in twos. */

/** The second click of two finds something else in the place of what was clicked: it does nothing. @param {() => void} act */
export function once(act) {
  return (/** @type {MouseEvent} */ event) => {
    if (event.detail <= 1) {
      act();
    }
  };
}
