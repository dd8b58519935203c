/** Express 4 under a name of its own, used here only as far as it is like Express 5. */
declare module 'express4' {
  import express from 'express';
  export default express;
}
