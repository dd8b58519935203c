#!/usr/bin/env node
import { buffer } from 'node:stream/consumers';
import { run } from './run.ts';

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  stdin: () => buffer(process.stdin),
  untilStopped: () =>
    new Promise((resolve) => {
      process.once('SIGINT', resolve).once('SIGTERM', resolve);
    }),
});
