// How times, fits and offsets of a report are written.

/** Bytes of a curve; 255 is "no value". */
const curveBytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

/** SMPTE timecode of a frame of the film, as `Timecode.label` computes it. */
function timecode(facts, frame) {
  const nominal = facts.nominal, dropped = facts.dropped;
  const tenMinutes = 600 * nominal - 9 * dropped;
  let number = (facts.start + Math.max(frame, 0)) % (144 * tenMinutes);
  if (dropped) {
    const tens = Math.floor(number / tenMinutes), rest = number % tenMinutes;
    const minute = 60 * nominal - dropped;
    number += dropped * (9 * tens + Math.max(0, Math.floor((rest - dropped) / minute)));
  }
  const two = (value) => String(value).padStart(2, "0");
  const seconds = Math.floor(number / nominal);
  return two(Math.floor(seconds / 3600)) + ":" + two(Math.floor(seconds / 60) % 60) + ":" +
    two(seconds % 60) + (dropped ? ";" : ":") + two(number % nominal);
}

const STATES = {
  drawn: "lips drawn", off_screen: "off-screen", undecided: "undecided", skipped: "not drawn",
};

const STATE_WORDS = {
  drawn: "The lips of the speaker follow this line.",
  off_screen: "The speaker is heard and not seen, or a voice over the picture: no lips are touched.",
  undecided: "Nobody can be chosen: no lips are touched. A name in the script or the cast decides it.",
  skipped: "The speaker is in the picture, but no lips are drawn.",
};
const EVIDENCE_WORDS = {
  sync: "lips that move with the film's own sound", voice: "a voice that is also heard where the member's lips move",
  script: "the character or the off-screen mark of the script", stem: "whose stem has the line",
  "cast map": "what the title says of its cast", turn: "who spoke just before and after",
  "only member": "no other member is in the film",
};

/** How a line was fitted, in a few characters. */
function fitText(lines, row) {
  if (lines.speed[row] === null) return "no sound";
  if (lines.excess[row] > 0) return lines.excess[row].toFixed(2) + " s over";
  return lines.speed[row] === 1 ? "as spoken" : "× " + lines.speed[row].toFixed(2);
}

const syncText = (lines, row) =>
  lines.offset[row] === null ? "" : lines.offset[row] === 0 ? "in step" : signed(lines.offset[row], 0) + " fr";

/** The same in words; the sign says by how much the sound is late. */
function syncWords(lines, row) {
  const offset = lines.offset[row], frames = Math.abs(offset);
  if (offset === null) return "not judged: " + lines.not_judged[row];
  const where = offset === 0 ? "in step with the sound"
    : frames + (frames === 1 ? " frame" : " frames") + " of 1/25 s " + (offset > 0 ? "ahead of" : "behind") + " the sound";
  return where + ", confidence " + lines.sync_confidence[row].toFixed(2);
}
