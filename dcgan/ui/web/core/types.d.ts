import type english from "../locales/en.json";

/** Of a sentence; see locales/. */
export type Key = keyof typeof english;

// What the page's modules exchange, for the type check (tsconfig.json). Browsers never load this.

/** Channels, height and width of a layer's feature maps. */
export type Shape = [number, number, number];

export type Prior = "uniform" | "normal";

/** A model or a stage of one, as `describe_models` in dcgan/site/manifest.py answers. */
export interface Model {
  name: string;
  /** 8 digits of the weights' hash. */
  weights: string;
  /** Pixels along a side of a picture. */
  size: number;
  /** 0 without classes. */
  classes: number;
  z_size: number;
  prior: Prior;
  output: "tanh" | "sigmoid";
  directions: string[];
  directions_hash: string;
  sets: ExemplarSets;
  map: LatentMap | null;
  layers: Shape[];
  discriminator: Shape[];
  /** Names of the sets of boxes that come with it. */
  boxes: string[];
  images_seen: number | null;
  kid: number | null;
  stages: Model[];
  /** What is wrong with its damaged files, by file; left out where there are none. */
  damaged?: Record<string, string>;
}

export interface ExemplarSets {
  /** Texts of z's by the exemplar's name. */
  exemplars: Record<string, string[]>;
  sums: [string, string, string][];
  turns: [string, string][];
}

/** Draws of one seed, laid out in a square. */
export interface LatentMap {
  seed: number;
  draws: number[][];
}

// --- texts of pictures

/** A text taken apart, see core/spec.js. */
export interface Parts {
  model: string;
  weights: string;
  z: string;
  edits: string[];
}

/** A z as a tree, see core/parse.js. */
export type Latent =
  | { name: "z"; seed: number; index: number }
  | { name: "at"; values: number[] }
  | { name: "mean"; zs: Latent[] }
  | { name: "sum"; terms: [number, Latent][] }
  | { name: "lerp"; t: number; start: Latent; end: Latent }
  | { name: "slerp"; t: number; start: Latent; end: Latent }
  | { name: "noise"; amplitude: number; seed: number; index: number; z: Latent }
  | { name: "move"; steps: [string, number][]; z: Latent }
  | { name: "turn"; amount: number; start: Latent; end: Latent; z: Latent }
  | { name: "scale"; factor: number; z: Latent };

export interface GainEdit {
  name: "gain";
  layer: number;
  gain: number;
  maps: number[];
  mask: Uint8Array | null;
}

export interface ClassEdit {
  name: "class";
  label: number;
}

/** A text as a tree. */
export interface Spec {
  model: string;
  weights: string;
  z: Latent;
  gains: GainEdit[];
  label: number | null;
}

/** A word of a text, or a node already built. */
export type Argument = string | Latent;

/** What may stand in one place of a text. */
export interface Field<T> {
  read(what: string, argument: Argument | Argument[]): T;
  write(value: T): string;
  optional?: boolean;
  /** It takes two arguments at a time. */
  pair?: boolean;
  /** It takes all the arguments that are left. */
  many?: boolean;
}

/** The fields of a node, in the order of the text. */
export type Fields = Record<string, Field<unknown>>;

/** The fields of nodes by the nodes' names. */
export type NodeTypes = Record<string, Fields>;

/** Factors of a layer's feature maps: `shape` is [C, 1, 1], or [C, H, W] with a mask. */
export interface LayerGains {
  shape: Shape;
  factors: Float32Array<ArrayBuffer>;
}

/** The values of z that directions are, by their names. */
export type Directions = Record<string, ArrayLike<number>>;

// --- the page

/** What the visitor can go back to. */
export interface Moment {
  picture: string;
  shelf: string[];
  /** What tabs keep, by their names. */
  parts?: Record<string, unknown>;
}

/** The events of `page`, and what their listeners are given. */
export interface PageEvents {
  model: undefined;
  picture: { text: string; from: string };
  shelf: undefined;
  notice: string;
  error: string;
}

// --- what engines answer

export interface Picture {
  image: ImageData;
  /** Length of z. */
  norm: number;
}

/** Many pictures in one; mean, largest: the steps between neighbours. */
export interface SheetPicture {
  blob: Blob;
  mean: number;
  largest: number;
}

export interface FilmOptions {
  seconds: number;
  format: string;
  size: number;
  scaling: string;
}

/** left, top, right, bottom in pixels of the picture. */
export type Box = [number, number, number, number];

export interface BoxedPicture {
  spec: string;
  boxes: Box[];
}

export interface BoxSet {
  version: number;
  name: string;
  layer: number;
  pictures: BoxedPicture[];
}

/** The maps of a layer with a positive weight; inside, outside: cells that were told apart. */
export interface UnitFit {
  layer: number;
  maps: number[];
  weights: number[];
  inside: number;
  outside: number;
}

/** For each map of a layer the draws that excite it most, and in which cell. */
export interface TopActivations {
  seed: number;
  draws: number[][];
  cells: number[][];
}

export type Network = "generator" | "discriminator";

/** What one feature of D finds in a picture; gradient: the address of an image. */
export interface Attribution {
  feature: number;
  response: number;
  gradient: string;
}

/** What D makes of a picture; `notes` of a file say what had to be done to it. */
export interface Look {
  picture: string;
  logit: number;
  usual: [number, number, number];
  features: number;
  feature: number;
  trained: Attribution;
  random: Attribution;
  strongest: Attribution[];
  notes?: string[];
}

export interface TopSamples {
  sheet: string;
  specs: string[];
  responses: number[];
}

export interface FeaturePage {
  features: number;
  samples: number;
  numbers: number[];
  columns: number;
  trained: TopSamples;
  random: TopSamples;
}

/** What a probe was taught, and how often it is right. */
export interface ProbeFacts {
  data: string;
  test: number;
  accuracy: number;
}

export interface ProbeDescription {
  classes: string[];
  facts: ProbeFacts;
}

/** A class's score: `usual`, the average picture's, and what each layer adds. */
export interface ProbeAnswer {
  name: string;
  score: number;
  usual: number;
  parts: number[];
}

export interface ProbeAnswers extends ProbeDescription {
  answers: ProbeAnswer[];
}

/** How far a picture is from a file's, see `Distance` in dcgan/analysis/inversion.py. */
export interface Distance {
  pixels: number;
  features: number;
}

/** What a search for a file's z has found, or is at. */
export interface Projection {
  spec: string;
  distance: Distance;
  starts: (Distance & { kind: string; spec: string })[];
  samples: number;
  crop: string;
  notes: string[];
}

// --- what the worker is asked and answers

/** What the worker is told of a model. */
export type NetworkFacts = Pick<
  Model,
  | "name"
  | "weights"
  | "directions_hash"
  | "size"
  | "classes"
  | "z_size"
  | "prior"
  | "layers"
  | "output"
>;

/** layer: 0 for the picture. */
export interface WorkerRequest {
  id: number;
  text: string;
  network: NetworkFacts;
  layer: number;
  urgent: boolean;
}

/** The pixels of a picture in RGBA and the length of its z, or a layer's feature maps. */
export type WorkerResult =
  | { pixels: Uint8ClampedArray<ArrayBuffer>; norm: number }
  | { maps: Float32Array<ArrayBuffer> };

/** refused: what is wrong with the text; failed: why this browser can't draw. */
export type WorkerReply = { id: number } & (
  | WorkerResult
  | { refused: string }
  | { failed: string }
);

export type Backend = "wasm" | "webgpu";

/** engine/onnxruntime.json, as written by dcgan/site/ort_web.py. */
export interface RuntimeFacts {
  version: string;
  /** null where the files lie beside the page. */
  cdn: string | null;
  backends: Record<Backend, { module: string; binary: string }>;
  integrity: Record<string, string>;
}

// --- Your photo

/** What there is to see of a search on the way: at first what is looked for, then the text of the
 * picture that it is at. */
export type ProjectionSeen = Pick<Projection, "crop" | "notes"> | string;

// --- Forget, and charts

/** After k maps were dropped: windows found as a share of the picture, and how far from real rooms;
 * with standard errors where it is a mean. */
export interface ForgetPoint {
  k: number;
  found: number;
  found_error?: number;
  kid: number;
  kid_error?: number;
}

/** What other maps take at the distance of the goal; or at most, where they never come to it. */
export interface ForgetRival {
  fall: number;
  reached: boolean;
}

/** results/forget.json, as far as the page shows it; see training/experiments/forget.py. */
export interface ForgetResults {
  weights: string;
  samples: number;
  fit: UnitFit;
  judge: { held_out: { pictures: number; sharp: { iou: number } } };
  curves: Record<"fitted" | "matched" | "random", ForgetPoint[]>;
  goal: { k: number; fall: number; kid: number; matched: ForgetRival; random: ForgetRival };
}

/** dx, dy: standard errors; said: the point in words. */
export interface ChartPoint {
  x: number;
  y: number;
  dx?: number | undefined;
  dy?: number | undefined;
  said: string;
}

/** How a chart says what it was given: a text, and a point of a line. */
export interface ChartWords {
  again: (text: string) => string;
  point: (name: string, said: string) => string;
}

export interface ChartLine<P extends ChartPoint = ChartPoint> {
  name: string;
  points: P[];
}

/** from: where it begins, unless with the data. */
export interface ChartAxis {
  label?: string;
  format(value: number): string;
  from?: number;
  log?: boolean;
}

/** A ring, or with words the place that they name. */
export interface ChartMark {
  x: number;
  y: number;
  words?: string;
}
