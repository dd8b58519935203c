/** Whose code is in `dist`: what users have of it comes with our releases, and not by their installs. */
export const BUNDLED: readonly string[] = ['jsonc-parser', 'temporal-polyfill', 'temporal-utils'];
