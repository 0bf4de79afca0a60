// Updates from the tracker, by server-sent events. After any break the first event is a whole
// snapshot, so nothing has to be remembered here.

import { find, put, show } from "./text.js";

const silenceMax = 15_000;
const retryAfter = 3_000;

export class Stream {
  /** `handlers` by the name of the event; each gets what was sent. */
  constructor(handlers) {
    this.handlers = handlers;
    this.lastHeard = performance.now();
    setInterval(() => this.check(), 1_000);
  }

  open(channel) {
    this.channel = channel;
    this.source?.close();
    clearTimeout(this.retry);
    this.heard();
    this.state("waiting", "connecting");
    const source = new EventSource(
      `api/v1/page/events?channel=${encodeURIComponent(channel)}`,
    );
    this.source = source;
    for (const [name, handle] of Object.entries(this.handlers)) {
      source.addEventListener(name, (event) => {
        this.heard();
        this.state("live", `live, ${new Date().toLocaleTimeString("en-GB")}`);
        if (name !== "fault") show(find("fault"), false);
        handle(JSON.parse(event.data));
      });
    }
    source.addEventListener("beat", () => this.heard());
    source.addEventListener("end", (event) => {
      source.close();
      this.fault(JSON.parse(event.data).message);
      this.handlers.ended();
    });
    source.addEventListener("error", () => {
      // The browser tries again by itself, unless the tracker has refused.
      this.state("broken", "no connection");
      if (source.readyState === EventSource.CLOSED) this.later();
    });
  }

  later() {
    this.fault("The tracker gives no updates: it cannot be reached, or as many pages are open as it"
      + " serves. Trying again.");
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.open(this.channel), retryAfter);
  }

  fault(message) {
    put(find("fault"), message);
    show(find("fault"), true);
  }

  heard() {
    this.lastHeard = performance.now();
  }

  /** A connection that is dead without saying so is made anew. */
  check() {
    if (performance.now() - this.lastHeard > silenceMax) this.open(this.channel);
  }

  state(name, text) {
    const link = find("link");
    link.dataset.state = name;
    put(link, text);
  }
}
