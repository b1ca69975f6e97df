// Follows what happens: /events says that something has changed, and the page's
// live part asks for itself anew. While the tab is hidden nothing is asked.
(() => {
  const state = document.getElementById("live-state");
  if (!state || !document.getElementById("live") || !window.EventSource) return;
  let source = null, missed = false;
  const say = (text) => { state.textContent = text; state.hidden = !text; };
  const refresh = () => {
    if (document.hidden) { missed = true; return; }
    missed = false;
    window.htmx.trigger(document.body, "changed");
  };
  const open = () => {
    source = new EventSource("/events");
    // What changed between the page's making and now was told to nobody here.
    source.onopen = () => { say(""); refresh(); };
    source.onerror = () => {
      say("not live: the connection is lost");
      if (source.readyState === EventSource.CLOSED) setTimeout(open, 10000);
    };
    source.addEventListener("changed", refresh);
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden && missed) refresh(); });
  window.addEventListener("pagehide", () => source && source.close());
  open();
})();
