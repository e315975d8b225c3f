// The timeline: lanes on a canvas, an overview below, and what mouse and keyboard do with them.

const OVERVIEW_HEIGHT = 30; // pixels

class Timeline {
  /** onLine(row): a line was selected. */
  constructor(root, data, onLine) {
    this.root = root;
    this.data = data;
    this.onLine = onLine;
    this.scale = new Scale(data.facts.duration);
    this.lanes = makeLanes(data);
    this.canvas = root.querySelector("canvas");
    this.tip = root.querySelector(".tip");
    this.status = element("in-view");
    this.height = this.lanes.reduce((sum, lane) => sum + lane.height, 0) + 8 + OVERVIEW_HEIGHT;
    this.canvas.style.height = this.height + "px";
    this.listen();
    new ResizeObserver(() => this.resize()).observe(root);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
    this.recolour();
  }

  recolour() {
    this.colours = palette();
    this.resize();
  }

  resize() {
    const width = this.root.clientWidth, dense = Math.max(devicePixelRatio || 1, 1);
    if (!width) return;
    this.canvas.width = Math.round(width * dense);
    this.canvas.height = Math.round(this.height * dense);
    this.context = this.canvas.getContext("2d");
    this.context.setTransform(dense, 0, 0, dense, 0, 0);
    this.scale.left = Math.min(GUTTER_MOST, Math.max(GUTTER_LEAST, width / 8));
    this.scale.width = Math.max(width - this.scale.left - 2, 10);
    this.draw();
  }

  /** Draw once before the next frame of the screen. */
  draw() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.drawNow();
    });
  }

  drawNow() {
    const { context, colours, scale } = this;
    context.clearRect(0, 0, this.canvas.width, this.height);
    context.font = "11px system-ui, sans-serif";
    let top = 0;
    for (const lane of this.lanes) {
      context.fillStyle = colours.soft;
      context.textAlign = "left";
      fittedText(context, lane.name, 0, top + Math.min(14, lane.height - 4), scale.left - 8);
      context.save();
      context.beginPath();
      context.rect(scale.left, top, scale.width, lane.height);
      context.clip();
      lane.draw(context, colours, scale, top);
      context.restore();
      top += lane.height;
    }
    this.drawOverview(top + 8);
    const { facts, fps } = this.data, frame = (at) => Math.round(at * fps);
    this.status.textContent = timecode(facts, frame(scale.from)) + " to " +
      timecode(facts, Math.max(frame(scale.from + scale.view) - 1, 0));
  }

  drawOverview(top) {
    const { context, colours, scale } = this, { lines, findings } = this.data;
    const all = new Scale(scale.duration);
    all.left = scale.left;
    all.width = scale.width;
    context.fillStyle = colours.soft;
    fittedText(context, "Whole film", 0, top + 16, scale.left - 8);
    context.fillStyle = colours.page;
    context.fillRect(all.left, top, all.width, OVERVIEW_HEIGHT - 4);
    lines.start.forEach((start, line) => {
      context.fillStyle = stateColour(colours, lines.state[line]);
      context.fillRect(all.x(start), top + 8, Math.max(all.x(lines.end[line]) - all.x(start), 0.7), 9);
    });
    for (const severity of ["warning", "error"]) {
      context.fillStyle = colours[severity];
      findings.time.forEach((time, index) => {
        if (time !== null && findings.severity[index] === severity) context.fillRect(all.x(time) - 0.75, top + 2, 1.5, 5);
      });
    }
    context.strokeStyle = colours.ink;
    const x = all.x(scale.from), width = Math.max(all.x(scale.from + scale.view) - x, 3);
    context.strokeRect(x + 0.5, top + 0.5, width - 1, OVERVIEW_HEIGHT - 5);
  }

  listen() {
    const at = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    let drag = null;
    this.canvas.addEventListener("pointerdown", (event) => {
      const [x, y] = at(event);
      drag = { x, from: this.scale.from, moved: false, overview: y > this.height - OVERVIEW_HEIGHT };
      this.canvas.setPointerCapture(event.pointerId);
      if (drag.overview) this.centre(x);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      const [x, y] = at(event);
      if (!drag) this.hover(x, y);
      else if (drag.overview) this.centre(x);
      else if (drag.moved || Math.abs(x - drag.x) > 3) {
        drag.moved = true;
        this.scale.move(drag.from - (x - drag.x) / this.scale.pixelsPerSecond);
        this.draw();
      }
    });
    this.canvas.addEventListener("pointerup", (event) => {
      const [x, y] = at(event), hit = drag && !drag.moved && !drag.overview ? this.hit(x, y) : null;
      drag = null;
      if (hit && hit.line >= 0) this.onLine(hit.line);
    });
    this.canvas.addEventListener("pointerleave", () => (this.tip.hidden = true));
    this.canvas.addEventListener("wheel", (event) => this.wheel(event, at(event)[0]), { passive: false });
    this.root.addEventListener("keydown", (event) => this.key(event));
    for (const button of this.root.parentElement.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => this.zoomBy(button.dataset.zoom));
    }
  }

  /** The page scrolls with the wheel as everywhere; with Ctrl it zooms, sideways it moves in time. */
  wheel(event, x) {
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (event.ctrlKey || event.metaKey) this.scale.zoom(Math.exp(-event.deltaY / 250), x);
    else if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
      this.scale.move(this.scale.from + sideways / this.scale.pixelsPerSecond);
    } else return;
    event.preventDefault();
    this.draw();
  }

  zoomBy(what) {
    if (what === "fit") this.scale.fit();
    else this.scale.zoom(what === "in" ? 1.6 : 1 / 1.6, this.scale.left + this.scale.width / 2);
    this.draw();
  }

  centre(x) {
    const share = (x - this.scale.left) / this.scale.width;
    this.scale.move(share * this.scale.duration - this.scale.view / 2);
    this.draw();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { scale } = this, step = scale.view / 8;
    if (event.key === "ArrowLeft") scale.move(scale.from - step);
    else if (event.key === "ArrowRight") scale.move(scale.from + step);
    else if (event.key === "Home") scale.move(0);
    else if (event.key === "End") scale.move(scale.duration);
    else if (event.key === "+" || event.key === "=") this.zoomBy("in");
    else if (event.key === "-") this.zoomBy("out");
    else if (event.key === "0") this.zoomBy("fit");
    else return;
    event.preventDefault();
    this.draw();
  }

  hit(x, y) {
    if (x < this.scale.left) return null;
    let top = 0;
    for (const lane of this.lanes) {
      if (y < top + lane.height) return lane.hit(this.scale.seconds(x), this.scale, y - top);
      top += lane.height;
    }
    return null;
  }

  hover(x, y) {
    const hit = this.hit(x, y), inside = x >= this.scale.left && y < this.height - OVERVIEW_HEIGHT;
    this.canvas.style.cursor = hit && hit.line >= 0 ? "pointer" : inside ? "grab" : "default";
    this.tip.hidden = !inside;
    if (!inside) return;
    const frame = Math.floor(this.scale.seconds(x) * this.data.fps);
    this.tip.textContent = timecode(this.data.facts, frame) + (hit ? "  " + hit.text : "");
    const width = this.tip.offsetWidth;
    this.tip.style.left = Math.min(Math.max(x + 12, 0), this.root.clientWidth - width) + "px";
    this.tip.style.top = y + 16 + "px";
  }

  /** Mark a line and bring it into view. */
  select(line) {
    this.data.selected = line;
    if (line >= 0) this.scale.reveal(this.data.lines.start[line], this.data.lines.end[line]);
    this.draw();
  }
}
