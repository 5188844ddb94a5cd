/** What the browser keeps for the page, over reloads where it can: a storage that is full or blocked is one of this page alone. */

/** @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem" | "clear"> & { names: () => string[] }} Kept */

/** @param {"localStorage" | "sessionStorage"} which @returns {Kept} */
function kept(which) {
  /** @type {Map<string, string>} what the browser did not take */
  const here = new Map();
  /** @template T @param {(storage: Storage) => T} work @param {T} otherwise @returns {T} */
  const tried = (work, otherwise) => {
    try {
      return work(globalThis[which]);
    } catch {
      return otherwise;
    }
  };
  return {
    getItem: (name) => here.get(name) ?? tried((storage) => storage.getItem(name), null),
    setItem: (name, value) => {
      here.set(name, value);
      tried((storage) => {
        storage.setItem(name, value);
        here.delete(name);
      }, undefined);
    },
    removeItem: (name) => {
      here.delete(name);
      tried((storage) => storage.removeItem(name), undefined);
    },
    clear: () => {
      here.clear();
      tried((storage) => storage.clear(), undefined);
    },
    names: () => [...here.keys(), ...tried((storage) => Object.keys(storage), /** @type {string[]} */ ([]))],
  };
}

/** Of all tabs, until it is removed. */
export const local = kept("localStorage");
/** Of one tab, until it is closed. */
export const session = kept("sessionStorage");
