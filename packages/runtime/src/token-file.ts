import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

const TOKEN_BYTES = 32
const OWNER_FILE = 0o600
const OWNER_FOLDER = 0o700
const MAX_TOKEN_LENGTH = 4_096

/**
 * Where the server on this port of the machine leaves its token for programs of the same user: in the folder for what
 * runs, else in the one for state. A shared folder such as /tmp will not do: others could have made the file.
 */
export function defaultTokenPath(port: number, env: NodeJS.ProcessEnv = process.env): string {
  const folder = env['XDG_RUNTIME_DIR'] || env['XDG_STATE_HOME'] || join(env['HOME'] || homedir(), '.local/state')
  return join(folder, 'meltemi', `control-plane-${port}.token`)
}

/** Makes a new token, leaves it in a file that only this user can read, and returns it. Throws when it cannot be written. */
export function createTokenFile(path: string): string {
  const token = randomBytes(TOKEN_BYTES).toString('base64url')
  mkdirSync(dirname(path), { recursive: true, mode: OWNER_FOLDER })
  // A file that was there might be open to others: so it is another file that takes its place.
  const temporary = `${path}.${process.pid}`
  rmSync(temporary, { force: true })
  writeFileSync(temporary, `${token}\n`, { mode: OWNER_FILE, flag: 'wx' })
  chmodSync(temporary, OWNER_FILE)
  renameSync(temporary, path)
  return token
}

/** Removes the file unless another server has put its own token there since. */
export function removeTokenFile(path: string, token: string): void {
  try {
    if (readTokenFile(path) === token) rmSync(path, { force: true })
  } catch {
    // It is gone already.
  }
}

/** Throws when the file cannot be read or holds no token. */
export function readTokenFile(path: string): string {
  const token = readFileSync(path, 'utf8').trim()
  if (/^[\x21-\x7e]+$/.test(token) && token.length <= MAX_TOKEN_LENGTH) return token
  throw new Error(`${path}: expected a token, one word on one line`)
}
