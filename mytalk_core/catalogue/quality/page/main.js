// Puts the page together: tables, filter, panel, keyboard.

const CHIPS = {
  all: () => true,
  failed: (titles, row) => titles.status[row] === "failed",
  lines: (titles, row) => titles.lines_failed[row] > 0,
  warned: (titles, row) => titles.warning[row] !== "",
  unread: (titles, row) => titles.unread[row] !== "",
};

class Page {
  constructor(data) {
    this.data = data;
    this.panel = element("panel");
    this.work = element("work");
    this.box = element("filter");
    this.chip = "all";
    this.group = null; // { kind, name, within }: only its titles are shown
    this.texts = {}; // what the filter searches, by table
    this.grids = {};
    const columns = titleColumns(data);
    if (columns.some((column) => column.label === "Show")) element("table-titles").classList.add("labels");
    this.table("titles", columns, data.titles.id.length);
    for (const [kind, groups] of Object.entries(data.groups)) {
      this.table(kind, groupColumns(data, kind), groups.name.length);
    }
    this.tabs = [...document.querySelectorAll("[role=tab]")];
    for (const tab of this.tabs) tab.addEventListener("click", () => this.choose(tab));
    this.listenFilter();
    document.addEventListener("keydown", (event) => this.key(event));
    addEventListener("beforeprint", () => this.print(true));
    addEventListener("afterprint", () => this.print(false));
    this.filter();
  }

  table(name, columns, count) {
    this.grids[name] = new Grid(element("table-" + name), columns, count, (row) => this.open(row));
  }

  print(printing) {
    Object.values(this.grids).forEach((grid) => grid.print(printing));
  }

  /** The name of the table in view. */
  get name() {
    return this.tabs.find((each) => each.getAttribute("aria-selected") === "true").dataset.table;
  }

  get grid() {
    return this.grids[this.name];
  }

  choose(tab) {
    if (!this.panel.hidden) this.close();
    for (const each of this.tabs) {
      const chosen = each === tab;
      each.setAttribute("aria-selected", String(chosen));
      each.tabIndex = chosen ? 0 : -1;
      element(each.getAttribute("aria-controls")).hidden = !chosen;
    }
    this.filter();
    this.grid.render(true);
  }

  open(row) {
    const { data, name, panel } = this;
    if (name === "titles") showTitle(panel, data, row);
    else showGroup(panel, name, data.groups[name], row, () => this.showTitles(row));
    panel.hidden = false;
    this.work.classList.add("open");
    this.grid.opened = true;
    element("close-panel").addEventListener("click", () => this.close());
    element("announce").textContent = panel.querySelector("h3").textContent;
  }

  close() {
    this.panel.hidden = true;
    this.work.classList.remove("open");
    this.grid.opened = false;
    this.grid.root.focus({ preventScroll: true });
  }

  /** Show the titles of a group. */
  showTitles(row) {
    const groups = this.data.groups[this.name];
    this.group = { kind: this.name, name: groups.name[row], within: groups.within[row] };
    this.box.value = "";
    this.chip = "all";
    this.choose(this.tabs[0]);
    this.grid.root.focus({ preventScroll: true });
  }

  isOfGroup(row) {
    const { group } = this, { titles } = this.data;
    if (!group) return true;
    if (group.kind !== "member") return titles[group.kind][row] === group.name;
    const within = titles.show[row] === group.within || titles.source[row] === group.within;
    return within && titles.members[row].includes(group.name);
  }

  listenFilter() {
    const { titles } = this.data;
    this.box.addEventListener("input", () => this.filter());
    this.chips = [...document.querySelectorAll("[data-chip]")];
    for (const chip of this.chips) {
      const keep = CHIPS[chip.dataset.chip];
      const count = titles.id.reduce((sum, _, row) => sum + keep(titles, row), 0);
      chip.querySelector("b").textContent = count.toLocaleString("en");
      chip.dataset.empty = String(count === 0 && chip.dataset.chip !== "all");
      chip.addEventListener("click", () => {
        this.chip = chip.dataset.chip;
        this.filter();
      });
    }
    element("group").addEventListener("click", () => {
      this.group = null;
      this.filter();
      this.grid.root.focus({ preventScroll: true });
    });
    element("csv").addEventListener("click", () => this.export());
  }

  /** What the filter box searches, of each row of a table. */
  searchable(name) {
    const { data } = this, { titles } = data;
    if (name !== "titles") {
      const { name: names, within } = data.groups[name];
      return names.map((each, row) => (each + "\n" + within[row]).toLowerCase());
    }
    return titles.id.map((id, row) => [id, titles.language[row], titles.studio[row], titles.show[row],
      titles.source[row], remark(data, row), ...titles.members[row]].join("\n").toLowerCase());
  }

  filter() {
    const { name, grid } = this, ofTitles = name === "titles", keep = CHIPS[this.chip];
    const words = this.box.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length) this.texts[name] ??= this.searchable(name);
    const texts = this.texts[name];
    for (const chip of this.chips) {
      chip.hidden = !ofTitles || chip.dataset.empty === "true";
      chip.setAttribute("aria-pressed", String(chip.dataset.chip === this.chip));
    }
    const own = element("group");
    own.hidden = !ofTitles || !this.group;
    if (this.group) own.textContent = this.group.kind + " " + this.group.name + " ×";
    grid.filter((row) =>
      (!ofTitles || (keep(this.data.titles, row) && this.isOfGroup(row))) &&
      words.every((word) => texts[row].includes(word)));
    const shown = grid.rows.length, all = grid.count;
    element("shown").textContent = shown === all ? "" : shown.toLocaleString("en") + " of " + all.toLocaleString("en");
  }

  /** Offer every measure of the rows in view, in their order. */
  export() {
    const table = this.name === "titles" ? this.data.titles : this.data.groups[this.name];
    const keys = Object.keys(table);
    const value = (each) => (Array.isArray(each) ? each.join("; ") : each);
    download("quality-" + this.name + ".csv", [keys, ...Array.from(this.grid.rows, (row) => keys.map((key) => value(table[key][row])))]);
  }

  /** Open the report of the active title, or the titles of the active group. */
  follow() {
    const row = this.grid.rows[this.grid.active];
    if (row === undefined) return;
    if (this.name !== "titles") this.showTitles(row);
    else if (reportAddress(this.data, row)) location.href = reportAddress(this.data, row);
  }

  /** Keys that work anywhere except while text is typed. */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { grid } = this, typing = event.target.matches?.("input");
    if (event.key === "Escape") this.escape(typing);
    else if (typing) {
      if (event.key !== "Enter" && event.key !== "ArrowDown") return;
      grid.root.focus();
    } else if (event.key === "/") {
      this.box.focus();
      this.box.select();
    } else if (event.key === "j" || event.key === "k") {
      if (grid.rows.length) grid.activate(grid.active + (grid.opened ? (event.key === "j" ? 1 : -1) : 0), true);
    } else if (event.key === "o") this.follow();
    else if (event.key === "ArrowRight" || event.key === "ArrowLeft") this.step(event.key === "ArrowRight" ? 1 : -1, event.target);
    else return;
    event.preventDefault();
  }

  escape(typing) {
    if (typing && this.box.value) {
      this.box.value = "";
      this.filter();
    } else if (!this.panel.hidden) this.close();
    else if (this.group) element("group").click();
    else this.grid.root.focus();
  }

  /** Go to the next table; the focus stays among the tabs or the tables. */
  step(by, from) {
    const place = this.tabs.findIndex((tab) => tab.dataset.table === this.name);
    const tab = this.tabs[(place + by + this.tabs.length) % this.tabs.length];
    this.choose(tab);
    (from.matches?.("[role=tab]") ? tab : this.grid.root).focus({ preventScroll: true });
  }
}

async function start() {
  const page = new Page(await unpacked("payload"));
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
  return page;
}

if (typeof DecompressionStream === "undefined") element("old-browser").hidden = false;
else window.quality = start();
