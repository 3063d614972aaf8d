// Shows what is now: when the server says that something has changed, fetch this
// page again and put its live parts in place. What a person is typing stays.
"use strict";
(() => {
  let busy = false, again = false, last = null;
  const open = (part) => new Map([...part.querySelectorAll("details[data-key]")].map((d) => [d.dataset.key, d.open]));
  async function refresh() {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of document.querySelectorAll("[data-live]")) {
          const next = fresh.getElementById(part.id);
          if (!next) continue;
          const was = open(part);
          for (const d of next.querySelectorAll("details[data-key]")) {
            if (was.has(d.dataset.key)) d.open = was.get(d.dataset.key);
          }
          if (part.innerHTML !== next.innerHTML) part.replaceChildren(...next.childNodes);
        }
      }
    } catch { /* the server is gone; the stream below says when it is back */ }
    busy = false;
    if (again) { again = false; refresh(); }
  }
  const changes = new EventSource("/_sim/changes");
  changes.onmessage = (e) => {
    if (last !== null && last !== e.data) refresh();
    last = e.data;
  };
  addEventListener("pagehide", () => changes.close());
})();
