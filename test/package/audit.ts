/**
 * Fails for a known advisory against what users install. A registry that cannot be asked, or answers
 * no audits, is no finding. Run by `npm run check:audit`.
 */
import { spawnSync } from 'node:child_process';

interface Report {
  readonly metadata?: { readonly vulnerabilities: { readonly total: number } };
  readonly message?: string;
}

const { stdout, stderr } = spawnSync('npm', ['audit', '--omit=dev', '--json'], {
  encoding: 'utf8',
});
const { metadata, message } = JSON.parse(stdout || '{}') as Report;
if (metadata?.vulnerabilities.total === 0) console.log('audit: no known advisory');
// npm gives a message where the registry failed, and none where the project is at fault.
else if (metadata === undefined && message !== undefined)
  console.log(`audit: not done: ${message}`);
else {
  console.log(stdout + stderr);
  process.exitCode = 1;
}
