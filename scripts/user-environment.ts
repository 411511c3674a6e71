/** What a new user has: a machine with its own Node and npm, and nothing of this checkout. */

import { delimiter } from 'node:path'
import { ROOT } from './workspace.ts'

/** For a child process: without what npm, the test runner and the options of this process have put in. */
export function userEnvironment(): NodeJS.ProcessEnv {
  const ours = /^(?:npm_(?!config_registry).*|NODE_OPTIONS|NODE_TEST_CONTEXT|INIT_CWD)$/i
  const kept = Object.entries(process.env).filter(([name]) => !ours.test(name))
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !`${folder}/`.startsWith(ROOT))
  return { ...Object.fromEntries(kept), PATH: path.join(delimiter) }
}
