// Pictures from our own routes (dcgan/ui/server.py).

const at = (path) => new URL(`../${path}`, import.meta.url);

/** What went wrong, as the server says it, or a sentence where there is no server. */
async function answer(request) {
  let response;
  try {
    response = await request;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server can't be reached; the page goes on when it is back.");
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  throw new Error(said.error ?? `The server answered ${response.status}.`);
}

/** The models that there are, see `describe` in server.py. */
export async function models() {
  return (await answer(fetch(at("models")))).json();
}

/** Address of a picture, for <img> and downloads. */
export function address(spec) {
  const url = at("picture");
  url.searchParams.set("spec", spec);
  return url.href;
}

/** {bitmap, norm} of one picture. */
export async function picture(spec) {
  const response = await answer(fetch(address(spec)));
  const bitmap = await createImageBitmap(await response.blob());
  return { bitmap, norm: Number(response.headers.get("x-z-norm")) };
}

/** {blob, mean, largest}: many pictures in one, and the steps between neighbours. */
export async function sheet(specs, columns, signal) {
  const response = await answer(
    fetch(at("sheet"), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ specs, columns }),
      signal,
    }),
  );
  return {
    blob: await response.blob(),
    mean: Number(response.headers.get("x-step-mean")),
    largest: Number(response.headers.get("x-step-max")),
  };
}
