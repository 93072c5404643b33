// A file that the page has made, kept by the browser among its downloads.

const A_WHILE = 60_000; // ms, until when the browser has read it

/** @param {Blob} blob
 * @param {string} name of the file */
export function download(blob, name) {
  const link = document.createElement("a");
  Object.assign(link, { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), A_WHILE);
}
