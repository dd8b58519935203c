/**
 * Fails for a known advisory against what users install, or what `dist` carries along. A registry that
 * cannot be asked, or answers no audits, is no finding. Run by `npm run check:audit`.
 */
import { spawnSync } from 'node:child_process';
import { BUNDLED } from './bundled.ts';

interface Report {
  /** By the names of packages. */
  readonly vulnerabilities?: Readonly<Record<string, unknown>>;
  readonly message?: string;
}

/** Audits the packages that count, of those that npm looks at with these arguments. */
function audit(what: string, args: readonly string[], counts: (name: string) => boolean): void {
  const { stdout, stderr } = spawnSync('npm', ['audit', '--json', ...args], { encoding: 'utf8' });
  const { vulnerabilities, message } = JSON.parse(stdout || '{}') as Report;
  // npm gives a message where the registry failed, and none where the project is at fault.
  if (vulnerabilities === undefined && message !== undefined) {
    console.log(`audit of ${what}: not done: ${message}`);
  } else if (vulnerabilities !== undefined && !Object.keys(vulnerabilities).some(counts)) {
    console.log(`audit of ${what}: no known advisory`);
  } else {
    console.log(`audit of ${what}:\n${stdout}${stderr}`);
    process.exitCode = 1;
  }
}

audit('what users install', ['--omit=dev'], () => true);
audit('what is carried along', [], (name) => BUNDLED.includes(name));
