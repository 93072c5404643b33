// A picture's text in the metadata of its file (tEXt), as images.encode_png writes it.

const AFTER_HEADER = 33; // the signature and IHDR

/** A PNG with a text under a key, both Latin-1.
 * @param {Blob} png
 * @param {string} key
 * @param {string} text */
export async function withText(png, key, text) {
  const body = new TextEncoder().encode(`tEXt${key}\0${text}`);
  const chunk = new Uint8Array(body.length + 8);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, body.length - 4);
  chunk.set(body, 4);
  view.setUint32(body.length + 4, crc(body));
  const bytes = new Uint8Array(await png.arrayBuffer());
  const parts = [bytes.subarray(0, AFTER_HEADER), chunk, bytes.subarray(AFTER_HEADER)];
  return new Blob(parts, { type: "image/png" });
}

/** CRC-32 as PNG has it.
 * @param {Uint8Array} bytes */
function crc(bytes) {
  let rest = 0xffffffff;
  for (const byte of bytes) {
    rest ^= byte;
    for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0xedb88320 : 0);
  }
  return (rest ^ 0xffffffff) >>> 0;
}
