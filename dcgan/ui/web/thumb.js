// A small picture that can be pressed.

import { address } from "./engine-server.js";

export function thumb(text, label) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "dc-thumb";
  button.ariaLabel = label;
  const image = new Image();
  image.alt = "";
  image.src = address(text);
  button.append(image);
  return button;
}
