"""What a page costs a browser: until it can be used, and in each frame while it is scrolled."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from playwright.sync_api import CDPSession, Page

from tests.browser.long import NODES

Row = dict[str, float]
LONG_TASK_MS = 50
"""What a task takes beyond this blocks whoever types or scrolls; https://web.dev/articles/tbt."""
SPEED = 3_000
"""Pixels per second: a wheel turned fast."""
SMOOTH_MS = 34
"""Two frames of a screen with 60 a second: a longer one is seen as a stop."""
WATCH = """
globalThis.tasks = [];
new PerformanceObserver((list) => tasks.push(...list.getEntries().map((one) => one.duration)))
  .observe({ type: "longtask", buffered: true });
"""
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
LOADED = """
() => performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"))
  .filter((one) => !new URL(one.name).pathname.startsWith("/v1/"))
  .map((one) => one.encodedBodySize)
"""
SCROLL = """
([find, speed, seconds]) => new Promise((resolve) => {
  const list = eval(find);
  const begun = performance.now();
  const frames = [];
  let last = begun;
  const step = (now) => {
    frames.push(now - last);
    list.scrollTop += (speed * (now - last)) / 1000;
    last = now;
    if (now - begun < seconds * 1000) requestAnimationFrame(step);
    else resolve(frames.slice(1));
  };
  requestAnimationFrame((now) => { last = now; requestAnimationFrame(step); });
})
"""


@dataclass(frozen=True)
class Watched:
    """A page whose main thread is watched, as slow as `slower` times what the machine is."""

    page: Page
    browser: CDPSession
    slower: int

    def spent_ms(self) -> float:
        """Milliseconds that its main thread has worked so far."""
        metrics = self.browser.send("Performance.getMetrics")["metrics"]
        return 1_000 * next(float(one["value"]) for one in metrics if one["name"] == "TaskDuration")


def watched(page: Page, slower: int) -> Watched:
    """The page with its main thread slowed down, before it is opened."""
    browser = page.context.new_cdp_session(page)
    browser.send("Performance.enable")
    browser.send("Emulation.setCPUThrottlingRate", {"rate": slower})
    page.add_init_script(WATCH)
    return Watched(page, browser, slower)


def first_view(page: Watched, open_: Callable[[Page], None]) -> Row:
    """What opening the page takes until everything of the first view is there."""
    open_(page.page)
    page.page.wait_for_load_state("networkidle")
    blocking: list[float] = page.page.evaluate("tasks")
    sizes: list[int] = page.page.evaluate(LOADED)
    return {
        "first_paint_ms": page.page.evaluate(PAINTED),
        "blocking_ms": sum(max(0.0, one - LONG_TASK_MS) for one in blocking),
        "worked_ms": page.spent_ms(),
        "requests": len(sizes),
        "bytes": sum(sizes),
    }


def scrolled(page: Watched, find: str, speed: int, seconds: float) -> Row:
    """Frames while the element that the expression `find` gives is scrolled, `speed` below zero is up."""
    before = page.spent_ms()
    frames: list[float] = page.page.evaluate(SCROLL, [find, speed, seconds])
    worked = page.spent_ms() - before
    cuts = quantiles(frames, n=100)
    return {
        "frames": len(frames),
        "frame_p50_ms": median(frames),
        "frame_p95_ms": cuts[94],
        "frame_p99_ms": cuts[98],
        "stops_percent": 100 * sum(one > SMOOTH_MS for one in frames) / len(frames),
        "worked_ms_per_frame": worked / len(frames),
        "nodes": page.page.evaluate(NODES),
    }


def middle(rows: list[Row]) -> Row:
    """The median of each figure."""
    return {name: round(median(row[name] for row in rows), 1) for name in rows[0]}


def whole(rows: list[Row]) -> dict[str, Any]:
    """The medians, with all rounds beside them."""
    return {**middle(rows), "rounds": [{name: round(value, 1) for name, value in row.items()} for row in rows]}
