/** Shows how far a piece of work is: a bar in a terminal, a line a quarter elsewhere. */
export function showProgress(label: string, done: number, total: number): void {
  const share = done / total;
  if (process.stdout.isTTY) {
    const bar = '█'.repeat(Math.round(share * 30)).padEnd(30, '░');
    process.stdout.write(`\r${label} ${bar} ${String(Math.floor(share * 100)).padStart(3)} %`);
    if (done >= total) process.stdout.write('\r\x1b[K');
    return;
  }
  const quarter = Math.floor(share * 4);
  if (quarter > (shown.get(label) ?? 0)) {
    shown.set(label, quarter);
    console.log(`${label} ${String(quarter * 25)} %`);
  }
}

const shown = new Map<string, number>();
