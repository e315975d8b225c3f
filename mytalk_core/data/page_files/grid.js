// A table of any length, of which only the rows in view are in the document.

const ROW_HEIGHT = 36; // pixels, as in the style sheet
const ROWS_AROUND = 8; // rendered above and below the view
const MOST_PRINTED = 5000;

/**
 * columns: [{ key, label, cell(row) -> text or element, order(row) -> sort value, className }]
 * count: rows; each is named by its number from 0.
 * onOpen(row): a row was activated.
 */
class Grid {
  constructor(root, columns, count, onOpen) {
    this.root = root;
    this.columns = columns;
    this.onOpen = onOpen;
    this.rows = Uint32Array.from({ length: count }, (_, row) => row); // shown, in order
    this.count = count;
    this.active = 0; // place in `rows`
    this.sorting = { column: null, down: false };
    this.ordered = this.rows; // all rows, sorted
    this.keep = () => true;
    this.printing = false; // whether all rows are in the document
    this.opened = false; // whether the arrow keys open the row that they reach
    this.build();
  }

  build() {
    this.root.setAttribute("role", "grid");
    this.root.tabIndex = 0;
    this.root.classList.add("grid");
    this.head = make("div", "head row");
    this.head.setAttribute("role", "row");
    this.head.setAttribute("aria-rowindex", "1");
    for (const column of this.columns) this.head.append(this.header(column));
    this.view = make("div", "view");
    this.view.setAttribute("role", "presentation");
    this.body = make("div", "rows");
    this.body.setAttribute("role", "rowgroup");
    this.view.append(this.body);
    this.empty = make("p", "empty", "Nothing matches.");
    this.root.append(this.head, this.view, this.empty);
    this.view.addEventListener("scroll", () => this.render(), { passive: true });
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("click", (event) => {
      const row = event.target.closest("[data-place]");
      if (row) this.activate(Number(row.dataset.place), true);
    });
    new ResizeObserver(() => this.render()).observe(this.view);
    this.arrange();
  }

  header(column) {
    const cell = make("div", "cell " + column.className);
    cell.setAttribute("role", "columnheader");
    if (column.order) {
      const button = make("button", "sort", column.label);
      button.type = "button";
      button.addEventListener("click", () => this.sort(column));
      cell.append(button);
    } else cell.textContent = column.label;
    column.head = cell;
    return cell;
  }

  sort(column) {
    const again = this.sorting.column === column;
    this.sorting = { column, down: again ? !this.sorting.down : false };
    const keys = Array.from({ length: this.count }, (_, row) => column.order(row));
    const way = this.sorting.down ? -1 : 1;
    this.ordered = Uint32Array.from(keys, (_, row) => row).sort((a, b) => {
      const left = keys[a], right = keys[b];
      return left < right ? -way : left > right ? way : a - b;
    });
    this.arrange();
  }

  filter(keep) {
    this.keep = keep;
    this.arrange();
  }

  /** Filter what is sorted; the active row stays active where it is still shown. */
  arrange() {
    const before = this.rows[this.active];
    const { column, down } = this.sorting;
    for (const each of this.columns) {
      if (each.order) {
        each.head.setAttribute("aria-sort", each !== column ? "none" : down ? "descending" : "ascending");
      }
    }
    this.rows = this.ordered.filter((row) => this.keep(row));
    this.active = Math.max(0, this.rows.indexOf(before));
    this.root.setAttribute("aria-rowcount", String(this.rows.length + 1));
    this.empty.hidden = this.rows.length > 0;
    this.body.style.height = this.rows.length * ROW_HEIGHT + "px";
    this.view.style.setProperty("--rows", String(this.rows.length));
    this.render(true);
  }

  /** Put the rows in view into the document, or all of them for the printer. */
  render(again) {
    const all = this.printing;
    const top = this.view.scrollTop, height = this.view.clientHeight;
    if (!height && !all) return; // the table is not shown
    const first = all ? 0 : Math.max(0, Math.floor(top / ROW_HEIGHT) - ROWS_AROUND);
    const shown = Math.ceil(height / ROW_HEIGHT) + 2 * ROWS_AROUND;
    const end = Math.min(this.rows.length, all ? MOST_PRINTED : first + shown);
    if (!again && !all && this.window && this.window[0] === first && this.window[1] === end) return;
    this.window = [first, end];
    const rows = [];
    for (let place = first; place < end; place++) rows.push(this.row(place));
    this.body.replaceChildren(...rows);
    this.mark();
  }

  row(place) {
    const number = this.rows[place];
    const row = make("div", "row");
    row.setAttribute("role", "row");
    row.setAttribute("aria-rowindex", String(place + 2));
    row.id = this.root.id + "-" + number;
    row.dataset.place = String(place);
    row.style.transform = "translateY(" + place * ROW_HEIGHT + "px)";
    for (const column of this.columns) {
      const cell = make("div", "cell " + column.className);
      cell.setAttribute("role", "gridcell");
      const content = column.cell(number);
      if (typeof content === "string") {
        cell.dir = "auto";
        cell.textContent = content;
        cell.title = content;
      } else cell.append(content);
      row.append(cell);
    }
    return row;
  }

  /** Put all rows into the document for the printer, or those in view again. */
  print(printing) {
    this.printing = printing;
    this.render(true);
  }

  mark() {
    const row = this.rows[this.active];
    for (const each of this.body.children) {
      each.setAttribute("aria-selected", String(Number(each.dataset.place) === this.active));
    }
    if (row === undefined) this.root.removeAttribute("aria-activedescendant");
    else this.root.setAttribute("aria-activedescendant", this.root.id + "-" + row);
  }

  /** Make a place active and bring it into view; `open` also opens it. */
  activate(place, open) {
    if (!this.rows.length) return;
    this.active = Math.min(Math.max(place, 0), this.rows.length - 1);
    const top = this.active * ROW_HEIGHT, height = this.view.clientHeight;
    if (top < this.view.scrollTop) this.view.scrollTop = top;
    else if (top + ROW_HEIGHT > this.view.scrollTop + height) this.view.scrollTop = top + ROW_HEIGHT - height;
    this.render();
    this.mark();
    if (open) this.onOpen(this.rows[this.active]);
  }

  /** Show a row by its number; where the filter hides it, the filter stays and nothing is marked. */
  show(number) {
    const place = this.rows.indexOf(number);
    if (place >= 0) this.activate(place, false);
  }

  key(event) {
    if (event.target !== this.root || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.view.clientHeight / ROW_HEIGHT) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps) {
      const place = this.active + steps[event.key];
      this.activate(Math.min(Math.max(place, 0), this.rows.length - 1), this.opened);
    } else if (event.key === "Enter" || event.key === " ") this.activate(this.active, true);
    else return;
    event.preventDefault();
  }
}
