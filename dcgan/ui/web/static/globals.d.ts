// What dcgan/site/static_site.py puts before service-worker.js, for the type check only.

declare const SITE: {
  /** A hash of all that the site holds. */
  version: string;
  /** Paths of the page's own files. */
  page: string[];
  /** Paths of files that never change. */
  forever: string[];
};
