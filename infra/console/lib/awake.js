/** Tells when the network is back, or the machine has slept: a connection of before hears nothing more, and says nothing of it. */

const TICK_MS = 2_000;
/** Longer than this between two ticks, and the page was asleep. In the background it has its timers once a minute. */
const ASLEEP_MS = 10_000;
const ASLEEP_HIDDEN_MS = 90_000;

export class Awake {
  /** @param {() => void} woke */
  constructor(woke) {
    this._woke = woke;
    this._ticked = Date.now();
    this._wasHidden = document.hidden;
    this._timer = setInterval(() => this._tick(), TICK_MS);
    this._online = () => this._tell();
    this._shown = () => this._tick();
    addEventListener("online", this._online);
    document.addEventListener("resume", this._online);
    document.addEventListener("visibilitychange", this._shown);
  }

  end() {
    clearInterval(this._timer);
    removeEventListener("online", this._online);
    document.removeEventListener("resume", this._online);
    document.removeEventListener("visibilitychange", this._shown);
  }

  _tick() {
    const passed = Date.now() - this._ticked;
    const isLong = passed > (this._wasHidden ? ASLEEP_HIDDEN_MS : ASLEEP_MS);
    this._ticked = Date.now();
    this._wasHidden = document.hidden;
    if (isLong) {
      this._tell();
    }
  }

  _tell() {
    this._ticked = Date.now();
    this._woke();
  }
}
