// Prints what a broad sample of values is converted to, after the zone this process runs in.
import { compileDate, compileDatetime } from '../../src/mapping/datetime.ts';
import { findZone, zoneNames } from '../../src/mapping/zone.ts';

console.log(Intl.DateTimeFormat().resolvedOptions().timeZone);

const iso = (disambiguation: 'compatible' | 'earlier') =>
  compileDatetime({ format: 'iso', offset: 'use', disambiguation });
const pattern = compileDatetime({
  format: 'd MMM yyyy HH:mm:ss',
  offset: 'use',
  disambiguation: 'later',
});
const millis = compileDatetime({
  format: 'epoch-millis',
  offset: 'use',
  disambiguation: 'compatible',
});
const date = compileDate('iso');

const TIMES = [
  '1969-12-31T23:59:59',
  '2011-12-30T12:00:00',
  '2025-03-09T02:30:00',
  '2025-11-02T01:30:00.5',
];
// Every fifth, because a zone's first date-time takes a millisecond and more.
for (const name of zoneNames().filter((_, index) => index % 5 === 0)) {
  const zone = findZone(name);
  for (const time of TIMES) {
    console.log(name, time, iso('compatible')(time, zone), iso('earlier')(time, zone));
  }
  console.log(name, pattern('30 Mar 2025 02:30:00', zone));
}
for (const time of TIMES) {
  console.log(
    time,
    date(time),
    iso('compatible')(`${time}Z`, undefined),
    iso('compatible')(time, undefined),
  );
}
for (let day = -40_000; day < 40_000; day += 97) {
  console.log(day, millis(day * 86_400_000 + 1, undefined));
}
