// Shows what is now: when the server says that something has changed, fetch this
// page again and put its live parts in place. What a person is typing stays.
"use strict";
(() => {
  let busy = false, again = false, last = null;
  // What a person has opened or closed stays so. Details without a key, such as those
  // in a comment, are known by their summary and how many like it came before.
  function details(part) {
    const seen = new Map(), found = new Map();
    for (const d of part.querySelectorAll("details")) {
      const name = d.dataset.key ?? d.querySelector("summary")?.textContent;
      seen.set(name, (seen.get(name) ?? 0) + 1);
      found.set(name + " " + seen.get(name), d);
    }
    return found;
  }
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
          const was = details(part);
          for (const [key, d] of details(next)) {
            if (was.has(key)) d.open = was.get(key).open;
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
    if (last !== e.data) refresh(); // the first time too: something may have changed since the page was made
    last = e.data;
  };
  addEventListener("pagehide", () => changes.close());
})();
