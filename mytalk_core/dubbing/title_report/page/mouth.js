// Mouth opening over loudness, of the timeline and of a line's panel.

const MOUTH_HEIGHT = 96, WORDS_HEIGHT = 34; // pixels
const CURVES_FROM = 14; // pixels a second from which both curves are drawn
const WORDS_FROM = 55; // pixels a second from which words are written

/** Samples of a curve in view: calls `visit(x, share)`; share is 0..1, or null for "no value". */
function samples(scale, step, first, bytes, visit) {
  const from = Math.max(Math.floor(scale.from / step) - 1 - first, 0);
  const to = Math.min(Math.ceil((scale.from + scale.view) / step) + 1 - first, bytes.length);
  // More samples than pixels: the largest of each pixel.
  const stride = Math.max(1, Math.floor((to - from) / (2 * scale.width)));
  for (let at = from - (from % stride); at < to; at += stride) {
    let largest = 255;
    for (let each = Math.max(at, 0); each < Math.min(at + stride, bytes.length); each++) {
      if (bytes[each] !== 255 && (largest === 255 || bytes[each] > largest)) largest = bytes[each];
    }
    visit(scale.x((first + at + 0.5) * step), largest === 255 ? null : largest / 254);
  }
}

/** Draw voice, loudness, curves and frames left alone into a box. */
function drawMouth(context, colours, scale, data, top, height) {
  const { curves, voice, left, fps } = data, bottom = top + height;
  context.fillStyle = colours.voice;
  inView(scale, voice.start, voice.end, (place) => {
    const x = scale.x(voice.start[place]);
    context.fillRect(x, top, scale.x(voice.end[place]) - x, height);
  });
  context.fillStyle = colours.sound;
  context.beginPath();
  context.moveTo(scale.x(scale.from), bottom);
  samples(scale, curves.step, 0, curves.loudness, (x, share) => context.lineTo(x, bottom - (share ?? 0) * height));
  context.lineTo(scale.x(Math.min(scale.from + scale.view, data.facts.duration)), bottom);
  context.fill();
  context.fillStyle = colours.skip;
  context.globalAlpha = 0.3;
  const starts = left.first.map((frame) => frame / fps), ends = left.end.map((frame) => frame / fps);
  inView(scale, starts, ends, (place) => {
    const x = scale.x(starts[place]);
    context.fillRect(x, top, Math.max(scale.x(ends[place]) - x, 1), height);
  });
  context.globalAlpha = 1;
  if (scale.pixelsPerSecond < CURVES_FROM) drawEnvelope(context, colours, scale, curves, bottom, height);
  else drawCurves(context, colours, scale, curves, bottom, height);
  context.fillStyle = colours.soft;
  context.fillRect(scale.left, bottom, scale.width, 1);
}

/** Where single movements cannot be seen: how far the dubbed mouth opens. */
function drawEnvelope(context, colours, scale, curves, bottom, height) {
  context.fillStyle = colours.dub;
  context.globalAlpha = 0.55;
  const bar = Math.max(scale.pixelsPerSecond * curves.step, 0.6);
  for (const lane of curves.lanes) {
    samples(scale, curves.step, lane.first, lane.target, (x, share) => {
      if (share) context.fillRect(x - bar / 2, bottom - share * (height - 4), bar, share * (height - 4));
    });
  }
  context.globalAlpha = 1;
}

function drawCurves(context, colours, scale, curves, bottom, height) {
  for (const [kind, colour, width, dashes] of [["source", colours.src, 1.3, [4, 3]], ["target", colours.dub, 2, []]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.setLineDash(dashes);
    for (const lane of curves.lanes) {
      const start = lane.first * curves.step, end = (lane.first + lane.target.length) * curves.step;
      if (start > scale.from + scale.view || end < scale.from) continue;
      let drawing = false;
      context.beginPath();
      samples(scale, curves.step, lane.first, lane[kind], (x, share) => {
        if (share === null) drawing = false;
        else {
          const y = bottom - share * (height - 4);
          if (drawing) context.lineTo(x, y);
          else context.moveTo(x, y);
          drawing = true;
        }
      });
      context.stroke();
    }
  }
  context.setLineDash([]);
  context.lineWidth = 1;
}

/** Draw the words of a line below each other's bars; two rows, so that neighbours stay apart. */
function drawWords(context, colours, scale, words, top) {
  let row = 0;
  const ends = [-Infinity, -Infinity];
  for (const [text, start, end] of words) {
    if (start === null || end < scale.from || start > scale.from + scale.view) continue;
    const x = scale.x(start), width = context.measureText(text).width;
    const middle = Math.max(scale.left, (x + scale.x(end) - width) / 2);
    row = ends[0] + 4 <= middle ? 0 : ends[1] + 4 <= middle ? 1 : -1;
    context.fillStyle = colours.soft;
    context.fillRect(x, top, Math.max(scale.x(end) - x, 1), 2);
    if (row < 0) continue;
    ends[row] = middle + width;
    context.fillStyle = colours.ink;
    context.fillText(text, middle, top + 14 + 13 * row);
  }
}

function mouthLane(data) {
  const draw = (context, colours, scale, top) => {
    drawMouth(context, colours, scale, data, top + 4, MOUTH_HEIGHT);
    const { lines } = data;
    if (scale.pixelsPerSecond < WORDS_FROM) return;
    inView(scale, lines.start, lines.end, (line) =>
      drawWords(context, colours, scale, lines.words[line], top + MOUTH_HEIGHT + 7));
  };
  return { name: "Mouth, sound", height: MOUTH_HEIGHT + WORDS_HEIGHT + 6, draw, hit: () => null };
}
