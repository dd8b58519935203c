import { createHash } from 'node:crypto';

/** A Lua script, and the name Redis knows it by once it has run. */
export interface Script {
  readonly lua: string;
  readonly sha1: string;
}

function script(lua: string): Script {
  return { lua, sha1: createHash('sha1').update(lua).digest('hex') };
}

/**
 * Every script takes two keys. `KEYS[1]` is the claim, its token and digest, which Redis drops when
 * the lease ends; `KEYS[2]` is the digest of the event that was completed. Two, because a claim by
 * force must end without a trace while the event stays completed; and Redis counts the lease, so no
 * clock is compared with another. The claim is one text, so that no error can leave it without an end.
 */
const READ_CLAIM = `
local claim = redis.call('GET', KEYS[1])
local isHeld = claim and string.sub(claim, 1, #ARGV[1] + 1) == ARGV[1] .. ' '
`;

/** ARGV: token, digest, lease, force (`1` or `0`). */
export const CLAIM: Script = script(`${READ_CLAIM}
-- A client that lost its connection sends the command again: the claim is its own.
if isHeld then return 'claimed' end
if claim then return 'in_progress' end
local completed = redis.call('GET', KEYS[2])
if completed and completed ~= ARGV[2] then return 'conflict' end
if completed and ARGV[4] ~= '1' then return 'duplicate' end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3])
return 'claimed'
`);

/** ARGV: token, lease. */
export const RENEW: Script = script(`${READ_CLAIM}
if not isHeld then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`);

/** ARGV: token, retention. */
export const COMPLETE: Script = script(`${READ_CLAIM}
if not isHeld then return 0 end
redis.call('SET', KEYS[2], string.sub(claim, #ARGV[1] + 2), 'PX', ARGV[2])
return redis.call('DEL', KEYS[1])
`);

/** ARGV: token. */
export const RELEASE: Script = script(`${READ_CLAIM}
if not isHeld then return 0 end
return redis.call('DEL', KEYS[1])
`);
