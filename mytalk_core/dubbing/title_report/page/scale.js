// The part of the film that is in view, and what zooming and scrolling make of it.

const LEAST_VIEW = 0.4; // seconds

class Scale {
  constructor(duration) {
    this.duration = Math.max(duration, 0.001);
    this.from = 0; // seconds at the left edge
    this.view = this.duration; // seconds in view
    this.left = 0; // pixels of the lanes on the canvas
    this.width = 1;
  }

  x(seconds) {
    return this.left + ((seconds - this.from) / this.view) * this.width;
  }

  seconds(x) {
    return this.from + ((x - this.left) / this.width) * this.view;
  }

  get pixelsPerSecond() {
    return this.width / this.view;
  }

  /** Zoom by a factor; the second at `x` stays where it is. */
  zoom(factor, x) {
    const at = this.seconds(x), share = (x - this.left) / this.width;
    this.view = Math.min(Math.max(this.view / factor, Math.min(LEAST_VIEW, this.duration)), this.duration);
    this.move(at - share * this.view);
  }

  move(from) {
    this.from = Math.min(Math.max(from, 0), this.duration - this.view);
  }

  fit() {
    this.from = 0;
    this.view = this.duration;
  }

  /** Bring a stretch into view, with as much around it. */
  reveal(start, end) {
    const wanted = Math.max(3 * (end - start), 6);
    if (this.view > 8 * wanted) this.view = Math.min(wanted, this.duration);
    if (start < this.from || end > this.from + this.view) this.move((start + end) / 2 - this.view / 2);
    else this.move(this.from);
  }
}
