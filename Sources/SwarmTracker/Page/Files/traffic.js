// What moved, how far, and what it cost.

import { bytes, dollars, find, make, put, show } from "./text.js";

const levelNames = {
  rack: "a rack", region: "a region", cloud: "a cloud", otherCloud: "no cloud: from another one",
  unknown: "unknown",
};

export class Traffic {
  constructor() {
    this.versions = [];
    find("traffic-version").addEventListener("change", () => this.paint());
    for (const radio of document.querySelectorAll("input[name=level]")) {
      radio.addEventListener("change", () => this.paint());
    }
  }

  update(versions) {
    this.versions = versions;
    const select = find("traffic-version");
    const names = versions.map((version) => version.name);
    if ([...select.options].map((option) => option.value).join("\n") !== names.join("\n")) {
      const chosen = select.value;
      select.replaceChildren(...names.map((name) => make("option", { value: name, text: name })));
      if (names.includes(chosen)) select.value = chosen;
    }
    this.paint();
  }

  paint() {
    const found = this.versions.find((one) => one.name === find("traffic-version").value);
    show(find("no-traffic"), !found);
    show(find("traffic-body"), Boolean(found));
    if (!found) return;
    put(find("traffic-sums"), this.sums(found));
    find("levels").tBodies[0].replaceChildren(...found.levels.map((level) => make("tr", {},
      make("th", { scope: "row", text: levelNames[level.level] ?? level.level }),
      make("td", { class: "number", text: bytes(level.peerBytes) }),
      make("td", { class: "number", text: bytes(level.originBytes) }),
      make("td", { class: "number", text: dollars(level.costUSD) }))));
    const level = document.querySelector("input[name=level]:checked").value;
    this.paintMatrix(found[level]);
  }

  sums(traffic) {
    const parts = [
      `${bytes(traffic.receivedBytes)} received`,
      `${bytes(traffic.originBytes)} of it from origins`,
      `${bytes(traffic.duplicateBytes)} twice`,
      `cost ${dollars(traffic.costUSD)}`,
    ];
    if (traffic.costOriginOnlyUSD !== undefined && traffic.costOriginOnlyUSD !== null) {
      parts.push(`from origins alone it would be ${dollars(traffic.costOriginOnlyUSD)}`);
    }
    if (traffic.unpricedBytes > 0) parts.push(`${bytes(traffic.unpricedBytes)} have no price`);
    return `${parts.join("; ")}. Prices: ${traffic.prices.source}, ${traffic.prices.date}.`;
  }

  paintMatrix(matrix) {
    const { places } = matrix;
    const largest = Math.max(1, ...matrix.bytes.flat());
    const head = make("tr", {}, make("td"),
      ...places.map((text) => make("th", { scope: "col", text })));
    const rows = places.map((text, from) => make("tr", {}, make("th", { scope: "row", text }),
      ...places.map((_, to) => this.cell(matrix.bytes[from][to], matrix.costUSD[from][to],
        largest))));
    find("matrix").tHead.replaceChildren(head);
    find("matrix").tBodies[0].replaceChildren(...rows);
  }

  cell(moved, cost, largest) {
    if (moved === 0) return make("td", { class: "zero", text: "·" });
    const cell = make("td", { text: bytes(moved) },
      make("small", { text: dollars(cost) }));
    cell.style.setProperty("--share", Math.sqrt(moved / largest).toFixed(3));
    return cell;
  }
}
