// Puts the page together: timeline, tables, filter, panel, keyboard.

const FILTERS = {
  all: () => true,
  findings: (lines, line) => lines.severity[line] === "error" || lines.severity[line] === "warning",
  off_screen: (lines, line) => lines.state[line] === "off_screen",
  undecided: (lines, line) => lines.state[line] === "undecided",
  skipped: (lines, line) => lines.state[line] === "skipped",
};

class Page {
  constructor(data) {
    this.data = data;
    this.panel = element("panel");
    this.work = element("work");
    this.chip = "all";
    this.single = data.lines.number.length === 1; // its panel stands in place of a table
    this.timeline = new Timeline(element("timeline"), data, (line) => this.open(line));
    this.grids = {};
    this.table("lines", lineColumns(data), data.lines.number.length, (line) => this.open(line));
    this.table("findings", findingColumns(data), data.findings.text.length, (index) => this.openFinding(index));
    this.table("tracks", trackColumns(data), data.tracks.first.length, (track) => this.reveal(data.tracks, track));
    this.table("segments", segmentColumns(data), data.segments.first.length, (index) => this.reveal(data.segments, index));
    this.table("left", leftColumns(data), data.left.first.length, (index) => this.reveal(data.left, index));
    this.tabs = [...document.querySelectorAll("[role=tab]")];
    for (const tab of this.tabs) tab.addEventListener("click", () => this.choose(tab));
    this.listenFilter();
    document.addEventListener("keydown", (event) => this.key(event));
    addEventListener("beforeprint", () => this.each((grid) => grid.print(true)));
    addEventListener("afterprint", () => this.each((grid) => grid.print(false)));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      if (data.selected >= 0) showLine(this.panel, data, data.selected);
    });
    if (this.grids.lines) {
      // The worst first, where there is anything to look at.
      if (data.lines.severity.some((each) => each)) this.grids.lines.sort(this.grids.lines.columns[0]);
      this.grids.lines.activate(0, false);
    }
  }

  table(name, columns, count, onOpen) {
    const root = element("table-" + name);
    if (root) this.grids[name] = new Grid(root, columns, count, onOpen);
  }

  each(visit) {
    Object.values(this.grids).forEach(visit);
  }

  get shown() {
    const tab = this.tabs.find((each) => each.getAttribute("aria-selected") === "true");
    return tab ? this.grids[tab.dataset.table] : Object.values(this.grids)[0];
  }

  choose(tab) {
    for (const each of this.tabs) {
      const chosen = each === tab;
      each.setAttribute("aria-selected", String(chosen));
      each.tabIndex = chosen ? 0 : -1;
      element(each.getAttribute("aria-controls")).hidden = !chosen;
    }
    if (this.single) this.panel.hidden = tab !== this.tabs[0];
    this.shown.render(true);
  }

  /** Open a line: the panel, the timeline and the table show it. */
  open(line, quietly) {
    this.data.selected = line;
    this.panel.hidden = false;
    this.work.classList.add(this.single ? "single" : "open");
    if (this.single) this.grids.lines.root.hidden = true;
    showLine(this.panel, this.data, line);
    element("close-panel").addEventListener("click", () => this.close());
    this.timeline.select(line);
    this.grids.lines.opened = true;
    this.grids.lines.show(line);
    if (!quietly) element("announce").textContent = "Line " + this.data.lines.number[line] + ": " + this.data.lines.text[line];
  }

  openFinding(index) {
    const { findings, lines } = this.data, line = lines.number.indexOf(findings.line[index]);
    if (line >= 0) this.open(line);
    else if (findings.time[index] !== null) {
      this.timeline.scale.reveal(findings.time[index], findings.time[index] + 1);
      this.timeline.draw();
    }
  }

  reveal(table, row) {
    this.timeline.scale.reveal(table.first[row] / this.data.fps, table.end[row] / this.data.fps);
    this.timeline.draw();
  }

  close() {
    this.panel.hidden = true;
    this.work.classList.remove("open");
    this.data.selected = -1;
    this.timeline.select(-1);
    this.grids.lines.opened = false;
    this.grids.lines.root.focus({ preventScroll: true });
  }

  listenFilter() {
    this.box = element("filter");
    if (!this.box) return;
    this.texts = this.searchable();
    this.box.addEventListener("input", () => this.filter());
    this.chips = [...document.querySelectorAll("[data-chip]")];
    for (const chip of this.chips) {
      const keep = FILTERS[chip.dataset.chip];
      const count = this.data.lines.number.filter((_, line) => keep(this.data.lines, line)).length;
      chip.querySelector("b").textContent = count.toLocaleString("en");
      chip.hidden = count === 0 && chip.dataset.chip !== "all";
      chip.addEventListener("click", () => {
        this.chip = chip.dataset.chip;
        this.filter();
      });
    }
    element("csv").addEventListener("click", () => this.export());
    this.filter();
  }

  /** The label of a frame of the film. */
  timecode(frame) {
    return timecode(this.data.facts, frame);
  }

  /** What the filter box searches, of each line. */
  searchable() {
    const { lines, findings, facts } = this.data;
    const texts = lines.number.map((number, line) => [number, lines.text[line], speaker(this.data, line),
      lines.character[line], STATES[lines.state[line]], lines.severity[line], lines.skipped[line],
      timecode(facts, lines.frame[line])]);
    const rows = new Map(lines.number.map((number, line) => [number, line]));
    findings.line.forEach((number, index) => texts[rows.get(number)]?.push(findings.text[index]));
    return texts.map((each) => each.join("\n").toLowerCase());
  }

  filter() {
    const words = this.box.value.toLowerCase().split(/\s+/).filter(Boolean), keep = FILTERS[this.chip];
    for (const chip of this.chips) chip.setAttribute("aria-pressed", String(chip.dataset.chip === this.chip));
    this.grids.lines.filter((line) =>
      keep(this.data.lines, line) && words.every((word) => this.texts[line].includes(word)));
    const shown = this.grids.lines.rows.length, all = this.data.lines.number.length;
    element("shown").textContent = shown === all ? "" : shown.toLocaleString("en") + " of " + all.toLocaleString("en");
  }

  export() {
    const columns = lineColumns(this.data), { lines } = this.data;
    const cell = (column, line) => {
      const content = column.cell(line);
      return typeof content === "string" ? content : content.textContent;
    };
    const rows = [["severity", ...columns.slice(1).map((column) => column.label), "Why"]];
    for (const line of this.grids.lines.rows) {
      rows.push([lines.severity[line], ...columns.slice(1).map((column) => cell(column, line)), lines.why[line]]);
    }
    download(this.data.facts.csv, rows);
  }

  /** Keys that work anywhere except while text is typed. */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches?.("input, textarea, select");
    if (event.key === "Escape") {
      if (typing && this.box.value) {
        this.box.value = "";
        this.filter();
      } else if (!this.panel.hidden && !this.single) this.close();
      else if (typing) this.grids.lines.root.focus();
      else return;
    } else if (typing) {
      if (event.key !== "Enter" && event.key !== "ArrowDown") return;
      this.grids.lines.root.focus();
    } else if (event.key === "/" && this.box) {
      this.choose(this.tabs[0]);
      this.box.focus();
      this.box.select();
    } else if ((event.key === "j" || event.key === "k") && this.grids.lines && !this.single) this.next(event.key === "j" ? 1 : -1);
    else if (event.target.matches?.("[role=tab]") && (event.key === "ArrowRight" || event.key === "ArrowLeft")) {
      const place = this.tabs.indexOf(event.target) + (event.key === "ArrowRight" ? 1 : -1);
      const tab = this.tabs[(place + this.tabs.length) % this.tabs.length];
      this.choose(tab);
      tab.focus();
    } else return;
    event.preventDefault();
  }

  /** Open the next line of the table, or the active one where none is open. */
  next(step) {
    const grid = this.grids.lines;
    if (!grid.rows.length) return;
    grid.activate(grid.active + (grid.opened ? step : 0), true);
  }
}

async function start() {
  const data = await unpacked("payload");
  data.fps = data.facts.fps;
  data.selected = -1;
  data.curves.loudness = curveBytes(data.curves.loudness);
  for (const lane of data.curves.lanes) {
    lane.target = curveBytes(lane.target);
    lane.source = curveBytes(lane.source);
  }
  const page = new Page(data);
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
  if (page.single) {
    // Its clip and pictures follow this script in the page.
    if (document.readyState === "loading") await new Promise((done) => addEventListener("DOMContentLoaded", done));
    page.open(0, true);
  }
  return page;
}

if (typeof DecompressionStream === "undefined") element("old-browser").hidden = false;
else window.report = start();
