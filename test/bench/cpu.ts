/** The processor time of processes, out of Linux's /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** Ticks a second, on every Linux there is. */
const TICKS = 100;

/** What the kernel counts in, in microseconds: less than that may have been taken where it says 0. */
export const TICK: number = 1e6 / TICKS;

interface Stat {
  readonly parent: number;
  /** Ticks of its own, and of its children that have ended. */
  readonly own: number;
  readonly children: number;
}

function statOf(pid: number): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
  } catch {
    // It has ended since it was listed.
    return undefined;
  }
  // The name before the last bracket may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const at = (number: number): number => Number(fields[number - 3]);
  return { parent: at(4), own: at(14) + at(15), children: at(16) + at(17) };
}

/** The process that started another one. */
export function parentOf(pid: number): number {
  const stat = statOf(pid);
  if (stat === undefined) throw new Error(`no process ${String(pid)}`);
  return stat.parent;
}

/** Microseconds of processor time that a process has taken; NaN where there is no /proc. */
export function cpuOf(pid: number): number {
  return (statOf(pid)?.own ?? NaN) * TICK;
}

/** Microseconds of a process and of all that it has started, those that have ended included. */
export function cpuOfFamily(pid: number): number {
  let ticks = 0;
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (stat === undefined) continue;
    if (Number(name) === pid) ticks += stat.own + stat.children;
    else if (stat.parent === pid) ticks += stat.own;
  }
  return ticks * TICK;
}
