// Python that draws the picture on the stage, and walks through its like on the shelf
// (dcgan/api.py); it is run in a folder with the code and its weights.

import { parts } from "../core/spec.js";

const PER_KEYFRAME = 2; // seconds
const CLONE = "# Run it in a clone of this page's repository.";

/** A text as Python has it: JSON's strings are Python's.
 * @type {(text: string) => string} */
const literal = JSON.stringify;

/** text: of the picture; shelf: texts, of which those of the same weights are walked through.
 * @param {string} text
 * @param {string[]} shelf
 * @param {string | undefined} spaceId */
export function python(text, shelf, spaceId) {
  const { model, weights } = parts(text);
  const keyframes = shelf.filter((kept) => {
    const other = parts(kept);
    return other.model === model && other.weights === weights;
  });
  const walks = keyframes.length > 1;
  const walk = [
    "keyframes = [",
    ...keyframes.map((keyframe) => `    ${literal(keyframe)},`),
    "]",
    `frames = walk(checkpoint, keyframes, seconds=${PER_KEYFRAME * keyframes.length})`,
    'frames.save("walk.webp")',
    "",
  ];
  const lines = [
    spaceId ? `# Once: hf download ${spaceId} --repo-type space --local-dir dcgan` : CLONE,
    "# There, once: pip install -r requirements.txt",
    `from dcgan import load, render${walks ? ", walk" : ""}`,
    "",
    `checkpoint = load(${literal(`weights/${model}`)})`,
    `picture = render(checkpoint, ${literal(text)})`,
    'picture.save("picture.png")',
    "",
    ...(walks ? walk : []),
    "picture  # what stands last is shown by a notebook",
  ];
  return `${lines.join("\n")}\n`;
}
